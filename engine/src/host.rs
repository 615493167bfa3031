//! The host: the process around the engine, as far as logs and replacement are concerned.
#![forbid(unsafe_code)]

use once_cell::sync::OnceCell;
use std::fmt::Display;
use std::time::Instant;
use wire::httpd::Server;
use wire::starts::Took;
use wire::{Level, Message, Origin, Stamp};

/// The process's error log.
pub trait Host: Send + Sync {
    /// Writes one line, that comes from there.
    fn log(&self, level: Level, line: &[u8], origin: Origin<'_>);
    /// Whether a line of this level would be written.
    fn logs(&self, level: Level) -> bool;
    /// What process this is, for log lines.
    fn place(&self) -> String {
        "in embedded mode".into()
    }
    /// This process starts the application of that script now, or has done so.
    fn starts(&self, _script: Option<&[u8]>) {}
    /// An application has started in this process, which took so long.
    fn started(&self, _took: &Took) {}
    /// An application is about to end the process: what the log is to say of it. Nothing: it has not ended after all.
    fn ends(&self, text: &str) {
        if !text.is_empty() {
            message(wire::message::APPLICATION_ENDS, text);
        }
    }
    /// httpd's scoreboard. May wait.
    fn scoreboard(&self) -> Option<Server> {
        None
    }
    /// Whoever puts another process in the place of this one, if that can be.
    fn renewal(&self) -> Option<&dyn Renewal> {
        None
    }
}

/// Where a request is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// Here, with what there is.
    Here,
    /// In the process that has taken the place of this one.
    Elsewhere,
}

/// Puts another process in the place of this one, which serves until that is ready.
pub trait Renewal {
    /// A request found a script changed; waits for the successor, but not for long.
    fn changed(&self, script: &[u8], stamp: Stamp) -> Renewed;
    /// A request found an application that failed to start here, and may be tried again; waits for the successor.
    fn failed(&self, script: &[u8], until: Instant, give_up: &dyn Fn() -> bool) -> Renewed;
    /// Reports that requests wait for blocked imports.
    fn import_deadlock(&self, text: &str);
}

static HOST: OnceCell<Box<dyn Host>> = OnceCell::new();
/// What the process is until [`set`] says something else: a template, until it is a worker that was forked of it.
static BEFORE: OnceCell<Box<dyn Host>> = OnceCell::new();

/// Says what process this is, until [`set`] does.
pub fn set_for_now(host: Box<dyn Host>) {
    let _ = BEFORE.set(host);
}

fn host() -> Option<&'static dyn Host> {
    HOST.get().or_else(|| BEFORE.get()).map(|host| &**host)
}

/// Says what process this is, once: the engine logs there from now on.
pub fn set(host: Box<dyn Host>) {
    let _ = HOST.set(host);
}

/// What process this is, for log lines.
pub fn place() -> String {
    host().map_or_else(|| "in embedded mode".into(), |host| host.place())
}

/// Whoever puts another process in the place of this one, if that can be.
pub fn renewal() -> Option<&'static dyn Renewal> {
    host()?.renewal()
}

/// httpd's scoreboard, if there is one and this process may see it. May wait: not attached.
pub fn scoreboard() -> Option<Server> {
    host()?.scoreboard()
}

/// This process starts the application of that script now, or has done so.
pub fn starts(script: Option<&[u8]>) {
    if let Some(host) = host() {
        host.starts(script);
    }
}

/// An application has started in this process, which took so long.
pub fn started(took: &Took) {
    if let Some(host) = host() {
        host.started(took);
    }
}

/// An application is about to end the process; nothing: it has not ended after all.
pub fn ends(text: &str) {
    if let Some(host) = host() {
        host.ends(text);
    }
}

/// Writes one line to the process's error log.
pub fn log(level: Level, line: &[u8]) {
    log_from(level, line, Origin::NONE);
}

/// Writes one line of an application to it, that comes from there.
pub fn log_from(level: Level, line: &[u8], origin: Origin<'_>) {
    if let Some(host) = host() {
        host.log(level, line, origin);
    }
}

/// Whether a line of this level would be written to it.
pub fn logs(level: Level) -> bool {
    host().is_none_or(|host| host.logs(level))
}

/// Writes a message of the catalogue to the process's error log.
pub fn message(message: Message, text: impl Display) {
    if logs(message.level()) {
        log(message.level(), message.line(text).as_bytes());
    }
}
