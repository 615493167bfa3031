//! How Python is set up: home, path, warnings, optimisation, byte code, hash seed, switch interval.

use harness::*;
use serde_json::{Value, json};

use crate::{answering, serving, show, showing};

#[track_caller]
fn sys(s: &Server) -> Value {
    show(s, "/")["sys"].clone()
}

#[test]
fn python_home_is_a_virtual_environment() {
    let s = showing().start();
    let sys = sys(&s);
    assert_eq!(sys["prefix"], venv().to_str().unwrap());
    assert_eq!(sys["executable"], venv().join("bin/python").to_str().unwrap());
    let packages = venv().join(format!("lib/python{}/site-packages", python()));
    assert!(sys["path"].as_array().unwrap().contains(&json!(packages.to_str().unwrap())), "{}", sys["path"]);
    let (major, minor) = python_version();
    assert_eq!((&sys["version"][0], &sys["version"][1]), (&json!(major), &json!(minor)));
}

#[test]
fn python_home_missing() {
    let s = showing()
        .no_python_home()
        .config("WSGIPythonHome {dir}/nowhere")
        .expect_log_of(Subject::ModWsgi, "WSGI0100: ");
    if subject() == Subject::Ours {
        // Ours tries the python when it reads the configuration, and says what is wrong before anything runs.
        let test = s.configtest();
        assert!(!test.accepted && test.output.contains("nowhere"), "{}", test.output);
    } else {
        // The process prints where it looked.
        let s = s
            .config(by_mode("", "WSGIRestrictEmbedded On"))
            .allow_log("WSGI00(01|28|36): |^Python path configuration:|^  |Python runtime state: ")
            .allow_log("^LookupError|^ModuleNotFoundError|^Current thread|^$")
            .start();
        s.wait_log("WSGI0100: ");
    }
}

#[test]
fn packages_of_the_environment() {
    let s = serving(&answering("import flask, django\nresult = django.VERSION[0]"))
        .config("WSGIApplicationGroup %{GLOBAL}")
        .start();
    assert_eq!(s.get("/").text(), "5");
}

#[test]
fn python_path() {
    let s = showing()
        .script("one/thing.py", "NAME = 'one'\n")
        .script("two/thing.py", "NAME = 'two'\n")
        .file("one/extra.pth", "extra\n")
        .script("one/extra/more.py", "")
        .python_path("{dir}/one:{dir}/two")
        .start();
    let path = sys(&s)["path"].clone();
    let at = |name: &str| {
        let entry = json!(s.dir().join(name).to_str().unwrap());
        path.as_array()
            .unwrap()
            .iter()
            .position(|e| *e == entry)
            .unwrap_or_else(|| panic!("{name} not in {path}"))
    };
    assert_eq!((at("one"), at("one/extra"), at("two")), (0, 1, 2), "in front, in order, .pth files included");
}

#[test]
fn python_path_in_every_interpreter() {
    let s = httpd()
        .script("app.wsgi", &answering("import thing\nresult = thing.NAME"))
        .script("one/thing.py", "NAME = 'one'\n")
        .python_path("{dir}/one")
        .config("WSGIScriptAlias /a {dir}/app.wsgi\nWSGIScriptAlias /b {dir}/app.wsgi application-group=%{GLOBAL}")
        .start();
    assert_eq!((s.get("/a").text(), s.get("/b").text()), ("one".into(), "one".into()));
}

#[test]
fn python_optimize() {
    for (directive, level, answer) in [
        ("", 0, "True"),
        ("WSGIPythonOptimize 1", 1, "False"),
        ("WSGIPythonOptimize 2", 2, "False"),
        ("WSGIPythonOptimize -1", 0, "True"),
    ] {
        let s = serving(&answering("result = (__debug__, sys.flags.optimize)")).config(directive).start();
        assert_eq!(s.get("/").text(), format!("({answer}, {level})"), "{directive}");
    }
}

#[test]
fn python_warnings() {
    let s = showing()
        .config("WSGIPythonWarnings error::UserWarning\nWSGIPythonWarnings ignore::BytesWarning")
        .start();
    assert_eq!(sys(&s)["warnoptions"], json!(["error::UserWarning", "ignore::BytesWarning"]));
}

#[test]
fn dont_write_bytecode() {
    let app = answering("import part\nresult = sys.dont_write_bytecode");
    for (flag, expected) in [("On", "True"), ("Off", "False")] {
        let s = serving(&app)
            .script("state/part.py", "")
            .python_path("{dir}/state")
            .config(&format!("WSGIDontWriteBytecode {flag}"))
            .start();
        assert_eq!(s.get("/").text(), expected);
        assert_eq!(s.dir().join("state/__pycache__").exists(), flag == "Off");
    }
}

fn hash(directive: &str) -> Value {
    let s = showing().config(directive).start();
    show(&s, "/")["hash"].clone()
}

