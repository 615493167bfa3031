//! What a request records while it runs, into memory of its own thread.

use super::sample::{Finished, Phase, Sample, Traffic};
use crate::python::{Waits, gil_waits, thread_number};
use os::Usage;
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// Whether requests are recorded.
static RECORDING: AtomicBool = AtomicBool::new(false);

/// The records of all threads that have had a request. A thread that ends leaves its record to the next new one.
static THREADS: Mutex<Vec<Arc<ThreadRecord>>> = Mutex::new(Vec::new());

/// Requests are recorded, and waits for the GIL measured, from now on. False: they were before.
pub fn start_recording() -> bool {
    crate::python::measure_gil_waits();
    !RECORDING.swap(true, Ordering::SeqCst)
}

/// Requests are recorded.
pub fn is_recording() -> bool {
    RECORDING.load(Ordering::Relaxed)
}

/// Microseconds since the epoch.
pub fn epoch() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as i64)
}

/// The record of one thread. The thread alone adds to it, so the lock is free but for the moment in which a reader takes what
/// is there.
#[derive(Default)]
pub struct ThreadRecord {
    used: AtomicBool,
    inner: Mutex<Inner>,
}

/// What stands in the record of a thread.
#[derive(Default)]
pub struct Inner {
    /// `mod_wsgi.thread_id`
    pub number: usize,
    /// When its request began and until when it was counted as busy, microseconds of the monotonic clock.
    pub running: Option<(i64, i64)>,
    /// Requests since the recording began.
    pub requests: u64,
    /// Microseconds that they took.
    pub busy: u64,
    /// What was measured since a reader took it last.
    pub sample: Sample,
}

/// The record of the calling thread, which it gives up when it ends.
struct Own(Arc<ThreadRecord>);

impl Drop for Own {
    fn drop(&mut self) {
        self.0.used.store(false, Ordering::SeqCst);
    }
}

thread_local!(static OWN: RefCell<Option<Own>> = const { RefCell::new(None) });

fn own() -> Option<Arc<ThreadRecord>> {
    let find = |own: &RefCell<Option<Own>>| {
        let mut own = own.borrow_mut();
        own.get_or_insert_with(|| Own(free_record())).0.clone()
    };
    OWN.try_with(find).ok()
}

fn free_record() -> Arc<ThreadRecord> {
    let mut threads = os::lock(&THREADS);
    let free = threads.iter().find(|record| !record.used.load(Ordering::SeqCst)).cloned();
    let record = free.unwrap_or_else(|| {
        let record = Arc::<ThreadRecord>::default();
        threads.push(record.clone());
        record
    });
    record.used.store(true, Ordering::SeqCst);
    os::lock(&record.inner).number = thread_number();
    record
}

/// Looks at the records of all threads, in the order of their numbers.
pub fn visit(mut look: impl FnMut(&mut Inner)) {
    let mut threads: Vec<_> = os::lock(&THREADS).clone();
    threads.sort_by_key(|record| os::lock(&record.inner).number);
    threads.iter().for_each(|record| look(&mut os::lock(&record.inner)));
}

/// When a request arrived, microseconds since the epoch.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// At httpd.
    pub received: i64,
    /// When httpd handed it over to the process group, and a thread of the process took it.
    pub handed: Option<(i64, i64)>,
}

/// What is counted of a request while it runs. One thread at a time writes, whoever has the request's link.
#[derive(Debug, Default)]
pub struct Live {
    /// What its thread has waited for the GIL, and had waited before.
    waits: (Arc<Waits>, (u64, u64)),
    /// When the application was called, microseconds since the epoch; 0: it was not.
    started: AtomicI64,
    /// Status of the answer; 0: it has not begun.
    status: AtomicI32,
    input: [AtomicU64; 3],
    output: [AtomicU64; 3],
}

fn add(numbers: &[AtomicU64; 3], more: [u64; 3]) {
    for (number, more) in numbers.iter().zip(more) {
        number.store(number.load(Ordering::Relaxed) + more, Ordering::Relaxed);
    }
}

fn read(numbers: &[AtomicU64; 3]) -> [u64; 3] {
    std::array::from_fn(|at| numbers[at].load(Ordering::Relaxed))
}

impl Live {
    /// Nothing has been done yet. On the thread of the request.
    fn new() -> Self {
        let waits = gil_waits();
        let before = waits.get();
        Self { waits: (waits, before), ..Self::default() }
    }

    /// The application is about to be called.
    pub fn start(&self) {
        self.started.store(epoch(), Ordering::Relaxed);
    }

    /// The application has read so many bytes, for which it waited so many microseconds.
    pub fn add_read(&self, bytes: u64, micros: u64) {
        add(&self.input, [bytes, 1, micros]);
    }

    /// The answer begins with this status.
    pub fn answer(&self, status: i32) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// It has sent a block of so many bytes.
    pub fn add_block(&self, bytes: u64) {
        add(&self.output, [bytes, 1, 0]);
    }

    /// It has waited for the sending.
    pub fn add_wait(&self, micros: u64) {
        add(&self.output, [0, 0, micros]);
    }
}

