//! A frame: its header, and what is read of the short payloads. HEAD and REQUEST have targets of their own.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::frame::{self, Body, HEADER, Header, Hello, Kind};

/// The payload that `put` writes.
fn payload(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut frame = Vec::new();
    put(&mut frame);
    let written = Header::parse(*frame.first_chunk().unwrap()).expect("a header of ours is read");
    assert_eq!(written.len, frame.len() - HEADER);
    frame.split_off(HEADER)
}

fuzz_target!(|data: &[u8]| {
    let Some((head, rest)) = data.split_first_chunk::<HEADER>() else { return };
    let Ok(header) = Header::parse(*head) else { return };
    assert!(header.len <= header.kind.limit(), "{header:?}");
    assert_eq!(header.bytes(), *head);
    match header.kind {
        Kind::Hello => {
            if let Ok(hello) = Hello::parse(rest) {
                hello.is_understood();
                assert_eq!(payload(|out| hello.put(out)), rest);
            }
        }
        Kind::Read => {
            if let Ok(count) = frame::parse_read(rest) {
                assert!(count <= Kind::Body.limit());
            }
        }
        Kind::Body => {
            if let Ok(body) = Body::of(header.flag) {
                assert_eq!(body.flag(), header.flag);
            }
        }
        Kind::File => {
            if let Ok((offset, len)) = frame::parse_file(rest) {
                assert!(offset >= 0 && len >= 0 && offset.checked_add(len).is_some());
                assert_eq!(payload(|out| frame::put_file(out, offset, len)), rest);
            }
        }
        Kind::End => {
            if let Ok(outcome) = frame::parse_end(rest) {
                assert_eq!(payload(|out| frame::put_end(out, outcome)), rest);
            }
        }
        Kind::Head | Kind::Request | Kind::Data | Kind::Flush | Kind::Ack | Kind::Log => {}
    }
});
