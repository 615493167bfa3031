//! Children that go in each phase, or send what they may not; and an engine that fails.

use super::*;

/// Sends these bytes as a first request or as the next one, and closes; the claim is back afterwards, and the worker serves.
fn goes_after(bytes: &[u8]) {
    for is_next in [false, true] {
        let worker = Worker::new(1, echo);
        let mut child = worker.connect();
        if is_next {
            child.send(&request(b"/before", false));
            assert_eq!(child.answer(), b"/before");
            child.claim();
        }
        child.send(bytes);
        drop(child);
        worker.await_claimed(0);
        let mut other = worker.connect();
        other.send(&request(b"/after", false));
        assert_eq!(other.answer(), b"/after");
    }
}

#[test]
fn a_child_that_goes_before_its_request_is_whole() {
    let bytes = request(b"/script", false);
    (0..bytes.len()).step_by(7).for_each(|end| goes_after(&bytes[..end]));
}

#[test]
fn a_child_that_goes_after_its_request() {
    goes_after(&request(b"/script", false));
    goes_after(&request(b"/script", true));
}

#[test]
fn a_child_that_goes_without_a_request() {
    let worker = Worker::new(1, echo);
    let mut child = worker.connect();
    child.send(&request(b"/", false));
    child.answer();
    // It has claimed nothing.
    drop(child);
    let until = Instant::now() + PATIENCE;
    while worker.connections() > 0 {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
    assert_eq!(worker.reception.slot.claimed(), 0);
    // It dies when it has claimed, before it has sent.
    let mut child = worker.connect();
    child.send(&request(b"/", false));
    child.answer();
    child.claim();
    drop(child);
    worker.await_claimed(0);
}

#[test]
fn what_is_no_request_closes_the_connection() {
    let of = |kind, payload: &[u8]| {
        let mut out = Vec::new();
        frame::put(&mut out, kind, 0, payload);
        out
    };
    let too_long = Header { kind: Kind::Request, flag: 0, len: Kind::Request.limit() + 1 };
    for (what, bytes) in [
        ("a body", of(Kind::Body, b"x")),
        ("a head", of(Kind::Head, b"x")),
        ("an unknown kind", vec![0, 0, 0, 0, 12, 0, 0, 0]),
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("a long frame", too_long.bytes().to_vec()),
        ("a malformed request", of(Kind::Request, b"x")),
        ("an empty one", of(Kind::Request, b"")),
    ] {
        let worker = Worker::new(1, echo);
        let mut child = worker.connect();
        child.send(&bytes);
        child.expect_end();
        worker.await_claimed(0);
        assert_eq!(worker.connections(), 0, "{what}");
    }
}

#[test]
fn two_requests_at_a_time_are_one_too_many() {
    let worker = Worker::new(1, echo);
    let mut child = worker.connect();
    let bytes = request(b"/", false);
    child.send(&[&bytes[..], &bytes[..]].concat());
    assert_eq!(child.answer(), b"/");
    child.expect_end();
}

#[test]
fn a_fault_of_the_engine_costs_one_request() {
    let worker = Worker::new(1, |remote, head| {
        remote.head(200, b"200 OK", &[]);
        assert_ne!(head.script, b"/panic", "as it is meant to");
        complete()
    });
    let mut child = worker.connect();
    child.send(&request(b"/panic", false));
    child.expect_end();
    worker.await_claimed(0);
    let mut child = worker.connect();
    child.send(&request(b"/", false));
    child.answer();
    assert_eq!(worker.reception.board.records(SLOT)[0].counters().failed, 1);
}

#[test]
fn a_request_that_was_given_up() {
    let worker = Worker::new(1, |_, _| None);
    let mut child = worker.connect();
    child.send(&request(b"/", false));
    child.expect_end();
    worker.await_claimed(0);
}

#[test]
fn a_child_that_reads_nothing_more() {
    let worker = Worker::new(1, |remote, _| {
        remote.head(200, b"200 OK", &[]);
        remote.copy(&vec![b'x'; 4 << 20]);
        assert!(!remote.flush(), "it has gone");
        assert!(!remote.settle());
        remote.copy(b"nobody gets this");
        complete()
    });
    let mut child = worker.connect();
    child.send(&request(b"/", false));
    child.receive(Kind::Head);
    drop(child);
    worker.await_claimed(0);
}

/// Memory is taken as bytes come, not as a length says.
#[test]
fn a_length_without_its_bytes_takes_no_memory() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let conn = Conn::new(ours.into(), 0);
    let announced = Header { kind: Kind::Request, flag: 0, len: Kind::Request.limit() };
    theirs.write_all(&[&announced.bytes()[..], b"ten bytes."].concat()).unwrap();
    drop(theirs);
    let (mut input, mut payload) = (Default::default(), Vec::new());
    let header = conn.header(&mut input).unwrap().unwrap();
    let error = conn.payload(&mut input, header.len, &mut payload).unwrap_err();
    assert_eq!((error.kind(), &payload[..]), (io::ErrorKind::UnexpectedEof, &b"ten bytes."[..]));
    assert!(payload.capacity() < 1000, "{}", payload.capacity());
}
