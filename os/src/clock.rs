//! The clock that all processes of the machine share and nobody sets.

use nix::time::{ClockId, clock_gettime};

/// Microseconds of the monotonic clock.
pub fn monotonic() -> i64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map_or(0, |time| time.tv_sec() * 1_000_000 + time.tv_nsec() / 1000)
}
