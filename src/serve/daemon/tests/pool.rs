//! The pool: connections that are kept, the queue, and greetings of all kinds.

use super::*;
use crate::config::daemon::Processes;
use crate::serve::daemon::pool::{Problem, Progress};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::time::Instant;
use wire::scoreboard::{Condition, WorkerSlot};

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let group = Group::serving(options());
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| group.accept(5));
        let conn = group.take();
        let number = conn.stream.fd();
        assert_eq!((group.claimed(), conn.progress()), (1, Progress::None));
        let mut peer = worker.join().unwrap();
        peer.end();
        assert_eq!(group.claimed(), 0);
        group.pool.give_back(conn);
        let conn = group.take();
        assert_eq!((conn.stream.fd(), group.claimed()), (number, 1));
        assert_eq!(group.entry(5).claimed.load(Ordering::SeqCst), 1);
        peer.start();
        assert_eq!(conn.progress(), Progress::Started);
        group.entry(5).started.store(2, Ordering::SeqCst);
        assert_eq!(conn.progress(), Progress::Late);
        group.live.slots[1].open(GENERATION + 1, 2, 0, group.live.board.connections(1));
        assert_eq!(conn.progress(), Progress::Started, "another worker's note");
    });
}

#[test]
fn where_all_threads_are_claimed_the_queue_is_next() {
    let group = Group::serving(GroupOptions { processes: Some(Processes::Number(2)), ..options() });
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| (group.accept(0), group.accept(1), group.accept(2)));
        let [first, second, third] = [group.take(), group.take(), group.take()];
        let (mut peer, ..) = worker.join().unwrap();
        assert_eq!(group.claimed(), 3, "a worker that greets has claimed a thread itself");
        let idle = first.stream.fd();
        peer.end();
        group.pool.give_back(first);
        // Two threads, both claimed: the idle connection has nobody behind it.
        let waits = scope.spawn(|| group.take());
        let peer = group.accept(3);
        let fourth = waits.join().unwrap();
        assert_ne!(fourth.stream.fd(), idle);
        drop((peer, second, third, fourth));
    });
}

/// Two idle connections to the worker; the bell is to be rung.
fn with_two_idle(group: &Group) {
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| [group.accept(0), group.accept(1)]);
        let conns = [group.take(), group.take()];
        let peers = worker.join().unwrap();
        peers.into_iter().zip(conns).for_each(|(mut peer, conn)| {
            peer.end();
            group.pool.give_back(conn);
            std::mem::forget(peer);
        });
    });
    group.live.slots[1].bell().store(1, Ordering::SeqCst);
}

#[test]
fn who_has_no_place_waits_at_the_worker_and_rings() {
    let group = Group::serving(options());
    with_two_idle(&group);
    let slot = &group.live.slots[1];
    slot.set_places(1);
    let first = group.take();
    assert_eq!((group.claimed(), slot.bell().load(Ordering::SeqCst)), (1, 1), "it has the place");
    let second = group.take();
    assert_eq!((group.claimed(), slot.bell().load(Ordering::SeqCst)), (2, WorkerSlot::SILENT));
    drop((first, second));
}

#[test]
fn who_must_know_how_long_waits_in_the_queue_and_rings() {
    let group = Group::serving(GroupOptions { queue_timeout: 9, ..options() });
    with_two_idle(&group);
    let slot = &group.live.slots[1];
    slot.set_places(1);
    let first = group.take();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| group.take());
        let peer = group.accept(2);
        assert_eq!(slot.bell().load(Ordering::SeqCst), WorkerSlot::SILENT);
        drop((waits.join().unwrap(), peer));
    });
    drop(first);
}

#[test]
fn where_another_process_has_a_place_the_queue_is_next() {
    let group = Group::serving(GroupOptions { processes: Some(Processes::Number(2)), ..options() });
    with_two_idle(&group);
    group.live.slots[1].set_places(1);
    let first = group.take();
    let other = &group.live.slots[0];
    other.open(GENERATION, 2, 0, group.live.board.connections(0));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| group.take());
        let peer = group.accept(2);
        drop((waits.join().unwrap(), peer));
    });
    (0..2).for_each(|_| assert_eq!(other.claim(GENERATION, 2), Some(true)));
    group.live.slots[1].release(GENERATION);
    drop((group.take(), first));
}

#[test]
fn who_waits_is_on_the_scoreboard() {
    let group = Group::serving(options());
    let before = os::monotonic();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| group.take());
        let deadline = Instant::now() + PATIENCE;
        while group.live.scoreboard.queued.count() == 0 || group.live.board.children[0].waiting().is_none() {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
        let (pid, count, since) = group.live.board.children[0].waiting().unwrap();
        assert_eq!((pid, count), (std::process::id(), 1));
        assert!(since >= before && since <= os::monotonic());
        let _peer = group.accept(0);
        let _conn = waits.join().unwrap();
    });
    assert_eq!(group.live.board.children[0].waiting(), None);
    assert_eq!(group.live.scoreboard.queued.count(), 0);
}

#[test]
fn connections_to_a_worker_that_takes_nothing_are_closed() {
    let group = Group::serving(options());
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let mut peer = group.accept(0);
            peer.end();
            peer
        });
        let conn = group.take();
        let peer = worker.join().unwrap();
        group.pool.give_back(conn);
        group.live.slots[1].close();
        let waits = scope.spawn(|| group.take());
        peer.expect_end();
        group.open();
        let _peer = group.accept(1);
        drop(waits.join().unwrap());
    });
}

