//! Requests that wait in the queue of a group are counted: for its workers, and for whoever looks at the scoreboard.

use crate::groups::ProcessGroup;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use wire::scoreboard::{ChildSlot, WorkerSlot};

/// Where this process stands in the scoreboard of one group, once a request has waited.
#[derive(Default)]
pub struct Place(Mutex<Option<usize>>);

impl Place {
    /// The slot of this process, which may be a copy of the one that looked last; `None`: all are taken.
    fn slot(&self, live: &ProcessGroup) -> Option<&'static ChildSlot> {
        let (pid, children) = (std::process::id(), live.board.children);
        let mut place = os::lock(&self.0);
        let known = place.and_then(|at| children.get(at)).filter(|slot| slot.is_of(pid));
        if known.is_none() {
            *place = children.iter().position(|slot| slot.take(pid, |other| !os::is_alive(other)));
        }
        known.or_else(|| children.get((*place)?))
    }
}

/// A worker is to see that it has so many requests, or that one waits in the queue, unless it looks anyway.
pub fn ring(slot: &WorkerSlot, claimed: Option<u32>) {
    if slot.rings(claimed) {
        os::futex_wake(slot.bell());
    }
}

/// A request waits in the queue, until this is dropped.
pub struct Waits {
    live: &'static ProcessGroup,
    slot: Option<&'static ChildSlot>,
}

impl Waits {
    /// Counts one more.
    pub fn begin(live: &'static ProcessGroup, place: &Place) -> Self {
        live.scoreboard.queued.fetch_add(1, Ordering::SeqCst);
        let slot = place.slot(live);
        slot.inspect(|slot| slot.begin(os::monotonic()));
        live.slots.iter().filter(|slot| slot.is_open()).for_each(|slot| ring(slot, None));
        Self { live, slot }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.slot.inspect(|slot| slot.end());
        let queued = &self.live.scoreboard.queued;
        let _ = queued.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1));
    }
}
