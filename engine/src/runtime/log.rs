//! The error log of a request, wherever the request comes from.
#![forbid(unsafe_code)]

use crate::host;
use std::sync::{Arc, PoisonError, RwLock};
use wire::{Level, Message};

/// The request's error log, usable beside the link.
pub trait Log: Send + Sync {
    /// Writes one line.
    fn line(&self, level: Level, line: &[u8]);
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
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            Some(log) if log.logs(level) => log.line(level, line),
            Some(_) => {}
            None => host::log(level, line),
        }
    }

    /// Writes a message of the catalogue.
    pub fn message(&self, message: Message, text: impl std::fmt::Display) {
        self.line(message.level(), format!("{message}: {text}").as_bytes());
    }

    /// The request is over.
    pub fn close(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).take();
    }
}
