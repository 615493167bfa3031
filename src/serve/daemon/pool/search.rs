//! How a request finds a thread of its group: the decisions, without sockets, clocks or scoreboard.
//!
//! A connection without a request is used if a thread behind it can be claimed, the one that was used last first. Otherwise
//! the request connects to the group's socket and waits in the queue until a worker greets it. Each [`Choice`] and [`Step`] says
//! what is to be done now, and holds the state that is told what came of it: nothing else can be told to that state.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// Workers that may die between taking a connection and greeting it.
const MOST_DEATHS: u32 = 20;

/// How often a request that waits in the queue looks whether the group has gone down.
const LOOK: Duration = Duration::from_millis(200);

/// Processes that are tried before a request is given up.
const MOST_TRIES: u32 = 100;

/// How long a request may look for a thread.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// queue-timeout ends then; `None`: it is off.
    pub queue: Option<Instant>,
    /// socket-timeout ends then.
    pub give_up: Instant,
    /// connect-timeout: how long it may take to get into the queue.
    pub connect: Duration,
}

/// What is to be done with the idle connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Claim a thread behind this one: [`Idle::claimed`].
    Claim(Idle),
    /// The request has this one.
    Use(Idle),
    /// Close this one, whose worker takes nothing any more: [`Idle::closed`].
    Close(Idle),
    /// None is left: the request goes to the queue.
    Queue,
}

/// What is to be done to get a thread by the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Look whether the group serves: [`Looking::seen`].
    Look(Looking),
    /// Connect to the group's socket within this time: [`Connecting::connected`] or [`Connecting::failed`].
    Connect(Connecting, Duration),
    /// Wait so long for something to read: [`Waiting::waited`].
    Await(Waiting, Duration),
    /// Read the greeting: [`Waiting::greeted`] or [`Waiting::failed`].
    Greet(Waiting),
    /// The request has the new connection.
    Adopt,
    /// There is no thread for the request.
    Fail(Why),
}

/// Why a request finds no thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No thread was idle in time.
    Late,
    /// The queue was full.
    Full,
    /// No process serves, or Apache's child ends.
    Down,
    /// The error of the socket that the driver has seen last.
    Socket,
    /// Worker after worker died before its greeting.
    Deaths,
    /// Another program, or another version, answers at the socket.
    Stranger,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The thread is claimed.
    Made,
    /// All threads of the process are.
    Busy,
    /// The process takes no requests any more.
    Gone,
}

/// What is seen of the group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// No process serves, and none starts.
    pub is_down: bool,
    /// Apache's child ends.
    pub is_stopping: bool,
}

/// How a socket failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Not in time.
    Timeout,
    /// The other side has closed.
    Closed,
    /// Anything else.
    Other,
}

/// Who greeted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// A worker of the group.
    Worker,
    /// A worker that names a slot which does not exist.
    Nowhere,
    /// Somebody without the group's token, or of another version.
    Stranger,
}

/// An idle connection, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idle {
    /// The index among the idle connections.
    pub at: usize,
}

/// A look at the group, before it is connected to or while the request waits in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looking {
    deaths: u32,
    queued: bool,
}

/// A connection is being made, after so many deaths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connecting {
    deaths: u32,
}

/// A connection waits in the queue, after so many deaths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    deaths: u32,
}

/// Begins with so many idle connections.
pub fn begin(idle: usize) -> Choice {
    match idle.checked_sub(1) {
        Some(at) => Choice::Claim(Idle { at }),
        None => Choice::Queue,
    }
}

/// Begins with the queue.
pub fn queue() -> Step {
    Step::Look(Looking { deaths: 0, queued: false })
}

impl Idle {
    /// What became of the claim.
    pub fn claimed(self, claim: Claim) -> Choice {
        match claim {
            Claim::Made => Choice::Use(self),
            Claim::Busy => begin(self.at),
            Claim::Gone => Choice::Close(self),
        }
    }

    /// It is closed, and none of those before it has moved.
    pub fn closed(self) -> Choice {
        begin(self.at)
    }
}

