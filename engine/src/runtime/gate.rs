//! The gate that every request passes: closed once, when the process ends.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

static GATE: Gate = Gate::new();

/// The gate that every request passes.
pub fn gate() -> &'static Gate {
    &GATE
}

/// Counts who is inside, and lets nobody in once it is closed.
pub struct Gate {
    closed: AtomicBool,
    inside: AtomicUsize,
    left: Condvar,
    lock: Mutex<()>,
}

/// Someone is inside, until this is dropped.
pub struct Inside<'a>(&'a Gate);

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// Makes an open gate.
    const fn new() -> Self {
        Self {
            closed: AtomicBool::new(false),
            inside: AtomicUsize::new(0),
            left: Condvar::new(),
            lock: Mutex::new(()),
        }
    }

    /// Goes in; `None` when the gate is closed.
    pub fn enter(&self) -> Option<Inside<'_>> {
        // Counted first: `close` must not miss one who has seen the gate open.
        self.inside.fetch_add(1, Ordering::SeqCst);
        let inside = Inside(self);
        (!self.closed.load(Ordering::SeqCst)).then_some(inside)
    }

    /// Whether the gate is closed: no thread may enter Python any more.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Closes the gate and waits until everybody has left, up to a time; answers how many are still inside.
    pub fn close(&self, until: Instant) -> usize {
        self.closed.store(true, Ordering::SeqCst);
        let mut lock = os::lock(&self.lock);
        loop {
            let inside = self.inside.load(Ordering::SeqCst);
            let rest = until.saturating_duration_since(Instant::now());
            if inside == 0 || rest.is_zero() {
                return inside;
            }
            // Woken by the last to leave; the time is a bound on a wake-up that came between the two lines above.
            let pause = rest.min(Duration::from_millis(20));
            lock = os::wait_for(&self.left, lock, pause);
        }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
        if self.0.closed.load(Ordering::SeqCst) {
            self.0.left.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_gate_lets_nobody_in_and_counts_who_stays() {
        let gate = Gate::new();
        let inside = gate.enter().unwrap();
        assert_eq!(gate.close(Instant::now()), 1);
        assert!(gate.enter().is_none());
        drop(inside);
        assert_eq!(gate.close(Instant::now() + Duration::from_secs(5)), 0);
    }

    #[test]
    fn closing_waits_for_those_inside() {
        static GATE: Gate = Gate::new();
        let inside = GATE.enter().unwrap();
        let closing = std::thread::spawn(|| GATE.close(Instant::now() + Duration::from_secs(30)));
        while GATE.enter().is_some() {
            std::thread::yield_now();
        }
        drop(inside);
        assert_eq!(closing.join().unwrap(), 0);
    }
}
