//! First requests run one at a time, until an application has imported what it imports lazily.
//!
//! Two requests that import for the first time can deadlock on each other: one holds a lock of the application and
//! waits for an import, the other imports a module that wants the lock. So a request waits for its turn until a number
//! of requests in a row has imported nothing new. The turn goes on when a request has sent its headers or waits for its
//! body, and after some seconds: a gate must not make a site slower than it is.

use super::app::App;
use os::lock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// A turn lasts no longer than this.
const LONGEST_TURN: Duration = Duration::from_secs(10);

/// An application that still imports after so many requests does so for ever.
const MOST_TURNS: u32 = 200;

/// Threads of this process that wait for a start or for their turn.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// A thread waits, until this is dropped.
pub struct Waiting(());

impl Waiting {
    /// Counts the thread, unless `most` wait already: the others must be left for what needs no Python.
    pub fn begin(most: usize) -> Option<Self> {
        let waiting = Self(());
        if WAITING.fetch_add(1, Ordering::SeqCst) >= most { None } else { Some(waiting) }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The gate of one application.
pub struct FirstRequests {
    /// Number of requests in a row that must have imported nothing.
    enough: u32,
    /// Enough requests have: no request waits for a turn any more.
    open: AtomicBool,
    inner: Mutex<Inner>,
    free: Condvar,
}

struct Inner {
    /// Requests in a row that imported nothing.
    calm: u32,
    /// Number of the turn, and since when it lasts.
    turn: Option<(u64, Instant)>,
    turns: u64,
    /// Requests that had one since the script was loaded.
    served: u32,
}

/// A request has its turn.
pub struct Turn {
    app: Arc<App>,
    number: u64,
    given: AtomicBool,
}

impl FirstRequests {
    /// Closed until `enough` requests in a row have imported nothing; 0: open.
    pub fn new(enough: u32) -> Self {
        Self {
            enough,
            open: AtomicBool::new(enough == 0),
            inner: Mutex::new(Inner { calm: 0, turn: None, turns: 0, served: 0 }),
            free: Condvar::new(),
        }
    }

    /// A script was loaded: its requests are first ones again.
    pub fn close(&self) {
        let mut inner = lock(&self.inner);
        (inner.calm, inner.served) = (0, 0);
        drop(inner);
        self.open.store(self.enough == 0, Ordering::Relaxed);
    }

    fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }
}

impl App {
    /// Waits for a turn. `None`: none is needed any more; or too many threads wait (`most`), and one more would keep
    /// files from being served.
    pub fn turn(self: &Arc<Self>, most: usize) -> Option<Turn> {
        let first = &self.first;
        if first.is_open() {
            return None;
        }
        let mut waiting = None;
        let mut inner = lock(&first.inner);
        loop {
            if first.is_open() {
                return None;
            }
            match inner.turn {
                Some((_, since)) if since.elapsed() < LONGEST_TURN => {
                    if waiting.is_none() {
                        waiting = Some(Waiting::begin(most)?);
                    }
                    let rest = LONGEST_TURN.saturating_sub(since.elapsed());
                    inner = os::wait_for(&first.free, inner, rest);
                }
                _ => {
                    inner.turns += 1;
                    let number = inner.turns;
                    inner.turn = Some((number, Instant::now()));
                    return Some(Turn { app: self.clone(), number, given: AtomicBool::new(false) });
                }
            }
        }
    }
}

impl Turn {
    /// The next may have its turn.
    pub fn give(&self) {
        if self.given.swap(true, Ordering::Relaxed) {
            return;
        }
        let first = &self.app.first;
        let mut inner = lock(&first.inner);
        if inner.turn.is_some_and(|(number, _)| number == self.number) {
            inner.turn = None;
            first.free.notify_one();
        }
    }

    /// The request has ended; it imported something or not.
    pub fn end(&self, imported: bool) {
        let first = &self.app.first;
        {
            let mut inner = lock(&first.inner);
            inner.calm = if imported { 0 } else { inner.calm + 1 };
            inner.served += 1;
            if inner.calm >= first.enough || inner.served >= MOST_TURNS {
                first.open.store(true, Ordering::Relaxed);
                first.free.notify_all();
            }
        }
        self.give();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.give();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::startup::Script;
    use wire::plan::StartPlan;

    fn app(enough: u32) -> Arc<App> {
        let script = Script {
            path: b"/x",
            resource: b"/x",
            group: b"",
            named_by_client: false,
            callable: b"application",
            stamp: wire::Stamp::UNKNOWN,
            reload: false,
        };
        App::new(&script, b"/x", StartPlan::default(), enough, 1)
    }

    #[test]
    fn the_gate_opens_when_enough_requests_imported_nothing() {
        let app = app(2);
        for imported in [false, true, false] {
            app.turn(9).expect("a turn").end(imported);
        }
        app.turn(9).expect("one more").end(false);
        assert!(app.turn(9).is_none());
        app.first.close();
        assert!(app.turn(9).is_some());
    }

    #[test]
    fn one_has_a_turn_at_a_time_and_gives_it_early() {
        let app = app(3);
        let turn = app.turn(9).expect("a turn");
        assert!(app.turn(0).is_none(), "nobody else may wait");
        turn.give();
        let second = app.turn(0).expect("the turn was given");
        drop(turn);
        assert!(app.turn(0).is_none(), "a turn is given once");
        let waiting = std::thread::spawn({
            let app = app.clone();
            move || app.turn(9).is_some()
        });
        drop(second);
        assert!(waiting.join().expect("no panic"));
    }
}
