//! How long threads wait for the GIL.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

static MEASURED: AtomicBool = AtomicBool::new(false);

thread_local!(static WAITS: Arc<Waits> = Arc::default());

/// How long a thread has waited so far. It alone adds to that; others may look.
#[derive(Debug, Default)]
pub struct Waits {
    nanos: AtomicU64,
    count: AtomicU64,
}

impl Waits {
    /// Microseconds of waiting, and how often; only differences mean something.
    pub fn get(&self) -> (u64, u64) {
        (self.nanos.load(Ordering::Relaxed) / 1000, self.count.load(Ordering::Relaxed))
    }

    fn add(&self, nanos: u64) {
        for (number, more) in [(&self.nanos, nanos), (&self.count, 1)] {
            number.store(number.load(Ordering::Relaxed) + more, Ordering::Relaxed);
        }
    }
}

/// Waits are measured from now on.
pub fn measure_gil_waits() {
    MEASURED.store(true, Ordering::Relaxed);
}

/// The waits of this thread.
pub fn gil_waits() -> Arc<Waits> {
    // A thread that ends waits for nothing that counts.
    WAITS.try_with(Arc::clone).unwrap_or_default()
}

/// Measures `take`, which takes the GIL.
pub(super) fn waiting(take: impl FnOnce()) {
    if !MEASURED.load(Ordering::Relaxed) {
        return take();
    }
    let begun = Instant::now();
    take();
    let nanos = begun.elapsed().as_nanos() as u64;
    let _ = WAITS.try_with(|waits| waits.add(nanos));
}
