//! The end of a process: no request comes in, those inside finish, exit functions run, and then nothing runs Python.

use super::loader::Task;
use super::{GATE, RUNTIME, lock, watch};
use crate::host;
use crate::wsgi::Call;
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};
use wire::door::Ended;
use wire::{Level, message};

/// Of the time there is, what exit functions may have for themselves when requests take the rest.
const FOR_EXIT_FUNCTIONS: Duration = Duration::from_millis(1500);

/// What a script that is being loaded may still have when no request waits for it.
const FOR_A_SCRIPT_TO_LOAD: Duration = Duration::from_millis(100);

/// What exit functions have in a process that is told to end while it starts.
const FOR_THOSE_OF_A_START: Duration = Duration::from_millis(600);

/// A start no older than this is in its usual course.
const YOUNG: Duration = Duration::from_secs(5);

/// What the end is at, and in which interpreter.
enum Step {
    ExitFunctions(String),
    TakingDown(String),
}

static ENDING: Mutex<Option<Step>> = Mutex::new(None);

/// Ends Python within `limit`. Not attached.
pub fn stop(limit: Duration) -> Ended {
    let begun = Instant::now();
    let until = begun + limit;
    let running = GATE.close(until.checked_sub(FOR_EXIT_FUNCTIONS).unwrap_or(until));
    for call in Call::running() {
        let (script, waited) = (String::from_utf8_lossy(&call.script), call.age().as_secs_f64());
        let text = format!(
            "the process ends while this request of '{script}' is still running, after {waited:.1} s"
        );
        call.message(message::REQUEST_CUT, text);
    }
    let Some(runtime) = RUNTIME.get() else { return Ended { running: running as u32, quiet: true } };
    runtime.registry.finish_all();
    let (reply, ended) = sync_channel(1);
    let loading = watch::current();
    let (mut until, mut rest) = (until, until.saturating_duration_since(Instant::now()));
    if loading.is_some() && running == 0 {
        // Nobody waits for that script any more.
        rest = rest.min(FOR_A_SCRIPT_TO_LOAD);
        until = until.min(Instant::now() + rest + FOR_THOSE_OF_A_START);
    }
    runtime.loader.send(Task::End { until, whole: running == 0, reply });
    let mut threads_left = ended.recv_timeout(rest).ok();
    if threads_left.is_none() && loading.is_some() && watch::current().is_none() {
        // It was loaded in the last moment: exit functions have begun to run.
        threads_left = ended.recv_timeout(until.saturating_duration_since(Instant::now())).ok();
    }
    if threads_left.is_none() {
        // A process that is told to end while it starts is nothing to worry about.
        let young = loading.as_ref().is_some_and(|attempt| attempt.age() < YOUNG);
        let level = if young { Level::Info } else { message::EXIT_SKIPPED.level() };
        let (level, text, have) = match (&*lock(&ENDING), loading) {
            (Some(Step::ExitFunctions(context)), _) => {
                (level, format!("an exit function of {context} has not ended"), "not every exit function has")
            }
            // Nothing of an application is left to do.
            (Some(Step::TakingDown(context)), _) => {
                (Level::Info, format!("{context} is still being taken down"), "all exit functions have")
            }
            (None, Some(attempt)) => {
                let text = format!("'{}' is still being loaded", attempt.app.shown());
                (level, text, "not every exit function has")
            }
            (None, None) => {
                (level, "Python's main thread does not answer".into(), "not every exit function has")
            }
        };
        let number = message::EXIT_SKIPPED;
        host::log(level, format!("{number}: the process ends while {text}; {have} run").as_bytes());
    }
    Ended { running: running as u32, quiet: running == 0 && threads_left == Some(false) }
}

/// On python-main, not attached: every interpreter's exit functions, the main one's last. Answers whether threads of
/// applications are left. Interpreters are ended only if the process's part of Python is `whole`: no request is inside.
pub(super) fn end_all(until: Instant, whole: bool) -> bool {
    let Some(runtime) = RUNTIME.get() else { return false };
    let mut interpreters = runtime.interpreters.all();
    interpreters.sort_by_key(|interpreter| interpreter.name().is_empty());
    let mut left = runtime.loader.hung();
    let mut quiet = Vec::new();
    let count = interpreters.len();
    for (index, interpreter) in interpreters.into_iter().enumerate() {
        *lock(&ENDING) = Some(Step::ExitFunctions(interpreter.context()));
        let rest = until.saturating_duration_since(Instant::now());
        let rest = rest.saturating_sub(Duration::from_millis(200).min(rest / 4));
        // Threads of one interpreter that do not end must not cost the others their time.
        let share = rest / (count - index) as u32;
        let threads = interpreter.attach(|py| interpreter.run_exit_functions(py, share.as_secs_f64()));
        if super::is_copy() {
            // An exit function has forked, and this is the copy: it ends behind that function.
            super::leave_copy(0);
        }
        if threads.is_empty() {
            quiet.push(interpreter);
            continue;
        }
        left = true;
        let text = format!("threads of {} are still running: {}", interpreter.context(), threads.join(", "));
        host::message(message::THREADS_LEFT, text);
        host::message(message::INTERPRETER_LEFT, format_args!("{} is not taken down", interpreter.context()));
    }
    // When all exit functions have run: modules that several interpreters share go with the first that is ended.
    for interpreter in quiet {
        let context = interpreter.context();
        *lock(&ENDING) = Some(Step::TakingDown(context.clone()));
        let wanted = whole && !interpreter.name().is_empty() && Instant::now() < until;
        if !wanted || !interpreter.end_if_alone() {
            host::message(message::INTERPRETER_LEFT, format_args!("{context} is not taken down"));
        }
    }
    *lock(&ENDING) = None;
    left
}
