//! Where requests come in: the group's socket, the connections of Apache's children, and the threads that wait for both.
//!
//! A thread is claimed before a request is sent ([`wire::scoreboard`]), so a request that comes finds one. A thread that has
//! nothing to do claims itself when a connection waits at the listening socket, which all workers of the group share;
//! one that has just served takes the next connection of that queue before it lets others claim it. [`turn`] decides.
#![forbid(unsafe_code)]

use super::conn::Conn;
use super::listener::Listener;
use super::turn::{self, Origin, Sight, Step};
use crate::host;
use crate::runtime::{clock, is_copy, leave_copy};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use wire::abi::Outcome;
use wire::frame::{self, Kind};
use wire::message;
use wire::scoreboard::{Board, ConnectionSlot, WorkerSlot};

const LISTENER: u64 = u64::MAX;
const WAKE: u64 = u64::MAX - 1;

/// What of an answer is sent together with its end: more may not fit into a socket's buffer as the system has it.
const AT_ONCE: usize = 96 << 10;

/// What a worker has that takes requests.
pub struct Reception {
    /// Name of the group, for messages.
    pub name: String,
    /// The group's listening socket.
    pub socket: OwnedFd,
    /// What threads wait with.
    pub listener: Listener,
    /// Wakes a thread.
    pub wake: os::Event,
    /// The threads end.
    pub home: AtomicBool,
    /// The group's scoreboard.
    pub board: Board<'static>,
    /// Index of the worker's slot.
    pub place: usize,
    /// The worker's slot.
    pub slot: &'static WorkerSlot,
    /// Which worker of that slot it is.
    pub generation: u32,
    /// What only processes of the group know.
    pub token: [u8; 16],
    /// Request threads.
    pub threads: u32,
    /// The user of Apache's children.
    pub peer: u32,
    /// send-buffer-size and receive-buffer-size; 0: as the system has it.
    pub buffers: (u32, u32),
}

/// What a request thread serves with.
pub trait Service {
    /// Serves a request of a connection: the payload of its frame. `None`: it was given up. An error closes the connection.
    fn serve(&mut self, conn: &Arc<Conn>, payload: &[u8]) -> io::Result<Option<Outcome>>;
    /// The end of the answer was sent, or there is none (`None`).
    fn ended(&mut self, outcome: Option<Outcome>);
}

