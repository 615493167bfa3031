//! Frames of the link: what is written is read, however it is cut, and whatever comes harms nobody.

use super::{Random, borrowed, for_all};
use crate::Stamp;
use crate::abi::{End, Outcome, ReadError};
use crate::codec::Malformed;
use crate::frame::{self, Answer, Body, HEADER, Header, Hello, Kind};
use crate::request::{self, Head};

const KINDS: [Kind; 11] = [
    Kind::Hello,
    Kind::Request,
    Kind::Read,
    Kind::Body,
    Kind::Head,
    Kind::Data,
    Kind::Flush,
    Kind::Ack,
    Kind::File,
    Kind::Log,
    Kind::End,
];

fn hello(random: &mut Random) -> Hello {
    Hello {
        versions: (random.edge() as u16, random.edge() as u16),
        token: core::array::from_fn(|_| random.number() as u8),
        slot: random.edge() as u32,
        generation: random.edge() as u32,
        connection: random.edge() as u32,
    }
}

fn outcome(random: &mut Random) -> Outcome {
    let ends = [End::Complete, End::Error, End::Truncated, End::Short, End::Elsewhere];
    let end = ends[random.below(ends.len())];
    let status = if end == End::Error { 400 + random.below(200) as i32 } else { random.edge() as i32 };
    Outcome { end, status, retry_after: random.edge() as u32, id: random.edge() as u32 }
}

fn body(random: &mut Random) -> Body {
    let errors = [ReadError::Disconnected, ReadError::Timeout, ReadError::TooLarge, ReadError::Malformed];
    match random.below(3) {
        0 => Body::More,
        1 => Body::End,
        _ => Body::Failed(errors[random.below(errors.len())]),
    }
}

/// Head and environ of a request, which come back as they were.
fn check_request(random: &mut Random, out: &mut Vec<u8>) {
    let (script, group, callable) = (random.bytes(100), random.bytes(30), random.bytes(10));
    let head = Head {
        https: random.flag(),
        head_only: random.flag(),
        reload: random.flag(),
        own_pages: random.flag(),
        own_error_page: random.flag(),
        error_details: random.flag(),
        ignore_activity: random.flag(),
        body_follows: random.flag(),
        named_by_client: random.flag(),
        level: random.edge() as u8,
        received: random.edge() as i64,
        queued: random.edge() as i64,
        stamp: Stamp { modified: random.edge() as i64, device: random.edge(), inode: random.edge() },
        plan: random.edge(),
        script: &script,
        group: &group,
        callable: &callable,
    };
    let environ = random.pairs(30);
    let start = out.len();
    head.put(out, borrowed(&environ).into_iter());
    let (read, pairs) = request::parse(&out[start + HEADER..]).unwrap();
    assert_eq!(read, head);
    assert_eq!(pairs.collect::<Vec<_>>(), borrowed(&environ));
    let mut copy = out[start..].to_vec();
    request::without_reload_check(&mut copy);
    assert_eq!(request::parse(&copy[HEADER..]).unwrap().0, Head { reload: false, ..head });
}

/// Adds a valid frame of a kind to `out`, and checks that its payload comes back as it was.
fn put(random: &mut Random, kind: Kind, out: &mut Vec<u8>) {
    let start = out.len();
    let at = start + HEADER;
    match kind {
        Kind::Hello => {
            let hello = hello(random);
            hello.put(out);
            assert_eq!(Hello::parse(&out[at..]), Ok(hello));
        }
        Kind::Request => check_request(random, out),
        Kind::Read => {
            let count = random.edge() as u32;
            frame::put(out, kind, 0, &count.to_le_bytes());
            assert_eq!(frame::parse_read(&out[at..]), Ok((count as usize).min(Kind::Body.limit())));
        }
        Kind::Body => {
            let state = body(random);
            frame::put(out, kind, state.flag(), &random.bytes(300));
            assert_eq!(Body::of(out[start + 5]), Ok(state));
        }
        Kind::Head => {
            let (status, line) = (200 + random.below(800) as i32, random.text(30));
            let headers = random.pairs(10);
            Answer::put(out, status, &line, &borrowed(&headers));
            let answer = Answer::parse(&out[at..]).unwrap();
            assert_eq!((i32::from(answer.status), answer.line), (status, &line[..]));
            assert_eq!(answer.headers().collect::<Vec<_>>(), borrowed(&headers));
        }
        Kind::File => {
            let (offset, len) = ((random.edge() >> 2) as i64, (random.edge() >> 2) as i64);
            frame::put_file(out, offset, len);
            assert_eq!(frame::parse_file(&out[at..]), Ok((offset, len)));
        }
        Kind::End => {
            let outcome = outcome(random);
            frame::put_end(out, outcome);
            assert_eq!(frame::parse_end(&out[at..]), Ok(outcome));
        }
        Kind::Data => frame::put(out, kind, random.edge() as u8, &random.bytes(300)),
        Kind::Log => {
            let (level, line, file) = (random.edge() as u8, random.bytes(300), random.bytes(30));
            frame::put_log(out, level, &line, crate::Origin::of(&file, random.edge() as u32));
            let (read, origin) = crate::Origin::parse(&out[at..]).unwrap();
            assert_eq!((out[start + 5], read, origin.file.get()), (level, &line[..], &file[..]));
        }
        Kind::Flush | Kind::Ack => frame::put(out, kind, random.below(2) as u8, b""),
    }
    let header = Header::first(&out[start..]).unwrap().unwrap();
    assert_eq!((header.kind, header.len), (kind, out.len() - at));
    assert_eq!(header.bytes(), out[start..at]);
}

