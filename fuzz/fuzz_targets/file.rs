//! The payload of a FILE frame: the part of a file that is sent.
#![no_main]

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use mod_wsgi_fuzz::payload;
use wire::frame;

fuzz_target!(|data: &[u8]| {
    // Whatever comes.
    if let Ok((offset, len)) = frame::parse_file(data) {
        assert!(offset >= 0 && len >= 0 && offset.checked_add(len).is_some());
        assert_eq!(payload(|out| frame::put_file(out, offset, len)), data);
    }
    // Whatever is written.
    let Ok((offset, len)) = Unstructured::new(data).arbitrary::<(i64, i64)>() else { return };
    let is_part = offset >= 0 && len >= 0 && offset.checked_add(len).is_some();
    let again = frame::parse_file(&payload(|out| frame::put_file(out, offset, len)));
    assert_eq!(again.ok(), is_part.then_some((offset, len)));
});
