//! How long a thread of a process waits for the GIL, in memory that others read.

use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A thread of the process takes the GIL now and then, each GIL if there are several, and writes here how long it waited. Times
/// are microseconds; those that say when are of the monotonic clock.
#[repr(C)]
#[derive(Default)]
pub struct Gil {
    /// Since when it waits; 0: it does not.
    since: AtomicI64,
    /// How long it has waited the last time; 0: nobody has looked for a while, for nothing was in progress.
    last: AtomicU64,
}

impl Gil {
    /// Another process begins, or nothing is in progress.
    pub fn clear(&self) {
        self.since.store(0, Ordering::Relaxed);
        self.last.store(0, Ordering::Relaxed);
    }

    /// The thread wants a GIL.
    pub fn want(&self, now: i64) {
        self.since.store(now.max(1), Ordering::Release);
    }

    /// It has had all of them, and waited for one of them for so long, microseconds.
    pub fn had(&self, longest: u64) {
        self.last.store(longest.max(1), Ordering::Relaxed);
        self.since.store(0, Ordering::Release);
    }

    /// How long whoever wants the GIL waits: the last time, or the time that passes just now, if that is longer. Nobody waits for
    /// longer than the process has been there (`age`), whatever stands here.
    pub fn wait(&self, now: i64, age: u64) -> u64 {
        let now = match self.since.load(Ordering::Acquire) {
            since @ 1.. => now.saturating_sub(since).max(0).unsigned_abs(),
            _ => 0,
        };
        now.max(self.last.load(Ordering::Relaxed)).min(age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_seen_while_it_lasts() {
        const AGE: u64 = 1 << 40;
        let gil = Gil::default();
        assert_eq!(gil.wait(5_000, AGE), 0);
        gil.want(1_000);
        assert_eq!((gil.wait(1_000, AGE), gil.wait(61_000_000, AGE)), (0, 60_999_000));
        gil.had(61_000_000);
        assert_eq!(gil.wait(99_000_000, AGE), 61_000_000, "the last one");
        gil.want(100_000_000);
        assert_eq!(gil.wait(100_000_009, AGE), 61_000_000, "one that has just begun says little");
        gil.had(10);
        assert_eq!(gil.wait(200_000_000, AGE), 10);
        gil.want(300_000_000);
        gil.had(0);
        assert_eq!(gil.wait(400_000_000, AGE), 1, "none, but somebody has looked");
        gil.clear();
        assert_eq!(gil.wait(400_000_000, AGE), 0);
    }

    #[test]
    fn nonsense_is_bounded() {
        for (since, last) in [(i64::MIN, u64::MAX), (i64::MAX, 0), (-1, 1), (1, u64::MAX)] {
            let gil = Gil { since: AtomicI64::new(since), last: AtomicU64::new(last) };
            assert!(gil.wait(1_000_000, 500) <= 500 && gil.wait(i64::MIN, 0) == 0);
            gil.had(u64::MAX);
            assert!(gil.wait(1_000_000, 500) <= 500);
        }
    }
}
