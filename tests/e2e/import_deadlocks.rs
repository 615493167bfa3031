//! Requests that wait for each other's imports: first requests never come to that, and later ones are named and healed.

use std::time::Instant;

use harness::poll::until;
use harness::*;

use crate::starting::{allow_report, at_once, script};

/// Views that wait for each other when they run at the same moment: `/a` takes the application's lock and then imports,
/// `/b` imports a module whose body wants that lock.
const PAIR: &str = "
    import appstate

    def application(environ, start_response):
        path = environ['PATH_INFO']
        if path == '/a':
            with appstate.LOCK:
                time.sleep(0.02)
                import wants_lock
        elif path == '/b':
            import wants_lock
        return answer(start_response)
    ";

fn pair(httpd: Httpd) -> Httpd {
    httpd
        .script("pair.wsgi", &script(PAIR))
        .script("appstate.py", "import threading\nLOCK = threading.RLock()\n")
        .script(
            "wants_lock.py",
            "
            import appstate, time
            time.sleep(0.02)
            with appstate.LOCK:
                value = 1
            ",
        )
        .config("WSGIPythonPath {dir}")
}

/// Fifty starts, each in an interpreter of its own, each with eight first requests at the same moment.
#[test]
fn imports_under_a_lock() {
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let group = |n| if n == 0 { "%{GLOBAL}".to_owned() } else { format!("g{n}") };
    let mut h = pair(httpd()).config("WSGIPreload Off");
    for n in 0..10 {
        h = h.config(&format!("WSGIScriptAlias /p{n} {{dir}}/pair.wsgi application-group={}", group(n)));
    }
    let s = h.start();
    for round in 0..5 {
        for n in 0..10 {
            let targets = [format!("/p{n}/a"), format!("/p{n}/b")];
            let eight: Vec<&str> = targets.iter().map(String::as_str).cycle().take(8).collect();
            for r in at_once(&s, &eight) {
                assert_eq!(r.status, 200, "round {round}, application {n}: {}", r.text());
            }
        }
        let old = s.children();
        s.graceful();
        until("a new child alone", || {
            let children = s.children();
            (children.len() == 1 && children != old).then_some(())
        });
    }
    assert_eq!(s.logged("WSGI1021"), [""; 0]);
}

/// The pair for certain: each waits until the other has what it will want.
const MET: &str = "
    import appstate

    def application(environ, start_response):
        path = environ['PATH_INFO']
        def view_a():
            with appstate.LOCK:
                appstate.taken.set()
                appstate.begun.wait(10)
                import wants_lock
        def view_b():
            appstate.taken.wait(10)
            import wants_lock
        if path == '/a':
            view_a()
        elif path == '/b':
            view_b()
        return answer(start_response)
    ";

fn met(group: &str) {
    let s = allow_report(httpd())
        .script("app.wsgi", &script(MET))
        .script(
            "appstate.py",
            "
            import threading
            LOCK, taken, begun = threading.RLock(), threading.Event(), threading.Event()
            ",
        )
        .script(
            "wants_lock.py",
            "
            import appstate
            appstate.begun.set()
            with appstate.LOCK:
                value = 1
            ",
        )
        .config("WSGIPythonPath {dir}\nWSGIImportTimeout 2")
        .config(&format!("WSGIScriptAlias / {{dir}}/app.wsgi application-group={group}"))
        .expect_log("WSGI1021: ")
        .allow_log("WSGI0174: |ImportDeadlock")
        .start();
    for _ in 0..6 {
        assert_eq!(s.get("/").status, 200);
    }
    let begun = Instant::now();
    let answers = at_once(&s, &["/a", "/b"]);
    assert_within(begun, 8.0, "both answers");
    for r in &answers {
        assert!([200, 503].contains(&r.status), "{}: {}", r.status, r.text());
        assert!(r.status == 200 || r.header("Retry-After").is_some(), "{:?}", r.headers);
    }
    assert!(answers.iter().any(|r| r.status == 503), "somebody had to give way");
    s.wait_log("WSGI1021: ");
    let log = s.error_log().join("\n");
    for part in ["view_a", "view_b", "wants_lock.py", "app.wsgi"] {
        assert!(log.contains(part), "{part} is not in the stacks");
    }
    for target in ["/", "/a", "/b", "/"] {
        until(target, || (s.get(target).status == 200).then_some(()));
    }
    s.stop();
}

#[test]
fn met_after_the_gate_is_open_in_a_sub_interpreter() {
    skip_if!(!mpm().is_threaded(), "one request at a time");
    met("x");
}

#[test]
fn met_after_the_gate_is_open_in_the_main_interpreter() {
    skip_if!(!mpm().is_threaded(), "one request at a time");
    met("%{GLOBAL}");
}

/// A module that takes its time is not stuck while the thread that imports it works.
#[test]
fn a_slow_import_is_no_deadlock() {
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = httpd()
        .script("app.wsgi", &script("def application(environ, start_response):\n    import slow\n    return answer(start_response)"))
        .script(
            "slow.py",
            "
            import time
            begun = time.time()
            while time.time() - begun < 3:
                sum(range(1000))
            ",
        )
        .config("WSGIPythonPath {dir}\nWSGIImportTimeout 1\nWSGIStartupRequests 0")
        .config("WSGIScriptAlias / {dir}/app.wsgi")
        .start();
    assert!(at_once(&s, &["/"; 4]).iter().all(|r| r.status == 200));
    assert_eq!(s.logged("WSGI1021"), [""; 0]);
}

/// A thread of the application keeps an import for ever: the request that wants the module is told so, not the thread.
#[test]
fn an_import_that_a_thread_keeps() {
    let s = allow_report(httpd())
        .script(
            "app.wsgi",
            &script(
                "
                def keeper():
                    import kept
                threading.Thread(target=keeper, name='the-keeper', daemon=True).start()
                def view():
                    import kept
                def application(environ, start_response):
                    if environ['PATH_INFO'] == '/kept':
                        view()
                    return answer(start_response)",
            ),
        )
        .script(
            "kept.py",
            "
            import os, time
            here = os.environ['MOD_WSGI_TEST']
            open(here + '/state/keeps', 'w').close()
            while not os.path.exists(here + '/go'):
                time.sleep(0.01)
            ",
        )
        .config("WSGIPythonPath {dir}\nWSGIImportTimeout 1\nWSGIScriptAlias / {dir}/app.wsgi")
        .expect_log("WSGI1021: .*'kept'")
        .allow_log("WSGI1021: ")
        .start();
    until("the thread to keep it", || s.dir().join("state/keeps").exists().then_some(()));
    let begun = Instant::now();
    assert_eq!(s.get("/kept").status, 503);
    assert_within(begun, 6.0, "the answer");
    s.wait_log("waits for the import of 'kept', which thread 'the-keeper' is importing");
    assert!(
        s.error_log().iter().any(|l| l.contains("in keeper"))
            && s.error_log().iter().any(|l| l.contains("in view"))
    );
    assert_eq!(s.get("/").status, 200);
    s.write_file("go", "");
    until("the module", || (s.get("/kept").status == 200).then_some(()));
}
