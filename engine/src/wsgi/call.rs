//! One request while it is served, and what of it outlives the request in Python's hands.

use super::answer::Answer;
use super::link::{Link, RequestLog};
use super::warm::Nobody;
use crate::python::{GilCell, Problem, Py, Raised, native_id, thread_ident, thread_number};
use crate::startup::{self, Interpreter, Turn};
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};
use wire::door::ReadError;
use wire::{Level, Message};

/// The streams of a request that may hold the beginning of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// `wsgi.errors`
    Errors,
    /// `sys.stderr`
    Stderr,
    /// `sys.stdout`
    Stdout,
}

/// A request in progress. Objects of the request that Python keeps for longer hold it too, and find it closed.
pub struct Call {
    /// The interpreter that serves it.
    pub interpreter: Arc<Interpreter>,
    /// Path of the script.
    pub script: Vec<u8>,
    /// The body's declared length.
    pub length: Option<u64>,
    /// Status, headers and what was sent.
    pub answer: GilCell<Answer>,
    /// The last error of reading the body.
    pub read_error: GilCell<Option<ReadError>>,
    /// The client has gone: nothing more can be sent.
    pub gone: GilCell<bool>,
    /// `close()` of the iterable raised, which is logged and changes nothing for the client.
    pub close_raised: GilCell<bool>,
    /// Beginnings of log lines, by [`Stream`].
    pub partial: GilCell<[Vec<u8>; 3]>,
    link: Mutex<Option<Box<dyn Link>>>,
    log: Arc<RequestLog>,
    /// When it came here, and the thread that serves it.
    begun: Instant,
    thread: u64,
    native: u64,
    /// Its turn among the first requests of the application.
    turn: Option<Turn>,
    /// It has been interrupted: an [`Interrupt`], or 0.
    interrupted: AtomicU8,
    /// Code of the application runs for it, which can be interrupted.
    pub inside: GilCell<bool>,
}

/// Why a request is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Interrupt {
    /// It waits for an import that does not get on.
    ImportDeadlock = 1,
    /// It has lasted longer than it may.
    Timeout = 2,
}

/// The requests that are running, by the number of their thread.
static RUNNING: Mutex<FxHashMap<usize, Arc<Call>>> = Mutex::new(FxHashMap::with_hasher(FxBuildHasher));

/// Somebody waits for a request to run.
static IDLE: AtomicBool = AtomicBool::new(false);

/// The link while it is used; `None` when the request is over.
pub type Locked<'a> = MutexGuard<'a, Option<Box<dyn Link>>>;

thread_local! {
    /// The request that this thread serves, or loads a script for.
    static CURRENT: RefCell<Option<Arc<Call>>> = const { RefCell::new(None) };
}

impl Call {
    /// A request that has just arrived.
    pub fn new(
        interpreter: Arc<Interpreter>,
        script: &[u8],
        length: Option<u64>,
        link: Box<dyn Link>,
        log: Arc<RequestLog>,
        turn: Option<Turn>,
    ) -> Arc<Self> {
        Arc::new(Self {
            interpreter,
            script: script.to_vec(),
            length,
            answer: GilCell::new(Answer::default()),
            read_error: GilCell::new(None),
            gone: GilCell::new(false),
            close_raised: GilCell::new(false),
            partial: GilCell::new(Default::default()),
            link: Mutex::new(Some(link)),
            log,
            begun: Instant::now(),
            thread: thread_ident(),
            native: native_id(),
            turn,
            interrupted: AtomicU8::new(0),
            inside: GilCell::new(false),
        })
    }

    /// The start of an application that a request waits for: what is printed meanwhile goes to that request's log.
    pub fn of_start(interpreter: Arc<Interpreter>, script: &[u8], log: Arc<RequestLog>) -> Arc<Self> {
        Self::new(interpreter, script, None, Box::<Nobody>::default(), log, None)
    }

    /// Nothing more comes of it, for it has lasted too long. A thread that is at the link just now comes to its end.
    pub fn give_up(&self) {
        if let Some(mut link) = self.try_lock()
            && let Some(link) = link.as_mut()
        {
            link.late();
        }
    }

    /// How long it has been here.
    pub fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Ident of the thread that serves it.
    pub fn thread(&self) -> u64 {
        self.thread
    }

    /// The number by which the system knows that thread.
    pub fn native_thread(&self) -> u64 {
        self.native
    }

    /// Its thread is made to raise, so that others get on.
    pub fn set_interrupted(&self, why: Option<Interrupt>) {
        self.interrupted.store(why.map_or(0, |why| why as u8), Ordering::SeqCst);
    }

    /// See [`Call::set_interrupted`].
    pub fn was_interrupted(&self) -> Option<Interrupt> {
        match self.interrupted.load(Ordering::SeqCst) {
            0 => None,
            1 => Some(Interrupt::ImportDeadlock),
            _ => Some(Interrupt::Timeout),
        }
    }

