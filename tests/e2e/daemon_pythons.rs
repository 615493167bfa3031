//! Each group has the Python it asks for, all of them beside each other in one Apache.

use std::fs;

use harness::*;

use crate::daemon::*;

const WHICH: &str = "
    import json, subprocess
    import mod_wsgi
    note('load', mod_wsgi.process_group)
    def application(environ, start_response):
        program = 'import json, sys; print(json.dumps([sys.version, sys.prefix]))'
        started = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
        body = json.dumps({
            'version': sys.version,
            'executable': sys.executable,
            'prefix': sys.prefix,
            'base': sys.base_prefix,
            'encoding': sys.getfilesystemencoding(),
            'group': mod_wsgi.process_group,
            'started': json.loads(started.stdout),
            'error': started.stderr,
        }).encode()
        start_response('200 OK', [('Content-Type', 'application/json')])
        return [body]
    ";

#[test]
fn several_pythons_in_one_apache() {
    only_ours!("the original is linked to one");
    let found: Vec<_> = ["3.11", "3.12", "3.13"].into_iter().filter_map(|v| Some((v, venv_of(v)?))).collect();
    skip_if!(found.len() < 2, "there is one Python only");
    let mut h = httpd().script("app.wsgi", &script(WHICH)).config("WSGISocketPrefix {dir}/run/wsgi");
    for (version, venv) in &found {
        h = h.config(&format!(
            "WSGIDaemonProcess g{version} processes=1 threads=2 python-home={}
             WSGIScriptAlias /{version} {{dir}}/app.wsgi process-group=g{version} application-group=%{{GLOBAL}}",
            venv.display()
        ));
    }
    // The harness names a python for the whole server.
    let s = h.allow_log("WSGI1097").start();
    for (version, venv) in &found {
        let r = s.get(&format!("/{version}"));
        assert_eq!(r.status, 200, "{version}: {}", r.text());
        let said = r.json();
        let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
        assert!(text("version").starts_with(&format!("{version}.")), "{version}: {said}");
        assert_eq!(text("group"), format!("g{version}"));
        let prefix = venv.to_str().unwrap();
        assert_eq!(text("prefix"), prefix, "{said}");
        assert_ne!(text("base"), prefix, "{said}");
        assert!(text("executable").starts_with(&format!("{prefix}/bin/python")), "{said}");
        assert_eq!(text("encoding"), "utf-8");
        // A program that it starts by sys.executable is of the same kind.
        assert_eq!(said["started"][0], said["version"], "{said}");
        assert_eq!(said["started"][1], said["prefix"], "{said}");
    }
    let programs: Vec<_> = settled(&s, found.len()).into_iter().filter_map(daemon::executable).collect();
    for (_, venv) in &found {
        let program = fs::canonicalize(venv.join("bin/python")).expect("the python");
        assert!(programs.contains(&program), "{} is not among {programs:?}", program.display());
    }
}

/// A group without one of its own has that of the server.
#[test]
fn the_python_of_the_server() {
    let s = defined("processes=1 threads=2", &script(WHICH)).start();
    let said = s.get("/app").json();
    assert_eq!(said["prefix"], venv().to_str().unwrap());
    assert!(said["version"].as_str().unwrap().starts_with(&format!("{}.", python())), "{said}");
    assert_eq!(said["started"][1], said["prefix"], "{said}");
}

/// A program of the standard library that starts Pythons itself.
#[test]
fn multiprocessing() {
    let s = defined(
        "processes=1 threads=2 python-path={dir}/lib",
        &script(
            "
            import multiprocessing, work
            def application(environ, start_response):
                with multiprocessing.get_context(environ['QUERY_STRING']).Pool(2) as pool:
                    results = pool.map(work.square, range(5))
                return answer(environ, start_response, *results)",
        ),
    )
    .file("lib/work.py", "def square(n):\n    return n * n\n")
    .start();
    for method in ["spawn", "forkserver"] {
        let r = s.get(&format!("/app?{method}"));
        assert_eq!((r.status, r.text()), (200, format!("0 1 4 9 16 {method}")));
    }
}
