//! The start of one application in this process: what requests get of it, and what an event means for those who wait.
//!
//! Without I/O, locks and clocks, like the [`State`] in it: [`App`] keeps it under its lock and wakes those who wait.
//!
//! [`App`]: super::App

use super::record::Record;
use super::state::{Counts, Event, NextInterpreter, State, Still, Ticket};

#[cfg(test)]
mod tests;

/// The start of one application in this process.
#[derive(Clone, Debug)]
pub struct Progress {
    state: State,
    /// Attempts whose threads hang.
    hung: Vec<Ticket>,
    /// Number of the last ticket.
    tickets: u64,
}

/// What a request that wants the application knows.
#[derive(Clone, Copy, Debug)]
pub struct Want {
    /// What serves, if anything does, is newer than what the request found.
    pub is_newer: bool,
    /// The request has had an attempt made already.
    pub has_tried: bool,
    /// The key of the application's start record.
    pub key: u64,
}

/// What a request that wants the application gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The application is being started: wait until that has changed.
    Moves,
    /// The application serves.
    Serves,
    /// The attempt that the request had made has failed.
    Failed,
    /// Another request was refused with this just now.
    Refused(Record),
    /// The request works on the start from now on, and asks the registry.
    Yours {
        /// What the request is known by.
        ticket: Ticket,
        /// The last attempt failed here.
        failed: bool,
        /// Number of attempts whose threads hang.
        hung: usize,
    },
}

/// What an event means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Answer {
    /// For whoever it came from.
    pub counts: Counts,
    /// For those who wait: they are to be woken, to look again.
    pub wake: bool,
}

impl Default for Progress {
    /// Nothing was tried.
    fn default() -> Self {
        Self { state: State::Still(Still::Empty), hung: Vec::new(), tickets: 0 }
    }
}

impl Progress {
    /// A request wants the application. `now`: microseconds of the monotonic clock.
    pub fn want(&mut self, want: Want, now: i64) -> Wanted {
        let State::Still(still) = &mut self.state else { return Wanted::Moves };
        match still {
            Still::Ready if want.is_newer => return Wanted::Serves,
            Still::Failed(_) if want.has_tried => return Wanted::Failed,
            Still::Failed(failed) => {
                if let Some(record) = failed.refusal(want.key, now) {
                    return Wanted::Refused(record);
                }
            }
            Still::Empty | Still::Ready => {}
        }
        let was = std::mem::take(still);
        let failed = matches!(was, Still::Failed(_));
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.state = State::Asked { by: ticket, was };
        Wanted::Yours { ticket, failed, hung: self.hung.len() }
    }

    /// Something has happened to the start of the application. `now`: as for [`Progress::want`].
    pub fn on(&mut self, by: Ticket, event: Event, now: i64) -> Answer {
        let (moved, ends) = (self.is_moving(), matches!(event, Event::Ended { .. } | Event::Broken));
        let times_out = matches!(event, Event::TimedOut { .. });
        let state = std::mem::replace(&mut self.state, State::Still(Still::Empty));
        let (state, counts) = state.on(by, event, now);
        self.state = state;
        match counts {
            Counts::Yes if times_out => self.hung.push(by),
            Counts::No if ends => self.hung.retain(|hung| *hung != by),
            _ => {}
        }
        Answer { counts, wake: moved && !self.is_moving() }
    }

    /// Whether somebody works on the start: who waits for it looks for the end of that.
    pub fn is_moving(&self) -> bool {
        !matches!(self.state, State::Still(_))
    }

    /// The attempt is being made and has not timed out.
    pub fn is_made(&self, by: Ticket) -> bool {
        matches!(self.state, State::Starting { attempt, .. } | State::Settled { attempt, .. } if attempt == by)
    }

    /// Where the attempt that is being made, or the next one, is made.
    pub fn next_interpreter(&self) -> NextInterpreter {
        match &self.state {
            State::Starting { next, .. } | State::TimedOut { next, .. } => *next,
            State::Still(was) | State::Asked { was, .. } | State::Queued { was, .. } => was.next(),
            State::Settled { .. } => NextInterpreter::Group,
        }
    }
}
