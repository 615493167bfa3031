//! What the logs are told of a request that this module serves, beside what httpd knows of it.

use super::{Request, module, sys};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

/// Where a request is served, and how long that has taken. Kept with the request: threads of the application may log for it.
pub struct Served<'r> {
    /// The name of its process group; empty: Apache's own children.
    pub group: &'r [u8],
    pid: AtomicU32,
    queue: AtomicI64,
    application: AtomicI64,
    ended: AtomicI64,
}

/// How long a request took, microseconds; `None`: it did not come so far, or that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// It waited for a thread of a process.
    pub queue: Option<u64>,
    /// Its application had it.
    pub application: Option<u64>,
    /// When its application was done with it, microseconds of the monotonic clock.
    pub ended: Option<i64>,
}

/// A time that is not known.
const NONE: i64 = -1;

impl Served<'_> {
    /// The process that serves it; 0: none does yet.
    pub fn pid(&self) -> u32 {
        self.pid.load(Ordering::Relaxed)
    }

    /// A process serves it.
    pub fn set_pid(&self, pid: u32) {
        self.pid.store(pid, Ordering::Relaxed);
    }

    /// How long it took.
    pub fn times(&self) -> Times {
        let get = |time: &AtomicI64| Some(time.load(Ordering::Relaxed)).filter(|time| *time != NONE);
        let span = |time: &AtomicI64| get(time).map(i64::unsigned_abs);
        Times { queue: span(&self.queue), application: span(&self.application), ended: get(&self.ended) }
    }

    /// Its application is done with it.
    pub fn set_times(&self, times: Times) {
        let span = |time: Option<u64>| time.map_or(NONE, |time| i64::try_from(time).unwrap_or(i64::MAX));
        self.queue.store(span(times.queue), Ordering::Relaxed);
        self.application.store(span(times.application), Ordering::Relaxed);
        self.ended.store(times.ended.unwrap_or(NONE), Ordering::Relaxed);
    }
}

impl<'r> Request<'r> {
    /// This module serves the request, in a process of this group.
    pub fn serve_in(self, group: &[u8], pid: u32) {
        let times = [(); 3].map(|()| AtomicI64::new(NONE));
        let [queue, application, ended] = times;
        let pid = AtomicU32::new(pid);
        let served =
            self.pool().keep(Served { group: self.pool().copy(group), pid, queue, application, ended });
        // SAFETY: a live request, which has a vector with an entry for every module; the value is of its pool, and whoever
        // reads the entry takes it for this type.
        unsafe {
            let vector = self.record().request_config.cast::<*const Served<'_>>();
            *vector.add(module::index() as usize) = served;
        }
    }

    /// What is known of it, if this module serves it.
    pub fn served(self) -> Option<&'r Served<'r>> {
        // SAFETY: a live request; the entry is null, or `serve_in` has put it there.
        unsafe { module::entry::<Served<'r>>(self.record().request_config).as_ref() }
    }

    /// The request that took its place: an error document, or what it was redirected to inside the server.
    pub fn next(self) -> Option<Self> {
        let next: *mut sys::request_rec = self.record().next;
        // SAFETY: a request that follows lives as long as the first.
        (!next.is_null()).then(|| unsafe { Request::from_raw(next) })
    }
}
