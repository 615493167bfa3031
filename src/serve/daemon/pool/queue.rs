//! The group's queue, in which each connection is taken by a process that has an idle thread.

use super::search::{self, Failure, Greeting, Limits, Sight, Step, Why};
use super::waits::Waits;
use super::{Conn, Problem};
use crate::groups::ProcessGroup;
use crate::serve::daemon::stop;
use crate::serve::daemon::stream::{Stream, unreadable};
use std::io;
use std::time::{Duration, Instant};
use wire::frame::{Hello, Kind};
use wire::scoreboard::{Condition, ConnectionSlot, WorkerSlot};

/// A new connection, with the thread of the process that takes it.
pub fn connect(
    live: &'static ProcessGroup,
    patience: Duration,
    until: Option<Instant>,
    waits: &mut Waits,
) -> Result<Conn, Problem> {
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
                let sight = Sight { is_down: is_down(live), is_stopping: stop::is_stopping() };
                looking.seen(sight, &limits, Instant::now())
            }
            Step::Connect(connecting, within) => {
                let (send, receive) = (live.group.send_buffer_size, live.group.receive_buffer_size);
                match os::connect(&live.path, within, send, receive) {
                    Ok(socket) => {
                        waits.connected();
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
                let ((slot, entry, generation, target), stream) = greeted.zip(stream).ok_or(Problem::Down)?;
                return Ok(Conn { stream, slot, entry, generation, target });
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
    Hello::parse(&payload).map_err(unreadable)
}

/// Where a connection leads: slots of worker and connection, the worker's generation, and the indexes of both slots.
type Target = (&'static WorkerSlot, Option<&'static ConnectionSlot>, u32, (usize, usize));

fn recognise(live: &'static ProcessGroup, hello: &Hello) -> (Greeting, Option<Target>) {
    if !hello.is_understood() || hello.token != live.token {
        return (Greeting::Stranger, None);
    }
    match live.slots.get(hello.slot as usize) {
        Some(slot) => {
            let connections = live.board.connections(hello.slot as usize);
            let entry = connections.get(hello.connection as usize);
            let indexes = (hello.slot as usize, hello.connection as usize);
            (Greeting::Worker, Some((slot, entry, hello.generation, indexes)))
        }
        None => (Greeting::Nowhere, None),
    }
}
