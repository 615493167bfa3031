//! The link between an Apache child and a worker process: frames on a kept-open UNIX stream connection.
//!
//! The worker greets with HELLO when a thread of it has taken the connection. Then, request by request: the child sends
//! REQUEST (with the beginning of the body, or all of it, when that is at hand), the worker answers with HEAD, DATA,
//! FILE and LOG, asks for the body with READ, and ends with END. The child sends nothing that it was not asked for, so
//! neither side can wait for the other. A connection that ends before END means that the answer is not whole.

use crate::Origin;
use crate::abi::{End, MOST_HEAD, Outcome, ReadError};
use crate::codec::{Malformed, Reader, Writer};

/// The version of these frames that this side speaks, and the oldest that it understands.
pub const VERSIONS: core::ops::RangeInclusive<u16> = 4..=4;

/// Most bytes of a record for the error log in one frame.
pub const MOST_LINE: usize = 64 << 10;

/// Bytes of a frame's header: payload length (`u32`), kind, flag, two zeros.
pub const HEADER: usize = 8;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Worker: a thread has taken the connection. Payload: [`Hello`].
    Hello = 1,
    /// Child: a request. Payload: [`crate::request::Head`].
    Request = 2,
    /// Worker: wants up to so many bytes of the body (`u32`).
    Read = 3,
    /// Child: bytes of the body. Flag: a [`Body`].
    Body = 4,
    /// Worker: status and headers. Payload: [`Answer`].
    Head = 5,
    /// Worker: bytes of the answer.
    Data = 6,
    /// Worker: what came so far is to go out. Flag 1: and an ACK is wanted when it has.
    Flush = 7,
    /// Child: it has gone out (flag 1), or the client has gone (0).
    Ack = 8,
    /// Worker: a part of the file whose descriptor comes along. Payload: offset and length, `i64`.
    File = 9,
    /// Worker: a line for the error log, behind the line of source code that it is of. Flag: its level.
    Log = 10,
    /// Worker: the answer is complete, or what is to be done instead. Payload: [`Outcome`].
    End = 11,
}

/// Longest payload of each kind. DATA and BODY are passed on piece by piece, never held as a whole.
const LIMITS: [(Kind, u32); 11] = [
    (Kind::Hello, 256),
    (Kind::Request, 16 << 20),
    (Kind::Read, 4),
    (Kind::Body, 1 << 20),
    // Each text has its length before it.
    (Kind::Head, MOST_HEAD as u32 + (64 << 10)),
    (Kind::Data, 1 << 30),
    (Kind::Flush, 0),
    (Kind::Ack, 0),
    (Kind::File, 16),
    (Kind::Log, (MOST_LINE + Origin::ROOM) as u32),
    (Kind::End, 16),
];

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Kind of the frame.
    pub kind: Kind,
    /// More about it; see [`Kind`].
    pub flag: u8,
    /// Bytes that follow.
    pub len: usize,
}

impl Kind {
    /// Longest payload.
    pub fn limit(self) -> usize {
        LIMITS[self as usize - 1].1 as usize
    }
}

impl Header {
    /// Reads a header; an unknown kind, and a length beyond the limit of the kind, are malformed.
    pub fn parse(bytes: [u8; HEADER]) -> Result<Self, Malformed> {
        let [a, b, c, d, kind, flag, 0, 0] = bytes else { return Err(Malformed("frame")) };
        let len = u32::from_le_bytes([a, b, c, d]);
        let entry = LIMITS.get(usize::from(kind).wrapping_sub(1));
        match entry {
            Some(&(kind, limit)) if len <= limit => Ok(Self { kind, flag, len: len as usize }),
            _ => Err(Malformed("frame")),
        }
    }

    /// The header that `bytes` begin with; `None`: it has not come as a whole yet.
    pub fn first(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        bytes.first_chunk().map(|bytes| Self::parse(*bytes)).transpose()
    }

    /// The header as bytes.
    pub fn bytes(self) -> [u8; HEADER] {
        let [a, b, c, d] = (self.len as u32).to_le_bytes();
        [a, b, c, d, self.kind as u8, self.flag, 0, 0]
    }
}

