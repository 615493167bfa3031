//! Clocks: the one that all processes of the machine share and nobody sets, and the one of the day.

use nix::time::{ClockId, clock_gettime};

/// Microseconds of the monotonic clock.
pub fn monotonic() -> i64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map_or(0, |time| time.tv_sec() * 1_000_000 + time.tv_nsec() / 1000)
}

/// Seconds since the epoch, by the clock that administrators set.
pub fn epoch() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
