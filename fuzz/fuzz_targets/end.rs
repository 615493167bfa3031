//! The payload of an END frame: how the answer ended.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mod_wsgi_fuzz::payload;
use wire::frame;

fuzz_target!(|data: &[u8]| {
    if let Ok(outcome) = frame::parse_end(data) {
        assert_eq!(payload(|out| frame::put_end(out, outcome)), data);
    }
});
