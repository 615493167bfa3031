//! The narrow interface between the two halves in embedded mode: two tables of C functions.
//!
//! The Apache half makes a [`Host`] and starts Python with its address on the command line; the engine checks
//! [`VERSION`] and the size, and answers with an [`Engine`] through [`Host::ready`]. Both tables live as long as
//! the process. Nothing but these functions is called across, none of them unwinds, and all of them may be
//! called from any thread unless they say otherwise.

use crate::{Level, Pair, Slice, Stamp};
use core::ffi::c_void;

/// Raised whenever a structure of this file changes; both halves refuse another's.
pub const VERSION: u32 = 3;

/// Blocks up to this many bytes are copied into the answer: that is cheaper than to keep their object until they are
/// sent.
pub const COPY_LIMIT: usize = 8000;

/// Most headers of an answer: what httpd needs to send them is many times what they are.
pub const MOST_HEADERS: usize = 1000;
/// Most bytes of an answer's status line and headers.
pub const MOST_HEAD: usize = 4 << 20;

/// The Apache half's own handle of a request: the engine passes it back and never looks inside.
pub type RequestHandle = *mut c_void;

/// What the engine may ask of the Apache half.
#[repr(C)]
pub struct Host {
    /// [`VERSION`] of who made the table.
    pub version: u32,
    /// `size_of::<Host>()` of who made the table.
    pub size: u32,
    /// What the configuration says of every interpreter.
    pub settings: Slice,
    /// Python has started: here is the engine's table (or null and why not, as one sentence). Called once, on the
    /// thread that runs Python's start.
    pub ready: extern "C" fn(engine: *const Engine, why: Slice),
    /// Writes one line to the server's error log.
    pub log: extern "C" fn(level: Level, text: Slice),
    /// Writes one line to the error log of the request's virtual host, with its client and id.
    pub log_request: extern "C" fn(handle: RequestHandle, level: Level, text: Slice),
    /// Whether a line of this level would be written for the request (null: for the server).
    pub logs: extern "C" fn(handle: RequestHandle, level: Level) -> bool,
    /// Reads up to `len` bytes of the request's body. Blocks. 0 at its end; a [`ReadError`] when negative.
    pub read: extern "C" fn(handle: RequestHandle, into: *mut u8, len: usize) -> isize,
    /// Sets status line and headers. The bytes are copied. Once, before the first `append`.
    pub head: extern "C" fn(handle: RequestHandle, head: *const Head),
    /// Adds a block to the answer without sending. With `owner` null the bytes are copied; else they stay where
    /// they are until [`Engine::release`] is called with `owner`, from any thread.
    pub append: extern "C" fn(handle: RequestHandle, block: Slice, owner: *mut c_void),
    /// Adds `len` bytes of a regular file from `offset` on. The descriptor is duplicated. False: errno says why.
    pub append_file: extern "C" fn(handle: RequestHandle, fd: i32, offset: i64, len: i64) -> bool,
    /// Sends all that was added. Blocks. False: the client has gone.
    pub flush: extern "C" fn(handle: RequestHandle) -> bool,
}

/// Status and headers of an answer.
#[repr(C)]
pub struct Head {
    /// The status, 200 to 999.
    pub status: i32,
    /// `200 OK`, as the application gave it.
    pub line: Slice,
    /// The headers in the application's order, duplicates included.
    pub headers: *const Pair,
    /// Number of headers.
    pub count: usize,
}

/// Why [`Host::read`] failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(isize)]
pub enum ReadError {
    /// The client closed the connection.
    Disconnected = -1,
    /// Nothing came for as long as httpd's `Timeout` (or mod_reqtimeout) says.
    Timeout = -2,
    /// The body is larger than `LimitRequestBody`.
    TooLarge = -3,
    /// The body is malformed, or a filter failed.
    Malformed = -4,
}

impl ReadError {
    /// The error that a negative answer of [`Host::read`] stands for.
    pub fn of(answer: isize) -> Self {
        match answer {
            -1 => Self::Disconnected,
            -2 => Self::Timeout,
            -3 => Self::TooLarge,
            _ => Self::Malformed,
        }
    }

