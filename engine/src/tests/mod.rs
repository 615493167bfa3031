//! The engine with a real Python in the test process, and doubles for the server around it.
//!
//! `cargo test -p mod_wsgi-engine`: libpython is linked to the tests (`build.rs`). Python is
//! that of `PYO3_PYTHON`. All tests share it, as the requests of a process do: each has scripts of its own, most run
//! in the main interpreter. `scripts/valgrind` runs the same tests under memcheck.
#![deny(unsafe_code)]

mod link;
mod python;
mod site;

mod blocks;
mod calls;
mod ending;
mod environ;
mod events;
mod failures;
mod files;
mod forging;
mod heads;
mod input;
mod interpreters;
mod overlap;
mod package;
mod panics;
mod reload;
mod response;
mod streams;
mod threads;

pub use link::Part;
pub use python::host_lines;
pub use site::{Answer, Site, on_threads};

/// How often a test repeats what is to be repeated: `usual`, or less where the machine is slow (`scripts/valgrind`).
pub fn rounds(usual: usize) -> usize {
    let slower = std::env::var("ENGINE_TEST_SLOWER").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    (usual / slower).max(2)
}

/// Numbers without a pattern, the same in every run (xorshift64*).
pub struct Numbers(u64);

impl Numbers {
    /// A sequence; `seed` is not 0.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }

    /// Some bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }
}
