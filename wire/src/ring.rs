//! What a worker says to its supervisor: messages in memory that the two share.
//!
//! A socket would also carry descriptors, and closing one of those may take as long as its sender likes; a pipe has a lock
//! that its writer can hold. Nothing here can be waited for: the supervisor looks, and takes what is whole. The worker may
//! write anything into this memory, so the reader keeps its own position, and every length is bounded before it is used.

use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Bytes of messages that may wait.
pub const ROOM: usize = 256 << 10;
/// Bytes of a message's length.
const LENGTH: usize = 4;

/// The shared memory of a ring of messages.
#[repr(C)]
pub struct Ring {
    /// Bytes ever written, by the worker.
    written: AtomicU64,
    /// Of these, bytes that the supervisor has taken.
    taken: AtomicU64,
    bytes: [AtomicU8; ROOM],
}

/// The supervisor's position.
#[derive(Debug, Default)]
pub struct Reader {
    at: u64,
}

impl Ring {
    fn place(&self, at: u64) -> &AtomicU8 {
        &self.bytes[at as usize % ROOM]
    }

    /// Adds a message; false: there is no room. One thread at a time may.
    #[must_use]
    pub fn put(&self, message: &[u8]) -> bool {
        let at = self.written.load(Ordering::SeqCst);
        let waiting = at.wrapping_sub(self.taken.load(Ordering::SeqCst));
        let free = (ROOM as u64).saturating_sub(waiting);
        if free < (LENGTH + message.len()) as u64 {
            return false;
        }
        let length = (message.len() as u32).to_le_bytes();
        let end = length.iter().chain(message).fold(at, |at, byte| {
            self.place(at).store(*byte, Ordering::Relaxed);
            at.wrapping_add(1)
        });
        self.written.store(end, Ordering::SeqCst);
        true
    }
}

impl Reader {
    /// Takes the next message, of at most `longest` bytes; false: there is none. What cannot be a message is left out, with
    /// all that stands behind it.
    pub fn take(&mut self, ring: &Ring, longest: usize, into: &mut Vec<u8>) -> bool {
        into.clear();
        let written = ring.written.load(Ordering::SeqCst);
        let waiting = written.wrapping_sub(self.at);
        if waiting == 0 {
            return false;
        }
        let byte = |at: u64| ring.place(self.at.wrapping_add(at)).load(Ordering::Relaxed);
        let length = u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)]) as usize;
        let whole = (LENGTH + length) as u64;
        let is_message = waiting <= ROOM as u64 && whole <= waiting && length <= longest;
        if is_message {
            into.extend((LENGTH as u64..whole).map(byte));
        }
        self.at = if is_message { self.at.wrapping_add(whole) } else { written };
        ring.taken.store(self.at, Ordering::SeqCst);
        is_message
    }
}

#[cfg(test)]
impl Ring {
    /// Memory of a ring with nothing in it.
    pub fn empty() -> Box<Self> {
        let bytes: Box<[AtomicU8; ROOM]> =
            (0..ROOM).map(|_| AtomicU8::new(0)).collect::<Vec<_>>().try_into().expect("ROOM bytes");
        Box::new(Self { written: AtomicU64::new(0), taken: AtomicU64::new(0), bytes: *bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> Box<Ring> {
        Ring::empty()
    }

    #[test]
    fn messages_come_one_by_one_and_round_the_end() {
        let (ring, mut reader, mut got) = (ring(), Reader::default(), Vec::new());
        for count in 0..1000usize {
            let message = vec![count as u8; count * 7];
            assert!(ring.put(&message) && ring.put(b""));
            assert!(reader.take(&ring, ROOM, &mut got));
            assert_eq!(got, message);
            assert!(reader.take(&ring, ROOM, &mut got) && got.is_empty());
            assert!(!reader.take(&ring, ROOM, &mut got));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_until_there_is_room() {
        let (ring, mut reader, mut got) = (ring(), Reader::default(), Vec::new());
        let half = vec![1; ROOM / 2 - LENGTH];
        assert!(ring.put(&half) && ring.put(&half));
        assert!(!ring.put(b""));
        assert!(reader.take(&ring, ROOM, &mut got));
        assert!(ring.put(b"x") && !ring.put(&half));
        assert!(!ring.put(&vec![0; ROOM * 2]));
    }

    #[test]
    fn nonsense_is_left_out_and_ends() {
        let positions = [0, 1, 4, ROOM as u64, ROOM as u64 + 1, u64::MAX, u64::MAX / 2];
        for length in [0, 3, 100, u32::MAX] {
            for written in positions {
                for taken in positions {
                    let (ring, mut got) = (ring(), Vec::new());
                    for (at, byte) in length.to_le_bytes().iter().enumerate() {
                        ring.bytes[at].store(*byte, Ordering::Relaxed);
                    }
                    ring.written.store(written, Ordering::SeqCst);
                    ring.taken.store(taken, Ordering::SeqCst);
                    let mut reader = Reader { at: taken };
                    while reader.take(&ring, 64, &mut got) {
                        assert!(got.len() <= 64);
                    }
                    assert_eq!(reader.at, written, "{length} {written} {taken}");
                    let _ = ring.put(b"x");
                }
            }
        }
    }
}