#[test]
fn no_more_idle_connections_than_threads() {
    let group = Group::serving(GroupOptions { threads: 1, ..options() });
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| (group.accept(0), group.accept(1)));
        let (first, second) = (group.take(), group.take());
        let (mut kept, mut closed) = worker.join().unwrap();
        kept.end();
        closed.end();
        group.pool.give_back(first);
        group.pool.give_back(second);
        closed.expect_end();
        assert!(group.take().stream.is_empty());
    });
}

#[test]
fn a_connection_without_a_place_serves_one_request() {
    let group = Group::serving(options());
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let mut stream = group.listener.accept().unwrap().0;
            let mut out = Vec::new();
            group.hello(u32::MAX).put(&mut out);
            stream.write_all(&out).unwrap();
            Peer { group: &group, index: 0, stream }
        });
        let conn = group.take();
        assert_eq!(conn.progress(), Progress::Started, "nobody notes it, so it must not be repeated");
        group.pool.give_back(conn);
        worker.join().unwrap().expect_end();
    });
}

/// What a request gets where this comes instead of a greeting.
fn greeted_by(bytes: Vec<u8>) -> Problem {
    let group = Group::serving(options());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut stream = group.listener.accept().unwrap().0;
            stream.write_all(&bytes).unwrap();
            // A child that waits for more hears the end.
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
            // Whoever tries again finds nobody.
            group.live.slots[1].close();
            group.live.scoreboard.set_condition(Condition::Down);
            os::shut_down(group.listener.as_raw_fd());
        });
        group.pool.take(group.live, PATIENCE, None).err().unwrap()
    })
}

#[test]
fn strangers_are_not_served() {
    let group = Group::new(options());
    let hello = |change: &dyn Fn(&mut Hello)| {
        let (mut out, mut hello) = (Vec::new(), group.hello(0));
        change(&mut hello);
        hello.put(&mut out);
        out
    };
    let of = |kind, payload: &[u8]| {
        let mut out = Vec::new();
        frame::put(&mut out, kind, 0, payload);
        out
    };
    let mut cut = hello(&|_| {});
    cut[0] -= 1;
    for (what, bytes) in [
        ("another token", hello(&|hello| hello.token = [8; 16])),
        ("a later version", hello(&|hello| hello.versions = (VERSIONS.end() + 1, VERSIONS.end() + 2))),
        ("another kind", of(Kind::End, &[0; 16])),
        ("a short greeting", cut),
        ("no frame", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
    ] {
        let problem = greeted_by(bytes);
        let Problem::Socket(error) = problem else { panic!("{what}: {problem:?}") };
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{what}");
    }
    let problem = greeted_by(hello(&|hello| hello.slot = 2));
    assert!(matches!(problem, Problem::Down), "no such slot: {problem:?}");
    for length in [0, 3, HEADER, HEADER + 10] {
        // The worker died: another one would be asked, if one served.
        let problem = greeted_by(hello(&|_| {})[..length].to_vec());
        assert!(matches!(problem, Problem::Down), "{length}: {problem:?}");
    }
}

#[test]
fn another_worker_is_asked_when_one_dies_before_its_greeting() {
    let group = Group::serving(options());
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            for length in [0, 1, HEADER, HEADER + 5] {
                let mut stream = group.listener.accept().unwrap().0;
                let mut hello = Vec::new();
                group.hello(0).put(&mut hello);
                stream.write_all(&hello[..length]).unwrap();
            }
            group.accept(0)
        });
        let conn = group.take();
        drop((conn, worker.join().unwrap()));
    });
}

#[test]
fn workers_that_die_one_after_another_are_given_up() {
    let group = Group::serving(options());
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| (0..20).for_each(|_| drop(group.listener.accept().unwrap())));
        let problem = group.pool.take(group.live, PATIENCE, None).err().unwrap();
        let Problem::Socket(error) = problem else { panic!("{problem:?}") };
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        worker.join().unwrap();
    });
}

#[test]
fn times_of_the_queue() {
    let group = Group::serving(GroupOptions { connect_timeout: 0, ..options() });
    let soon = || Some(Instant::now() + Duration::from_millis(30));
    let problem = |patience, until| group.pool.take(group.live, patience, until).err().unwrap();
    // In the queue, where nobody takes it: queue-timeout and socket-timeout.
    let group_that_waits = Group::serving(options());
    let waits = |patience, until| group_that_waits.pool.take(group_that_waits.live, patience, until).err();
    assert!(matches!(waits(PATIENCE, soon()), Some(Problem::Late)));
    assert!(matches!(waits(Duration::from_millis(30), None), Some(Problem::Late)));
    // Not even there.
    os::set_backlog(group.listener.as_raw_fd(), 0).unwrap();
    let path = wire::shown(&group.live.path).into_owned();
    let _fills = UnixStream::connect(&path).unwrap();
    assert!(matches!(problem(PATIENCE, None), Problem::Full));
    assert!(matches!(problem(PATIENCE, Some(Instant::now())), Problem::Late));
    std::fs::remove_file(&path).unwrap();
    let Problem::Socket(error) = problem(PATIENCE, None) else { panic!("connected to nothing") };
    assert_eq!(error.kind(), ErrorKind::NotFound);
    // While nobody serves or starts.
    group.live.slots[1].close();
    group.live.scoreboard.set_condition(Condition::Down);
    assert!(matches!(problem(PATIENCE, None), Problem::Down));
}

#[test]
fn a_group_that_goes_down_lets_its_queue_go() {
    let group = Group::serving(options());
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| group.pool.take(group.live, PATIENCE, None).err());
        while group.live.scoreboard.queued.count() == 0 {
            std::thread::yield_now();
        }
        group.live.scoreboard.set_condition(Condition::Down);
        group.live.slots[1].close();
        assert!(matches!(waits.join().unwrap(), Some(Problem::Down)));
    });
}
