//! The end of an attempt: what it means for requests, for other processes and for whoever reads the log.

use super::advice;
use super::attempt::Attempt;
use super::claims::Claim;
use super::failure::Failure;
use super::record::{Cause, Record, Verdict, Watched, fresh_id};
use super::state::Event;
use crate::host;
use crate::runtime::{Interpreter, is_stop_asked};
use os::lock;
use std::time::Duration;
use wire::starts::Took;
use wire::{Message, Origin, message as msg};

impl Attempt {
    /// The attempt has ended in time: says and writes down how.
    pub(super) fn end(&self, done: Result<(), Box<Failure>>) {
        match done {
            Ok(()) => {
                self.say_loaded();
                self.say_shared_packages();
                self.prove();
            }
            Err(failure) => self.failed(&failure),
        }
    }

    /// The attempt has ended after its time; `counts`: no other was made since.
    pub(super) fn end_late(&self, done: Result<(), Box<Failure>>, counts: bool) {
        match done {
            Ok(()) if counts => {
                self.say_loaded();
                let seconds = self.age().as_secs_f64();
                let text = format!(
                    "'{}' has started after its timeout: raise {} above {seconds:.0} s",
                    self.app.shown(),
                    self.applications.runtime.settings.startup_timeout_name(),
                );
                self.say(msg::START_LATE, text);
                self.say_shared_packages();
                self.prove();
            }
            Ok(()) => {}
            // The verdict stands, but why is of interest.
            Err(failure) => {
                let text = format!(
                    "'{}' has failed to start after its timeout: {}",
                    self.app.shown(),
                    failure.cause.summary()
                );
                self.say(msg::START_LATE, text);
                self.log_record(msg::START_LATE, "", &failure.cause.trace.join("\n"));
            }
        }
    }

    /// The application serves: writes that down, so that all processes may start it.
    fn prove(&self) {
        let claim = lock(&self.claim).take().unwrap_or_else(Claim::none);
        let proven = Record { verdict: Verdict::Proven, ..Record::default() };
        self.applications.registry.conclude(self.key(), claim, |_| proven);
        self.app.first.close();
        self.app.on(self.ticket, Event::Proven);
    }

    /// Logs that the script is being loaded, in the words that mod_wsgi has for it, which people look for in logs.
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
        let limited = |time: Duration| u32::try_from(ms(time)).unwrap_or(u32::MAX);
        host::started(&Took {
            python: limited(self.applications.runtime.python_took()),
            before: limited(times.lock + times.interpreter),
            import: limited(times.import),
            warm_up: limited(times.warm_up),
        });
        let text = format!(
            "loaded '{}' into {context} in {} ms (python {} ms, lock {} ms, interpreter {} ms, import {} ms, warm-up \
             {} ms){attempt}",
            self.app.shown(),
            ms(total),
            ms(self.applications.runtime.python_took()),
            ms(times.lock),
            ms(times.interpreter),
            ms(times.import),
            ms(times.warm_up),
        );
        self.say(msg::SCRIPT_LOADED, text);
    }

    fn failed(&self, failure: &Failure) {
        let settings = &self.applications.runtime.settings;
        let next = failure.next_interpreter;
        if settings.process.is_service() && failure.number == msg::PRELOAD_EXITED {
            // A service ends as it likes.
            let asked = is_stop_asked();
            let level = if asked { wire::Level::Info } else { failure.number.level() };
            let text = format!("{}: {} ({})", failure.number, failure.what, failure.cause.summary());
            host::log(level, text.as_bytes());
            self.app.on(self.ticket, Event::Failed { next });
            return;
        }
        let record = self.conclude(&failure.cause, failure.watched.clone());
        let took = lock(&self.times).import;
        if self.applications.runtime.settings.process.daemon
            && record.attempts > 1
            && record.cause.summary() == failure.cause.summary()
        {
            // It has been told in full, by another process.
            let seconds = wire::backoff::delay(record.attempts).as_secs();
            let cause = if failure.says_all() { String::new() } else { record.cause.summary() + " " };
            let text = format!(
                "{} again, as before: {cause}(id {:08x}, attempt {}, pid {}; next attempt in {seconds} s)",
                failure.what,
                record.id,
                record.attempts,
                std::process::id(),
            );
            self.say(failure.number, text);
            self.app.on(self.ticket, Event::Failed { next });
            return;
        }
        let text = format!(
            "{}: {} (id {:08x}, attempt {}, pid {}, after {} ms; next attempt in {} s, or when one of its files \
             changes)",
            failure.number,
            failure.what,
            record.id,
            record.attempts,
            std::process::id(),
            took.as_millis(),
            wire::backoff::delay(record.attempts).as_secs(),
        );
        let mut lines = Vec::new();
        let cause = &failure.cause;
        if cause.trace.is_empty() && !failure.says_all() {
            lines.push(cause.summary());
        }
        lines.extend(cause.trace.iter().cloned());
        let main = self.app.interpreter.group().is_empty();
        let advice = advice::advice(&cause.class, &cause.text, &cause.trace, main);
        self.log_record(failure.number, &text, &lines.join("\n"));
        if let Some(advice) = &advice {
            let text = format!("{}: what to do: {}", msg::ADVICE, advice.text);
            self.log_record(failure.number, &text, "");
        }
        if let Some(package) = advice.and_then(|advice| advice.single) {
            self.say_holder_of(&package);
        }
        self.app.on(self.ticket, Event::Failed { next });
    }

    fn log_record(&self, number: Message, text: &str, trace: &str) {
        let origin = Origin::NONE.with_exception(trace.as_bytes());
        match &self.log {
            Some(log) => log.line_from(number.level(), text.as_bytes(), origin),
            None => host::log_from(number.level(), text.as_bytes(), origin),
        }
    }

    /// Writes down that the attempt's time is over; answers the record.
    pub(super) fn timed_out(&self) -> Record {
        let settings = &self.applications.runtime.settings;
        let (limit, name) = (settings.startup_timeout().as_secs_f64(), settings.startup_timeout_name());
        let text = format!("it has not started within {limit} s ({name})");
        let cause = Cause { class: "StartTimeout".into(), text, ..Cause::default() };
        self.conclude(&cause, vec![self.app.shown().into_owned()])
    }

    /// Logs that the attempt's time is over, which requests know already.
    pub(super) fn say_timed_out(&self, record: &Record) {
        let settings = &self.applications.runtime.settings;
        let (limit, name) = (settings.startup_timeout().as_secs_f64(), settings.startup_timeout_name());
        let text = format!(
            "'{}' has not started within {limit} s ({name}; id {:08x}, attempt {}); it answers 503, and other \
             applications keep loading on another thread. The stacks of all threads follow",
            self.app.shown(),
            record.id,
            record.attempts,
        );
        self.say(msg::START_TIMEOUT, text);
    }

    pub(super) fn say_waiting(&self, waited: Duration) {
        let holders = self.applications.registry.holders();
        let holders: Vec<String> = holders
            .iter()
            .map(|holder| {
                let since = os::monotonic().saturating_sub(holder.since) as f64 / 1e6;
                format!("pid {} has been loading '{}' for {since:.0} s", holder.pid, holder.what)
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
        self.applications.registry.conclude(self.key(), claim, |now| {
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
                next: os::monotonic() + wire::backoff::delay(attempts).as_micros() as i64,
                said: os::monotonic(),
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
