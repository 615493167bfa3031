//! What a worker says, in memory that is shared with it, and the bell by which it has its supervisor look.

use super::events::{Events, Source, Watched};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;
use wire::ring::{Reader, Ring};

/// The supervisor's end.
pub struct Voice {
    ring: os::Mapping<Ring>,
    reader: Reader,
    bell: Watched<os::Event>,
}

impl Voice {
    /// That of a process that is about to be forked, and the file of the memory. `source`: its bell has rung.
    pub fn new(events: &Rc<Events>, source: Source) -> io::Result<(Self, OwnedFd)> {
        let file = os::empty_memory(c"wsgi voice", size_of::<Ring>())?;
        let ring = os::Mapping::new(&file, size_of::<Ring>())?;
        let bell = events.watch(os::Event::new()?, source)?;
        Ok((Self { ring, reader: Reader::default(), bell }, file))
    }

    /// The memory.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The bell's descriptor, for the process.
    pub fn bell(&self) -> RawFd {
        self.bell.as_raw_fd()
    }

    /// The same, to be passed on.
    pub fn bell_file(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// The bell has been heard. Whoever holds it could have any flag taken off it, so waiting is forbidden to each call.
    pub fn silence(&self) {
        self.bell.silence_at_once();
    }

    /// Takes the next message; false: there is none.
    pub fn take(&mut self, into: &mut Vec<u8>) -> bool {
        self.reader.take(&self.ring, wire::control::LONGEST, into)
    }
}
