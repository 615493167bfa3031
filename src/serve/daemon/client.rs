//! A request of httpd's, as the relay sees it.

use super::ahead::Ahead;
use super::block::Block;
use super::relay::Client;
use crate::apache::client::Taken;
use crate::apache::{Status, log};
use crate::config::RequestExt;
use crate::serve::context::{Head, RequestContext};
use std::fs::File;
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;
use wire::abi::Outcome;
use wire::frame::{Answer, Body};
use wire::ledger::Phase;
use wire::{Level, Message, Origin};

/// A request, and what was read of its body before a process has it.
pub struct Visitor<'e, 'r> {
    /// Body and answer of the request.
    pub context: &'e mut RequestContext<'r>,
    /// The beginning of the body.
    pub ahead: &'e mut Ahead<'r>,
}

impl Client for Visitor<'_, '_> {
    fn log(&self, message: Message, text: &str) {
        self.context.request.log(message, text);
    }

    fn log_line(&self, level: Level, line: &[u8], origin: Origin<'_>) {
        self.context.stay.note_line(line, &origin);
        log::request(self.context.request, level, line, origin);
    }

    fn timeout(&self) -> Duration {
        self.context.request.server().timeout()
    }

    fn set_timeout(&self, time: Duration) -> Option<Duration> {
        self.context.request.set_client_timeout(time)
    }

    fn sent_to(&mut self, slot: usize, connection: usize, pid: u32) {
        self.context.stay.send_to(slot, connection);
        self.context.request.served().iter().for_each(|served| served.set_pid(pid));
    }

    fn taken(&mut self, taken: Option<i64>) {
        let Self { context, .. } = self;
        if context.timing.is_wanted() {
            let since = context.stay.waits().unwrap_or_else(os::monotonic);
            let taken = taken.filter(|taken| *taken != 0).unwrap_or(since).max(since);
            context.timing.begin(Some(since), taken);
        }
    }

    fn awaited(&mut self, is: bool) {
        self.context.stay.enter(if is { Phase::Sending } else { Phase::Application });
    }

    fn served(&mut self, taken: Option<i64>) {
        self.taken(taken);
        self.context.stay.served(taken);
    }

    fn head_only(&self) -> bool {
        self.context.request.head_only()
    }

    fn error_override(&self) -> bool {
        self.context.request.dir_config().error_override == Some(true)
    }

    fn authenticate(&self, value: &[u8]) {
        let r = self.context.request;
        r.err_headers_out().add(c"WWW-Authenticate", r.pool().c_string(value));
    }

    fn retry_after(&self, seconds: u32) {
        self.context.request.retry_after(seconds);
    }

    fn has_body(&self) -> bool {
        self.ahead.is_there()
    }

    fn sends(&mut self) -> bool {
        self.context.body.is_there()
    }

    fn read(&mut self, into: &mut [u8]) -> (usize, Body) {
        self.context.stay.enter(Phase::Reading);
        let read = self.ahead.next(&mut self.context.body, into);
        self.context.stay.enter(Phase::Application);
        read
    }

    fn forget_body(&mut self) {
        self.ahead.forget();
    }

    fn head(&mut self, answer: &Answer<'_>) {
        let head = Head::new(self.context.request, answer.status.into(), answer.line, answer.headers());
        self.context.head = Some(head);
    }

    fn drops_body(&self) -> bool {
        self.context.drops_body()
    }

    fn copy(&mut self, block: &[u8]) {
        self.context.answer.copy(block);
    }

    fn append(&mut self, block: Block) {
        self.context.answer.refer(block);
    }

    fn append_file(&mut self, file: File, offset: i64, len: i64) -> io::Result<()> {
        self.context.append_file(file, offset, len)
    }

    fn held(&self) -> u64 {
        self.context.answer.held()
    }

    fn clear(&mut self) {
        self.context.answer.clear();
    }

    fn take_in(&mut self) -> bool {
        self.context.answer.take_in()
    }

    fn is_passed(&self) -> bool {
        self.context.answer.is_passed()
    }

    fn offer(&mut self) -> Taken {
        self.context.offer()
    }

    fn begin(&mut self) -> bool {
        self.context.begin()
    }

    fn socket(&self) -> Option<(RawFd, Option<Duration>)> {
        self.context.answer.client()
    }

    fn acknowledged(&self) -> u64 {
        self.context.answer.acknowledged()
    }

    fn give_up(&mut self) {
        self.context.answer.give_up();
    }

    fn finish(&mut self) -> Status {
        self.context.finish()
    }

    fn abandon(&mut self) -> Status {
        self.context.abandon()
    }

    fn fail(&mut self) -> Status {
        self.context.fail()
    }

    fn end_short(&mut self) -> Status {
        self.context.end_short()
    }

    fn refuse(&mut self, outcome: Outcome) -> Status {
        self.context.refuse(outcome)
    }

    fn redirect(&mut self, url: &[u8]) -> Status {
        self.context.request.redirect_internally(url, &self.context.body)
    }
}
