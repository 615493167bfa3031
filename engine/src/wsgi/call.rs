//! One request through a WSGI application, and the parts of it that Python may keep for longer than the request.

use super::answer::Answer;
use super::watched::Watched;
use crate::python::{InterpreterCell, Problem, Py, Raised};
use crate::requests::{self, ActiveRequest, Link};
use crate::runtime::{Interpreter, Output};
use crate::startup::{Cause, Turn};
use once_cell::sync::OnceCell;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use wire::abi::ReadError;

/// A request of WSGI: an [`ActiveRequest`], and what is known of its answer.
pub struct Call {
    active: Arc<ActiveRequest>,
    /// The body's declared length.
    pub length: Option<u64>,
    /// Status, headers and what was sent.
    pub answer: InterpreterCell<Answer>,
    /// The last error of reading the body.
    pub read_error: InterpreterCell<Option<ReadError>>,
    /// The client has gone: nothing more can be sent.
    pub gone: InterpreterCell<bool>,
    /// `close()` of the iterable raised, which is logged and changes nothing for the client.
    pub close_raised: InterpreterCell<bool>,
    /// Its events are published.
    pub watched: InterpreterCell<Option<Watched>>,
    /// The script was loaded again for it, which its thread waited for.
    loaded_again: AtomicBool,
    /// What it has raised is told to the client.
    tells: AtomicBool,
    /// What it has raised.
    raised: OnceCell<Cause>,
    /// The request's turn among the first requests of the application.
    turn: Option<Turn>,
}

impl Deref for Call {
    type Target = ActiveRequest;

    fn deref(&self) -> &ActiveRequest {
        &self.active
    }
}

impl Call {
    /// A request that has just arrived.
    pub fn new(
        interpreter: Arc<Interpreter>,
        length: Option<u64>,
        link: Box<dyn Link>,
        output: Arc<Output>,
        turn: Option<Turn>,
    ) -> Arc<Self> {
        let owner = interpreter.id();
        Arc::new(Self {
            active: ActiveRequest::new(interpreter, output, link),
            length,
            answer: InterpreterCell::new(owner, Answer::default()),
            read_error: InterpreterCell::new(owner, None),
            gone: InterpreterCell::new(owner, false),
            close_raised: InterpreterCell::new(owner, false),
            watched: InterpreterCell::new(owner, None),
            loaded_again: AtomicBool::new(false),
            tells: AtomicBool::new(false),
            raised: OnceCell::new(),
            turn,
        })
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

    /// What it raises is to be told to the client.
    pub fn tell(&self) {
        self.tells.store(true, Ordering::Relaxed);
    }

    /// It has raised something, or has no application, if somebody is to be told.
    pub fn raise(&self, cause: impl FnOnce() -> Cause) {
        if self.tells.load(Ordering::Relaxed) {
            let _ = self.raised.set(cause());
        }
    }

    /// What it has raised, if that is to be told.
    pub fn raised(&self) -> Option<&Cause> {
        self.raised.get()
    }

    /// The script is loaded again, which the request waits for.
    pub fn load_again(&self) {
        self.loaded_again.store(true, Ordering::Relaxed);
    }

    /// [`Call::load_again`] was called.
    pub fn was_loaded_again(&self) -> bool {
        self.loaded_again.load(Ordering::Relaxed)
    }

    /// Something that does not block, with the GIL held. Raises RuntimeError when the request is over.
    pub fn quick<T>(
        &self,
        py: Py<'_>,
        name: &str,
        work: impl FnOnce(&mut dyn Link) -> T,
    ) -> Result<T, Raised> {
        self.attached_link(py, work).ok_or_else(|| after_request(py, name))
    }

    /// Something that may block, without the GIL. Raises RuntimeError when the request is over.
    pub fn blocking<T: Send>(
        &self,
        py: Py<'_>,
        name: &str,
        work: impl FnOnce(&mut dyn Link) -> T + Send,
    ) -> Result<T, Raised> {
        self.give_turn();
        let counts = self.watched.borrow(py).as_ref().map(|watched| watched.counts.clone());
        let (done, end) = py.detached(|| (self.detached_link(work), counts.is_some().then(Instant::now)));
        if let (Some(counts), Some(end)) = (counts, end) {
            counts.waited(end);
        }
        done.ok_or_else(|| after_request(py, name))
    }

    /// Counts this request among the running ones of the process until the answer is dropped.
    pub fn run(&self) -> Running<'_> {
        Running { call: self, _active: self.active.run() }
    }
}

/// A request is running, until this is dropped; also when a panic ends it.
pub struct Running<'a> {
    call: &'a Call,
    _active: requests::Running,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.call.give_turn();
    }
}

/// `start_response() called after request completed`
pub fn after_request(py: Py<'_>, name: &str) -> Raised {
    Problem::Runtime.raise(py, format_args!("{name}() called after request completed"))
}
