//! Ends of processes that are found: what the log says of them, and when the next one is started.

use super::event::{Action, End};
use super::lines::{Cause, Death, Line, Stage};
use super::worker::{Deadline, Worker};
use super::{Group, Phase, Removed};
use crate::supervisor::death;
use std::time::{Duration, Instant};
use wire::control::MOST_DEATHS;

/// A service that has ended is started again after this.
const SERVICE_PAUSE: Duration = Duration::from_secs(1);

impl Group {
    /// A process has ended: what it has started goes with it, or is remembered; then it is reaped.
    pub(super) fn ended(&mut self, pid: u32, into: &mut Vec<Action>) {
        if self.worker(pid).is_none() {
            return;
        }
        into.push(match self.phase {
            Phase::Ending(_) => Action::KillSession(pid),
            Phase::Running | Phase::Leaving(_) => Action::RememberSession(pid),
        });
        into.push(Action::Reap(pid));
    }

    /// A process is gone: one of a place, or one that was to end.
    pub(super) fn died(
        &mut self,
        pid: u32,
        end: Option<End>,
        open: bool,
        now: Instant,
        into: &mut Vec<Action>,
    ) {
        if self.template_died((pid, end.as_ref(), open), now, into) {
            return;
        }
        let Some(removed) = self.remove(pid) else { return };
        let Some(end) = end else { return };
        let is_clean = death::is_clean(end.status);
        let service_ended = self.rules.service && is_clean;
        let was_wanted = !matches!(removed, Removed::Draining(_));
        if (was_wanted || !is_clean) && !service_ended {
            into.push(Action::Log(Line::Died(self.describe(&removed, &end, now))));
        }
        let (index, worker, was_successor) = match removed {
            Removed::Current(index, current) => (index, current.worker, false),
            Removed::Successor(index, starting) => (index, starting.worker, true),
            Removed::Draining(_) => return,
        };
        let is_apart = self.count_death(&worker, death::how(end.status));
        let place = &mut self.places[index];
        if service_ended {
            (place.failures, place.next) = (0, Some(now + SERVICE_PAUSE));
        } else if was_successor {
            let is_news = self.hold();
            self.failed(index, now);
            if is_news && self.places[index].seat.current().is_some() {
                self.say_kept(index, pid, now, into);
            }
        } else {
            place.bury(worker.age(now), now);
        }
        if is_apart {
            // The next one does without the application that they died at.
            self.places[index].next = None;
        }
        self.tell_condition(open, now, into);
    }

    /// Notes how a process died, and at which application. True: the next one is the first that does without it.
    pub(super) fn count_death(&mut self, worker: &Worker, how: String) -> bool {
        self.died = Some((worker.pid, how));
        let Some(script) = &worker.starts else {
            self.died_at = None;
            return false;
        };
        let before = self.died_at.take().filter(|(known, _)| known == script).map_or(0, |(_, count)| count);
        self.died_at = Some((script.clone(), before + 1));
        before + 1 == MOST_DEATHS
    }

    fn describe(&self, removed: &Removed, end: &End, now: Instant) -> Death {
        let (worker, stage, cause) = match removed {
            Removed::Current(_, current) => (&current.worker, Stage::Serving, None),
            Removed::Successor(_, starting) => {
                let was_killed = starting.deadline == Deadline::Killed;
                (&starting.worker, Stage::Starting, was_killed.then_some(Cause::SlowStart))
            }
            Removed::Draining(process) => {
                let was_killed = process.deadline == Deadline::Killed;
                let cause = if process.worker.does_not_fork { Cause::NoFork } else { Cause::SlowEnd };
                let stage = if process.worker.does_not_fork { Stage::Template } else { Stage::Draining };
                (&process.worker, stage, was_killed.then_some(cause))
            }
        };
        let death = Death::of(worker, end, stage, cause, now);
        if self.rules.service { Death { stage: Stage::Service, ..death } } else { death }
    }
}
