//! Clients that take their answer slowly, or go; their sockets are real.

use super::*;
use crate::apache::Status;
use std::os::unix::net::UnixStream;

/// A client with a socket of its own, and the other end of that.
fn client() -> (Visitor, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_read_timeout(Some(PATIENCE)).unwrap();
    let patience = Some(PATIENCE);
    (Visitor { socket: Some(ours), patience, ..Visitor::default() }, theirs)
}

/// More than a socket holds.
const LARGE: usize = 2 << 20;

#[test]
fn a_slow_client_gets_all_of_it() {
    let group = Group::serving(GroupOptions { response_buffer_size: 256 << 10, ..options() });
    let (mut visitor, mut theirs) = client();
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut got = vec![0; LARGE];
            for part in got.chunks_mut(40_000) {
                theirs.read_exact(part).unwrap();
                std::thread::yield_now();
            }
            got
        });
        let relayed = group.relay(&mut visitor, &request(1), |mut peer| {
            peer.receive(Kind::Request);
            peer.send(|out| frame::Answer::put(out, 200, b"", &[]));
            for _ in 0..LARGE / 65_536 {
                peer.send(|out| {
                    frame::put(out, Kind::Data, 0, &[b'x'; 65_536]);
                    frame::put(out, Kind::Flush, 0, b"");
                });
            }
            peer.send(|out| frame::put(out, Kind::Flush, 1, b""));
            assert_eq!(peer.receive(Kind::Ack).0, 1);
            peer.end();
        });
        assert!(matches!(relayed, Relayed::Done(Status::OK)));
        // What is held at the end is httpd's to send.
        let socket = visitor.socket.take().unwrap();
        socket.set_nonblocking(false).unwrap();
        let mut rest = &socket;
        rest.write_all(&vec![b'x'; LARGE - visitor.got.len()]).unwrap();
        assert!(reader.join().unwrap() == vec![b'x'; LARGE]);
    });
    assert_eq!(visitor.end, "finish");
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let group = Group::serving(GroupOptions { response_buffer_size: 64 << 10, ..options() });
    let (mut visitor, _theirs) = client();
    visitor.patience = Some(Duration::from_millis(50));
    let relayed = group.relay(&mut visitor, &request(1), |mut peer| {
        peer.receive(Kind::Request);
        let mut out = Vec::new();
        answer(&mut out, &[], &vec![b'x'; LARGE]);
        // The relay stops reading, and then the connection ends.
        let _ = peer.stream.write_all(&out);
        peer.expect_end();
    });
    assert!(matches!(relayed, Relayed::Done(Status::OK)));
    assert_eq!(visitor.end, "given up");
    assert!(visitor.line().contains("response-socket-timeout"), "{}", visitor.line());
}

#[test]
fn a_client_that_goes_ends_the_connection_to_the_worker() {
    let group = Group::serving(options());
    let mut visitor = Visitor { leaves_at: Some(5), ..Visitor::default() };
    let relayed = group.relay(&mut visitor, &request(1), |mut peer| {
        peer.receive(Kind::Request);
        peer.send(|out| {
            answer(out, &[], b"body");
            frame::put(out, Kind::Flush, 1, b"");
        });
        assert_eq!(peer.receive(Kind::Ack).0, 1, "it is still there");
        peer.send(|out| {
            frame::put(out, Kind::Data, 0, b"more");
            frame::put(out, Kind::Flush, 1, b"");
        });
        assert_eq!(peer.receive(Kind::Ack).0, 0, "it has gone");
        peer.expect_end();
    });
    assert!(matches!(relayed, Relayed::Done(Status::OK)));
    assert_eq!((&visitor.got[..], &visitor.end[..]), (&b"body"[..], "abandon"));
}

#[test]
fn a_client_that_goes_while_it_owes_something() {
    let group = Group::serving(GroupOptions { response_buffer_size: 64 << 10, ..options() });
    let (mut visitor, theirs) = client();
    let mut theirs = Some(theirs);
    let relayed = group.relay(&mut visitor, &request(1), |mut peer| {
        peer.receive(Kind::Request);
        let mut out = Vec::new();
        answer(&mut out, &[], &vec![b'x'; LARGE]);
        let theirs = theirs.take();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // It takes something, so the relay has sent as much as goes.
                let mut theirs = theirs.unwrap();
                theirs.read_exact(&mut [0; 1000]).unwrap();
            });
            let _ = peer.stream.write_all(&out);
        });
        peer.expect_end();
    });
    assert!(matches!(relayed, Relayed::Done(Status::OK)));
    assert_eq!(visitor.end, "abandon");
}

#[test]
fn the_time_of_the_client_is_set_and_set_back() {
    let group = Group::serving(GroupOptions { response_socket_timeout: 7, ..options() });
    let mut visitor = Visitor::default();
    group.relay(&mut visitor, &request(1), |mut peer| {
        peer.receive(Kind::Request);
        peer.end();
    });
    assert_eq!(*visitor.timeouts.borrow(), [Duration::from_secs(7), PATIENCE]);
}

#[test]
fn nobody_waits_for_a_body_that_the_client_does_not_get() {
    let group = Group::serving(options());
    let mut visitor = Visitor { head_only: true, ..Visitor::default() };
    let relayed = group.relay(&mut visitor, &request(1), |mut peer| {
        peer.receive(Kind::Request);
        peer.send(|out| {
            answer(out, &[], b"body");
            frame::put(out, Kind::Flush, 1, b"");
        });
        assert_eq!(peer.receive(Kind::Ack).0, 0);
        peer.expect_end();
    });
    assert!(matches!(relayed, Relayed::Done(Status::OK)));
    assert_eq!((&visitor.got[..], &visitor.end[..]), (&b""[..], "abandon"));
}
