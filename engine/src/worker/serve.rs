//! The request threads: they wait together for connections and for requests on connections that are kept open.
//!
//! A thread is claimed before a request is sent ([`wire::claims`]), so a request that comes finds one. A thread that has
//! nothing to do claims itself when a connection waits at the listening socket, which all workers of the group share;
//! one that has just served takes the next connection of that queue before it lets others claim it.

use super::conn::{Conn, malformed};
use super::link::{Remote, RemoteLog};
use super::os;
use super::process::Worker;
use crate::python::set_thread_number;
use crate::startup::Script;
use crate::wsgi::{self, Facts, Pages};
use std::ffi::OsStr;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use wire::door::{End, Outcome};
use wire::frame::{self, Kind};
use wire::{message, request};

const LISTENER: u64 = u64::MAX;
const WAKE: u64 = u64::MAX - 1;

/// What of an answer is sent together with its end: more may not fit into a socket's buffer as the system has it.
const AT_ONCE: usize = 96 << 10;

/// A request that has waited for so many seconds may have been given up.
const LONG_AGO: f64 = 2.0;

/// So many microseconds have gone since this was true last.
fn is_due(last: &AtomicI64, between: i64) -> bool {
    let (now, was) = (crate::runtime::clock(), last.load(Ordering::Relaxed));
    now.saturating_sub(was) > between
        && last.compare_exchange(was, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

impl Worker {
    /// Starts the request threads; they take requests from now on.
    pub fn serve(&'static self) -> io::Result<()> {
        os::set_nonblocking(self.socket.as_raw_fd());
        self.listener.epoll.add(self.wake.as_raw_fd(), WAKE)?;
        self.slot.open(self.incarnation, self.settings.threads, self.failed.load(Ordering::SeqCst));
        self.listener.epoll.add(self.socket.as_raw_fd(), LISTENER)?;
        for number in 1..=self.settings.threads {
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
        self.listener.epoll.remove(self.socket.as_raw_fd());
    }

    /// Has the threads end.
    pub fn send_threads_home(&self) {
        self.home.store(true, Ordering::SeqCst);
        os::wake(&self.wake);
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
                    if self.slot.claim(self.incarnation, self.settings.threads) == Some(true) {
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
            let queued = self.claims.queued.load(Ordering::SeqCst);
            let accepted = if self.slot.is_open() {
                os::accept(self.socket.as_raw_fd())
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            };
            let (fd, user) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.slot.release(self.incarnation);
                    if error.kind() == io::ErrorKind::WouldBlock {
                        // Those that were counted have gone, or were killed while they waited.
                        let counter = &self.claims.queued;
                        let _ = counter.compare_exchange(queued, 0, Ordering::SeqCst, Ordering::SeqCst);
                    } else if error.kind() != io::ErrorKind::ConnectionAborted {
                        self.cannot_accept(&error);
                    }
                    return;
                }
            };
            if user != self.settings.peer && user != 0 {
                let text =
                    format!("user #{user} has connected to the socket of process group '{}'", self.name());
                crate::host::message(message::STRANGER, text);
                continue;
            }
            os::set_buffer(fd.as_raw_fd(), libc::SO_SNDBUF, self.settings.send_buffer);
            os::set_buffer(fd.as_raw_fd(), libc::SO_RCVBUF, self.settings.receive_buffer);
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
        let entry = match self.slot.entries.get(index) {
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
                incarnation: self.incarnation,
                entry,
            }
            .put(out);
        });
        conn.send();
        conn
    }

    /// Serves one request on a connection. True: the thread keeps its claim, and a connection waits in the queue.
    fn exchange(&'static self, conn: &Arc<Conn>, payload: &mut Vec<u8>) -> bool {
        self.busy.fetch_add(1, Ordering::SeqCst);
        // A fault of ours costs the request, not the thread: the panic's own lines are in the log.
        let served = catch_unwind(AssertUnwindSafe(|| self.request(conn, payload))).unwrap_or_else(|_| {
            if crate::runtime::is_copy() {
                crate::runtime::leave_copy(1);
            }
            Err(io::ErrorKind::Other.into())
        });
        self.busy.fetch_sub(1, Ordering::SeqCst);
        match served {
            Ok(Some(kept)) => {
                // Not before: a connection that ends while it is served is the business of the thread that serves it.
                let known = conn.is_waited_for.swap(true, Ordering::SeqCst);
                if self.listener.epoll.add_once(conn.fd(), conn.index as u64, known).is_err() {
                    self.forget(conn);
                }
                kept
            }
            Ok(None) => {
                self.forget(conn);
                false
            }
            Err(error) => {
                if error.kind() == io::ErrorKind::InvalidData {
                    let text = format!("a connection to process group '{}' is closed: {error}", self.name());
                    crate::host::message(message::LINK_BROKEN, text);
                }
                self.forget(conn);
                false
            }
        }
    }

    /// The connection has ended. A claim that its child made for it is taken back.
    fn forget(&self, conn: &Arc<Conn>) {
        self.listener.epoll.remove(conn.fd());
        os::shut_down(conn.fd());
        self.unclaim(conn);
        if let Some(place) = self.listener.conns().get_mut(conn.index) {
            *place = None;
        }
    }

    fn unclaim(&self, conn: &Conn) {
        let claimed = match self.slot.entries.get(conn.index) {
            Some(entry) => entry.claimed.swap(0, Ordering::SeqCst) != 0,
            None => conn.holds.swap(false, Ordering::SeqCst),
        };
        if claimed {
            self.slot.release(self.incarnation);
        }
    }

    /// `None`: the connection has ended. Whether the thread kept its claim, for there is something in the queue.
    fn request(&'static self, conn: &Arc<Conn>, payload: &mut Vec<u8>) -> io::Result<Option<bool>> {
        let (head, environ);
        {
            let mut input = conn.input.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(header) = conn.header(&mut input)? else { return Ok(None) };
            if header.kind != Kind::Request {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a request was expected"));
            }
            conn.payload(&mut input, header.len, payload)?;
            (head, environ) = request::parse(payload).map_err(malformed)?;
        }
        let taken = wsgi::now();
        conn.begin();
        if taken - head.queued as f64 / 1e6 > LONG_AGO && os::has_hung_up(conn.fd()) {
            // It has waited so long that its child has given up: nobody would read the answer.
            return Ok(None);
        }
        if !head.ignore_activity {
            self.note_activity();
        }
        let entry = self.slot.entries.get(conn.index);
        let link = Box::new(Remote::new(conn.clone(), entry, head.body_follows));
        let log = Box::new(RemoteLog::new(conn.clone(), head.level));
        let length = wsgi::declared_length(environ.clone());
        let plan = || self.plan(head.plan, head.callable);
        let request = wsgi::Request {
            script: Script {
                path: head.script,
                group: head.group,
                callable: head.callable,
                stamp: head.stamp,
                reload: head.reload && self.settings.reload > 0,
            },
            environ,
            length,
            head_only: head.head_only,
            facts: Facts {
                https: head.https,
                received: head.received as f64 / 1e6,
                warm_up: false,
                queued: head.queued as f64 / 1e6,
                taken,
            },
            plan: &plan,
            pages: Pages { own: head.own_pages, details: head.error_details },
        };
        let outcome = if self.may_run(&head) {
            wsgi::serve(request, link, log)
        } else {
            drop(link);
            wsgi::error(403)
        };
        if crate::runtime::is_copy() {
            // The application has forked, and its child came back here.
            crate::runtime::leave_copy(if outcome.end == End::Exit { outcome.status } else { 1 });
        }
        if !head.ignore_activity {
            self.note_activity();
        }
        let kept = self.let_claim_go(conn, outcome);
        self.count_request();
        if conn.is_broken() || !conn.is_at_rest() {
            if kept {
                self.slot.release(self.incarnation);
            }
            return Ok(None);
        }
        Ok(Some(kept))
    }

    /// The rules of the group let it run what is asked for. Apache's child has looked before it asked: this is for whoever
    /// else may connect. What is started without a script is what the configuration says.
    fn may_run(&self, head: &request::Head<'_>) -> bool {
        static SAID: AtomicI64 = AtomicI64::new(i64::MIN);
        let rules = self.settings.rules();
        let is_script = || {
            let plans = self.settings.plans.iter();
            !plans.filter(|plan| plan.key == head.plan).any(|plan| plan.django.is_some())
        };
        if rules.are_none() || !is_script() {
            return true;
        }
        let script = Path::new(OsStr::from_bytes(head.script));
        let Some((message, why)) = rules.complaint(script, None) else { return true };
        if is_due(&SAID, 1_000_000) {
            crate::host::message(
                message,
                format!("{why}; the request is refused by process group '{}'", self.name()),
            );
        }
        false
    }

    /// Sends the end. The claim goes before, so that the child finds an idle thread when it has read it; but not if sending
    /// may last, and not if somebody waits in the queue: then the thread keeps it (true).
    fn let_claim_go(&self, conn: &Conn, outcome: Outcome) -> bool {
        let room = match self.settings.send_buffer as usize {
            0 => AT_ONCE,
            size => AT_ONCE.min(size / 2),
        };
        let at_once = conn.fits(room);
        let kept = self.claims.queued.load(Ordering::SeqCst) > 0 && self.slot.is_open();
        match self.slot.entries.get(conn.index) {
            Some(entry) => entry.claimed.store(0, Ordering::SeqCst),
            None => conn.holds.store(false, Ordering::SeqCst),
        }
        if !kept && at_once {
            self.slot.release(self.incarnation);
        }
        conn.put(|out| frame::put_end(out, outcome));
        conn.send();
        if !kept && !at_once {
            self.slot.release(self.incarnation);
        }
        kept
    }
}
