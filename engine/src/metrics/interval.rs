//! What a reader gets: what was measured since the last time, and since the beginning.

use super::record::{self, epoch};
use super::sample::Sample;
use os::Usage;
use std::sync::Mutex;

/// What a reader knows of its last time.
#[derive(Clone, Copy)]
struct Mark {
    /// Microseconds of the monotonic clock, and since the epoch.
    clock: i64,
    epoch: i64,
    usage: Usage,
}

impl Mark {
    fn now() -> Self {
        Self { clock: os::monotonic(), epoch: epoch(), usage: Usage::of_process() }
    }
}

static LAST: Mutex<Option<Mark>> = Mutex::new(None);

/// What a thread did in an interval. Times are microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// Requests that have ended.
    pub completed: u64,
    /// How long it had a request.
    pub busy: u64,
    /// Its time on the processor.
    pub cpu: u64,
    /// How long it has had the present request; 0: it has none.
    pub current: u64,
    /// The longest request that has ended.
    pub longest: u64,
}

impl Thread {
    /// Its times, in the order in which readers get them: busy, processor, present request, longest request.
    pub fn times(&self) -> [u64; 4] {
        [self.busy, self.cpu, self.current, self.longest]
    }
}

/// What was measured in an interval.
#[derive(Clone, Debug)]
pub struct Interval {
    /// Its begin and its end, microseconds since the epoch.
    pub window: (i64, i64),
    /// Its length, seconds.
    pub seconds: f64,
    /// All requests that ended in it.
    pub all: Sample,
    /// Each thread.
    pub threads: Vec<Thread>,
    /// Processor time of the process, microseconds of user and of system.
    pub cpu: (i64, i64),
    /// Memory of the process now, and the most so far, bytes.
    pub memory: (u64, u64),
}

/// What was measured since the last call, or since the recording began.
pub fn take() -> Option<Interval> {
    if !record::is_recording() {
        return None;
    }
    // One reader at a time: each request is in one interval.
    let mut last = os::lock(&LAST);
    let now = Mark::now();
    let before = last.replace(now)?;
    let (mut all, mut threads) = (Sample::default(), Vec::new());
    record::visit(|inner| {
        let mut sample = std::mem::take(&mut inner.sample);
        let mut current = 0;
        if let Some((begun, counted)) = &mut inner.running {
            current = u64::try_from(now.clock - *begun).unwrap_or(0);
            sample.busy += u64::try_from(now.clock - *counted).unwrap_or(0);
            *counted = now.clock.max(*counted);
        }
        threads.push(Thread {
            completed: sample.requests,
            busy: sample.busy,
            cpu: sample.cpu,
            current,
            longest: sample.longest,
        });
        all.merge(&sample);
    });
    Some(Interval {
        window: (before.epoch, now.epoch),
        seconds: ((now.clock - before.clock).max(1)) as f64 / 1e6,
        all,
        threads,
        cpu: now.usage.since(before.usage),
        memory: (os::resident_memory(), now.usage.most_memory),
    })
}

/// Begins the first interval, with the recording.
pub fn begin() {
    if record::start_recording() {
        os::lock(&LAST).get_or_insert_with(Mark::now);
    }
}

impl Interval {
    /// Threads that had a request.
    pub fn active(&self) -> usize {
        self.threads.iter().filter(|thread| thread.completed > 0 || thread.current > 0).count()
    }

    /// The share of the threads' time that was taken by requests, with so many threads.
    pub fn utilization(&self, threads: usize) -> f64 {
        self.all.busy as f64 / 1e6 / self.seconds / threads.max(1) as f64
    }

    /// Requests in a second.
    pub fn throughput(&self) -> f64 {
        self.all.requests as f64 / self.seconds
    }

    /// Processor time in a second: of user, of system.
    pub fn cpu_rates(&self) -> (f64, f64) {
        (self.cpu.0 as f64 / 1e6 / self.seconds, self.cpu.1 as f64 / 1e6 / self.seconds)
    }
}
