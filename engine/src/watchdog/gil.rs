//! How long threads wait for the GIL: one takes it again and again, each one if there are several, and notes how long that took, for
//! those who read the status of the process. Whoever ends processes in a deadlock learns when it had the GIL last.
//!
//! A process without requests is not woken for it: the watchdog, which the first request wakes, wakes this thread.

use crate::runtime::{self, clock};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;
use wire::gil::Gil;

/// How often the GIL is taken, unless a deadlock is to be seen sooner.
const PAUSE: Duration = Duration::from_secs(1);

/// 1: requests are in progress.
static AWAKE: AtomicU32 = AtomicU32::new(0);

/// When the thread had the GIL last, microseconds; 0: there is no such thread.
static HAD: AtomicI64 = AtomicI64::new(0);

/// Begins to take the GIL, and to write to `gil` how long that takes. `deadlock`: a process that does not get it for so long is in
/// a deadlock, which is looked for without requests, too.
pub fn watch(gil: &'static Gil, deadlock: Option<Duration>) {
    let pause = deadlock.map_or(PAUSE, |limit| (limit / 4).clamp(Duration::from_millis(50), PAUSE));
    let body = move || {
        loop {
            if deadlock.is_none() {
                rest(gil);
            }
            visit(gil);
            thread::sleep(pause);
        }
    };
    let begun = clock();
    if thread::Builder::new().name("wsgi-gil".into()).spawn(body).is_ok() {
        HAD.fetch_max(begun, Ordering::SeqCst);
    }
}

/// Whose GIL it waits for, where interpreters have their own.
static WHOSE: Mutex<Option<String>> = Mutex::new(None);

/// The GIL that is waited for, for messages.
pub fn waited_for() -> String {
    os::lock(&WHOSE).as_ref().map_or_else(|| "the GIL".into(), |whose| format!("the GIL of {whose}"))
}

/// How long no thread has got the GIL, as far as this is known.
pub fn waited() -> Duration {
    match HAD.load(Ordering::SeqCst) {
        0 => Duration::ZERO,
        had => Duration::from_micros((clock() - had).max(0).unsigned_abs()),
    }
}

/// Requests are in progress, or not.
pub fn requests_run(run: bool) {
    if AWAKE.swap(run.into(), Ordering::SeqCst) == 0 && run {
        os::futex_wake(&AWAKE);
    }
}

/// Waits until requests are in progress.
fn rest(gil: &Gil) {
    while AWAKE.load(Ordering::SeqCst) == 0 {
        gil.clear();
        os::futex_wait(&AWAKE, 0, None);
    }
}

fn visit(gil: &Gil) {
    let gils = runtime::get().map(|runtime| runtime.interpreters.by_gil()).unwrap_or_default();
    let mut longest = 0;
    let are_several = gils.len() > 1;
    for interpreters in gils {
        *os::lock(&WHOSE) = are_several.then(|| interpreters[0].context());
        let begun = clock();
        gil.want(begun);
        interpreters[0].visit(|_| ());
        longest = longest.max(clock() - begun);
    }
    gil.had(longest.max(0).unsigned_abs());
    HAD.store(clock(), Ordering::SeqCst);
}
