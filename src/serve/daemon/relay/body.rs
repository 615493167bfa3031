//! The body of the request, as the application asks for it.

use super::{BLOCK, Client, Relay, unreadable};
use crate::serve::daemon::block::Block;
use std::io;
use std::time::Duration;
use wire::frame::{self, Header, Kind};

impl<C: Client> Relay<'_, C> {
    /// The application reads the body: unless that was read before, this is what has the client send it. False: the client has gone, or gets no body.
    pub(super) fn read(&mut self, len: usize) -> io::Result<bool> {
        let payload = self.conn.stream.payload(len)?;
        let want = frame::parse_read(&payload).map_err(unreadable)?;
        if !self.client.has_body() && !self.await_body()? {
            return Ok(false);
        }
        let mut block = Block::new(want.clamp(1, BLOCK));
        let (count, state) = self.client.read(block.bytes_mut());
        let header = Header { kind: Kind::Body, flag: state.flag(), len: count };
        self.conn.stream.send_frame(header, &block.as_ref()[..count])?;
        Ok(true)
    }

    /// What was answered before goes out first: the client may wait for that. One that sends all before it takes anything is
    /// read meanwhile, as long as more can be held.
    fn await_body(&mut self) -> io::Result<bool> {
        if self.put_off.is_some() && !self.flush_now() {
            return Ok(false);
        }
        while self.owes.is_some() {
            if !self.drain(self.limit())? {
                return Ok(false);
            }
            if self.owes.is_some() && self.client.sends() {
                // It sends, so it is there.
                self.owes = Some(self.new_debt());
                break;
            }
            let socket = self.client.socket().map(|(socket, _)| socket);
            if !self.await_client(socket, Duration::MAX)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
