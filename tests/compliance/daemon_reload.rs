//! Changed scripts in process groups: a new process serves them, and nobody loses a request.

use harness::poll::until;
use harness::*;

use crate::serving;

/// Says version, an imported module's value, and the process; `/hold` takes until the file `go` is there.
fn versioned(version: &str) -> String {
    harness::text::dedent(&format!(
        "
        import os, sys, time
        HERE = os.path.dirname(os.path.abspath(__file__))
        import part
        def application(environ, start_response):
            if environ['PATH_INFO'] == '/hold':
                open(HERE + '/state/held', 'w').close()
                while not os.path.exists(HERE + '/go'):
                    time.sleep(0.01)
            start_response('200 OK', [])
            return [('{version} %s %d' % (part.VALUE, os.getpid())).encode()]"
    ))
}

fn reloadable() -> Httpd {
    serving(&versioned("v1")).script("lib/part.py", "VALUE = 'p1'\n").python_path("{dir}/lib")
}

fn change(s: &Server, version: &str) {
    s.write_file("app.wsgi", &versioned(version));
    s.touch("app.wsgi");
}

fn pid(answer: &str) -> u32 {
    answer.rsplit(' ').next().and_then(|pid| pid.parse().ok()).unwrap_or_else(|| panic!("no pid: {answer}"))
}

/// The first answer by the new code.
#[track_caller]
fn until_served(s: &Server, version: &str) -> String {
    until(version, || {
        let r = s.get("/");
        assert_eq!(r.status, 200, "{}", r.text());
        Some(r.text()).filter(|text| text.starts_with(version))
    })
}

#[test]
fn a_changed_script_is_served_by_a_new_process() {
    daemon_only!();
    let s = reloadable().start();
    let before = s.get("/").text();
    assert!(before.starts_with("v1 p1 "), "{before}");
    s.write_file("lib/part.py", "VALUE = 'p2, another size'\n");
    change(&s, "v2");
    let after = until_served(&s, "v2");
    assert!(after.starts_with("v2 p2"), "imported modules are new as well: {after}");
    assert_ne!(pid(&after), pid(&before));
    until("the end of the old process", || {
        (!s.processes().iter().any(|p| p.pid == pid(&before))).then_some(())
    });
    assert_eq!(s.get("/").text(), after, "and it stays");
}

/// Every request meanwhile is answered, by the old code or by the new, and by the new ever after.
#[test]
fn no_request_is_lost() {
    daemon_only!();
    let s = reloadable().start();
    assert!(s.get("/").text().starts_with("v1"));
    for round in 2..5 {
        let (old, new) = (format!("v{} ", round - 1), format!("v{round} "));
        change(&s, new.trim());
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut changed = false;
                    until("the new code", || {
                        let r = s.get("/");
                        assert!(r.status == 200 && r.complete, "{} {}", r.status, r.text());
                        let text = r.text();
                        assert!(text.starts_with(&new) || (text.starts_with(&old) && !changed), "{text}");
                        let again = changed;
                        changed = text.starts_with(&new);
                        (again && changed).then_some(())
                    });
                });
            }
        });
    }
}

/// A request under way is served to its end by the code it began with.
#[test]
fn requests_under_way_are_finished() {
    daemon_only!();
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = reloadable().start();
    let before = s.get("/").text();
    let mut held = s.raw(b"GET /hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    until("the held request", || s.dir().join("state/held").exists().then_some(()));
    change(&s, "v2");
    // The original begins nothing new before the old process has ended.
    let mut noticing = s.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    if subject() == Subject::Ours {
        until_served(&s, "v2");
    }
    s.write_file("go", "");
    let r = held.response();
    assert!(r.complete, "cut");
    assert_eq!(r.text(), before);
    assert_eq!(noticing.response().status, 200);
    assert_ne!(pid(&until_served(&s, "v2")), pid(&before));
}

#[test]
fn reloading_off() {
    daemon_only!();
    let s = reloadable().config("WSGIScriptReloading Off").start();
    let before = s.get("/").text();
    change(&s, "v2");
    for _ in 0..3 {
        assert_eq!(s.get("/").text(), before);
    }
}

/// An error in `reload_required` means no.
#[test]
fn reload_required_that_fails() {
    daemon_only!();
    let s = serving(
        r"
        import os
        def reload_required(path):
            raise ValueError('in reload_required')
        def application(environ, start_response):
            start_response('200 OK', [])
            return [str(os.getpid()).encode()]",
    )
    .expect_traceback("ValueError: in reload_required")
    .allow_log("WSGI0174: |WSGI0109: ")
    .start();
    let before = s.get("/").text();
    assert_eq!([s.get("/").text(), s.get("/").text()], [before.clone(), before]);
}

/// All processes of a group come to serve the new code.
#[test]
fn every_process_is_replaced() {
    daemon_only!();
    let s = reloadable().group("processes=3").start();
    assert!(s.get("/").text().starts_with("v1"));
    change(&s, "v2");
    until("twenty answers of the new code in a row", || {
        (0..20)
            .all(|_| {
                let r = s.get("/");
                assert_eq!(r.status, 200, "{}", r.text());
                r.text().starts_with("v2")
            })
            .then_some(())
    });
}

/// Another script of the same group was not changed, yet its process is new: they share it.
#[test]
fn scripts_share_a_process() {
    daemon_only!();
    let s = httpd()
        .script("app.wsgi", &versioned("v1"))
        .script("other.wsgi", &versioned("other"))
        .script("lib/part.py", "VALUE = 'p1'\n")
        .python_path("{dir}/lib")
        .config("WSGIScriptAlias /other {dir}/other.wsgi\nWSGIScriptAlias / {dir}/app.wsgi")
        .start();
    let (app, other) = (s.get("/").text(), s.get("/other").text());
    assert_eq!(pid(&app), pid(&other));
    change(&s, "v2");
    let app = until_served(&s, "v2");
    let other = until("the other script", || Some(s.get("/other").text()).filter(|t| pid(t) == pid(&app)));
    assert!(other.starts_with("other p1"), "{other}");
}
