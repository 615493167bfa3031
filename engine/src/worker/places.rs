//! How many threads wait for requests and serve them at the same time; the others rest.
//!
//! A thread that has served goes on waiting while its caches are warm. It rests instead if there are more threads than places;
//! the one that rested last is the first to be called back.
#![forbid(unsafe_code)]

use os::Meter;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread::{self, Thread};

/// What the request threads of the process use, the first one's first.
pub type Meters = Box<[OnceLock<Meter>]>;

/// The places of a worker, and the threads that have none.
#[derive(Default)]
pub struct Places {
    limit: AtomicU32,
    /// Threads that do not rest. Changes with `resting` only.
    inside: AtomicU32,
    resting: Mutex<Vec<Thread>>,
}

impl Places {
    /// There are so many from now on.
    pub fn set(&self, limit: u32) {
        let mut resting = os::lock(&self.resting);
        self.limit.store(limit, Ordering::SeqCst);
        while self.inside() < limit
            && let Some(thread) = resting.pop()
        {
            self.inside.fetch_add(1, Ordering::SeqCst);
            thread.unpark();
        }
    }

    /// Threads that have a place.
    pub fn inside(&self) -> u32 {
        self.inside.load(Ordering::SeqCst)
    }

    /// One more thread wants a place.
    pub fn enter(&self) {
        self.inside.fetch_add(1, Ordering::SeqCst);
        self.stay();
    }

    /// The calling thread has no request: it comes back when it has a place.
    pub fn stay(&self) {
        if self.inside() <= self.limit.load(Ordering::SeqCst) {
            return;
        }
        let me = thread::current();
        {
            let mut resting = os::lock(&self.resting);
            if self.inside() <= self.limit.load(Ordering::SeqCst) {
                return;
            }
            self.inside.fetch_sub(1, Ordering::SeqCst);
            resting.push(me.clone());
        }
        while os::lock(&self.resting).iter().any(|other| other.id() == me.id()) {
            thread::park();
        }
    }
}
