//! Starts of processes, and what becomes of a successor that says it is ready.

use super::event::Action;
use super::lines::Line;
use super::place::{GREW_OLD, Place};
use super::template::Origin;
use super::worker::Starting;
use super::{Group, Phase, SETTLE};
use std::time::{Duration, Instant};
use wire::control::{Message, Reason};

/// A service looks so often whether another one has ended.
const OTHERS: Duration = Duration::from_millis(50);

impl Group {
    /// A process is to be started in a place.
    pub(super) fn start(&mut self, index: usize, now: Instant, into: &mut Vec<Action>) {
        let alone = self.rules.service;
        if alone && let Some(current) = self.places[index].seat.take_current() {
            // Two of a service at a time are not wanted: it ends before its successor starts.
            let terms = self.terms(Reason::Script);
            self.retire(current.drain(&terms, now), &terms, into);
        }
        if alone && !self.draining.is_empty() {
            return self.wait_for_others(index, now, into);
        }
        if let Origin::Fork(template) = self.origin(index) {
            return self.fork(index, template, now, into);
        }
        let beside = self.places.iter().any(|place| place.seat.current().is_some());
        self.places[index].seat.ask();
        into.push(Action::Start { place: index, alone, beside, died: self.died.clone() });
    }

    /// Another process of the service is there yet.
    fn wait_for_others(&mut self, index: usize, now: Instant, into: &mut Vec<Action>) {
        // One whose supervisor has died hears it from here that it is to end.
        into.push(Action::SetServedBy);
        self.places[index].next = Some(now + OTHERS);
    }

    /// A process was forked.
    pub(super) fn started(
        &mut self,
        index: usize,
        mut starting: Starting,
        now: Instant,
        into: &mut Vec<Action>,
    ) {
        starting.worker.generation = self.take_generation(index);
        into.push(Action::Log(Line::Started(starting.worker.pid)));
        let asked = self.places.get_mut(index).is_some_and(|place| place.seat.take_asked());
        match self.phase {
            Phase::Running if asked => self.places[index].seat.put(starting),
            Phase::Running => {
                let terms = self.terms(Reason::Generation);
                self.retire(starting.drain(&terms, now), &terms, into);
            }
            // The end came first.
            Phase::Leaving(terms) | Phase::Ending(terms) => {
                self.retire(starting.drain(&terms, now), &terms, into);
            }
        }
    }

    /// No process could be forked.
    pub(super) fn start_failed(&mut self, index: usize, why: String, now: Instant, into: &mut Vec<Action>) {
        into.push(Action::Log(Line::NotStarted(why)));
        self.take_generation(index);
        if self.places.get_mut(index).is_some_and(|place| place.seat.take_asked()) {
            self.failed(index, now);
        }
    }

    /// No process was forked, for another one of the service is there.
    pub(super) fn occupied(&mut self, index: usize, now: Instant, into: &mut Vec<Action>) {
        if self.places.get_mut(index).is_some_and(|place| place.seat.take_asked()) {
            self.wait_for_others(index, now, into);
        }
    }

    /// A successor has started its applications, but for so many. `others`: the fewest that failed in processes that take
    /// requests, of any generation: they keep serving, as one of this would.
    pub(super) fn is_ready(
        &mut self,
        pid: u32,
        failed: u32,
        others: Option<u32>,
        now: Instant,
        into: &mut Vec<Action>,
    ) {
        let Some(index) = self.starting(pid) else { return };
        let place = &mut self.places[index];
        let Some(starting) = place.seat.take_ready() else { return };
        if !place.is_better(failed, others) {
            self.refuse(index, starting, now, into);
            return;
        }
        into.push(Action::Tell(pid, Message::Serve));
        let (begun, took) = (starting.worker.begun, starting.worker.age(now));
        let generation = starting.worker.generation;
        let is_newer = |changed| begun < changed && generation == 0;
        let outdated = self.rules.reload_imports && self.changed.is_some_and(is_newer);
        let mut serving = starting.serve(failed);
        if failed > 0 {
            // Some of its applications do not start: another process tries again.
            serving.replace = Some(Reason::FailedStart);
        } else if outdated {
            // It may have imported what was there before the last change: once more.
            serving.replace = Some(Reason::Imports);
        } else if self.is_outdated(generation) {
            // It was forked of a template that has been replaced, or is about to be.
            serving.replace = Some(Reason::Script);
        }
        let place = &mut self.places[index];
        let old = place.seat.install(serving);
        if failed == 0 {
            place.failures = 0;
            place.next = outdated.then(|| now + SETTLE);
            self.places.iter_mut().for_each(|place| place.held = false);
        } else {
            self.failed(index, now);
        }
        into.push(Action::Log(Line::Serves { pid, took, capacity: self.rules.capacity }));
        if let Some(old) = old {
            if old.worker.age(now) >= GREW_OLD {
                self.places[index].deaths = 0;
            }
            let terms = self.terms(old.replace.unwrap_or(Reason::Generation));
            self.retire(old.drain(&terms, now), &terms, into);
        }
        self.tell_condition(true, now, into);
        self.say_served(into);
        self.has_helped(now);
    }

    /// Tells earlier supervisors once that they may go.
    pub(super) fn say_served(&mut self, into: &mut Vec<Action>) {
        if !self.told && !self.places.is_empty() && self.is_complete() {
            self.told = true;
            into.extend([Action::SetServedBy, Action::SendServed]);
        }
    }

    /// A successor is no better than what serves: it ends.
    fn refuse(&mut self, index: usize, starting: Starting, now: Instant, into: &mut Vec<Action>) {
        let is_news = self.hold();
        self.failed(index, now);
        if is_news {
            self.say_kept(index, starting.worker.pid, now, into);
        }
        let terms = self.terms(Reason::FailedStart);
        self.retire(starting.drain(&terms, now), &terms, into);
    }

    /// A start in this place has failed: the next one, here and in the other places that wait for one, comes more slowly.
    pub(super) fn failed(&mut self, index: usize, now: Instant) {
        self.places[index].fail(now);
        let Place { failures, next, .. } = self.places[index];
        for place in &mut self.places {
            let waits = place.seat.current().is_some_and(|current| current.replace.is_some());
            if waits && !place.seat.has_successor() {
                (place.failures, place.next) = (failures, next);
            }
        }
        self.give_up_place(index);
    }

    /// Notes that the group keeps the old code. True: that is news.
    pub(super) fn hold(&mut self) -> bool {
        let said = self.places.iter().any(|place| place.held);
        self.places.iter_mut().for_each(|place| place.held = true);
        !said
    }

    pub(super) fn say_kept(&self, index: usize, pid: u32, now: Instant, into: &mut Vec<Action>) {
        into.push(Action::Log(Line::KeepsOldCode { pid, next: self.places[index].pause(now) }));
    }
}
