//! The slot of a worker: claims of its threads, and how far the process is.

use crate::starts::Starts;
use core::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

/// Connections of a worker that have a place.
pub const CONNECTIONS: usize = 256;

/// How far a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Phase {
    /// No worker stands in the slot, or it has ended.
    Ended = 0,
    /// Its applications start.
    Starting = 1,
    /// It takes requests.
    Serving = 2,
    /// It takes nothing more and finishes what it has.
    Draining = 3,
}

/// A place for a worker.
#[repr(C, align(64))]
pub struct WorkerSlot {
    word: AtomicU64,
    /// Pid of the worker; 0: the place is free.
    pub pid: AtomicU32,
    /// Number of the worker's request threads.
    threads: AtomicU32,
    /// Applications that failed to start in it.
    failed: AtomicU32,
    phase: AtomicU32,
    /// When the process began, microseconds of the monotonic clock.
    begun: AtomicI64,
    /// Requests that the worker lets into Python at the same time.
    places: AtomicU32,
    /// Whoever makes more claims than this rings the bell.
    bell: AtomicU32,
    /// What the starts of its applications have taken.
    pub starts: Starts,
    _reserved: u32,
}

/// A connection of a worker.
#[repr(C)]
pub struct ConnectionSlot {
    /// The child claims a thread for it, or has.
    pub claimed: AtomicU32,
    /// 1: the worker has called the application for the request on it; 2: the request has lasted too long, and the worker
    /// ends.
    pub started: AtomicU32,
    /// When a thread took the request on it, microseconds of the monotonic clock; 0: none has.
    pub taken: AtomicI64,
}

const OPEN: u64 = 1 << 31;
const COUNT: u64 = OPEN - 1;

fn generation(word: u64) -> u32 {
    (word >> 32) as u32
}

impl ConnectionSlot {
    fn clear(&self) {
        self.claimed.store(0, Ordering::Relaxed);
        self.started.store(0, Ordering::Relaxed);
        self.taken.store(0, Ordering::Relaxed);
    }
}

impl WorkerSlot {
    /// Takes the slot for the process of this pid, which began then; false: it is not free.
    pub fn take(&self, pid: u32, begun: i64) -> bool {
        let taken = self.pid.compare_exchange(0, pid, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if taken {
            self.begun.store(begun, Ordering::SeqCst);
            self.starts.clear();
            self.phase.store(Phase::Starting as u32, Ordering::SeqCst);
        }
        taken
    }

    /// A worker of so many threads, in which so many applications failed, takes requests here, `generation` of the place, over
    /// these connections.
    pub fn open(&self, generation: u32, threads: u32, failed: u32, connections: &[ConnectionSlot]) {
        // From now on nobody takes what is noted here for the earlier worker's.
        self.word.store(u64::from(generation) << 32, Ordering::SeqCst);
        self.threads.store(threads, Ordering::SeqCst);
        self.places.store(threads, Ordering::SeqCst);
        self.bell.store(Self::SILENT, Ordering::SeqCst);
        self.failed.store(failed, Ordering::SeqCst);
        connections.iter().for_each(ConnectionSlot::clear);
        self.phase.store(Phase::Serving as u32, Ordering::SeqCst);
        self.word.store((u64::from(generation) << 32) | OPEN, Ordering::SeqCst);
    }

    /// No more claims are made.
    pub fn close(&self) {
        self.word.fetch_and(!OPEN, Ordering::SeqCst);
        self.phase.store(Phase::Draining as u32, Ordering::SeqCst);
    }

    /// Claims a thread of this generation, unless all `limit` are claimed. `None`: it has gone, or takes nothing.
    pub fn claim(&self, wanted: u32, limit: u32) -> Option<bool> {
        let mut word = self.word.load(Ordering::SeqCst);
        loop {
            if generation(word) != wanted || word & OPEN == 0 {
                return None;
            }
            if word & COUNT >= u64::from(limit) {
                return Some(false);
            }
            match self.word.compare_exchange_weak(word, word + 1, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return Some(true),
                Err(now) => word = now,
            }
        }
    }

    /// Gives a claim of this generation back.
    pub fn release(&self, of: u32) {
        let mut word = self.word.load(Ordering::SeqCst);
        while generation(word) == of && word & COUNT > 0 {
            match self.word.compare_exchange_weak(word, word - 1, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }

    /// Threads that are claimed.
    pub fn claimed(&self) -> u32 {
        (self.word.load(Ordering::SeqCst) & COUNT) as u32
    }

    /// A worker takes requests here.
    pub fn is_open(&self) -> bool {
        self.word.load(Ordering::SeqCst) & OPEN != 0
    }

    /// Frees the slot. Its generation stays: requests of the worker check here how far they got.
    pub fn clear(&self) {
        self.word.fetch_and(!(OPEN | COUNT), Ordering::SeqCst);
        self.phase.store(Phase::Ended as u32, Ordering::SeqCst);
        self.pid.store(0, Ordering::SeqCst);
    }

    /// The same, said of a process that has died, unless somebody else has said so.
    pub fn clear_dead(&self, pid: u32) {
        /// A pid that no process has; a slot with it cannot be taken.
        const LEAVING: u32 = u32::MAX;
        if self.pid.compare_exchange(pid, LEAVING, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            self.clear();
        }
    }

    /// What stands here is of this generation, or of nobody since.
    pub fn is_of(&self, wanted: u32) -> bool {
        generation(self.word.load(Ordering::SeqCst)) == wanted
    }

    /// How far the worker is.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            1 => Phase::Starting,
            2 => Phase::Serving,
            3 => Phase::Draining,
            _ => Phase::Ended,
        }
    }

    /// When the process began, microseconds of the monotonic clock.
    pub fn begun(&self) -> i64 {
        self.begun.load(Ordering::SeqCst)
    }

    /// Applications that failed to start in it.
    pub fn failed(&self) -> u32 {
        self.failed.load(Ordering::SeqCst)
    }

    /// Threads of the worker.
    pub fn threads(&self) -> u32 {
        self.threads.load(Ordering::SeqCst)
    }

    /// Requests that the worker lets into Python at the same time: one at least, and no more than it has threads, whatever
    /// stands there.
    pub fn places(&self) -> u32 {
        self.places.load(Ordering::SeqCst).clamp(1, self.threads().max(1))
    }

    /// The worker takes requests, and has a place for one.
    pub fn has_place(&self) -> bool {
        self.is_open() && self.claimed() < self.places()
    }

    /// The worker lets so many in.
    pub fn set_places(&self, places: u32) {
        self.places.store(places, Ordering::SeqCst);
    }

    /// The bell is not to be rung.
    pub const SILENT: u32 = u32::MAX;

    /// What the worker sleeps on: more claims than this are to wake it.
    pub fn bell(&self) -> &AtomicU32 {
        &self.bell
    }

    /// So many requests are claimed, or `None`, one waits in the queue. True: the worker sleeps, and is to be woken.
    pub fn rings(&self, claimed: Option<u32>) -> bool {
        let most = self.bell.load(Ordering::SeqCst);
        most != Self::SILENT
            && claimed.is_none_or(|claimed| claimed > most)
            && self.bell.compare_exchange(most, Self::SILENT, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}
