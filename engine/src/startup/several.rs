//! One application in several interpreters of a process (`interpreters=`): which of them a request gets.

use super::app::{App, Seen};
use super::script::stamp;
use super::start::start;
use crate::runtime;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Until interpreters that could not be started are tried again, microseconds.
const AGAIN: i64 = 5_000_000;
/// They are being started, or serve.
const NEVER: i64 = i64::MAX;

/// A request is at an application, in one of its interpreters, until this is dropped.
pub struct Inside(Arc<App>);

impl Inside {
    fn of(app: Arc<App>) -> Self {
        app.inside.fetch_add(1, Ordering::SeqCst);
        Self(app)
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
/// that come before any serves; the others start when it does, and again after some time if they could not.
pub fn enter(app: Arc<App>) -> Inside {
    if app.others.is_empty() || app.serving().is_none() {
        return Inside::of(app);
    }
    if app.others_due.load(Ordering::Relaxed) != NEVER {
        follow(&app);
    }
    let serving = || app.all().filter(|one| one.serving().is_some());
    let fewest = || serving().min_by_key(|one| one.inside.load(Ordering::SeqCst)).unwrap_or(&app);
    serving().find_map(Inside::of_idle).unwrap_or_else(|| Inside::of(fewest().clone()))
}

/// Starts an application that serves in its other interpreters as well, if that is due; nobody waits for it.
pub fn follow(app: &Arc<App>) {
    let due = app.others_due.load(Ordering::SeqCst);
    let is_ours = || app.others_due.compare_exchange(due, NEVER, Ordering::SeqCst, Ordering::SeqCst).is_ok();
    if app.others.is_empty() || due > os::monotonic() || !is_ours() {
        return;
    }
    let own = app.clone();
    let body = move || {
        start_others(&own);
        runtime::thread_exit();
    };
    if std::thread::Builder::new().name("wsgi-others".into()).spawn(body).is_err() {
        app.others_due.store(os::monotonic() + AGAIN, Ordering::SeqCst);
    }
}

/// Starts an application in its other interpreters; what goes wrong is logged. False: it does not serve in all of them.
pub fn start_others(app: &Arc<App>) -> bool {
    app.others_due.store(NEVER, Ordering::SeqCst);
    let mut all = true;
    for other in &app.others {
        all &= start(other, Seen::NOTHING, stamp(&other.path), None).is_ok();
    }
    if !all {
        app.others_due.store(os::monotonic() + AGAIN, Ordering::SeqCst);
    }
    all
}
