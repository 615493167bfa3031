//! The error log. The text is always an argument of `%s`, so percent signs in it mean nothing.

use super::{Request, Server, sys};
use std::ffi::{CString, c_char, c_int};
use wire::{Level, Message, SourceLine};

/// Longest text given to httpd in one record, in the characters it makes of it: it cuts a record at 8192, prefix
/// included.
const LONGEST: usize = 7000;

/// How many characters httpd makes of a byte: what is not printable ASCII becomes `\xhh`.
fn width(byte: u8) -> usize {
    match byte {
        b'\\' => 2,
        b' '..=b'~' => 1,
        _ => 4,
    }
}

fn c_text(text: &[u8]) -> CString {
    let text: Vec<u8> = text.iter().map(|&byte| if byte == 0 { b' ' } else { byte }).collect();
    CString::new(text).unwrap_or_default()
}

/// Pieces of at most [`LONGEST`] characters, cut between the characters of UTF-8 text.
fn pieces(mut text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut first = true;
    std::iter::from_fn(move || {
        if text.is_empty() && !std::mem::take(&mut first) {
            return None;
        }
        first = false;
        let mut room = LONGEST;
        let fits = |byte: &&u8| {
            room = room.saturating_sub(width(**byte));
            room > 0
        };
        let whole = text.iter().take_while(fits).count();
        // A character has at most three bytes behind its first; what is no UTF-8 is cut anywhere.
        let is_boundary = |end: &usize| *end == text.len() || text[*end] & 0xC0 != 0x80;
        let end = (whole.saturating_sub(3)..=whole).rev().find(is_boundary).unwrap_or(whole);
        let (piece, rest) = text.split_at(end);
        text = rest;
        Some(piece)
    })
}

/// The file that httpd is told, and the line in it.
struct Place {
    file: Option<CString>,
    line: c_int,
}

impl Place {
    fn of(source: SourceLine<'_>) -> Self {
        let file = source.file.get();
        Self { file: (!file.is_empty()).then(|| c_text(file)), line: source.number.try_into().unwrap_or(0) }
    }

    fn file(&self) -> *const c_char {
        self.file.as_deref().unwrap_or(c"mod_wsgi.c").as_ptr()
    }
}

/// Writes `text` to the error log of the request's virtual host.
pub fn request(r: Request<'_>, level: Level, text: &[u8], source: SourceLine<'_>) {
    if !r.logs(level) {
        return;
    }
    let place = Place::of(source);
    for piece in pieces(text) {
        let text = c_text(piece);
        // SAFETY: `r` is a live request; `place` has a C string, and "%s" takes one, which is alive.
        unsafe {
            sys::ap_log_rerror_(
                place.file(),
                place.line,
                super::module::index(),
                level as c_int,
                0,
                r.raw(),
                c"%s".as_ptr(),
                text.as_ptr(),
            );
        }
    }
}

/// Writes `text` to the error log of a server; `None` is the main one, or standard error before there is one.
pub fn server(s: Option<Server<'_>>, level: Level, text: &[u8], source: SourceLine<'_>) {
    let raw = s.map_or(std::ptr::null(), Server::raw_const);
    let place = Place::of(source);
    for piece in pieces(text) {
        let text = c_text(piece);
        // SAFETY: a live server or null, both allowed; `place` has a C string, and "%s" takes one, which is alive.
        unsafe {
            sys::ap_log_error_(
                place.file(),
                place.line,
                super::module::index(),
                level as c_int,
                0,
                raw,
                c"%s".as_ptr(),
                text.as_ptr(),
            );
        }
    }
}

/// Writes a message of the catalogue for a request.
pub fn message(r: Request<'_>, message: Message, text: impl std::fmt::Display) {
    request(r, message.level(), message.line(text).as_bytes(), SourceLine::NONE);
}

/// Writes a message of the catalogue for a server.
pub fn server_message(s: Option<Server<'_>>, message: Message, text: impl std::fmt::Display) {
    server(s, message.level(), message.line(text).as_bytes(), SourceLine::NONE);
}

/// Panics are logged, with their place, when they happen: the guard that catches them has lost it.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        server_message(None, wire::message::PANIC, panic);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(piece: &[u8]) -> usize {
        piece.iter().map(|&byte| width(byte)).sum()
    }

    #[test]
    fn a_long_line_is_cut_between_characters_and_none_is_lost() {
        for text in ["é".repeat(LONGEST), "x".repeat(3 * LONGEST), "short".into(), "😀".repeat(9999)] {
            let parts: Vec<_> = pieces(text.as_bytes()).collect();
            assert!(parts.iter().all(|part| wide(part) <= LONGEST && std::str::from_utf8(part).is_ok()));
            assert_eq!(parts.concat(), text.as_bytes());
        }
        assert_eq!(pieces(b"").count(), 1);
    }

    #[test]
    fn what_is_no_text_is_cut_and_comes_to_an_end() {
        let continuations = [0x80; 2 * LONGEST];
        let parts: Vec<_> = pieces(&continuations).collect();
        assert!(parts.iter().all(|part| !part.is_empty() && wide(part) <= LONGEST));
        assert_eq!(parts.concat(), continuations);
    }
}
