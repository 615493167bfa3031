//! The way of an answer: status and headers are held until something is sent, so that an application that fails before
//! that still gets an error page.

use super::{Exchange, maps};
use crate::apache::{Request, Status, parse_date};
use std::ffi::CStr;
use std::io;
use wire::door::Outcome;

/// Status and headers as the application gave them, of the request's pool.
pub struct Head<'r> {
    status: i32,
    line: &'r [u8],
    headers: Vec<(&'r CStr, &'r CStr)>,
}

impl<'r> Head<'r> {
    /// Copies them.
    pub fn new<'a>(
        r: Request<'r>,
        status: i32,
        line: &[u8],
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Self {
        let pool = r.pool();
        let headers = headers.map(|(name, value)| (pool.c_string(name), pool.c_string(value))).collect();
        Self { status, line: pool.copy(line), headers }
    }

    /// Sets them in the request, each as it is, duplicates included. Answers whether the client holds the content
    /// already (RFC 9110, 13): then the answer is 304, without a body.
    fn apply(&self, r: Request<'r>) -> bool {
        r.set_answer(self.status, self.line);
        let out = r.headers_out();
        let mut validators = false;
        for (name, value) in &self.headers {
            let is = |other: &[u8]| name.to_bytes().eq_ignore_ascii_case(other);
            validators |= is(b"ETag") || is(b"Last-Modified");
            if is(b"Content-Type") {
                r.set_content_type(value.to_bytes());
            } else if is(b"WWW-Authenticate") {
                // httpd sends these with an error page too.
                r.err_headers_out().add(name, value);
            } else {
                out.add(name, value);
            }
        }
        if !validators || self.status != 200 || ![&b"GET"[..], b"HEAD"].contains(&r.method()) {
            return false;
        }
        if let Some(time) = out.get(c"Last-Modified").and_then(|date| parse_date(r.pool(), date)) {
            r.set_modified(time);
        }
        let unchanged = r.meets_conditions() == Status(304);
        if unchanged {
            r.set_answer(304, b"304 Not Modified");
            out.unset(c"Content-Length");
        }
        unchanged
    }
}

impl Exchange<'_> {
    /// Sets status and headers, if that was not done, before anything is sent.
    fn send_head(&mut self) {
        if let Some(head) = self.head.take()
            && head.apply(self.request)
        {
            self.unchanged = true;
            self.answer.clear();
        }
    }

    /// Adds `len` bytes of a regular file: for sendfile(2) where that is wanted, else from memory if it is worth while and
    /// the file `stays` as long as it is.
    pub fn append_file(&mut self, fd: i32, offset: i64, len: i64, stays: bool) -> io::Result<()> {
        let part = |_| io::Error::from(io::ErrorKind::InvalidInput);
        let (start, count) = (u64::try_from(offset).map_err(part)?, u64::try_from(len).map_err(part)?);
        let may_map = stays && self.request.may_map_files();
        if !self.sendfile
            && may_map
            && let Some(mapping) = maps::get(fd)
        {
            let part = mapping.part(start, count);
            // A file that has shrunk since its size was told is left to httpd, which breaks the answer off.
            if part.len as u64 == count {
                self.answer.refer::<maps::Hold>(part, mapping.into_owner());
                return Ok(());
            }
        }
        self.answer.file(fd, offset, len, self.sendfile, may_map)
    }

    /// Sends what was added. False: the client has gone.
    pub fn flush(&mut self) -> bool {
        self.send_head();
        self.answer.flush()
    }

    /// Hands what was added on, to be sent when that is worth while. False: the client has gone.
    pub fn pass_on(&mut self) -> bool {
        self.send_head();
        self.answer.pass()
    }

    /// The answer is whole.
    pub fn finish(&mut self) -> Status {
        self.send_head();
        self.answer.finish();
        Status::OK
    }

    /// The answer breaks off. What the client has not seen any of becomes an error page.
    pub fn fail(&mut self) -> Status {
        if !self.answer.is_passed() {
            self.answer.clear();
            return Status(500);
        }
        self.answer.break_off();
        Status::OK
    }

    /// The answer ends before its Content-Length.
    pub fn end_short(&mut self) -> Status {
        self.flush();
        self.answer.break_off();
        Status::OK
    }

    /// Nothing was sent: the server's error page goes out, with what is known of a failed start.
    pub fn refuse(&self, outcome: Outcome) -> Status {
        let r = self.request;
        if outcome.id != 0 {
            let id = r.pool().c_string(format!("{:08x}", outcome.id).as_bytes());
            r.environment().set(c"WSGI_ERROR_ID", id);
        }
        if outcome.status == 503 {
            r.retry_after(if outcome.retry_after > 0 { outcome.retry_after } else { 10 });
        }
        Status(outcome.status)
    }
}
