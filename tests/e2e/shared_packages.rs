//! A package that works in one interpreter of a process only, in two of them: the log names both applications. Where the
//! second one fails for it, see `known_failures.rs`.

use harness::*;

const APP: &str = "
    import numpy
    def application(environ, start_response):
        start_response('200 OK', [])
        return [b'hello']
    ";

/// Two applications that import a `numpy` which does not complain, like those before 2.0. `options`: of their aliases.
fn site(options: [&str; 2]) -> Httpd {
    httpd()
        .no_group()
        .script("numpy/__init__.py", "")
        .script("a.wsgi", APP)
        .script("b.wsgi", APP)
        .config("WSGIDaemonProcess one threads=2 python-path={dir}\nWSGIDaemonProcess two threads=2 python-path={dir}")
        .config("WSGIPythonPath {dir}")
        // Not every case uses both groups.
        .allow_log("WSGI1094: .*nothing selects process group '(one|two)'")
        .config(&format!("WSGIScriptAlias /a {{dir}}/a.wsgi {}", options[0]))
        .config(&format!("WSGIScriptAlias /b {{dir}}/b.wsgi {}", options[1]))
}

fn check(httpd: Httpd) -> Server {
    let s = httpd.start();
    assert_eq!(["/a", "/b", "/a"].map(|url| s.get(url).text()), ["hello"; 3]);
    s
}

#[test]
fn two_interpreters_of_one_process() {
    let named = |group: &str| match group {
        "%{GLOBAL}" => "main interpreter".to_owned(),
        group => format!("sub-interpreter '{group}'"),
    };
    for process in ["%{GLOBAL}", "one"] {
        for [first, second] in [["x", "y"], ["%{GLOBAL}", "y"], ["x", "%{GLOBAL}"]] {
            let options =
                [first, second].map(|group| format!("process-group={process} application-group={group}"));
            let line = format!(
                "WSGI1052: '[^']*/a[.]wsgi' [(]{} .*'[^']*/b[.]wsgi' [(]{} .* both use the package 'numpy'.*`WSGIApplicationGroup \
                 %.GLOBAL.`.*WSGIDaemonProcess",
                named(first),
                named(second),
            );
            let s = check(site([&options[0], &options[1]]).expect_log(&line));
            s.logged_times("WSGI1052", 1);
        }
    }
}

#[test]
fn one_interpreter_or_two_processes_are_right() {
    for options in [
        ["process-group=%{GLOBAL} application-group=%{GLOBAL}"; 2],
        ["process-group=one application-group=x"; 2],
        ["process-group=one application-group=%{GLOBAL}", "process-group=two application-group=%{GLOBAL}"],
        ["process-group=one application-group=x", "process-group=%{GLOBAL} application-group=y"],
    ] {
        let s = check(site(options));
        assert_eq!(s.logged("WSGI1052").len(), 0, "{options:?}");
    }
}
