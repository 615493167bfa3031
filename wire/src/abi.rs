//! The narrow interface between the two halves in embedded mode: two tables of C functions.
//!
//! The Apache half makes a [`Host`] and starts Python with its address on the command line; the engine checks
//! [`VERSION`] and the size, and answers with an [`Engine`] through [`Host::ready`]. Both tables live as long as
//! the process. Nothing but these functions (and [`Lent`]'s) is called across, none of them unwinds, and all of them may be
//! called from any thread unless they say otherwise.
//!
//! No function takes a bare pointer: what they take is made of borrows ([`Slice`]), owns what it points to ([`Lent`]), or is a
//! [`RequestHandle`], whose maker answers for it. So all of them are safe to call.

use crate::gil::Gil;
use crate::starts::Took;
use crate::{Buffer, Lent, Level, Origin, Pair, Slice, Stamp};
use core::ffi::c_void;
use core::marker::PhantomData;
use core::ptr::NonNull;
use std::os::fd::OwnedFd;

/// Raised whenever a structure of this file changes; both halves refuse another's.
pub const VERSION: u32 = 10;

/// Blocks up to this many bytes are copied into the answer: that is cheaper than to keep their object until they are
/// sent.
pub const COPY_LIMIT: usize = 8000;

/// Most headers of an answer: what httpd needs to send them is many times what they are.
pub const MOST_HEADERS: usize = 1000;
/// Most bytes of an answer's status line and headers.
pub const MOST_HEAD: usize = 4 << 20;

/// A request in progress, to read and to answer: the engine passes it back and never looks inside. One thread at a time uses
/// it, which the borrow checker sees to.
#[repr(transparent)]
pub struct RequestHandle<'r>(NonNull<c_void>, PhantomData<&'r mut ()>);

/// The same request, to log for it: at any time, in any thread.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct LogHandle<'r>(NonNull<c_void>, PhantomData<&'r ()>);

// SAFETY: the Apache half allows calls from any thread, says whoever made the handle.
unsafe impl Send for RequestHandle<'_> {}
// SAFETY: as above.
unsafe impl Send for LogHandle<'_> {}
// SAFETY: as above; logs may be written by several threads.
unsafe impl Sync for LogHandle<'_> {}

impl<'r> RequestHandle<'r> {
    /// # Safety
    /// For `'r` the Apache half's functions may be called with `context`: from any thread, one at a time, and those that log
    /// beside them.
    pub unsafe fn new(context: NonNull<c_void>) -> Self {
        Self(context, PhantomData)
    }

    /// # Safety
    /// Neither this nor what [`RequestHandle::log`] makes of it is used after `'r`.
    pub unsafe fn unbounded(self) -> RequestHandle<'static> {
        RequestHandle(self.0, PhantomData)
    }

    /// The handle to log with.
    pub fn log(&self) -> LogHandle<'r> {
        LogHandle(self.0, PhantomData)
    }

    /// What it was made of, for the Apache half.
    pub fn context(&mut self) -> NonNull<c_void> {
        self.0
    }
}

impl LogHandle<'_> {
    /// As [`RequestHandle::context`].
    pub fn context(&self) -> NonNull<c_void> {
        self.0
    }
}

