//! What a supervisor, which may be root, reads of processes that run users' code.
#![no_main]

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use wire::control::{LONGEST, Message};

fuzz_target!(|data: &[u8]| {
    if let Ok(message) = Message::parse(data) {
        let bytes = message.bytes();
        assert_eq!(bytes, data[..data.len().min(LONGEST)]);
        if data.len() <= LONGEST {
            assert_eq!(Message::parse(&bytes), Ok(message));
        }
    }
    // Whatever is written is cut to what a datagram may have, and is read again.
    let Ok((level, line, times)) = Unstructured::new(data).arbitrary::<(u8, Vec<u8>, usize)>() else {
        return;
    };
    let line = line.repeat(times % 1000);
    let bytes = Message::Log { level, record: line.clone() }.bytes();
    assert!(bytes.len() <= LONGEST);
    let Ok(Message::Log { level: again, record: cut }) = Message::parse(&bytes) else {
        panic!("a line for the log was not read again");
    };
    assert!(again == level && line.starts_with(&cut));
    assert!(cut.len() == line.len() || bytes.len() == LONGEST);
});
