//! The body of the request, as the application asks for it.

use super::{BLOCK, Relay, unreadable};
use std::io;
use wire::frame::{self, Header, Kind};

impl Relay<'_, '_> {
    /// The application reads the body: unless that was read before, this is what has the client send it. What it answered
    /// before must be with the client by then: it may wait for that. False: the client has gone, or gets no body.
    pub(super) fn read(&mut self, len: usize) -> io::Result<bool> {
        let payload = self.conn.stream.payload(len)?;
        let want = frame::parse_read(&payload).map_err(unreadable)?;
        if !self.ahead.is_there() && !((self.put_off.is_none() || self.flush_now()) && self.drain(0)?) {
            return Ok(false);
        }
        let mut bytes = vec![0; want.clamp(1, BLOCK)];
        let (count, state) = self.ahead.next(&mut self.context.body, &mut bytes);
        let header = Header { kind: Kind::Body, flag: state.flag(), len: count };
        self.conn.stream.send_frame(header, &bytes[..count])?;
        Ok(true)
    }
}
