//! The head of an answer. The process may be any program by now: what frames the answer on the wire is looked at here.

use super::{Client, Instead, Relay, malformed, unreadable};
use crate::apache::Status;
use std::io;
use wire::abi::{MOST_HEAD, MOST_HEADERS};
use wire::frame::Answer;
use wire::message as msg;

/// Longest header of an answer, if nothing else is said.
const HEADER_LIMIT: usize = 32 << 10;

/// Statuses of answers that have no body.
const BODILESS: [u16; 3] = [204, 205, 304];

/// Statuses that stand for an error: httpd has pages for these.
const ERRORS: std::ops::Range<i32> = 400..600;

/// The answer is too large to be sent.
fn excess(answer: &Answer<'_>, limit: usize) -> Option<String> {
    let (mut count, mut bytes) = (0, answer.line.len());
    for (name, value) in answer.headers() {
        count += 1;
        bytes += name.len() + value.len();
        let len = name.len() + value.len() + 2;
        if len > limit {
            let name = wire::shown(&name[..name.len().min(100)]);
            return Some(format!(
                "the header '{name}' of the answer has {len} bytes; header-buffer-size allows {limit}"
            ));
        }
    }
    (count > MOST_HEADERS || bytes > MOST_HEAD).then(|| {
        format!(
            "the answer has {count} headers of {bytes} bytes; {MOST_HEADERS} of {MOST_HEAD} bytes are allowed"
        )
    })
}

/// How long the body is to be; `None`: the headers do not say.
fn declared(answer: &Answer<'_>) -> io::Result<Option<u64>> {
    let mut declared = None;
    for (name, value) in answer.headers() {
        if name.eq_ignore_ascii_case(b"Transfer-Encoding") {
            return Err(malformed("a Transfer-Encoding"));
        }
        if name.eq_ignore_ascii_case(b"Content-Length") {
            let length = Some(value).filter(|value| value.iter().all(u8::is_ascii_digit));
            let length = length.and_then(|value| std::str::from_utf8(value).ok()?.parse::<i64>().ok());
            let length = length.ok_or_else(|| malformed("a Content-Length that is not a number"))?;
            if declared.replace(length as u64).is_some() {
                return Err(malformed("two Content-Lengths"));
            }
        }
    }
    Ok(declared)
}

impl<C: Client> Relay<'_, C> {
    pub(super) fn head(&mut self, len: usize) -> io::Result<()> {
        /// The one that is sent, and the error page's instead.
        const MOST_HEADS: u32 = 2;
        self.heads += 1;
        if self.heads > MOST_HEADS {
            return Err(malformed("a second HEAD frame"));
        }
        let payload = self.conn.stream.payload(len)?;
        let answer = Answer::parse(&payload).map_err(unreadable)?;
        let limit = match self.live.group.header_buffer_size {
            0 => HEADER_LIMIT,
            size => size as usize,
        };
        if let Some(text) = excess(&answer, limit) {
            self.client.log(msg::HEADER_TOO_LONG, &text);
            self.instead = Some(Instead::Page(Status(500)));
            return Ok(());
        }
        self.client.taken(self.conn.taken());
        self.left = declared(&answer)?;
        self.has_body = !self.client.head_only() && !BODILESS.contains(&answer.status);
        let status = i32::from(answer.status);
        let is = |wanted: &'static [u8]| move |header: &(&[u8], &[u8])| header.0.eq_ignore_ascii_case(wanted);
        if ERRORS.contains(&status) && self.client.error_override() {
            for (_, value) in answer.headers().filter(is(b"WWW-Authenticate")) {
                self.client.authenticate(value);
            }
            self.instead = Some(Instead::Page(Status(status)));
        } else if let Some((_, location)) = answer.headers().find(is(b"Location"))
            && status == 200
            && location.starts_with(b"/")
        {
            self.instead = Some(Instead::Redirect(location.to_vec()));
        } else {
            self.client.head(&answer);
        }
        Ok(())
    }

    /// Bytes of the body come, of which there must be no more than was declared: the client would take the rest for the next
    /// answer.
    pub(super) fn take(&mut self, count: u64) -> io::Result<()> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(count).ok_or_else(|| malformed("more than its Content-Length"))?;
        }
        Ok(())
    }

    /// The body has ended before its Content-Length.
    pub(super) fn is_short(&self) -> bool {
        self.has_body && self.left.is_some_and(|left| left > 0)
    }
}
