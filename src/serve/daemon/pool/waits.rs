//! Requests that wait in the queue of a group are counted: for its workers, and for whoever looks at the scoreboard.

use crate::groups::ProcessGroup;
use crate::ledger;
use std::sync::Mutex;
use wire::ledger::ENTRIES;
use wire::scoreboard::{ChildSlot, Epoch, WorkerSlot};

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

/// So many requests wait at the same time, as the scoreboard says, where processes of the group may write anything.
pub fn note_waiting(live: &ProcessGroup, count: u32) {
    if let Some(row) = ledger::row(live.row) {
        row.note_waiting(count.min(ENTRIES as u32));
    }
}

/// One more waits in the queue, and workers are to see it.
fn count(live: &ProcessGroup) -> Epoch {
    let (epoch, count) = live.scoreboard.queued.add();
    note_waiting(live, count);
    live.slots.iter().filter(|slot| slot.is_open()).for_each(|slot| ring(slot, None));
    epoch
}

/// A request waits in the queue, until this is dropped.
pub struct Waits {
    live: &'static ProcessGroup,
    epoch: Epoch,
    slot: Option<&'static ChildSlot>,
}

impl Waits {
    /// Counts one more.
    pub fn begin(live: &'static ProcessGroup, place: &Place) -> Self {
        let epoch = count(live);
        let slot = place.slot(live);
        slot.inspect(|slot| slot.begin(os::monotonic()));
        Self { live, epoch, slot }
    }

    /// It stands in the queue now. A worker may have looked there before, and have found nobody.
    pub fn connected(&mut self) {
        if !self.live.scoreboard.queued.counts(self.epoch) {
            self.epoch = count(self.live);
        }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.slot.inspect(|slot| slot.end());
        self.live.scoreboard.queued.remove(self.epoch);
    }
}
