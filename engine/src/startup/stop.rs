//! The end of a process: no request comes in, those inside finish, exit functions run, and then nothing runs Python.

use super::applications;
use super::current::current;
use crate::host;
use crate::requests::ActiveRequest;
use crate::runtime::ending::{self, Step};
use crate::runtime::gate;
use std::time::{Duration, Instant};
use wire::abi::Ended;
use wire::{Level, message};

/// Of the time there is, what exit functions may have for themselves when requests take the rest.
const FOR_EXIT_FUNCTIONS: Duration = Duration::from_millis(1500);

/// What a script that is being loaded may still have when no request waits for it.
const FOR_A_SCRIPT_TO_LOAD: Duration = Duration::from_millis(100);

/// What exit functions have in a process that is told to end while it starts.
const FOR_THOSE_OF_A_START: Duration = Duration::from_millis(600);

/// A start no older than this is in its usual course.
const YOUNG: Duration = Duration::from_secs(5);

/// The process ends at once, which is no death of whatever it starts.
pub fn leave() {
    if let Some(applications) = applications::get() {
        applications.registry.finish_all();
    }
}

/// Ends Python within `limit`, for this reason, which only applications are told. Not attached.
pub fn stop(limit: Duration, reason: &'static str) -> Ended {
    let begun = Instant::now();
    if let Some(applications) = applications::get() {
        ending::announce(applications.runtime, reason);
    }
    let until = begun + limit;
    let running = gate().close(until.checked_sub(FOR_EXIT_FUNCTIONS).unwrap_or(until));
    for request in ActiveRequest::running() {
        let (script, waited) = (wire::shown(request.script()), request.age().as_secs_f64());
        let text =
            format!("the process ends while this request of '{script}' is still running after {waited:.1} s");
        request.message(message::REQUEST_CUT, text);
    }
    let Some(applications) = applications::get() else {
        return Ended { running: running as u32, quiet: true };
    };
    applications.registry.finish_all();
    let loading = current();
    let (mut until, mut rest) = (until, until.saturating_duration_since(Instant::now()));
    if loading.is_some() && running == 0 {
        // Nobody waits for that script any more.
        rest = rest.min(FOR_A_SCRIPT_TO_LOAD);
        until = until.min(Instant::now() + rest + FOR_THOSE_OF_A_START);
    }
    let ended = ending::begin(applications.runtime, reason, until, running == 0);
    let mut threads_left = ended.recv_timeout(rest).ok();
    if threads_left.is_none() && loading.is_some() && current().is_none() {
        // It was loaded in the last moment: exit functions have begun to run.
        threads_left = ended.recv_timeout(until.saturating_duration_since(Instant::now())).ok();
    }
    if threads_left.is_none() {
        // A process that is told to end while it starts is nothing to worry about.
        let young = loading.as_ref().is_some_and(|attempt| attempt.age() < YOUNG);
        let level = if young { Level::Info } else { message::EXIT_SKIPPED.level() };
        let (level, text, have) = match (ending::step(), loading) {
            (Some(Step::Publishing(context)), _) => {
                let text = format!("a callback for process_stopping in {context} has not returned");
                (message::EXIT_SKIPPED.level(), text, "no exit function has")
            }
            (Some(Step::ExitFunctions(context)), _) => {
                (level, format!("an exit function of {context} has not ended"), "not every exit function has")
            }
            // Nothing of an application is left to do.
            (Some(Step::TakingDown(context)), _) => {
                (Level::Info, format!("{context} is still being shut down"), "all exit functions have")
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
