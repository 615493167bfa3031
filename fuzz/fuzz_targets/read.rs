//! The payload of a READ frame: how much of the body a process wants.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::frame::{self, Kind};

fuzz_target!(|data: &[u8]| {
    if let Ok(count) = frame::parse_read(data) {
        assert!(count <= Kind::Body.limit());
        assert_eq!(data.len(), 4);
    }
});
