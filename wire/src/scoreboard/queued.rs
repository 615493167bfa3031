//! How many requests wait in the queue of a group.

use core::sync::atomic::{AtomicU32, Ordering};

/// The count, and in the upper half how often it was declared void: a child that was killed does not take its request back, and a
/// worker that finds nobody in the queue voids what is counted. A child counts its request before it connects, and so looks
/// afterwards whether that still counts.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct Queued(AtomicU32);

const COUNT: u32 = 0xffff;

/// A request that was counted, which counts until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(u32);

impl Queued {
    /// So many wait.
    pub fn count(&self) -> u32 {
        self.0.load(Ordering::SeqCst) & COUNT
    }

    /// One more waits: so many do now.
    pub fn add(&self) -> (Epoch, u32) {
        let more = |value: u32| if value & COUNT == COUNT { value } else { value + 1 };
        let was = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |value| Some(more(value)));
        let now = more(was.unwrap_or_else(|value| value));
        (Epoch(now >> 16), now & COUNT)
    }

    /// It is still counted.
    pub fn counts(&self, epoch: Epoch) -> bool {
        self.0.load(Ordering::SeqCst) >> 16 == epoch.0
    }

    /// It waits no longer.
    pub fn remove(&self, epoch: Epoch) {
        let less = |value: u32| (value >> 16 == epoch.0 && value & COUNT > 0).then(|| value - 1);
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
    }

    /// What is there, to be voided if nothing changes meanwhile; `None`: nobody waits.
    pub fn seen(&self) -> Option<u32> {
        Some(self.0.load(Ordering::SeqCst)).filter(|value| value & COUNT > 0)
    }

    /// Nobody of those waits. Whoever was connecting meanwhile may be there by now: true: the queue is to be looked at again.
    pub fn void(&self, seen: u32) -> bool {
        let next = (seen >> 16).wrapping_add(1) << 16;
        self.0.compare_exchange(seen, next, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_voided_does_not_count() {
        let queued = Queued::default();
        assert_eq!(queued.seen(), None);
        let (gone, one) = queued.add();
        let (comes, two) = queued.add();
        assert_eq!((one, two, queued.count()), (1, 2, 2));
        let seen = queued.seen().unwrap();
        assert!(queued.void(seen) && !queued.void(seen));
        assert_eq!(queued.count(), 0);
        assert!(!queued.counts(comes));
        let (again, count) = queued.add();
        assert!(queued.counts(again) && count == 1);
        queued.remove(gone);
        queued.remove(comes);
        assert_eq!(queued.count(), 1, "others are not taken back");
        queued.remove(again);
        queued.remove(again);
        assert_eq!(queued.count(), 0);
    }

    #[test]
    fn who_comes_meanwhile_is_not_voided() {
        let queued = Queued::default();
        queued.add();
        let seen = queued.seen().unwrap();
        let (epoch, _) = queued.add();
        assert!(!queued.void(seen) && queued.counts(epoch) && queued.count() == 2);
    }

    /// It is another process that writes there.
    #[test]
    fn nonsense_is_bounded() {
        let queued = Queued(AtomicU32::new(u32::MAX));
        let (epoch, count) = queued.add();
        assert_eq!((count, queued.counts(epoch)), (COUNT, true));
        assert!(queued.void(queued.seen().unwrap()));
        assert_eq!((queued.count(), queued.seen()), (0, None), "the epochs begin anew");
    }
}
