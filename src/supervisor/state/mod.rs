//! The decisions about a group: which process is started, replaced, told to finish and killed, and when.
//!
//! All of it is a function of what was known and what happens: nothing here reads a clock, a descriptor or the scoreboard, or
//! writes a line. [`Group::on`] takes an [`Event`] and answers with [`Action`]s, which `supervisor::group` carries out.
//!
//! Each place has a process that serves, and for a while its successor beside it. Whatever the reason, a replacement is the
//! same move: the successor is started, it says that it is ready, it serves, and the predecessor takes nothing more,
//! finishes what it has, and ends; one place after another. A successor that cannot serve is ended instead, and the
//! predecessor keeps serving.

mod capacity;
mod change;
mod death;
mod end;
mod event;
mod forking;
mod growth;
mod lines;
mod place;
mod scale;
mod start;
mod template;
#[cfg(test)]
mod tests;
mod worker;

pub use capacity::Capacity;
pub use event::{Action, End, Event};
pub use lines::{Line, Stage};
pub use scale::{Load, Scale};

use place::Place;
use scale::Course;
use std::time::{Duration, Instant};
use template::{Origin, Template};
use wire::control::Message;
use wire::scoreboard::Condition;
use worker::{Draining, Serving, Starting, Terms, Worker};

/// Requests wait for a process that is started within that time.
const SOON: Duration = Duration::from_secs(3);
/// Files are often written in several steps.
const SETTLE: Duration = Duration::from_millis(100);

/// What the options of a group say about its processes. A time of `None` is no bound.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// How many requests a process serves at a time, for the log.
    pub capacity: Capacity,
    /// `threads=0`: a process is started only when the one before it has ended.
    pub service: bool,
    /// `processes=1..8`; `None`: always as many.
    pub scale: Option<Scale>,
    /// `reload=imports`
    pub reload_imports: bool,
    /// `spawn=fork`
    pub fork: bool,
    /// `graceful-timeout=`
    pub graceful: Option<Duration>,
    /// `eviction-timeout=`
    pub eviction: Option<Duration>,
    /// `shutdown-timeout=`
    pub shutdown: Option<Duration>,
}

/// What is known of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    rules: Rules,
    phase: Phase,
    places: Vec<Place>,
    /// What its processes are forked of; `None`: they are executed.
    template: Option<Template>,
    /// Processes that finish what they have.
    draining: Vec<Draining>,
    /// What is known of the load, if processes follow it.
    course: Course,
    /// When a script, or a file that was imported, was last found changed.
    changed: Option<Instant>,
    /// Earlier supervisors know that it serves.
    told: bool,
    /// The process that died last, and how.
    died: Option<(u32, String)>,
    /// The application that processes died at, and how many in a row.
    died_at: Option<(String, u32)>,
}

/// Whether processes are started.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// They are.
    Running,
    /// A later supervisor has the group: they finish what they have.
    Leaving(Terms),
    /// The same, and what they have started ends with them.
    Ending(Terms),
}

/// A process that was taken out of the group, from where it was: an index is that of its place.
enum Removed {
    Current(usize, Serving),
    Successor(usize, Starting),
    Draining(Draining),
}

impl Group {
    /// A group without a process.
    pub fn new(rules: Rules, places: usize) -> Self {
        let least = rules.scale.map_or(places, |scale| scale.least);
        let place = |index| Place { is_closed: index >= least, ..Place::default() };
        Self {
            template: (rules.fork && places > 0).then(Template::default),
            rules,
            phase: Phase::Running,
            places: (0..places).map(place).collect(),
            draining: Vec::new(),
            course: Course::default(),
            changed: None,
            told: false,
            died: None,
            died_at: None,
        }
    }