/// Whether `between` microseconds have passed since this function last returned true.
pub fn is_due(last: &AtomicI64, between: i64) -> bool {
    let (now, was) = (clock(), last.load(Ordering::Relaxed));
    now.saturating_sub(was) > between
        && last.compare_exchange(was, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

impl Reception {
    /// Takes requests from now on; so many applications have failed.
    pub fn open(&self, failed: u32) -> io::Result<()> {
        os::set_nonblocking(self.socket.as_fd())?;
        self.listener.epoll.add(self.wake.as_fd(), WAKE)?;
        self.slot.open(self.generation, self.threads, failed, self.board.connections(self.place));
        self.listener.epoll.add(self.socket.as_fd(), LISTENER)
    }

    /// Takes nothing from the queue any more, and no claims; what is claimed is served.
    pub fn close(&self) {
        self.slot.close();
        self.listener.epoll.remove(self.socket.as_fd());
    }

    /// Has the threads end.
    pub fn send_threads_home(&self) {
        self.home.store(true, Ordering::SeqCst);
        self.wake.wake();
    }

    /// What is noted of a connection, if there is room for it.
    pub fn entry(&self, conn: &Conn) -> Option<&'static ConnectionSlot> {
        self.board.connections(self.place).get(conn.index)
    }

    /// What a request thread does.
    pub fn work(&self, service: &mut dyn Service) {
        let mut payload = Vec::new();
        loop {
            let Some(token) = self.listener.epoll.wait() else { continue };
            match token {
                WAKE => {
                    if self.home.load(Ordering::SeqCst) {
                        return;
                    }
                }
                LISTENER => {
                    if self.slot.claim(self.generation, self.threads) == Some(true) {
                        self.take_queue(&mut payload, service);
                    } else if self.slot.is_open() {
                        // The others are claimed by children whose requests are on their way.
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
                index => {
                    let conn = self.listener.conns().get(index as usize).cloned().flatten();
                    if let Some(conn) = conn
                        && self.exchange(&conn, Origin::Epoll, &mut payload, service)
                    {
                        self.take_queue(&mut payload, service);
                    }
                }
            }
        }
    }

    /// Serves what waits in the queue, as long as something does. The thread is claimed, by itself.
    fn take_queue(&self, payload: &mut Vec<u8>, service: &mut dyn Service) {
        let counter = &self.board.group.queued;
        loop {
            let queued = counter.load(Ordering::SeqCst);
            let accepted = if self.slot.is_open() {
                os::accept(self.socket.as_fd())
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            };
            let (fd, user) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.slot.release(self.generation);
                    if error.kind() == io::ErrorKind::WouldBlock {
                        // Those that were counted have gone, or were killed while they waited.
                        let _ = counter.compare_exchange(queued, 0, Ordering::SeqCst, Ordering::SeqCst);
                    } else if error.kind() != io::ErrorKind::ConnectionAborted {
                        self.cannot_accept(&error);
                    }
                    return;
                }
            };
            if user != self.peer && user != 0 {
                let text = format!(
                    "user #{user}, who is not Apache's, connected to the socket of process group '{}'; connection closed",
                    self.name
                );
                host::message(message::STRANGER, text);
                continue;
            }
            os::set_buffers(fd.as_fd(), self.buffers.0, self.buffers.1);
            let conn = self.welcome(fd);
            if !self.exchange(&conn, Origin::Queue, payload, service) {
                return;
            }
        }
    }

    /// Descriptors or memory are short: connections wait.
    fn cannot_accept(&self, error: &io::Error) {
        static SAID: AtomicI64 = AtomicI64::new(i64::MIN);
        if is_due(&SAID, 60_000_000) {
            let text = format!(
                "a process of group '{}' cannot take connections: {error}; 'ulimit -n' says how many files it may open",
                self.name
            );
            host::message(message::THREADS_SHORT, text);
        }
        std::thread::sleep(Duration::from_millis(100));
    }

    fn welcome(&self, fd: OwnedFd) -> Arc<Conn> {
        let mut conns = self.listener.conns();
        let index = conns.iter().position(Option::is_none).unwrap_or(conns.len());
        let conn = Arc::new(Conn::new(fd, index));
        if index == conns.len() {
            conns.push(None);
        }
        conns[index] = Some(conn.clone());
        drop(conns);
        let entry = self.entry(&conn);
        if let Some(entry) = entry {
            entry.started.store(0, Ordering::SeqCst);
            entry.claimed.store(1, Ordering::SeqCst);
        }
        conn.put(|out| {
            frame::Hello {
                versions: (*frame::VERSIONS.start(), *frame::VERSIONS.end()),
                token: self.token,
                slot: self.place as u32,
                generation: self.generation,
                connection: if entry.is_some() { index as u32 } else { u32::MAX },
            }
            .put(out);
        });
        conn.send();
        conn
    }

    /// Serves one request on a connection. True: the thread keeps its claim, for a connection waits in the queue.
    pub(super) fn exchange(
        &self,
        conn: &Arc<Conn>,
        origin: Origin,
        payload: &mut Vec<u8>,
        service: &mut dyn Service,
    ) -> bool {
        let (mut step, mut outcome) = (turn::begin(origin), None);
        loop {
            step = match step {
                Step::Read(reading) => match read(conn, payload) {
                    Ok(true) => reading.requested(),
                    Ok(false) => reading.ended(),
                    Err(error) => {
                        self.complain(&error);
                        reading.ended()
                    }
                },
                Step::Serve(serving) => {
                    // A fault of the engine costs the request, not the thread: the panic's own lines are in the log.
                    let served = catch_unwind(AssertUnwindSafe(|| service.serve(conn, payload)))
                        .unwrap_or_else(|_| {
                            if is_copy() {
                                leave_copy(1);
                            }
                            Ok(None)
                        });
                    outcome = served.unwrap_or_else(|error| {
                        self.complain(&error);
                        None
                    });
                    match outcome {
                        Some(_) => {
                            let sight = self.look(conn);
                            self.entry(conn).inspect(|entry| entry.claimed.store(0, Ordering::SeqCst));
                            serving.served(sight)
                        }
                        None => {
                            service.ended(None);
                            serving.broken()
                        }
                    }
                }
                Step::Release(releasing) => {
                    self.slot.release(self.generation);
                    releasing.released()
                }
                Step::End(ending) => {
                    conn.put(|out| outcome.iter().for_each(|outcome| frame::put_end(out, *outcome)));
                    conn.send();
                    service.ended(outcome);
                    ending.sent(!conn.is_broken() && conn.is_at_rest())
                }
                Step::Arm(arming) => {
                    // Not before: a connection that ends while it is served is the business of the thread that serves it.
                    let is_known = arming.origin == Origin::Epoll;
                    let armed = self.listener.epoll.add_once(conn.socket(), conn.index as u64, is_known);
                    arming.armed(armed.is_ok())
                }
                Step::Forget(forgetting) => {
                    self.forget(conn, forgetting.holds);
                    forgetting.forgotten()
                }
                Step::Done { takes_queue } => return takes_queue,
            };
        }
    }

    fn complain(&self, error: &io::Error) {
        if error.kind() == io::ErrorKind::InvalidData {
            let text = format!(
                "invalid data on a connection to process group '{}': {error}; connection closed",
                self.name
            );
            host::message(message::LINK_BROKEN, text);
        }
    }

    fn look(&self, conn: &Conn) -> Sight {
        let room = match self.buffers.0 as usize {
            0 => AT_ONCE,
            size => AT_ONCE.min(size / 2),
        };
        Sight {
            fits: conn.fits(room),
            queued: self.board.group.queued.load(Ordering::SeqCst) > 0,
            is_open: self.slot.is_open(),
        }
    }

    /// The connection has ended. A claim that its child made for it is taken back; so is the thread's own (`holds`), where the
    /// connection has no place to note that.
    fn forget(&self, conn: &Conn, holds: bool) {
        self.listener.epoll.remove(conn.socket());
        os::shut_down(conn.fd());
        let claimed = match self.entry(conn) {
            Some(entry) => entry.claimed.swap(0, Ordering::SeqCst) != 0,
            None => holds,
        };
        if claimed {
            self.slot.release(self.generation);
        }
        if let Some(place) = self.listener.conns().get_mut(conn.index) {
            *place = None;
        }
    }
}

/// Reads the next request; false: the connection has ended.
fn read(conn: &Conn, payload: &mut Vec<u8>) -> io::Result<bool> {
    let mut input = conn.input.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(header) = conn.header(&mut input)? else { return Ok(false) };
    if header.kind != Kind::Request {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a request was expected"));
    }
    conn.payload(&mut input, header.len, payload)?;
    Ok(true)
}
