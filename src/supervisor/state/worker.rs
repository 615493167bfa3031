//! A process as its group's decisions know it: it starts, it serves, and it finishes what it has.

use super::lines::Cause;
use std::time::{Duration, Instant};
use wire::control::{Message, Reason};

/// What a process that was told to finish has beyond its time, before it is killed.
const BEYOND: Duration = Duration::from_millis(500);

/// What is known of any process.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// The process.
    pub pid: u32,
    /// When it was forked.
    pub begun: Instant,
    /// It has said that it cannot serve.
    pub gave_up: bool,
    /// What an application has ended it by, in the process's own words.
    pub last_words: Option<String>,
    /// A template that was killed because it did not fork.
    pub does_not_fork: bool,
    /// Which of the group's templates it is, or was forked of; 0: it was executed to serve.
    pub generation: u64,
    /// The script of the application that it starts just now, in the process's own words.
    pub starts: Option<String>,
}

/// When a process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// Never.
    Never,
    /// Then.
    At(Instant),
    /// It was killed.
    Killed,
}

impl Deadline {
    fn new(at: Option<Instant>) -> Self {
        at.map_or(Self::Never, Self::At)
    }

    /// When that is, if it is still to come.
    pub fn at(self) -> Option<Instant> {
        if let Self::At(at) = self { Some(at) } else { None }
    }

    /// Answers once that the time is up; the process counts as killed from then on.
    pub fn expire(&mut self, now: Instant) -> bool {
        let expired = self.at().is_some_and(|at| at <= now);
        if expired {
            *self = Self::Killed;
        }
        expired
    }

    /// One that ends already has no more time than it had.
    fn shorten(&mut self, at: Option<Instant>) {
        if *self != Self::Killed {
            *self = Self::new(self.at().into_iter().chain(at).min());
        }
    }
}

/// A process that starts its applications.
#[derive(Clone, Debug, PartialEq)]
pub struct Starting {
    /// The process.
    pub worker: Worker,
    /// When its start has taken too long.
    pub deadline: Deadline,
    /// A signal that came meanwhile: it is obeyed when the process serves.
    pub obeys: Option<Reason>,
}

/// A process that serves.
#[derive(Clone, Debug, PartialEq)]
pub struct Serving {
    /// The process.
    pub worker: Worker,
    /// Applications that failed to start in it.
    pub failed: u32,
    /// Why it is to be replaced.
    pub replace: Option<Reason>,
}

/// A process that was told to finish what it has.
#[derive(Clone, Debug, PartialEq)]
pub struct Draining {
    /// The process.
    pub worker: Worker,
    /// When that has taken too long.
    pub deadline: Deadline,
}

/// Why processes finish, and how long that may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Why.
    pub reason: Reason,
    /// How long requests have; `None` is no bound.
    pub grace: Option<Duration>,
    /// How long those that are left and exit functions have then; `None` is no bound.
    pub shutdown: Option<Duration>,
}

impl Terms {
    /// What a process is told.
    pub fn message(&self) -> Message {
        let ms = |time: Option<Duration>| {
            time.map_or(u32::MAX, |time| u32::try_from(time.as_millis()).unwrap_or(u32::MAX - 1))
        };
        Message::Drain { reason: self.reason, grace: ms(self.grace), shutdown: ms(self.shutdown) }
    }

    /// When a process that is told so now is killed.
    fn until(&self, now: Instant) -> Option<Instant> {
        let (grace, shutdown) = self.grace.zip(self.shutdown)?;
        now.checked_add(grace + shutdown + BEYOND)
    }
}

impl Worker {
    /// One that was forked now.
    pub fn new(pid: u32, now: Instant) -> Self {
        Self {
            pid,
            begun: now,
            gave_up: false,
            last_words: None,
            does_not_fork: false,
            generation: 0,
            starts: None,
        }
    }

    /// How long it lives.
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.begun)
    }

    /// Why it died, where the supervisor has not killed it.
    pub fn cause(&self) -> Cause {
        match &self.last_words {
            _ if self.gave_up => Cause::Said,
            Some(words) => Cause::Words(words.clone()),
            None => Cause::Unknown,
        }
    }
}

impl Starting {
    /// One that was forked now, and is killed if it does not serve within that time.
    pub fn new(pid: u32, limit: Duration, now: Instant) -> Self {
        let deadline = Deadline::new(now.checked_add(limit));
        Self { worker: Worker::new(pid, now), deadline, obeys: None }
    }

    /// It serves.
    pub fn serve(self, failed: u32) -> Serving {
        Serving { worker: self.worker, failed, replace: self.obeys }
    }

    /// It finishes, within the time of its end instead of that of its start.
    pub fn drain(self, terms: &Terms, now: Instant) -> Draining {
        let killed = self.deadline == Deadline::Killed;
        let deadline = if killed { Deadline::Killed } else { Deadline::new(terms.until(now)) };
        Draining { worker: self.worker, deadline }
    }
}

impl Serving {
    /// It finishes.
    pub fn drain(self, terms: &Terms, now: Instant) -> Draining {
        Draining { worker: self.worker, deadline: Deadline::new(terms.until(now)) }
    }
}

impl Draining {
    /// It is told again, perhaps to hurry.
    pub fn hurry(&mut self, terms: &Terms, now: Instant) {
        self.deadline.shorten(terms.until(now));
    }
}
