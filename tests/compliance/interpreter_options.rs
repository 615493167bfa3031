//! `<WSGIInterpreterOptions>`: settings for some interpreters alone.

use harness::*;
use serde_json::Value;

use crate::process_group;

/// Says what is set in its interpreter.
const SETTINGS: &str = r#"
    import json, signal, sys

    def restricted(use):
        try:
            use()
        except OSError as e:
            return "restricted" in str(e)
        return False

    def application(environ, start_response):
        before = signal.getsignal(signal.SIGUSR2)
        try:
            signal.signal(signal.SIGUSR2, signal.SIG_IGN)
            signals = "kept" if signal.getsignal(signal.SIGUSR2) is before else "changed"
        except ValueError:
            signals = "let through"
        answer = json.dumps({
            "path": [path.rpartition("/")[2] for path in sys.path if path.startswith(environ["DOCUMENT_ROOT"][:-7])],
            "interval": round(sys.getswitchinterval(), 6),
            "stdin": restricted(lambda: sys.stdin.read()),
            "stdout": restricted(lambda: sys.stdout.write("")),
            "signal": signals,
        }).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
        return [answer]
"#;

/// A site with the main interpreter at /main and those of `one` and `two`, which have directories to import from.
fn site(config: &str) -> Httpd {
    let mut httpd = httpd().script("settings.wsgi", SETTINGS);
    for (url, group) in [("main", "%{GLOBAL}"), ("one", "one"), ("two", "two")] {
        httpd =
            httpd.config(&format!("WSGIScriptAlias /{url} {{dir}}/settings.wsgi application-group={group}"));
    }
    for directory in ["a", "b", "c", "d"] {
        httpd = httpd.file(&format!("{directory}/empty.py"), "");
    }
    // A stream that is forbidden complains when the interpreter of the original ends.
    httpd
        .config(config)
        .allow_log("Exception ignored in: .*mod_wsgi|access restricted|Callback registration for signal")
}

#[track_caller]
fn settings(s: &Server, url: &str) -> Value {
    crate::shown(&s.get(url))
}

fn container(selectors: &str, lines: &str) -> String {
    format!("<WSGIInterpreterOptions {selectors}>\n{lines}\n</WSGIInterpreterOptions>\n")
}

/// Which of the interpreters have a restricted sys.stdin.
fn restricted(config: &str) -> Vec<&'static str> {
    let s = site(config).start();
    let urls = ["main", "one", "two"];
    urls.into_iter().filter(|url| settings(&s, &format!("/{url}"))["stdin"] == true).collect()
}

#[test]
fn selectors() {
    let on = "WSGIRestrictStdin On";
    let here = process_group();
    let elsewhere = by_mode("no-such-group", "%{GLOBAL}");
    for (selectors, expected) in [
        (String::new(), &["main", "one", "two"][..]),
        (format!("process-group={here}"), &["main", "one", "two"]),
        (format!("process-group={elsewhere}"), &[]),
        ("application-group=one".into(), &["one"]),
        ("application-group=%{GLOBAL}".into(), &["main"]),
        (format!("application-group=one process-group={here}"), &["one"]),
        (format!("application-group=one process-group={elsewhere}"), &[]),
    ] {
        assert_eq!(restricted(&container(&selectors, on)), expected, "{selectors}");
    }
}

/// More selectors count more, whatever the order; of those with the same number the later container does; what is outside
/// counts least.
#[test]
fn the_more_specific_container_counts_for_each_setting() {
    let s = site(
        &[
            container(
                &format!("process-group={} application-group=one", process_group()),
                "WSGIRestrictStdin On",
            ),
            container("application-group=one", "WSGIRestrictStdin Off\nWSGIRestrictStdout On"),
            container("", "WSGIRestrictStdin On\nWSGIRestrictStdout Off"),
            "WSGIRestrictStdin Off".to_owned(),
        ]
        .concat(),
    )
    .start();
    let flags = |url| {
        let found = settings(&s, url);
        (found["stdin"].as_bool().unwrap(), found["stdout"].as_bool().unwrap())
    };
    assert_eq!(flags("/one"), (true, true), "what the first leaves out is the second's");
    assert_eq!(flags("/two"), (true, false));
    assert_eq!(flags("/main"), (true, false));
    drop(s);
    let by_process = container(&format!("process-group={}", process_group()), "WSGIRestrictStdin On");
    let by_application = container("application-group=one", "WSGIRestrictStdin Off");
    assert_eq!(restricted(&format!("{by_application}{by_process}")), ["main", "one", "two"]);
    assert_eq!(restricted(&format!("{by_process}{by_application}")), ["main", "two"]);
}

