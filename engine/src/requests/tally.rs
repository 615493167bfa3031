//! What goes in and out of a request, counted. Only requests whose events somebody subscribed to are.

use super::observed::Observer;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often something was done, how much it was, and how long it took.
#[derive(Default)]
pub struct Count {
    times: AtomicU64,
    bytes: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Count {
    /// It was done once more, with so many bytes.
    fn add(&self, bytes: u64) {
        self.times.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// It took so much more time.
    fn lasted(&self, time: Duration) {
        self.nanoseconds.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// How often it was done.
    pub fn times(&self) -> i64 {
        self.times.load(Ordering::Relaxed) as i64
    }

    /// How much it was, in bytes.
    pub fn bytes(&self) -> i64 {
        self.bytes.load(Ordering::Relaxed) as i64
    }

    /// How long it took, in seconds.
    pub fn seconds(&self) -> f64 {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)).as_secs_f64()
    }
}

/// What a request has done so far.
#[derive(Default)]
pub struct Tally {
    /// Reads of the body.
    pub input: Count,
    /// Blocks of the answer, and the time in which they were sent.
    pub output: Count,
    /// Waits of its thread for the GIL.
    pub gil: Count,
}

impl Tally {
    /// The thread of the request has waited for the GIL since then.
    pub fn waited(&self, since: Instant) {
        self.gil.add(0);
        self.gil.lasted(since.elapsed());
    }
}

impl Observer for Tally {
    fn read(&self, bytes: u64, time: Duration) {
        self.input.add(bytes);
        self.input.lasted(time);
    }

    fn block(&self, bytes: u64) {
        self.output.add(bytes);
    }

    fn sent(&self, time: Duration) {
        self.output.lasted(time);
    }
}
