//! The end of an attempt: what it means for requests, for other processes and for whoever reads the log.

use super::app::{App, Place, State};
use super::attempt::{Attempt, Failure};
use super::board::Claim;
use super::record::{Cause, Record, Verdict, Watched};
use super::space::Space;
use super::{advice, lock, os};
use crate::host;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use wire::message as msg;

/// Longest time between two attempts.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

impl Attempt {
    pub(super) fn succeeded(&self, space: &Arc<Space>, in_time: bool) {
        let times = *lock(&self.times);
        let ms = |time: Duration| time.as_millis();
        let python = self.runtime.python_took();
        let total = times.lock + times.interpreter + times.import + times.warm_up;
        let attempt = if self.number > 1 { format!(" (attempt {})", self.number) } else { String::new() };
        self.say(msg::SCRIPT_LOADED, format_args!(
            "loaded '{}' into {} in {} ms (python {} ms, lock {} ms, interpreter {} ms, import {} ms, warm-up {} ms){attempt}",
            self.app.shown(), space.context(), ms(total), ms(python), ms(times.lock), ms(times.interpreter), ms(times.import), ms(times.warm_up),
        ));
        if !in_time {
            if self.app.inner().state != State::Failed {
                return;
            }
            let text = format!(
                "the start of '{}' that had timed out has ended well: raise WSGIStartupTimeout above {:.0} s",
                self.app.shown(),
                total.as_secs_f64()
            );
            self.say(msg::START_LATE, text);
            // Another attempt may have the claim by now: the verdict is for all the same.
            self.runtime.board.conclude(
                self.key(),
                Claim::none(),
                &Record { verdict: Verdict::Proven, ..Record::default() },
            );
        } else if let Some(claim) = lock(&self.claim).take() {
            self.runtime.board.conclude(
                self.key(),
                claim,
                &Record { verdict: Verdict::Proven, ..Record::default() },
            );
        }
        let mut inner = self.app.inner();
        inner.place = Place::Group;
        drop(inner);
        self.app.first.close();
        self.app.move_to(State::Ready);
    }

    pub(super) fn failed(&self, failure: Failure) {
        let record = self.conclude(&failure.cause, failure.watched);
        let took = lock(&self.times).import;
        let what = format!(
            "{} (id {:08x}, attempt {}, pid {}, after {} ms; next attempt in {} s, or as soon as one of its files changes)",
            failure.what,
            record.id,
            record.attempts,
            std::process::id(),
            took.as_millis(),
            delay(record.attempts).as_secs(),
        );
        let mut lines = vec![format!("{}: {what}", failure.number)];
        if failure.cause.trace.is_empty() {
            lines.push(failure.cause.summary());
        }
        lines.extend(failure.cause.trace.iter().cloned());
        let main = self.app.group.is_empty();
        if let Some(advice) =
            advice::advice(&failure.cause.class, &failure.cause.text, &failure.cause.trace, main)
        {
            lines.push(format!("{}: what to do: {advice}", msg::ADVICE));
        }
        let level = failure.number.level();
        for line in lines {
            match &self.log {
                Some(log) => log.line(level, line.as_bytes()),
                None => host::log(level, line.as_bytes()),
            }
        }
        self.app.inner().place = failure.place;
        self.app.move_to(State::Failed);
    }

    /// A start that had timed out has failed: the verdict stands, but why is of interest.
    pub(super) fn failed_late(&self, failure: &Failure) {
        let text = format!(
            "the start of '{}' that had timed out has failed: {}",
            self.app.shown(),
            failure.cause.summary()
        );
        self.say(msg::START_LATE, text);
        for line in &failure.cause.trace {
            host::log(msg::START_LATE.level(), line.as_bytes());
        }
    }

    /// Its time is over, says the watchdog: false if it has ended in the last moment.
    pub fn time_out(&self) -> bool {
        if self.settled.swap(true, Ordering::SeqCst) {
            return false;
        }
        drop(lock(&self.slot).take());
        let limit = self.runtime.settings.startup_timeout.as_secs_f64();
        let text = format!("it has not started within {limit} s (WSGIStartupTimeout)");
        let cause = Cause { class: "StartTimeout".into(), text, trace: Vec::new() };
        let record = self.conclude(&cause, vec![self.app.shown().into_owned()]);
        let mut inner = self.app.inner();
        inner.hung += 1;
        inner.place = if self.app.group.is_empty() || !self.runtime.spaces.may_make_more() {
            Place::Group
        } else {
            Place::Fresh
        };
        drop(inner);
        self.app.move_to(State::Failed);
        self.say(msg::START_TIMEOUT, format_args!(
            "'{}' has not started within {limit} s (WSGIStartupTimeout; id {:08x}, attempt {}); its thread is left alone, and these are the stacks of all threads:",
            self.app.shown(), record.id, record.attempts,
        ));
        true
    }

    /// Writes the failure down for all processes. The first cause stays until something changes.
    fn conclude(&self, cause: &Cause, watched: Vec<String>) -> Record {
        let again = self.before.verdict == Verdict::Failed;
        let attempts = if again { self.before.attempts + 1 } else { 1 };
        let id = if self.before.id != 0 { self.before.id } else { fresh_id(self.key()) };
        let keep = again && !self.changed;
        let record = Record {
            verdict: Verdict::Failed,
            id,
            attempts,
            next: os::now() + delay(attempts).as_micros() as i64,
            said: os::now(),
            cause: if keep { self.before.cause.clone() } else { cause.clone() },
            watched: watched.into_iter().map(Watched::new).collect(),
        };
        if let Some(claim) = lock(&self.claim).take() {
            self.runtime.board.conclude(self.key(), claim, &record);
        }
        record
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

/// Time from a failed attempt to the next: 1, 2, 4 … 60 s.
fn delay(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.saturating_sub(1).min(6)).min(LONGEST_DELAY)
}

/// A number that a person can look for in the log.
fn fresh_id(key: u64) -> u32 {
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
