//! Connections to the processes of a group, kept open from request to request. [`search`] decides, this does.

mod search;
mod waits;

use super::eager::Eager;
use super::stream::Stream;
use crate::groups::{self, ProcessGroup};
use once_cell::sync::OnceCell;
pub use search::Tries;
use search::{Choice, Claim, Failure, Greeting, Limits, Sight, Step, Why};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use waits::{Place, Waits};
use wire::frame::{Hello, Kind};
use wire::scoreboard::{Condition, ConnectionSlot, WorkerSlot};

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

    /// Claims a thread; `more` than the process has may be claimed.
    fn claim(&self, more: u32) -> Claim {
        let Some(entry) = self.entry else { return Claim::Gone };
        let most = self.slot.threads().saturating_add(more);
        entry.started.store(0, Ordering::SeqCst);
        entry.claimed.store(1, Ordering::SeqCst);
        let claim = match self.slot.claim(self.generation, most) {
            Some(true) => return Claim::Made,
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

/// The connections of this process to a group. In a child the groups do not change any more.
pub fn of(group: &ProcessGroup) -> &'static Pool {
    static POOLS: OnceCell<Box<[Pool]>> = OnceCell::new();
    &POOLS.get_or_init(|| groups::all().iter().map(|_| Pool::default()).collect())[group.number]
}

impl Pool {
    fn idle(&self) -> MutexGuard<'_, Vec<Conn>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
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
        let _waits = Waits::begin(live, &self.place);
        connect(live, patience, until)
    }

    /// A connection without a request, and a thread behind it.
    fn claim_idle(&self, live: &ProcessGroup) -> Option<Conn> {
        let group = &live.group;
        let more = search::beyond(live.processes(), group.queue_timeout, group.listen_backlog);
        let mut idle = self.idle();
        let mut choice = search::begin(idle.len());
        loop {
            choice = match choice {
                Choice::Claim(place) => place.claimed(idle[place.at].claim(more)),
                Choice::Close(place) => {
                    drop(idle.remove(place.at));
                    place.closed()
                }
                Choice::Use(place) => return Some(idle.remove(place.at)),
                Choice::Queue => return None,
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

/// By the queue, in which each connection is taken by a process that has an idle thread.
fn connect(live: &'static ProcessGroup, patience: Duration, until: Option<Instant>) -> Result<Conn, Problem> {
    let limits = Limits {
        queue: until,
        give_up: Instant::now() + patience,
        connect: Duration::from_secs(live.group.connect_timeout.into()),
    };
    let (mut stream, mut greeted, mut error) = (None, None, io::Error::from(io::ErrorKind::ConnectionReset));
    let mut step = search::queue();
    loop {
        step = match step {
            Step::Look(looking) => {
                let sight = Sight { is_down: is_down(live), is_stopping: super::stop::is_stopping() };
                looking.seen(sight, &limits, Instant::now())
            }
            Step::Connect(connecting, within) => {
                let (send, receive) = (live.group.send_buffer_size, live.group.receive_buffer_size);
                match os::connect(&live.path, within, send, receive) {
                    Ok(socket) => {
                        stream = Some(Stream::new(socket, patience));
                        connecting.connected(&limits, Instant::now())
                    }
                    Err(why) => {
                        let failure = failure(&why);
                        error = why;
                        connecting.failed(failure, &limits, Instant::now())
                    }
                }
            }
            Step::Await(waiting, within) => {
                waiting.waited(stream.as_mut().is_some_and(|stream| stream.is_ready(within)))
            }
            Step::Greet(waiting) => match stream.as_mut().map(greeting) {
                Some(Ok(hello)) => {
                    let (who, place) = recognise(live, &hello);
                    greeted = place;
                    waiting.greeted(who)
                }
                Some(Err(why)) => {
                    let failure = failure(&why);
                    error = why;
                    waiting.failed(failure)
                }
                None => waiting.failed(Failure::Other),
            },
            Step::Adopt => {
                let ((slot, entry, generation), stream) = greeted.zip(stream).ok_or(Problem::Down)?;
                return Ok(Conn { stream, slot, entry, generation });
            }
            Step::Fail(why) => return Err(problem(why, error)),
        }
    }
}

fn failure(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::WouldBlock => Failure::Timeout,
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => Failure::Closed,
        _ => Failure::Other,
    }
}

fn problem(why: Why, error: io::Error) -> Problem {
    match why {
        Why::Late => Problem::Late,
        Why::Full => Problem::Full,
        Why::Down => Problem::Down,
        Why::Socket => Problem::Socket(error),
        Why::Deaths => Problem::Socket(io::ErrorKind::ConnectionReset.into()),
        Why::Stranger => Problem::Socket(io::Error::new(
            io::ErrorKind::InvalidData,
            "another program answers there, or another version of mod_wsgi",
        )),
    }
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

/// Where a connection leads: slots of worker and connection, and the worker's generation.
type Target = (&'static WorkerSlot, Option<&'static ConnectionSlot>, u32);

fn recognise(live: &'static ProcessGroup, hello: &Hello) -> (Greeting, Option<Target>) {
    if !hello.is_understood() || hello.token != live.token {
        return (Greeting::Stranger, None);
    }
    match live.slots.get(hello.slot as usize) {
        Some(slot) => {
            let connections = live.board.connections(hello.slot as usize);
            let entry = connections.get(hello.connection as usize);
            (Greeting::Worker, Some((slot, entry, hello.generation)))
        }
        None => (Greeting::Nowhere, None),
    }
}