/// How far a request is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Its application was called.
    pub is_started: bool,
    /// Each phase so far.
    pub phases: [Option<u64>; 8],
    /// What was read and sent.
    pub traffic: Traffic,
    /// How often its thread has waited for the GIL.
    pub gil_waits: u64,
    /// Status of the answer; 0: it has not begun.
    pub status: i32,
}

fn between(from: i64, to: i64) -> u64 {
    u64::try_from(to - from).unwrap_or(0)
}

impl Live {
    /// How far the request is now.
    pub fn progress(&self, arrival: Arrival) -> Progress {
        let (started, now) = (self.started.load(Ordering::Relaxed), epoch());
        let (input, output) = (read(&self.input), read(&self.output));
        let mut phases = [None; 8];
        let mut set = |phase: Phase, micros: u64| phases[phase as usize] = Some(micros);
        let Arrival { received, handed } = arrival;
        let called = if started == 0 { now } else { started };
        set(Phase::Server, between(received, handed.map_or(called, |(handed, _)| handed)));
        if let Some((handed, taken)) = handed {
            set(Phase::Queue, between(handed, taken));
            set(Phase::Daemon, between(taken, called));
        }
        set(Phase::Application, between(called, now));
        set(Phase::Request, between(received, now));
        let (waits, (waited, times)) = (self.waits.0.get(), self.waits.1);
        set(Phase::GilWait, waits.0 - waited);
        set(Phase::InputRead, input[2]);
        set(Phase::OutputWrite, output[2]);
        Progress {
            is_started: started != 0,
            phases,
            traffic: Traffic { input: (input[0], input[1]), output: (output[0], output[1]) },
            gil_waits: waits.1 - times,
            status: self.status.load(Ordering::Relaxed),
        }
    }
}

/// A request that is recorded. When this is dropped before [`Recorder::finish`], the request is not counted.
pub struct Recorder {
    thread: Arc<ThreadRecord>,
    /// When the request arrived.
    pub arrival: Arrival,
    /// What is counted meanwhile.
    pub live: Arc<Live>,
    /// Processor time of the thread before it.
    usage: Usage,
}

/// Begins to record a request, if requests are recorded. On its thread.
pub fn begin(arrival: impl FnOnce() -> Arrival) -> Option<Recorder> {
    if !is_recording() {
        return None;
    }
    let thread = own()?;
    let now = os::monotonic();
    os::lock(&thread.inner).running = Some((now, now));
    Some(Recorder { thread, arrival: arrival(), live: Arc::new(Live::new()), usage: Usage::of_thread() })
}

impl Recorder {
    /// The request has ended; `error`: with the server's own page of this status. A request whose application was not called
    /// is not counted. Answers what was measured. On its thread.
    pub fn finish(self, error: Option<i32>) -> Option<Finished> {
        let progress = self.live.progress(self.arrival);
        if !progress.is_started {
            return None;
        }
        let now = os::monotonic();
        let (user, system) = Usage::of_thread().since(self.usage);
        let mut inner = os::lock(&self.thread.inner);
        let (begun, counted) = inner.running.take().unwrap_or((now, now));
        let request = Finished {
            phases: progress.phases,
            traffic: progress.traffic,
            status: error.unwrap_or(progress.status),
            gil_waits: progress.gil_waits,
            cpu: (u64::try_from(user).unwrap_or(0), u64::try_from(system).unwrap_or(0)),
            duration: between(begun, now),
        };
        inner.requests += 1;
        inner.busy += request.duration;
        inner.sample.add(&request, between(counted, now));
        Some(request)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        os::lock(&self.thread.inner).running = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARRIVAL: Arrival = Arrival { received: 1_000_000, handed: Some((1_000_000, 1_000_000)) };

    /// Only this test records on its thread, which may have the record of another one that has ended.
    #[test]
    fn a_request_is_counted_when_its_application_was_called() {
        assert!(super::begin(|| ARRIVAL).is_none() || is_recording());
        start_recording();
        let mine = |thread: &Inner| (thread.number == thread_number()).then_some(thread.requests);
        let count = || {
            let mut found = None;
            visit(|thread| found = found.or(mine(thread)));
            found
        };
        drop(super::begin(|| ARRIVAL));
        let before = count().expect("this thread has a record");
        super::begin(|| ARRIVAL).expect("it is recording").finish(Some(503));
        assert_eq!(count(), Some(before));
        let request = super::begin(|| ARRIVAL).expect("it is recording");
        request.live.start();
        let mut running = 0;
        visit(|thread| running += u32::from(mine(thread).is_some() && thread.running.is_some()));
        assert_eq!(running, 1);
        request.finish(None);
        assert_eq!(count(), Some(before + 1));
    }

    #[test]
    fn a_record_takes_little_time() {
        const COUNT: u32 = 20_000;
        start_recording();
        let begun = std::time::Instant::now();
        for _ in 0..COUNT {
            let request = super::begin(|| ARRIVAL).expect("it is recording");
            request.live.start();
            request.finish(None);
        }
        let each = begun.elapsed().as_nanos() / u128::from(COUNT);
        println!("{each} ns a request");
        assert!(each < 100_000, "{each} ns");
    }
}
