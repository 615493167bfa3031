//! Events of the process, for those who subscribed to them (`_events.py`): that it ends, and that a signal came.
#![forbid(unsafe_code)]

use super::ending;
use super::forks;
use super::interpreter::Interpreter;
use super::process::{self, Runtime};
use crate::python::{Bound, Py, Result, delete_states_of_this_thread};
use os::{Signal, lock};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};

static STOPPING: AtomicBool = AtomicBool::new(false);

/// Tells every interpreter that the process ends, and why, unless that was done; not those whose GIL somebody keeps, which
/// [`stopping_in`] tells. On python-main, not attached.
pub fn stopping(runtime: &Runtime, reason: &str) {
    if STOPPING.swap(true, Ordering::SeqCst) {
        return;
    }
    for interpreter in runtime.interpreters.free_and_kept().0 {
        stopping_in(runtime, &interpreter, reason);
    }
    ending::published();
}

/// Tells an interpreter, unless that was done.
pub fn stopping_in(runtime: &Runtime, interpreter: &Interpreter, reason: &str) {
    if interpreter.is_told_of_end.swap(true, Ordering::SeqCst) || runtime.settings.process.is_service() {
        return;
    }
    ending::publishing(interpreter);
    interpreter.visit(|py| {
        publish(py, interpreter, "process_stopping", |event| {
            event.dict_set(&Bound::str(py, "shutdown_reason")?, &Bound::str(py, reason)?)
        });
    });
    if forks::is_copy() {
        // A callback has forked, and this is the copy: it ends behind that callback.
        os::end(0);
    }
}

/// What hands signals to the thread that tells of them.
static SIGNALS: Mutex<Option<Sender<Signal>>> = Mutex::new(None);

/// Tells every interpreter of a signal, on a thread of its own, one signal after another. Does not wait.
pub fn signal(signal: Signal) {
    let mut sender = lock(&SIGNALS);
    if let Some(sender) = &*sender
        && sender.send(signal).is_ok()
    {
        return;
    }
    let (send, receive) = channel();
    let _ = send.send(signal);
    let body = move || {
        while let Ok(signal) = receive.recv() {
            tell(signal);
            // None of its states may be left when interpreters end.
            delete_states_of_this_thread();
        }
    };
    // Without a thread nobody is told, and the next signal is another try.
    *sender = std::thread::Builder::new().name("wsgi-signals".into()).spawn(body).ok().map(|_| send);
}

fn tell(signal: Signal) {
    let Some(runtime) = process::get() else { return };
    for interpreter in runtime.interpreters.all() {
        interpreter.visit(|py| {
            publish(py, &interpreter, "process_signal", |event| {
                event.dict_set(&Bound::str(py, "signame")?, &Bound::str(py, signal.as_str())?)?;
                event.dict_set(&Bound::str(py, "signum")?, &Bound::int(py, signal as i64)?)
            });
        });
        if forks::is_copy() {
            os::end(0);
        }
    }
}

fn publish<'py>(
    py: Py<'py>,
    interpreter: &Interpreter,
    name: &str,
    fill: impl FnOnce(&Bound<'py>) -> Result<()>,
) {
    let published = Bound::dict(py).and_then(|event| {
        fill(&event)?;
        interpreter.ask(py, c"publish", &[&Bound::str(py, name)?, &event])
    });
    if let Err(raised) = published {
        raised.print(py);
    }
}
