//! The request threads: they wait together for connections and for requests on connections that are kept open.
//!
//! A thread is claimed before a request is sent ([`wire::scoreboard`]), so a request that comes finds one. A thread that has
//! nothing to do claims itself when a connection waits at the listening socket, which all workers of the group share;
//! one that has just served takes the next connection of that queue before it lets others claim it.

use super::conn::Conn;
use super::process::Worker;
use crate::python::set_thread_number;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use wire::frame;
use wire::message;

const LISTENER: u64 = u64::MAX;
const WAKE: u64 = u64::MAX - 1;

/// Whether `between` microseconds have passed since this function last returned true.
pub(super) fn is_due(last: &AtomicI64, between: i64) -> bool {
    let (now, was) = (crate::runtime::clock(), last.load(Ordering::Relaxed));
    now.saturating_sub(was) > between
        && last.compare_exchange(was, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

impl Worker {
    /// Starts the request threads; they take requests from now on.
    pub fn serve(&'static self) -> io::Result<()> {
        os::set_nonblocking(self.socket.as_fd())?;
        self.listener.epoll.add(self.wake.as_fd(), WAKE)?;
        self.slot.open(self.generation, self.threads(), self.failed.load(Ordering::SeqCst));
        self.listener.epoll.add(self.socket.as_fd(), LISTENER)?;
        for number in 1..=self.threads() {
            let body = move || {
                set_thread_number(number as usize);
                self.work();
                crate::runtime::thread_exit();
            };
            let stack = usize::try_from(self.settings.stack).unwrap_or(8 << 20);
            std::thread::Builder::new().name(format!("wsgi-{number}")).stack_size(stack).spawn(body)?;
        }
        Ok(())
    }

    /// Takes nothing from the queue any more, and no claims; what is claimed is served.
    pub fn stop_accepting(&self) {
        self.slot.close();
        self.listener.epoll.remove(self.socket.as_fd());
    }

    /// Has the threads end.
    pub fn send_threads_home(&self) {
        self.home.store(true, Ordering::SeqCst);
        self.wake.wake();
    }

    fn work(&'static self) {
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
                    if self.slot.claim(self.generation, self.threads()) == Some(true) {
                        self.take_queue(&mut payload);
                    } else if self.slot.is_open() {
                        // The others are claimed by children whose requests are on their way.
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
                index => {
                    let conn = self.listener.conns().get(index as usize).cloned().flatten();
                    if let Some(conn) = conn
                        && self.exchange(&conn, &mut payload)
                    {
                        self.take_queue(&mut payload);
                    }
                }
            }
        }
    }

    /// Serves what waits in the queue, as long as something does. The thread is claimed, by itself.
    fn take_queue(&'static self, payload: &mut Vec<u8>) {
        loop {
            let queued = self.scoreboard.queued.load(Ordering::SeqCst);
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
                        let counter = &self.scoreboard.queued;
                        let _ = counter.compare_exchange(queued, 0, Ordering::SeqCst, Ordering::SeqCst);
                    } else if error.kind() != io::ErrorKind::ConnectionAborted {
                        self.cannot_accept(&error);
                    }
                    return;
                }
            };
            if user != self.settings.peer && user != 0 {
                let text = format!(
                    "user #{user}, who is not Apache's, connected to the socket of process group '{}'; connection closed",
                    self.name()
                );
                crate::host::message(message::STRANGER, text);
                continue;
            }
            os::set_buffers(fd.as_fd(), self.settings.send_buffer, self.settings.receive_buffer);
            let conn = self.welcome(fd);
            if !self.exchange(&conn, payload) {
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
                self.name()
            );
            crate::host::message(message::THREADS_SHORT, text);
        }
        std::thread::sleep(Duration::from_millis(100));
    }

    fn welcome(&self, fd: std::os::fd::OwnedFd) -> Arc<Conn> {
        let mut conns = self.listener.conns();
        let index = conns.iter().position(Option::is_none).unwrap_or(conns.len());
        let conn = Arc::new(Conn::new(fd, index));
        if index == conns.len() {
            conns.push(None);
        }
        conns[index] = Some(conn.clone());
        drop(conns);
        let entry = match self.slot.connections.get(index) {
            Some(entry) => {
                entry.started.store(0, Ordering::SeqCst);
                entry.claimed.store(1, Ordering::SeqCst);
                index as u32
            }
            None => {
                conn.holds.store(true, Ordering::SeqCst);
                u32::MAX
            }
        };
        conn.put(|out| {
            frame::Hello {
                versions: (*frame::VERSIONS.start(), *frame::VERSIONS.end()),
                token: self.token,
                slot: self.place,
                generation: self.generation,
                connection: entry,
            }
            .put(out);
        });
        conn.send();
        conn
    }
}
