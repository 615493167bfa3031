//! The payload of a HELLO frame, by which an Apache child knows the process behind a connection.
#![no_main]

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use mod_wsgi_fuzz::payload;
use wire::frame::Hello;

fuzz_target!(|data: &[u8]| {
    // Whatever comes.
    if let Ok(hello) = Hello::parse(data) {
        hello.is_understood();
        assert_eq!(payload(|out| hello.put(out)), data);
    }
    // Whatever is written.
    let given = Unstructured::new(data).arbitrary::<((u16, u16), [u8; 16], [u32; 3])>();
    let Ok((versions, token, [slot, generation, connection])) = given else { return };
    let hello = Hello { versions, token, slot, generation, connection };
    assert_eq!(Hello::parse(&payload(|out| hello.put(out))), Ok(hello));
});