#[test]
fn paths_add_up() {
    let s = site(
        &[
            container(
                &format!("process-group={} application-group=one", process_group()),
                "WSGIPythonPath {dir}/d",
            ),
            container("application-group=one", "WSGIPythonPath {dir}/a\nWSGIPythonPath {dir}/c"),
            container("", "WSGIPythonPath {dir}/b:{dir}/d"),
        ]
        .concat(),
    )
    .python_path("{dir}/a")
    .start();
    let path = |url| settings(&s, url)["path"].clone();
    assert_eq!(path("/two"), serde_json::json!(["b", "d", "a"]));
    assert_eq!(path("/main"), serde_json::json!(["b", "d", "a"]));
    // `d` is there already, so it stays; of two lines in one container the later counts.
    assert_eq!(path("/one"), serde_json::json!(["c", "b", "d", "a"]));
}

#[test]
fn restrict_signal() {
    let s = site(&container("application-group=%{GLOBAL}", "WSGIRestrictSignal Off")).start();
    // Requests do not run on the main thread, where signals can be set.
    assert_eq!(settings(&s, "/main")["signal"], by_thread("changed", "let through"));
    assert_eq!(settings(&s, "/one")["signal"], "kept");
}

/// What requests see where they run on Python's main thread, which those of the original do in prefork, and else.
fn by_thread(main: &'static str, other: &'static str) -> &'static str {
    let is_main = subject() == Subject::ModWsgi && mode() == Mode::Embedded && !mpm().is_threaded();
    if is_main { main } else { other }
}

/// The interval is the process's: a container for the process sets it, one for a sub-interpreter cannot.
#[test]
fn switch_interval() {
    let s = site(&format!(
        "{}{}",
        container("", "WSGISwitchInterval 0.2"),
        container("application-group=one", "WSGISwitchInterval 0.3")
    ))
    .expect_log("WSGI0199: .*0.3.* sub-interpreter 'one'")
    .start();
    for url in ["/main", "/one", "/two"] {
        assert_eq!(settings(&s, url)["interval"], 0.2, "{url}");
    }
    s.logged_times("WSGI0199", 1);
    drop(s);
    let s = site(&container("application-group=%{GLOBAL}", "WSGISwitchInterval 0.4")).start();
    assert_eq!(settings(&s, "/main")["interval"], 0.4);
}

/// An option of the process group counts more.
#[test]
fn switch_interval_of_a_group() {
    daemon_only!();
    let s = site(&container("", "WSGISwitchInterval 0.2")).switch_interval("0.1").start();
    assert_eq!(settings(&s, "/main")["interval"], 0.1);
}

/// Everything else is for the whole server.
#[test]
fn other_directives_mean_what_they_mean_outside() {
    let s = site(&container(
        "application-group=none",
        "WSGIScriptAlias /three {dir}/settings.wsgi application-group=three\nDefine inside\nWSGIRestrictStdin On",
    ))
    .config("<IfDefine inside>\nWSGIScriptAlias /four {dir}/settings.wsgi\n</IfDefine>")
    .start();
    assert_eq!(settings(&s, "/three")["stdin"], false);
    assert_eq!(settings(&s, "/four")["stdin"], false);
}

#[track_caller]
fn refused(lines: &str, message: &str) {
    httpd().config(lines).expect_config_error(message);
}

