//! The load of a group whose processes follow it, and what is known of it: `growth` acts on that.

use std::time::{Duration, Instant};

/// `processes=1..8`, and what goes with it. The most are the places of the group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// The fewest processes.
    pub least: usize,
    /// `scale-up=`: how long requests may wait in the queue.
    pub up: Duration,
    /// `scale-down=`: a process that was not needed for so long goes.
    pub down: Duration,
    /// Requests that a process serves at the same time.
    pub threads: u32,
}

/// What is seen of the load.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// Requests wait in the queue, without a break for so long.
    pub waits: Option<Duration>,
    /// Processes that take requests, and how many each has.
    pub claims: Vec<(u32, u32)>,
    /// Requests that they have had since they began.
    pub served: u64,
}

/// What is known of the load.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Course {
    /// When it is looked at again.
    pub look: Look,
    /// Somebody tells when a request comes to the queue.
    pub listens: bool,
    /// When a process has begun to serve last: what has waited since then waits in spite of it.
    pub helped: Option<Instant>,
    /// Since when one process fewer would have done.
    pub calm: Option<Instant>,
    /// The most requests at a time since then.
    pub running: u32,
    /// What was served when it was looked at last.
    pub served: u64,
}

/// When the load is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Look {
    /// Now.
    #[default]
    Due,
    /// Then.
    At(Instant),
    /// When something happens.
    Never,
}

impl Look {
    /// It is looked at now.
    pub fn is_due(self, now: Instant) -> bool {
        self == Self::Due || matches!(self, Self::At(at) if at <= now)
    }

    /// Then, or before.
    pub fn by(&mut self, then: Instant) {
        match *self {
            Self::Never => *self = Self::At(then),
            Self::At(at) => *self = Self::At(at.min(then)),
            Self::Due => {}
        }
    }
}
