//! The stay of a request in this child: where it is, and what is counted when it ends.
//!
//! What this costs a request: additions in lanes of memory that other threads seldom use, a copy of a few texts, and a look at
//! the clock where it changes hands. No lock, and no call of the system.

use super::{EMBEDDED, child, get};
use crate::apache::{Request, Status, Times};
use crate::process;
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};
use wire::ledger::{ENTRIES, Entry, Facts, LANES, Phase, Row};

/// Where a request is, for the one who serves it. Moments are microseconds of the monotonic clock.
#[derive(Default)]
pub struct Stay {
    /// Index of its group.
    row: Option<usize>,
    entry: Option<&'static Entry>,
    begun: i64,
    /// Since when it has waited for a thread.
    waits: Cell<Option<i64>>,
    queue: Cell<Option<u64>>,
    application: Cell<Option<u64>>,
    /// When its application was done with it.
    ended: Cell<Option<i64>>,
    broken: Cell<bool>,
}

impl Stay {
    /// The request is somewhere else.
    pub fn enter(&self, phase: Phase) {
        self.entry.iter().for_each(|entry| entry.enter(phase));
    }

    /// The request waits for a thread of a process, from now on unless it has done so before.
    pub fn wait(&self) {
        self.enter(Phase::Waiting);
        if self.waits.get().is_none() {
            self.waits.set(Some(os::monotonic()));
        }
    }

    /// It is sent over this connection of the worker in this slot.
    pub fn send_to(&self, slot: usize, connection: usize) {
        self.entry.iter().for_each(|entry| entry.send_to(slot, connection));
        self.enter(Phase::Application);
    }

    /// It has waited, in this process, and goes on.
    pub fn placed(&self) {
        self.refused();
        self.enter(Phase::Application);
    }

    /// No thread of a process took it.
    pub fn refused(&self) {
        self.queue.set(self.waits.get().map(|since| span(since, os::monotonic())));
    }

    /// A process is done with it: a thread had taken it then, as the process says; 0: none has taken it; `None`: that is not
    /// known.
    pub fn served(&self, taken: Option<i64>) {
        let now = os::monotonic();
        let since = self.waits.get().unwrap_or(now);
        if taken == Some(0) {
            self.queue.set(Some(span(since, now)));
        } else {
            // The process may have written anything.
            let taken = taken.map_or(since, |taken| taken.clamp(since, now));
            self.queue.set(Some(span(since, taken)));
            self.application.set(Some(span(taken, now)));
        }
        self.ended.set(Some(now));
        self.enter(Phase::Sending);
    }

    /// The engine of this process is done with it, which had got it as soon as it came.
    pub fn served_here(&self) {
        let now = os::monotonic();
        let waited = self.queue.get().unwrap_or(0);
        self.application.set(Some(span(self.begun, now).saturating_sub(waited)));
        self.ended.set(Some(now));
        self.enter(Phase::Sending);
    }

    /// How long it took, as far as it has come.
    pub fn times(&self) -> Times {
        Times { queue: self.queue.get(), application: self.application.get(), ended: self.ended.get() }
    }

    /// When it came.
    pub fn begun(&self) -> i64 {
        self.begun
    }

    /// Since when it has waited for a thread; `None`: it did not have to.
    pub fn waits(&self) -> Option<i64> {
        self.waits.get()
    }

    /// A process has written a line into its log.
    pub fn note_line(&self, line: &[u8], origin: &wire::Origin<'_>) {
        super::note_failed_start(self.row, process::pid(), line, origin);
    }

    /// Its answer has broken off.
    pub fn break_off(&self) {
        self.broken.set(true);
    }
}

/// From one moment to another, microseconds; 0 where the clock has gone back.
pub fn span(since: i64, until: i64) -> u64 {
    u64::try_from(until.saturating_sub(since)).unwrap_or(0)
}

/// A request that is counted, also if it ends by a panic.
struct Counted {
    row: &'static Row,
    embedded: bool,
    here: Here,
    stay: Stay,
    status: i32,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Stay { entry, begun, queue, application, broken, .. } = &self.stay;
        let total = span(*begun, os::monotonic());
        // First: who sees that it has ended finds it counted by its child.
        if self.embedded {
            child().iter().for_each(|child| child.count(self.here.0 as usize));
        }
        self.row.lanes[self.here.lane()].end(
            self.status,
            broken.get(),
            total,
            queue.get(),
            application.get(),
        );
        entry.iter().for_each(|entry| entry.release());
    }
}

/// Serves a request of the group with this row, and counts it.
pub fn stay<'r>(r: Request<'r>, row: Option<usize>, serve: impl FnOnce(&Stay) -> Status) -> Status {
    let Some((ledger, at)) = get().zip(row) else { return serve(&Stay::default()) };
    let Some(row) = ledger.rows.get(at) else { return serve(&Stay::default()) };
    let (pid, begun, here) = (process::pid(), os::monotonic(), here());
    row.lanes[here.lane()].arrive();
    let entry = ledger.entry(pid, here.entry(pid), |pid| !os::is_alive(pid));
    if let Some(entry) = entry {
        let host = r.server().name();
        let facts = Facts {
            row: at,
            begun,
            method: r.method(),
            uri: r.path_as_sent(),
            host,
            client: r.client_ip(),
            id: r.log_id(),
        };
        entry.begin(&facts);
    }
    let stay = Stay { row: Some(at), entry, begun, ..Stay::default() };
    let mut counted = Counted { row, embedded: at == EMBEDDED, here, stay, status: 500 };
    let status = serve(&counted.stay);
    counted.status = if status.0 >= 100 { status.0 } else { r.status().0 };
    status
}

/// A thread of this process, by the number in which it has met its first request.
#[derive(Clone, Copy)]
struct Here(u32);

thread_local! {
    static HERE: Cell<u32> = const { Cell::new(0) };
}

fn here() -> Here {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = HERE.get();
    if number != 0 {
        return Here(number);
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed).max(1);
    HERE.set(number);
    Here(number)
}

impl Here {
    fn lane(self) -> usize {
        (process::pid().wrapping_mul(13).wrapping_add(self.0)) as usize % LANES
    }

    fn entry(self, pid: u32) -> usize {
        (pid.wrapping_mul(67).wrapping_add(self.0)) as usize % ENTRIES
    }
}
