//! The header of a frame, and what a BODY frame's says of the rest of the body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::frame::{Body, HEADER, Header, Kind};

fuzz_target!(|data: &[u8]| {
    let Some(head) = data.first_chunk::<HEADER>() else { return };
    let Ok(header) = Header::parse(*head) else { return };
    assert!(header.len <= header.kind.limit(), "{header:?}");
    assert_eq!(header.bytes(), *head);
    if header.kind == Kind::Body
        && let Ok(body) = Body::of(header.flag)
    {
        assert_eq!(body.flag(), header.flag);
    }
});
