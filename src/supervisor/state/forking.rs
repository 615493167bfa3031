//! The template of a group whose processes are forked (`spawn=fork`): a process that has loaded the applications and never
//! serves. It is started, replaced and kept as one that serves would be; workers are forked of it one by one.
//!
//! Where it says that it must not be forked, the group's processes are executed, until something has changed.

use super::event::{Action, End};
use super::lines::{Cause, Death, Line, Stage};
use super::template::{Asked, Origin};
use super::worker::{Deadline, Serving, Starting, Terms};
use super::{Group, SETTLE};
use std::time::{Duration, Instant};
use wire::control::Reason;

/// A template has forked a worker by then.
const FORKS_WITHIN: Duration = Duration::from_secs(10);
/// It has nothing to finish.
const END_WITHIN: Duration = Duration::from_millis(500);

/// A change of files is the reason: what the process has loaded is old.
fn is_old(serving: &Serving) -> bool {
    matches!(serving.replace, Some(Reason::Script | Reason::Imports))
}

fn terms(reason: Reason) -> Terms {
    Terms { reason, grace: Some(Duration::ZERO), shutdown: Some(END_WITHIN) }
}

impl Group {
    /// Where a process for this place comes from now.
    pub(super) fn origin(&self, index: usize) -> Origin {
        let Some(template) = self.template.as_ref().filter(|template| template.is_wanted()) else {
            return Origin::Exec;
        };
        let Some(current) = template.place.seat.current() else { return Origin::Wait };
        let served = self.places[index].seat.current();
        let asks_for_new = served.filter(|served| served.replace.is_some_and(Reason::concerns_group));
        // What the template has loaded is no news to this one.
        let is_none = asks_for_new
            .is_some_and(|served| served.worker.generation >= template.generation || is_old(current));
        if is_none { Origin::Wait } else { Origin::Fork(current.worker.pid) }
    }

    /// There is no template yet for a process of this place.
    pub(super) fn waits_for_template(&self, index: usize) -> bool {
        self.origin(index) == Origin::Wait
    }

    /// A process for a place is to be forked.
    pub(super) fn fork(&mut self, index: usize, pid: u32, now: Instant, into: &mut Vec<Action>) {
        let Some(template) = &mut self.template else { return };
        let (generation, until) = (template.generation, now + FORKS_WITHIN);
        template.asked.push(Asked { place: index, template: pid, generation, until });
        self.places[index].seat.ask();
        into.push(Action::Fork { place: index, template: pid });
    }

    /// It is known whether a process was forked for this place; answers the generation of its template.
    pub(super) fn take_generation(&mut self, place: usize) -> u64 {
        let Some(template) = &mut self.template else { return 0 };
        let at = template.asked.iter().position(|asked| asked.place == place);
        at.map_or(0, |at| template.asked.remove(at).generation)
    }

    /// There is a newer template than the one of this process, or a newer one is due.
    pub(super) fn is_outdated(&self, generation: u64) -> bool {
        let Some(template) = self.template.as_ref().filter(|_| generation > 0) else { return false };
        generation < template.generation || template.place.seat.current().is_some_and(is_old)
    }

    /// What is due about the template is done.
    pub(super) fn tick_template(&mut self, now: Instant, into: &mut Vec<Action>) {
        let asked = self.template.iter().flat_map(|template| &template.asked);
        let late: Vec<u32> = asked.filter(|asked| asked.until <= now).map(|asked| asked.template).collect();
        late.into_iter().for_each(|pid| self.give_up_template(pid, now, into));
        let beside = self.places.iter().any(|place| place.seat.current().is_some());
        let Some(template) = &mut self.template else { return };
        if let Some(starting) = template.place.seat.starting_mut()
            && starting.deadline.expire(now)
        {
            into.push(Action::Kill(starting.worker.pid));
        }
        if template.is_wanted()
            && template.place.may_start(false)
            && template.place.next.is_none_or(|at| at <= now)
        {
            template.place.seat.ask();
            into.push(Action::StartTemplate { beside, died: self.died.clone() });
        }
    }

