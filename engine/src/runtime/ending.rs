//! The end of Python: exit functions run, interpreters are taken down, and then nothing runs Python.
#![forbid(unsafe_code)]

use super::forks;
use super::interpreter::Interpreter;
use super::loader::Task;
use super::notices;
use super::process::Runtime;
use crate::host;
use crate::python::{Py, keep_gil_for_ever};
use os::lock;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::time::{Duration, Instant};
use wire::message;

/// How long GILs are waited for that are to be kept.
const FOR_THE_GILS: Duration = Duration::from_millis(200);

/// What the end is at, and in which interpreter.
#[derive(Clone, Debug)]
pub enum Step {
    /// Those who subscribed to the end of the process are told.
    Publishing(String),
    /// Exit functions run.
    ExitFunctions(String),
    /// The interpreter is taken down.
    TakingDown(String),
}

static ENDING: Mutex<Option<Step>> = Mutex::new(None);

/// What the end is at; `None`: it has not begun, or is done.
pub fn step() -> Option<Step> {
    lock(&ENDING).clone()
}

/// The subscribers of this interpreter are told.
pub fn publishing(interpreter: &Interpreter) {
    *lock(&ENDING) = Some(Step::Publishing(interpreter.context()));
}

/// All subscribers have been told.
pub fn published() {
    *lock(&ENDING) = None;
}

/// Has python-main tell those who subscribed to the end of the process, as soon as it can, and at the latest when it
/// [ends everything](begin).
pub fn announce(runtime: &'static Runtime, reason: &'static str) {
    runtime.loader.send(Task::Do(Box::new(move |_| notices::stopping(runtime, reason))));
}

/// Has python-main end everything by `until`; the answer is whether threads of applications are left. `whole`: no request
/// is inside, so interpreters may be ended.
pub fn begin(runtime: &'static Runtime, reason: &'static str, until: Instant, whole: bool) -> Receiver<bool> {
    let (reply, ended) = sync_channel(1);
    let end = move || {
        notices::stopping(runtime, reason);
        let left = end_all(runtime, reason, until, whole);
        let _ = reply.send(!keep_own_gils(runtime) || left);
    };
    runtime.loader.send(Task::End(Box::new(end)));
    ended
}

/// Nothing runs any more in interpreters that have a GIL of their own; the others end with python-main, which keeps theirs. False: some may
/// still run.
fn keep_own_gils(runtime: &Runtime) -> bool {
    let (send, kept) = channel();
    let mut count = 0;
    for gil in runtime.interpreters.by_gil().into_iter().skip(1) {
        let send = send.clone();
        let body = move || {
            let keep = |py: Py<'_>| {
                let _ = send.send(());
                keep_gil_for_ever(py)
            };
            if gil[0].visit(keep).is_none() {
                let _ = send.send(());
            }
        };
        let _ = std::thread::Builder::new().name("wsgi-end".into()).spawn(body);
        count += 1;
    }
    let until = Instant::now() + FOR_THE_GILS;
    (0..count).all(|_| kept.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok())
}

/// On python-main, not attached: every interpreter's exit functions, the main one's last, but for those whose GIL somebody keeps. Answers whether threads of
/// applications are left. Interpreters are ended only if the process's part of Python is `whole`: no request is inside.
fn end_all(runtime: &Runtime, reason: &str, until: Instant, whole: bool) -> bool {
    if !runtime.settings.process.destroy_interpreters {
        // What is left of applications is left to the system.
        return true;
    }
    let (mut interpreters, kept) = runtime.interpreters.free_and_kept();
    interpreters.extend(kept);
    let mut left = runtime.loader.hung();
    let mut quiet = Vec::new();
    let count = interpreters.len();
    for (index, interpreter) in interpreters.into_iter().enumerate() {
        notices::stopping_in(runtime, &interpreter, reason);
        *lock(&ENDING) = Some(Step::ExitFunctions(interpreter.context()));
        let rest = until.saturating_duration_since(Instant::now());
        let rest = rest.saturating_sub(Duration::from_millis(200).min(rest / 4));
        // Threads of one interpreter that do not end must not cost the others their time.
        let share = rest / (count - index) as u32;
        let threads = interpreter.attach(|py| interpreter.run_exit_functions(py, share.as_secs_f64()));
        if forks::is_copy() {
            // An exit function has forked, and this is the copy: it ends behind that function.
            os::end(0);
        }
        if threads.is_empty() {
            quiet.push(interpreter);
            continue;
        }
        left = true;
        let text = format!("threads of {} are still running: {}", interpreter.context(), threads.join(", "));
        host::message(message::THREADS_LEFT, text);
        host::message(message::INTERPRETER_LEFT, format_args!("{} is not shut down", interpreter.context()));
    }
    // When all exit functions have run: modules that several interpreters share go with the first that is ended.
    for interpreter in quiet {
        let context = interpreter.context();
        *lock(&ENDING) = Some(Step::TakingDown(context.clone()));
        let wanted = whole && !interpreter.name().is_empty() && Instant::now() < until;
        if !wanted || !interpreter.end_if_alone() {
            host::message(message::INTERPRETER_LEFT, format_args!("{context} is not shut down"));
        }
    }
    *lock(&ENDING) = None;
    left
}
