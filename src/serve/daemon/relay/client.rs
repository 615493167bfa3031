//! What the relay asks of the request that it relays: the client's side of it.

use crate::apache::Status;
use crate::apache::client::Taken;
use crate::serve::daemon::block::Block;
use std::fs::File;
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;
use wire::abi::Outcome;
use wire::frame::{Answer, Body};
use wire::{Level, Message, Origin};

/// The client of a request: its body comes in, its answer goes out. httpd's requests are one ([`Visitor`]).
///
/// [`Visitor`]: crate::serve::daemon::client::Visitor
pub trait Client {
    /// Writes a message of the catalogue to the request's log.
    fn log(&self, message: Message, text: &str);
    /// Writes a line of the application to the request's log.
    fn log_line(&self, level: Level, line: &[u8], origin: Origin<'_>);
    /// The server's Timeout.
    fn timeout(&self) -> Duration;
    /// Has writes to the client wait so long; answers how long they did before, if that is known.
    fn set_timeout(&self, time: Duration) -> Option<Duration>;

    /// The request is sent over this connection of the worker in this slot, which is that process.
    fn sent_to(&mut self, _slot: usize, _connection: usize, _pid: u32) {}
    /// The answer begins. A thread had taken the request then, microseconds of the monotonic clock, as the process says.
    fn taken(&mut self, _taken: Option<i64>) {}
    /// The client is waited for, and nobody else, from now on or not any more.
    fn awaited(&mut self, _is: bool) {}
    /// The process is done with it. A thread had taken it then, microseconds of the monotonic clock, as the process says; 0: none
    /// has, `None`: that is not known.
    fn served(&mut self, _taken: Option<i64>) {}

    /// The client gets no body whatever the application answers (HEAD).
    fn head_only(&self) -> bool;
    /// `WSGIErrorOverride`: pages of the server stand in for the application's errors.
    fn error_override(&self) -> bool;
    /// Keeps a WWW-Authenticate header for the server's page.
    fn authenticate(&self, value: &[u8]);
    /// The error page asks the client to come back after so many seconds.
    fn retry_after(&self, seconds: u32);

    /// The next bytes of the body can be had without the client.
    fn has_body(&self) -> bool;
    /// The client sends just now, or has sent all.
    fn sends(&mut self) -> bool;
    /// The next bytes of the body. Blocks.
    fn read(&mut self, into: &mut [u8]) -> (usize, Body);
    /// Nobody asks for the body any more.
    fn forget_body(&mut self);

    /// Status and headers of the answer.
    fn head(&mut self, answer: &Answer<'_>);
    /// The client gets no body, whatever comes of it.
    fn drops_body(&self) -> bool;
    /// Adds a copy of bytes to the answer.
    fn copy(&mut self, block: &[u8]);
    /// Adds a block to the answer, which is not copied.
    fn append(&mut self, block: Block);
    /// Adds a part of a regular file to the answer.
    fn append_file(&mut self, file: File, offset: i64, len: i64) -> io::Result<()>;
    /// Bytes that were added and not passed on.
    fn held(&self) -> u64;
    /// Drops what was added.
    fn clear(&mut self);
    /// Has in memory what files hold of the answer. False: one cannot be read.
    fn take_in(&mut self) -> bool;
    /// Something of the answer is out.
    fn is_passed(&self) -> bool;
    /// Sends what was added as far as the client takes it at once.
    fn offer(&mut self) -> Taken;
    /// Hands the beginning of what was added on. False: the client has gone, or gets no body.
    fn begin(&mut self) -> bool;
    /// The client's socket, and how long it may take nothing; `None`: it has none that can be asked.
    fn socket(&self) -> Option<(RawFd, Option<Duration>)>;
    /// Bytes that the client has taken, as far as that is known.
    fn acknowledged(&self) -> u64;
    /// Nothing more is sent to the client.
    fn give_up(&mut self);

    /// The answer is whole.
    fn finish(&mut self) -> Status;
    /// No more of the answer is needed.
    fn abandon(&mut self) -> Status;
    /// The answer breaks off.
    fn fail(&mut self) -> Status;
    /// The answer ends before its Content-Length.
    fn end_short(&mut self) -> Status;
    /// An error page goes out instead of the answer.
    fn refuse(&mut self, outcome: Outcome) -> Status;
    /// The answer of another URL of this server goes out instead.
    fn redirect(&mut self, url: &[u8]) -> Status;
}