    /// The next of the application's first requests may have its turn: this one has sent its headers, or waits for its
    /// client.
    pub fn give_turn(&self) {
        if let Some(turn) = &self.turn {
            turn.give();
        }
    }

    /// The request has ended, and imported something or not.
    pub fn end_turn(&self, imported: bool) {
        if let Some(turn) = &self.turn {
            turn.end(imported);
        }
    }

    fn lock(&self) -> Locked<'_> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The link, unless another thread of the application is at it. After a panic in the middle of its work, which
    /// poisons the lock, it is used as before.
    pub fn try_lock(&self) -> Option<Locked<'_>> {
        match self.link.try_lock() {
            Ok(link) => Some(link),
            Err(TryLockError::Poisoned(link)) => Some(link.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Waits, without the GIL, until no other thread is at the link. One may be again when this returns.
    pub fn wait(&self, py: Py<'_>) {
        py.detached(|| drop(self.lock()));
    }

    /// Something that does not block, with the GIL held. Raises RuntimeError when the request is over.
    pub fn quick<T>(
        &self,
        py: Py<'_>,
        name: &str,
        work: impl FnOnce(&mut dyn Link) -> T,
    ) -> Result<T, Raised> {
        loop {
            if let Some(mut link) = self.try_lock() {
                let done = link.as_mut().map(|link| work(&mut **link));
                return done.ok_or_else(|| after_request(py, name));
            }
            self.wait(py);
        }
    }

    /// Something that may block, without the GIL.
    pub fn blocking<T: Send>(
        &self,
        py: Py<'_>,
        name: &str,
        work: impl FnOnce(&mut dyn Link) -> T + Send,
    ) -> Result<T, Raised> {
        self.give_turn();
        py.detached(|| self.lock().as_mut().map(|link| work(&mut **link)))
            .ok_or_else(|| after_request(py, name))
    }

    /// As [`Call::blocking`], for a thread that is detached already; `None` when the request is over.
    pub fn detached_link<T>(&self, work: impl FnOnce(&mut dyn Link) -> T) -> Option<T> {
        self.lock().as_mut().map(|link| work(&mut **link))
    }

    /// The request is over.
    pub fn is_closed(&self) -> bool {
        // A lock that is held means that a thread uses the link: it is there.
        match self.link.try_lock() {
            Ok(link) => link.is_none(),
            Err(TryLockError::Poisoned(link)) => link.into_inner().is_none(),
            Err(TryLockError::WouldBlock) => false,
        }
    }

    /// Ends the request for everyone who still holds it; waits for threads that use it. Not attached.
    pub fn close(&self) {
        self.lock().take();
    }

    /// Writes one line to the request's log; to the server's when the request is over.
    pub fn log(&self, level: Level, line: &[u8]) {
        self.log.line(level, line);
    }

    /// Writes a message of the catalogue to the request's log.
    pub fn message(&self, message: Message, text: impl std::fmt::Display) {
        self.log(message.level(), format!("{message}: {text}").as_bytes());
    }

    /// Counts this request among the running ones of the process until the answer is dropped.
    pub fn run(self: &Arc<Self>) -> Running<'_> {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).insert(thread_number(), self.clone());
        if IDLE.load(Ordering::SeqCst) && IDLE.swap(false, Ordering::SeqCst) {
            startup::requests_come();
        }
        Running(self)
    }

    /// No request is running; the next one calls [`startup::requests_come`].
    pub fn none_runs() -> bool {
        IDLE.store(true, Ordering::SeqCst);
        let none = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        if !none {
            IDLE.store(false, Ordering::SeqCst);
        }
        none
    }

    /// The requests that are running now.
    pub fn running() -> Vec<Arc<Call>> {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The request that the calling thread serves.
    pub fn current() -> Option<Arc<Call>> {
        CURRENT.with_borrow(Option::clone)
    }

    /// Runs `work` with `call` as the calling thread's request: what it prints goes to that request's log.
    pub fn current_while<T>(call: Option<Arc<Call>>, work: impl FnOnce() -> T) -> T {
        struct Restore(Option<Arc<Call>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.replace(self.0.take());
            }
        }
        let _restore = Restore(CURRENT.replace(call));
        work()
    }
}

/// A request is running. When this is dropped it is over, also when a panic ends it: the call is closed, and nothing may
/// use its link any more.
pub struct Running<'a>(&'a Call);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&thread_number());
        self.0.give_turn();
        self.0.close();
    }
}

/// `start_response() called after request completed`
pub fn after_request(py: Py<'_>, name: &str) -> Raised {
    Problem::Runtime.raise(py, format_args!("{name}() called after request completed"))
}
