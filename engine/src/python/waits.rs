//! How long a thread waits for the GIL.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

static MEASURED: AtomicBool = AtomicBool::new(false);

thread_local!(static WAITS: Cell<(u64, u64)> = const { Cell::new((0, 0)) });

/// Waits are measured from now on.
pub fn measure_gil_waits() {
    MEASURED.store(true, Ordering::Relaxed);
}

/// Microseconds that this thread has waited so far, and how often; only differences mean something.
pub fn gil_waits() -> (u64, u64) {
    let (nanos, count) = WAITS.get();
    (nanos / 1000, count)
}

/// Measures `take`, which takes the GIL.
pub(super) fn waiting(take: impl FnOnce()) {
    if !MEASURED.load(Ordering::Relaxed) {
        return take();
    }
    let begun = Instant::now();
    take();
    let (nanos, count) = WAITS.get();
    WAITS.set((nanos + begun.elapsed().as_nanos() as u64, count + 1));
}
