//! The template of a group whose processes are forked (`spawn=fork`), and what it was asked for: `forking` acts on that.

use super::place::Place;
use std::time::Instant;

/// A group's template.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// Who it is, and its successor.
    pub place: Place,
    /// How many there were.
    pub generation: u64,
    /// Workers that it was asked for.
    pub asked: Vec<Asked>,
    /// Processes are executed.
    pub fallen: bool,
    /// Why that was the last time.
    pub said: String,
}

/// A worker that is to be forked.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Index of the place that it is for.
    pub place: usize,
    /// Pid of the template.
    pub template: u32,
    /// The template's generation.
    pub generation: u64,
    /// When that has taken too long.
    pub until: Instant,
}

/// Where a process for a place comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Its python is executed.
    Exec,
    /// It is forked of this template.
    Fork(u32),
    /// There is no template for it yet.
    Wait,
}

impl Template {
    /// Processes are forked, or will be.
    pub fn is_wanted(&self) -> bool {
        !self.fallen
    }

    /// One that starts, or is there, of this number.
    pub fn is_of(&self, pid: u32) -> bool {
        let current = self.place.seat.current().is_some_and(|current| current.worker.pid == pid);
        current || self.is_starting(pid)
    }

    /// One starts that has this number.
    pub fn is_starting(&self, pid: u32) -> bool {
        self.place.seat.starting().is_some_and(|starting| starting.worker.pid == pid)
    }

    /// Processes can be forked, or soon.
    pub fn is_near(&self, soon: Instant) -> bool {
        let place = &self.place;
        self.fallen
            || place.seat.current().is_some()
            || (place.failures == 0 && place.next.is_none_or(|at| at <= soon))
    }

    /// When there is something to do again.
    pub fn wakes_at(&self, now: Instant) -> Option<Instant> {
        let place = &self.place;
        let deadline = place.seat.starting().and_then(|starting| starting.deadline.at());
        let asked = self.asked.iter().map(|asked| asked.until);
        let start = (self.is_wanted() && place.may_start(false)).then(|| place.next.unwrap_or(now));
        deadline.into_iter().chain(asked).chain(start).min()
    }
}
