//! Metrics: what is measured of requests and of the process, for applications that ask ([`dict`](mod@dict)).
//!
//! Nothing is measured until the recording begins: until then a request looks at one flag. From then on each request adds
//! to the record of its own thread ([`record`]) when it ends; a reader takes all of them ([`interval`]).
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicI64, Ordering};

mod dict;
mod entries;
mod interval;
mod record;
mod sample;
mod server;

pub use dict::{begin, process_metrics, request_metrics, take_over};
pub use interval::{Interval, Thread, take};
pub use record::{Arrival, Live, Recorder, begin as record};
pub use sample::{Finished, Phase};
pub use server::server_metrics;

/// What is known of the process for its metrics.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// A process of a group.
    pub daemon: bool,
    /// Threads that serve requests.
    pub threads: usize,
    /// Applications may ask for httpd's scoreboard.
    pub server: bool,
    /// When it began, microseconds of the monotonic clock.
    pub begun: i64,
}

static FACTS: std::sync::OnceLock<Facts> = std::sync::OnceLock::new();
/// When the process was forked of its template; 0: it was not.
static FORKED: AtomicI64 = AtomicI64::new(0);

/// What the process is; said once, before the first request.
pub fn configure(facts: Facts) {
    let _ = FACTS.set(facts);
}

/// Requests that have ended since the recording began.
pub fn requests() -> u64 {
    let mut all = 0;
    record::visit(|thread| all += thread.requests);
    all
}

/// This process was forked just now.
pub fn begin_anew() {
    FORKED.store(os::monotonic(), Ordering::Relaxed);
}

/// When the process began, microseconds of the monotonic clock.
pub fn begun() -> i64 {
    facts().begun
}

fn facts() -> Facts {
    let known = FACTS.get().copied();
    let facts = known.unwrap_or(Facts { daemon: false, threads: 1, server: false, begun: 0 });
    match FORKED.load(Ordering::Relaxed) {
        0 => facts,
        begun => Facts { begun, ..facts },
    }
}
