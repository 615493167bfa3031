//! A connection of an Apache child: what comes in frame by frame, and what goes out.

use super::os;
use crate::wsgi::Block;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use wire::frame::{self, HEADER, Header, Kind};

/// Bytes received at a time where nothing says how many will come.
const CHUNK: usize = 16 << 10;

/// Bytes of log lines that wait for a child which does not read.
const MOST_LINES: usize = 1 << 20;

/// A connection.
pub struct Conn {
    fd: OwnedFd,
    /// Where it stands among the worker's.
    pub index: usize,
    /// What comes.
    pub input: Mutex<Input>,
    out: Mutex<Out>,
    /// Log lines, as frames, that another thread could not send because one was at it.
    lines: Mutex<Vec<u8>>,
    broken: AtomicBool,
    /// Threads wait for it in the epoll.
    pub is_waited_for: AtomicBool,
    /// A thread is claimed for it, where it has no place among the claims.
    pub holds: AtomicBool,
    /// Something of the answer has been sent.
    has_sent: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What has been received and not been taken.
#[derive(Default)]
pub struct Input {
    /// Room for what comes; of that, `at..end` has come and not been taken.
    bytes: Vec<u8>,
    at: usize,
    end: usize,
}

/// What is to be sent.
#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    /// Where the header of a DATA frame stands that can still grow, for it is the last.
    growing: Option<usize>,
    /// What goes between the bytes, and before which of them.
    between: VecDeque<(usize, Piece)>,
}

enum Piece {
    /// Bytes that are not copied.
    Block(Block),
    /// A descriptor that goes with the byte that follows.
    File(OwnedFd),
}

impl Conn {
    /// A connection that has just been accepted.
    pub fn new(fd: OwnedFd, index: usize) -> Self {
        os::watch_descriptor(fd.as_raw_fd(), true);
        Self {
            fd,
            index,
            input: Mutex::default(),
            out: Mutex::default(),
            lines: Mutex::default(),
            broken: AtomicBool::new(false),
            is_waited_for: AtomicBool::new(false),
            holds: AtomicBool::new(false),
            has_sent: AtomicBool::new(false),
        }
    }

