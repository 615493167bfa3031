//! Clocks: the one that all processes of the machine share and nobody sets, the one of the day, and what a thread has used of
//! the processor.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
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

/// User and system time that the calling thread has used, in seconds.
pub fn thread_times() -> [f64; 2] {
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    getrusage(UsageWho::RUSAGE_THREAD)
        .map_or([0.0; 2], |usage| [seconds(usage.user_time()), seconds(usage.system_time())])
}
