//! The end of an attempt: what it means for requests, for other processes and for whoever reads the log.

use super::app::{App, NextInterpreter, State};
use super::attempt::Attempt;
use super::deaths::Buried;
use super::failure::Failure;
use super::interpreter::Interpreter;
use super::record::{Cause, Record, Verdict, Watched};
use super::registry::Claim;
use super::{advice, lock, os};
use crate::host;
use std::time::Duration;
use wire::{Message, message as msg};

/// Longest time between two attempts.
pub(super) const LONGEST_DELAY: Duration = Duration::from_secs(60);

impl Attempt {
    /// It has ended in time.
    pub(super) fn end(&self, done: Result<(), Box<Failure>>) {
        match done {
            Ok(()) => {
                self.say_loaded();
                self.prove();
            }
            Err(failure) => self.failed(&failure),
        }
    }

    /// It has ended after its time; `counts`: no other was made since.
    pub(super) fn end_late(&self, done: Result<(), Box<Failure>>, counts: bool) {
        match done {
            Ok(()) if counts => {
                self.say_loaded();
                let seconds = self.age().as_secs_f64();
                let text = format!(
                    "the start of '{}' that had timed out has ended well: raise WSGIStartupTimeout above {seconds:.0} s",
                    self.app.shown(),
                );
                self.say(msg::START_LATE, text);
                self.prove();
            }
            Ok(()) => {}
            // The verdict stands, but why is of interest.
            Err(failure) => {
                let text = format!(
                    "the start of '{}' that had timed out has failed: {}",
                    self.app.shown(),
                    failure.cause.summary()
                );
                self.say(msg::START_LATE, text);
                self.log_lines(msg::START_LATE, failure.cause.trace);
            }
        }
    }

    /// It serves: so all processes may start it.
    fn prove(&self) {
        let claim = lock(&self.claim).take().unwrap_or_else(Claim::none);
        let proven = Record { verdict: Verdict::Proven, ..Record::default() };
        self.runtime.registry.conclude(self.key(), claim, |_| proven);
        self.app.inner().next_interpreter = NextInterpreter::Group;
        self.app.first.close();
        self.app.leave(self.serial, State::Ready);
    }

    /// It begins: in the words that mod_wsgi has for it, which people look for in logs.
    pub(super) fn say_loading(&self, interpreter: &Interpreter) {
        let verb = if self.app.serving().is_some() { "Reloading" } else { "Loading" };
        let (script, context) = (self.app.shown(), interpreter.context());
        self.say(msg::SCRIPT_LOADING, format_args!("{verb} WSGI script '{script}' into {context}."));
    }

    fn say_loaded(&self) {
        let times = *lock(&self.times);
        let ms = |time: Duration| time.as_millis();
        let total = times.lock + times.interpreter + times.import + times.warm_up;
        let failed = self.before.get().map_or(0, |(record, _)| record.attempts);
        let attempt = if failed > 0 { format!(" (attempt {})", failed + 1) } else { String::new() };
        let context = self.app.serving().map_or_else(String::new, |serving| serving.interpreter.context());
        let text = format!(
            "loaded '{}' into {context} in {} ms (python {} ms, lock {} ms, interpreter {} ms, import {} ms, warm-up \
             {} ms){attempt}",
            self.app.shown(),
            ms(total),
            ms(self.runtime.python_took()),
            ms(times.lock),
            ms(times.interpreter),
            ms(times.import),
            ms(times.warm_up),
        );
        self.say(msg::SCRIPT_LOADED, text);
    }

    fn failed(&self, failure: &Failure) {
        let settings = &self.runtime.settings;
        if settings.daemon && settings.threads == 0 && failure.number == msg::PRELOAD_EXITED {
            // A service ends as it likes.
            let asked = super::is_stop_asked();
            let level = if asked { wire::Level::Info } else { failure.number.level() };
            let text = format!("{}: {} ({})", failure.number, failure.what, failure.cause.summary());
            host::log(level, text.as_bytes());
            self.app.leave(self.serial, State::Failed);
            return;
        }
        let record = self.conclude(&failure.cause, failure.watched.clone());
        let took = lock(&self.times).import;
        if self.runtime.settings.daemon
            && record.attempts > 1
            && record.cause.summary() == failure.cause.summary()
        {
            // It has been told in full, by another process.
            let seconds = delay(record.attempts).as_secs();
            let cause = if failure.says_all() { String::new() } else { record.cause.summary() + " " };
            let text = format!(
                "{} once more, as before: {cause}(id {:08x}, attempt {}, pid {}; next attempt in {seconds} s)",
                failure.what,
                record.id,
                record.attempts,
                std::process::id(),
            );
            self.say(failure.number, text);
            self.app.inner().next_interpreter = failure.next_interpreter;
            self.app.leave(self.serial, State::Failed);
            return;
        }
        let mut lines = vec![format!(
            "{}: {} (id {:08x}, attempt {}, pid {}, after {} ms; next attempt in {} s, or as soon as one of its files \
             changes)",
            failure.number,
            failure.what,
            record.id,
            record.attempts,
            std::process::id(),
            took.as_millis(),
            delay(record.attempts).as_secs(),
        )];
        let cause = &failure.cause;
        if cause.trace.is_empty() && !failure.says_all() {
            lines.push(cause.summary());
        }
        lines.extend(cause.trace.iter().cloned());
        let main = self.app.group.is_empty();
        if let Some(advice) = advice::advice(&cause.class, &cause.text, &cause.trace, main) {
            lines.push(format!("{}: what to do: {advice}", msg::ADVICE));
        }
        self.log_lines(failure.number, lines);
        self.app.inner().next_interpreter = failure.next_interpreter;
        self.app.leave(self.serial, State::Failed);
    }