#[test]
fn hash_seed() {
    assert_eq!(hash("WSGIPythonHashSeed 7"), hash("WSGIPythonHashSeed 7"));
    assert_ne!(hash("WSGIPythonHashSeed 7"), hash("WSGIPythonHashSeed 8"));
    assert_ne!(hash(""), hash(""), "random unless told");
    let random = hash("WSGIPythonHashSeed random") != hash("WSGIPythonHashSeed random");
    assert_eq!(
        random,
        differs(false, true, "the original takes random for 0, which turns randomisation off")
    );
}

#[test]
fn python_eggs() {
    embedded_only!();
    let script = crate::answering("result = os.environ.get('PYTHON_EGG_CACHE')");
    let s = crate::serving(&script).config("WSGIPythonEggs {dir}/state").start();
    assert_eq!(s.get("/").text(), s.dir().join("state").to_str().unwrap());
}

#[test]
fn switch_interval() {
    let s = showing().switch_interval("0.123").config("WSGIApplicationGroup %{GLOBAL}").start();
    let interval = sys(&s)["switch_interval"].as_f64().unwrap();
    assert!((interval - 0.123).abs() < 1e-5, "{interval}");
}

#[test]
fn environment_variables_of_python_apply() {
    let s = showing().env("PYTHONOPTIMIZE", "1").env("PYTHONPATH", "/from/pythonpath").start();
    let sys = sys(&s);
    assert_eq!(sys["flags"]["optimize"], 1);
    assert!(sys["path"].as_array().unwrap().contains(&json!("/from/pythonpath")), "{}", sys["path"]);
}

#[test]
fn environment_is_apaches() {
    let s = showing().env("FROM_APACHE", "yes").start();
    let all = show(&s, "/");
    assert_eq!(all["os_environ"]["FROM_APACHE"], "yes");
    assert_eq!(all["cwd"], "/");
}

/// The module `mod_wsgi` is there to import, in the main interpreter and in others.
#[test]
fn module_mod_wsgi() {
    let app = answering(
        "import mod_wsgi\nresult = (mod_wsgi.version[0], mod_wsgi.process_group, mod_wsgi.application_group)",
    );
    let s = httpd()
        .script("app.wsgi", &app)
        .config("WSGIScriptAlias /a {dir}/app.wsgi application-group=mine\nWSGIScriptAlias /b {dir}/app.wsgi application-group=%{GLOBAL}")
        .start();
    let group = by_mode("", GROUP);
    assert_eq!(s.get("/a").text(), format!("(6, '{group}', 'mine')"));
    assert_eq!(s.get("/b").text(), format!("(6, '{group}', '')"));
}

/// What exit functions of two interpreters leave behind under this directive.
fn exit_functions(directive: &str) -> String {
    let script = r"
        import atexit, os
        HERE = os.path.dirname(os.path.abspath(__file__))
        def bye(name):
            with open(HERE + '/state/bye', 'a') as f:
                f.write(name)
        atexit.register(bye, 'x')
        def application(environ, start_response):
            start_response('200 OK', [])
            return []";
    let s = httpd()
        .script("app.wsgi", script)
        .config("WSGIScriptAlias /a {dir}/app.wsgi application-group=%{GLOBAL}\nWSGIScriptAlias /b {dir}/app.wsgi")
        .config(directive)
        .start();
    assert_eq!((s.get("/a").status, s.get("/b").status), (200, 200));
    s.stop();
    s.read_file("state/bye")
}

#[test]
fn atexit_runs_when_the_child_ends() {
    assert_eq!(exit_functions(""), "xx");
}

#[test]
fn destroy_interpreter_off() {
    assert_eq!(exit_functions("WSGIDestroyInterpreter Off"), "");
}

/// Threads that are not daemons are joined before the end, in every interpreter.
#[test]
fn threads_are_joined_when_the_child_ends() {
    embedded_only!();
    for group in ["%{GLOBAL}", "mine"] {
        let s = serving(
            r"
            import os, threading, time
            HERE = os.path.dirname(os.path.abspath(__file__))
            def work():
                time.sleep(0.3)
                with open(HERE + '/state/done', 'w') as f:
                    f.write('done')
            def application(environ, start_response):
                threading.Thread(target=work).start()
                start_response('200 OK', [])
                return []",
        )
        .config(&format!("WSGIApplicationGroup {group}"))
        .start();
        assert_eq!(s.get("/").status, 200);
        s.stop();
        // A thread started by a request thread is a daemon thread, for a request thread is none of Python's own;
        // with prefork it is as if the main thread had started it.
        let expected = if mpm().is_threaded() { "" } else { "done" };
        assert_eq!(s.read_file("state/done"), expected, "{group}");
    }
}

#[test]
fn child_ends_cleanly_with_a_daemon_thread() {
    let s = serving(&answering(
        "
        import threading, time
        def forever():
            while True:
                time.sleep(0.001)
        threading.Thread(target=forever, daemon=True).start()
        result = 1",
    ))
    .config("WSGIApplicationGroup %{GLOBAL}")
    .start();
    assert_eq!(s.get("/").status, 200);
    s.stop();
}
