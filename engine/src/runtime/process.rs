//! The Python of this process, once it runs.
#![forbid(unsafe_code)]

use super::forks;
use super::gate::gate;
use super::interpreter::{Fit, Interpreter};
use super::interpreters::{InterpreterName, Interpreters};
use super::loader::{Loader, PYTHON_MAIN};
use super::settings::Settings;
use crate::python::{InterpreterState, Py, delete_states_of_this_thread};
use once_cell::sync::OnceCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What there is of Python in this process.
pub struct Runtime {
    /// What the configuration says.
    pub settings: Settings,
    /// The interpreters of this process.
    pub interpreters: Interpreters,
    /// The queue of python-main.
    pub loader: Loader,
    /// When Python ran, microseconds.
    ran: i64,
}

static RUNTIME: OnceCell<Runtime> = OnceCell::new();

/// The runtime, once Python runs.
pub fn get() -> Option<&'static Runtime> {
    RUNTIME.get()
}

/// Prepares the main interpreter and serves python-main's queue until the process ends. `ready` is called once, before
/// the first task. On python-main, attached to the main interpreter, which it is still when this returns an error.
pub fn run(
    py: Py<'_>,
    settings: Settings,
    fit: Fit,
    ready: impl FnOnce(&'static Runtime) -> Result<(), String> + Send,
) -> Result<(), String> {
    let main = InterpreterState::main(py);
    forks::watch_forks(!settings.process.daemon);
    py.detached(move || {
        let main = Interpreter::prepare(main, &InterpreterName::new(b"", 0), &settings, fit)?;
        let runtime = Runtime {
            interpreters: Interpreters::new(main.clone(), settings.clone(), fit),
            settings,
            loader: Loader::default(),
            ran: os::monotonic(),
        };
        RUNTIME.set(runtime).map_err(|_| "Python was started twice".to_owned())?;
        let runtime = RUNTIME.get().ok_or("Python was not started")?;
        ready(runtime)?;
        runtime.loader.work(PYTHON_MAIN, &main)
    })
}

impl Runtime {
    /// What Python's own start took.
    pub fn python_took(&self) -> Duration {
        Duration::from_micros((self.ran - self.settings.process.begun).try_into().unwrap_or(0))
    }
}

/// This process is a copy that the application forked of the one in which Python was started.
pub fn is_copy() -> bool {
    forks::is_copy()
}

/// Ends a copy of the process that the application has forked, with this status.
pub fn leave_copy(status: i32) -> ! {
    os::end(status)
}

static STOP_ASKED: AtomicBool = AtomicBool::new(false);

/// The process is about to be told to end, by an exception.
pub fn ask_to_stop() {
    STOP_ASKED.store(true, Ordering::SeqCst);
}

/// [`ask_to_stop`] was called.
pub fn is_stop_asked() -> bool {
    STOP_ASKED.load(Ordering::SeqCst)
}

/// Microseconds of the clock that nobody sets.
pub fn clock() -> i64 {
    os::monotonic()
}

/// Waits until the main interpreter's GIL is to be had, and does something with it. `None`: the interpreter has ended.
pub fn visit_main<T>(work: impl FnOnce(Py<'_>) -> T) -> Option<T> {
    RUNTIME.get()?.interpreters.main().visit(work)
}

/// The calling thread is about to end.
pub fn thread_exit() {
    if let Some(_inside) = gate().enter() {
        delete_states_of_this_thread();
    }
}
