//! A link of which somebody is told what goes over it.

use super::link::{Block, Link};
use crate::metrics::Live;
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::abi::{ReadError, Value};

/// Who is told. One thread at a time tells, whoever has the link.
pub trait Observer: Send + Sync {
    /// So many bytes of the body were read, which took so long.
    fn read(&self, bytes: u64, time: Duration);
    /// A block of so many bytes was added to the answer.
    fn block(&self, bytes: u64);
    /// What was added was sent, which took so long.
    fn sent(&self, time: Duration);
    /// The answer begins with this status.
    fn head(&self, _status: i32) {}
    /// The application is about to be called.
    fn started(&self) {}
}

impl Observer for Live {
    fn read(&self, bytes: u64, time: Duration) {
        self.add_read(bytes, time.as_micros() as u64);
    }

    fn block(&self, bytes: u64) {
        self.add_block(bytes);
    }

    fn sent(&self, time: Duration) {
        self.add_wait(time.as_micros() as u64);
    }

    fn head(&self, status: i32) {
        self.answer(status);
    }

    fn started(&self) {
        self.start();
    }
}

/// Another link, observed.
pub struct Observed<O> {
    link: Box<dyn Link>,
    observer: Arc<O>,
}

impl<O: Observer> Observed<O> {
    /// Tells `observer` what goes over `link`.
    pub fn new(link: Box<dyn Link>, observer: Arc<O>) -> Self {
        Self { link, observer }
    }

    fn sending(&mut self, send: impl FnOnce(&mut dyn Link) -> bool) -> bool {
        let begun = Instant::now();
        let there = send(&mut *self.link);
        self.observer.sent(begun.elapsed());
        there
    }
}

impl<O: Observer> Link for Observed<O> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, ReadError> {
        let begun = Instant::now();
        let read = self.link.read(into);
        self.observer.read(read.unwrap_or(0) as u64, begun.elapsed());
        read
    }

    fn head(&mut self, status: i32, line: &[u8], headers: &[(&[u8], &[u8])]) {
        self.observer.head(status);
        self.link.head(status, line, headers);
    }

    fn copy(&mut self, block: &[u8]) {
        self.observer.block(block.len() as u64);
        self.link.copy(block);
    }

    fn refer(&mut self, block: Block) {
        self.observer.block(block.bytes.bytes().len() as u64);
        self.link.refer(block);
    }

    fn file(&mut self, file: File, offset: i64, len: i64) -> std::io::Result<()> {
        self.observer.block(u64::try_from(len).unwrap_or(0));
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
        self.observer.started();
        self.link.started();
    }
}
