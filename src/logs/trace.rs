//! The id of a request: httpd's log id, which begins with the id of the trace that the client says the request belongs to. What
//! stands behind it is of this process: requests of one trace have different ids, and no client can choose one.
//!
//! httpd asks for it once, when something is first logged for the request or this module serves it. mod_unique_id comes first.

use crate::apache::{Request, hook};
use once_cell::sync::OnceCell;
use std::ffi::CStr;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// Gives requests their ids.
pub struct Id;

impl hook::LogId for Id {
    fn run<'r>(r: Request<'r>) -> Option<&'r CStr> {
        // What httpd redirects to inside the server, such as an error document, is the same request to whoever sent it.
        if let Some(previous) = r.previous() {
            return Some(r.pool().c_string(previous.log_id())).filter(|id| !id.is_empty());
        }
        // A part of a page, or a look at where a URL leads, runs beside its page: it has an id of its own.
        if r.is_part() {
            return None;
        }
        let trace = trace_id(r.headers_in().get(c"traceparent")?)?;
        Some(r.pool().c_string(&[trace, b"-", own().as_bytes()].concat()))
    }
}

/// A number that no other request of the server has, in hexadecimal digits: a random one of this process, counted up.
fn own() -> String {
    static NEXT: OnceCell<AtomicU64> = OnceCell::new();
    let first = || {
        let random = os::random().unwrap_or_default();
        let number = random.iter().take(6).fold(0, |number, byte| number << 8 | u64::from(*byte));
        AtomicU64::new(number ^ u64::from(process::id()) << 16)
    };
    format!("{:x}", NEXT.get_or_init(first).fetch_add(1, Ordering::Relaxed) & ((1 << 48) - 1))
}

/// The id of the trace in a `traceparent` header (W3C Trace Context, 3.2); `None`: the header is not valid.
pub fn trace_id(header: &[u8]) -> Option<&[u8]> {
    /// `00-` and 32, 16 and 2 digits.
    const LENGTH: usize = 55;
    let (known, more) = header.split_at_checked(LENGTH)?;
    let mut parts = known.split(|byte| *byte == b'-');
    let [version, trace, parent, flags] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    let is_hex = |text: &[u8], length: usize| {
        text.len() == length && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_id = |text: &[u8], length: usize| is_hex(text, length) && text.iter().any(|byte| *byte != b'0');
    // A later version may have more behind the flags.
    let is_version = is_hex(version, 2)
        && match version {
            b"ff" => false,
            b"00" => more.is_empty(),
            _ => more.first().is_none_or(|byte| *byte == b'-'),
        };
    (is_version && is_id(trace, 32) && is_id(parent, 16) && is_hex(flags, 2)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::trace_id;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    #[track_caller]
    fn check(header: &str, expected: bool) {
        let found = trace_id(header.as_bytes());
        assert_eq!(found, expected.then_some(TRACE.as_bytes()), "{header}");
    }

    #[test]
    fn a_header_of_version_0_has_exactly_four_fields() {
        check(&format!("00-{TRACE}-{PARENT}-01"), true);
        check(&format!("00-{TRACE}-{PARENT}-00"), true);
        check(&format!("00-{TRACE}-{PARENT}-ff"), true);
        check(&format!("00-{TRACE}-{PARENT}-01-what-comes-later"), false);
        check(&format!("00-{TRACE}-{PARENT}-01-"), false);
        check(&format!("00-{TRACE}-{PARENT}-011"), false);
    }

    #[test]
    fn a_later_version_may_have_more() {
        check(&format!("01-{TRACE}-{PARENT}-01"), true);
        check(&format!("cc-{TRACE}-{PARENT}-01-what-comes-later"), true);
        check(&format!("cc-{TRACE}-{PARENT}-01."), false);
        check(&format!("ff-{TRACE}-{PARENT}-01"), false);
    }

    #[test]
    fn ids_of_nothing_are_not_valid() {
        check(&format!("00-{}-{PARENT}-01", "0".repeat(32)), false);
        check(&format!("00-{TRACE}-{}-01", "0".repeat(16)), false);
    }

    #[test]
    fn lengths_and_digits_are_those_of_the_standard() {
        for header in [
            String::new(),
            "00".into(),
            TRACE.into(),
            format!("0-{TRACE}-{PARENT}-01"),
            format!("00-{}-{PARENT}-01", &TRACE[1..]),
            format!("00-{TRACE}0-{PARENT}-01"),
            format!("00-{TRACE}-{}-01", &PARENT[1..]),
            format!("00-{TRACE}-{PARENT}-1"),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{}-01", PARENT.to_uppercase()),
            format!("0A-{TRACE}-{PARENT}-01"),
            format!("00-{}g-{PARENT}-01", &TRACE[1..]),
            format!("00_{TRACE}_{PARENT}_01"),
            format!(" 00-{TRACE}-{PARENT}-01"),
            // Two headers, as httpd joins them.
            format!("00-{TRACE}-{PARENT}-01, 00-{TRACE}-{PARENT}-01"),
        ] {
            check(&header, false);
        }
    }
}