#[test]
fn errors() {
    let twice = |name: &str| format!("<WSGIInterpreterOptions>: {name} given more than once");
    refused(&container("process-group=a process-group=b", ""), &twice("process-group"));
    refused(&container("application-group=a application-group=b", ""), &twice("application-group"));
    refused(
        &container("group=a", ""),
        "<WSGIInterpreterOptions>: unknown selector 'group', expected process-group or application-group",
    );
    refused(&container("one", ""), "<WSGIInterpreterOptions>: argument 'one' is not of the form key=value");
    for unclosed in ["<WSGIInterpreterOptions process-group=a", "<WSGIInterpreterOptions> x"] {
        refused(
            &format!("{unclosed}\n</WSGIInterpreterOptions>"),
            "<WSGIInterpreterOptions> directive missing closing '>'",
        );
    }
    refused(&container("", "WSGIRestrictStdin maybe"), "WSGIRestrictStdin must be one of: Off | On");
    refused(&container("", "NoSuchDirective"), "Invalid command 'NoSuchDirective'");
    refused(
        &format!("<VirtualHost *:{{port}}>\n{}</VirtualHost>", container("", "")),
        "<WSGIInterpreterOptions> cannot occur within <VirtualHost> section",
    );
    refused(
        &format!("<Directory /tmp>\n{}</Directory>", container("", "")),
        "<WSGIInterpreterOptions not allowed in <Directory> context",
    );
}

/// The line that is wrong is named, not that of the container.
#[test]
fn the_place_of_an_error() {
    let inside = httpd().config(&container("", "# two\nWSGIRestrictStdin maybe")).configtest();
    let outside = httpd().config("# one\n# two\nWSGIRestrictStdin maybe").configtest();
    let line = |output: &str| {
        regex("Syntax error on line ([0-9]+) of").captures(output).expect("a line")[1].to_owned()
    };
    assert_eq!(line(&inside.output), line(&outside.output), "{}", inside.output);
}

#[test]
fn selectors_that_name_nothing_are_accepted() {
    httpd()
        .config(&container("process-group=none application-group=%{SERVER}", "WSGIPythonPath /none"))
        .config(&container("process-group=", "WSGIRestrictStdin On"))
        .config(&container("", &container("application-group=inner", "WSGIRestrictStdin On")))
        .expect_config_ok();
}

fn said(config: &str) -> String {
    let test = httpd().config(config).configtest();
    assert!(test.accepted, "{}", test.output);
    test.output
}

/// An older Python has no such interpreters, which is said.
#[test]
fn gil_of_its_own() {
    let own = container("application-group=one", "WSGIPerInterpreterGIL On");
    let old = python_version() < (3, 12);
    for config in [own.as_str(), "WSGIPerInterpreterGIL On"] {
        let output = said(&format!("{config}\nWSGIScriptAlias / {{dir}}/app.wsgi"));
        let is_said = output.contains("WSGI0198: WSGIPerInterpreterGIL requires Python 3.12 or later");
        assert_eq!(is_said, old, "{output}");
    }
    if old {
        let s = site(&own).expect_log("WSGI0198: ").start();
        assert_eq!(settings(&s, "/one")["stdin"], false, "it serves");
    }
    assert!(!said(&container("application-group=one", "WSGIPerInterpreterGIL Off")).contains("WSGI"));
}

#[test]
fn free_threading() {
    const NONE: &str = "WSGI0200: ";
    const IGNORED: &str = "WSGI0201: ";
    let on = "WSGIFreeThreading On";
    let output = said(on);
    assert!(output.contains(NONE) && !output.contains(IGNORED), "{output}");
    let output = said(&container("process-group=%{GLOBAL}", on));
    assert!(output.contains(NONE) && !output.contains(IGNORED), "{output}");
    let output = said(&container("process-group=%{GLOBAL} application-group=%{GLOBAL}", on));
    assert!(output.contains(NONE) && output.contains(IGNORED), "{output}");
    assert!(!said(&container("", "WSGIFreeThreading Off")).contains("WSGI0"));
}
