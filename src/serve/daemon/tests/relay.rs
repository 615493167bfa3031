//! Answers that come whole, whatever pieces they come in, and what is asked for meanwhile.

use super::*;
use crate::apache::Status;
use std::fs::File;
use std::io::IoSlice;
use std::os::fd::AsRawFd;
use wire::Origin;

#[track_caller]
fn done(relayed: Relayed) -> Status {
    match relayed {
        Relayed::Done(status) => status,
        Relayed::Elsewhere => panic!("the request is given to another process"),
    }
}

#[test]
fn an_answer_is_relayed_and_the_connection_kept() {
    let (group, mut visitor) = (Group::serving(options()), Visitor::default());
    let relayed = group.relay(&mut visitor, &request(100), |mut peer| {
        assert_eq!(peer.receive(Kind::Request), (0, vec![b'r'; 100]));
        peer.start();
        peer.send(|out| {
            frame::put_log(out, 6, b"a line", Origin::NONE);
            answer(out, &[(b"A", b"1"), (b"Content-Length", b"4")], b"body");
        });
        peer.end();
    });
    assert_eq!(done(relayed), Status::OK);
    assert_eq!((visitor.status, &visitor.got[..], &visitor.end[..]), (Some(200), &b"body"[..], "finish"));
    assert_eq!(visitor.line(), "Info: a line");
    assert!(visitor.body_forgotten);
    assert_eq!(group.claimed(), 0);
    assert!(group.take().stream.is_empty(), "it is in the pool");
}

#[test]
fn an_answer_may_be_cut_anywhere() {
    let mut bytes = Vec::new();
    answer(&mut bytes, &[(b"Content-Length", b"6")], b"one");
    frame::put(&mut bytes, Kind::Flush, 0, b"");
    frame::put_log(&mut bytes, 6, b"a line", Origin::NONE);
    frame::put(&mut bytes, Kind::Data, 0, b"two");
    frame::put_end(&mut bytes, Outcome::of(End::Complete, 0));
    for cut in 1..bytes.len() {
        let (group, mut visitor) = (Group::serving(options()), Visitor::default());
        let relayed = group.relay(&mut visitor, &request(1), |mut peer| {
            peer.receive(Kind::Request);
            for part in [&bytes[..cut], &bytes[cut..]] {
                peer.stream.write_all(part).unwrap();
                std::thread::yield_now();
            }
        });
        assert_eq!(done(relayed), Status::OK, "cut at {cut}");
        assert_eq!((&visitor.got[..], &visitor.end[..]), (&b"onetwo"[..], "finish"), "cut at {cut}");
    }
    let (group, mut visitor) = (Group::serving(options()), Visitor::default());
    let relayed = group.relay(&mut visitor, &request(1), |mut peer| {
        peer.receive(Kind::Request);
        bytes.chunks(1).for_each(|byte| peer.stream.write_all(byte).unwrap());
    });
    assert_eq!(done(relayed), Status::OK);
    assert_eq!(visitor.got, b"onetwo");
}

#[test]
fn a_request_larger_than_the_socket_is_sent_in_parts() {
    let (group, mut visitor) = (Group::serving(options()), Visitor::default());
    let relayed = group.relay(&mut visitor, &request(4 << 20), |mut peer| {
        assert_eq!(peer.receive(Kind::Request).1, vec![b'r'; 4 << 20]);
        peer.send(|out| answer(out, &[], b"x"));
        peer.end();
    });
    assert_eq!((done(relayed), &visitor.got[..]), (Status::OK, &b"x"[..]));
}

#[test]
fn a_large_answer_comes_whole() {
    let (group, mut visitor) = (Group::serving(options()), Visitor::default());
    let body: Vec<u8> = (0..20u32 << 20).map(|at| (at ^ at >> 9) as u8).collect();
    let relayed = group.relay(&mut visitor, &request(1), |mut peer| {
        peer.receive(Kind::Request);
        peer.send(|out| answer(out, &[], &body));
        peer.end();
    });
    assert_eq!(done(relayed), Status::OK);
    assert!(visitor.got == body);
}

/// READ frames and what they are answered with.
#[test]
fn the_body_is_sent_as_it_is_asked_for() {
    let (group, mut visitor) = (Group::serving(options()), Visitor::default());
    visitor.body = [b"first".to_vec(), b"second".to_vec()].into();
    let read = |peer: &mut Peer<'_>, count: u32| {
        peer.send(|out| frame::put(out, Kind::Read, 0, &count.to_le_bytes()));
        peer.receive(Kind::Body)
    };
    let relayed = group.relay(&mut visitor, &request(1), |mut peer| {
        peer.receive(Kind::Request);
        assert_eq!(read(&mut peer, 100), (0, b"first".to_vec()));
        // The answer has begun while the body is on its way.
        peer.send(|out| answer(out, &[], b"early "));
        assert_eq!(read(&mut peer, 3), (0, b"sec".to_vec()));
        peer.send(|out| {
            frame::put(out, Kind::Flush, 0, b"");
            frame::put(out, Kind::Data, 0, b"late");
        });
        assert_eq!(read(&mut peer, 100), (0, b"ond".to_vec()));
        assert_eq!(read(&mut peer, 100), (1, vec![]));
        assert_eq!(read(&mut peer, u32::MAX), (1, vec![]));
        peer.end();
    });
    assert_eq!((done(relayed), &visitor.got[..]), (Status::OK, &b"early late"[..]));
}

