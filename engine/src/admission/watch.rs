//! Has a process find out how many requests gain by running at the same time: looks at its threads while somebody waits, and
//! sleeps otherwise.
#![forbid(unsafe_code)]

use super::{Admission, Sight, Thread};
use os::Meter;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// Where many short requests come, one may find no place for a moment, which is over when this thread has come to look. It looks
/// again after this time, instead of being woken for each of them.
const PASSING: Duration = Duration::from_millis(5);

/// Until the next look while something is to be looked after.
const AFTER: Duration = Duration::from_millis(500);

/// A bell that nobody is to ring.
pub const SILENT: u32 = u32::MAX;

/// The process.
pub trait House {
    /// It serves.
    fn is_open(&self) -> bool;
    /// The clock, microseconds.
    fn clock(&self) -> i64;
    /// Looks at it.
    fn look(&mut self) -> Sight;
    /// There are so many places from now on.
    fn let_in(&mut self, places: u32);
    /// The threads stay on one processor from now on, or do not. True: there is something to look after.
    fn keep_together(&mut self, together: bool) -> bool;
    /// So many places there are.
    fn places(&self) -> u32;
    /// There are more requests than this, on their way or in the queue.
    fn somebody_waits(&self, most: u32) -> bool;
    /// Who comes as one more than the number in it makes it silent and wakes who sleeps there.
    fn bell(&self) -> &AtomicU32;
}

/// Looks at the requests of the process, and lets so many in as gain by that, as long as it serves.
pub fn watch(house: &mut impl House, threads: u32) {
    let mut admission = Admission::new(threads);
    let mut rung = false;
    while house.is_open() {
        let sight = house.look();
        let verdict = admission.look(house.clock(), &sight);
        house.let_in(verdict.places);
        let next = match house.keep_together(verdict.together) {
            true => verdict.next.or(Some(AFTER)),
            false => verdict.next,
        };
        if sight.waiting {
            rung = false;
            thread::sleep(next.unwrap_or(PASSING));
            continue;
        }
        if std::mem::take(&mut rung) {
            thread::sleep(PASSING);
            continue;
        }
        // A process that nobody is in keeps what it has learnt: that is looked at with the second request.
        let most = if next.is_some() { house.places() } else { 1 };
        house.bell().store(most, Ordering::SeqCst);
        let came = house.somebody_waits(most);
        if !came {
            os::futex_wait(house.bell(), most, next);
        }
        rung = house.bell().swap(SILENT, Ordering::SeqCst) != most || came;
    }
}

/// The thread, with what its meter says, which began at the first number and had come to the second one. Files tell whether it
/// sleeps and whether it computes now; the latter is not read where it says nothing new.
pub fn seen(thread: Thread, meter: &Meter, (from, had): (i64, &mut i64), is_busy: &mut bool) -> Thread {
    let computed = (from + meter.computed()).max(*had);
    let sleeps = thread.taken.is_some() && meter.sleeps();
    let runnable =
        thread.taken.is_some() && !sleeps && (computed == *had || !*is_busy) && meter.is_runnable();
    *is_busy |= runnable;
    *had = computed;
    Thread { computed, runnable, sleeps, ..thread }
}
