//! Where a record of the log comes from, and what belongs to it beside its text.

use crate::Slice;
use crate::codec::{Malformed, Reader, Writer};
use std::borrow::Cow;

/// Where a record comes from. What is not known is empty.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// Path of the file that it was logged from, `%F` of ErrorLogFormat; empty: the module itself.
    pub file: Slice<'a>,
    /// The line there, from 1 on.
    pub number: u32,
    /// The process that wrote it; 0: the one that has the record.
    pub pid: u32,
    /// The name of a logger of Python's `logging`, or of a stream; empty: the module itself.
    pub logger: Slice<'a>,
    /// Path of the script whose request or start wrote it.
    pub script: Slice<'a>,
    /// The id of its request, where nobody else knows it.
    pub request: Slice<'a>,
    /// The process group that it is of.
    pub group: Slice<'a>,
    /// The lines of a traceback.
    pub exception: Slice<'a>,
}

/// Longest name of a logger that is kept, and longest id of a request.
const LONGEST_NAME: usize = 255;

impl<'a> Origin<'a> {
    /// The module itself, whose lines have numbers of their own.
    pub const NONE: Self = Self {
        file: Slice::EMPTY,
        number: 0,
        pid: 0,
        logger: Slice::EMPTY,
        script: Slice::EMPTY,
        request: Slice::EMPTY,
        group: Slice::EMPTY,
        exception: Slice::EMPTY,
    };

    /// Longest path that is kept, in bytes.
    pub const LONGEST: usize = 4096;

    /// Most bytes that [`Origin::put`] writes beside text and exception.
    pub const ROOM: usize = 2 * Self::LONGEST + 2 * LONGEST_NAME + 24;

    /// A line of this file. Of a path beyond [`Self::LONGEST`] bytes the beginning is left out.
    pub fn of(file: &'a [u8], number: u32) -> Self {
        Self { file: Slice::of(end(file, Self::LONGEST)), number, ..Self::NONE }
    }

    /// A stream of this name, or a logger.
    pub fn named(logger: &'a [u8]) -> Self {
        Self { logger: Slice::of(logger), ..Self::NONE }
    }

    /// It belongs to this script.
    #[must_use]
    pub fn of_script(self, script: &'a [u8]) -> Self {
        Self { script: Slice::of(script), ..self }
    }

    /// With the lines of a traceback.
    #[must_use]
    pub fn with_exception(self, exception: &'a [u8]) -> Self {
        Self { exception: Slice::of(exception), ..self }
    }

    /// Writes a record as one process tells it another: without who that is.
    pub fn put(&self, w: &mut Writer<'_>, text: &[u8]) {
        w.u32(self.number).text(end(self.file.get(), Self::LONGEST));
        w.text(end(self.script.get(), Self::LONGEST));
        for name in [self.logger, self.request] {
            w.text(&name.get()[..name.get().len().min(LONGEST_NAME)]);
        }
        w.text(self.exception.get()).raw(text);
    }

    /// Reads it: the text, and where it comes from.
    pub fn parse(record: &'a [u8]) -> Result<(&'a [u8], Self), Malformed> {
        let mut reader = Reader::new(record, "log line");
        let number = reader.u32()?;
        let mut text = || reader.text().map(Slice::of);
        let (file, script, logger, request) = (text()?, text()?, text()?, text()?);
        let exception = text()?;
        let origin = Self { file, number, script, logger, request, exception, ..Self::NONE };
        Ok((reader.rest(), origin))
    }

    /// The lines of which a record of this text consists in a log of lines. What an application has written has the script in
    /// front of each line, and is several lines where it says so; a line of the module is one line.
    pub fn lines(self, text: &'a [u8]) -> impl Iterator<Item = Cow<'a, [u8]>> {
        let is_application = !self.logger.get().is_empty();
        let exception = self.exception.get();
        let texts = (!text.is_empty() || exception.is_empty())
            .then(|| text.split(move |byte| is_application && *byte == b'\n'));
        let exceptions = (!exception.is_empty()).then(|| exception.split(|byte| *byte == b'\n'));
        let script = self.script.get();
        let prefixed = move |line: &'a [u8]| match script {
            b"" => Cow::Borrowed(line),
            _ => Cow::Owned([b"[script ", script, b"] ", line].concat()),
        };
        texts.into_iter().flatten().chain(exceptions.into_iter().flatten()).map(prefixed)
    }