    /// Its descriptor.
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
    pub fn line(&self, level: u8, line: &[u8]) {
        let limit = Kind::Log.limit();
        {
            let mut lines = lock(&self.lines);
            if lines.len() > MOST_LINES {
                // The child is held up by its client: the server's log has room.
                drop(lines);
                return crate::host::log(wire::Level::of(level), line);
            }
            if line.is_empty() {
                frame::put(&mut lines, Kind::Log, level, b"");
            }
            line.chunks(limit).for_each(|part| frame::put(&mut lines, Kind::Log, level, part));
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

    /// Receives a frame's header. `None`: the connection has ended before it.
    pub fn header(&self, input: &mut Input) -> io::Result<Option<Header>> {
        while input.end - input.at < HEADER {
            if !input.fill(self.fd(), CHUNK)? {
                let clean = input.is_empty();
                return if clean { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
        let mut bytes = [0; HEADER];
        bytes.copy_from_slice(&input.bytes[input.at..input.at + HEADER]);
        input.at += HEADER;
        Header::parse(bytes).map(Some).map_err(malformed)
    }

    /// Receives a payload of so many bytes; memory is taken as they come.
    pub fn payload(&self, input: &mut Input, len: usize, into: &mut Vec<u8>) -> io::Result<()> {
        into.clear();
        while into.len() < len {
            if input.is_empty() && !input.fill(self.fd(), (len - into.len()).clamp(CHUNK, 1 << 20))? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            into.extend_from_slice(input.take(len - into.len()));
        }
        Ok(())
    }

    /// Receives some of a payload.
    pub fn some(&self, input: &mut Input, into: &mut [u8]) -> io::Result<usize> {
        if input.is_empty() {
            // Straight to where it is wanted.
            return match os::receive(self.fd(), into)? {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                count => Ok(count),
            };
        }
        let part = input.take(into.len());
        into[..part.len()].copy_from_slice(part);
        Ok(part.len())
    }

    /// Takes what there is for a next request, of which there must be nothing: a child sends one at a time.
    pub fn is_at_rest(&self) -> bool {
        lock(&self.input).is_empty()
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        os::watch_descriptor(self.fd(), false);
        lock(&self.out).clear();
    }
}

/// What came is not what a child sends.
pub fn malformed(why: wire::codec::Malformed) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}

impl Input {
    /// Nothing is left.
    pub fn is_empty(&self) -> bool {
        self.at == self.end
    }

    /// Receives more; false: the other side has closed.
    fn fill(&mut self, fd: RawFd, room: usize) -> io::Result<bool> {
        self.bytes.copy_within(self.at..self.end, 0);
        (self.at, self.end) = (0, self.end - self.at);
        if self.bytes.len() < self.end + room {
            self.bytes.resize(self.end + room, 0);
        }
        let received = os::receive(fd, &mut self.bytes[self.end..])?;
        self.end += received;
        Ok(received > 0)
    }

    fn take(&mut self, most: usize) -> &[u8] {
        let start = self.at;
        self.at += most.min(self.end - start);
        &self.bytes[start..self.at]
    }
}

impl Out {
    fn data(&mut self, block: &[u8]) {
        match self.growing {
            Some(at) if self.bytes.len() - at + block.len() <= Kind::Data.limit() => {
                self.bytes.extend_from_slice(block);
                let len = self.bytes.len() - at - HEADER;
                self.bytes[at..at + 4].copy_from_slice(&(len as u32).to_le_bytes());
            }
            _ => {
                self.growing = Some(self.bytes.len());
                frame::put(&mut self.bytes, Kind::Data, 0, block);
            }
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.growing = None;
        for (_, piece) in self.between.drain(..) {
            if let Piece::Block(block) = piece {
                block.done();
            }
        }
    }

    /// Sends; without `wait`, as much as goes at once, and nothing that is not mere bytes.
    fn send(&mut self, fd: RawFd, wait: bool) -> io::Result<()> {
        if !wait {
            if self.between.is_empty() && !self.bytes.is_empty() {
                let sent = os::send(fd, &[IoSlice::new(&self.bytes)], None, false)?;
                self.bytes.drain(..sent);
                self.growing = None;
            }
            return Ok(());
        }
        self.growing = None;
        let mut start = 0;
        while start < self.bytes.len() || !self.between.is_empty() {
            let file = match self.between.front() {
                Some((at, Piece::File(file))) if *at == start => Some(file.as_raw_fd()),
                _ => None,
            };
            let sent = self.send_until_file(fd, start, file)?;
            start += sent;
        }
        self.bytes.clear();
        Ok(())
    }

    /// Sends from `start` up to the next file, with the descriptor of the one that stands here; answers the number of our
    /// own bytes that went.
    fn send_until_file(&mut self, fd: RawFd, start: usize, file: Option<RawFd>) -> io::Result<usize> {
        let mut pieces = Vec::with_capacity(2 * self.between.len() + 1);
        let (mut at, mut blocks) = (start, 0);
        let mut end = self.bytes.len();
        for (index, (place, piece)) in self.between.iter().enumerate() {
            match piece {
                Piece::File(_) if index == 0 && file.is_some() => continue,
                Piece::File(_) => {
                    end = *place;
                    break;
                }
                Piece::Block(block) => {
                    pieces.push(IoSlice::new(&self.bytes[at..*place]));
                    pieces.push(IoSlice::new(block.bytes.bytes()));
                    (at, blocks) = (*place, blocks + 1);
                }
            }
        }
        pieces.push(IoSlice::new(&self.bytes[at..end]));
        let (mut rest, mut file_to_send) = (&mut pieces[..], file);
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            let sent = os::send(fd, rest, file_to_send.take(), true)?;
            IoSlice::advance_slices(&mut rest, sent);
        }
        drop(pieces);
        for _ in 0..blocks + usize::from(file.is_some()) {
            if let Some((_, Piece::Block(block))) = self.between.pop_front() {
                block.done();
            }
        }
        Ok(end - start)
    }
}
