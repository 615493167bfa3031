//! Where an application stands, and what changes that: a state machine without I/O, locks and clocks.
//!
//! ```text
//! Still(Empty) → Asked → Queued → Starting → Settled → Still(Ready) → Asked (its script has changed) → …
//!                  │        │         │         └────→ Still(Failed) → Asked (another attempt) → …
//!                  └────────┴→ Still  └→ TimedOut ───→ Still(Failed)
//!                                           └────────→ Settled (its thread has come back after all)
//! ```
//!
//! Whoever works on the start holds the [`Ticket`] of the state; events of anybody else change nothing.

use super::record::Record;

/// How long a refusal is repeated before files are looked at again, microseconds.
pub const BETWEEN_LOOKS: i64 = 200_000;

/// Names whoever works on the start of an application: a request, then the attempt that it wants. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(pub(super) u64);

/// In which interpreter the next attempt is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NextInterpreter {
    /// The interpreter of the application group.
    #[default]
    Group,
    /// A new one, which becomes that of its group: the last attempt spoiled the old one.
    Fresh,
}

/// Where an application stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody works on its start.
    Still(Still),
    /// A request asks the registry whether the application may be started.
    Asked {
        /// The request.
        by: Ticket,
        /// Where it stood.
        was: Still,
    },
    /// The attempt waits for its loader and for the startup lock.
    Queued {
        /// The attempt.
        attempt: Ticket,
        /// Where it stood.
        was: Still,
    },
    /// The attempt is made, within its time.
    Starting {
        /// The attempt.
        attempt: Ticket,
        /// How far it has come.
        phase: Phase,
        /// In which interpreter it is made.
        next: NextInterpreter,
    },
    /// The attempt has ended; its loader writes that down.
    Settled {
        /// The attempt.
        attempt: Ticket,
        /// It has ended well.
        well: bool,
    },
    /// The attempt's time is over; the watchdog writes that down.
    TimedOut {
        /// The attempt.
        attempt: Ticket,
        /// In which interpreter the next one is made.
        next: NextInterpreter,
    },
}

/// Where an application stands that nobody starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Still {
    /// Nothing was tried here.
    #[default]
    Empty,
    /// The application serves.
    Ready,
    /// The last attempt failed, here or in another process.
    Failed(Failed),
}

/// What is known of an application that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    /// In which interpreter the next attempt is made.
    pub next: NextInterpreter,
    /// The attempt that timed out, if no other was begun since: it may come back.
    pub late: Option<Ticket>,
    /// What a request was refused with: the key of the start record, when, and the record.
    pub refused: Option<(u64, i64, Record)>,
}

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its script is loaded.
    Loading,
    /// Its warm-up requests run.
    Warming,
}

/// What happens to the start, by whoever holds the ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The request sends its attempt to the loader.
    Queued,
    /// No attempt is made: the application stands where it stood.
    LetGo,
    /// No attempt is made: it failed elsewhere. With what a request is refused with, and for which key.
    Refused(Option<(u64, Record)>),
    /// The attempt begins: what one that timed out before comes back with does not count any more.
    Begun,
    /// The attempt has made the new interpreter that it needed.
    InterpreterMade,
    /// The script is loaded, and the warm-up begins.
    Warms,
    /// The attempt has ended. Counts for the loader or for the watchdog, whichever comes first.
    Ended {
        /// It has ended well.
        well: bool,
    },
    /// A panic of the engine ended the attempt, wherever it was.
    Broken,
    /// The attempt's time is over, and its thread hangs.
    TimedOut {
        /// Where the next one is made.
        next: NextInterpreter,
    },
    /// It is written down for other processes that the attempt has timed out.
    TimeOutKnown,
    /// An attempt that had timed out has ended well.
    CameBack,
    /// The application serves, and that is written down.
    Proven,
    /// The attempt has failed, and that is written down.
    Failed {
        /// Where the next one is made.
        next: NextInterpreter,
    },
}

/// Whether an event changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// The event happened.
    Yes,
    /// The event comes too late: somebody else works on the start, or it is settled.
    No,
    /// Another request asks about the start: this is to be tried again in a moment.
    NotYet,
}

