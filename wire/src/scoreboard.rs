//! The scoreboard of a process group: memory that the workers of the group and Apache's children share, by which a child
//! finds an idle thread before it sends a request.
//!
//! A worker stands in a slot. Its word holds how many of its threads are claimed; a child claims one more with one
//! compare-and-swap, and only while the worker takes requests. The worker releases a claim when it has served. A child
//! notes the claim beside its connection first, so that the claims of one that dies are taken back by the worker, which
//! sees the connection end. A supervisor, which may be root, reads here only whether processes of the group serve, and which
//! have died: what is wrong harms the group alone. Every index is bounded by its reader.

use core::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

/// Connections of a worker that have a place.
pub const CONNECTIONS: usize = 256;

/// Whether the group serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Condition {
    /// The group's processes start for the first time.
    Starting = 0,
    /// A process serves.
    Serving = 1,
    /// None serves, and none is being started just now.
    Down = 2,
}

/// The memory: this, and then [`WorkerSlot`]s to its end.
#[repr(C)]
pub struct Scoreboard {
    /// Written by the supervisor.
    condition: AtomicU32,
    /// Requests that wait in the listening socket's queue.
    pub queued: AtomicU32,
    /// When the next process is started while it is down, microseconds of the monotonic clock.
    pub next_start: AtomicI64,
    /// The supervisor whose workers serve: those of an earlier one that lost theirs may go.
    pub served_by: AtomicU64,
    _reserved: [u64; 4],
    first: [WorkerSlot; 0],
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
    _reserved: [u32; 11],
    /// The worker's connections.
    pub connections: [ConnectionSlot; CONNECTIONS],
}

/// A connection of a worker.
#[repr(C)]
pub struct ConnectionSlot {
    /// The child claims a thread for it, or has.
    pub claimed: AtomicU32,
    /// 1: the worker has called the application for the request on it; 2: the request has lasted too long, and the worker
    /// ends.
    pub started: AtomicU32,
}

const OPEN: u64 = 1 << 31;
const COUNT: u64 = OPEN - 1;

fn generation(word: u64) -> u32 {
    (word >> 32) as u32
}

impl WorkerSlot {
    /// A worker of so many threads, in which so many applications failed, takes requests here, `generation` of the place.
    pub fn open(&self, generation: u32, threads: u32, failed: u32) {
        // From now on nobody takes what is noted here for the earlier worker's.
        self.word.store(u64::from(generation) << 32, Ordering::SeqCst);
        self.threads.store(threads, Ordering::SeqCst);
        self.failed.store(failed, Ordering::SeqCst);
        for entry in &self.connections {
            entry.claimed.store(0, Ordering::Relaxed);
            entry.started.store(0, Ordering::Relaxed);
        }
        self.word.store((u64::from(generation) << 32) | OPEN, Ordering::SeqCst);
    }

    /// No more claims are made.
    pub fn close(&self) {
        self.word.fetch_and(!OPEN, Ordering::SeqCst);
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

    /// Applications that failed to start in it.
    pub fn failed(&self) -> u32 {
        self.failed.load(Ordering::SeqCst)
    }

    /// Threads of the worker.
    pub fn threads(&self) -> u32 {
        self.threads.load(Ordering::SeqCst)
    }
}

impl Scoreboard {
    /// Bytes for a number of slots.
    pub const fn size(slots: usize) -> usize {
        size_of::<Self>() + slots * size_of::<WorkerSlot>()
    }

    /// The slots in `len` bytes of memory.
    pub const fn slots_in(len: usize) -> usize {
        len.saturating_sub(size_of::<Self>()) / size_of::<WorkerSlot>()
    }

    /// The slots.
    ///
    /// # Safety
    /// The memory behind this holds that many, for as long as the reference lives.
    pub unsafe fn slots(&self, count: usize) -> &[WorkerSlot] {
        // SAFETY: says the caller; slots are atomics, which any bytes are values of.
        unsafe { core::slice::from_raw_parts(self.first.as_ptr(), count) }
    }

    /// Whether the group serves.
    pub fn condition(&self) -> Condition {
        match self.condition.load(Ordering::SeqCst) {
            0 => Condition::Starting,
            1 => Condition::Serving,
            _ => Condition::Down,
        }
    }

    /// Says whether it does.
    pub fn set_condition(&self, condition: Condition) {
        self.condition.store(condition as u32, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Box<WorkerSlot> {
        // SAFETY: atomics, for which zero is a value.
        unsafe { Box::new(core::mem::zeroed()) }
    }

    #[test]
    fn as_many_claims_as_threads() {
        let slot = slot();
        assert_eq!(slot.claim(7, 2), None);
        slot.open(7, 2, 0);
        assert_eq!(
            [slot.claim(7, 2), slot.claim(7, 2), slot.claim(7, 2)],
            [Some(true), Some(true), Some(false)]
        );
        slot.release(7);
        assert_eq!(slot.claim(7, 2), Some(true));
        assert_eq!(slot.claim(8, 2), None, "another generation");
        slot.close();
        assert_eq!(slot.claim(7, 2), None);
        assert_eq!(slot.claimed(), 2, "those that were made are kept");
        slot.release(8);
        slot.release(7);
        assert_eq!(slot.claimed(), 1);
    }

    #[test]
    fn only_the_dead_are_cleared() {
        let slot = slot();
        slot.pid.store(10, Ordering::SeqCst);
        slot.open(7, 2, 0);
        slot.clear_dead(9);
        assert!(slot.is_open() && slot.pid.load(Ordering::SeqCst) == 10);
        slot.clear_dead(10);
        assert!(!slot.is_open() && slot.pid.load(Ordering::SeqCst) == 0);
        assert!(slot.is_of(7), "its requests look here at how far they were");
    }

    #[test]
    fn sizes_are_those_of_the_layout() {
        assert_eq!(size_of::<Scoreboard>() % 64, 0);
        assert_eq!(Scoreboard::slots_in(Scoreboard::size(5)), 5);
    }
}
