//! The first requests of an application run one at a time, until they import nothing new. Of those that wait for
//! each other's imports all the same tells `import_deadlocks.rs`.

use std::thread;
use std::time::{Duration, Instant};

use harness::machine;
use harness::poll::until;
use harness::*;

use crate::starting::{at_once, noted, notes, script};

/// Views for the tests of the gate.
const VIEWS: &str = "
    def application(environ, start_response):
        path = environ['PATH_INFO'].split('/')
        note('began', path[1])
        if path[1] == 'stream':
            write = start_response('200 OK', [])
            write(b'first,')
            wait_for('go')
            write(b'second')
            return []
        if path[1] == 'read':
            environ['wsgi.input'].read()
        elif path[1] == 'wait':
            wait_for('go')
        elif path[1] == 'short':
            time.sleep(0.05)
        elif path[1] == 'import':
            __import__(path[2])
            time.sleep(0.05)
        note('ended', path[1])
        return answer(start_response)
    ";

fn views() -> Httpd {
    httpd()
        .script("app.wsgi", &script(VIEWS))
        .file("htdocs/static.txt", "static")
        .config("WSGIScriptAlias /app {dir}/app.wsgi")
}

/// How many requests at the beginning ran alone.
fn alone(s: &Server) -> usize {
    let text = s.read_file("state/notes");
    let words: Vec<_> = text.lines().filter_map(|l| l.split(' ').next()).collect();
    words.chunks(2).take_while(|pair| pair == &["began", "ended"]).count()
}

#[test]
fn the_first_ones_run_alone() {
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = views().start();
    assert!(at_once(&s, &["/app/short"; 8]).iter().all(|r| r.status == 200));
    assert!(alone(&s) >= 3, "{}", s.read_file("state/notes"));
}

/// Whoever imports begins the count anew.
#[test]
fn as_long_as_they_import() {
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = views().start();
    for module in ["colorsys", "tabnanny", "graphlib", "sched"] {
        assert_eq!(s.get("/app/short").status, 200);
        assert_eq!(s.get(&format!("/app/import/{module}")).status, 200);
    }
    assert!(at_once(&s, &["/app/short"; 8]).iter().all(|r| r.status == 200));
    assert!(alone(&s) >= 8 + 3, "{}", s.read_file("state/notes"));
}

/// A request that has sent its head, or waits for its client, holds up nobody.
#[test]
fn the_gate_opens_for_streams_and_uploads() {
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = views().start();
    let mut stream = s.raw(b"GET /app/stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    noted(&s, "began", 1);
    let begun = Instant::now();
    assert_eq!(s.get("/app/other").status, 200);
    assert_within(begun, 4.0, "an answer beside a stream");
    s.write_file("go", "");
    assert_eq!(stream.response().text(), "first,second");

    let s = views().start();
    let mut upload =
        s.raw(b"POST /app/read HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nConnection: close\r\n\r\nabc");
    noted(&s, "began", 1);
    let begun = Instant::now();
    assert_eq!(s.get("/app/other").status, 200);
    assert_within(begun, 4.0, "an answer beside an upload");
    assert_eq!(notes(&s, "ended").len(), 1, "the upload is still waited for");
    upload.send(b"def");
    assert_eq!(upload.response().status, 200);
}

/// A first request that only sleeps holds the others for ten seconds; static files never.
#[test]
fn the_gate_opens_after_ten_seconds() {
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = views().start();
    thread::scope(|scope| {
        let begun = Instant::now();
        let first = scope.spawn(|| s.get("/app/wait").status);
        noted(&s, "began", 1);
        let others: Vec<_> = (0..3).map(|_| scope.spawn(|| s.get("/app/other").status)).collect();
        assert_eq!(s.get("/static.txt").status, 200);
        assert_within(begun, 5.0, "a static file");
        for other in others {
            assert_eq!(other.join().unwrap(), 200);
        }
        let (took, given) = (begun.elapsed(), machine::given_since(begun));
        s.write_file("go", "");
        assert_eq!(first.join().unwrap(), 200);
        assert!(took > Duration::from_secs(5), "nobody was held: {took:?}");
        assert!(given < Duration::from_secs(12), "the others were held for {took:?}");
    });
}

/// At most half of a child's sixteen threads wait; who comes then does not.
#[test]
fn the_gate_leaves_threads_for_others() {
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = views().start();
    thread::scope(|scope| {
        let first = scope.spawn(|| s.get("/app/wait").status);
        noted(&s, "began", 1);
        let others: Vec<_> = (0..14).map(|_| scope.spawn(|| s.get("/app/other"))).collect();
        let begun = Instant::now();
        let at_once = || others.iter().filter(|other| other.is_finished()).count();
        until("six that do not wait", || (at_once() >= 6).then_some(()));
        for _ in 0..5 {
            assert_eq!(s.get("/static.txt").status, 200);
        }
        assert_within(begun, 5.0, "static files");
        s.write_file("go", "");
        for other in others {
            let r = other.join().unwrap();
            assert!(r.status == 200 || r.status == 503 && r.header("Retry-After").is_some(), "{}", r.status);
        }
        assert_eq!(first.join().unwrap(), 200);
    });
}

/// The same while the script is loaded: the first request loads, half of the threads wait, the rest are refused.
#[test]
fn requests_while_the_script_is_loaded() {
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = httpd()
        .script("app.wsgi", &script("note('load')\nwait_for('go')"))
        .file("htdocs/static.txt", "static")
        .config("WSGIPreload Off\nWSGIScriptAlias /app {dir}/app.wsgi")
        .expect_log("wsgi:warn.*WSGI1026: .*app.wsgi' is being started")
        .start();
    thread::scope(|scope| {
        let others: Vec<_> = (0..14).map(|_| scope.spawn(|| s.get("/app"))).collect();
        noted(&s, "load", 1);
        let begun = Instant::now();
        until("some that are refused", || others.iter().any(|other| other.is_finished()).then_some(()));
        assert_eq!(s.get("/static.txt").status, 200);
        assert_within(begun, 5.0, "a static file");
        s.write_file("go", "");
        let answers: Vec<_> = others.into_iter().map(|other| other.join().unwrap()).collect();
        let served = answers.iter().filter(|r| r.status == 200).count();
        assert!((1..=9).contains(&served), "{served} served");
        let refused = answers.iter().filter(|r| r.status == 503 && r.header("Retry-After").is_some()).count();
        assert_eq!(served + refused, 14);
    });
    assert_eq!(notes(&s, "load").len(), 1);
}

#[test]
fn without_the_gate() {
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = views().config("WSGIStartupRequests 0").start();
    thread::scope(|scope| {
        let first = scope.spawn(|| s.get("/app/wait").status);
        noted(&s, "began", 1);
        let begun = Instant::now();
        assert_eq!(s.get("/app/other").status, 200);
        assert_within(begun, 4.0, "the other");
        s.write_file("go", "");
        assert_eq!(first.join().unwrap(), 200);
    });
}
