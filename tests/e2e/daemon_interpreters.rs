//! `interpreters=`: an application in several interpreters of a process, each with a GIL of its own.

use harness::*;
use std::collections::HashSet;
use std::os::unix::fs::FileExt;

/// Each interpreter has a name of its own, with which it answers. At `?hold` it keeps its GIL until the file `go` has another first
/// byte, after it has said in the file `held` who it is.
const APP: &str = "
    import mmap, os, sys
    HERE = os.path.dirname(os.path.abspath(__file__))
    NAME = os.urandom(4).hex()

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
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [f\"{NAME} {environ['mod_wsgi.application_group']}\".encode()]
    ";

fn site(options: &str) -> Httpd {
    httpd().no_group().script("app.wsgi", APP).file("state/go", "0").config(&format!(
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
