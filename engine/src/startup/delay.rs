//! When the next attempt is due, and what a failure is called.

use std::time::Duration;

/// Longest time between two attempts.
pub const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// Time from a failed attempt to the next: 1, 2, 4 … 60 s.
pub fn delay(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.saturating_sub(1).min(6)).min(LONGEST_DELAY)
}

/// A number that a person can look for in the log.
pub fn fresh_id(key: u64) -> u32 {
    let mixed =
        key ^ (os::monotonic() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(std::process::id());
    ((mixed >> 32) as u32 ^ mixed as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_ever_more_slowly() {
        let delays: Vec<u64> = (1..=9).map(|attempts| delay(attempts).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
