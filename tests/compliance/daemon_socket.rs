//! The socket between Apache and a group: where it is and whose, how many wait for it, and how long each side is patient.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use harness::poll::until;
use harness::*;

use crate::{application, held, patient, pid};

/// Yields blocks, the last one when the file `go` is there.
fn blocks(options: &str, before: &str) -> Server {
    application(&format!(
        "
        start_response('200 OK', [('Content-Type', 'text/plain')])
        def blocks():
            yield {before}
            while not os.path.exists(os.path.dirname(os.path.abspath(__file__)) + '/go'):
                time.sleep(0.01)
            yield b'last'
        return blocks()"
    ))
    .group(options)
    .start()
}

/// An interpreter that is not there yet takes its time.
fn started(s: &Server) {
    s.write_file("go", "");
    assert_eq!(s.get("/first").status, 200);
    std::fs::remove_file(s.dir().join("go")).expect("the file");
}

/// Sends a request and reads of its answer until so many of these bytes have come; how long that took.
#[track_caller]
fn comes(c: &mut Connection, byte: u8, count: usize) -> Duration {
    let begun = Instant::now();
    c.send(b"GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let (mut all, mut body) = (Vec::new(), None);
    loop {
        let some = c.some(100_000);
        assert!(!some.is_empty(), "the answer ends: {}", String::from_utf8_lossy(&all));
        all.extend(some);
        body = body.or_else(|| all.windows(4).position(|four| four == b"\r\n\r\n"));
        let have = body.map_or(0, |at| all[at..].iter().filter(|b| **b == byte).count());
        if have >= count {
            return begun.elapsed();
        }
    }
}

/// The first block is sent when the next one has not come for so long.
#[test]
fn response_flush_delay() {
    daemon_only!();
    let s = blocks("response-flush-delay=1500", "b'zz'");
    started(&s);
    let mut c = s.connect();
    let took = comes(&mut c, b'z', 2);
    assert!(took >= Duration::from_millis(1500), "{took:?}");
    s.write_file("go", "");
    assert!(String::from_utf8_lossy(&c.rest()).contains("last"));
    drop(c);
    drop(s);
    for options in ["response-flush-delay=0", ""] {
        let s = blocks(options, "b'zz'");
        started(&s);
        let (begun, mut c) = (Instant::now(), s.connect());
        comes(&mut c, b'z', 2);
        assert_within(begun, 1.5, options);
        s.write_file("go", "");
        assert!(String::from_utf8_lossy(&c.rest()).contains("last"));
    }
}

/// However long Apache may wait for more, so much is sent on.
#[test]
fn response_buffer_size() {
    daemon_only!();
    let s = blocks("response-flush-delay=600000 response-buffer-size=65536", "b'z' * 200000");
    let mut c = s.connect();
    comes(&mut c, b'z', 60_000);
    s.write_file("go", "");
    assert!(c.rest().ends_with(b"0\r\n\r\n"), "the end of the answer");
}

/// An application that sends nothing for so long has the client told, and its process goes on.
#[test]
fn socket_timeout() {
    daemon_only!();
    let s = patient("threads=2 socket-timeout=1").expect_log("WSGI0145: ").start();
    let before = pid(&s);
    let begun = Instant::now();
    let mut held = held(&s);
    assert_eq!(held.response().status, 504);
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    s.write_file("go", "");
    assert_eq!(pid(&s), before);
}

/// A client that takes nothing of its answer does not have the thread for ever.
#[test]
fn response_socket_timeout() {
    daemon_only!();
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = application(
        "
        start_response('200 OK', [('Content-Length', str(64 << 20))])
        if environ['PATH_INFO'] == '/hold':
            open(os.path.dirname(os.path.abspath(__file__)) + '/state/held', 'w').close()
            return [b'x' * (64 << 20)]
        return [b'x'] * (64 << 20 if environ['PATH_INFO'] == '/never' else 1)",
    )
    .group("threads=1 response-socket-timeout=1")
    .allow_log("WSGI01(18|20|46|47)|WSGI1006")
    .start();
    let idle = held(&s);
    let begun = Instant::now();
    assert_eq!(s.get("/next").status, 200);
    assert_within(begun, 10.0, "the answer to the next one");
    idle.abort();
}

/// More requests than may wait: some are told so when connect-timeout is over, and none of the others is lost.
#[test]
fn listen_backlog() {
    daemon_only!();
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s =
        patient("threads=1 listen-backlog=1 connect-timeout=1").children(2).expect_log("WSGI0116: ").start();
    assert_eq!(s.get("/").status, 200);
    let mut held = held(&s);
    let begun = Instant::now();
    let mut waiting: Vec<_> =
        (0..8).map(|_| s.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).collect();
    s.wait_log("WSGI0116: ");
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    s.write_file("go", "");
    assert_eq!(held.response().status, 200);
    let mut answers: Vec<u16> = waiting.iter_mut().map(|c| c.response().status).collect();
    answers.sort_unstable();
    let served = answers.iter().filter(|status| **status == 200).count();
    assert!(answers.iter().all(|status| matches!(status, 200 | 503)), "{answers:?}");
    assert!((1..8).contains(&served), "{answers:?}");
    assert_eq!(s.get("/").status, 200);
}

/// The sockets whose names begin with this.
fn sockets(s: &Server, prefix: &str) -> Vec<PathBuf> {
    let prefix = s.dir().join(prefix);
    let inside = std::fs::read_dir(prefix.parent().expect("a directory")).expect("the directory");
    let name = prefix.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    let mut all: Vec<PathBuf> = inside.flatten().map(|entry| entry.path()).collect();
    all.retain(|path| {
        let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
        file.starts_with(&format!("{name}.")) && file.ends_with(".sock")
    });
    all.sort();
    all
}

/// Only the user who connects has a socket for itself: Apache's, or the one that is named.
#[test]
fn socket_user() {
    daemon_only!();
    skip_if!(!is_root(), "needs root");
    for (option, owner, status) in
        [("", 33, 200), ("socket-user=www-data", 33, 200), ("socket-user=#1", 1, 503)]
    {
        let refused = "WSGI0117: ";
        let s = patient(option).config("WSGISocketPrefix {dir}/run/mine");
        let s = if status == 200 { s } else { s.expect_log(refused) }.start();
        let sockets = sockets(&s, "run/mine");
        let [socket] = sockets.as_slice() else { panic!("{sockets:?}") };
        let found = socket.metadata().expect("the socket");
        assert_eq!((found.uid(), found.mode() & 0o077), (owner, 0), "{option}");
        assert_eq!(s.get("/").status, status, "{option}");
    }
}

/// The name tells whose it is, and stays over restarts if it is to.
#[test]
fn socket_names() {
    daemon_only!();
    skip_if!(!is_root(), "the name has the number of the user");
    for rotation in ["On", "Off"] {
        let s = crate::lifecycle::restarting(patient(""))
            .config(&format!("WSGISocketPrefix run/mine\nWSGISocketRotation {rotation}"))
            .start();
        assert_eq!(s.get("/").status, 200);
        let named = || {
            let path = sockets(&s, "run/mine").pop().expect("a socket");
            path.file_name().expect("a name").to_str().expect("text").to_owned()
        };
        let pattern =
            format!("^mine\\.{}\\.{}\\.1\\.sock$", s.pid(), if rotation == "On" { "[0-9]+" } else { "u33" });
        let first = named();
        assert!(regex(&pattern).is_match(&first), "{first}");
        s.graceful();
        until("the restart", || (s.logged("resuming normal operations").len() > 1).then_some(()));
        until("an answer", || (s.get("/").status == 200).then_some(()));
        let second = named();
        assert!(regex(&pattern).is_match(&second), "{second}");
        let kept = differs(rotation == "Off", true, "a group that has not changed keeps its socket");
        assert_eq!(first == second, kept, "{first} {second}");
    }
}