    /// The status a client gets when the application lets the error pass.
    pub fn status(self) -> i32 {
        match self {
            Self::Disconnected | Self::Malformed => 400,
            Self::Timeout => 408,
            Self::TooLarge => 413,
        }
    }
}

/// What the Apache half may ask of the engine.
#[repr(C)]
pub struct Engine {
    /// [`VERSION`] of who made the table.
    pub version: u32,
    /// `size_of::<Engine>()` of who made the table.
    pub size: u32,
    /// Runs the application for one request. Blocks until the answer is complete. The thread's own.
    pub serve: extern "C" fn(request: *const Request) -> Outcome,
    /// Loads a script before any request asks for it. Blocks until it is loaded or has failed (which is logged).
    pub preload: extern "C" fn(target: *const Target),
    /// A block passed to [`Host::append`] is no longer needed.
    pub release: extern "C" fn(owner: *mut c_void),
    /// The calling thread, which has served requests, is about to end: its thread states are deleted.
    pub thread_exit: extern "C" fn(),
    /// Ends Python's part of this process: lets no request in, waits for those running, runs exit callbacks.
    /// Blocks, up to `deadline_ms` milliseconds.
    pub stop: extern "C" fn(deadline_ms: u32) -> Ended,
}

/// What is left when Python has ended.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Requests that are still running.
    pub running: u32,
    /// No thread of an application is left, in Python or in C code: the process may end in order.
    pub quiet: bool,
}

/// Which script, and where it runs.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Target {
    /// Absolute path of the script file.
    pub script: Slice,
    /// Name of the interpreter; empty is the main one.
    pub application_group: Slice,
    /// Name of the callable in the script.
    pub callable: Slice,
    /// The script as it was seen; unknown: ask the file system.
    pub stamp: Stamp,
    /// `WSGIScriptReloading`: a script that has changed is loaded again.
    pub reload: bool,
    /// How it starts, an encoded [`crate::plan::StartPlan`]. Lives as the process.
    pub plan: Slice,
}

/// One request, as the engine needs it. All pointers live until [`Engine::serve`] returns.
#[repr(C)]
pub struct Request {
    /// The Apache half's handle.
    pub handle: RequestHandle,
    /// The application.
    pub target: Target,
    /// The environ's text entries. Values are bytes as they came.
    pub environ: *const Pair,
    /// Number of environ entries.
    pub environ_len: usize,
    /// `wsgi.url_scheme` is `https`.
    pub https: bool,
    /// The client gets no body whatever the application answers (HEAD).
    pub head_only: bool,
    /// When httpd received the request, microseconds since the epoch.
    pub received: i64,
    /// The engine answers with a page of its own while the application does not start; else with a bare status.
    pub own_pages: bool,
    /// `WSGIErrorDetails`: that page shows the traceback.
    pub error_details: bool,
}

/// How [`Engine::serve`] ended.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the Apache half has to do.
    pub end: End,
    /// The status of an [`End::Error`], the exit status of an [`End::Exit`]; else 0.
    pub status: i32,
    /// Seconds for `Retry-After`; 0: none is known.
    pub retry_after: u32,
    /// What the error log calls the failed start; 0: it is none.
    pub id: u32,
}

impl Outcome {
    /// An outcome that is not about a failed start.
    pub const fn of(end: End, status: i32) -> Self {
        Self { end, status, retry_after: 0, id: 0 }
    }
}

/// What is left to do when the application is done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum End {
    /// The answer is whole: what was appended goes out, and the end of the answer with it.
    Complete = 0,
    /// Nothing was sent: answer with the error page of the status.
    Error = 1,
    /// A part was sent and no more will come: the client must notice.
    Truncated = 2,
    /// Complete, but the connection cannot be used again (fewer bytes than Content-Length said).
    Short = 3,
    /// This is a copy of the process that the application forked, and it is to end with `status`.
    Exit = 4,
    /// Nothing was sent, and this process is about to be replaced: another one is to serve the request (daemon mode).
    Elsewhere = 5,
}

// SAFETY: tables are written once, before they are shared, and then only read.
unsafe impl Sync for Host {}
// SAFETY: as above; the slices point at memory that lives as long as the process.
unsafe impl Send for Host {}
