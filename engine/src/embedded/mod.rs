//! Embedded mode: the engine in an Apache child, where requests come through the interface of the two halves.
#![deny(unsafe_code)]

mod abi;

pub use abi::embed;

use crate::host::Host;
use crate::requests::{Block, Link};
use crate::runtime::Log;
use wire::abi::{self as table, ReadError, RequestHandle};
use wire::{Level, Pair, Slice};

/// The Apache half, as the process's host.
struct Apache(&'static table::Host);

impl Host for Apache {
    fn log(&self, level: Level, line: &[u8]) {
        (self.0.log)(level, Slice::of(line));
    }

    fn logs(&self, level: Level) -> bool {
        (self.0.logs)(std::ptr::null_mut(), level)
    }
}

/// A request of Apache's. The handle is valid until `serve` returns, and the call that holds this is closed before.
struct Handle {
    host: &'static table::Host,
    exchange: abi::SendHandle,
}

impl Handle {
    fn exchange(&self) -> RequestHandle {
        self.exchange.get()
    }
}

impl Link for Handle {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, ReadError> {
        let answer = (self.host.read)(self.exchange(), into.as_mut_ptr(), into.len());
        usize::try_from(answer).map_err(|_| ReadError::of(answer))
    }

    fn head(&mut self, status: i32, line: &[u8], headers: &[(&[u8], &[u8])]) {
        let headers: Vec<Pair> = headers
            .iter()
            .map(|(name, value)| Pair { name: Slice::of(name), value: Slice::of(value) })
            .collect();
        let head =
            table::Head { status, line: Slice::of(line), headers: headers.as_ptr(), count: headers.len() };
        (self.host.head)(self.exchange(), &head);
    }

    fn copy(&mut self, block: &[u8]) {
        (self.host.append)(self.exchange(), Slice::of(block), std::ptr::null_mut());
    }

    fn refer(&mut self, block: Block) {
        let bytes = Slice::of(block.bytes.bytes());
        (self.host.append)(self.exchange(), bytes, Box::into_raw(Box::new(block)).cast());
    }

    fn file(&mut self, fd: i32, offset: i64, len: i64) -> std::io::Result<()> {
        if (self.host.append_file)(self.exchange(), fd, offset, len) {
            return Ok(());
        }
        Err(std::io::Error::last_os_error())
    }

    fn flush(&mut self) -> bool {
        (self.host.flush)(self.exchange())
    }
}

impl Log for Handle {
    fn line(&self, level: Level, line: &[u8]) {
        (self.host.log_request)(self.exchange(), level, Slice::of(line));
    }

    fn logs(&self, level: Level) -> bool {
        (self.host.logs)(self.exchange(), level)
    }
}
