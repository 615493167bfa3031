//! Children come and go: graceful and hard restarts, replaced children, a stop. Requests must not notice.

use harness::poll::until;
use harness::*;
use serde_json::Value;

use crate::{answering, serving, show, showing, shown};

fn child(s: &Server) -> u32 {
    pid_in(&show(s, "/"))
}

fn pid_in(shown: &Value) -> u32 {
    shown["pid"].as_u64().and_then(|pid| pid.try_into().ok()).expect("a pid")
}

/// Whether a graceful restart leaves clients without an answer.
fn loses_requests() -> bool {
    differs(by_mode(false, true), false, "the original ends a group's processes before it starts others")
}

/// A server whose restarts may lose requests, if the subject is one that does.
pub fn restarting(h: Httpd) -> Httpd {
    if loses_requests() {
        h.allow_log("WSGI0115|WSGI0116|WSGI0117|WSGI0118|WSGI0119|WSGI0146|WSGI0147")
    } else {
        h
    }
}

/// The module is unloaded and loaded again each time: nothing may be left over or lost.
#[test]
fn restarts() {
    let s = restarting(showing()).start();
    let mut pid = child(&s);
    for graceful in [true, true, false, true, false] {
        if graceful {
            s.graceful()
        } else {
            s.restart()
        }
        pid = until("an answer by another child", || {
            // A hard restart cuts connections, or has them told that the server stops; a graceful one does neither.
            let r = s.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").try_response();
            let lossless = graceful && !loses_requests();
            let r = r.filter(|r| lossless || ![502, 503].contains(&r.status));
            assert!(r.is_some() || !lossless, "no answer during a graceful restart");
            Some(pid_in(&shown(&r?))).filter(|new| *new != pid)
        });
    }
}

/// A request under way when the restart comes is served to its end, by the code it began with.
#[test]
fn graceful_restart_waits_for_requests() {
    embedded_only!();
    let s = serving(&answering(
        "
        import time
        here = os.path.dirname(os.path.abspath(__file__))
        if environ['PATH_INFO'] == '/slow':
            open(here + '/state/began', 'w').close()
            while not os.path.exists(here + '/go'):
                time.sleep(0.01)
        result = os.getpid()",
    ))
    .children(2)
    .start();
    let old = until("two children", || Some(s.children()).filter(|children| children.len() == 2));
    let is_old = |r: &Response| old.contains(&r.text().parse().expect("a pid"));
    let mut slow = s.raw(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    until("the slow request", || s.dir().join("state/began").exists().then_some(()));
    s.graceful();
    until("an answer by a new child", || (!is_old(&s.get("/"))).then_some(()));
    s.write_file("go", "");
    let r = slow.response();
    assert!(r.status == 200 && r.complete && is_old(&r), "{} {}", r.status, r.text());
}

#[test]
fn restart_takes_new_configuration() {
    let h = httpd()
        .script("app.wsgi", &answering("result = environ['mod_wsgi.application_group'], sys.flags.optimize"))
        .file("extra.conf", "WSGIApplicationGroup one\nWSGIPythonOptimize 1\n")
        .config("WSGIScriptAlias / {dir}/app.wsgi\nInclude {dir}/extra.conf");
    let s = restarting(h).start();
    assert_eq!(s.get("/").text(), "('one', 1)");
    s.write_file("extra.conf", "WSGIApplicationGroup two\nWSGIPythonOptimize 2\n");
    s.graceful();
    until("the new configuration", || (s.get("/").text() == "('two', 2)").then_some(()));
}

/// Children that end after so many connections are replaced, without a request lost.
#[test]
fn replaced_children() {
    embedded_only!();
    let s = showing().config("MaxConnectionsPerChild 2").start();
    let pids: std::collections::BTreeSet<_> = (0..6).map(|_| child(&s)).collect();
    assert!(pids.len() >= 2, "{pids:?}");
    s.settle(|| child(&s));
}

#[test]
fn stop_without_any_request() {
    let s = showing().children(2).start();
    until("two children", || (s.children().len() >= 2).then_some(()));
    s.stop();
}

/// The start-up of Python in a child that is told to stop at once must not hang or crash.
#[test]
fn stop_at_once() {
    for _ in 0..3 {
        showing().start().stop();
        showing().start().terminate();
    }
}

/// SIGTERM: children end at once, and orderly.
#[test]
fn terminate() {
    let s = showing().start();
    show(&s, "/");
    s.terminate();
}

/// Clients that keep asking while the server restarts gracefully get every answer whole.
#[test]
fn graceful_restarts_under_load() {
    skip_if!(loses_requests(), "a graceful restart loses requests");
    let s = httpd()
        .config(
            "
            WSGIScriptAlias /a {apps}/show.wsgi
            WSGIScriptAlias /b {apps}/show.wsgi
            WSGIScriptAlias /c {apps}/echo.wsgi application-group=%{GLOBAL}",
        )
        .children(2)
        .start();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let done = || stop.load(std::sync::atomic::Ordering::Relaxed);
    std::thread::scope(|scope| {
        for target in ["/a", "/b", "/c"] {
            let s = &s;
            scope.spawn(move || {
                while !done() {
                    let r = s.post(target, "some body");
                    assert!(r.status == 200 && r.complete, "{target}: {}", r.status);
                }
            });
        }
        for _ in 0..3 {
            let before = s.children();
            s.graceful();
            s.wait_gone(&before);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
