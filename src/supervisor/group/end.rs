//! Ends of processes: requested, with a time for each reason, or unexpected.

use super::{GREW_OLD, Group};
use crate::supervisor::output::Output;
use crate::supervisor::process::Process;
use crate::supervisor::session::{self, Remains};
use crate::supervisor::{Context, death};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use wire::control::{MOST_DEATHS, Reason};
use wire::message as msg;
use wire::scoreboard::Condition;

/// A service that has ended is started again after this.
const SERVICE_PAUSE: Duration = Duration::from_secs(1);
/// Of so many processes that have ended a group keeps the output open, for copies that live on.
const MOST_OUTPUTS: usize = 64;

impl Group {
    /// Has a process finish what it has.
    pub(super) fn retire(&mut self, mut process: Process, reason: Reason) {
        let (grace, shutdown) = self.times(reason);
        process.drain(reason, grace, shutdown);
        self.leaving.push(process);
    }

    /// How long requests have, and how long those that are left and exit functions have then; `None` is no bound.
    pub(super) fn times(&self, reason: Reason) -> (Option<Duration>, Option<Duration>) {
        let group = &self.live.group;
        let bound = |seconds: u32| (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        let shutdown = bound(group.shutdown_timeout);
        match reason {
            Reason::Stop | Reason::FailedStart => (Some(Duration::ZERO), shutdown),
            Reason::Deadlock => (Some(Duration::ZERO), Some(Duration::from_millis(500))),
            Reason::Shutdown => (shutdown, Some(Duration::from_secs(2))),
            Reason::Eviction => (bound(group.eviction_timeout), shutdown),
            _ => (bound(group.graceful_timeout), shutdown),
        }
    }

    /// A later supervisor has it: all its processes finish what they have.
    pub fn leave(&mut self) {
        if !self.is_leaving {
            self.drain_all(Reason::Generation, self.times(Reason::Generation));
        }
    }

    /// The server stops; with a `limit`, at once.
    pub fn stop(&mut self, limit: Option<Duration>) {
        let (grace, shutdown) = self.times(Reason::Stop);
        self.drain_all(Reason::Stop, (grace, limit.or(shutdown)));
        self.ends_for_good();
    }

    /// No later supervisor has it: what its processes have started ends when they have.
    pub fn ends_for_good(&mut self) {
        self.for_good = true;
    }

    /// Processes that have ended have left others behind.
    pub fn has_remains(&self) -> bool {
        !self.remains.is_empty()
    }

    /// A process has ended, and is not reaped yet: what it has started goes with it, or is known from now on.
    fn look_at_session(&mut self, context: &Context, pid: u32) {
        /// Processes that are known to have left something behind, at most.
        const MOST: usize = 64;
        if self.for_good {
            self.say_killed(context, context.sessions.kill(pid));
        } else if self.remains.len() < MOST {
            self.remains.extend(Remains::of(pid, &context.sessions));
        }
    }

    fn say_killed(&self, context: &Context, count: usize) {
        if count > 0 {
            let text = format!(
                "{count} processes that applications of group '{}' had started were still running when the group ended; they \
                 were killed",
                self.live.name()
            );
            self.log(context, msg::LEFT_BEHIND, &text);
        }
    }

    pub(super) fn drain_all(
        &mut self,
        reason: Reason,
        (grace, shutdown): (Option<Duration>, Option<Duration>),
    ) {
        self.is_leaving = true;
        self.empty_places();
        for process in &mut self.leaving {
            process.drain(reason, grace, shutdown);
        }
    }

    pub(super) fn empty_places(&mut self) {
        for place in &mut self.places {
            self.leaving.extend(place.current.take());
            self.leaving.extend(place.successor.take());
        }
    }

    /// No process of it serves any more, nor will: those of a supervisor that has died go as well.
    pub fn say_down(&self, context: &Context) {
        self.live.scoreboard.served_by.fetch_max(context.serial, Ordering::SeqCst);
        self.live.scoreboard.set_condition(Condition::Down);
    }

    /// Ends what is left.
    pub fn kill_all(&mut self, context: &Context) {
        self.empty_places();
        let mut count = 0;
        for process in &mut self.leaving {
            process.kill();
            count += session::kill(process.pid);
        }
        self.say_killed(context, count);
        if self.for_good {
            self.end_remains(context);
        }
        for output in
            self.leaving.iter_mut().filter_map(|process| process.output.as_mut()).chain(&mut self.outputs)
        {
            output.pass_on_last();
        }
    }

    /// Ends what its processes have left behind.
    pub(super) fn end_remains(&mut self, context: &Context) {
        let count = std::mem::take(&mut self.remains).iter().map(Remains::kill).sum();
        self.say_killed(context, count);
    }

    /// Notes how a process died, and at which application. True: the next one is the first that does without it.
    fn count_death(&mut self, process: &Process, how: String) -> bool {
        self.died = Some((process.pid, how));
        let Some(script) = &process.starts else {
            self.died_at = None;
            return false;
        };
        let before = self.died_at.take().filter(|(known, _)| known == script).map_or(0, |(_, count)| count);
        self.died_at = Some((script.clone(), before + 1));
        before + 1 == MOST_DEATHS
    }

    /// What a process that has ended had to say goes into the log; copies of it may have more.
    fn keep_output(&mut self, output: Option<Output>) {
        let Some(mut output) = output else { return };
        if output.pass_on_last() {
            self.outputs.push(output);
            let more = self.outputs.len().saturating_sub(MOST_OUTPUTS);
            self.outputs.drain(..more);
        }
    }

    /// A process has ended: one of this place (true: as a successor), or one that was to.
    pub(super) fn died(&mut self, context: &Context, place: Option<(usize, bool)>, mut process: Process) {
        self.look_at_session(context, process.pid);
        let Some((status, most)) = os::reap(process.pid) else { return };
        self.keep_output(process.output.take());
        let mut claimed = 0;
        for slot in self.live.slots.iter().filter(|slot| slot.pid.load(Ordering::SeqCst) == process.pid) {
            claimed += slot.claimed();
            slot.clear_dead(process.pid);
        }
        let age = process.begun.elapsed();
        let phase = match place {
            _ if self.live.threads() == 0 => "running as a service",
            Some((_, true)) => "starting",
            Some((_, false)) => "serving",
            None => "finishing its requests",
        };
        let phase = match &process.starts {
            Some(script) if place.is_some() => format!("{phase}, at the start of '{script}'"),
            _ => phase.to_owned(),
        };
        let service_ended = self.live.threads() == 0 && death::is_clean(status);
        let unexpected = place.is_some() || !death::is_clean(status);
        if unexpected && !service_ended {
            let requests = if claimed == 1 { "request" } else { "requests" };
            let text = format!(
                "process {} of group '{}' died unexpectedly: {}; it was {phase}, {:.1} s old, used {} MiB at most, and had \
                 {claimed} {requests} in flight; {}",
                process.pid,
                self.live.name(),
                death::how(status),
                age.as_secs_f64(),
                most / 1024,
                match (process.killed, place) {
                    (true, Some(_)) =>
                        "the supervisor killed it because its start took too long (startup-timeout)",
                    (true, None) => "the supervisor killed it because it did not end within shutdown-timeout",
                    _ if process.gave_up => "see the reason above",
                    _ => process.last_words.as_deref().unwrap_or(death::hint(status)),
                },
            );
            self.log(context, msg::WORKER_DIED, &text);
        }
        let Some((index, successor)) = place else { return };
        let apart = self.count_death(&process, death::how(status));
        if service_ended {
            self.places[index].failures = 0;
            self.places[index].next = Some(Instant::now() + SERVICE_PAUSE);
        } else if successor {
            let news = self.hold();
            self.failed(index);
            if news && self.places[index].current.is_some() {
                self.say_holding(context, index, process.pid);
            }
        } else if age >= GREW_OLD {
            let place = &mut self.places[index];
            (place.failures, place.deaths, place.next) = (0, 0, None);
        } else {
            // The first time it is replaced at once.
            let place = &mut self.places[index];
            place.next = Some(Instant::now() + death::delay(place.deaths));
            place.deaths += 1;
        }
        if apart {
            // The next one does without the application that they died at.
            self.places[index].next = None;
        }
        self.tell_condition(Instant::now());
    }
}