impl State {
    /// The state after an event by whoever has this ticket, and whether the event counts. `now`: microseconds of the
    /// monotonic clock.
    pub fn on(self, by: Ticket, event: Event, now: i64) -> (Self, Counts) {
        let after = match (self, event) {
            (Self::Asked { by: owner, was }, Event::Queued) if owner == by => {
                Self::Queued { attempt: by, was }
            }
            (Self::Asked { by: owner, was } | Self::Queued { attempt: owner, was }, Event::LetGo)
                if owner == by =>
            {
                Self::Still(was)
            }
            (
                Self::Asked { by: owner, was } | Self::Queued { attempt: owner, was },
                Event::Refused(refused),
            ) if owner == by => {
                let refused = refused.map(|(key, record)| (key, now, record));
                Self::failed(Failed { refused, ..was.into_failed() })
            }
            (Self::Queued { attempt, was }, Event::Begun) if attempt == by => {
                Self::Starting { attempt, phase: Phase::Loading, next: was.next() }
            }
            (Self::Starting { attempt, phase, .. }, Event::InterpreterMade) if attempt == by => {
                Self::Starting { attempt, phase, next: NextInterpreter::Group }
            }
            (Self::Starting { attempt, phase: Phase::Loading, next }, Event::Warms) if attempt == by => {
                Self::Starting { attempt, phase: Phase::Warming, next }
            }
            (Self::Starting { attempt, .. }, Event::Ended { well }) if attempt == by => {
                Self::Settled { attempt, well }
            }
            (Self::Starting { attempt, .. } | Self::Settled { attempt, .. }, Event::Broken)
                if attempt == by =>
            {
                Self::Settled { attempt, well: false }
            }
            (Self::Starting { attempt, .. }, Event::TimedOut { next }) if attempt == by => {
                Self::TimedOut { attempt, next }
            }
            (Self::TimedOut { attempt, next }, Event::TimeOutKnown) if attempt == by => {
                Self::failed(Failed { next, late: Some(attempt), refused: None })
            }
            (Self::TimedOut { attempt, .. }, Event::CameBack) if attempt == by => {
                Self::Settled { attempt, well: true }
            }
            (Self::Still(was), Event::CameBack) if was.waits_for(by) => {
                Self::Settled { attempt: by, well: true }
            }
            (state @ (Self::Asked { .. } | Self::Queued { .. }), Event::CameBack)
                if state.was().is_some_and(|was| was.waits_for(by)) =>
            {
                return (state, Counts::NotYet);
            }
            (Self::Settled { attempt, well: true }, Event::Proven) if attempt == by => {
                Self::Still(Still::Ready)
            }
            (Self::Settled { attempt, .. }, Event::Failed { next }) if attempt == by => {
                Self::failed(Failed { next, ..Failed::default() })
            }
            (state, _) => return (state, Counts::No),
        };
        (after, Counts::Yes)
    }

    fn failed(failed: Failed) -> Self {
        Self::Still(Still::Failed(failed))
    }

    /// Where it stood before somebody asked about its start.
    fn was(&self) -> Option<&Still> {
        match self {
            Self::Asked { was, .. } | Self::Queued { was, .. } => Some(was),
            _ => None,
        }
    }
}

impl Still {
    /// In which interpreter the next attempt is made.
    pub fn next(&self) -> NextInterpreter {
        match self {
            Self::Failed(failed) => failed.next,
            Self::Empty | Self::Ready => NextInterpreter::Group,
        }
    }

    /// What is known of the failure, if it is one.
    fn into_failed(self) -> Failed {
        match self {
            Self::Failed(failed) => failed,
            Self::Empty | Self::Ready => Failed::default(),
        }
    }

    /// The attempt had timed out, and may come back.
    fn waits_for(&self, attempt: Ticket) -> bool {
        matches!(self, Self::Failed(Failed { late: Some(late), .. }) if *late == attempt)
    }
}

impl Failed {
    /// What a request was refused with for this record, if that still holds.
    pub fn refusal(&self, key: u64, now: i64) -> Option<Record> {
        let (known, at, record) = self.refused.as_ref()?;
        let holds = *known == key && now - at < BETWEEN_LOOKS && now < record.next;
        holds.then(|| record.clone())
    }
}
