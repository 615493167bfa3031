//! How soon a thread that waits for the GIL gets it (`sys.setswitchinterval()`), changed by one that does not have it.

use super::extra;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that nobody else would take, microseconds: shorter than what a thread computes between two calls of the system.
const SOON: u64 = 17;

/// What it was before; 0: nothing was changed.
static BEFORE: AtomicU64 = AtomicU64::new(0);

/// Threads that wait for the GIL get it soon, until this is dropped.
pub struct ShortTurns(());

impl ShortTurns {
    /// It can be changed without the GIL.
    pub fn are_possible() -> bool {
        extra::get().interval.is_some()
    }

    /// Begins. `None`: whoever wants that must have the GIL (from 3.12 on), or somebody wants it already.
    pub fn begin() -> Option<Self> {
        let (get, set) = extra::get().interval?;
        // SAFETY: the functions read and write one number of the process, whoever calls them.
        let before = unsafe { get() };
        let is_first = BEFORE.compare_exchange(0, before.max(1), Ordering::SeqCst, Ordering::SeqCst).is_ok();
        is_first.then(|| {
            // SAFETY: as above.
            unsafe { set(SOON) };
            Self(())
        })
    }
}

impl Drop for ShortTurns {
    fn drop(&mut self) {
        end_short_turns();
    }
}

/// The interval is what it was, unless the application has set another one meanwhile. Safe in a copy of the process, in which whoever
/// wanted something else is not.
pub fn end_short_turns() {
    let before = BEFORE.swap(0, Ordering::SeqCst);
    if before == 0 {
        return;
    }
    if let Some((get, set)) = extra::get().interval {
        // SAFETY: as in `begin`.
        unsafe {
            if get() == SOON {
                set(before);
            }
        }
    }
}
