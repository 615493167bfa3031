//! Ends of processes that are wanted, each with a time that depends on its reason.

use super::event::Action;
use super::worker::{Deadline, Draining, Terms};
use super::{Group, Phase};
use std::time::{Duration, Instant};
use wire::control::Reason;
use wire::scoreboard::Condition;

impl Group {
    /// How long processes may take that end for this reason.
    pub(super) fn terms(&self, reason: Reason) -> Terms {
        let rules = &self.rules;
        let (grace, shutdown) = match reason {
            Reason::Stop | Reason::FailedStart => (Some(Duration::ZERO), rules.shutdown),
            Reason::Deadlock => (Some(Duration::ZERO), Some(Duration::from_millis(500))),
            Reason::Shutdown => (rules.shutdown, Some(Duration::from_secs(2))),
            Reason::Eviction => (rules.eviction, rules.shutdown),
            _ => (rules.graceful, rules.shutdown),
        };
        Terms { reason, grace, shutdown }
    }

    /// Has a process finish what it has.
    pub(super) fn retire(&mut self, process: Draining, terms: &Terms, into: &mut Vec<Action>) {
        if process.deadline != Deadline::Killed {
            into.push(Action::Tell(process.worker.pid, terms.message()));
        }
        self.draining.push(process);
    }

    /// A later supervisor has it: all its processes finish what they have.
    pub(super) fn leave(&mut self, now: Instant, into: &mut Vec<Action>) {
        if !self.is_leaving() {
            let terms = self.terms(Reason::Generation);
            self.drain_all(&terms, now, into);
            self.phase = Phase::Leaving(terms);
        }
    }

    /// No later supervisor has it: what its processes have started ends when they have. No process of it serves any more, nor
    /// will: those of a supervisor that has died go as well.
    pub(super) fn end_for_good(&mut self, now: Instant, into: &mut Vec<Action>) {
        self.leave(now, into);
        if let Phase::Leaving(terms) = self.phase {
            self.phase = Phase::Ending(terms);
        }
        into.extend([Action::SetServedBy, Action::SetCondition(Condition::Down)]);
    }

    /// The server stops; with a `limit`, at once.
    pub(super) fn stop(&mut self, limit: Option<Duration>, now: Instant, into: &mut Vec<Action>) {
        let terms = self.terms(Reason::Stop);
        let terms = Terms { shutdown: limit.or(terms.shutdown), ..terms };
        self.drain_all(&terms, now, into);
        self.phase = Phase::Ending(terms);
    }

    /// The supervisor ends: what is left is killed.
    pub(super) fn over(&mut self, now: Instant, into: &mut Vec<Action>) {
        let terms = self.terms(Reason::Stop);
        self.phase = Phase::Ending(terms);
        self.empty_places(&terms, now);
        let alive = self.draining.iter_mut().filter(|process| process.deadline != Deadline::Killed);
        into.extend(alive.map(|process| {
            process.deadline = Deadline::Killed;
            Action::Kill(process.worker.pid)
        }));
    }

    /// All processes finish what they have, also those that do so already.
    fn drain_all(&mut self, terms: &Terms, now: Instant, into: &mut Vec<Action>) {
        for process in &mut self.draining {
            process.hurry(terms, now);
        }
        self.empty_places(terms, now);
        let alive = self.draining.iter().filter(|process| process.deadline != Deadline::Killed);
        into.extend(alive.map(|process| Action::Tell(process.worker.pid, terms.message())));
    }

    fn empty_places(&mut self, terms: &Terms, now: Instant) {
        for place in &mut self.places {
            let current = place.seat.take_current().map(|current| current.drain(terms, now));
            let starting = place.seat.take_starting().map(|starting| starting.drain(terms, now));
            self.draining.extend(current.into_iter().chain(starting));
        }
        self.empty_template(terms, now);
    }
}