/// Frames with their payloads, and where the first one begins that is not whole.
type Frames<'a> = (Vec<(Header, &'a [u8])>, usize);

/// The frames that bytes begin with.
fn split(bytes: &[u8]) -> Result<Frames<'_>, Malformed> {
    let (mut frames, mut at) = (Vec::new(), 0);
    while let Some(header) = Header::first(&bytes[at..])? {
        let Some(payload) = bytes.get(at + HEADER..at + HEADER + header.len) else { break };
        frames.push((header, payload));
        at += HEADER + header.len;
    }
    Ok((frames, at))
}

#[test]
fn what_is_written_is_read() {
    for kind in KINDS {
        for_all(300, |random| put(random, kind, &mut Vec::new()));
    }
}

#[test]
fn a_part_of_a_frame_is_not_yet_a_frame() {
    for kind in KINDS {
        for_all(20, |random| {
            let mut frame = Vec::new();
            put(random, kind, &mut frame);
            for end in 0..frame.len() {
                assert_eq!(split(&frame[..end]), Ok((vec![], 0)), "cut at {end}");
            }
            assert_eq!(split(&frame).map(|(frames, _)| frames.len()), Ok(1));
        });
    }
}

#[test]
fn frames_one_behind_the_other_may_be_cut_anywhere() {
    for_all(60, |random| {
        let mut bytes = Vec::new();
        for _ in 0..1 + random.below(6) {
            let kind = KINDS[random.below(KINDS.len())];
            put(random, kind, &mut bytes);
        }
        let (all, end) = split(&bytes).unwrap();
        assert_eq!(end, bytes.len());
        for cut in 0..=bytes.len() {
            let (before, rest) = split(&bytes[..cut]).unwrap();
            let (after, end) = split(&bytes[rest..]).unwrap();
            assert_eq!(rest + end, bytes.len());
            assert!(before.iter().chain(&after).eq(&all), "cut at {cut}");
        }
    });
}

/// A payload that was cut, or that has something behind it, is malformed: it does not become another one.
#[test]
fn a_payload_is_read_as_a_whole() {
    let parses = |kind: Kind, payload: &[u8]| match kind {
        Kind::Hello => Hello::parse(payload).is_ok(),
        Kind::Request => request::parse(payload).is_ok(),
        Kind::Read => frame::parse_read(payload).is_ok(),
        Kind::Head => Answer::parse(payload).is_ok(),
        Kind::File => frame::parse_file(payload).is_ok(),
        Kind::End => frame::parse_end(payload).is_ok(),
        _ => false,
    };
    for kind in [Kind::Hello, Kind::Request, Kind::Read, Kind::Head, Kind::File, Kind::End] {
        for_all(20, |random| {
            let mut frame = Vec::new();
            put(random, kind, &mut frame);
            let payload = &mut frame.split_off(HEADER);
            assert!(parses(kind, payload));
            for end in 0..payload.len() {
                assert!(!parses(kind, &payload[..end]), "cut at {end}");
            }
            payload.push(random.number() as u8);
            assert!(!parses(kind, payload));
        });
    }
}

#[test]
fn a_length_beyond_the_limit_of_a_kind_is_malformed() {
    for_all(2000, |random| {
        let (kind, flag) = (KINDS[random.below(KINDS.len())], random.number() as u8);
        let len = random.edge() as u32 as usize;
        let header = Header { kind, flag, len };
        let expected = if len <= kind.limit() { Ok(header) } else { Err(Malformed("frame")) };
        assert_eq!(Header::parse(header.bytes()), expected);
    });
}

/// Everything that reads payloads gets bytes of any kind. What is read lies within them: nothing is allocated for what a length
/// only says.
#[test]
fn bytes_of_any_kind_harm_nobody() {
    let read_all = |bytes: &[u8]| {
        if let Ok((frames, end)) = split(bytes) {
            assert!(end <= bytes.len() && frames.iter().all(|(header, _)| header.len <= header.kind.limit()));
        }
        let within = |part: &[u8]| part.is_empty() || bytes.as_ptr_range().contains(&part.as_ptr());
        let _ = (Hello::parse(bytes), frame::parse_read(bytes));
        if let Ok((offset, len)) = frame::parse_file(bytes) {
            assert!(offset >= 0 && len >= 0 && offset.checked_add(len).is_some());
        }
        if let Ok(outcome) = frame::parse_end(bytes) {
            assert!(outcome.end != End::Error || (400..600).contains(&outcome.status));
        }
        if let Ok(answer) = Answer::parse(bytes) {
            assert!(answer.headers().count() <= bytes.len());
            assert!(answer.headers().all(|(name, value)| within(name) && within(value)));
            assert!(!answer.headers().any(|(name, value)| [name, value].concat().contains(&b'\n')));
        }
        if let Ok((head, pairs)) = request::parse(bytes) {
            assert!(within(head.script) && pairs.clone().count() <= bytes.len());
            assert!(pairs.into_iter().all(|(name, value)| within(name) && within(value)));
        }
        bytes.first().map(|flag| Body::of(*flag))
    };
    for_all(5000, |random| {
        read_all(&random.bytes(100));
    });
    // What is valid but for a few bytes goes further.
    for kind in KINDS {
        for_all(300, |random| {
            let mut frame = Vec::new();
            put(random, kind, &mut frame);
            for _ in 0..1 + random.below(4) {
                let at = random.below(frame.len());
                frame[at] = random.edge() as u8;
            }
            read_all(&frame);
            read_all(&frame[HEADER..]);
        });
    }
}