/// What the engine may ask of the Apache half.
#[repr(C)]
pub struct Host {
    /// [`VERSION`] of who made the table.
    pub version: u32,
    /// `size_of::<Host>()` of who made the table.
    pub size: u32,
    /// What the configuration says of every interpreter.
    pub settings: Slice<'static>,
    /// Python has started: here is the engine's table (or none and why not, as one sentence). Called once, on the
    /// thread that runs Python's start.
    pub ready: extern "C" fn(engine: Option<&'static Engine>, why: Slice<'_>),
    /// Writes one record to the server's error log.
    pub log: extern "C" fn(level: Level, text: Slice<'_>, origin: Origin<'_>),
    /// Writes one record to the error log of the request's virtual host, with its client and id.
    pub log_request: extern "C" fn(handle: LogHandle<'_>, level: Level, text: Slice<'_>, origin: Origin<'_>),
    /// Whether a line of this level would be written for the request (or for the server).
    pub logs: extern "C" fn(handle: Option<LogHandle<'_>>, level: Level) -> bool,
    /// Reads some of the request's body. Blocks. 0 at its end; a [`ReadError`] when negative.
    pub read: extern "C" fn(handle: &mut RequestHandle<'_>, into: Buffer<'_>) -> isize,
    /// Sets status line and headers. The bytes are copied. Once, before the first block.
    pub head: extern "C" fn(handle: &mut RequestHandle<'_>, head: &Head<'_>),
    /// Adds a copy of a block to the answer without sending.
    pub copy: extern "C" fn(handle: &mut RequestHandle<'_>, block: Slice<'_>),
    /// Adds a block to the answer without sending or copying.
    pub refer: extern "C" fn(handle: &mut RequestHandle<'_>, block: Lent),
    /// Adds `len` bytes of a regular file from `offset` on. 0, or the number of the system's error.
    pub append_file:
        extern "C" fn(handle: &mut RequestHandle<'_>, file: OwnedFd, offset: i64, len: i64) -> i32,
    /// The request waits for a place before Python, or has it now.
    pub waits: extern "C" fn(handle: &mut RequestHandle<'_>, waits: bool),
    /// Sends all that was added. Blocks. False: the client has gone.
    pub flush: extern "C" fn(handle: &mut RequestHandle<'_>) -> bool,
    /// A function of [`Ask`] returned this. An iterable comes as [`Value::LIST`], and then its items one by one.
    pub returned: extern "C" fn(handle: &mut RequestHandle<'_>, function: usize, value: Value<'_>),
    /// httpd's scoreboard, encoded ([`crate::httpd::Server`]); empty if there is none.
    pub scoreboard: extern "C" fn() -> Lent,
    /// An application has started in this process, which took so long.
    pub started: extern "C" fn(took: &Took),
    /// Where the engine writes how long threads wait for the GIL, if that is shown.
    pub gil: Option<&'static Gil>,
    /// A variable of mod_ssl for the request; [`Value::NONE`] if there is none.
    pub tls_variable: for<'a> extern "C" fn(handle: &'a mut RequestHandle<'_>, name: Slice<'_>) -> Value<'a>,
}

/// What Python code returned, as far as the other half has to know.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Value<'a> {
    /// Which kind of value.
    pub kind: ValueKind,
    /// The text of a [`ValueKind::Text`], [`ValueKind::Bytes`] or [`ValueKind::Item`]; the name of the type of those that
    /// are something else.
    pub text: Slice<'a>,
}

/// Kinds of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ValueKind {
    /// The script has no such function.
    Missing = 0,
    /// The function raised an exception, which is logged.
    Raised = 1,
    /// `None`
    None = 2,
    /// `True`
    True = 3,
    /// `False`
    False = 4,
    /// A `str`, in UTF-8.
    Text = 5,
    /// A `bytes`.
    Bytes = 6,
    /// An iterable, whose items follow.
    List = 7,
    /// An item of it: a `str` in UTF-8, or a `bytes`.
    Item = 8,
    /// An item of it that is neither: the list is of no use.
    BadItem = 9,
    /// Anything else.
    Other = 10,
}

impl<'a> Value<'a> {
    /// `None`
    pub const NONE: Self = Self::of(ValueKind::None, b"");
    /// The beginning of an iterable.
    pub const LIST: Self = Self::of(ValueKind::List, b"");

    /// A value of this kind.
    pub const fn of(kind: ValueKind, text: &'a [u8]) -> Self {
        Self { kind, text: Slice::of(text) }
    }
}

/// Status and headers of an answer.
#[repr(C)]
pub struct Head<'a> {
    /// The status, 200 to 999.
    pub status: i32,
    /// `200 OK`, as the application gave it.
    pub line: Slice<'a>,
    /// The headers in the application's order, duplicates included.
    pub headers: Slice<'a, Pair<'a>>,
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
    pub serve: extern "C" fn(request: Request<'_>) -> Outcome,
    /// Calls functions of a script with an environ. Each return is told by [`Host::returned`]. Blocks. The outcome is
    /// [`End::Complete`], or an [`End::Error`] if the script does not run, which is logged.
    pub ask: extern "C" fn(ask: Ask<'_>) -> Outcome,
    /// Loads a script before any request asks for it. Blocks until it is loaded or has failed (which is logged).
    pub preload: extern "C" fn(target: &Target<'_>),
    /// The calling thread, which has served requests, is about to end: its thread states are deleted.
    pub thread_exit: extern "C" fn(),
    /// Ends Python's part of this process: lets no request in, waits for those running, runs exit callbacks.
    /// Blocks, up to `deadline_ms` milliseconds.
    pub stop: extern "C" fn(deadline_ms: u32) -> Ended,
    /// Answers a line of the command `mod-wsgi` ([`crate::question`]). Blocks, up to the length of a profile.
    pub inspect: extern "C" fn(question: Slice<'_>) -> Lent,
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
pub struct Target<'a> {
    /// Absolute path of the script file.
    pub script: Slice<'a>,
    /// Name of the interpreter; empty is the main one.
    pub application_group: Slice<'a>,
    /// A client may have chosen that name.
    pub named_by_client: bool,
    /// Name of the callable in the script.
    pub callable: Slice<'a>,
    /// The script as it was seen; unknown: ask the file system.
    pub stamp: Stamp,
    /// `WSGIScriptReloading`: a script that has changed is loaded again.
    pub reload: bool,
    /// How it starts, an encoded [`crate::plan::StartPlan`].
    pub plan: Slice<'a>,
}

/// One request, as the engine needs it.
#[repr(C)]
pub struct Request<'a> {
    /// The Apache half's handle.
    pub handle: RequestHandle<'a>,
    /// The application.
    pub target: Target<'a>,
    /// The environ's text entries. Values are bytes as they came.
    pub environ: Slice<'a, Pair<'a>>,
    /// `wsgi.url_scheme` is `https`.
    pub https: bool,
    /// The client gets no body whatever the application answers (HEAD).
    pub head_only: bool,
    /// When httpd received the request, microseconds since the epoch.
    pub received: i64,
    /// The engine answers with a page of its own while the application does not start; else with a bare status.
    pub own_pages: bool,
    /// The engine answers with a page of its own if the application raises and details are wanted; else with a bare status.
    pub own_error_page: bool,
    /// `WSGIErrorDetails`: those pages show what was raised, and where.
    pub error_details: bool,
    /// Address of httpd's `request_rec`, for extension modules that know what to do with it; 0: they do not get it
    /// (`WSGIPassApacheRequest`).
    pub request_rec: usize,
}

/// Functions of a script to call.
#[repr(C)]
pub struct Ask<'a> {
    /// The Apache half's handle.
    pub handle: RequestHandle<'a>,
    /// The script.
    pub target: Target<'a>,
    /// The environ's text entries.
    pub environ: Slice<'a, Pair<'a>>,
    /// The client uses TLS.
    pub https: bool,
    /// The functions, called in this order.
    pub functions: Slice<'a, Function<'a>>,
    /// As in [`Request`].
    pub request_rec: usize,
}

/// A function of a script.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Function<'a> {
    /// Its name.
    pub name: Slice<'a>,
    /// What it is called with behind the environ: `str`s whose code points are these bytes.
    pub arguments: Slice<'a, Slice<'a>>,
    /// It returns an iterable.
    pub items: bool,
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