    /// Something happens at `now`; what is to be done about it. What is said of a process that is not known means nothing.
    pub fn on(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        let into = &mut actions;
        match event {
            Event::Tick => self.tick(now, into),
            Event::Seen { open } if !self.is_leaving() => self.tell_condition(open, now, into),
            Event::Seen { .. } => {}
            Event::Started { place, pid, limit } => {
                self.started(place, Starting::new(pid, limit, now), now, into)
            }
            Event::StartFailed { place, why } => self.start_failed(place, why, now, into),
            Event::Occupied { place } => self.occupied(place, now, into),
            Event::TemplateStarted { pid, limit } => {
                self.template_started(Starting::new(pid, limit, now), now, into)
            }
            Event::TemplateNotStarted { why } => self.template_not_started(why, now, into),
            Event::Unforkable { pid, why } => self.unforkable(pid, why, now, into),
            Event::Ready { pid, failed, others } if self.is_template(pid) => {
                self.template_is_ready((pid, failed, others), now, into)
            }
            Event::Ready { pid, failed, others } => self.is_ready(pid, failed, others, now, into),
            Event::GaveUp { pid, why } => self.gave_up(pid, why, into),
            Event::Ends { pid, words } => {
                self.worker(pid).into_iter().for_each(|worker| worker.last_words.clone_from(&words));
            }
            Event::Starts { pid, script } => {
                self.worker(pid).into_iter().for_each(|worker| worker.starts.clone_from(&script));
            }
            Event::ReplaceAsked { pid, reason, text } => self.replace(pid, reason, text, now, into),
            Event::Watch { pid, files } if self.is_starting(pid) => {
                // Serving processes watch what a failed successor has imported: a change may fix it.
                let currents = self.places.iter().chain(self.template_place());
                let currents = currents.filter_map(|place| place.seat.current());
                let told = currents.map(|current| (current.worker.pid, Message::Watch(files.clone())));
                into.extend(told.map(|(pid, message)| Action::Tell(pid, message)));
            }
            Event::Watch { .. } => {}
            Event::Ended { pid } => self.ended(pid, into),
            Event::Died { pid, end, open } => self.died(pid, end, open, now, into),
            Event::Leave => self.leave(now, into),
            Event::EndForGood => self.end_for_good(now, into),
            Event::Stop { limit } => self.stop(limit, now, into),
            Event::Over => self.over(now, into),
            Event::Rung => self.rung(now, into),
            Event::Load(load) => self.loaded(&load, now, into),
        }
        actions
    }

    /// No process is left.
    pub fn is_gone(&self) -> bool {
        let empty = |place: &Place| place.seat.current().is_none() && !place.seat.has_successor();
        self.draining.is_empty() && self.places.iter().all(empty) && self.template_place().is_none_or(empty)
    }

    /// No process is started any more.
    pub fn is_leaving(&self) -> bool {
        self.phase != Phase::Running
    }

    /// A process starts its applications, for it said nothing else yet and was not told to finish.
    pub fn is_starting(&self, pid: u32) -> bool {
        self.starting(pid).is_some()
            || self.template.as_ref().is_some_and(|template| template.is_starting(pid))
    }

    /// A process is the template, or will be.
    fn is_template(&self, pid: u32) -> bool {
        self.template.as_ref().is_some_and(|template| template.is_of(pid))
    }

    fn template_place(&self) -> Option<&Place> {
        self.template.as_ref().map(|template| &template.place)
    }

    /// What is due is done: processes that have taken too long are killed, and those that are to be started are.
    fn tick(&mut self, now: Instant, into: &mut Vec<Action>) {
        for process in &mut self.draining {
            if process.deadline.expire(now) {
                into.push(Action::Kill(process.worker.pid));
            }
        }
        if matches!(self.phase, Phase::Ending(_)) && self.is_gone() {
            into.push(Action::EndRemains);
        }
        if self.is_leaving() {
            return;
        }
        self.tick_template(now, into);
        let mut any_starts = self.any_starts();
        for index in 0..self.places.len() {
            let place = &mut self.places[index];
            if let Some(starting) = place.seat.starting_mut()
                && starting.deadline.expire(now)
            {
                into.push(Action::Kill(starting.worker.pid));
            }
            let is_due = place.may_start(any_starts) && place.next.is_none_or(|at| at <= now);
            if is_due && self.origin(index) != Origin::Wait {
                self.start(index, now, into);
                any_starts |= self.places[index].seat.has_successor();
            }
        }
        if self.rules.scale.is_some() {
            self.say_served(into);
            self.look(now, into);
        }
    }

