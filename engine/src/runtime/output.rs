//! Where that goes which is printed, and what else is logged, while a thread works for a request or for the start of an
//! application.
#![forbid(unsafe_code)]

use super::log::RequestLog;
use os::lock;
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use wire::{Level, Message, Origin};

/// The streams that may hold the beginning of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// `wsgi.errors`
    Errors,
    /// `sys.stderr`
    Stderr,
    /// `sys.stdout`
    Stdout,
}

impl Stream {
    /// What records that come of it name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Errors => "wsgi.errors",
            Self::Stderr => "sys.stderr",
            Self::Stdout => "sys.stdout",
        }
    }
}

/// The output of a request, or of a start that a request waits for: lines of that request's log.
pub struct Output {
    /// Path of the script.
    pub script: Vec<u8>,
    log: Arc<RequestLog>,
    /// Beginnings of lines, by [`Stream`]. Not of one interpreter: code of the application may enter another on this thread.
    partial: Mutex<[Vec<u8>; 3]>,
    /// Something was written: without it the end of a request does not look at `partial`.
    is_used: AtomicBool,
    closed: AtomicBool,
}

thread_local! {
    /// The output of what this thread works for.
    static CURRENT: RefCell<Option<Arc<Output>>> = const { RefCell::new(None) };
}

impl Output {
    /// The output of what is done for a script.
    pub fn new(script: &[u8], log: Arc<RequestLog>) -> Arc<Self> {
        Arc::new(Self {
            script: script.to_vec(),
            log,
            partial: Mutex::default(),
            is_used: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        })
    }

    /// Writes one line to the request's log; to the server's when the request is over.
    pub fn log(&self, level: Level, line: &[u8]) {
        self.log.line(level, line);
    }

    /// Writes a message of the catalogue to the request's log.
    pub fn message(&self, message: Message, text: impl std::fmt::Display) {
        self.log.message(message, text);
    }

    /// Whether a line of this level would be written.
    pub fn logs(&self, level: Level) -> bool {
        self.log.logs(level)
    }

    /// Writes a record of the module's, with a traceback.
    pub fn record(&self, level: Level, text: &[u8], origin: Origin<'_>) {
        self.log.line_from(level, text, origin);
    }

    /// Logs one line that the application wrote to a stream.
    pub fn script_line(&self, stream: Stream, line: &[u8]) {
        self.script_record(Level::Error, line, Origin::named(stream.name().as_bytes()));
    }

    /// Logs a record of the application's.
    pub fn script_record(&self, level: Level, text: &[u8], origin: Origin<'_>) {
        self.log.line_from(level, text, origin.of_script(&self.script));
    }

    /// The beginning of a line in a stream. `work` calls nothing of Python.
    pub fn with_partial<T>(&self, stream: Stream, work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.is_used.store(true, Ordering::Relaxed);
        work(&mut lock(&self.partial)[stream as usize])
    }

    /// Logs the beginnings of lines that no newline has followed. At the end of the request.
    pub fn flush(&self) {
        if !self.is_used.load(Ordering::Relaxed) {
            return;
        }
        let partial = std::mem::take(&mut *lock(&self.partial));
        for (stream, line) in [Stream::Errors, Stream::Stderr, Stream::Stdout].into_iter().zip(&partial) {
            if !line.is_empty() {
                self.script_line(stream, line);
            }
        }
    }

    /// Nothing is written any more: whoever has kept a stream finds that the request is over.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// The request is over.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// The output of what the calling thread works for.
    pub fn current() -> Option<Arc<Self>> {
        CURRENT.with_borrow(Option::clone)
    }

    /// Runs `work` with this as the calling thread's output.
    pub fn current_while<T>(output: Option<Arc<Self>>, work: impl FnOnce() -> T) -> T {
        struct Restore(Option<Arc<Output>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.replace(self.0.take());
            }
        }
        let _restore = Restore(CURRENT.replace(output));
        work()
    }
}
