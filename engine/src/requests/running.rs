//! Which requests run: each thread keeps its own where no other thread writes, so that requests do not wait for each other.

use super::active::ActiveRequest;
use crate::python::thread_number;
use crate::runtime::alarm;
use os::lock;
use std::cell::OnceCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// The request that a thread serves.
struct Place {
    /// `mod_wsgi.thread_id`
    thread: usize,
    request: Mutex<Option<Arc<ActiveRequest>>>,
}

/// Of the threads that serve.
static PLACES: Mutex<Vec<Arc<Place>>> = Mutex::new(Vec::new());

/// The watchdog waits for a request to run.
static IDLE: AtomicBool = AtomicBool::new(false);

/// A thread's place, given up when the thread ends.
struct Own(Arc<Place>);

thread_local!(static OWN: OnceCell<Own> = const { OnceCell::new() });

impl Own {
    fn take() -> Self {
        let place = Arc::new(Place { thread: thread_number(), request: Mutex::default() });
        lock(&PLACES).push(place.clone());
        Self(place)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        lock(&PLACES).retain(|place| !Arc::ptr_eq(place, &self.0));
    }
}

/// The calling thread's place gets a request, or none; answers what was there.
fn put(request: Option<Arc<ActiveRequest>>) -> Option<Arc<ActiveRequest>> {
    OWN.with(|own| std::mem::replace(&mut *lock(&own.get_or_init(Own::take).0.request), request))
}

impl ActiveRequest {
    /// How many GILs the requests need that run, and whoever comes next.
    pub fn gils() -> u32 {
        let running = Self::running();
        let is_first = |at: &usize| {
            let mine = &running[*at].interpreter;
            !running[..*at].iter().any(|other| other.interpreter.shares_gil(mine))
        };
        (0..running.len()).filter(is_first).count() as u32 + 1
    }

    /// Counts this request among the running ones of the process until the answer is dropped, on this thread.
    pub fn run(self: &Arc<Self>) -> Running {
        let outer = put(Some(self.clone()));
        if IDLE.load(Ordering::SeqCst) && IDLE.swap(false, Ordering::SeqCst) {
            alarm::ring();
        }
        Running { request: self.clone(), outer }
    }

    /// No request is running; the next one wakes the watchdog.
    pub fn none_runs() -> bool {
        IDLE.store(true, Ordering::SeqCst);
        // A request whose place was looked at before it came sees that the watchdog waits: the place's lock orders the two.
        let none = lock(&PLACES).iter().all(|place| lock(&place.request).is_none());
        if !none {
            IDLE.store(false, Ordering::SeqCst);
        }
        none
    }

    /// The request of the calling thread.
    pub fn of_this_thread() -> Option<Arc<Self>> {
        OWN.with(|own| lock(&own.get()?.0.request).clone())
    }

    /// The request of the thread of this number that is running now.
    pub fn of_thread(number: usize) -> Option<Arc<Self>> {
        let places = lock(&PLACES);
        let place = places.iter().find(|place| place.thread == number)?;
        lock(&place.request).clone()
    }

    /// The requests that are running now.
    pub fn running() -> Vec<Arc<Self>> {
        lock(&PLACES).iter().filter_map(|place| lock(&place.request).clone()).collect()
    }
}

/// A request is running. When this is dropped it is over, also when a panic ends it: it is closed, and nothing may use
/// its link any more.
pub struct Running {
    request: Arc<ActiveRequest>,
    /// The request that this one is a part of: httpd asks for a part of a page on the thread that serves the page.
    outer: Option<Arc<ActiveRequest>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        put(self.outer.take());
        self.request.close();
    }
}
