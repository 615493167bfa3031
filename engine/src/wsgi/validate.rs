//! What a status line and headers must look like (PEP 3333, "The start_response() Callable").
//! Pure: the errors are texts, which become ValueError.

use wire::abi::{MOST_HEAD, MOST_HEADERS};

fn is_control(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7F
}

/// The code of a status line: three digits, alone or followed by a space and a reason.
pub fn status(line: &[u8]) -> Result<i32, String> {
    let shown = || wire::shown(line).into_owned();
    let digits = line.iter().take(3).filter(|byte| byte.is_ascii_digit()).count();
    if digits < 3 || line.get(3).is_some_and(u8::is_ascii_digit) {
        return Err(format!("status code must be a 3 digit integer: {}", shown()));
    }
    let reason = &line[3..];
    if !reason.is_empty() && reason[0] != b' ' {
        return Err(format!("no space following status code: {}", shown()));
    }
    if reason.iter().any(|&byte| is_control(byte)) {
        return Err("control character in status reason phrase".into());
    }
    let code = line[..3].iter().fold(0, |code, digit| code * 10 + i32::from(digit - b'0'));
    if code < 200 {
        return Err(format!("status code must be a final one, 200 or above: {}", shown()));
    }
    Ok(code)
}

/// A header's name.
pub fn name(name: &[u8]) -> Result<(), String> {
    if name.is_empty() {
        return Err("header name is empty".into());
    }
    let shown = || wire::shown(name).into_owned();
    for &byte in name {
        if byte == b' ' {
            return Err(format!("space character in header name: {}", shown()));
        }
        if is_control(byte) {
            return Err(format!("control character in header name: {}", shown()));
        }
        if byte == b':' {
            return Err(format!("colon in header name: {}", shown()));
        }
    }
    Ok(())
}

/// A header's value.
pub fn value(value: &[u8]) -> Result<(), String> {
    let shown = || wire::shown(value).escape_debug().to_string();
    match value.iter().find(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        Some(0) => Err(format!("null character in header value: {}", shown())),
        Some(_) => Err(format!("carriage return/line feed character in header value: {}", shown())),
        None => Ok(()),
    }
}

/// The number of a Content-Length. Blanks and a plus sign before it are no fault: C's own functions read them too.
pub fn content_length(value: &[u8]) -> Result<u64, String> {
    let text = std::str::from_utf8(value).unwrap_or_default().trim_start_matches([' ', '\t']);
    let text = text.strip_prefix('+').unwrap_or(text);
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { text.parse::<u64>().ok() } else { None };
    let error = || format!("invalid Content-Length header value: {}", wire::shown(value));
    // httpd counts with a sign.
    number.filter(|number| i64::try_from(*number).is_ok()).ok_or_else(error)
}

/// Two values of Content-Length say the same.
pub fn is_same_length(one: &[u8], other: &[u8]) -> bool {
    one == other || content_length(one).is_ok_and(|number| content_length(other) == Ok(number))
}

/// The number of an answer's headers, and the bytes of them with the status line.
pub fn size(count: usize, bytes: usize) -> Result<(), String> {
    if count > MOST_HEADERS {
        return Err(format!("{count} headers; an answer may have at most {MOST_HEADERS}"));
    }
    if bytes > MOST_HEAD {
        return Err(format!("headers of more than {MOST_HEAD} bytes; an answer may have at most that many"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_three_digits_and_maybe_a_reason() {
        assert_eq!(status(b"200 OK"), Ok(200));
        assert_eq!(status(b"404"), Ok(404));
        assert_eq!(status(b"200 "), Ok(200));
        assert!(status(b"20 OK").unwrap_err().starts_with("status code must be a 3 digit integer"));
        assert!(status(b"2000 OK").unwrap_err().starts_with("status code must be a 3 digit integer"));
        assert!(status(b"").is_err() && status(b"abc").is_err());
        assert!(status(b"200OK").unwrap_err().starts_with("no space following status code"));
        assert!(status(b"200 O\nK").unwrap_err().starts_with("control character"));
        assert!(status(b"100 Continue").is_err(), "an interim status leaves the client waiting");
    }

    #[test]
    fn header_names_and_values_cannot_smuggle_lines() {
        assert!(name(b"X-A").is_ok() && name(b"").is_err() && name(b"X A").is_err() && name(b"X\r").is_err());
        assert!(name(b"X:").is_err());
        assert!(value(b"a\tb").is_ok() && value(b"").is_ok() && value("\u{e4}".as_bytes()).is_ok());
        assert!(value(b"a\r").unwrap_err().starts_with("carriage return/line feed"));
        assert!(value(b"a\nb").unwrap_err().starts_with("carriage return/line feed"));
        assert!(value(b"a\0").is_err());
    }

    #[test]
    fn a_length_is_digits_only() {
        for good in [&b"12"[..], b"012", b"+12", b" \t12", b" +12"] {
            assert_eq!(content_length(good), Ok(12), "{good:?}");
        }
        for bad in [&b""[..], b" ", b"+", b"abc", b"-1", b"++1", b"1 ", b"1.5", b"9223372036854775808"] {
            assert!(content_length(bad).is_err(), "{bad:?}");
        }
    }
}
