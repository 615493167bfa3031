//! The answer behind its head: its bytes, the files it is made of, and when the client gets it.

use super::{BLOCK, Client, Relay, malformed, unreadable};
use crate::serve::daemon::block::Block;
use std::io;
use std::time::Instant;
use wire::abi::COPY_LIMIT;
use wire::frame::{self, Header, Kind};

/// Bytes after which an answer is sent on, if nothing else is said.
const BUFFER_LIMIT: u64 = 8 << 20;
/// Files that may be in one answer: an application returns one.
const MOST_FILES: u32 = 8;

impl<C: Client> Relay<'_, C> {
    /// False: the client has gone, or gets no body.
    pub(super) fn data(&mut self, len: usize) -> io::Result<bool> {
        self.take(len as u64)?;
        let wanted = self.instead.is_none() && !self.client.drops_body();
        let mut left = len;
        while left > 0 {
            if !wanted {
                left -= self.conn.stream.some(left)?.len();
                continue;
            }
            if len <= COPY_LIMIT {
                let part = self.conn.stream.some(left)?;
                self.client.copy(part);
                left -= part.len();
            } else {
                let mut block = Block::new(left.min(BLOCK));
                self.conn.stream.block(block.bytes_mut())?;
                left -= block.as_ref().len();
                self.client.append(block);
            }
            if self.client.held() >= self.limit() && !self.make_room()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits until the client has taken so much that more can be held.
    fn make_room(&mut self) -> io::Result<bool> {
        Ok(self.flush_now() && self.drain(self.limit())?)
    }

    pub(super) fn limit(&self) -> u64 {
        match self.live.group.response_buffer_size {
            0 => BUFFER_LIMIT,
            size => size.into(),
        }
    }

    pub(super) fn file(&mut self, len: usize) -> io::Result<()> {
        let payload = self.conn.stream.payload(len)?;
        let (offset, len) = frame::parse_file(&payload).map_err(unreadable)?;
        let file = self.conn.stream.file()?;
        self.take(len as u64)?;
        self.files += 1;
        if self.files > MOST_FILES {
            return Err(malformed("more files than an answer may have"));
        }
        if self.instead.is_none() && !self.client.drops_body() {
            self.client.append_file(file, offset, len)?;
        }
        Ok(())
    }

    /// The process has handed over what it had; if no more follows at once the client gets it. False: it has gone, or
    /// gets no body.
    pub(super) fn flush(&mut self, acknowledge: bool) -> io::Result<bool> {
        if self.instead.is_some() {
            if acknowledge {
                self.acknowledge(true)?;
            }
            return Ok(true);
        }
        let waits = self.put_off.is_some() || self.owes.is_some();
        if !acknowledge && (waits || self.conn.stream.is_ready(self.delay())) {
            self.put_off.get_or_insert_with(Instant::now);
            // The head goes with the first block all the same: it must not look as if this were the whole answer.
            return Ok(self.client.is_passed() || self.client.begin());
        }
        if !acknowledge {
            return Ok(self.flush_now());
        }
        let there = self.settle()?;
        self.acknowledge(there)?;
        Ok(there)
    }

    /// What came no longer depends on what the process does: it is in memory, or with the client.
    fn settle(&mut self) -> io::Result<bool> {
        if self.files == 0 {
            return Ok(self.flush_now());
        }
        let fits = self.client.held() <= self.limit() && self.client.take_in();
        Ok(self.flush_now() && (fits || self.drain(0)?))
    }

    pub(super) fn acknowledge(&mut self, there: bool) -> io::Result<()> {
        self.conn.stream.send_frame(Header { kind: Kind::Ack, flag: there.into(), len: 0 }, b"")
    }
}
