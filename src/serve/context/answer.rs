//! The way of an answer: status and headers are held until something is sent, so that an application that fails before
//! that still gets an error page.

use super::conditions::{Conditions, Validators, Verdict, range_applies};
use super::{RequestContext, maps};
use crate::apache::client::Taken;
use crate::apache::{Request, Status, parse_date};
use std::ffi::CStr;
use std::fs::File;
use std::io;
use wire::abi::Outcome;
use wire::message;

/// Status and headers as the application gave them, of the request's pool.
pub struct Head<'r> {
    status: i32,
    line: &'r [u8],
    headers: Vec<(&'r CStr, &'r CStr)>,
}

impl<'r> Head<'r> {
    /// Copies status and headers.
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

    /// Sets them in the request, each as it is, duplicates included. The verdict is on the client's conditions: the body goes
    /// out only if that is [`Verdict::Send`].
    fn apply(&self, r: Request<'r>) -> Verdict {
        let verdict = if self.status == 200 && r.is_own() { self.judge(r) } else { Verdict::Send };
        if verdict == Verdict::Failed {
            // The server's page for 412 has nothing of the application's headers.
            return verdict;
        }
        r.set_answer(self.status, self.line);
        let out = r.headers_out();
        for (name, value) in &self.headers {
            let is = |other: &[u8]| name.to_bytes().eq_ignore_ascii_case(other);
            if is(b"Content-Type") {
                r.set_content_type(value.to_bytes());
            } else if is(b"WWW-Authenticate") {
                // httpd sends these with an error page too.
                r.err_headers_out().add(name, value);
            } else {
                out.add(name, value);
            }
        }
        if verdict == Verdict::NotModified {
            r.set_answer(304, b"304 Not Modified");
            out.unset(c"Content-Length");
        }
        // RFC 9110, 8.6 and 15.3.6.
        match self.status {
            204 => out.unset(c"Content-Length"),
            205 => out.set(c"Content-Length", c"0"),
            _ => {}
        }
        verdict
    }

    fn header(&self, wanted: &str) -> Option<&'r [u8]> {
        let wanted = wanted.as_bytes();
        let found = self.headers.iter().find(|(name, _)| name.to_bytes().eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.to_bytes())
    }

    /// Evaluates the conditions of the request (RFC 9110, 13), and whether the client gets the part of the content that it
    /// asks for or all of it (14.2).
    fn judge(&self, r: Request<'r>) -> Verdict {
        let is_get = r.method() == b"GET";
        let asked = r.headers_in();
        let has_range = asked.get(c"Range").is_some();
        let [if_match, if_none_match, modified_since, unmodified_since] =
            [c"If-Match", c"If-None-Match", c"If-Modified-Since", c"If-Unmodified-Since"]
                .map(|name| asked.get(name));
        if !has_range
            && [if_match, if_none_match, modified_since, unmodified_since].iter().all(Option::is_none)
        {
            return Verdict::Send;
        }
        if !is_get && r.method() != b"HEAD" {
            if has_range {
                r.send_whole();
            }
            return Verdict::Send;
        }
        let date = |text| parse_date(r.pool(), text).map(|time| time / 1_000_000);
        let modified = self.header("Last-Modified").and_then(date);
        let answer = Validators { etag: self.header("ETag"), modified };
        let conditions = Conditions {
            if_match,
            if_none_match,
            if_modified_since: modified_since.and_then(date),
            if_unmodified_since: unmodified_since.and_then(date),
        };
        if has_range {
            // httpd's filter for ranges compares this with If-Range once more.
            modified.inspect(|seconds| r.set_modified(seconds * 1_000_000));
            let settled = |date: i64| r.received() / 1_000_000 >= date + 60;
            let applies =
                asked.get(c"If-Range").is_none_or(|value| range_applies(value, date(value), answer, settled));
            if !is_get || !applies {
                r.send_whole();
            }
        }
        conditions.judge(answer)
    }
}

