//! What a thread does with a connection, from the moment it has it until it lets it go: the decisions, without sockets or
//! scoreboard.
//!
//! A thread gets a connection from the queue or, for a next request, from the epoll. It reads the request, has it served, sends
//! the end of the answer and lets the connection wait for the next request, or forgets it. The claim of the thread goes back
//! before the end is sent, so that a child that has read the end finds an idle thread; after it, where sending may last; or not
//! at all, if somebody waits in the queue, whom the thread takes next. Each [`Step`] says what is to be done, and holds the
//! state that is told what came of it: nothing else can be told to that state.
#![forbid(unsafe_code)]

/// Where a thread has a connection from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The listening socket. The thread has claimed itself for it, and has greeted.
    Queue,
    /// The epoll: the child has claimed a thread, or the connection has ended.
    Epoll,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read a request: [`Reading::requested`] or [`Reading::ended`].
    Read(Reading),
    /// Have it served, and note that the child's claim is the thread's own from then on: [`Serving::served`] or
    /// [`Serving::broken`].
    Serve(Serving),
    /// Give the claim back: [`Releasing::released`].
    Release(Releasing),
    /// Send the end of the answer: [`Ending::sent`].
    End(Ending),
    /// Have the connection waited for: [`Arming::armed`].
    Arm(Arming),
    /// Close the connection, with the claim that its child may have noted: [`Forgetting::forgotten`].
    Forget(Forgetting),
    /// The thread has let it go.
    Done {
        /// It has a claim left, and takes a connection from the queue.
        takes_queue: bool,
    },
}

/// A request is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading(Origin);

/// A request was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serving(Origin);

/// The claim goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Releasing {
    /// Before the end is sent.
    BeforeEnd(Origin),
    /// Afterwards; `usable`: the connection can have another request.
    AfterEnd {
        /// Where the connection came from.
        origin: Origin,
        /// Nothing is left of the request, and nothing is broken.
        usable: bool,
    },
}

/// The end is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    origin: Origin,
    claim: Claim,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// It has gone back.
    Released,
    /// It goes back when the end has been sent.
    Held,
    /// It stays with the thread, for the queue.
    Kept,
}

/// The connection is to wait for its next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arming {
    /// It was waited for before.
    pub origin: Origin,
    takes_queue: bool,
}

/// The connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgetting {
    /// The thread's own claim is the connection's, if that has no place where it is noted.
    pub holds: bool,
    takes_queue: bool,
}

/// What is seen when a request has been served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The rest of the answer and its end will fit into the socket's buffer.
    pub fits: bool,
    /// Requests wait in the queue.
    pub queued: bool,
    /// The worker takes requests.
    pub is_open: bool,
}

/// A thread has a connection.
pub fn begin(origin: Origin) -> Step {
    Step::Read(Reading(origin))
}

fn forget(holds: bool) -> Step {
    Step::Forget(Forgetting { holds, takes_queue: false })
}

impl Reading {
    /// There is a request.
    pub fn requested(self) -> Step {
        Step::Serve(Serving(self.0))
    }

    /// The connection has ended, or has brought something else.
    pub fn ended(self) -> Step {
        forget(self.0 == Origin::Queue)
    }
}

impl Serving {
    /// There is an answer, all but its end.
    pub fn served(self, sight: Sight) -> Step {
        let origin = self.0;
        if sight.queued && sight.is_open {
            Step::End(Ending { origin, claim: Claim::Kept })
        } else if sight.fits {
            Step::Release(Releasing::BeforeEnd(origin))
        } else {
            Step::End(Ending { origin, claim: Claim::Held })
        }
    }

    /// There is no answer: the request was malformed, its child has gone, or the engine failed.
    pub fn broken(self) -> Step {
        forget(self.0 == Origin::Queue)
    }
}

impl Releasing {
    /// It has gone back.
    pub fn released(self) -> Step {
        match self {
            Self::BeforeEnd(origin) => Step::End(Ending { origin, claim: Claim::Released }),
            Self::AfterEnd { origin, usable } => rest(origin, usable, false),
        }
    }
}

impl Ending {
    /// The end has been sent, or could not be; `usable`: the connection can have another request.
    pub fn sent(self, usable: bool) -> Step {
        let origin = self.origin;
        match self.claim {
            Claim::Released => rest(origin, usable, false),
            Claim::Kept if usable => rest(origin, true, true),
            // One that keeps its claim for the queue after a connection has broken might be at that for long.
            Claim::Held | Claim::Kept => Step::Release(Releasing::AfterEnd { origin, usable }),
        }
    }
}

fn rest(origin: Origin, usable: bool, takes_queue: bool) -> Step {
    if usable { Step::Arm(Arming { origin, takes_queue }) } else { forget(false) }
}

impl Arming {
    /// Whether threads wait for it.
    pub fn armed(self, armed: bool) -> Step {
        match armed {
            true => Step::Done { takes_queue: self.takes_queue },
            false => Step::Forget(Forgetting { holds: false, takes_queue: self.takes_queue }),
        }
    }
}

impl Forgetting {
    /// It is closed.
    pub fn forgotten(self) -> Step {
        Step::Done { takes_queue: self.takes_queue }
    }
}

#[cfg(test)]
mod tests;
