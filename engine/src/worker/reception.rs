//! Where requests come in: the group's socket, the connections of Apache's children, and the threads that wait for both.
//!
//! A thread is claimed before a request is sent ([`wire::scoreboard`]), so a request that comes finds one. A thread that has
//! nothing to do claims itself when a connection waits at the listening socket, which all workers of the group share;
//! one that has just served takes the next connection of that queue before it lets others claim it (see [`super::exchange`]).
#![forbid(unsafe_code)]

use super::conn::Conn;
use super::listener::Listener;
use super::places::Places;
use super::turn::Origin;
use crate::host;
use crate::runtime::clock;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use wire::abi::Outcome;
use wire::frame;
use wire::message;
use wire::scoreboard::{Board, ConnectionSlot, WorkerSlot};

const LISTENER: u64 = u64::MAX;
const WAKE: u64 = u64::MAX - 1;

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
    /// Which of them wait for requests.
    pub places: Places,
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
        self.let_in(self.threads);
        self.listener.epoll.add(self.socket.as_fd(), LISTENER)
    }

    /// Takes nothing from the queue any more, and no claims; what is claimed is served.
    pub fn close(&self) {
        self.slot.close();
        self.listener.epoll.remove(self.socket.as_fd());
    }

    /// So many threads wait for requests and serve them.
    pub fn let_in(&self, places: u32) {
        self.slot.set_places(places);
        self.places.set(places);
    }

    /// Has the threads end.
    pub fn send_threads_home(&self) {
        self.home.store(true, Ordering::SeqCst);
        self.places.set(self.threads);
        self.wake.wake();
    }

    /// What is noted of a connection, if there is room for it.
    pub fn entry(&self, conn: &Conn) -> Option<&'static ConnectionSlot> {
        self.board.connections(self.place).get(conn.index)
    }

    /// What a request thread does.
    pub fn work(&self, service: &mut dyn Service) {
        let mut payload = Vec::new();
        self.places.enter();
        loop {
            self.places.stay();
            let Some(token) = self.listener.epoll.wait() else { continue };
            match token {
                WAKE => {
                    if self.home.load(Ordering::SeqCst) {
                        return;
                    }
                }
                LISTENER => {
                    // Where threads rest, children may have claimed some of those.
                    let all_wait = self.slot.places() == self.threads;
                    let most = if all_wait { self.threads } else { u32::MAX };
                    if self.slot.claim(self.generation, most) == Some(true) {
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
            let counted = counter.seen();
            let accepted = if self.slot.is_open() {
                os::accept(self.socket.as_fd())
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            };
            let (fd, user) = match accepted {
                Ok(accepted) => accepted,
                // Those that were counted have gone, were killed while they waited, or were just about to connect.
                Err(error)
                    if error.kind() == io::ErrorKind::WouldBlock
                        && self.slot.is_open()
                        && counted.is_some_and(|counted| counter.void(counted)) =>
                {
                    continue;
                }
                Err(error) => {
                    self.slot.release(self.generation);
                    if error.kind() != io::ErrorKind::WouldBlock
                        && error.kind() != io::ErrorKind::ConnectionAborted
                    {
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
}
