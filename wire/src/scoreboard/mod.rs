//! The scoreboard of a process group: memory that the workers of the group and Apache's children share. A child finds an idle
//! thread there before it sends a request, and everybody sees there what the group does.
//!
//! ```text
//! Scoreboard               64 bytes      whether the group serves, how many requests wait
//! [ChildSlot; 256]         16 each       per Apache child: requests that wait in the queue, and since when
//! [WorkerSlot; slots]      64 each       per worker: its claims, its phase, when it started
//! [ConnectionSlot; 256]    16 each       per worker and connection: claimed, and how far the request is
//! [RequestRecord; records] 256 each      per worker and thread: its request, and its counters
//! [Gil; slots]             16 each       per worker: how long its threads wait for the GIL
//! ```
//!
//! A worker stands in a slot. Its word holds how many of its threads are claimed; a child claims one more with one
//! compare-and-swap, and only while the worker takes requests. The worker releases a claim when it has served. A child
//! notes the claim beside its connection first, so that the claims of one that dies are taken back by the worker, which
//! sees the connection end.
//!
//! Any process of the group can write anything here. A supervisor, which may be root, reads only whether processes of the group
//! serve, which have died and with which requests,
//! and how much they have to do: what is wrong harms the group alone. The length of the file says how many slots there are, nothing
//! in it does; every index is bounded by its reader, and texts are made readable by theirs. The system provides memory for what
//! was touched only: with 256 slots the file has 5.1 MiB, of which a group that does nothing uses 28 KiB, and each slot that a
//! worker has used 4 to 20 KiB.

mod child;
mod queued;
mod record;
mod slot;

pub use child::{CHILDREN, ChildSlot};
pub use queued::{Epoch, Queued};
pub use record::{Counters, ID, METHOD, PATH, RequestRecord, Seen, State, Title};
pub use slot::{CONNECTIONS, ConnectionSlot, Phase, WorkerSlot};

use crate::gil::Gil;
use core::mem::size_of;
use core::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

/// Whether the group serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Condition {
    /// The group's processes start for the first time.
    Starting = 0,
    /// A process serves.
    Serving = 1,
    /// None serves, and none is being started just now.
    Down = 2,
}

/// The beginning of the memory; [`Board`] has the rest.
#[repr(C, align(64))]
pub struct Scoreboard {
    /// Written by the supervisor.
    condition: AtomicU32,
    /// Requests that wait in the listening socket's queue: what a worker looks at after each request. [`ChildSlot`]s say who waits.
    pub queued: Queued,
    /// When the next process is started while it is down, microseconds of the monotonic clock.
    pub next_start: AtomicI64,
    /// The supervisor whose workers serve: those of an earlier one that lost theirs may go.
    pub served_by: AtomicU64,
    _reserved: [u64; 5],
}

/// The parts of a scoreboard in the memory of this process.
#[derive(Clone, Copy)]
pub struct Board<'m> {
    /// What is of the group.
    pub group: &'m Scoreboard,
    /// What is of each Apache child.
    pub children: &'m [ChildSlot],
    /// What is of each worker.
    pub slots: &'m [WorkerSlot],
    connections: &'m [ConnectionSlot],
    records: &'m [RequestRecord],
    /// How long the threads of each worker wait for the GIL.
    pub gils: &'m [Gil],
}

/// Requests that are recorded for each worker: one for each of its `threads`. So many at least that another number of threads
/// seldom needs other memory.
pub const fn records(threads: u32) -> usize {
    const LEAST: u32 = 64;
    const MOST: u32 = 1 << 16;
    let wanted = if threads < LEAST { LEAST } else { threads };
    if wanted > MOST { MOST as usize } else { wanted.next_power_of_two() as usize }
}

/// Changes with the layout: processes of two versions of this module have no scoreboard in common.
pub const LAYOUT: u16 = 6;

/// Bytes of what stands before the slots of workers.
const FRONT: usize = size_of::<Scoreboard>() + CHILDREN * size_of::<ChildSlot>();

/// Bytes of all that belongs to one worker.
const fn bytes_per_worker(records: usize) -> usize {
    size_of::<WorkerSlot>()
        + CONNECTIONS * size_of::<ConnectionSlot>()
        + records * size_of::<RequestRecord>()
        + size_of::<Gil>()
}

impl Scoreboard {
    /// Bytes for a number of slots, with so many records each.
    pub const fn size(slots: usize, records: usize) -> usize {
        FRONT + slots * bytes_per_worker(records)
    }

    /// The slots in `len` bytes of memory.
    pub const fn slots_in(len: usize, records: usize) -> usize {
        len.saturating_sub(FRONT) / bytes_per_worker(records)
    }

    /// Whether the group serves.
    pub fn condition(&self) -> Condition {
        match self.condition.load(Ordering::SeqCst) {
            0 => Condition::Starting,
            1 => Condition::Serving,
            _ => Condition::Down,
        }
    }

    /// Says whether it does.
    pub fn set_condition(&self, condition: Condition) {
        self.condition.store(condition as u32, Ordering::SeqCst);
    }
}

impl<'m> Board<'m> {
    /// The scoreboard of so many slots that begins with `group`, with so many records each.
    ///
    /// # Safety
    /// The memory behind `group` is as long as [`Scoreboard::size`] says, for as long as the reference lives.
    pub unsafe fn new(group: &'m Scoreboard, slots: usize, records: usize) -> Self {
        // SAFETY: the parts stand one behind the other within that size, each aligned since those before it are multiples of 64
        // bytes long; they are atomics, which any bytes are values of.
        unsafe {
            let children = core::ptr::from_ref(group).add(1).cast::<ChildSlot>();
            let workers = children.add(CHILDREN).cast::<WorkerSlot>();
            let connections = workers.add(slots).cast::<ConnectionSlot>();
            let requests = connections.add(slots * CONNECTIONS).cast::<RequestRecord>();
            let gils = requests.add(slots * records).cast::<Gil>();
            Self {
                group,
                children: core::slice::from_raw_parts(children, CHILDREN),
                slots: core::slice::from_raw_parts(workers, slots),
                connections: core::slice::from_raw_parts(connections, slots * CONNECTIONS),
                records: core::slice::from_raw_parts(requests, slots * records),
                gils: core::slice::from_raw_parts(gils, slots),
            }
        }
    }

    /// The connections of the worker in a slot.
    pub fn connections(&self, slot: usize) -> &'m [ConnectionSlot] {
        part(self.connections, slot, CONNECTIONS)
    }

    /// What the threads of the worker in a slot do, the first thread's first.
    pub fn records(&self, slot: usize) -> &'m [RequestRecord] {
        part(self.records, slot, self.records.len() / self.slots.len().max(1))
    }

    /// Bytes of all of it.
    pub fn size(&self) -> usize {
        Scoreboard::size(self.slots.len(), self.records.len() / self.slots.len().max(1))
    }
}

fn part<T>(all: &[T], slot: usize, each: usize) -> &[T] {
    let start = slot.saturating_mul(each);
    all.get(start..start.saturating_add(each)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
