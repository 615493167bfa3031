//! What goes out: frames one after another, large blocks and descriptors between them without a copy.

use crate::requests::Block;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use wire::frame::{self, HEADER, Kind};

/// What is to be sent.
#[derive(Default)]
pub(super) struct Out {
    pub(super) bytes: Vec<u8>,
    /// Where the header of a DATA frame stands that can still grow, for it is the last.
    pub(super) growing: Option<usize>,
    /// What goes between the bytes, and before which of them.
    pub(super) between: VecDeque<(usize, Piece)>,
}

pub(super) enum Piece {
    /// Bytes that are not copied.
    Block(Block),
    /// A descriptor that goes with the byte that follows.
    File(OwnedFd),
}

impl Out {
    pub(super) fn data(&mut self, block: &[u8]) {
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

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.growing = None;
        for (_, piece) in self.between.drain(..) {
            if let Piece::Block(block) = piece {
                block.done();
            }
        }
    }

    /// Sends; without `wait`, as much as goes at once, and nothing that is not mere bytes.
    pub(super) fn send(&mut self, fd: RawFd, wait: bool) -> io::Result<()> {
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
