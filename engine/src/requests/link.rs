//! What a protocol needs of a request: one trait, so that it does not matter where the request comes from.

use crate::python::OwnedBytes;
use crate::runtime::Interpreter;
use std::fs::File;
use std::sync::Arc;
use wire::abi::{ReadError, Value};

/// A request's way in and out. Used by one thread at a time, none of whose calls holds the GIL unless it says so.
pub trait Link: Send {
    /// Reads some of the body; 0 at its end. Blocks.
    fn read(&mut self, into: &mut [u8]) -> Result<usize, ReadError>;
    /// Sets status and headers; does not block.
    fn head(&mut self, status: i32, line: &[u8], headers: &[(&[u8], &[u8])]);
    /// Adds a copy of a block to the answer; does not block.
    fn copy(&mut self, block: &[u8]);
    /// Adds a block that is not copied; does not block.
    fn refer(&mut self, block: Block);
    /// Adds a part of a regular file; does not block.
    fn file(&mut self, file: File, offset: i64, len: i64) -> std::io::Result<()>;
    /// Sends what was added. Blocks. False: the client has gone.
    fn flush(&mut self) -> bool;
    /// Flushes, and afterwards the added blocks may be changed or removed: the server has copied or sent them.
    fn settle(&mut self) -> bool {
        self.flush()
    }
    /// The request has lasted too long, and the process ends without an answer.
    fn late(&mut self) {}
    /// A function that the server asked returned this; see [`Value`].
    fn returned(&mut self, _function: usize, _value: Value<'_>) {}
    /// A variable of mod_ssl, if there is one.
    fn tls_variable(&mut self, _name: &[u8]) -> Option<Vec<u8>> {
        None
    }
    /// The thread waits for its place before Python, or has it now.
    fn waits(&mut self, _waits: bool) {}
    /// The application has the request; the time that it may take begins.
    fn running(&mut self) {}
    /// The application is about to be called: nobody else may be asked to serve the request from here on.
    fn started(&mut self) {}
}

/// A `bytes` object on its way out.
pub struct Block {
    /// The bytes to send.
    pub bytes: OwnedBytes,
    /// The interpreter it is of, which must let go of it.
    pub interpreter: Arc<Interpreter>,
}

impl Block {
    /// The block has been sent, or never will be: its object is released by whoever runs Python next.
    pub fn done(self) {
        let size = self.bytes.bytes().len();
        Interpreter::release_later(&self.interpreter, self.bytes.into_owned(), size);
    }
}