impl Looking {
    /// What was seen. One who has not connected yet may still find a thread while its child ends.
    pub fn seen(self, sight: Sight, limits: &Limits, now: Instant) -> Step {
        let Self { deaths, queued } = self;
        if sight.is_down || (queued && sight.is_stopping) {
            return Step::Fail(Why::Down);
        }
        if queued {
            return wait(deaths, limits, now);
        }
        let left = limits.queue.map_or(Duration::MAX, |until| until.saturating_duration_since(now));
        Step::Connect(Connecting { deaths }, limits.connect.min(left))
    }
}

impl Connecting {
    /// The connection stands in the queue.
    pub fn connected(self, limits: &Limits, now: Instant) -> Step {
        wait(self.deaths, limits, now)
    }

    /// There is no connection.
    pub fn failed(self, failure: Failure, limits: &Limits, now: Instant) -> Step {
        match failure {
            Failure::Timeout if limits.queue.is_some_and(|until| now >= until) => Step::Fail(Why::Late),
            Failure::Timeout => Step::Fail(Why::Full),
            Failure::Closed => again(self.deaths),
            Failure::Other => Step::Fail(Why::Socket),
        }
    }
}

impl Waiting {
    /// Whether something can be read.
    pub fn waited(self, readable: bool) -> Step {
        if readable { Step::Greet(self) } else { Step::Look(Looking { deaths: self.deaths, queued: true }) }
    }

    /// A greeting was read.
    pub fn greeted(self, greeting: Greeting) -> Step {
        match greeting {
            Greeting::Worker => Step::Adopt,
            Greeting::Nowhere => Step::Fail(Why::Down),
            Greeting::Stranger => Step::Fail(Why::Stranger),
        }
    }

    /// No greeting came.
    pub fn failed(self, failure: Failure) -> Step {
        match failure {
            Failure::Closed => again(self.deaths),
            Failure::Timeout | Failure::Other => Step::Fail(Why::Socket),
        }
    }
}

fn wait(deaths: u32, limits: &Limits, now: Instant) -> Step {
    let end = limits.queue.map_or(limits.give_up, |until| until.min(limits.give_up));
    match end.saturating_duration_since(now) {
        Duration::ZERO => Step::Fail(Why::Late),
        left => Step::Await(Waiting { deaths }, left.min(LOOK)),
    }
}

/// A worker died between taking the connection and saying so.
fn again(deaths: u32) -> Step {
    let deaths = deaths + 1;
    if deaths < MOST_DEATHS { Step::Look(Looking { deaths, queued: false }) } else { Step::Fail(Why::Deaths) }
}

/// Whether an idle connection is kept: more of them than a process has threads are of no use, since each overload would leave
/// some. `others`: idle connections to the same process; `threads`: what the process says of itself.
pub fn is_kept(others: usize, threads: u32) -> bool {
    /// Whatever the process says of itself.
    const MOST: usize = 256;
    others < (threads as usize).clamp(1, MOST)
}

/// Threads beyond its own that a process may have claimed; `None`: not even one without a place. Where there is one process, a
/// request that finds no idle thread may as well wait there as in the queue, unless it must know when that takes too long.
pub fn beyond(processes: u32, queue_timeout: u32, backlog: u32) -> Option<u32> {
    match (processes, queue_timeout) {
        (1, 0) => Some(backlog),
        (_, 0) => Some(0),
        _ => None,
    }
}

/// One process after another is given a request, until one has called the application.
#[derive(Clone, Copy, Debug)]
pub struct Tries {
    /// Until when another process may be tried.
    until: Instant,
    /// Processes of the group.
    processes: u32,
    count: u32,
}

impl Tries {
    /// No process was tried.
    pub fn new(until: Instant, processes: u32) -> Self {
        Self { until, processes, count: 0 }
    }

    /// Whether another process is tried; and true: it serves the code that it has, changed or not. Each process has been
    /// replaced meanwhile then, and what a script says of itself may never be that it is new.
    pub fn next(&mut self, now: Instant) -> Option<bool> {
        if self.count == MOST_TRIES || (self.count > 0 && now > self.until) {
            return None;
        }
        self.count += 1;
        Some(self.count > self.processes + 1)
    }
}

#[cfg(test)]
mod tests;
