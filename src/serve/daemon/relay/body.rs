//! The body of the request: what of it goes along, and what the application asks for.

use super::{BLOCK, Relay, unreadable};
use crate::serve::context::Exchange;
use std::io;
use wire::frame::{self, Body, Header, Kind};

/// The beginning of the body, if it goes with the request: all of a small one, unless the application is to decide whether
/// it comes at all (`Expect: 100-continue`).
pub fn beginning(exchange: &mut Exchange<'_>, most: i64) -> Option<(Vec<u8>, Body)> {
    let r = exchange.request;
    let headers = r.headers_in();
    let has = |name| headers.get(name).is_some();
    if has(c"Expect") || has(c"Transfer-Encoding") {
        return None;
    }
    let Some(length) = headers.get(c"Content-Length") else {
        let bodiless = matches!(r.method(), b"GET" | b"HEAD") && r.protocol().starts_with(b"HTTP/1");
        return bodiless.then(|| (Vec::new(), Body::End));
    };
    let length = std::str::from_utf8(length).ok()?.parse::<i64>().ok().filter(|length| *length <= most)?;
    let mut bytes = vec![0; length as usize + 1];
    let mut count = 0;
    // A filter may make it longer than it was declared: then there is more.
    let state = loop {
        if count == bytes.len() {
            break Body::More;
        }
        match exchange.body.read(&mut bytes[count..]) {
            Ok(0) => break Body::End,
            Ok(more) => count += more,
            Err(error) => break Body::Failed(error),
        }
    };
    bytes.truncate(count);
    Some((bytes, state))
}

impl Relay<'_, '_> {
    /// The application reads the body: this is what has the client send it. What it answered before must be with the
    /// client by then: it may wait for that.
    pub(super) fn read(&mut self, len: usize) -> io::Result<()> {
        let payload = self.conn.stream.payload(len)?;
        if self.wants_flush {
            self.flush_now();
        }
        let want = frame::parse_read(&payload).map_err(unreadable)?;
        let mut bytes = vec![0; want.clamp(1, BLOCK)];
        let (count, state) = match self.exchange.body.read(&mut bytes) {
            Ok(0) => (0, Body::End),
            Ok(count) => (count, Body::More),
            Err(error) => (0, Body::Failed(error)),
        };
        let header = Header { kind: Kind::Body, flag: state.flag(), len: count };
        self.conn.stream.send_frame(header, &bytes[..count])
    }
}
