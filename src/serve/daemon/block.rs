//! Memory for blocks of bodies and answers that are not copied. It is used again: memory of the system's own comes in pages
//! that are cleared one by one, and a block that is received need not be.

use std::mem;
use std::sync::Mutex;

/// Bytes that are kept for the next blocks of a size.
const MOST: usize = 1 << 20;
/// Sizes of memory that is used again, which has room for any shorter block: what applications send piece by piece, and what
/// goes along with a request, of which one byte more shows the end.
const SIZES: [usize; 2] = [16 << 10, (64 << 10) + 1];

/// Memory of blocks that are done with, by its size.
static SPARE: [Mutex<Vec<Vec<u8>>>; SIZES.len()] = [const { Mutex::new(Vec::new()) }; SIZES.len()];

/// A block of bytes. Its memory goes back when it is dropped, in any thread.
pub struct Block {
    memory: Vec<u8>,
    len: usize,
}

impl Block {
    /// A block of so many bytes, which are of any value.
    pub fn new(len: usize) -> Self {
        let memory = match SIZES.iter().position(|size| len <= *size) {
            Some(class) => os::lock(&SPARE[class]).pop().unwrap_or_else(|| vec![0; SIZES[class]]),
            None => vec![0; len],
        };
        Self { memory, len }
    }

    /// Makes it this long; what is new is of any value.
    pub fn resize(&mut self, len: usize) {
        if len > self.memory.len() {
            let mut longer = Self::new(len);
            longer.memory[..self.len].copy_from_slice(self.as_ref());
            mem::swap(self, &mut longer);
        }
        self.len = len;
    }

    /// Its bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[..self.len]
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.len]
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let memory = mem::take(&mut self.memory);
        let Some(class) = SIZES.iter().position(|size| *size == memory.len()) else { return };
        let mut spare = os::lock(&SPARE[class]);
        if (spare.len() + 1) * SIZES[class] <= MOST {
            spare.push(memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_and_not_without_end() {
        let mut block = Block::new(9000);
        block.bytes_mut().fill(7);
        assert_eq!(block.as_ref().len(), 9000);
        drop(block);
        for len in [100, 9000, 70_000, 0, 65_537, 65_538, 1] {
            assert_eq!(Block::new(len).as_ref().len(), len);
        }
        drop((0..200).map(|count| Block::new(8192 * (1 + count % 2 * 7))).collect::<Vec<_>>());
        for (class, size) in SIZES.iter().enumerate() {
            let spare = os::lock(&SPARE[class]);
            assert!(!spare.is_empty() && spare.len() * size <= MOST, "{}", spare.len());
            assert!(spare.iter().all(|memory| memory.len() == *size));
        }
    }

    #[test]
    fn a_longer_block_has_the_bytes_of_the_shorter_one() {
        let mut block = Block::new(100);
        block.bytes_mut().fill(7);
        for len in [200, 20_000, 100_000, 50] {
            block.resize(len);
            assert_eq!(block.as_ref().len(), len);
            assert_eq!(block.as_ref()[..50], [7; 50]);
        }
    }
}
