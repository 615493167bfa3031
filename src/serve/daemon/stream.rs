//! What comes from a process: frames, bytes, and descriptors.

use super::closing;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Duration;
use wire::codec::Malformed;
use wire::frame::{HEADER, Header};

/// Bytes received at a time.
const CHUNK: usize = 64 << 10;

/// Descriptors that may have come before their frames are read, of which one comes at a time.
const MOST_FILES: usize = 8;

/// The child's end of a connection to a worker.
pub struct Stream {
    source: Source,
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

/// Where bytes and descriptors come from.
struct Source {
    fd: OwnedFd,
    files: Vec<OwnedFd>,
    /// How long it waits for the other side.
    patience: Duration,
    /// Something can be read, or the end: there is nothing to wait for.
    is_there: bool,
}

/// What came is not what a process sends.
pub fn unreadable(why: Malformed) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}

impl Source {
    /// Receives what is there, or comes; 0: the other side has closed.
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let waits = !std::mem::take(&mut self.is_there);
        self.take(into, waits)
    }

    fn take(&mut self, into: &mut [u8], waits: bool) -> io::Result<usize> {
        let before = self.files.len();
        let count = os::receive_files(self.fd.as_raw_fd(), into, &mut self.files, waits)?;
        if self.files.len() > MOST_FILES.min(before + 1) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "more descriptors than frames"));
        }
        Ok(count)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        closing::empty(self.fd.as_raw_fd(), std::mem::take(&mut self.files));
    }
}

impl Stream {
    /// A new connection, and how long it waits for the other side.
    pub fn new(fd: OwnedFd, patience: Duration) -> Self {
        os::set_timeouts(fd.as_fd(), patience);
        let source = Source { fd, files: Vec::new(), patience, is_there: false };
        Self { source, bytes: vec![0; CHUNK].into_boxed_slice(), start: 0, end: 0 }
    }

    /// The descriptor of the socket.
    pub fn fd(&self) -> RawFd {
        self.source.fd.as_raw_fd()
    }

    /// How long it waits for the other side.
    pub fn patience(&self) -> Duration {
        self.source.patience
    }

    /// Sends all of it, the one part behind the other.
    pub fn send(&self, parts: [&[u8]; 2]) -> io::Result<()> {
        os::send_all(self.fd(), &mut parts.map(IoSlice::new))
    }

    /// Sends a frame's header and its payload.
    pub fn send_frame(&self, header: Header, payload: &[u8]) -> io::Result<()> {
        self.send([&header.bytes(), payload])
    }

    /// Nothing is left that has been received.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// A descriptor is there, and nothing is that it could belong to.
    pub fn has_stray_file(&self) -> bool {
        self.is_empty() && !self.source.files.is_empty()
    }

    /// Nothing is left of a request.
    pub fn is_at_rest(&self) -> bool {
        self.is_empty() && self.source.files.is_empty()
    }

    /// Something can be read within this time, or has been.
    pub fn is_ready(&mut self, within: Duration) -> bool {
        if self.is_empty() && !self.source.is_there {
            self.source.is_there = os::await_readable(self.fd(), Some(within)).is_ok();
        }
        self.source.is_there || !self.is_empty()
    }

    /// Waits until something has come, or the end.
    pub fn await_more(&mut self) -> io::Result<()> {
        if self.is_empty() {
            self.fill()?;
        }
        Ok(())
    }

    /// Something has come, or the end, or comes with this look.
    pub fn has_come(&mut self) -> io::Result<bool> {
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
            match self.source.take(&mut self.bytes, false) {
                Ok(count) => self.end = count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Receives more; false: the other side has closed.
    fn fill(&mut self) -> io::Result<bool> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let count = self.source.receive(&mut self.bytes[self.end..])?;
        self.end += count;
        Ok(count > 0)
    }

    /// The next frame's header; `None`: the connection has ended before it.
    pub fn header(&mut self) -> io::Result<Option<Header>> {
        loop {
            if let Some(header) = Header::first(&self.bytes[self.start..self.end]).map_err(unreadable)? {
                self.start += HEADER;
                return Ok(Some(header));
            }
            if !self.fill()? {
                let clean = self.is_empty();
                return if clean { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// Up to `most` bytes of a payload, where they are.
    pub fn some(&mut self, most: usize) -> io::Result<&[u8]> {
        if self.is_empty() && !self.fill()? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let start = self.start;
        self.start += most.min(self.end - start);
        Ok(&self.bytes[start..self.start])
    }

    /// A payload of so many bytes; memory is taken as they come.
    pub fn payload(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut payload = Vec::with_capacity(len.min(CHUNK));
        while payload.len() < len {
            let part = self.some(len - payload.len())?;
            payload.extend_from_slice(part);
        }
        Ok(payload)
    }

    /// Fills a block of a payload, straight from the socket where nothing has been received yet.
    pub fn block(&mut self, into: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < into.len() {
            let rest = &mut into[done..];
            done += if self.is_empty() {
                match self.source.receive(rest)? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    count => count,
                }
            } else {
                let part = self.some(rest.len())?;
                rest[..part.len()].copy_from_slice(part);
                part.len()
            };
        }
        Ok(())
    }

    /// The file whose descriptor came with a FILE frame.
    pub fn file(&mut self) -> io::Result<File> {
        let malformed = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
        if self.source.files.is_empty() {
            return Err(malformed("a FILE frame without a descriptor"));
        }
        os::regular(self.source.files.remove(0)).map_err(|fd| {
            closing::discard(vec![fd]);
            malformed("a FILE frame whose descriptor is not a regular file")
        })
    }
}
