//! Connections to the processes of a group, kept open from request to request.

use super::eager::Eager;
use super::stream::Stream;
use crate::apache::Request;
use crate::groups::{self, ProcessGroup};
use once_cell::sync::OnceCell;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use wire::frame::{Hello, Kind};
use wire::scoreboard::{Condition, ConnectionSlot, WorkerSlot};

/// How often a request that waits in the queue looks whether the group has gone down.
const LOOK: Duration = Duration::from_millis(200);

/// The connections of this process to one group.
#[derive(Default)]
pub struct Pool {
    /// Connections without a request; the one that was used last is used first.
    idle: Mutex<Vec<Conn>>,
    /// How answers are waited for.
    pub eager: Eager,
}

/// A connection to a worker.
pub struct Conn {
    /// What goes over it.
    pub stream: Stream,
    slot: &'static WorkerSlot,
    entry: Option<&'static ConnectionSlot>,
    generation: u32,
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

    /// Threads of its process that are claimed.
    pub fn claimed(&self) -> u32 {
        self.slot.claimed()
    }

    /// Scoreboard a thread. `None`: the process takes nothing any more.
    fn claim(&self, more: u32) -> Option<bool> {
        let entry = self.entry?;
        let most = self.slot.threads().saturating_add(more);
        entry.started.store(0, Ordering::SeqCst);
        entry.claimed.store(1, Ordering::SeqCst);
        let claimed = self.slot.claim(self.generation, most);
        if claimed != Some(true) {
            entry.claimed.store(0, Ordering::SeqCst);
        }
        claimed
    }
}

/// Scoreboard beyond its threads that a process may have. Where there is one process, a request that finds no idle thread may as
/// well wait there as in the queue, unless it must know when that takes too long.
fn beyond(live: &ProcessGroup) -> u32 {
    if live.processes() == 1 && live.group.queue_timeout == 0 { live.group.listen_backlog } else { 0 }
}

/// Connections to a process that are kept while no request is on them.
fn most_idle(slot: &WorkerSlot) -> usize {
    /// Whatever the process says of itself.
    const MOST: usize = 256;
    (slot.threads() as usize).clamp(1, MOST)
}

/// How long an answer may take, as far as reading and writing are concerned.
pub fn patience(live: &ProcessGroup, r: Request<'_>) -> Duration {
    match live.group.socket_timeout {
        0 => r.server().timeout(),
        seconds => Duration::from_secs(seconds.into()),
    }
}

/// The connections of this process to a group. In a child the groups do not change any more.
pub fn of(group: &ProcessGroup) -> &'static Pool {
    static POOLS: OnceCell<Box<[Pool]>> = OnceCell::new();
    &POOLS.get_or_init(|| groups::all().iter().map(|_| Pool::default()).collect())[group.number]
}

impl Pool {
    fn idle(&self) -> MutexGuard<'_, Vec<Conn>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection with a thread behind it. Waits for one in the group's queue, until then.
    pub fn take(
        &'static self,
        live: &'static ProcessGroup,
        r: Request<'_>,
        until: Option<Instant>,
    ) -> Result<Conn, Problem> {
        let more = beyond(live);
        {
            let mut idle = self.idle();
            let mut at = idle.len();
            while at > 0 {
                at -= 1;
                match idle[at].claim(more) {
                    Some(true) => return Ok(idle.remove(at)),
                    Some(false) => {}
                    None => drop(idle.remove(at)),
                }
            }
        }
        let _waits = Waits::begin(live);
        self.connect(live, r, until)
    }

    /// For the next request.
    pub fn give_back(&self, conn: Conn) {
        // Without a connection slot it cannot be claimed.
        if conn.entry.is_some() {
            let mut idle = self.idle();
            // Connections to processes that have gone are of no use.
            idle.retain(|conn| conn.slot.is_of(conn.generation) && conn.slot.is_open());
            // More of them than a process has threads are of no use either: each overload would leave some.
            let same = idle.iter().filter(|other| std::ptr::eq(other.slot, conn.slot)).count();
            if same < most_idle(conn.slot) {
                idle.push(conn);
            }
        }
    }

    /// By the queue, in which each connection is taken by a process that has an idle thread.
    fn connect(
        &'static self,
        live: &'static ProcessGroup,
        r: Request<'_>,
        until: Option<Instant>,
    ) -> Result<Conn, Problem> {
        /// Processes that may die between taking a connection and saying so.
        const MOST_DEATHS: u32 = 20;
        let give_up = Instant::now() + patience(live, r);
        for _ in 0..MOST_DEATHS {
            match self.try_to_connect(live, r, until, give_up) {
                Err(Problem::Socket(error)) if is_gone(&error) => {}
                done => return done,
            }
        }
        Err(Problem::Socket(io::ErrorKind::ConnectionReset.into()))
    }

    fn try_to_connect(
        &'static self,
        live: &'static ProcessGroup,
        r: Request<'_>,
        until: Option<Instant>,
        give_up: Instant,
    ) -> Result<Conn, Problem> {
        if is_down(live) {
            return Err(Problem::Down);
        }
        let mut wait = Duration::from_secs(live.group.connect_timeout.into());
        if let Some(until) = until {
            wait = wait.min(until.saturating_duration_since(Instant::now()));
        }
        let late = || until.is_some_and(|until| Instant::now() >= until);
        let (send, receive) = (live.group.send_buffer_size, live.group.receive_buffer_size);
        let socket = os::connect(&live.path, wait, send, receive).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock if late() => Problem::Late,
            io::ErrorKind::WouldBlock => Problem::Full,
            _ => Problem::Socket(error),
        })?;
        let patience = patience(live, r);
        let mut stream = Stream::new(socket, patience);
        loop {
            let now = Instant::now();
            let end = until.map_or(give_up, |until| until.min(give_up));
            let rest = end.saturating_duration_since(now);
            if rest.is_zero() {
                return Err(Problem::Late);
            }
            if stream.is_ready(rest.min(LOOK)) {
                break;
            }
            if is_down(live) || super::stop::is_stopping() {
                return Err(Problem::Down);
            }
        }
        let hello = greeting(&mut stream).map_err(Problem::Socket)?;
        if !hello.is_understood() || hello.token != live.token {
            return Err(Problem::Socket(io::Error::new(
                io::ErrorKind::InvalidData,
                "another program answers there, or another version of mod_wsgi",
            )));
        }
        let slot = live.slots.get(hello.slot as usize).ok_or(Problem::Down)?;
        Ok(Conn {
            stream,
            slot,
            entry: slot.connections.get(hello.connection as usize),
            generation: hello.generation,
        })
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
}

/// None serves, and none starts.
fn is_down(live: &ProcessGroup) -> bool {
    if live.slots.iter().any(WorkerSlot::is_open) {
        return false;
    }
    live.scoreboard.condition() == Condition::Down || (live.python.is_err() && live.threads() > 0)
}

fn greeting(stream: &mut Stream) -> io::Result<Hello> {
    let header = stream.header()?.ok_or(io::ErrorKind::UnexpectedEof)?;
    if header.kind != Kind::Hello {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let payload = stream.payload(header.len)?;
    Hello::parse(&payload).map_err(super::stream::unreadable)
}

/// A request waits in the queue, until this is dropped.
struct Waits(&'static ProcessGroup);

impl Waits {
    fn begin(live: &'static ProcessGroup) -> Self {
        live.scoreboard.queued.fetch_add(1, Ordering::SeqCst);
        Self(live)
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        let queued = &self.0.scoreboard.queued;
        let _ = queued.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1));
    }
}
