//! Workers that die in each phase of a request, or send what they may not.

use super::*;
use crate::apache::Status;
use std::fs::File;
use std::io::IoSlice;
use std::os::fd::AsRawFd;
use wire::Origin;

/// Relays a request to a worker that sends `bytes` and goes; `started`: it has called the application by then.
fn dies_after(started: bool, bytes: &[u8]) -> (Relayed, Visitor) {
    let (group, mut visitor) = (Group::serving(options()), Visitor::default());
    let relayed = group.relay(&mut visitor, &request(10), |mut peer| {
        peer.receive(Kind::Request);
        if started {
            peer.start();
        }
        peer.stream.write_all(bytes).unwrap();
    });
    assert!(
        group.pool.take(group.live, PATIENCE, Some(std::time::Instant::now())).is_err(),
        "it is not kept"
    );
    (relayed, visitor)
}

fn frames(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

#[test]
fn before_the_application_was_called_another_process_gets_the_request() {
    let line = frames(|out| frame::put_log(out, 6, b"a line", Origin::NONE));
    for bytes in [&b""[..], &line[..3], &line[..HEADER + 2], &line] {
        let (relayed, visitor) = dies_after(false, bytes);
        assert!(matches!(relayed, Relayed::Elsewhere), "{bytes:?}");
        assert!(!visitor.body_forgotten && visitor.end.is_empty());
    }
    let elsewhere = frames(|out| frame::put_end(out, Outcome::of(End::Elsewhere, 0)));
    assert!(matches!(dies_after(false, &elsewhere[..10]).0, Relayed::Elsewhere));
}

#[test]
fn a_worker_that_makes_way_keeps_its_connection() {
    let (group, mut visitor) = (Group::serving(options()), Visitor::default());
    let relayed = group.relay(&mut visitor, &request(10), |mut peer| {
        peer.receive(Kind::Request);
        peer.end_with(Outcome::of(End::Elsewhere, 0));
    });
    assert!(matches!(relayed, Relayed::Elsewhere));
    assert!(!visitor.body_forgotten && group.take().stream.is_empty());
}

#[test]
fn afterwards_the_request_is_not_repeated() {
    let whole = frames(|out| {
        frame::put_log(out, 6, b"a line", Origin::NONE);
        answer(out, &[], b"body");
        frame::put_end(out, Outcome::of(End::Complete, 0));
    });
    for end in 0..whole.len() {
        let (relayed, visitor) = dies_after(true, &whole[..end]);
        assert!(matches!(relayed, Relayed::Done(Status(502))), "after {end} bytes");
        let lines = visitor.lines.borrow();
        let last = lines.last().unwrap();
        assert!(last.starts_with("WSGI0082: ") || last.contains("in the middle of the request"), "{last}");
        assert!(visitor.end.is_empty() && visitor.got.is_empty());
    }
}

#[test]
fn nor_when_something_of_an_answer_has_come() {
    for bytes in [
        frames(|out| answer(out, &[], b"body")),
        frames(|out| frame::put(out, Kind::Flush, 0, b"")),
        frames(|out| frame::put(out, Kind::Read, 0, &1u32.to_le_bytes())),
    ] {
        // The note in the scoreboard is missing: whoever dies may have spoiled it.
        let (relayed, _) = dies_after(false, &bytes);
        assert!(matches!(relayed, Relayed::Done(_)), "{bytes:?}");
    }
}

#[test]
fn what_the_client_has_got_breaks_off() {
    let bytes = frames(|out| {
        answer(out, &[], b"body");
        frame::put(out, Kind::Flush, 1, b"");
    });
    let (relayed, visitor) = dies_after(true, &bytes);
    assert!(matches!(relayed, Relayed::Done(Status::OK)));
    assert_eq!((&visitor.got[..], &visitor.end[..]), (&b"body"[..], "fail"));
    assert!(visitor.line().contains("the connection to the client is cut"), "{}", visitor.line());
}

#[test]
fn a_request_that_was_too_late() {
    let (group, mut visitor) = (Group::serving(options()), Visitor::default());
    let relayed = group.relay(&mut visitor, &request(10), |mut peer| {
        peer.receive(Kind::Request);
        group.entry(0).started.store(2, Ordering::SeqCst);
    });
    assert!(matches!(relayed, Relayed::Done(Status(504))));
    assert!(visitor.line().contains("request-timeout"));
    assert_eq!(*visitor.retry_after.borrow(), 10);
}

#[test]
fn a_worker_that_says_nothing() {
    let (group, mut visitor) = (Group::serving(options()), Visitor::default());
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| group.accept(0));
        let conn = group.pool.take(group.live, Duration::from_millis(50), None).unwrap();
        let relayed = Relay::new(&mut visitor, &group.pool, group.live, conn).run(&mut request(1)[..].into());
        // The application has not been called; but it may be, any time.
        assert!(matches!(relayed, Relayed::Done(Status(504))));
        let mut peer = worker.join().unwrap();
        peer.receive(Kind::Request);
        peer.expect_end();
    });
    assert!(visitor.line().contains("socket-timeout"));
}