/// Adds a frame to `out`.
pub fn put(out: &mut Vec<u8>, kind: Kind, flag: u8, payload: &[u8]) {
    out.extend_from_slice(&Header { kind, flag, len: payload.len() }.bytes());
    out.extend_from_slice(payload);
}

/// Adds a frame whose payload `write` appends.
pub fn put_with(out: &mut Vec<u8>, kind: Kind, write: impl FnOnce(&mut Writer<'_>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    write(&mut Writer(out));
    let len = out.len() - start - HEADER;
    out[start..start + HEADER].copy_from_slice(&Header { kind, flag: 0, len }.bytes());
}

/// How a connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Oldest and newest version of the frames that the worker speaks.
    pub versions: (u16, u16),
    /// What the group's processes know, and nobody else: the worker is no impostor.
    pub token: [u8; 16],
    /// Where the worker stands in the group's claims.
    pub slot: u32,
    /// Which worker it is of those that stood there.
    pub generation: u32,
    /// Where the connection stands among the worker's.
    pub connection: u32,
}

impl Hello {
    /// Appends the frame to `out`.
    pub fn put(&self, out: &mut Vec<u8>) {
        put_with(out, Kind::Hello, |w| {
            w.u16(self.versions.0).u16(self.versions.1).raw(&self.token);
            w.u32(self.slot).u32(self.generation).u32(self.connection);
        });
    }

    /// Reads the payload.
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload, "greeting");
        let hello = Self {
            versions: (reader.u16()?, reader.u16()?),
            token: reader.array()?,
            slot: reader.u32()?,
            generation: reader.u32()?,
            connection: reader.u32()?,
        };
        reader.end()?;
        Ok(hello)
    }

    /// Both sides speak a version.
    pub fn is_understood(&self) -> bool {
        self.versions.0 <= *VERSIONS.end() && self.versions.1 >= *VERSIONS.start()
    }
}

/// What a BODY frame says beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// The body may have more data.
    More,
    /// These are the last.
    End,
    /// Reading the body failed.
    Failed(ReadError),
}

impl Body {
    /// The state as the flag of a BODY frame.
    pub fn flag(self) -> u8 {
        match self {
            Self::More => 0,
            Self::End => 1,
            Self::Failed(error) => 1 + (error as isize).unsigned_abs() as u8,
        }
    }

    /// From a frame's flag.
    pub fn of(flag: u8) -> Result<Self, Malformed> {
        match flag {
            0 => Ok(Self::More),
            1 => Ok(Self::End),
            2..=5 => Ok(Self::Failed(ReadError::of(1 - isize::from(flag)))),
            _ => Err(Malformed("body")),
        }
    }
}

/// Status and headers of an answer.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// The status, 200 to 999.
    pub status: u16,
    /// `200 OK`
    pub line: &'a [u8],
    headers: Reader<'a>,
    count: u32,
}

impl<'a> Answer<'a> {
    /// Appends the frame to `out`.
    pub fn put(out: &mut Vec<u8>, status: i32, line: &[u8], headers: &[(&[u8], &[u8])]) {
        put_with(out, Kind::Head, |w| {
            w.u16(status as u16).text(line).u32(headers.len() as u32);
            for (name, value) in headers {
                w.text(name).text(value);
            }
        });
    }

    /// Reads the payload, all of it.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "answer";
        let mut reader = Reader::new(payload, WHAT);
        let (status, line, count) = (reader.u16()?, reader.text()?, reader.u32()?);
        if !(200..=999).contains(&status) || has_breaks(line) {
            return Err(Malformed(WHAT));
        }
        let answer = Self { status, line, headers: reader, count };
        for _ in 0..count {
            if has_breaks(reader.text()?) || has_breaks(reader.text()?) {
                return Err(Malformed(WHAT));
            }
        }
        reader.end()?;
        Ok(answer)
    }

    /// The headers.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut reader = self.headers;
        // Each was read before.
        (0..self.count).map_while(move |_| Some((reader.text().ok()?, reader.text().ok()?)))
    }
}

/// What would end a line of HTTP.
fn has_breaks(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'\r' | b'\n'))
}

