//! Waiting for something to become true, with a deadline. The only place that sleeps.

use std::time::{Duration, Instant};

use crate::machine;

/// How long a test waits for something that should happen at once. Generous: it is spent only on failure.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Whether a limit is exceeded after so much time, some of which the machine did not give. That it gives nothing is no
/// excuse for ever: four times the limit is the end of it, or 20 seconds.
fn is_over(limit: Duration, took: Duration, lost: Duration) -> bool {
    took.saturating_sub(lost) >= limit || took >= (limit * 4).max(Duration::from_secs(20))
}

/// Calls `probe` until it yields a value or the deadline has passed, on a machine that gives the time.
pub fn within<T>(deadline: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(value) = probe() {
            return Some(value);
        }
        let elapsed = begun.elapsed();
        if elapsed >= deadline && is_over(deadline, elapsed, machine::lost_since(begun)) {
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
        !is_over(limit, took, lost),
        "{what} took {took:?}, more than {limit:?} and the {lost:?} that the machine did not give"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_was_not_given_has_an_end() {
        let over = |limit, took, lost| {
            let [limit, took, lost] = [limit, took, lost].map(Duration::from_secs);
            is_over(limit, took, lost)
        };
        assert!(!over(10, 9, 0) && over(10, 10, 0));
        assert!(!over(10, 19, 10) && over(10, 20, 10));
        assert!(!over(10, 39, 39) && over(10, 40, 40), "a machine that gives nothing");
        assert!(!over(1, 19, 19) && over(1, 20, 20), "a short limit");
    }
}
