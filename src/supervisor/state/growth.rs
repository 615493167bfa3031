//! How many places of a group are open, where its processes follow the load: one more when requests wait in the queue, one fewer
//! when the others would have done.
//!
//! Nobody looks at the load all the time. While nobody waits, the group is told when somebody comes to the queue ([`Action::Listen`],
//! [`Event::Rung`]); from then on it looks as often as it must ([`Action::Look`], [`Event::Load`]).

use super::event::Action;
use super::lines::Line;
use super::place::Place;
use super::scale::{Load, Look, Scale};
use super::{Group, Phase};
use std::time::{Duration, Instant};
use wire::control::Reason;

/// Looks are at least so far apart.
const LEAST_PAUSE: Duration = Duration::from_millis(5);
/// While there are more processes than the fewest, the load is looked at that often at least.
const MOST_PAUSE: Duration = Duration::from_secs(1);

impl Group {
    /// So many places at least are open from the beginning: as many as the group has processes of earlier supervisors.
    pub fn with_open(mut self, wanted: usize) -> Self {
        self.places.iter_mut().take(wanted).for_each(|place| place.is_closed = false);
        self
    }

    fn open(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(|place| !place.is_closed)
    }

    /// Every open place serves. Where there is none, whoever comes first opens one.
    pub(super) fn is_complete(&self) -> bool {
        self.open().all(|place| place.seat.current().is_some())
    }

    /// Whether a process may be expected: it is being started, or the first request has it started.
    pub(super) fn may_serve_soon(&self, soon: impl Fn(&Place) -> bool) -> bool {
        self.open().any(soon) || (!self.places.is_empty() && self.open().next().is_none())
    }

    /// Asks for a look if one is due.
    pub(super) fn look(&mut self, now: Instant, into: &mut Vec<Action>) {
        if self.rules.scale.is_some() && self.course.look.is_due(now) {
            self.course.look = Look::Never;
            into.push(Action::Look);
        }
    }

    /// When it looks next.
    pub(super) fn looks_at(&self, now: Instant) -> Option<Instant> {
        self.rules.scale?;
        match self.course.look {
            Look::Due => Some(now),
            Look::At(at) => Some(at),
            Look::Never => None,
        }
    }

    /// A process serves or has failed to: what is seen now counts.
    pub(super) fn look_soon(&mut self) {
        self.course.look = Look::Due;
    }

    /// A process has begun to serve: it may be enough.
    pub(super) fn has_helped(&mut self, now: Instant) {
        if self.rules.scale.is_some() {
            self.course.helped = Some(now);
            self.look_soon();
        }
    }

    /// When another place may be opened. `None`: all are open, or a process that was added does not serve yet. One that failed to
    /// start is not tried again before its time, whatever waits.
    fn may_grow_at(&self, now: Instant) -> Option<Instant> {
        let is_full = self.places.iter().all(|place| !place.is_closed);
        let next = self.places.iter().filter_map(|place| place.next).max();
        (!is_full && self.is_complete()).then(|| next.map_or(now, |next| next.max(now)))
    }

    /// A request has come to the queue.
    pub(super) fn rung(&mut self, now: Instant, into: &mut Vec<Action>) {
        let Some(scale) = self.rules.scale.filter(|_| !self.is_leaving()) else { return };
        self.course.listens = false;
        if self.open().next().is_none() && self.may_grow_at(now).is_some_and(|at| at <= now) {
            self.grow(None, now, into);
        }
        self.course.look.by(now + scale.up);
    }

    /// The load was looked at.
    pub(super) fn loaded(&mut self, load: &Load, now: Instant, into: &mut Vec<Action>) {
        let Some(scale) = self.rules.scale.filter(|_| self.phase == Phase::Running) else { return };
        let waits = load.waits.map(|waits| {
            let helped = self.course.helped.map(|helped| now.saturating_duration_since(helped));
            helped.map_or(waits, |helped| waits.min(helped))
        });
        self.shrink(&scale, load, now, into);
        if let Some(waits) = waits
            && let Some(at) = self.may_grow_at(now)
        {
            // Where nobody serves, nobody can but a new process.
            let none_serves = self.open().next().is_none();
            if at <= now && (waits >= scale.up || none_serves) {
                self.grow((!none_serves).then_some(waits), now, into);
            } else {
                let rest = scale.up.saturating_sub(waits).max(scale.up / 4).max(LEAST_PAUSE);
                self.course.look.by(at.max(now + rest));
            }
        }
        let is_full = self.places.iter().all(|place| !place.is_closed);
        if waits.is_none() && !is_full && !self.course.listens {
            self.course.listens = true;
            into.push(Action::Listen);
        }
        if self.open().count() > scale.least {
            self.course.look.by(now + (scale.down / 8).clamp(LEAST_PAUSE, MOST_PAUSE));
        }
    }

