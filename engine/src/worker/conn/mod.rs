//! A connection of an Apache child: what comes in frame by frame, and what goes out.

mod input;
mod output;

pub use input::{Input, malformed};

use super::system;
use crate::requests::Block;
use os::lock;
use output::{Out, Piece};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use wire::frame::{self, Header, Kind};
use wire::{Level, Origin};

/// Bytes of log lines that wait for a child which does not read.
const MOST_LINES: usize = 1 << 20;

/// A connection of an Apache child.
pub struct Conn {
    fd: OwnedFd,
    /// Index among the connections of the worker.
    pub index: usize,
    /// Data from the child.
    pub input: Mutex<Input>,
    out: Mutex<Out>,
    /// Log lines, as frames, that another thread could not send because one was at it.
    lines: Mutex<Vec<u8>>,
    broken: AtomicBool,
    /// Something of the answer has been sent.
    has_sent: AtomicBool,
}

impl Conn {
    /// A connection that has just been accepted.
    pub fn new(fd: OwnedFd, index: usize) -> Self {
        system::watch_descriptor(fd.as_raw_fd(), true);
        Self {
            fd,
            index,
            input: Mutex::default(),
            out: Mutex::default(),
            lines: Mutex::default(),
            broken: AtomicBool::new(false),
            has_sent: AtomicBool::new(false),
        }
    }

    /// The socket, borrowed.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The number of the socket.
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// The other side has gone, or nothing can be sent to it.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// A frame of few bytes.
    pub fn put(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = lock(&self.out);
        out.growing = None;
        write(&mut out.bytes);
    }

    /// Bytes of the answer, which are copied.
    pub fn data(&self, block: &[u8]) {
        lock(&self.out).data(block);
    }

    /// Bytes of the answer, which are not.
    pub fn block(&self, block: Block) {
        let mut out = lock(&self.out);
        out.growing = None;
        let len = block.bytes.bytes().len();
        if len > Kind::Data.limit() {
            // More than a frame may hold: that is copied, in pieces.
            block.bytes.bytes().chunks(1 << 20).for_each(|piece| out.data(piece));
            block.done();
            return;
        }
        out.bytes.extend_from_slice(&Header { kind: Kind::Data, flag: 0, len }.bytes());
        let at = out.bytes.len();
        out.between.push_back((at, Piece::Block(block)));
    }

    /// A part of a file, whose descriptor goes along.
    pub fn file(&self, file: OwnedFd, offset: i64, len: i64) {
        let mut out = lock(&self.out);
        out.growing = None;
        let at = out.bytes.len();
        out.between.push_back((at, Piece::File(file)));
        frame::put_file(&mut out.bytes, offset, len);
    }

    /// A line for the log. Never waits: what cannot be sent now goes with what is sent next.
    pub fn line(&self, level: Level, line: &[u8], origin: Origin<'_>) {
        {
            let mut lines = lock(&self.lines);
            if lines.len() > MOST_LINES {
                // The child is held up by its client: the server's log has room.
                drop(lines);
                return crate::host::log_from(level, line, origin);
            }
            frame::put_log(&mut lines, level as u8, line, origin);
        }
        if let Ok(mut out) = self.out.try_lock() {
            self.take_lines(&mut out);
            let _ = out.send(self.fd(), false);
        }
    }

    fn take_lines(&self, out: &mut Out) {
        let mut lines = lock(&self.lines);
        if !lines.is_empty() {
            out.growing = None;
            out.bytes.append(&mut lines);
        }
    }

    /// A request begins: nothing of its answer has been sent.
    pub fn begin(&self) {
        self.has_sent.store(false, Ordering::Relaxed);
    }

    /// What waits, and its end, will fit into the socket's buffer: no more than `room`, and nothing went before.
    pub fn fits(&self, room: usize) -> bool {
        !self.has_sent.load(Ordering::Relaxed) && self.waiting() <= room
    }

    /// Sends all there is; waits until it has gone. False: the other side has.
    pub fn send(&self) -> bool {
        if self.is_broken() {
            lock(&self.out).clear();
            return false;
        }
        self.has_sent.store(true, Ordering::Relaxed);
        let mut out = lock(&self.out);
        self.take_lines(&mut out);
        if out.send(self.fd(), true).is_err() {
            self.broken.store(true, Ordering::Relaxed);
            out.clear();
        }
        !self.is_broken()
    }

    fn waiting(&self) -> usize {
        let out = lock(&self.out);
        let blocks = out.between.iter().map(|(_, piece)| match piece {
            Piece::Block(block) => block.bytes.bytes().len(),
            Piece::File(_) => 0,
        });
        out.bytes.len() + blocks.sum::<usize>()
    }

    /// Takes what there is for a next request, of which there must be nothing: a child sends one at a time.
    pub fn is_at_rest(&self) -> bool {
        lock(&self.input).is_empty()
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        system::watch_descriptor(self.fd(), false);
        lock(&self.out).clear();
    }
}
