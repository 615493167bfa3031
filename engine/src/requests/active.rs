//! A request that is being served, as far as the process has to know of it, whatever its protocol.

use super::about::About;
use super::link::Link;
use super::named::Named;
use crate::metrics::{Arrival, Live};
use crate::python::{Bound, InterpreterCell, Owned, Py, Result, native_id, thread_ident, thread_number};
use crate::runtime::{Interpreter, Output};
use os::lock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError};
use std::time::{Duration, Instant};
use wire::{Level, Message};

/// A request in progress. Objects of the request that Python keeps for longer hold it too, and find it closed.
pub struct ActiveRequest {
    /// The interpreter that serves it.
    pub interpreter: Arc<Interpreter>,
    /// Where its log lines go, and what is printed meanwhile.
    pub output: Arc<Output>,
    /// Code of the application runs for it, which can be interrupted.
    pub inside: InterpreterCell<bool>,
    /// What the application was called with, while it runs.
    pub environ: InterpreterCell<Option<Owned>>,
    /// The name under which it stands in a dict of running requests.
    pub listed: InterpreterCell<Option<Owned>>,
    /// The dict for whatever belongs to the request, once somebody has asked for it.
    data: InterpreterCell<Option<Owned>>,
    link: Mutex<Option<Box<dyn Link>>>,
    /// When the request came here, and the thread that serves it.
    begun: Instant,
    thread: u64,
    native: u64,
    named: OnceLock<Named>,
    /// What it is, where that is of interest.
    about: OnceLock<About>,
    /// What is counted of it, if it is recorded.
    live: OnceLock<(Arc<Live>, Arrival)>,
    /// `mod_wsgi.thread_id`
    number: usize,
    /// It is slow, which was noticed.
    slow: AtomicBool,
    /// Why the request has been interrupted: an [`Interrupt`], or 0.
    interrupted: AtomicU8,
}

/// Why a request is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Interrupt {
    /// The request waits for an import that makes no progress.
    ImportDeadlock = 1,
    /// The request has lasted longer than it may.
    Timeout = 2,
}

/// The link while it is used; `None` when the request is over.
pub type Locked<'a> = MutexGuard<'a, Option<Box<dyn Link>>>;

impl ActiveRequest {
    /// A request that has just arrived, on the thread that serves it.
    pub fn new(interpreter: Arc<Interpreter>, output: Arc<Output>, mut link: Box<dyn Link>) -> Arc<Self> {
        link.running();
        Arc::new(Self {
            inside: InterpreterCell::new(interpreter.id(), false),
            environ: InterpreterCell::new(interpreter.id(), None),
            listed: InterpreterCell::new(interpreter.id(), None),
            data: InterpreterCell::new(interpreter.id(), None),
            interpreter,
            output,
            link: Mutex::new(Some(link)),
            begun: Instant::now(),
            thread: thread_ident(),
            native: native_id(),
            named: OnceLock::new(),
            about: OnceLock::new(),
            live: OnceLock::new(),
            number: thread_number(),
            slow: AtomicBool::new(false),
            interrupted: AtomicU8::new(0),
        })
    }

    /// Path of the script.
    pub fn script(&self) -> &[u8] {
        &self.output.script
    }

    /// Writes one line to the request's log; to the server's when the request is over.
    pub fn log(&self, level: Level, line: &[u8]) {
        self.output.log(level, line);
    }

    /// Writes a message of the catalogue to the request's log.
    pub fn message(&self, message: Message, text: impl std::fmt::Display) {
        self.output.message(message, text);
    }

    /// The dict for whatever belongs to the request, the same one for all who ask. Attached to its interpreter.
    pub fn data<'py>(&self, py: Py<'py>) -> Result<Bound<'py>> {
        let fresh = Bound::dict(py)?;
        Ok(self.data.borrow(py).get_or_insert_with(|| fresh.keep()).get(py).clone())
    }

    /// Lets go of the objects that belong to the request. Attached to its interpreter.
    pub fn release_objects(&self, py: Py<'_>) {
        let objects = [self.environ.take(py), self.data.take(py)];
        objects.into_iter().flatten().for_each(|object| object.release(py));
    }

    /// Puts another link in the place of the one there is, which it is made of.
    pub fn replace_link(&self, make: impl FnOnce(Box<dyn Link>) -> Box<dyn Link>) {
        let mut link = self.lock();
        *link = link.take().map(make);
    }

    /// Nothing more comes of it, for it has lasted too long. A thread that is at the link just now comes to its end.
    pub fn give_up(&self) {
        if let Some(mut link) = self.try_lock()
            && let Some(link) = link.as_mut()
        {
            link.late();
        }
    }

    /// When it came here.
    pub fn begun(&self) -> Instant {
        self.begun
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

    /// Says what the request is called, before it runs.
    pub fn set_named(&self, named: Named) {
        let _ = self.named.set(named);
    }

    /// What the request is called; `None`: it is one of the server's own.
    pub fn named(&self) -> Option<&Named> {
        self.named.get()
    }

    /// Says what the request is, before it runs.
    pub fn set_about(&self, about: About) {
        let _ = self.about.set(about);
    }

    /// What the request is, if it was said.
    pub fn about(&self) -> Option<&About> {
        self.about.get()
    }

    /// Says where it is counted what the request does, before it runs.
    pub fn set_live(&self, live: Arc<Live>, arrival: Arrival) {
        let _ = self.live.set((live, arrival));
    }

    /// What is counted of the request, and when it arrived, if it is recorded.
    pub fn live(&self) -> Option<(&Live, Arrival)> {
        self.live.get().map(|(live, arrival)| (&**live, *arrival))
    }

    /// `mod_wsgi.thread_id` of the thread that serves it.
    pub fn thread_number(&self) -> usize {
        self.number
    }

    /// What the request is for a log line: `GET /path`, and the script.
    pub fn title(&self) -> String {
        let script = wire::shown(self.script());
        match self.about.get() {
            Some(about) => format!("{} of '{script}'", about.title()),
            None => format!("a request of '{script}'"),
        }
    }

    /// The request takes long, and somebody has noticed.
    pub fn set_slow(&self) {
        self.slow.store(true, Ordering::Relaxed);
    }

    /// See [`ActiveRequest::set_slow`].
    pub fn is_slow(&self) -> bool {
        self.slow.load(Ordering::Relaxed)
    }

    /// Notes why the thread of the request is made to raise.
    pub fn set_interrupted(&self, why: Option<Interrupt>) {
        self.interrupted.store(why.map_or(0, |why| why as u8), Ordering::SeqCst);
    }

    /// See [`ActiveRequest::set_interrupted`].
    pub fn was_interrupted(&self) -> Option<Interrupt> {
        match self.interrupted.load(Ordering::SeqCst) {
            0 => None,
            1 => Some(Interrupt::ImportDeadlock),
            _ => Some(Interrupt::Timeout),
        }
    }

    fn lock(&self) -> Locked<'_> {
        lock(&self.link)
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

    /// Something with the link that does not block, with the GIL held; `None` when the request is over.
    pub fn attached_link<T>(&self, py: Py<'_>, work: impl FnOnce(&mut dyn Link) -> T) -> Option<T> {
        loop {
            if let Some(mut link) = self.try_lock() {
                return link.as_mut().map(|link| work(&mut **link));
            }
            self.wait(py);
        }
    }

    /// Something with the link that may block, on a thread that is detached; `None` when the request is over.
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
        let mut link = self.lock();
        self.output.close();
        link.take();
    }
}
