//! How long to wait with the next attempt of what has failed.

use core::time::Duration;

/// The longest wait between two attempts.
pub const LONGEST: Duration = Duration::from_secs(60);

/// The wait when so many attempts have failed in a row: none, then 1, 2, 4 … 60 s.
pub fn delay(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        failures => Duration::from_secs(1 << (failures - 1).min(6)).min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_ever_more_slowly() {
        let delays: Vec<u64> = (0..10).map(|failures| delay(failures).as_secs()).collect();
        assert_eq!(delays, [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(delay(u32::MAX), LONGEST);
    }
}
