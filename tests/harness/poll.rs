//! Waiting for something to become true, with a deadline. The only place that sleeps.

use std::time::{Duration, Instant};

use crate::machine;

/// How long a test waits for something that should happen at once. Generous: it is spent only on failure.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Calls `probe` until it yields a value or the deadline has passed, on a machine that gives the time.
pub fn within<T>(deadline: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(value) = probe() {
            return Some(value);
        }
        if begun.elapsed() >= deadline && machine::given_since(begun) >= deadline {
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

/// Fails the test if more time has passed than that, without what the machine did not give.
#[track_caller]
pub fn assert_within(begun: Instant, seconds: f64, what: &str) {
    let (took, lost) = (begun.elapsed(), machine::lost_since(begun));
    let limit = Duration::from_secs_f64(seconds);
    assert!(
        took.saturating_sub(lost) < limit,
        "{what} took {took:?}, more than {limit:?} and the {lost:?} that the machine did not give"
    );
}
