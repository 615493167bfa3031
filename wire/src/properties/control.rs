//! Messages between supervisors and workers, and the ring that they come through.

use super::{Random, for_all};
use crate::control::{LONGEST, Message, Reason};
use crate::ring::{ROOM, Reader, Ring};

const REASONS: [Reason; 18] = [
    Reason::Shutdown,
    Reason::Hangup,
    Reason::Graceful,
    Reason::Eviction,
    Reason::Script,
    Reason::Imports,
    Reason::Requests,
    Reason::Interval,
    Reason::Inactivity,
    Reason::RequestTimeout,
    Reason::Deadlock,
    Reason::CpuTime,
    Reason::FailedStart,
    Reason::ImportDeadlock,
    Reason::Generation,
    Reason::Stop,
    Reason::Memory,
    Reason::ScaleDown,
];

fn message(random: &mut Random) -> Message {
    let reason = REASONS[random.below(REASONS.len())];
    match random.below(19) {
        0 => Message::Ready { failed: random.edge() as u32 },
        1 => Message::Failed(random.bytes(300)),
        2 => Message::Replace { reason, text: random.bytes(300) },
        3 => Message::Log { level: random.edge() as u8, record: random.bytes(300) },
        4 => Message::Watch(random.bytes(300)),
        5 => Message::Serve,
        6 => Message::Drain { reason, grace: random.edge() as u32, shutdown: random.edge() as u32 },
        7 => Message::Has(random.edge()),
        8 => Message::Served(random.edge()),
        9 => Message::Complete,
        10 => Message::Stop,
        11 => Message::Ends(random.bytes(300)),
        12 => Message::Leaving,
        13 => Message::Back,
        14 => Message::Show,
        15 => Message::Fork { serial: random.edge() },
        16 => Message::Forked { serial: random.edge(), pid: random.edge() as u32 },
        17 => Message::Unforkable(random.bytes(300)),
        _ => Message::Starts(random.bytes(300)),
    }
}

#[test]
fn what_is_written_is_read() {
    for_all(3000, |random| {
        let message = message(random);
        assert_eq!(Message::parse(&message.bytes()), Ok(message));
    });
}

#[test]
fn whatever_is_read_is_written_the_same() {
    for_all(20_000, |random| {
        let mut bytes = if random.flag() { message(random).bytes() } else { random.bytes(40) };
        if let (true, Some(byte)) = (random.flag(), bytes.first_mut()) {
            *byte = random.below(18) as u8;
        }
        if let Ok(message) = Message::parse(&bytes) {
            assert_eq!(message.bytes(), bytes);
        }
    });
}

#[test]
fn long_messages_are_cut() {
    for_all(20, |random| {
        let line = vec![b'x'; LONGEST - 10 + random.below(20)];
        let bytes = Message::Log { level: 3, record: line.clone() }.bytes();
        assert!(bytes.len() <= LONGEST);
        let Ok(Message::Log { record: read, .. }) = Message::parse(&bytes) else { panic!("another message") };
        assert!(line.starts_with(&read) && read.len() >= line.len().min(LONGEST - 10));
    });
}

#[test]
fn messages_come_through_the_ring_in_their_order() {
    for_all(4, |random| {
        let ring = Ring::empty();
        let (mut reader, mut sent, mut got) =
            (Reader::default(), std::collections::VecDeque::new(), Vec::new());
        for _ in 0..1000 {
            if random.flag() {
                let most = if random.below(100) == 0 { ROOM / 2 } else { 500 };
                let bytes = random.bytes(most);
                if ring.put(&bytes) {
                    sent.push_back(bytes);
                }
            } else {
                let came = reader.take(&ring, ROOM, &mut got);
                assert_eq!(came.then(|| got.clone()), sent.pop_front());
            }
        }
        while let Some(bytes) = sent.pop_front() {
            assert!(reader.take(&ring, ROOM, &mut got));
            assert_eq!(got, bytes);
        }
        assert!(!reader.take(&ring, ROOM, &mut got));
    });
}
