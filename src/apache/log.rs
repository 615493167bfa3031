//! The error log. The text is always an argument of `%s`, so percent signs in it mean nothing.

use super::{Request, Server, sys};
use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::OnceLock;
use wire::{Level, Message, Origin};

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
    fn of(origin: Origin<'_>) -> Self {
        let file = origin.file.get();
        Self { file: (!file.is_empty()).then(|| c_text(file)), line: origin.number.try_into().unwrap_or(0) }
    }

    fn file(&self) -> *const c_char {
        self.file.as_deref().unwrap_or(c"mod_wsgi.c").as_ptr()
    }
}

/// A record on its way into the log of a server.
pub struct Record<'a> {
    /// The request that it is of.
    pub request: Option<Request<'a>>,
    /// The server whose log it is for.
    pub server: Server<'a>,
    /// How grave it is.
    pub level: Level,
    /// What it says.
    pub text: &'a [u8],
    /// What belongs to it.
    pub origin: Origin<'a>,
}

/// What a record is written as, newline included, instead of httpd's lines; `None`: as these.
pub type Form = fn(&Record<'_>) -> Option<Vec<u8>>;

/// How records are written, from the moment at which the logs of the configuration are open.
static FORM: OnceLock<Form> = OnceLock::new();

/// Has records written in another form than httpd's, where this wants it.
pub fn set_form(form: Form) {
    let _ = FORM.set(form);
}

/// Writes a record, unless httpd is to do it.
fn is_written(record: &Record<'_>) -> bool {
    let Some(line) = FORM.get().and_then(|form| form(record)) else { return false };
    record.server.write_log(record.level, &line);
    true
}

/// A message of the catalogue ends in the request's id, whether or not ErrorLogFormat has `%L`. What applications write stays as
/// they wrote it, and so do lines about the life of processes and applications, whose words monitoring looks for.
fn with_id<'a>(r: Request<'_>, level: Level, text: &'a [u8], origin: Origin<'_>) -> Cow<'a, [u8]> {
    let is_message =
        level <= Level::Notice && origin.logger.get().is_empty() && Message::of_line(text).is_some();
    match r.log_id() {
        id if is_message && !id.is_empty() => Cow::Owned([text, b" [id ", id, b"]"].concat()),
        _ => Cow::Borrowed(text),
    }
}

/// Writes a record to the error log of the request's virtual host.
pub fn request(r: Request<'_>, level: Level, text: &[u8], origin: Origin<'_>) {
    if !r.logs(level) || is_written(&Record { request: Some(r), server: r.server(), level, text, origin }) {
        return;
    }
    each_line(&with_id(r, level, text, origin), origin, |place, line| {
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
                line.as_ptr(),
            );
        }
    });
}

/// Writes a record to the error log of a server; `None` is the main one, or standard error before there is one.
pub fn server(s: Option<Server<'_>>, level: Level, text: &[u8], origin: Origin<'_>) {
    if let Some(server) = s
        && (!server.logs(level) || is_written(&Record { request: None, server, level, text, origin }))
    {
        return;
    }
    let raw = s.map_or(std::ptr::null(), Server::raw_const);
    each_line(text, origin, |place, line| {
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
                line.as_ptr(),
            );
        }
    });
}

/// Has each line of a record written, as httpd takes it.
fn each_line(text: &[u8], origin: Origin<'_>, write: impl Fn(&Place, &CStr)) {
    let place = Place::of(origin);
    for line in origin.lines(text) {
        for piece in pieces(&line) {
            write(&place, &c_text(piece));
        }
    }
}

/// Writes a message of the catalogue for a request.
pub fn message(r: Request<'_>, message: Message, text: impl std::fmt::Display) {
    request(r, message.level(), message.line(text).as_bytes(), Origin::NONE);
}

/// Writes a message of the catalogue for a server.
pub fn server_message(s: Option<Server<'_>>, message: Message, text: impl std::fmt::Display) {
    server(s, message.level(), message.line(text).as_bytes(), Origin::NONE);
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
