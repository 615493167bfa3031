//! Memory for the blocks of answers that are not copied. It is used again: memory of the system's own comes in pages that
//! are cleared one by one, and a block that is received need not be.

use std::mem;
use std::sync::Mutex;

/// Bytes that are kept for the next blocks.
const MOST: usize = 1 << 20;
/// Longest block whose memory is used again, and has room for any of them: what applications send piece by piece.
const SMALL: usize = 16 << 10;

/// Memory of blocks that are sent, and its size in all.
static SPARE: Mutex<(Vec<Vec<u8>>, usize)> = Mutex::new((Vec::new(), 0));

/// A block of an answer. Its memory goes back when it is dropped, in any thread.
pub struct Block {
    memory: Vec<u8>,
    len: usize,
}

impl Block {
    /// A block of so many bytes, which are of any value.
    pub fn new(len: usize) -> Self {
        if len > SMALL {
            return Self { memory: vec![0; len], len };
        }
        let spare = {
            let mut spare = os::lock(&SPARE);
            let memory = spare.0.pop();
            spare.1 -= memory.as_ref().map_or(0, Vec::len);
            memory
        };
        Self { memory: spare.unwrap_or_else(|| vec![0; SMALL]), len }
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
        if memory.len() != SMALL {
            return;
        }
        let mut spare = os::lock(&SPARE);
        if spare.1 + SMALL <= MOST {
            spare.1 += SMALL;
            spare.0.push(memory);
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
        for len in [100, 9000, 70_000, 1] {
            assert_eq!(Block::new(len).as_ref().len(), len);
        }
        drop((0..200).map(|_| Block::new(8192)).collect::<Vec<_>>());
        let spare = os::lock(&SPARE);
        assert!(spare.0.iter().all(|memory| memory.len() == SMALL));
        assert!(spare.1 == spare.0.len() * SMALL && spare.1 <= MOST, "{}", spare.1);
    }
}
