//! A client without httpd: a body that is there or comes later, and an answer that is kept, or sent to a real socket.

use crate::apache::Status;
use crate::apache::client::Taken;
use crate::serve::daemon::block::Block;
use crate::serve::daemon::relay::Client;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;
use wire::abi::Outcome;
use wire::frame::{Answer, Body};
use wire::{Level, Message, Origin};

/// The client, and what it got.
#[derive(Default)]
pub struct Visitor {
    /// Parts of the body that come, one for each read; its end is behind them.
    pub body: VecDeque<Vec<u8>>,
    /// The body fails behind its parts.
    pub fails: Option<Body>,
    pub head_only: bool,
    pub error_override: bool,
    /// Where the answer goes, as far as the socket takes it; `None`: the client takes all.
    pub socket: Option<UnixStream>,
    /// How long the client may take nothing.
    pub patience: Option<Duration>,
    /// It goes when it has got so many bytes.
    pub leaves_at: Option<usize>,
    pub held: Vec<u8>,
    /// What the client has taken.
    pub got: Vec<u8>,
    pub is_passed: bool,
    pub status: Option<u16>,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// How the answer ended: `finish`, `fail` …
    pub end: String,
    pub lines: RefCell<Vec<String>>,
    pub retry_after: RefCell<u32>,
    pub timeouts: RefCell<Vec<Duration>>,
    pub body_forgotten: bool,
}

impl Visitor {
    /// The only line of the log.
    pub fn line(&self) -> String {
        let lines = self.lines.borrow();
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines[0].clone()
    }

    fn ended(&mut self, how: &str) -> Status {
        assert_eq!(self.end, "", "an answer ends once");
        self.end = how.into();
        if how == "finish" || how == "short" {
            self.offer();
        }
        Status::OK
    }
}

impl Client for Visitor {
    fn log(&self, message: Message, text: &str) {
        self.lines.borrow_mut().push(format!("{message}: {text}"));
    }

    fn log_line(&self, level: Level, line: &[u8], _: Origin<'_>) {
        self.lines.borrow_mut().push(format!("{level:?}: {}", wire::shown(line)));
    }

    fn timeout(&self) -> Duration {
        super::PATIENCE
    }

    fn set_timeout(&self, time: Duration) -> Option<Duration> {
        self.timeouts.borrow_mut().push(time);
        Some(super::PATIENCE)
    }

    fn head_only(&self) -> bool {
        self.head_only
    }

    fn error_override(&self) -> bool {
        self.error_override
    }

    fn authenticate(&self, value: &[u8]) {
        self.lines.borrow_mut().push(format!("authenticate: {}", wire::shown(value)));
    }

    fn retry_after(&self, seconds: u32) {
        *self.retry_after.borrow_mut() = seconds;
    }

    fn has_body(&self) -> bool {
        self.body.is_empty()
    }

    fn sends(&mut self) -> bool {
        true
    }

    fn read(&mut self, into: &mut [u8]) -> (usize, Body) {
        let Some(mut part) = self.body.pop_front() else { return (0, self.fails.unwrap_or(Body::End)) };
        let rest = part.split_off(part.len().min(into.len()));
        into[..part.len()].copy_from_slice(&part);
        if !rest.is_empty() {
            self.body.push_front(rest);
        }
        (part.len(), Body::More)
    }

    fn forget_body(&mut self) {
        self.body_forgotten = true;
    }

    fn head(&mut self, answer: &Answer<'_>) {
        self.status = Some(answer.status);
        self.headers = answer.headers().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    }

    fn drops_body(&self) -> bool {
        self.head_only
    }

    fn copy(&mut self, block: &[u8]) {
        self.held.extend_from_slice(block);
    }

    fn append(&mut self, block: Block) {
        self.held.extend_from_slice(block.as_ref());
    }

    fn append_file(&mut self, file: File, offset: i64, len: i64) -> io::Result<()> {
        let mut bytes = vec![0; len as usize];
        file.read_exact_at(&mut bytes, offset as u64)?;
        self.held.extend(bytes);
        Ok(())
    }

    fn held(&self) -> u64 {
        self.held.len() as u64
    }

    fn clear(&mut self) {
        self.held.clear();
    }

    fn take_in(&mut self) -> bool {
        true
    }

    fn is_passed(&self) -> bool {
        self.is_passed
    }

    fn offer(&mut self) -> Taken {
        if self.head_only || self.leaves_at.is_some_and(|count| self.got.len() + self.held.len() >= count) {
            return Taken::Gone;
        }
        self.is_passed = true;
        let Some(socket) = &mut self.socket else {
            self.got.append(&mut self.held);
            return Taken::All;
        };
        os::set_nonblocking(std::os::fd::AsFd::as_fd(socket)).unwrap();
        while !self.held.is_empty() {
            match socket.write(&self.held) {
                Ok(count) => self.got.extend(self.held.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Taken::Part,
                Err(_) => return Taken::Gone,
            }
        }
        Taken::All
    }

    fn begin(&mut self) -> bool {
        self.is_passed = true;
        true
    }

    fn socket(&self) -> Option<(RawFd, Option<Duration>)> {
        self.socket.as_ref().map(|socket| (socket.as_raw_fd(), self.patience))
    }

    fn acknowledged(&self) -> u64 {
        self.got.len() as u64
    }

    fn give_up(&mut self) {
        self.held.clear();
        self.end = "given up".into();
    }

    fn finish(&mut self) -> Status {
        self.ended("finish")
    }

    fn abandon(&mut self) -> Status {
        if self.end.is_empty() { self.ended("abandon") } else { Status::OK }
    }

    fn fail(&mut self) -> Status {
        self.ended("fail")
    }

    fn end_short(&mut self) -> Status {
        self.ended("short")
    }

    fn refuse(&mut self, outcome: Outcome) -> Status {
        self.ended("refuse");
        Status(outcome.status)
    }

    fn redirect(&mut self, url: &[u8]) -> Status {
        self.ended(&format!("redirect {}", wire::shown(url)))
    }
}