#[test]
fn an_answer_before_the_body_was_sent() {
    let (group, mut visitor) = (Group::serving(options()), Visitor::default());
    visitor.body = [b"never asked for".to_vec()].into();
    let relayed = group.relay(&mut visitor, &request(4 << 20), |mut peer| {
        // It answers before it has read what is still being sent.
        let mut some = [0; 1000];
        peer.stream.read_exact(&mut some).unwrap();
        peer.send(|out| answer(out, &[], b"no"));
        let mut rest = vec![0; HEADER + (4 << 20) - some.len()];
        peer.stream.read_exact(&mut rest).unwrap();
        peer.end();
    });
    assert_eq!((done(relayed), &visitor.got[..]), (Status::OK, &b"no"[..]));
    assert!(visitor.body_forgotten);
}

#[test]
fn how_a_body_fails_is_told() {
    use wire::abi::ReadError;
    for error in [ReadError::Disconnected, ReadError::Timeout, ReadError::TooLarge, ReadError::Malformed] {
        let (group, mut visitor) = (Group::serving(options()), Visitor::default());
        visitor.fails = Some(frame::Body::Failed(error));
        let relayed = group.relay(&mut visitor, &request(1), |mut peer| {
            peer.receive(Kind::Request);
            peer.send(|out| frame::put(out, Kind::Read, 0, &5u32.to_le_bytes()));
            let (flag, payload) = peer.receive(Kind::Body);
            assert_eq!((frame::Body::of(flag), payload), (Ok(frame::Body::Failed(error)), vec![]));
            peer.end_with(Outcome::of(End::Error, 400));
        });
        assert_eq!((done(relayed), &visitor.end[..]), (Status(400), "refuse"));
    }
}

#[test]
fn flushes_are_acknowledged() {
    let (group, mut visitor) = (Group::serving(options()), Visitor::default());
    let relayed = group.relay(&mut visitor, &request(1), |mut peer| {
        peer.receive(Kind::Request);
        for _ in 0..3 {
            peer.send(|out| {
                frame::put(out, Kind::Data, 0, b"x");
                frame::put(out, Kind::Flush, 1, b"");
            });
            assert_eq!(peer.receive(Kind::Ack), (1, vec![]));
        }
        peer.end();
    });
    assert_eq!((done(relayed), &visitor.got[..]), (Status::OK, &b"xxx"[..]));
}

#[test]
fn files_come_with_their_descriptors() {
    let (group, mut visitor) = (Group::serving(options()), Visitor::default());
    let file = File::open("/proc/self/exe").unwrap();
    let relayed = group.relay(&mut visitor, &request(1), |mut peer| {
        peer.receive(Kind::Request);
        let mut out = Vec::new();
        frame::put_file(&mut out, 1, 3);
        let fd = Some(file.as_raw_fd());
        let sent = os::send(peer.stream.as_raw_fd(), &[IoSlice::new(&out)], fd, true);
        assert_eq!(sent.unwrap(), out.len());
        peer.end();
    });
    assert_eq!((done(relayed), &visitor.got[..]), (Status::OK, &b"ELF"[..]));
}

#[test]
fn pages_of_the_server_and_of_other_urls() {
    let put = |status: i32, headers: &[(&[u8], &[u8])]| {
        let mut out = Vec::new();
        frame::Answer::put(&mut out, status, b"", headers);
        frame::put(&mut out, Kind::Data, 0, b"dropped");
        out
    };
    let long = vec![b'x'; 40 << 10];
    for (frames, status, end) in [
        (put(404, &[(b"WWW-Authenticate", b"Basic")]), Status(404), ""),
        (put(200, &[(b"Location", b"/else")]), Status::OK, "redirect /else"),
        (put(200, &[(b"A", &long)]), Status(500), ""),
    ] {
        let mut visitor = Visitor { error_override: true, ..Visitor::default() };
        let group = Group::serving(options());
        let relayed = group.relay(&mut visitor, &request(1), |mut peer| {
            peer.receive(Kind::Request);
            peer.send(|out| {
                out.extend(&frames);
                frame::put(out, Kind::Flush, 1, b"");
            });
            assert_eq!(peer.receive(Kind::Ack).0, 1);
            peer.end();
        });
        assert_eq!((done(relayed), &visitor.end[..], &visitor.got[..]), (status, end, &b""[..]));
    }
}

#[test]
fn the_ends_of_an_answer() {
    for (end, length, status, how) in [
        (Outcome::of(End::Complete, 0), "4", Status::OK, "finish"),
        (Outcome::of(End::Complete, 0), "5", Status::OK, "short"),
        (Outcome::of(End::Short, 0), "5", Status::OK, "short"),
        (Outcome::of(End::Truncated, 0), "5", Status::OK, "fail"),
        (Outcome::of(End::Error, 503), "4", Status(503), "refuse"),
    ] {
        let (group, mut visitor) = (Group::serving(options()), Visitor::default());
        let relayed = group.relay(&mut visitor, &request(1), |mut peer| {
            peer.receive(Kind::Request);
            peer.send(|out| answer(out, &[(b"Content-Length", length.as_bytes())], b"body"));
            peer.end_with(end);
        });
        assert_eq!((done(relayed), &visitor.end[..]), (status, how));
    }
}
