//! Status and headers of an answer, which Apache's children read of processes that run users' code.
#![no_main]

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use mod_wsgi_fuzz::payload;
use wire::frame::Answer;

type Pairs<'a> = Vec<(&'a [u8], &'a [u8])>;

fn written(status: i32, line: &[u8], headers: &Pairs) -> Vec<u8> {
    payload(|out| Answer::put(out, status, line, headers))
}

fn has_breaks(text: &[u8]) -> bool {
    text.contains(&b'\r') || text.contains(&b'\n')
}

fuzz_target!(|data: &[u8]| {
    // Whatever comes.
    if let Ok(answer) = Answer::parse(data) {
        assert!((200..=999).contains(&answer.status));
        let headers: Pairs = answer.headers().collect();
        assert!(!has_breaks(answer.line));
        assert!(headers.iter().all(|(name, value)| !has_breaks(name) && !has_breaks(value)));
        assert_eq!(written(answer.status.into(), answer.line, &headers), data);
    }
    // Whatever is written.
    let given = Unstructured::new(data).arbitrary::<(u16, &[u8], Pairs)>();
    let Ok((status, line, headers)) = given else { return };
    let payload = written(status.into(), line, &headers);
    let breaks =
        has_breaks(line) || headers.iter().any(|(name, value)| has_breaks(name) || has_breaks(value));
    match Answer::parse(&payload) {
        Ok(answer) => {
            assert!(!breaks);
            assert_eq!((answer.status, answer.line), (status, line));
            assert_eq!(answer.headers().collect::<Pairs>(), headers);
        }
        Err(_) => assert!(breaks || !(200..=999).contains(&status)),
    }
});
