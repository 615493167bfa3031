//! The ledger: memory that httpd's parent, its children and the supervisors share. It has what the groups of the server have
//! done since it started, and what they do now, for the status page.
//!
//! ```text
//! Ledger
//! [Row; 512]          per group that has ever been configured, the first one for embedded mode
//!   [Lane; 32]        what its requests have done, each child's threads in lanes of their own as far as these go
//!   [Place; 256]      how often the process of a place was replaced, and why
//!   [Process; 256]    its processes
//!   Journal           what has gone wrong last
//! [Child; 1024]       Apache's children
//! [Entry; 4096]       requests that children have
//! ```
//!
//! Processes of groups have no part in it: what they say of themselves stands in the scoreboard of their group
//! ([`crate::scoreboard`]). Applications in Apache's children could write here, so no process decides anything by what it reads; a
//! reader bounds all of it. Nobody waits for anybody: counters are added to, texts change under a sequence number, and a place
//! that is taken is passed over. The ledger is kept when the configuration is read again, and counters are never set back. The
//! system provides memory for what was touched only.

mod entry;
mod journal;
mod lane;
mod process;
mod text;

pub use entry::{Entry, Facts, Phase, Seen};
pub use journal::{Journal, Note};
pub use lane::{BOUNDS, Histogram, Lane, Totals};
pub use process::{Child, Ended, Place, Process, Role};

use core::sync::atomic::{AtomicI64, AtomicU32, Ordering};

/// Groups that are counted.
pub const ROWS: usize = 512;
/// Lanes of a group.
pub const LANES: usize = 32;
/// Places of a group whose replacements are counted.
pub const PLACES: usize = 256;
/// Processes of a group that are shown.
pub const PROCESSES: usize = 256;
/// Apache children that are shown.
pub const CHILDREN: usize = 1024;
/// Requests that are shown.
pub const ENTRIES: usize = 4096;

/// Changes with the layout.
pub const LAYOUT: u32 = 4;

/// The memory. All zeros is an empty one.
#[repr(C, align(64))]
pub struct Ledger {
    begun: AtomicI64,
    _reserved: [u64; 7],
    /// The groups.
    pub rows: [Row; ROWS],
    /// Apache's children.
    pub children: [Child; CHILDREN],
    /// The requests.
    pub entries: [Entry; ENTRIES],
}

/// What is of one group.
#[repr(C, align(64))]
pub struct Row {
    /// The most requests that have waited at a time.
    longest: AtomicU32,
    _reserved: [u32; 15],
    /// What its requests have done.
    pub lanes: [Lane; LANES],
    /// Where its processes stand.
    pub places: [Place; PLACES],
    /// Its processes.
    pub processes: [Process; PROCESSES],
    /// What has gone wrong.
    pub journal: Journal,
}

impl Ledger {
    /// Notes when the server began, microseconds since the epoch, unless that was done.
    pub fn begin(&self, now: i64) {
        let _ = self.begun.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// When the server began, microseconds since the epoch.
    pub fn begun(&self) -> i64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Takes an entry for a request of this process. `hint`: where to look first. `None`: there are too many.
    pub fn entry(&self, pid: u32, hint: usize, is_dead: impl Fn(u32) -> bool) -> Option<&Entry> {
        /// So many are looked at.
        const TRIES: usize = 64;
        let near = || (0..TRIES).map(|step| &self.entries[hint.wrapping_add(step) % ENTRIES]);
        let free = near().find(|entry| entry.take(0, pid));
        free.or_else(|| {
            // What processes that were killed have left.
            near().find(|entry| {
                let owner = entry.owner();
                owner != pid && is_dead(owner) && entry.take(owner, pid)
            })
        })
    }

    /// Frees what was left by processes that have ended, before the child with this pid has anything: what stands there under its
    /// own pid as well. `is_other`: the process of this pid is another one than that which was there at that moment.
    pub fn sweep(&self, pid: u32, is_other: impl Fn(u32, i64) -> bool) {
        for entry in &self.entries {
            entry
                .sweep(pid, |owner, begun| owner == pid || begun.is_some_and(|begun| is_other(owner, begun)));
        }
        self.children.iter().for_each(|child| child.end(pid));
    }

    /// Takes the place of a child of Apache.
    pub fn child(&self, pid: u32, is_dead: impl Fn(u32) -> bool) -> Option<&Child> {
        self.children.iter().find(|child| child.take(pid, &is_dead))
    }
}

impl Row {
    /// So many requests wait at the same time, somebody says: no more than there are.
    pub fn note_waiting(&self, count: u32) {
        if count > self.longest.load(Ordering::Relaxed) {
            let totals = self.totals();
            let there = totals.arrived.saturating_sub(totals.ended());
            self.longest.fetch_max(count.min(u32::try_from(there).unwrap_or(u32::MAX)), Ordering::Relaxed);
        }
    }

    /// The most requests that have waited at the same time.
    pub fn longest(&self) -> u32 {
        self.longest.load(Ordering::Relaxed)
    }

    /// What all its requests have done.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.lanes.iter().for_each(|lane| lane.add_to(&mut totals));
        totals
    }

    /// Notes a process that was started at this place; `None`: there are too many.
    pub fn process(&self, pid: u32, is_dead: impl Fn(u32) -> bool) -> Option<&Process> {
        // One that had this pid has ended.
        self.processes.iter().for_each(|process| process.end(pid));
        self.processes.iter().find(|process| process.take(pid, &is_dead))
    }
}

#[cfg(test)]
mod tests;