/// Invalid data, whatever is known of the request.
#[track_caller]
fn is_refused(what: &str, bytes: &[u8]) {
    for started in [false, true] {
        let (relayed, visitor) = dies_after(started, bytes);
        assert!(matches!(relayed, Relayed::Done(Status(500))), "{what}");
        assert!(visitor.line().contains("invalid data"), "{what}: {}", visitor.line());
    }
}

#[test]
fn frames_that_do_not_belong_in_an_answer() {
    for kind in [Kind::Hello, Kind::Request, Kind::Body, Kind::Ack] {
        is_refused(&format!("{kind:?}"), &frames(|out| frame::put(out, kind, 0, b"")));
    }
    let head = |out: &mut Vec<u8>| frame::Answer::put(out, 200, b"", &[]);
    let heads = |headers: &[(&[u8], &[u8])]| frames(|out| frame::Answer::put(out, 200, b"", headers));
    is_refused("three heads", &frames(|out| (0..3).for_each(|_| head(out))));
    is_refused("a line break", &heads(&[(b"A", b"1\r\nB: 2")]));
    is_refused("a framing of its own", &heads(&[(b"Transfer-Encoding", b"chunked")]));
    is_refused("two lengths", &heads(&[(b"Content-Length", b"1"), (b"content-length", b"1")]));
    is_refused("a length that is none", &heads(&[(b"Content-Length", b"+1")]));
    is_refused("more than its length", &frames(|out| answer(out, &[(b"Content-Length", b"3")], b"body")));
    is_refused("a file without one", &frames(|out| frame::put_file(out, 0, 1)));
    is_refused("a negative file", &frames(|out| frame::put_file(out, -1, 1)));
    is_refused("an end that is none", &frames(|out| frame::put(out, Kind::End, 0, &[9; 16])));
    is_refused("a short end", &frames(|out| frame::put(out, Kind::End, 0, &[0; 15])));
    is_refused("a read that is none", &frames(|out| frame::put(out, Kind::Read, 0, b"")));
    let elsewhere = |out: &mut Vec<u8>| frame::put_end(out, Outcome::of(End::Elsewhere, 0));
    let begun = frames(|out| {
        head(out);
        elsewhere(out);
    });
    is_refused("for another process, once begun", &begun);
}

#[test]
fn frames_that_are_none() {
    is_refused("an unknown kind", &[0, 0, 0, 0, 12, 0, 0, 0]);
    is_refused("no kind", &[0; 8]);
    is_refused("HTTP", b"HTTP/1.1 200 OK\r\n\r\n");
    for kind in [Kind::Head, Kind::Data, Kind::Flush, Kind::File, Kind::Log, Kind::End, Kind::Read] {
        let header = Header { kind, flag: 0, len: kind.limit() + 1 };
        is_refused(&format!("a long {kind:?}"), &header.bytes());
    }
}

#[test]
fn descriptors_that_nobody_asked_for() {
    let file = File::open("/dev/null").unwrap();
    for bytes in [
        frames(|out| frame::put(out, Kind::Flush, 0, b"")),
        frames(|out| answer(out, &[], b"body")),
        frames(|out| frame::put_file(out, 0, 0)),
    ] {
        let (group, mut visitor) = (Group::serving(options()), Visitor::default());
        let relayed = group.relay(&mut visitor, &request(10), |mut peer| {
            peer.receive(Kind::Request);
            let fd = Some(file.as_raw_fd());
            os::send(peer.stream.as_raw_fd(), &[IoSlice::new(&bytes)], fd, true).unwrap();
            peer.expect_end();
        });
        assert!(matches!(relayed, Relayed::Done(_)));
        assert!(visitor.line().contains("invalid data"), "{}", visitor.line());
    }
}