/// Adds LOG frames: one, or more for a record that is too long for one.
pub fn put_log(out: &mut Vec<u8>, level: u8, text: &[u8], origin: Origin<'_>) {
    for (text, origin) in origin.parts(text, MOST_LINE) {
        let start = out.len();
        put_with(out, Kind::Log, |w| origin.put(w, text));
        out[start + 5] = level;
    }
}

/// Adds an END frame.
pub fn put_end(out: &mut Vec<u8>, outcome: Outcome) {
    put_with(out, Kind::End, |w| {
        w.i32(outcome.end as i32).i32(outcome.status).u32(outcome.retry_after).u32(outcome.id);
    });
}

/// Reads the payload of an END frame.
pub fn parse_end(payload: &[u8]) -> Result<Outcome, Malformed> {
    let mut reader = Reader::new(payload, "end");
    let end = match reader.i32()? {
        0 => End::Complete,
        1 => End::Error,
        2 => End::Truncated,
        3 => End::Short,
        5 => End::Elsewhere,
        _ => return Err(Malformed("end")),
    };
    let outcome = Outcome { end, status: reader.i32()?, retry_after: reader.u32()?, id: reader.u32()? };
    reader.end()?;
    if end == End::Error && !(400..=599).contains(&outcome.status) {
        return Err(Malformed("end"));
    }
    Ok(outcome)
}

/// Adds a FILE frame; its descriptor goes with its first byte.
pub fn put_file(out: &mut Vec<u8>, offset: i64, len: i64) {
    put_with(out, Kind::File, |w| {
        w.i64(offset).i64(len);
    });
}

/// Offset and length of a FILE frame.
pub fn parse_file(payload: &[u8]) -> Result<(i64, i64), Malformed> {
    let mut reader = Reader::new(payload, "file");
    let (offset, len) = (reader.i64()?, reader.i64()?);
    reader.end()?;
    if offset < 0 || len < 0 || offset.checked_add(len).is_none() {
        return Err(Malformed("file"));
    }
    Ok((offset, len))
}

/// The number of bytes that a READ frame wants.
pub fn parse_read(payload: &[u8]) -> Result<usize, Malformed> {
    let mut reader = Reader::new(payload, "read");
    let count = reader.u32()? as usize;
    reader.end()?;
    Ok(count.min(Kind::Body.limit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_stand_at_their_kinds() {
        for (index, (kind, _)) in LIMITS.iter().enumerate() {
            assert_eq!(*kind as usize, index + 1);
        }
    }

    #[test]
    fn a_frame_longer_than_its_kind_may_be_is_malformed() {
        let mut bytes = Header { kind: Kind::Read, flag: 0, len: 4 }.bytes();
        assert_eq!(Header::parse(bytes).map(|header| header.len), Ok(4));
        bytes[0] = 5;
        assert!(Header::parse(bytes).is_err());
        assert!(Header::parse([0, 0, 0, 0, 12, 0, 0, 0]).is_err());
        assert!(Header::parse([0, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }

    #[test]
    fn an_answer_comes_back_as_it_was() {
        let mut out = Vec::new();
        Answer::put(&mut out, 404, b"404 Not Found", &[(b"A", b"1"), (b"B", b"")]);
        let answer = Answer::parse(&out[HEADER..]).unwrap();
        assert_eq!((answer.status, answer.line), (404, &b"404 Not Found"[..]));
        let headers: Vec<_> = answer.headers().collect();
        assert_eq!(headers, [(&b"A"[..], &b"1"[..]), (b"B", b"")]);
        let mut out = Vec::new();
        Answer::put(&mut out, 200, b"200 OK", &[(b"A", b"1\r\nB: 2")]);
        assert!(Answer::parse(&out[HEADER..]).is_err());
    }

    #[test]
    fn every_end_and_every_error_of_a_body_comes_back() {
        for end in [End::Complete, End::Truncated, End::Short, End::Elsewhere] {
            let mut out = Vec::new();
            put_end(&mut out, Outcome::of(end, 0));
            assert_eq!(parse_end(&out[HEADER..]).map(|outcome| outcome.end), Ok(end));
        }
        for error in [ReadError::Disconnected, ReadError::Timeout, ReadError::TooLarge, ReadError::Malformed]
        {
            assert_eq!(Body::of(Body::Failed(error).flag()), Ok(Body::Failed(error)));
        }
    }
}
