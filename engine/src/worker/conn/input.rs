//! What comes in: headers and payloads, however the socket cuts them.

use super::Conn;
use std::io;
use std::os::fd::RawFd;
use wire::frame::{HEADER, Header};

/// Bytes received at a time where nothing says how many will come.
const CHUNK: usize = 16 << 10;

/// What has been received and not been taken.
#[derive(Default)]
pub struct Input {
    /// Room for what comes; of that, `at..end` has come and not been taken.
    bytes: Vec<u8>,
    at: usize,
    end: usize,
}

/// What came is not what a child sends.
pub fn malformed(why: wire::codec::Malformed) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}

impl Conn {
    /// Receives a frame's header. `None`: the connection has ended before it.
    pub fn header(&self, input: &mut Input) -> io::Result<Option<Header>> {
        loop {
            if let Some(header) = Header::first(&input.bytes[input.at..input.end]).map_err(malformed)? {
                input.at += HEADER;
                return Ok(Some(header));
            }
            if !input.fill(self.fd(), CHUNK)? {
                let clean = input.is_empty();
                return if clean { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
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
