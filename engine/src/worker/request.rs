//! One request on a connection: read, served, and its end sent.
#![forbid(unsafe_code)]

use super::conn::{Conn, malformed};
use super::link::{Remote, RemoteLog};
use super::process::Worker;
use super::serve::is_due;
use crate::host;
use crate::runtime::{is_copy, leave_copy};
use crate::startup::Script;
use crate::wsgi::{self, Facts, Pages};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError};
use wire::abi::{End, Outcome};
use wire::frame::{self, Kind};
use wire::{message, request};

/// What of an answer is sent together with its end: more may not fit into a socket's buffer as the system has it.
const AT_ONCE: usize = 96 << 10;

/// A request that has waited for so many seconds may have been given up.
const LONG_AGO: f64 = 2.0;

impl Worker {
    /// Serves one request on a connection. True: the thread keeps its claim, and a connection waits in the queue.
    pub(super) fn exchange(&'static self, conn: &Arc<Conn>, payload: &mut Vec<u8>) -> bool {
        self.busy.fetch_add(1, Ordering::SeqCst);
        // A fault of the engine costs the request, not the thread: the panic's own lines are in the log.
        let served = catch_unwind(AssertUnwindSafe(|| self.request(conn, payload))).unwrap_or_else(|_| {
            if is_copy() {
                leave_copy(1);
            }
            Err(io::ErrorKind::Other.into())
        });
        self.busy.fetch_sub(1, Ordering::SeqCst);
        match served {
            Ok(Some(kept)) => {
                // Not before: a connection that ends while it is served is the business of the thread that serves it.
                let known = conn.is_waited_for.swap(true, Ordering::SeqCst);
                if self.listener.epoll.add_once(conn.socket(), conn.index as u64, known).is_err() {
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
                    let text = format!(
                        "invalid data on a connection to process group '{}': {error}; connection closed",
                        self.name()
                    );
                    host::message(message::LINK_BROKEN, text);
                }
                self.forget(conn);
                false
            }
        }
    }

    /// The connection has ended. A claim that its child made for it is taken back.
    fn forget(&self, conn: &Arc<Conn>) {
        self.listener.epoll.remove(conn.socket());
        os::shut_down(conn.fd());
        self.unclaim(conn);
        if let Some(place) = self.listener.conns().get_mut(conn.index) {
            *place = None;
        }
    }

    fn unclaim(&self, conn: &Conn) {
        let claimed = match self.slot.connections.get(conn.index) {
            Some(entry) => entry.claimed.swap(0, Ordering::SeqCst) != 0,
            None => conn.holds.swap(false, Ordering::SeqCst),
        };
        if claimed {
            self.slot.release(self.generation);
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
        let entry = self.slot.connections.get(conn.index);
        let link = Box::new(Remote::new(conn.clone(), entry, head.body_follows));
        let log = Box::new(RemoteLog::new(conn.clone(), head.level));
        let length = wsgi::declared_length(environ.clone());
        let plan = || self.plan(head.plan);
        let request = wsgi::Request {
            script: Script {
                path: head.script,
                resource: wsgi::resource(head.script, head.callable, environ.clone()),
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
        if is_copy() {
            // The application has forked, and its child came back here.
            leave_copy(if outcome.end == End::Exit { outcome.status } else { 1 });
        }
        if !head.ignore_activity {
            self.note_activity();
        }
        let kept = self.let_claim_go(conn, outcome);
        self.count_request();
        if conn.is_broken() || !conn.is_at_rest() {
            if kept {
                self.slot.release(self.generation);
            }
            return Ok(None);
        }
        Ok(Some(kept))
    }

    /// The rules of the group let it run what is asked for. Apache's child has looked before it asked: this is for whoever
    /// else may connect. What is started without a script is what the configuration says.
    fn may_run(&self, head: &request::Head<'_>) -> bool {
        static SAID: AtomicI64 = AtomicI64::new(i64::MIN);
        let rules = self.common.process.rules();
        let is_script = || {
            let plans = self.plans.iter();
            !plans.filter(|plan| plan.key == head.plan).any(|plan| plan.start.django.is_some())
        };
        if rules.are_none() || !is_script() {
            return true;
        }
        let script = Path::new(OsStr::from_bytes(head.script));
        let Some((message, why)) = rules.complaint(script, None) else { return true };
        if is_due(&SAID, 1_000_000) {
            host::message(
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
        let kept = self.scoreboard.queued.load(Ordering::SeqCst) > 0 && self.slot.is_open();
        match self.slot.connections.get(conn.index) {
            Some(entry) => entry.claimed.store(0, Ordering::SeqCst),
            None => conn.holds.store(false, Ordering::SeqCst),
        }
        if !kept && at_once {
            self.slot.release(self.generation);
        }
        conn.put(|out| frame::put_end(out, outcome));
        conn.send();
        if !kept && !at_once {
            self.slot.release(self.generation);
        }
        kept
    }
}
