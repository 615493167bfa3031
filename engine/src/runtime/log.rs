//! The error log of a request, wherever the request comes from.
#![forbid(unsafe_code)]

use crate::host;
use std::sync::{Arc, RwLock};
use wire::{Level, Message, Origin};

/// The request's error log, usable beside the link.
pub trait Log: Send + Sync {
    /// Writes one line, that comes from there.
    fn line(&self, level: Level, line: &[u8], origin: Origin<'_>);
    /// Whether a line of this level would be written.
    fn logs(&self, level: Level) -> bool;
}

/// The request's error log, which ends with the request: what is logged for it later goes to the server's.
pub struct RequestLog(RwLock<Option<Box<dyn Log>>>);

impl RequestLog {
    /// The log of a request that begins.
    pub fn new(log: Box<dyn Log>) -> Arc<Self> {
        Arc::new(Self(RwLock::new(Some(log))))
    }

    /// Writes one line.
    pub fn line(&self, level: Level, line: &[u8]) {
        self.line_from(level, line, Origin::NONE);
    }

    /// Writes one line of the application, that comes from there.
    pub fn line_from(&self, level: Level, line: &[u8], origin: Origin<'_>) {
        match &*os::read_lock(&self.0) {
            Some(log) if log.logs(level) => log.line(level, line, origin),
            Some(_) => {}
            None => host::log_from(level, line, origin),
        }
    }

    /// Whether a line of this level would be written.
    pub fn logs(&self, level: Level) -> bool {
        os::read_lock(&self.0).as_ref().map_or_else(|| host::logs(level), |log| log.logs(level))
    }

    /// Writes a message of the catalogue.
    pub fn message(&self, message: Message, text: impl std::fmt::Display) {
        self.line(message.level(), message.line(text).as_bytes());
    }

    /// The request is over.
    pub fn close(&self) {
        os::write_lock(&self.0).take();
    }
}