    /// A template does not fork what it is asked for.
    fn give_up_template(&mut self, pid: u32, now: Instant, into: &mut Vec<Action>) {
        self.forget_asked(pid);
        if let Some(template) = &mut self.template
            && template.place.seat.current().is_some_and(|current| current.worker.pid == pid)
            && let Some(mut current) = template.place.seat.take_current()
        {
            current.worker.does_not_fork = true;
            template.place.bury(Duration::ZERO, now);
            self.draining.push(current.drain(&terms(Reason::Stop), now));
        }
        let process = self.draining.iter_mut().find(|process| process.worker.pid == pid);
        if let Some(process) = process.filter(|process| process.deadline != Deadline::Killed) {
            process.deadline = Deadline::Killed;
            into.push(Action::Kill(pid));
        }
    }

    /// What was asked of a template is asked of another one.
    fn forget_asked(&mut self, pid: u32) {
        let Some(template) = &mut self.template else { return };
        let places = &mut self.places;
        template.asked.retain(|asked| {
            let stays = asked.template != pid;
            if !stays && let Some(place) = places.get_mut(asked.place) {
                place.seat.take_asked();
            }
            stays
        });
    }

    /// A template was executed.
    pub(super) fn template_started(&mut self, starting: Starting, now: Instant, into: &mut Vec<Action>) {
        into.push(Action::Log(Line::TemplateStarted(starting.worker.pid)));
        let is_leaving = self.is_leaving();
        let Some(template) = &mut self.template else { return };
        if template.place.seat.take_asked() && template.is_wanted() && !is_leaving {
            template.place.seat.put(starting);
        } else {
            let terms = terms(Reason::Stop);
            self.retire(starting.drain(&terms, now), &terms, into);
        }
    }

    /// No template could be executed.
    pub(super) fn template_not_started(&mut self, why: String, now: Instant, into: &mut Vec<Action>) {
        into.push(Action::Log(Line::NotStarted(why)));
        if let Some(template) = &mut self.template
            && template.place.seat.take_asked()
        {
            template.place.fail(now);
        }
    }

    /// A template has started its applications, but for so many: workers are forked of it from now on, unless the one before it,
    /// or what serves, is better.
    pub(super) fn template_is_ready(
        &mut self,
        (pid, failed, others): (u32, u32, Option<u32>),
        now: Instant,
        into: &mut Vec<Action>,
    ) {
        let changed = self.changed.filter(|_| self.rules.reload_imports);
        let Some(template) = self.template.as_mut().filter(|template| template.is_starting(pid)) else {
            return;
        };
        let place = &mut template.place;
        let Some(mut starting) = place.seat.take_ready() else { return };
        if !place.is_better(failed, others) {
            place.fail(now);
            self.say_template_kept(pid, true, now, into);
            let terms = terms(Reason::FailedStart);
            return self.retire(starting.drain(&terms, now), &terms, into);
        }
        template.generation += 1;
        starting.worker.generation = template.generation;
        let (begun, took) = (starting.worker.begun, starting.worker.age(now));
        let mut serving = starting.serve(failed);
        if failed > 0 {
            serving.replace = Some(Reason::FailedStart);
            place.fail(now);
        } else if changed.is_some_and(|changed| begun < changed) {
            serving.replace = Some(Reason::Imports);
            (place.failures, place.next) = (0, Some(now + SETTLE));
        } else {
            (place.failures, place.next) = (0, None);
        }
        let old = place.seat.install(serving);
        if failed == 0 {
            self.places.iter_mut().for_each(|place| place.held = false);
        }
        into.push(Action::Log(Line::TemplateReady { pid, took }));
        if let Some(old) = old {
            let terms = terms(Reason::Generation);
            self.retire(old.drain(&terms, now), &terms, into);
        }
    }

