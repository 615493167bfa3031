//! What the requests of a group have done: counters that only grow.

use core::sync::atomic::{AtomicU64, Ordering};

/// The upper ends of the buckets of a histogram, microseconds; above the last one is one more bucket.
pub const BOUNDS: [u64; 15] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000, 60_000_000,
];
const BUCKETS: usize = BOUNDS.len() + 1;

/// How often something took how long.
#[repr(C)]
struct Spread {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

/// How often something took how long, as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// For each of [`BOUNDS`], and beyond, how often it took no longer but longer than the one before allows.
    pub buckets: [u64; BUCKETS],
    /// All times together, microseconds.
    pub sum: u64,
}

/// Counters of requests that threads of a few processes add to. Which of a group's lanes a thread uses makes no difference to
/// what comes out: threads of one process use different ones as far as they go, so that they do not wait for each other's memory.
#[repr(C, align(64))]
pub struct Lane {
    arrived: AtomicU64,
    classes: [AtomicU64; 5],
    broken: AtomicU64,
    queue: Spread,
    application: Spread,
    total: Spread,
    _reserved: [u64; 6],
}

/// What all requests of a group have done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests that have come.
    pub arrived: u64,
    /// Requests that have ended, by the first digit of their status less one.
    pub classes: [u64; 5],
    /// Of these, answers that broke off.
    pub broken: u64,
    /// How long they waited for a thread of a process.
    pub queue: Histogram,
    /// How long the application had them.
    pub application: Histogram,
    /// How long Apache had them.
    pub total: Histogram,
}

impl Lane {
    /// A request has come.
    pub fn arrive(&self) {
        self.arrived.fetch_add(1, Ordering::Relaxed);
    }

    /// It has ended with this status, after so many microseconds, of which it has spent so many in the queue and in the application.
    pub fn end(&self, status: i32, broken: bool, total: u64, queue: Option<u64>, application: Option<u64>) {
        let class = usize::try_from(status / 100 - 1).unwrap_or(4).min(4);
        queue.inspect(|time| self.queue.add(*time));
        application.inspect(|time| self.application.add(*time));
        self.total.add(total);
        if broken {
            self.broken.fetch_add(1, Ordering::Relaxed);
        }
        self.classes[class].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_to(&self, totals: &mut Totals) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // Those that have ended are read first: none of them is missing among those that have come.
        for (class, counter) in totals.classes.iter_mut().zip(&self.classes) {
            *class = class.wrapping_add(get(counter));
        }
        totals.broken = totals.broken.wrapping_add(get(&self.broken));
        self.queue.add_to(&mut totals.queue);
        self.application.add_to(&mut totals.application);
        self.total.add_to(&mut totals.total);
        totals.arrived = totals.arrived.wrapping_add(get(&self.arrived));
    }
}

impl Totals {
    /// Requests that have ended.
    pub fn ended(&self) -> u64 {
        self.classes.iter().fold(0, |sum, class| sum.wrapping_add(*class))
    }
}

impl Spread {
    fn add(&self, time: u64) {
        let bucket = BOUNDS.iter().position(|bound| time <= *bound).unwrap_or(BUCKETS - 1);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(time, Ordering::Relaxed);
    }

    fn add_to(&self, histogram: &mut Histogram) {
        for (sum, bucket) in histogram.buckets.iter_mut().zip(&self.buckets) {
            *sum = sum.wrapping_add(bucket.load(Ordering::Relaxed));
        }
        histogram.sum = histogram.sum.wrapping_add(self.sum.load(Ordering::Relaxed));
    }
}

impl Histogram {
    /// How often it was measured.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, bucket| sum.wrapping_add(*bucket))
    }

    /// The end of the bucket in which that share of all measurements is reached, microseconds; `None`: nothing was measured, or it
    /// lies beyond the last bound.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let wanted = (self.count() as f64 * share).ceil() as u64;
        let mut seen = 0u64;
        let reached = self.buckets.iter().position(|bucket| {
            seen = seen.wrapping_add(*bucket);
            wanted > 0 && seen >= wanted
        });
        reached.and_then(|at| BOUNDS.get(at).copied())
    }
}
