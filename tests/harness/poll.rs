//! Waiting for something to become true, with a deadline. The only place that sleeps.

use std::time::{Duration, Instant};

/// How long a test waits for something that should happen at once. Generous: it is spent only on failure.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Calls `probe` until it yields a value or the deadline has passed.
pub fn within<T>(deadline: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(value) = probe() {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Leaves the machine to others for a moment.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Waits until `probe` yields a value; fails the test, naming what was waited for, if it never does.
pub fn until<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, probe).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain for: {what}"))
}