    /// Opens a place. `waited`: why, or because nobody serves.
    fn grow(&mut self, waited: Option<Duration>, now: Instant, into: &mut Vec<Action>) {
        let Some(index) = self.places.iter().position(|place| place.is_closed) else { return };
        (self.places[index].is_closed, self.places[index].next) = (false, None);
        self.course.calm = None;
        let (count, most) = (self.open().count(), self.places.len());
        into.push(Action::Log(Line::Grows { count, most, waited }));
        // Without a template to fork it of, it is started as soon as there is one.
        if self.places[index].may_start(self.any_starts()) && !self.waits_for_template(index) {
            self.start(index, now, into);
        }
    }

    /// Closes a place whose process was not needed for long, and has no request.
    fn shrink(&mut self, scale: &Scale, load: &Load, now: Instant, into: &mut Vec<Action>) {
        let count = self.open().count();
        let running: u32 = load.claims.iter().map(|(_, claimed)| *claimed).fold(0, u32::saturating_add);
        let served = std::mem::replace(&mut self.course.served, load.served);
        // What is being replaced is needed until then, and so is the last one that can serve.
        let is_replaced =
            |place: &Place| place.seat.current().is_some_and(|current| current.replace.is_some());
        let is_last_hope = count == 1 && self.places.iter().any(|place| place.held);
        let is_steady =
            self.is_complete() && !self.any_starts() && !is_last_hope && !self.places.iter().any(is_replaced);
        let others_do = match u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX) {
            0 => running == 0 && served == load.served,
            others => running <= others.saturating_mul(scale.threads),
        };
        // A shorter wait is that of any request which no idle connection was found for.
        let somebody_waits = load.waits.is_some_and(|waits| waits >= scale.up);
        if count <= scale.least || !is_steady || somebody_waits || !others_do {
            self.course.calm = None;
            return;
        }
        let since = *self.course.calm.get_or_insert_with(|| {
            self.course.running = 0;
            now
        });
        self.course.running = self.course.running.max(running);
        let lasted = now.saturating_duration_since(since);
        let is_idle =
            |pid: u32| load.claims.iter().filter(|(of, _)| *of == pid).all(|(_, claimed)| *claimed == 0);
        let candidate = self
            .places
            .iter()
            .rposition(|place| place.seat.current().is_some_and(|current| is_idle(current.worker.pid)));
        let Some(index) = candidate.filter(|_| lasted >= scale.down && load.waits.is_none()) else { return };
        let place = std::mem::replace(&mut self.places[index], Place { is_closed: true, ..Place::default() });
        let Some(current) = { place }.seat.take_current() else { return };
        self.course.calm = None;
        let (pid, running) = (current.worker.pid, self.course.running);
        into.push(Action::Log(Line::Shrinks { pid, count: count - 1, least: scale.least, lasted, running }));
        let terms = self.terms(Reason::ScaleDown);
        self.retire(current.drain(&terms, now), &terms, into);
    }

    /// A process that was added for the load has failed to start, and others serve: it is not tried again unless the load asks
    /// for it when its time has come.
    pub(super) fn give_up_place(&mut self, index: usize) {
        let Some(scale) = self.rules.scale else { return };
        self.look_soon();
        let others_serve = self.places.iter().any(|place| place.seat.current().is_some());
        let is_extra = self.open().count() > scale.least && self.places[index].seat.current().is_none();
        if others_serve && is_extra && !self.places[index].seat.has_successor() {
            self.places[index].is_closed = true;
        }
    }
}