    /// When there is something to do again, if nothing happens before. `None`: never.
    pub fn wakes_at(&self, now: Instant) -> Option<Instant> {
        let draining = self.draining.iter().filter_map(|process| process.deadline.at());
        if self.is_leaving() {
            return draining.min();
        }
        let any_starts = self.any_starts();
        let starting = self.places.iter().filter_map(|place| place.seat.starting()?.deadline.at());
        let template = self.template.iter().filter_map(|template| template.wakes_at(now));
        let may_start = |(index, place): &(usize, &Place)| {
            place.may_start(any_starts) && self.origin(*index) != Origin::Wait
        };
        let starts = self.places.iter().enumerate().filter(may_start);
        let starts = starts.map(|(_, place)| place.next.unwrap_or(now));
        draining.chain(starting).chain(starts).chain(template).chain(self.looks_at(now)).min()
    }

    /// A process is being started.
    fn any_starts(&self) -> bool {
        self.places.iter().any(|place| place.seat.has_successor())
    }

    /// Says on the scoreboard whether it serves. `open`: a process of any generation takes requests.
    fn tell_condition(&self, open: bool, now: Instant, into: &mut Vec<Action>) {
        let serves = open || self.places.iter().any(|place| place.seat.current().is_some());
        // A process that has died is replaced soon; one that does not start may never do.
        let soon = |place: &Place| place.failures == 0 && place.next.is_none_or(|at| at <= now + SOON);
        let is_near = self.template.as_ref().is_none_or(|template| template.is_near(now + SOON));
        let starts = is_near && self.may_serve_soon(soon);
        let condition = match (serves, starts) {
            (true, _) => Condition::Serving,
            (false, true) => Condition::Starting,
            (false, false) => Condition::Down,
        };
        let next = self.places.iter().filter(|place| !place.is_closed).filter_map(|place| place.next).min();
        let template = self.template.as_ref().filter(|_| !is_near);
        let next = next.into_iter().chain(template.and_then(|template| template.place.next)).max();
        into.push(Action::SetNextStart(next.map_or(Duration::ZERO, |at| at.saturating_duration_since(now))));
        into.push(Action::SetCondition(condition));
    }

    /// The place where a process serves.
    fn serving(&self, pid: u32) -> Option<usize> {
        let is_it = |place: &Place| place.seat.current().is_some_and(|current| current.worker.pid == pid);
        self.places.iter().position(is_it)
    }

    /// The place where a process starts.
    fn starting(&self, pid: u32) -> Option<usize> {
        let is_it = |place: &Place| place.seat.starting().is_some_and(|starting| starting.worker.pid == pid);
        self.places.iter().position(is_it)
    }

    /// What is known of a process.
    fn worker(&mut self, pid: u32) -> Option<&mut Worker> {
        if let Some(index) = self.serving(pid) {
            return self.places[index].seat.current_mut().map(|current| &mut current.worker);
        }
        if let Some(index) = self.starting(pid) {
            return self.places[index].seat.starting_mut().map(|starting| &mut starting.worker);
        }
        if let Some(template) = self.template.as_mut().filter(|template| template.is_of(pid)) {
            let seat = &mut template.place.seat;
            return match seat.starting().is_some_and(|starting| starting.worker.pid == pid) {
                true => seat.starting_mut().map(|starting| &mut starting.worker),
                false => seat.current_mut().map(|current| &mut current.worker),
            };
        }
        self.draining.iter_mut().map(|process| &mut process.worker).find(|worker| worker.pid == pid)
    }

    /// Takes a process out.
    fn remove(&mut self, pid: u32) -> Option<Removed> {
        if let Some(index) = self.serving(pid) {
            return self.places[index].seat.take_current().map(|current| Removed::Current(index, current));
        }
        if let Some(index) = self.starting(pid) {
            let starting = self.places[index].seat.take_starting();
            return starting.map(|starting| Removed::Successor(index, starting));
        }
        let at = self.draining.iter().position(|process| process.worker.pid == pid)?;
        Some(Removed::Draining(self.draining.remove(at)))
    }
}
