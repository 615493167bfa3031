//! Requests one after another, and what becomes of the claims of their threads.

use super::*;
use crate::worker::turn::Origin;
use wire::scoreboard::State;

#[test]
fn requests_on_a_connection_that_is_kept() {
    let worker = Worker::new(2, echo);
    let mut child = worker.connect();
    // The thread has claimed itself; the other one may have come for the connection too, for a moment.
    worker.await_claimed(1);
    for number in 0..5 {
        if number > 0 {
            child.claim();
        }
        child.send(&request(format!("/{number}").as_bytes(), false));
        assert_eq!(child.answer(), format!("/{number}").as_bytes());
        // The claim goes back before the end is sent.
        assert_eq!(worker.reception.slot.claimed(), 0);
        let entry = &worker.reception.board.connections(SLOT)[child.index as usize];
        let noted = (entry.claimed.load(Ordering::SeqCst), entry.started.load(Ordering::SeqCst));
        assert_eq!(noted, (0, 1));
    }
    assert_eq!(worker.connections(), 1);
    child.stream.shutdown(std::net::Shutdown::Write).unwrap();
    child.expect_end();
    worker.await_claimed(0);
}

#[test]
fn a_request_may_be_cut_anywhere() {
    let worker = Worker::new(1, echo);
    let mut child = worker.connect();
    let bytes = request(b"/script", false);
    for cut in 1..bytes.len() {
        child.send(&bytes[..cut]);
        std::thread::yield_now();
        child.send(&bytes[cut..]);
        assert_eq!(child.answer(), b"/script", "cut at {cut}");
        child.claim();
    }
    bytes.chunks(1).for_each(|byte| child.send(byte));
    assert_eq!(child.answer(), b"/script");
}

#[test]
fn what_a_thread_does_is_on_the_scoreboard() {
    let worker = Worker::new(1, |remote, _| {
        remote.running();
        remote.copy(b"12345");
        let mut byte = [0];
        assert_eq!(remote.read(&mut byte), Ok(1));
        complete()
    });
    let mut child = worker.connect();
    let record = &worker.reception.board.records(SLOT)[0];
    child.send(&request(b"/", false));
    child.receive(Kind::Data);
    let seen = record.read().unwrap();
    assert_eq!((seen.state, &*seen.method, &*seen.path), (State::Running, "GET", "/"));
    assert_eq!(seen.connection, u64::from(child.index));
    assert!(seen.taken > 0 && seen.since >= seen.taken && record.is_busy());
    assert_eq!(record.counters().requests, 0);
    child.receive(Kind::Read);
    child.send_frame(Kind::Body, 1, b"x");
    child.answer();
    let until = Instant::now() + PATIENCE;
    while record.counters().requests == 0 {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
    let counters = record.counters();
    assert_eq!((counters.failed, counters.read, counters.sent), (0, 1, 5));
}

#[test]
fn a_thread_that_has_served_takes_the_queue_first() {
    let worker = Worker::new(1, echo);
    let mut first = worker.connect();
    worker.reception.board.group.queued.add();
    let mut second = UnixStream::connect(&worker.path).unwrap();
    first.send(&request(b"/first", false));
    assert_eq!(first.answer(), b"/first");
    // Nobody else can claim the only thread now: it greets the second one.
    let mut hello = [0; HEADER];
    second.read_exact(&mut hello).unwrap();
    assert_eq!(worker.reception.slot.claimed(), 1);
    drop(second);
    worker.await_claimed(0);
    let until = Instant::now() + PATIENCE;
    while worker.reception.board.group.queued.count() != 0 {
        // One that was counted has gone: a thread that finds nobody says so.
        let mut third = worker.connect();
        third.send(&request(b"/third", false));
        assert_eq!(third.answer(), b"/third");
        assert!(Instant::now() < until);
    }
}

#[test]
fn while_a_large_answer_is_sent_the_thread_stays_claimed() {
    const LARGE: usize = 4 << 20;
    let worker = Worker::new(1, |remote, _| {
        remote.head(200, b"200 OK", &[]);
        remote.copy(&vec![b'x'; LARGE]);
        complete()
    });
    let mut child = worker.connect();
    child.send(&request(b"/", false));
    child.receive(Kind::Head);
    assert_eq!(worker.reception.slot.claimed(), 1);
    let mut got = vec![0; HEADER + LARGE];
    for part in got.chunks_mut(50_000) {
        child.stream.read_exact(part).unwrap();
        std::thread::yield_now();
    }
    assert!(got[HEADER..] == vec![b'x'; LARGE]);
    child.answer();
    worker.await_claimed(0);
}

#[test]
fn a_connection_without_a_place_gives_its_claim_back() {
    for (bytes, outcome) in [(&b""[..], false), (&request(b"/", false), true)] {
        let worker = Worker::new(1, echo);
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let conn = Arc::new(Conn::new(ours.into(), 300));
        let reception = &worker.reception;
        assert_eq!(reception.slot.claim(GENERATION, 1), Some(true));
        theirs.write_all(bytes).unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        let mut thread = Thread { reception: reception.clone(), index: 0, application: echo };
        assert!(!reception.exchange(&conn, Origin::Queue, &mut Vec::new(), &mut thread));
        assert_eq!(reception.slot.claimed(), 0);
        drop(conn);
        let mut got = Vec::new();
        theirs.read_to_end(&mut got).unwrap();
        assert_eq!(!got.is_empty(), outcome);
    }
}
