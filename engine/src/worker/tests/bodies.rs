//! Bodies of requests as the application reads them, and acknowledgements.

use super::*;
use wire::abi::ReadError;

/// Reads the body to its end, or error, and answers with what it got.
fn read_all(remote: &mut Remote, _: &Head<'_>) -> Option<Outcome> {
    remote.started();
    let (mut got, mut part) = (Vec::new(), [0; 10]);
    loop {
        match remote.read(&mut part) {
            Ok(0) => break,
            Ok(count) => got.extend_from_slice(&part[..count]),
            Err(error) => {
                got.extend_from_slice(format!("!{error:?}").as_bytes());
                break;
            }
        }
    }
    remote.head(200, b"200 OK", &[]);
    remote.copy(&got);
    complete()
}

#[test]
fn a_body_that_is_asked_for() {
    let worker = Worker::new(1, read_all);
    let mut child = worker.connect();
    child.send(&request(b"/", false));
    assert_eq!(child.receive(Kind::Read).1, 10u32.to_le_bytes());
    child.send_frame(Kind::Body, 0, b"some");
    child.receive(Kind::Read);
    // More than it has asked for is there for its next reads.
    child.send_frame(Kind::Body, 0, b" and 25 bytes at one time");
    child.receive(Kind::Read);
    child.send_frame(Kind::Body, 1, b".");
    assert_eq!(child.answer(), b"some and 25 bytes at one time.");
}

#[test]
fn a_body_that_comes_along_in_pieces() {
    let mut body = Vec::new();
    frame::put(&mut body, Kind::Body, 0, b"the beginning");
    let bytes = [request(b"/", true), body].concat();
    for cut in (1..bytes.len()).step_by(5) {
        let worker = Worker::new(1, read_all);
        let mut child = worker.connect();
        child.send(&bytes[..cut]);
        std::thread::yield_now();
        child.send(&bytes[cut..]);
        child.receive(Kind::Read);
        child.send_frame(Kind::Body, 1, b", the end");
        assert_eq!(child.answer(), b"the beginning, the end", "cut at {cut}");
    }
}

#[test]
fn a_body_that_nobody_reads_is_taken_off_the_connection() {
    let worker = Worker::new(1, echo);
    let mut child = worker.connect();
    for _ in 0..3 {
        child.send(&request(b"/script", true));
        child.send_frame(Kind::Body, 1, &[b'x'; 60_000]);
        assert_eq!(child.answer(), b"/script");
        child.claim();
    }
    child.send(&request(b"/script", false));
    assert_eq!(child.answer(), b"/script");
}

#[test]
fn how_a_body_fails() {
    for error in [ReadError::Disconnected, ReadError::Timeout, ReadError::TooLarge, ReadError::Malformed] {
        let worker = Worker::new(1, read_all);
        let mut child = worker.connect();
        child.send(&request(b"/", false));
        child.receive(Kind::Read);
        child.send_frame(Kind::Body, frame::Body::Failed(error).flag(), b"part");
        assert_eq!(child.answer(), format!("part!{error:?}").as_bytes());
    }
}

/// What is sent in the place of a body ends it, as if the client had gone, and with it the connection.
#[test]
fn what_is_no_body() {
    let of = |kind, flag, payload: &[u8]| {
        let mut out = Vec::new();
        frame::put(&mut out, kind, flag, payload);
        out
    };
    let too_long = Header { kind: Kind::Body, flag: 0, len: Kind::Body.limit() + 1 };
    for (what, bytes) in [
        ("a request", request(b"/", false)),
        ("an ACK", of(Kind::Ack, 1, b"")),
        ("an unknown state", of(Kind::Body, 99, b"")),
        ("a long frame", too_long.bytes().to_vec()),
        ("half a header", vec![1, 0, 0]),
        ("half a body", of(Kind::Body, 0, b"whole")[..HEADER + 2].to_vec()),
        ("nothing", vec![]),
    ] {
        let worker = Worker::new(1, read_all);
        let mut child = worker.connect();
        child.send(&request(b"/", false));
        child.receive(Kind::Read);
        child.send(&bytes);
        child.stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut got = Vec::new();
        match child.stream.read_to_end(&mut got) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{what}"),
        }
        let told = got.windows(12).any(|part| part == b"Disconnected");
        assert!(told, "{what}: {}", wire::shown(&got));
        worker.await_claimed(0);
    }
}

#[test]
fn an_acknowledgement_comes_behind_a_body_that_was_not_read() {
    let worker = Worker::new(1, |remote, _| {
        remote.head(200, b"200 OK", &[]);
        remote.copy(b"first");
        assert!(remote.settle());
        remote.copy(b"second");
        assert!(!remote.settle(), "the client has gone");
        complete()
    });
    let mut child = worker.connect();
    child.send(&request(b"/", true));
    child.send_frame(Kind::Body, 1, b"nobody reads this");
    child.receive(Kind::Head);
    assert_eq!(child.receive(Kind::Data).1, b"first");
    assert_eq!(child.receive(Kind::Flush).0, 1);
    child.send_frame(Kind::Ack, 1, b"");
    assert_eq!(child.receive(Kind::Data).1, b"second");
    assert_eq!(child.receive(Kind::Flush).0, 1);
    child.send_frame(Kind::Ack, 0, b"");
    child.answer();
}

#[test]
fn what_is_no_acknowledgement() {
    for kind in [Kind::Body, Kind::Request] {
        let worker = Worker::new(1, |remote, _| {
            remote.copy(b"first");
            assert!(!remote.settle());
            complete()
        });
        let mut child = worker.connect();
        child.send(&request(b"/", false));
        child.receive(Kind::Data);
        child.receive(Kind::Flush);
        child.send_frame(kind, 1, b"");
        assert_eq!(child.answer(), b"");
    }
}
