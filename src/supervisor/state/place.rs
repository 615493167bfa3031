//! A place of a group: who is in it, and when another process may be started there.

use super::worker::{Deadline, Serving, Starting};
use std::time::{Duration, Instant};

/// A process that lived so long did not die of its start.
pub const GREW_OLD: Duration = Duration::from_secs(10);

/// A place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// Who is in it.
    pub seat: Seat,
    /// When the next process may be started. `None`: at once.
    pub next: Option<Instant>,
    /// Starts that failed in a row.
    pub failures: u32,
    /// Processes that died young in a row.
    pub deaths: u32,
    /// The log says that the old code is kept.
    pub held: bool,
    /// The load needs no process here. Nobody is in it.
    pub is_closed: bool,
}

/// Who is in a place: one that serves, and its successor.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Seat {
    /// Nobody.
    #[default]
    Empty,
    /// Nobody serves yet.
    Starting(Successor),
    /// One serves.
    Serving(Serving),
    /// One serves, and another one starts.
    Replacing(Serving, Successor),
}

/// A process that will serve.
#[derive(Clone, Debug, PartialEq)]
pub enum Successor {
    /// It is to be forked.
    Asked,
    /// It starts its applications.
    Started(Starting),
}

impl Seat {
    fn new(current: Option<Serving>, successor: Option<Successor>) -> Self {
        match (current, successor) {
            (None, None) => Self::Empty,
            (None, Some(successor)) => Self::Starting(successor),
            (Some(current), None) => Self::Serving(current),
            (Some(current), Some(successor)) => Self::Replacing(current, successor),
        }
    }

    fn parts(self) -> (Option<Serving>, Option<Successor>) {
        match self {
            Self::Empty => (None, None),
            Self::Starting(successor) => (None, Some(successor)),
            Self::Serving(current) => (Some(current), None),
            Self::Replacing(current, successor) => (Some(current), Some(successor)),
        }
    }

    /// The process that serves.
    pub fn current(&self) -> Option<&Serving> {
        match self {
            Self::Serving(current) | Self::Replacing(current, _) => Some(current),
            Self::Empty | Self::Starting(_) => None,
        }
    }

    /// The process that serves.
    pub fn current_mut(&mut self) -> Option<&mut Serving> {
        match self {
            Self::Serving(current) | Self::Replacing(current, _) => Some(current),
            Self::Empty | Self::Starting(_) => None,
        }
    }

    /// A process will serve.
    pub fn has_successor(&self) -> bool {
        matches!(self, Self::Starting(_) | Self::Replacing(..))
    }

    /// The process that starts.
    pub fn starting(&self) -> Option<&Starting> {
        match self {
            Self::Starting(Successor::Started(starting))
            | Self::Replacing(_, Successor::Started(starting)) => Some(starting),
            _ => None,
        }
    }

    /// The process that starts.
    pub fn starting_mut(&mut self) -> Option<&mut Starting> {
        match self {
            Self::Starting(Successor::Started(starting))
            | Self::Replacing(_, Successor::Started(starting)) => Some(starting),
            _ => None,
        }
    }

    /// Another process is to be forked. There is none yet.
    pub fn ask(&mut self) {
        let (current, _) = std::mem::take(self).parts();
        *self = Self::new(current, Some(Successor::Asked));
    }

    /// The process that was to be forked was forked, or could not be; false: none was to be.
    pub fn take_asked(&mut self) -> bool {
        let asked = matches!(self, Self::Starting(Successor::Asked) | Self::Replacing(_, Successor::Asked));
        if asked {
            let (current, _) = std::mem::take(self).parts();
            *self = Self::new(current, None);
        }
        asked
    }

    /// A process starts. There is none yet.
    pub fn put(&mut self, starting: Starting) {
        let (current, _) = std::mem::take(self).parts();
        *self = Self::new(current, Some(Successor::Started(starting)));
    }

    /// Takes the process that serves.
    pub fn take_current(&mut self) -> Option<Serving> {
        let (current, successor) = std::mem::take(self).parts();
        *self = Self::new(None, successor);
        current
    }

    /// Takes the process that starts.
    pub fn take_starting(&mut self) -> Option<Starting> {
        match std::mem::take(self).parts() {
            (current, Some(Successor::Started(starting))) => {
                *self = Self::new(current, None);
                Some(starting)
            }
            (current, successor) => {
                *self = Self::new(current, successor);
                None
            }
        }
    }

    /// The same, unless it was killed, and so cannot serve any more.
    pub fn take_ready(&mut self) -> Option<Starting> {
        self.starting().filter(|starting| starting.deadline != Deadline::Killed)?;
        self.take_starting()
    }

    /// A process serves here; answers whom it replaces.
    pub fn install(&mut self, serving: Serving) -> Option<Serving> {
        let (old, successor) = std::mem::take(self).parts();
        *self = Self::new(Some(serving), successor);
        old
    }
}

impl Place {
    /// A process in which so many applications have failed is better than what serves: here, or elsewhere, where in the best one
    /// so many of the `others` have.
    pub fn is_better(&self, failed: u32, others: Option<u32>) -> bool {
        match self.seat.current() {
            Some(current) => failed == 0 || failed < current.failed,
            None => failed == 0 || others.is_none_or(|others| failed <= others),
        }
    }

    /// A start has failed: the next one comes more slowly.
    pub fn fail(&mut self, now: Instant) {
        self.failures += 1;
        self.next = Some(now + wire::backoff::delay(self.failures));
    }

    /// The process that served has died at this age. The first time it is replaced at once.
    pub fn bury(&mut self, age: Duration, now: Instant) {
        if age >= GREW_OLD {
            (self.failures, self.deaths, self.next) = (0, 0, None);
        } else {
            self.next = Some(now + wire::backoff::delay(self.deaths));
            self.deaths += 1;
        }
    }

    /// How long it is until the next process may be started.
    pub fn pause(&self, now: Instant) -> Duration {
        self.next.map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }

    /// Nobody serves here, or one that is to be replaced.
    pub fn wants_process(&self) -> bool {
        self.seat.current().is_none_or(|current| current.replace.is_some())
    }

    /// A process is to be started here as soon as its time has come. Where processes serve, one is replaced after another:
    /// `any_starts`, a process of the group is being started.
    pub fn may_start(&self, any_starts: bool) -> bool {
        let is_blocked = any_starts && self.seat.current().is_some();
        !self.is_closed && self.wants_process() && !self.seat.has_successor() && !is_blocked
    }
}