    /// The record in parts of at most `most` bytes, cut between lines where there are some.
    pub fn parts(self, text: &'a [u8], most: usize) -> impl Iterator<Item = (&'a [u8], Self)> {
        let (mut text, mut exception) = (Some(text), self.exception.get());
        std::iter::from_fn(move || {
            let mut part = Self { exception: Slice::EMPTY, ..self };
            if let Some(rest) = text {
                if rest.len() + exception.len() <= most {
                    text = None;
                    part.exception = Slice::of(std::mem::take(&mut exception));
                    return Some((rest, part));
                }
                let (now, later) = cut(rest, most);
                text = Some(later).filter(|later| !later.is_empty());
                return Some((now, part));
            }
            if exception.is_empty() {
                return None;
            }
            let (now, later) = cut(exception, most);
            (part.exception, exception) = (Slice::of(now), later);
            Some((&b""[..], part))
        })
    }
}

/// At most `most` bytes of a text, and the rest, behind the newline where one is dropped between the two.
fn cut(text: &[u8], most: usize) -> (&[u8], &[u8]) {
    if text.len() <= most {
        return (text, b"");
    }
    match text[..most].iter().rposition(|byte| *byte == b'\n') {
        Some(at) if at > 0 => (&text[..at], &text[at + 1..]),
        _ => text.split_at(most),
    }
}

/// The end of a text.
fn end(text: &[u8], most: usize) -> &[u8] {
    &text[text.len().saturating_sub(most)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines<'a>(origin: Origin<'a>, text: &'a [u8]) -> Vec<String> {
        origin.lines(text).map(|line| String::from_utf8_lossy(&line).into_owned()).collect()
    }

    #[test]
    fn an_application_writes_lines_and_the_module_one() {
        let application = Origin::named(b"app").of_script(b"/a.wsgi");
        assert_eq!(lines(application, b"one\ntwo"), ["[script /a.wsgi] one", "[script /a.wsgi] two"]);
        assert_eq!(lines(application, b""), ["[script /a.wsgi] "]);
        assert_eq!(
            lines(application.with_exception(b"T\nE"), b"one"),
            ["[script /a.wsgi] one", "[script /a.wsgi] T", "[script /a.wsgi] E"]
        );
        assert_eq!(lines(Origin::NONE, b"one\nline"), ["one\nline"]);
        assert_eq!(lines(Origin::NONE.with_exception(b"T\nE"), b"one\nline"), ["one\nline", "T", "E"]);
        assert_eq!(lines(Origin::NONE.with_exception(b"T\nE"), b""), ["T", "E"]);
    }

    #[test]
    fn nothing_of_a_long_record_is_lost() {
        let exception = "a line of it\n".repeat(30);
        let exception = exception.trim_end().as_bytes();
        for text in [&b"short"[..], &[b'x'; 300], b"one line\nand another\nand a third one"] {
            let origin = Origin::named(b"app").with_exception(exception);
            let all: Vec<u8> = lines(origin, text).join("\n").into_bytes();
            let mut seen = Vec::new();
            for (text, part) in origin.parts(text, 64) {
                assert!(text.len() + part.exception.get().len() <= 64);
                assert_eq!(part.logger.get(), b"app");
                seen.extend(lines(part, text));
            }
            // A line that is too long is cut.
            assert_eq!(
                seen.concat(),
                all.split(|byte| *byte == b'\n').map(String::from_utf8_lossy).collect::<String>()
            );
        }
        assert_eq!(Origin::NONE.parts(b"", 64).count(), 1);
    }

    #[test]
    fn it_comes_back_as_it_was_told() {
        let origin =
            Origin { logger: Slice::of(b"app"), request: Slice::of(b"id"), ..Origin::of(b"/a.py", 7) };
        let mut bytes = Vec::new();
        origin.of_script(b"/s").with_exception(b"T").put(&mut Writer(&mut bytes), b"text");
        let (text, read) = Origin::parse(&bytes).unwrap();
        assert_eq!(text, b"text");
        let texts =
            [read.file, read.script, read.logger, read.request, read.exception].map(|text| text.get());
        assert_eq!((read.number, texts), (7, [&b"/a.py"[..], b"/s", b"app", b"id", b"T"]));
    }
}
