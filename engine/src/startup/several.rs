//! One application in several interpreters of a process (`interpreters=`): which of them a request gets.

use super::app::{App, Seen};
use super::script::stamp;
use super::start::start;
use crate::runtime;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A request is at an application, in one of its interpreters, until this is dropped.
pub struct Inside(Arc<App>);

impl Inside {
    fn of(app: &Arc<App>) -> Self {
        app.inside.fetch_add(1, Ordering::SeqCst);
        Self(app.clone())
    }

    /// Of one that nobody is at.
    fn of_idle(app: &Arc<App>) -> Option<Self> {
        let alone = app.inside.compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst);
        alone.is_ok().then(|| Self(app.clone()))
    }
}

impl Deref for Inside {
    type Target = Arc<App>;

    fn deref(&self) -> &Arc<App> {
        &self.0
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Where a request of this application runs: in an interpreter that serves it and is idle, or has the fewest. The first one has those
/// that come before any serves.
pub fn enter(app: &Arc<App>) -> Inside {
    if app.others.is_empty() {
        return Inside::of(app);
    }
    let serving = || app.all().filter(|one| one.serving().is_some());
    let fewest = || serving().min_by_key(|one| one.inside.load(Ordering::SeqCst)).unwrap_or(app);
    serving().find_map(Inside::of_idle).unwrap_or_else(|| Inside::of(fewest()))
}

/// A request has had an application started: it starts in its other interpreters as well, which nobody waits for.
pub fn follow(app: &Arc<App>) {
    if app.others.is_empty() || app.has_begun_others.swap(true, Ordering::SeqCst) {
        return;
    }
    let app = app.clone();
    let body = move || {
        start_others(&app);
        runtime::thread_exit();
    };
    // Without a thread there is one interpreter.
    let _ = std::thread::Builder::new().name("wsgi-others".into()).spawn(body);
}

/// Starts an application in its other interpreters; what goes wrong is logged. False: it does not serve in all of them.
pub fn start_others(app: &Arc<App>) -> bool {
    app.has_begun_others.store(true, Ordering::SeqCst);
    app.others.iter().all(|other| start(other, Seen::NOTHING, stamp(&other.path), None).is_ok())
}
