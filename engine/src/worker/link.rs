//! A request of an Apache child, as the adapter sees it.

use super::conn::Conn;
use crate::requests::{Block, Link};
use crate::runtime::{Log, clock};
use std::fs::File;
use std::sync::Arc;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering;
use wire::abi::ReadError;
use wire::frame::{self, Body, Kind};
use wire::scoreboard::{ConnectionSlot, RequestRecord, State};
use wire::{Level, Origin};

/// The way in and out.
pub struct Remote {
    conn: Arc<Conn>,
    /// Where it is noted that the application has been called.
    entry: Option<&'static ConnectionSlot>,
    /// Where it is noted what the thread does.
    record: &'static RequestRecord,
    /// Bytes of bodies that were read and sent.
    bytes: (u64, u64),
    /// Whether the beginning of the body arrives without a READ.
    follows: bool,
    /// Bytes of the current BODY frame that were not taken.
    left: usize,
    /// What it said of those that come after it.
    state: Body,
}

impl Remote {
    /// Makes the link of a request whose frame has been read.
    pub fn new(
        conn: Arc<Conn>,
        entry: Option<&'static ConnectionSlot>,
        record: &'static RequestRecord,
        follows: bool,
    ) -> Self {
        Self { conn, entry, record, bytes: (0, 0), follows, left: 0, state: Body::More }
    }

    fn input(&self) -> MutexGuard<'_, super::conn::Input> {
        os::lock(&self.conn.input)
    }

    /// Reads the header of the next frame, which must be of this kind.
    fn expect(&self, kind: Kind) -> Result<frame::Header, ReadError> {
        match self.conn.header(&mut self.input()) {
            Ok(Some(header)) if header.kind == kind => Ok(header),
            _ => Err(ReadError::Disconnected),
        }
    }
}

impl Link for Remote {
    fn running(&mut self) {
        self.record.enter(State::Running, clock());
    }

    fn started(&mut self) {
        if let Some(entry) = self.entry {
            entry.started.store(1, Ordering::SeqCst);
        }
    }

    fn late(&mut self) {
        if let Some(entry) = self.entry {
            entry.started.store(2, Ordering::SeqCst);
        }
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize, ReadError> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            if self.left > 0 {
                let room = into.len().min(self.left);
                let count = self.conn.some(&mut self.input(), &mut into[..room]);
                let count = count.map_err(|_| ReadError::Disconnected)?;
                self.left -= count;
                self.bytes.0 += count as u64;
                return Ok(count);
            }
            match self.state {
                Body::More => {}
                Body::End => return Ok(0),
                Body::Failed(error) => return Err(error),
            }
            if !std::mem::take(&mut self.follows) {
                let want = (into.len().min(Kind::Body.limit()) as u32).to_le_bytes();
                self.conn.put(|out| frame::put(out, Kind::Read, 0, &want));
                if !self.conn.send() {
                    return Err(ReadError::Disconnected);
                }
            }
            let header = self.expect(Kind::Body)?;
            self.left = header.len;
            self.state = Body::of(header.flag).map_err(|_| ReadError::Disconnected)?;
        }
    }

    fn head(&mut self, status: i32, line: &[u8], headers: &[(&[u8], &[u8])]) {
        self.conn.put(|out| frame::Answer::put(out, status, line, headers));
    }

    fn copy(&mut self, block: &[u8]) {
        self.bytes.1 += block.len() as u64;
        self.conn.data(block);
    }

    fn refer(&mut self, block: Block) {
        self.bytes.1 += block.bytes.bytes().len() as u64;
        self.conn.block(block);
    }

    fn file(&mut self, file: File, offset: i64, len: i64) -> std::io::Result<()> {
        self.conn.file(file.into(), offset, len);
        self.bytes.1 += u64::try_from(len).unwrap_or(0);
        Ok(())
    }

    fn flush(&mut self) -> bool {
        self.conn.put(|out| frame::put(out, Kind::Flush, 0, b""));
        self.conn.send()
    }

    fn settle(&mut self) -> bool {
        self.conn.put(|out| frame::put(out, Kind::Flush, 1, b""));
        // Body data that arrived without a READ and was not read comes before the acknowledgement.
        if !self.conn.send() || self.skip_body().is_err() {
            return false;
        }
        self.expect(Kind::Ack).is_ok_and(|header| header.flag == 1)
    }
}

impl Remote {
    /// Takes the rest of a BODY frame off the connection.
    fn skip_body(&mut self) -> Result<(), ReadError> {
        let mut rest = [0; 4096];
        if std::mem::take(&mut self.follows) {
            let header = self.expect(Kind::Body)?;
            self.left = header.len;
            self.state = Body::of(header.flag).map_err(|_| ReadError::Disconnected)?;
        }
        while self.left > 0 {
            let room = rest.len().min(self.left);
            let count = self.conn.some(&mut self.input(), &mut rest[..room]);
            self.left -= count.map_err(|_| ReadError::Disconnected)?;
        }
        Ok(())
    }
}

impl Drop for Remote {
    /// The request is over; the next one begins with its own frame. This is the thread of the request, whose record it is.
    fn drop(&mut self) {
        self.record.count_bytes(self.bytes.0, self.bytes.1);
        let _ = self.skip_body();
    }
}

/// The error log of a request, which its child writes.
pub struct RemoteLog {
    conn: Arc<Conn>,
    level: u8,
}

impl RemoteLog {
    /// Makes the log of a request that accepts lines up to a level.
    pub fn new(conn: Arc<Conn>, level: u8) -> Self {
        Self { conn, level }
    }
}

impl Log for RemoteLog {
    fn line(&self, level: Level, line: &[u8], origin: Origin<'_>) {
        if self.conn.is_broken() {
            crate::host::log_from(level, line, origin);
        } else {
            self.conn.line(level, line, origin);
        }
    }

    fn logs(&self, level: Level) -> bool {
        level as i32 as u8 <= self.level
    }
}
