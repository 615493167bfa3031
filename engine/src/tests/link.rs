//! The server's side of a request, in memory.

use crate::requests::{Block, Link};
use crate::runtime::Log;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard};
use wire::abi::ReadError;
use wire::{Level, Origin};

/// Status and headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number
    pub status: i32,
    /// The whole line
    pub line: Vec<u8>,
    /// Name and value of each, in order
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// [`Link::copy`]
    Copied(Vec<u8>),
    /// [`Link::refer`]
    Referred(Vec<u8>),
    /// [`Link::file`], with what stands there in the file
    File { content: Vec<u8>, offset: i64, len: i64 },
}

impl Part {
    /// What the client gets.
    pub fn bytes(&self) -> &[u8] {
        let (Self::Copied(bytes) | Self::Referred(bytes) | Self::File { content: bytes, .. }) = self;
        bytes
    }
}

/// What was asked of the link.
#[derive(Default)]
pub struct Seen {
    /// [`Link::head`]
    pub head: Option<Head>,
    /// The body, in order
    pub parts: Vec<Part>,
    /// How many parts there were at each [`Link::flush`]
    pub flushes: Vec<usize>,
    /// Sizes asked of [`Link::read`]
    pub reads: Vec<usize>,
    /// Log lines
    pub lines: Vec<String>,
}

/// How a link behaves.
#[derive(Default)]
pub struct Plan {
    /// What each read answers.
    pub body: VecDeque<Result<Vec<u8>, ReadError>>,
    /// The client goes during the flush of this number, from 1.
    pub gone_at: Option<usize>,
    /// The method of this name panics.
    pub panics: Option<&'static str>,
    /// Runs within the first read, which blocks as long.
    pub during_read: Option<Box<dyn FnOnce() + Send>>,
    /// Runs within the first flush, which blocks as long.
    pub during_flush: Option<Box<dyn FnOnce() + Send>>,
}

/// A link.
pub struct Double {
    plan: Plan,
    seen: Arc<Mutex<Seen>>,
    blocks: Vec<Block>,
}

impl Double {
    /// A link that behaves like that.
    pub fn new(plan: Plan, seen: &Arc<Mutex<Seen>>) -> Box<Self> {
        Box::new(Self { plan, seen: seen.clone(), blocks: Vec::new() })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        os::lock(&self.seen)
    }

    fn at(&self, method: &str) {
        assert!(self.plan.panics != Some(method), "the double was told to panic in {method}()");
    }

    /// Blocks are let go of by another thread than the one that gave them, as httpd does in its own time.
    fn release(&mut self) {
        let blocks = std::mem::take(&mut self.blocks);
        if !blocks.is_empty() {
            let releasing = std::thread::spawn(|| blocks.into_iter().for_each(Block::done));
            releasing.join().expect("releasing does not panic");
        }
    }
}

impl Link for Double {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, ReadError> {
        self.at("read");
        self.seen().reads.push(into.len());
        self.plan.during_read.take().into_iter().for_each(|meanwhile| meanwhile());
        let Some(chunk) = self.plan.body.pop_front() else { return Ok(0) };
        let mut chunk = chunk?;
        let rest = chunk.split_off(chunk.len().min(into.len()));
        if !rest.is_empty() {
            self.plan.body.push_front(Ok(rest));
        }
        into[..chunk.len()].copy_from_slice(&chunk);
        Ok(chunk.len())
    }

    fn head(&mut self, status: i32, line: &[u8], headers: &[(&[u8], &[u8])]) {
        self.at("head");
        let headers = headers.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        let earlier = self.seen().head.replace(Head { status, line: line.to_vec(), headers });
        assert!(earlier.is_none(), "headers are handed over once");
    }

    fn copy(&mut self, block: &[u8]) {
        self.at("copy");
        assert!(self.seen().head.is_some(), "the head comes first");
        self.seen().parts.push(Part::Copied(block.to_vec()));
    }

    fn refer(&mut self, block: Block) {
        self.at("refer");
        self.seen().parts.push(Part::Referred(block.bytes.bytes().to_vec()));
        self.blocks.push(block);
    }

    fn file(&mut self, file: File, offset: i64, len: i64) -> io::Result<()> {
        self.at("file");
        let mut content = vec![0; len as usize];
        file.read_exact_at(&mut content, offset as u64)?;
        self.seen().parts.push(Part::File { content, offset, len });
        Ok(())
    }

    fn flush(&mut self) -> bool {
        self.at("flush");
        self.plan.during_flush.take().into_iter().for_each(|meanwhile| meanwhile());
        let mut seen = self.seen();
        let parts = seen.parts.len();
        seen.flushes.push(parts);
        let gone = self.plan.gone_at.is_some_and(|at| seen.flushes.len() >= at);
        drop(seen);
        self.release();
        !gone
    }
}

/// The log beside a link.
pub struct Record(pub Arc<Mutex<Seen>>);

impl Log for Record {
    fn line(&self, _: Level, line: &[u8], origin: Origin<'_>) {
        let lines = origin.lines(line).map(|line| wire::shown(&line).into_owned());
        os::lock(&self.0).lines.extend(lines);
    }

    fn logs(&self, _: Level) -> bool {
        true
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.release();
    }
}
