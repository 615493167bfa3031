//! When a group's process is replaced by itself, and what waits too long.

use harness::poll::{until, within};
use harness::*;
use std::time::{Duration, Instant};

use crate::{alive, answering, held, pid, serving};

/// Answers with its process; `/hold` takes until the file `go` is there.
const PID: &str = "
    import time
    here = os.path.dirname(os.path.abspath(__file__))
    with open(here + '/state/ran', 'a') as f:
        f.write(environ['PATH_INFO'] + ' ')
    if environ['PATH_INFO'] == '/hold':
        open(here + '/state/held', 'w').close()
        while not os.path.exists(here + '/go'):
            time.sleep(0.01)
    result = os.getpid()";

fn group(options: &str) -> Httpd {
    serving(&answering(PID)).group(options)
}

#[test]
fn maximum_requests() {
    daemon_only!();
    let s = group("maximum-requests=5").start();
    let first = pid(&s);
    for n in 2..=5 {
        assert_eq!(pid(&s), first, "request {n}");
    }
    if subject() == Subject::ModWsgi {
        assert_ne!(pid(&s), first, "the sixth");
    }
    // Ours may serve a little longer with the old process, until the new one is ready.
    let second = until("another process", || Some(pid(&s)).filter(|pid| *pid != first));
    until("the end of the first", || (!alive(&s, first)).then_some(()));
    until("a third process", || (pid(&s) != second).then_some(()));
}

/// A group whose process serves one request each loses none of many.
#[test]
fn maximum_requests_of_one() {
    daemon_only!();
    let s = group("threads=1 maximum-requests=1").start();
    let mut seen = std::collections::BTreeSet::new();
    if subject() == Subject::ModWsgi {
        seen.extend((0..4).map(|_| pid(&s)));
        assert_eq!(seen.len(), 4, "{seen:?}");
    }
    // Ours serves with the old one until the new one is ready.
    until("four processes", || {
        seen.insert(pid(&s));
        (seen.len() >= 4).then_some(())
    });
}

#[test]
fn inactivity_timeout() {
    daemon_only!();
    let s = group("inactivity-timeout=2").start();
    pid(&s);
    let begun = Instant::now();
    let before = pid(&s);
    until("the end of the idle process", || (!alive(&s, before)).then_some(()));
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    // The original looks once a second.
    assert_within(begun, 4.0, "the end of the idle process");
    assert_ne!(pid(&s), before);
}

/// A request under way is activity, however long it takes.
#[test]
fn inactivity_timeout_spares_requests() {
    daemon_only!();
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = group("inactivity-timeout=1").start();
    let before = pid(&s);
    let mut held = held(&s);
    let ended = within(Duration::from_secs(3), || (!alive(&s, before)).then_some(()));
    assert!(ended.is_none(), "ended in the middle of a request");
    s.write_file("go", "");
    assert_eq!(held.response().text(), before.to_string());
}

/// What asks whether the site is there does not keep its process.
#[test]
fn ignored_requests_are_no_activity() {
    daemon_only!();
    let ignored = "<Location /ignored>\nWSGIIgnoreActivity On\n</Location>";
    let s = group("inactivity-timeout=1").config(ignored).start();
    let before = pid(&s);
    until("the end of the process", || {
        assert_eq!(s.get("/ignored").status, 200);
        (!alive(&s, before)).then_some(())
    });
    let before = pid(&s);
    let ended = within(Duration::from_secs(3), || {
        assert_eq!(s.get("/seen").status, 200);
        (!alive(&s, before)).then_some(())
    });
    assert!(ended.is_none(), "ended in spite of its requests");
}

#[test]
fn restart_interval() {
    daemon_only!();
    let s = group("restart-interval=1").start();
    let before = pid(&s);
    until("another process", || (pid(&s) != before).then_some(()));
}

/// A request that has waited longer than the limit is answered without running the application.
#[test]
fn queue_timeout() {
    daemon_only!();
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = group("threads=1 queue-timeout=1").allow_log("WSGI0084: ").start();
    assert_eq!(s.get("/").status, 200);
    let mut held = held(&s);
    let mut queued = s.raw(b"GET /queued HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    // The original looks at the clock when a thread takes the request, ours when the time is over.
    if subject() == Subject::ModWsgi {
        within(Duration::from_millis(1500), || None::<()>);
        s.write_file("go", "");
    }
    assert_eq!(queued.response().status, 504);
    s.write_file("go", "");
    assert_eq!(held.response().status, 200);
    assert_eq!(s.get("/after").status, 200);
    assert_eq!(s.read_file("state/ran"), "/ /hold /after ");
}

/// Requests beyond the threads wait for one.
#[test]
fn surplus_requests_wait() {
    daemon_only!();
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = group("threads=1").start();
    let mut held = held(&s);
    let mut waiting: Vec<_> =
        (0..5).map(|_| s.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).collect();
    s.write_file("go", "");
    for c in std::iter::once(&mut held).chain(&mut waiting) {
        assert_eq!(c.response().status, 200);
    }
}

/// A request that takes too long is told so with an exception, and the client with 504.
#[test]
fn request_timeout() {
    daemon_only!();
    let s = serving(&answering(
        "
        import time
        if environ['PATH_INFO'] == '/slow':
            while True:
                time.sleep(0.01)
        result = os.getpid()",
    ))
    .group("threads=1 request-timeout=1 interrupt-timeout=10")
    .allow_log("(?i)timeout")
    .allow_traceback()
    .start();
    let before = pid(&s);
    let r = s.get("/slow");
    assert_eq!((r.status, r.body.len()), (504, 0));
    assert_eq!(pid(&s), before, "the process serves on");
}

/// The limit of a request is longer, the more threads are idle.
#[test]
fn request_timeout_of_a_process_with_idle_threads() {
    daemon_only!();
    let s = serving(&answering(
        "
        import time
        if environ['PATH_INFO'] == '/slow':
            while True:
                time.sleep(0.01)
        result = os.getpid()",
    ))
    .group("threads=5 request-timeout=1 interrupt-timeout=10")
    .allow_log("(?i)timeout")
    .allow_traceback()
    .start();
    let before = pid(&s);
    let begun = Instant::now();
    let r = s.get("/slow");
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!((r.status, r.body.len()), (504, 0));
    // The original looks once a second.
    let limit = 1.0 + 5f64.ln();
    assert!(seconds >= limit, "{seconds}");
    assert_within(begun, limit + 1.5, "the answer");
    assert_eq!(pid(&s), before, "the process serves on");
}