    fn log_lines(&self, number: Message, lines: Vec<String>) {
        for line in lines {
            match &self.log {
                Some(log) => log.line(number.level(), line.as_bytes()),
                None => host::log(number.level(), line.as_bytes()),
            }
        }
    }

    /// Its time is over.
    pub(super) fn timed_out(&self) -> Record {
        let limit = self.runtime.settings.startup_timeout.as_secs_f64();
        let text = format!("it has not started within {limit} s (WSGIStartupTimeout)");
        let cause = Cause { class: "StartTimeout".into(), text, trace: Vec::new() };
        self.conclude(&cause, vec![self.app.shown().into_owned()])
    }

    /// Its time is over, and requests know it already.
    pub(super) fn say_timed_out(&self, record: &Record) {
        let limit = self.runtime.settings.startup_timeout.as_secs_f64();
        let text = format!(
            "'{}' has not started within {limit} s (WSGIStartupTimeout; id {:08x}, attempt {}); its thread is left alone, \
             and the stacks of all threads follow",
            self.app.shown(),
            record.id,
            record.attempts,
        );
        self.say(msg::START_TIMEOUT, text);
    }

    pub(super) fn say_waiting(&self, waited: Duration) {
        let holders = self.runtime.registry.holders();
        let holders: Vec<String> = holders
            .iter()
            .map(|holder| {
                let since = os::now().saturating_sub(holder.since) as f64 / 1e6;
                format!("pid {} is loading '{}' since {since:.0} s", holder.pid, holder.what)
            })
            .collect();
        let text = format!(
            "'{}' has waited {:.0} s for the startup lock: {}",
            self.app.shown(),
            waited.as_secs_f64(),
            holders.join(", ")
        );
        self.say(msg::LOCK_WAIT, text);
    }

    /// Writes the failure down for all processes. The first cause stays until something changes, and the number as long
    /// as the script does.
    fn conclude(&self, cause: &Cause, watched: Vec<String>) -> Record {
        let watched = watched.into_iter().map(Watched::new).collect();
        let claim = lock(&self.claim).take().unwrap_or_else(Claim::none);
        self.runtime.registry.conclude(self.key(), claim, |now| {
            // It may have failed in another process at the same time, where it was proven before.
            let (before, changed) =
                self.before.get().map_or((now, false), |(before, changed)| (before, *changed));
            let known = if before.verdict == Verdict::Failed { before } else { now };
            let again = known.verdict == Verdict::Failed;
            let attempts = if again { known.attempts.saturating_add(1) } else { 1 };
            Record {
                verdict: Verdict::Failed,
                id: if known.id != 0 { known.id } else { fresh_id(self.key()) },
                attempts,
                next: os::now() + delay(attempts).as_micros() as i64,
                said: os::now(),
                cause: if again && !changed && !known.is_deadly() {
                    known.cause.clone()
                } else {
                    cause.clone()
                },
                watched,
                ..Record::default()
            }
        })
    }
}

/// The short line on an application that is down.
pub fn say_short(app: &App, record: &Record) {
    let rest = ((record.next - os::now()).max(0) as u64).div_ceil(1_000_000);
    host::message(
        msg::NOT_STARTED,
        format_args!(
            "'{}' cannot be started (id {:08x}, attempt {}): {}; next attempt in {rest} s",
            app.shown(),
            record.id,
            record.attempts,
            record.cause.summary(),
        ),
    );
}

/// Processes have died at the start of an application.
pub fn say_buried(app: &App, buried: &Buried, daemon: bool) {
    let Buried { record, pids } = buried;
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    let (pids, shown, id) = (pids.join(", "), app.shown(), record.id);
    if record.is_deadly() {
        let rest = ((record.next - os::now()).max(0) as u64).div_ceil(1_000_000);
        let text = format!(
            "'{shown}' is held apart: {} (pid {pids}; id {id:08x}, attempt {}); the others start without it, and it is \
             tried again in {rest} s, in a process that nobody waits for, or as soon as one of its files changes",
            record.cause.text, record.attempts
        );
        host::message(msg::HELD_APART, text);
    } else if !daemon {
        // Of a process of a group the supervisor has said so.
        let text = format!("process {pids} died while it started '{shown}' ({} in a row)", record.deaths);
        host::message(msg::DIED_AT_START, text);
    }
}

/// Time from a failed attempt to the next: 1, 2, 4 … 60 s.
pub fn delay(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.saturating_sub(1).min(6)).min(LONGEST_DELAY)
}

/// A number that a person can look for in the log.
pub fn fresh_id(key: u64) -> u32 {
    let mixed = key ^ (os::now() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(std::process::id());
    ((mixed >> 32) as u32 ^ mixed as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_ever_more_slowly() {
        let delays: Vec<u64> = (1..=9).map(|attempts| delay(attempts).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