impl RequestContext<'_> {
    /// Sets status and headers, if that was not done, before anything is sent.
    fn send_head(&mut self) {
        if let Some(head) = self.head.take() {
            self.verdict = head.apply(self.request);
            self.timing.tell(self.request);
            self.is_empty = head.status == 205;
            if self.drops_body() {
                self.answer.clear();
            }
        }
    }

    /// The client does not get the body, whatever comes of it: nobody waits for more.
    pub fn drops_body(&self) -> bool {
        self.is_empty || self.verdict != Verdict::Send
    }

    /// Adds `len` bytes of a regular file: for sendfile(2) where that is wanted, else from memory where nobody can make the
    /// file shorter meanwhile, which would be the end of the process, else as it is read.
    pub fn append_file(&mut self, file: impl Into<File>, offset: i64, len: i64) -> io::Result<()> {
        let file = file.into();
        let part = |_| io::Error::from(io::ErrorKind::InvalidInput);
        let (start, count) = (u64::try_from(offset).map_err(part)?, u64::try_from(len).map_err(part)?);
        let lasting = if self.request.may_map_files() { maps::Lasting::of(&file) } else { None };
        let may_map = lasting.is_some();
        if !self.sendfile
            && let Some(mapping) = lasting.and_then(maps::get)
        {
            let part = mapping.part(start, count);
            // A file that has shrunk since its size was told is left to httpd, which breaks the answer off.
            if part.as_ref().len() as u64 == count {
                self.answer.refer(part);
                return Ok(());
            }
        }
        self.answer.file(file.into(), offset, len, self.sendfile, may_map);
        Ok(())
    }

    /// Sends what was added. False: the client has gone, or gets no body. The application ends then as it does for a client
    /// that has gone: an endless answer would hold its thread for ever.
    pub fn flush(&mut self) -> bool {
        self.send_head();
        !self.drops_body() && self.answer.flush()
    }

    /// Sends what was added as far as the client takes it at once. A client that gets no body counts as gone, as for
    /// [`RequestContext::flush`].
    pub fn offer(&mut self) -> Taken {
        self.send_head();
        if self.drops_body() { Taken::Gone } else { self.answer.offer() }
    }

    /// Hands the beginning of what was added on, to be sent when that is worth while. False: as for [`RequestContext::flush`].
    pub fn begin(&mut self) -> bool {
        self.send_head();
        !self.drops_body() && self.answer.begin()
    }

    /// The answer is whole.
    pub fn finish(&mut self) -> Status {
        self.send_head();
        if self.verdict == Verdict::Failed {
            return Status(412);
        }
        self.answer.finish();
        Status::OK
    }

    /// Ends the answer, because no more of it is needed: a client that gets no body gets the rest of it.
    pub fn abandon(&mut self) -> Status {
        if self.drops_body() { self.finish() } else { Status::OK }
    }

    /// The answer breaks off. What the client has not seen any of becomes an error page.
    pub fn fail(&mut self) -> Status {
        if self.drops_body() {
            return self.finish();
        }
        if !self.answer.is_passed() {
            self.answer.clear();
            return Status(500);
        }
        self.answer.break_off();
        self.stay.break_off();
        Status::OK
    }

    /// The answer ends before its Content-Length: the client notices, if it gets a body at all.
    pub fn end_short(&mut self) -> Status {
        self.send_head();
        if self.drops_body() {
            return self.finish();
        }
        self.request.log(
            message::SHORT_RESPONSE,
            "the application sent fewer bytes than its Content-Length; the connection is closed",
        );
        self.answer.flush();
        self.answer.break_off();
        self.stay.break_off();
        Status::OK
    }

    /// Nothing was sent: the server's error page goes out, with what is known of a failed start.
    pub fn refuse(&mut self, outcome: Outcome) -> Status {
        if self.drops_body() {
            return self.finish();
        }
        let r = self.request;
        self.timing.tell(r);
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
