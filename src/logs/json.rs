//! Records of the error log as JSON (RFC 8259), one object a line: WSGILogFormat.
//!
//! Whatever an application writes is a value of such an object: no newline, and nothing that a terminal would obey, leaves it.

use crate::apache::log::{self, Record};
use crate::apache::{self, Pool, Server, hook};
use crate::config::{LogFormat, ServerExt};
use crate::process;
use std::fmt::Write;
use wire::Origin;

/// Most bytes of an object, newline included.
const MOST: usize = 24 << 10;

/// Most bytes of a value that is neither the text of a record nor its traceback: a name, a path.
const MOST_OF_NAME: usize = 1 << 10;

/// The configuration is complete, and its logs are open.
pub struct Begin;

impl hook::Configured for Begin {
    fn run(_: Pool<'_>, _: Server<'_>) -> hook::Outcome {
        log::set_form(form);
        hook::Outcome::Go
    }
}

/// What a record is written as, where that is JSON.
fn form(record: &Record<'_>) -> Option<Vec<u8>> {
    let config = record.server.config_so_far()?;
    (config.log_format == Some(LogFormat::Json)).then(|| told(record, apache::now()))
}

fn told(record: &Record<'_>, now: i64) -> Vec<u8> {
    let Record { request, origin, .. } = record;
    let served = request.and_then(|r| r.served());
    let pid = served.map(|served| served.pid()).filter(|pid| *pid != 0).unwrap_or(origin.pid);
    let facts = Facts {
        now,
        level: record.level.name(),
        id: request.map_or(origin.request.get(), |r| r.log_id()),
        group: served.map_or(origin.group.get(), |served| served.group),
        pid: if pid == 0 { process::pid() } else { pid },
        client: request.map_or(b"", |r| r.client_ip()),
        server: record.server.name(),
    };
    object(&facts, record.text, *origin)
}

/// What is known of a record that does not come from whoever wrote it.
struct Facts<'a> {
    now: i64,
    level: &'static str,
    id: &'a [u8],
    group: &'a [u8],
    pid: u32,
    client: &'a [u8],
    server: &'a [u8],
}

/// The object, and a newline.
fn object(facts: &Facts<'_>, text: &[u8], origin: Origin<'_>) -> Vec<u8> {
    let logger = match origin.logger.get() {
        b"" => b"mod_wsgi",
        name => name,
    };
    let mut out = String::with_capacity(text.len() + 256);
    let _ = write!(out, "{{\"time\":\"{}\",\"level\":\"{}\"", time(facts.now), facts.level);
    name(&mut out, "id", facts.id, false);
    name(&mut out, "group", facts.group, true);
    name(&mut out, "logger", logger, true);
    let mut rest = String::new();
    name(&mut rest, "server", facts.server, false);
    name(&mut rest, "client", facts.client, false);
    name(&mut rest, "script", origin.script.get(), false);
    name(&mut rest, "file", origin.file.get(), false);
    if origin.number > 0 {
        let _ = write!(rest, ",\"line\":{}", origin.number);
    }
    let _ = writeln!(rest, ",\"pid\":{}}}", facts.pid);
    texts(&mut out, text, origin.exception.get(), MOST - rest.len());
    out.push_str(&rest);
    out.into_bytes()
}

/// A value that is short, unless somebody plays tricks.
fn name(out: &mut String, key: &str, value: &[u8], is_always: bool) {
    if is_always || !value.is_empty() {
        let _ = write!(out, ",\"{key}\":");
        quote(out, &wire::shown(value), MOST_OF_NAME);
    }
}

/// The text of a record and its traceback, so that the object has at most `most` bytes until here: what one of them leaves, the
/// other may have.
fn texts(out: &mut String, text: &[u8], exception: &[u8], most: usize) {
    const KEYS: [&str; 2] = [",\"message\":", ",\"exception\":"];
    let room = most - out.len() - KEYS[0].len() - KEYS[1].len();
    let (text, exception) = (wire::shown(text), wire::shown(exception));
    let mut trace = String::new();
    if !exception.is_empty() {
        quote(&mut trace, &exception, room);
    }
    out.push_str(KEYS[0]);
    let start = out.len();
    quote(out, &text, (room / 2).max(room - trace.len()));
    let room = room - (out.len() - start);
    if trace.len() > room {
        trace.clear();
        quote(&mut trace, &exception, room);
    }
    if !trace.is_empty() {
        out.push_str(KEYS[1]);
        out.push_str(&trace);
    }
}

/// The beginning and the end of a text, which take `most` bytes of a string of JSON.
fn shortened(text: &str, most: usize) -> String {
    let room = most.saturating_sub("\"\\n... 18446744073709551615 bytes left out ...\\n\"".len());
    let fits = |chars: &mut dyn Iterator<Item = char>| {
        let (mut bytes, mut written) = (0, 0);
        for c in chars {
            written += width(c);
            if written > room / 2 {
                break;
            }
            bytes += c.len_utf8();
        }
        bytes
    };
    let (head, tail) = (fits(&mut text.chars()), text.len() - fits(&mut text.chars().rev()));
    let left_out = tail.saturating_sub(head);
    format!("{}\n... {left_out} bytes left out ...\n{}", &text[..head], &text[tail..])
}

