//! Connections to the processes of a group, kept open from request to request. [`search`] decides, this does.

mod queue;
mod search;
mod waits;

use super::eager::Eager;
use super::stream::Stream;
use crate::groups::{self, ProcessGroup};
use once_cell::sync::OnceCell;
pub use search::Tries;
use search::{Choice, Claim};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use waits::{Place, Waits};
use wire::scoreboard::{ConnectionSlot, WorkerSlot};

/// The connections of this process to one group.
#[derive(Default)]
pub struct Pool {
    /// Connections without a request; the one that was used last is used first.
    idle: Mutex<Vec<Conn>>,
    /// How answers are waited for.
    pub eager: Eager,
    /// Where it is said how many requests wait.
    place: Place,
}

/// A connection to a worker.
pub struct Conn {
    /// What goes over it.
    pub stream: Stream,
    slot: &'static WorkerSlot,
    entry: Option<&'static ConnectionSlot>,
    generation: u32,
    /// Index of the worker's slot, and of its connection there.
    pub target: (usize, usize),
}

/// What a process notes of the request on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing: the application has not been called.
    None,
    /// The worker has called the application.
    Started,
    /// The request has run longer than request-timeout allows, and its process ends.
    Late,
}

/// Why there is none.
#[derive(Debug)]
pub enum Problem {
    /// No thread was idle in time.
    Late,
    /// The queue was full.
    Full,
    /// The socket cannot be connected to.
    Socket(io::Error),
    /// No process serves.
    Down,
}

impl Conn {
    /// How far the request is that was sent.
    pub fn progress(&self) -> Progress {
        let noted = self.entry.map_or(1, |entry| entry.started.load(Ordering::SeqCst));
        match noted {
            // Read first: if another worker stands there now, this may be its own note.
            _ if !self.slot.is_of(self.generation) => Progress::Started,
            0 => Progress::None,
            2 => Progress::Late,
            _ => Progress::Started,
        }
    }

    /// A request is going to be sent over it: no thread has taken it.
    pub fn forget_taken(&self) {
        self.entry.inspect(|entry| entry.taken.store(0, Ordering::SeqCst));
    }

    /// When a thread took the request that was sent, microseconds of the monotonic clock, as the process says; 0: none has. `None`:
    /// that is not known.
    pub fn taken(&self) -> Option<i64> {
        let entry = self.entry.filter(|_| self.slot.is_of(self.generation));
        entry.map(|entry| entry.taken.load(Ordering::SeqCst))
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.slot.pid.load(Ordering::Relaxed)
    }

    /// Threads of its process that are claimed.
    pub fn claimed(&self) -> u32 {
        self.slot.claimed()
    }

    /// Claims a thread, as long as fewer than `most` are.
    fn claim(&self, most: u32) -> Claim {
        let Some(entry) = self.entry else { return Claim::Gone };
        entry.started.store(0, Ordering::SeqCst);
        entry.claimed.store(1, Ordering::SeqCst);
        let claim = match self.slot.claim(self.generation, most) {
            Some(true) => {
                waits::ring(self.slot, Some(self.slot.claimed()));
                return Claim::Made;
            }
            Some(false) => Claim::Busy,
            None => Claim::Gone,
        };
        entry.claimed.store(0, Ordering::SeqCst);
        claim
    }

    /// The process that it leads to takes requests.
    fn is_open(&self) -> bool {
        self.slot.is_of(self.generation) && self.slot.is_open()
    }
}

/// How long an answer may take, as far as reading and writing are concerned. `timeout`: that of the server.
pub fn patience(live: &ProcessGroup, timeout: Duration) -> Duration {
    match live.group.socket_timeout {
        0 => timeout,
        seconds => Duration::from_secs(seconds.into()),
    }
}

/// No thread that is idle has a place: waits where fewest do, unless another process has a place, or it must be known how long:
/// for queue-timeout, or for another process to be started.
fn stand_behind(live: &ProcessGroup, idle: &mut Vec<Conn>) -> Option<Conn> {
    let group = &live.group;
    if group.processes.is_some_and(|processes| processes.least() < live.processes()) {
        return None;
    }
    let more = search::beyond(live.processes(), group.queue_timeout, group.listen_backlog)?;
    if live.processes() > 1 && live.slots.iter().any(WorkerSlot::has_place) {
        return None;
    }
    let (at, conn) = idle.iter().enumerate().min_by_key(|(_, conn)| conn.slot.claimed())?;
    let claim = conn.claim(conn.slot.threads().saturating_add(more));
    if claim == Claim::Made {
        waits::note_waiting(live, conn.slot.claimed().saturating_sub(conn.slot.places()));
    }
    (claim == Claim::Made).then(|| idle.remove(at))
}

/// The connections of this process to a group. In a child the groups do not change any more.
pub fn of(group: &ProcessGroup) -> &'static Pool {
    static POOLS: OnceCell<Box<[Pool]>> = OnceCell::new();
    &POOLS.get_or_init(|| groups::all().iter().map(|_| Pool::default()).collect())[group.number]
}

impl Pool {
    fn idle(&self) -> MutexGuard<'_, Vec<Conn>> {
        os::lock(&self.idle)
    }

    /// A connection with a thread behind it. Waits for one in the group's queue, until then. `patience`: how long the other
    /// side of a connection may be silent.
    pub fn take(
        &self,
        live: &'static ProcessGroup,
        patience: Duration,
        until: Option<Instant>,
    ) -> Result<Conn, Problem> {
        if let Some(conn) = self.claim_idle(live) {
            return Ok(conn);
        }
        queue::connect(live, patience, until, &mut Waits::begin(live, &self.place))
    }

    /// A connection without a request, and a thread behind it.
    fn claim_idle(&self, live: &ProcessGroup) -> Option<Conn> {
        let mut idle = self.idle();
        let mut choice = search::begin(idle.len());
        loop {
            choice = match choice {
                Choice::Claim(place) => place.claimed(idle[place.at].claim(idle[place.at].slot.places())),
                Choice::Close(place) => {
                    drop(idle.remove(place.at));
                    place.closed()
                }
                Choice::Use(place) => return Some(idle.remove(place.at)),
                Choice::Queue => return stand_behind(live, &mut idle),
            };
        }
    }

    /// For the next request.
    pub fn give_back(&self, conn: Conn) {
        // Without a connection slot it cannot be claimed.
        if conn.entry.is_some() {
            let mut idle = self.idle();
            // Connections to processes that have gone are of no use.
            idle.retain(Conn::is_open);
            let others = idle.iter().filter(|other| std::ptr::eq(other.slot, conn.slot)).count();
            if search::is_kept(others, conn.slot.threads()) {
                idle.push(conn);
            }
        }
    }
}
