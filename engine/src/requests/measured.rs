//! A link of which is counted what goes over it.

use super::link::{Block, Link};
use crate::metrics::Live;
use std::fs::File;
use std::sync::Arc;
use std::time::Instant;
use wire::abi::{ReadError, Value};

/// Another link, measured.
pub struct Measured {
    link: Box<dyn Link>,
    live: Arc<Live>,
}

impl Measured {
    /// Counts what goes over `link`.
    pub fn new(link: Box<dyn Link>, live: Arc<Live>) -> Self {
        Self { link, live }
    }
}

fn micros(begun: Instant) -> u64 {
    begun.elapsed().as_micros() as u64
}

impl Link for Measured {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, ReadError> {
        let begun = Instant::now();
        let read = self.link.read(into);
        self.live.add_read(read.unwrap_or(0) as u64, micros(begun));
        read
    }

    fn head(&mut self, status: i32, line: &[u8], headers: &[(&[u8], &[u8])]) {
        self.live.answer(status);
        self.link.head(status, line, headers);
    }

    fn copy(&mut self, block: &[u8]) {
        self.live.add_block(block.len() as u64);
        self.link.copy(block);
    }

    fn refer(&mut self, block: Block) {
        self.live.add_block(block.bytes.bytes().len() as u64);
        self.link.refer(block);
    }

    fn file(&mut self, file: File, offset: i64, len: i64) -> std::io::Result<()> {
        self.live.add_block(u64::try_from(len).unwrap_or(0));
        self.link.file(file, offset, len)
    }

    fn flush(&mut self) -> bool {
        let begun = Instant::now();
        let there = self.link.flush();
        self.live.add_wait(micros(begun));
        there
    }

    fn settle(&mut self) -> bool {
        let begun = Instant::now();
        let there = self.link.settle();
        self.live.add_wait(micros(begun));
        there
    }

    fn late(&mut self) {
        self.link.late();
    }

    fn returned(&mut self, function: usize, value: Value<'_>) {
        self.link.returned(function, value);
    }

    fn tls_variable(&mut self, name: &[u8]) -> Option<Vec<u8>> {
        self.link.tls_variable(name)
    }

    fn running(&mut self) {
        self.link.running();
    }

    fn started(&mut self) {
        self.live.start();
        self.link.started();
    }
}