    /// A template must not be forked: processes are executed.
    pub(super) fn unforkable(&mut self, pid: u32, why: String, now: Instant, into: &mut Vec<Action>) {
        let Some(template) = self.template.as_mut().filter(|template| template.is_of(pid)) else { return };
        template.fallen = true;
        template.place.next = None;
        (template.place.failures, template.place.held) = (0, false);
        let is_news = template.said != why;
        template.said.clone_from(&why);
        if is_news {
            into.push(Action::Log(Line::NotForked(why)));
        }
        self.forget_asked(pid);
        let terms = terms(Reason::Generation);
        let from = self.draining.len();
        self.empty_template(&terms, now);
        let told = self.draining[from..].iter().filter(|process| process.deadline != Deadline::Killed);
        into.extend(told.map(|process| Action::Tell(process.worker.pid, terms.message())));
    }

    /// The template, and the one that starts, are to end.
    pub(super) fn empty_template(&mut self, terms: &Terms, now: Instant) {
        let Some(template) = &mut self.template else { return };
        let seat = &mut template.place.seat;
        let current = seat.take_current().map(|current| current.drain(terms, now));
        let starting = seat.take_starting().map(|starting| starting.drain(terms, now));
        self.draining.extend(current.into_iter().chain(starting));
    }

    /// What is known of it has changed: another one is due.
    pub(super) fn renew_template(&mut self, reason: Reason, next: Option<Instant>) {
        let Some(template) = &mut self.template else { return };
        template.fallen = false;
        if let Some(current) = template.place.seat.current_mut() {
            current.replace = Some(reason);
        }
        if reason == Reason::FailedStart {
            template.place.next = template.place.next.into_iter().chain(next).min();
        } else {
            (template.place.failures, template.place.held, template.place.next) = (0, false, next);
        }
    }

    /// The template itself asks to be replaced, as at a signal; or it has seen a change, which concerns what serves, too.
    pub(super) fn replace_template(
        &mut self,
        pid: u32,
        reason: Reason,
        text: String,
        now: Instant,
        into: &mut Vec<Action>,
    ) {
        let is_change = reason == Reason::Imports;
        if let Some(template) = &mut self.template
            && let Some(current) = template.place.seat.current_mut()
            && current.worker.pid == pid
            && (is_change || (current.replace.is_none() && !reason.concerns_group()))
        {
            if current.replace != Some(reason) {
                into.push(Action::Log(Line::Replacing { pid, reason, text }));
            }
            current.replace = Some(reason);
            if is_change {
                self.replace_serving(None, reason, now);
            }
        }
    }

    /// A template has died. False: it is none.
    pub(super) fn template_died(
        &mut self,
        (pid, end, open): (u32, Option<&End>, bool),
        now: Instant,
        into: &mut Vec<Action>,
    ) -> bool {
        self.forget_asked(pid);
        let Some(template) = self.template.as_mut().filter(|template| template.is_of(pid)) else {
            return false;
        };
        let is_successor = template.is_starting(pid);
        let seat = &mut template.place.seat;
        let gone = if is_successor {
            seat.take_starting().map(|starting| (starting.worker, starting.deadline == Deadline::Killed))
        } else {
            seat.take_current().map(|current| (current.worker, false))
        };
        let Some(((worker, is_killed), end)) = gone.zip(end) else { return true };
        let stage = if is_successor { Stage::Starting } else { Stage::Template };
        let death = Death::of(&worker, end, stage, is_killed.then_some(Cause::SlowStart), now);
        into.push(Action::Log(Line::Died(death)));
        let is_apart = self.count_death(&worker, crate::supervisor::death::how(end.status));
        let Some(template) = &mut self.template else { return true };
        if is_successor {
            template.place.fail(now);
            let serves = self.places.iter().any(|place| place.seat.current().is_some());
            self.say_template_kept(pid, serves, now, into);
        } else {
            template.place.bury(worker.age(now), now);
        }
        if is_apart && let Some(template) = &mut self.template {
            template.place.next = None;
        }
        self.tell_condition(open, now, into);
        true
    }

    /// Says that the old code is kept, where that is news and something `serves`.
    fn say_template_kept(&mut self, pid: u32, serves: bool, now: Instant, into: &mut Vec<Action>) {
        if self.hold() && serves {
            let next = self.template.as_ref().map_or(Duration::ZERO, |template| template.place.pause(now));
            into.push(Action::Log(Line::KeepsOldCode { pid, next }));
        }
    }
}
