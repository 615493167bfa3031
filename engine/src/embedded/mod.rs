//! Embedded mode: the engine in an Apache child, where requests come through the interface of the two halves.
#![deny(unsafe_code)]

mod abi;

pub use abi::embed;

use crate::host::Host;
use crate::requests::{Block, Link};
use crate::runtime::Log;
use std::fs::File;
use std::io;
use wire::abi::{self as table, LogHandle, ReadError, RequestHandle, Value, ValueKind};
use wire::httpd::Server;
use wire::starts::Took;
use wire::{Buffer, Lent, Level, Origin, Pair, Slice};

/// The Apache half, as the process's host.
struct Apache(&'static table::Host);

impl Host for Apache {
    fn log(&self, level: Level, line: &[u8], origin: Origin<'_>) {
        (self.0.log)(level, Slice::of(line), origin);
    }

    fn logs(&self, level: Level) -> bool {
        (self.0.logs)(None, level)
    }

    fn started(&self, took: &Took) {
        (self.0.started)(took);
    }

    fn scoreboard(&self) -> Option<Server> {
        Server::parse((self.0.scoreboard)().as_ref()).ok()
    }
}

/// A request of Apache's. The handle is valid until `serve` returns, and the call that holds this is closed before.
struct Handle {
    host: &'static table::Host,
    handle: RequestHandle<'static>,
}

/// A block that Apache refers to.
struct Referred(Option<Block>);

impl AsRef<[u8]> for Referred {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref().map_or(b"", |block| block.bytes.bytes())
    }
}

impl Drop for Referred {
    fn drop(&mut self) {
        if let Some(block) = self.0.take() {
            block.done();
        }
    }
}

impl Link for Handle {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, ReadError> {
        let answer = (self.host.read)(&mut self.handle, Buffer::of(into));
        usize::try_from(answer).map_err(|_| ReadError::of(answer))
    }

    fn head(&mut self, status: i32, line: &[u8], headers: &[(&[u8], &[u8])]) {
        let headers: Vec<Pair<'_>> = headers.iter().map(|(name, value)| Pair::of(name, value)).collect();
        let head = table::Head { status, line: Slice::of(line), headers: Slice::of(&headers) };
        (self.host.head)(&mut self.handle, &head);
    }

    fn copy(&mut self, block: &[u8]) {
        (self.host.copy)(&mut self.handle, Slice::of(block));
    }

    fn refer(&mut self, block: Block) {
        (self.host.refer)(&mut self.handle, Lent::new(Referred(Some(block))));
    }

    fn file(&mut self, file: File, offset: i64, len: i64) -> io::Result<()> {
        match (self.host.append_file)(&mut self.handle, file.into(), offset, len) {
            0 => Ok(()),
            number => Err(io::Error::from_raw_os_error(number)),
        }
    }

    fn waits(&mut self, waits: bool) {
        (self.host.waits)(&mut self.handle, waits);
    }

    fn flush(&mut self) -> bool {
        (self.host.flush)(&mut self.handle)
    }

    fn returned(&mut self, function: usize, value: Value<'_>) {
        (self.host.returned)(&mut self.handle, function, value);
    }

    fn tls_variable(&mut self, name: &[u8]) -> Option<Vec<u8>> {
        let value = (self.host.tls_variable)(&mut self.handle, Slice::of(name));
        (value.kind == ValueKind::Text).then(|| value.text.get().to_vec())
    }
}

/// The log of such a request, for as long.
struct LogLine {
    host: &'static table::Host,
    handle: LogHandle<'static>,
}

impl Log for LogLine {
    fn line(&self, level: Level, line: &[u8], origin: Origin<'_>) {
        (self.host.log_request)(self.handle, level, Slice::of(line), origin);
    }

    fn logs(&self, level: Level) -> bool {
        (self.host.logs)(Some(self.handle), level)
    }
}
