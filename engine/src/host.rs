//! Who the engine works for: the process around it, as far as logs are concerned.
#![forbid(unsafe_code)]

use once_cell::sync::OnceCell;
use std::fmt::Display;
use wire::{Level, Message};

/// The process's error log.
pub trait Host: Send + Sync {
    /// Writes one line.
    fn log(&self, level: Level, line: &[u8]);
    /// Whether a line of this level would be written.
    fn logs(&self, level: Level) -> bool;
}

static HOST: OnceCell<Box<dyn Host>> = OnceCell::new();

/// Says who it is, once.
pub fn set(host: Box<dyn Host>) {
    let _ = HOST.set(host);
}

/// Writes one line to the process's error log.
pub fn log(level: Level, line: &[u8]) {
    if let Some(host) = HOST.get() {
        host.log(level, line);
    }
}

/// Whether a line of this level would be written to it.
pub fn logs(level: Level) -> bool {
    HOST.get().is_none_or(|host| host.logs(level))
}

/// Writes a message of the catalogue to the process's error log.
pub fn message(message: Message, text: impl Display) {
    if logs(message.level()) {
        log(message.level(), format!("{message}: {text}").as_bytes());
    }
}
