//! What goes in and out of a request, counted. Only requests that somebody watches have such a link.

use super::link::{Block, Link};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use wire::abi::{ReadError, Value};

/// How often something was done, how much it was, and how long it took.
#[derive(Default)]
pub struct Count {
    times: AtomicU64,
    bytes: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Count {
    /// It was done once more, with so many bytes.
    fn add(&self, bytes: usize) {
        self.times.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// It took so much more time.
    fn lasted(&self, time: Duration) {
        self.nanoseconds.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// How often it was done.
    pub fn times(&self) -> i64 {
        self.times.load(Ordering::Relaxed) as i64
    }

    /// How much it was, in bytes.
    pub fn bytes(&self) -> i64 {
        self.bytes.load(Ordering::Relaxed) as i64
    }

    /// How long it took, in seconds.
    pub fn seconds(&self) -> f64 {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)).as_secs_f64()
    }
}

/// What a request has done so far.
#[derive(Default)]
pub struct Counts {
    /// Reads of the body.
    pub input: Count,
    /// Blocks of the answer, and the time in which they were sent.
    pub output: Count,
    /// Waits of its thread for the GIL.
    pub gil: Count,
}

impl Counts {
    /// The thread of the request has waited for the GIL since then.
    pub fn waited(&self, since: Instant) {
        self.gil.add(0);
        self.gil.lasted(since.elapsed());
    }
}

/// A link that counts.
pub struct Counted {
    /// The link that does the work.
    pub link: Box<dyn Link>,
    /// Where it is counted.
    pub counts: Arc<Counts>,
}

impl Counted {
    fn sending(&mut self, send: impl FnOnce(&mut dyn Link) -> bool) -> bool {
        let begun = Instant::now();
        let there = send(&mut *self.link);
        self.counts.output.lasted(begun.elapsed());
        there
    }
}

impl Link for Counted {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, ReadError> {
        let begun = Instant::now();
        let read = self.link.read(into);
        self.counts.input.add(read.unwrap_or(0));
        self.counts.input.lasted(begun.elapsed());
        read
    }

    fn head(&mut self, status: i32, line: &[u8], headers: &[(&[u8], &[u8])]) {
        self.link.head(status, line, headers);
    }

    fn copy(&mut self, block: &[u8]) {
        self.counts.output.add(block.len());
        self.link.copy(block);
    }

    fn refer(&mut self, block: Block) {
        self.counts.output.add(block.bytes.bytes().len());
        self.link.refer(block);
    }

    fn file(&mut self, file: File, offset: i64, len: i64) -> std::io::Result<()> {
        self.counts.output.add(usize::try_from(len).unwrap_or(0));
        self.link.file(file, offset, len)
    }

    fn flush(&mut self) -> bool {
        self.sending(|link| link.flush())
    }

    fn settle(&mut self) -> bool {
        self.sending(|link| link.settle())
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
        self.link.started();
    }
}