/// A string of JSON, of at most `most` bytes: without control characters, those of the C1 range too, which some terminals obey,
/// and without those that change lines or directions for whoever looks at it.
fn quote(out: &mut String, text: &str, most: usize) {
    let start = out.len();
    escape(out, text);
    if out.len() - start > most {
        out.truncate(start);
        escape(out, &shortened(text, most));
    }
}

fn escape(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_hidden(c) => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Bytes of a character in a string of JSON.
fn width(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\t' => 2,
        c if is_hidden(c) => "\\u0000".len(),
        c => c.len_utf8(),
    }
}

/// It is not seen, but may change what is.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A moment in microseconds since the epoch, as RFC 3339 writes it.
fn time(micros: i64) -> String {
    let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Year, month and day of a day since the epoch. Years begin in March here, so that the leap day is the last.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Slice;

    const FACTS: Facts<'static> = Facts {
        now: 1_700_000_000_000_001,
        level: "error",
        id: b"abc",
        group: b"",
        pid: 7,
        client: b"",
        server: b"",
    };

    fn written(text: &[u8], origin: Origin<'_>) -> String {
        String::from_utf8(object(&FACTS, text, origin)).unwrap()
    }

    #[test]
    fn a_record_is_one_line() {
        let origin = Origin { logger: Slice::of(b"app.views"), ..Origin::of(b"/app.py", 3) };
        assert_eq!(
            written(b"one\ntwo", origin.with_exception(b"T\n  \"x\"")),
            "{\"time\":\"2023-11-14T22:13:20.000001Z\",\"level\":\"error\",\"id\":\"abc\",\"group\":\"\",\"logger\":\"app.views\",\
             \"message\":\"one\\ntwo\",\"exception\":\"T\\n  \\\"x\\\"\",\"file\":\"/app.py\",\"line\":3,\"pid\":7}\n"
        );
        assert!(written(b"", Origin::NONE).contains("\"logger\":\"mod_wsgi\",\"message\":\"\",\"pid\":7}"));
    }

    #[test]
    fn nothing_leaves_its_string() {
        for text in [
            &b"\"},\n{\"level\":\"alert\"}"[..],
            b"\x1b[2J\x1b]0;x\x07\x7f\r\x0b\x00",
            b"\xff\xfe\xed\xa0\x80\xc3",
            "\u{9b}2J\u{85}\u{2028}\u{2029}\u{202e}\u{2066}\u{61c}".as_bytes(),
            b"\\",
        ] {
            let line = written(text, Origin::named(text).with_exception(text));
            let (object, end) = line.split_at(line.len() - 1);
            assert_eq!(end, "\n");
            assert!(
                !object
                    .chars()
                    .any(|c| c.is_control() || c == '\u{61c}' || ('\u{2028}'..='\u{202e}').contains(&c)),
                "{object}"
            );
            // Every quotation mark that is not escaped begins or ends a string: there are as many as without the text.
            let bare = |line: &str| line.replace("\\\\", "").replace("\\\"", "").matches('"').count();
            assert_eq!(
                bare(object),
                bare(&written(b"x", Origin::named(b"x").with_exception(b"x"))),
                "{object}"
            );
        }
    }

    /// An object has so many bytes at most, whatever is in it, and what is short stays whole.
    #[test]
    fn of_long_texts_the_middle_is_left_out() {
        for c in ["x", "é", "\u{1b}", "\"", "\u{61c}", "😀", "\n"] {
            let (long, short) = (c.repeat(MOST), "short".as_bytes());
            let long = long.as_bytes();
            for (text, trace) in [(long, short), (short, long), (long, long), (long, &b""[..])] {
                let line = written(text, Origin::of(b"/app.py", 3).with_exception(trace));
                assert!(line.len() <= MOST && line.len() > MOST - 200, "{c:?}: {}", line.len());
                assert_eq!(line.matches("short").count(), usize::from(text == short || trace == short));
                assert_eq!(
                    line.matches("bytes left out").count(),
                    [text, trace].iter().filter(|t| **t == long).count()
                );
                assert!(line.ends_with(",\"file\":\"/app.py\",\"line\":3,\"pid\":7}\n"), "{c:?}");
            }
            let everywhere = Origin {
                logger: Slice::of(long),
                script: Slice::of(long),
                ..Origin::of(long, 3).with_exception(long)
            };
            let facts = Facts { id: long, group: long, client: long, server: long, ..FACTS };
            let line = object(&facts, long, everywhere);
            assert!(
                line.len() <= MOST && line.ends_with(b",\"line\":3,\"pid\":7}\n"),
                "{c:?}: {}",
                line.len()
            );
        }
        assert_eq!(shortened(&"x".repeat(300), 100).matches('x').count(), 50);
    }

    #[test]
    fn moments_are_those_of_rfc_3339() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(time(951_782_400_000_000), "2000-02-29T00:00:00.000000Z");
        assert_eq!(time(4_107_542_399_999_999), "2100-02-28T23:59:59.999999Z");
        assert_eq!(time(-1), "1969-12-31T23:59:59.999999Z");
    }
}
