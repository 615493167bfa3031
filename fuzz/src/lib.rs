//! What several targets use.

use wire::frame::{HEADER, Header};

/// The payload of the frame that `put` writes.
pub fn payload(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut frame = Vec::new();
    put(&mut frame);
    let written = Header::parse(*frame.first_chunk().unwrap()).expect("a header of ours is read");
    assert_eq!(written.len, frame.len() - HEADER);
    frame.split_off(HEADER)
}
