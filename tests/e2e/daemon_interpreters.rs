//! `interpreters=`: an application in several interpreters of a process, each with a GIL of its own.

use harness::*;
use std::collections::HashSet;
use std::os::unix::fs::FileExt;

/// Each interpreter has a name of its own, with which it answers. At `?hold` it keeps its GIL until the file `go` has another first
/// byte, after it has said in the file `held` who it is.
const APP: &str = "
    import mmap, os, sys, threading, time
    HERE = os.path.dirname(os.path.abspath(__file__))
    NAME = os.urandom(4).hex()
    FAIL, LATE = HERE + '/state/fail', HERE + '/state/late'
    if os.path.exists(FAIL):
        if os.path.exists(FAIL + '.met'):
            os.rename(FAIL, FAIL + '.done')
            raise RuntimeError('the second one')
        open(FAIL + '.met', 'w').close()
    while os.path.exists(LATE):
        time.sleep(0.01)

    def leave():
        os._exit(3)

    def hold():
        with open(HERE + '/state/go', 'rb') as file, mmap.mmap(file.fileno(), 1, prot=mmap.PROT_READ) as byte:
            with open(HERE + '/state/held.new', 'w') as held:
                held.write(NAME)
            os.rename(HERE + '/state/held.new', HERE + '/state/held')
            sys.setswitchinterval(1000)
            while byte[0] == 48:
                pass

    def application(environ, start_response):
        if environ['QUERY_STRING'] == 'hold':
            hold()
        if environ['QUERY_STRING'] == 'leave':
            threading.Thread(target=leave).start()
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [f\"{NAME} {environ['mod_wsgi.application_group']}\".encode()]
    ";

fn site(options: &str) -> Httpd {
    httpd().no_group().children(8).script("app.wsgi", APP).file("state/go", "0").config(&format!(
        "WSGIDaemonProcess g {options}
         WSGIScriptAlias /app {{dir}}/app.wsgi process-group=g application-group=shop
         WSGIScriptAlias /main {{dir}}/app.wsgi process-group=g application-group=%{{GLOBAL}}"
    ))
}

macro_rules! needs_own_gil {
    () => {
        only_ours!("the original has one interpreter for each application of a process");
        skip_if!(python_version() < (3, 12), "interpreters have a GIL of their own from Python 3.12 on");
    };
}

/// The name of the interpreter that answers.
fn name(s: &Server) -> String {
    let answer = s.get("/app").text();
    answer.strip_suffix(" shop").unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// One interpreter keeps its GIL until `work`, which is given its name, is done.
fn while_held(s: &Server, work: impl FnOnce(&str)) {
    let mut held = s.raw(&s.request("GET", "/app?hold").bytes());
    poll::until("it holds its GIL", || s.dir().join("state/held").exists().then_some(()));
    work(&s.read_file("state/held"));
    // The application has the file in its memory, so the file stays.
    let file = std::fs::OpenOptions::new().write(true).open(s.dir().join("state/go")).expect("the file");
    file.write_all_at(b"1", 0).expect("it is written");
    assert_eq!(held.response().status, 200);
}

/// Requests go to the first one that is idle.
#[test]
fn requests_go_to_an_idle_interpreter() {
    needs_own_gil!();
    let s = site("interpreters=3 threads=8")
        .expect_log("WSGI1061: Creating sub-interpreter 'shop#2' in daemon process 'g'")
        .expect_log("WSGI1011: .* into sub-interpreter 'shop#3' of daemon process 'g'")
        .start();
    let first = name(&s);
    assert!((0..10).all(|_| name(&s) == first), "one after the other");
    while_held(&s, |held| {
        assert_eq!(held, first);
        let second = name(&s);
        assert!((0..10).all(|_| name(&s) == second) && second != first);
        assert!(s.get("/main").text().ends_with(' '), "the main interpreter has its own");
    });
    poll::until("the first one again", || (name(&s) == first).then_some(()));
}

/// Where it does not start with the process, the others start behind the first one.
#[test]
fn the_others_follow() {
    needs_own_gil!();
    let s = site("interpreters=2 threads=8").config("WSGIPreload Off").start();
    let first = name(&s);
    s.wait_log("WSGI1011: .* into sub-interpreter 'shop#2' of daemon process 'g'");
    while_held(&s, |held| {
        assert_eq!(held, first);
        assert_ne!(name(&s), first);
    });
}

/// Requests come until all of them serve.
fn until_all_serve(s: &Server) {
    let into = |name: &str| s.logged(&format!("WSGI1011: .* into sub-interpreter '{name}' ")).len();
    poll::until("all of them", || {
        assert_eq!(s.get("/app").status, 200);
        (into("shop#2") > 0 && into("shop#3") > 0).then_some(())
    });
}

/// One that fails is tried again, and costs the others nothing.
#[test]
fn the_second_one_fails_once() {
    needs_own_gil!();
    let s = site("interpreters=3 threads=8")
        .file("state/fail", "")
        .config("WSGIPreload Off")
        .allow_traceback()
        .expect_log("WSGI0110: .*raised RuntimeError while it was loaded into sub-interpreter 'shop#2'")
        .allow_log("WSGI1013: |RuntimeError: the second one$")
        .start();
    until_all_serve(&s);
}

/// A start that ends after its time has the others start as well.
#[test]
fn the_first_one_is_late() {
    needs_own_gil!();
    let s = crate::starting::allow_report(site("interpreters=3 threads=8 startup-timeout=1"))
        .file("state/late", "")
        .config("WSGIPreload Off")
        .allow_traceback()
        .allow_log("WSGI1017: |WSGI1023: |WSGI1013: ")
        .start();
    assert_eq!(s.get("/app").status, 503);
    std::fs::remove_file(s.dir().join("state/late")).expect("it is there");
    poll::until("it serves", || (s.get("/app").status == 200).then_some(()));
    until_all_serve(&s);
}

/// It is one application: its threads may do what those of the only one may.
#[test]
fn the_only_application_may_end_the_process() {
    needs_own_gil!();
    let s = site("interpreters=2 threads=8")
        .config("WSGIRestrictExit Auto")
        .allow_log("WSGI1021: |WSGI1029: |WSGI0146: ")
        .start();
    let (main, name) = (s.get("/main").status, name(&s));
    assert_eq!(main, 200);
    s.get("/app?leave").text();
    poll::until("another process", || {
        let answer = s.get("/app");
        (answer.status == 200 && !answer.text().starts_with(&name)).then_some(())
    });
}

/// A changed script is served by a process in which all of them have it.
#[test]
fn a_changed_script() {
    needs_own_gil!();
    let s = site("interpreters=2 threads=8").start();
    let mut seen = HashSet::from([name(&s)]);
    s.touch("app.wsgi");
    poll::until("another process", || seen.insert(name(&s)).then_some(()));
    let first = name(&s);
    while_held(&s, |held| {
        assert_eq!(held, first);
        assert!(seen.insert(name(&s)));
    });
}

/// Holds a lock and imports, imports what wants the lock, or computes until it is let go.
const MEETING: &str = "
    import appstate, os
    GO = os.path.dirname(os.path.abspath(__file__)) + '/state/stop'

    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    def application(environ, start_response):
        path = environ['PATH_INFO']
        if path == '/a':
            with appstate.LOCK:
                appstate.taken.set()
                appstate.begun.wait(10)
                import wants_lock
        elif path == '/b':
            appstate.taken.wait(10)
            import wants_lock
        elif path == '/work':
            while not os.path.exists(GO):
                fib(12)
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [b'done']
    ";

/// A deadlock of imports is undone beside interpreters that compute: nobody looks at their frames.
#[test]
fn a_deadlock_of_imports_beside_other_gils() {
    needs_own_gil!();
    let mount = |name: &str| {
        format!("WSGIScriptAlias /{name} {{dir}}/app.wsgi process-group=g application-group={name}\n")
    };
    let h = httpd()
        .no_group()
        .children(8)
        .script("app.wsgi", MEETING)
        .script(
            "appstate.py",
            "import threading\nLOCK, taken, begun = threading.RLock(), threading.Event(), threading.Event()\n",
        )
        .script("wants_lock.py", "import appstate\nappstate.begun.set()\nwith appstate.LOCK:\n    value = 1\n")
        .config("WSGIImportTimeout 2\nWSGIPerInterpreterGIL On\nWSGIStartupRequests 0")
        .config("WSGIDaemonProcess g threads=8 python-path={dir}")
        .config(&["x", "y", "z"].map(mount).concat())
        .expect_log("WSGI1021: ");
    let s = crate::starting::allow_report(h).start();
    let ask = |url: &str| s.raw(&s.request("GET", url).bytes());
    let mut working: Vec<_> = ["/y/work", "/z/work", "/y/work", "/z/work"].into_iter().map(ask).collect();
    let mut met: Vec<_> = ["/x/a", "/x/b"].into_iter().map(ask).collect();
    let mut statuses: Vec<_> = met.iter_mut().map(|connection| connection.response().status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 503]);
    s.write_file("state/stop", "");
    assert!(working.iter_mut().all(|connection| connection.response().status == 200));
}

/// What does not go together is refused where it is configured.
#[test]
fn what_does_not_go_with_them() {
    only_ours!("the original has no such option");
    let refused = |options: &str, text: &str| {
        let test = site(options).configtest();
        assert!(!test.accepted && test.output.contains(text), "{}", test.output);
    };
    refused("interpreters=2 spawn=fork", "interpreters=2 does not go with spawn=fork: ");
    if python_version() < (3, 12) {
        refused("interpreters=2", "interpreters=2 needs Python 3.12 or later, and ");
    } else {
        site("interpreters=2").expect_config_ok();
    }
}
