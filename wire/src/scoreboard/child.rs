//! What one Apache child waits for.

use core::sync::atomic::{AtomicI64, AtomicU32, Ordering};

/// Apache children that have a place. What others wait for is not shown.
pub const CHILDREN: usize = 256;

/// A place for an Apache child.
#[repr(C)]
pub struct ChildSlot {
    /// Pid of the child; 0: the place is free. One that has died leaves it, until another child takes it.
    pid: AtomicU32,
    waiting: AtomicU32,
    since: AtomicI64,
}

impl ChildSlot {
    /// Takes the place for a child; `is_dead` says which processes have ended.
    pub fn take(&self, pid: u32, is_dead: impl FnOnce(u32) -> bool) -> bool {
        let holder = self.pid.load(Ordering::SeqCst);
        let is_free = holder == 0 || holder == pid || is_dead(holder);
        let taken =
            is_free && self.pid.compare_exchange(holder, pid, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if taken && holder != pid {
            self.waiting.store(0, Ordering::SeqCst);
        }
        taken
    }

    /// The place is of this child.
    pub fn is_of(&self, pid: u32) -> bool {
        self.pid.load(Ordering::Relaxed) == pid
    }

    /// One more request waits. `now`: microseconds of the monotonic clock.
    pub fn begin(&self, now: i64) {
        if self.waiting.fetch_add(1, Ordering::SeqCst) == 0 {
            self.since.store(now, Ordering::SeqCst);
        }
    }

    /// A request waits no longer.
    pub fn end(&self) {
        let less = |count: u32| count.checked_sub(1);
        let _ = self.waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
    }

    /// Pid of the child, how many of its requests wait, and since when one has waited without a break (microseconds of the
    /// monotonic clock); `None`: none waits.
    pub fn waiting(&self) -> Option<(u32, u32, i64)> {
        let (pid, count) = (self.pid.load(Ordering::SeqCst), self.waiting.load(Ordering::SeqCst));
        (pid != 0 && count != 0).then(|| (pid, count, self.since.load(Ordering::SeqCst)))
    }
}
