//! What a worker is told when it starts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::worker::Settings;

fuzz_target!(|data: &[u8]| {
    if let Ok(settings) = Settings::parse(data) {
        let bytes = settings.bytes();
        assert_eq!(Settings::parse(&bytes), Ok(settings));
        // Flags are written as 0 or 1, and read from any byte; nothing else may differ.
        assert_eq!(bytes.len(), data.len());
        assert!(bytes.iter().zip(data).all(|(ours, given)| ours == given || (*ours == 1 && *given > 1)));
    }
});
