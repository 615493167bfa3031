//! The processes of a group as their supervisor knows them, and Apache's children.

use super::text::Text;
use crate::gil::Gil;
use crate::starts::Starts;
use core::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering, fence};

/// What a process is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It serves at this place.
    Worker(u32),
    /// Others are forked of it.
    Template,
}

/// A process of a group. Its supervisor writes here.
#[repr(C)]
pub struct Process {
    pid: AtomicU32,
    /// 0: a template; otherwise its place, counted from 1.
    place: AtomicU32,
    generation: AtomicU64,
    begun: AtomicI64,
    _reserved: [u64; 1],
}

impl Process {
    pub(super) fn take(&self, pid: u32, is_dead: impl Fn(u32) -> bool) -> bool {
        take(&self.pid, pid, is_dead)
    }

    /// What the process is: when it began, microseconds of the monotonic clock, and the number of its supervisor.
    pub fn begin(&self, role: Role, generation: u64, begun: i64) {
        let place = match role {
            Role::Worker(place) => place.saturating_add(1),
            Role::Template => 0,
        };
        self.place.store(place, Ordering::Relaxed);
        self.generation.store(generation, Ordering::Relaxed);
        self.begun.store(begun, Ordering::Release);
    }

    /// The process has ended.
    pub fn end(&self, pid: u32) {
        let _ = self.pid.compare_exchange(pid, 0, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Pid, role, number of the supervisor, and when it began; `None`: nobody is there.
    pub fn read(&self) -> Option<(u32, Role, u64, i64)> {
        let pid = self.pid.load(Ordering::Acquire);
        let role = match self.place.load(Ordering::Relaxed) {
            0 => Role::Template,
            place => Role::Worker(place - 1),
        };
        let (generation, begun) =
            (self.generation.load(Ordering::Relaxed), self.begun.load(Ordering::Relaxed));
        (pid != 0).then_some((pid, role, generation, begun))
    }
}

/// A place of a group. Supervisors write here.
#[repr(C)]
pub struct Place {
    starts: AtomicU64,
    ends: AtomicU64,
    sequence: AtomicU32,
    closed: AtomicU32,
    at: AtomicI64,
    reason: Text<12>,
}

/// The last end of a process at a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// When, microseconds since the epoch.
    pub at: i64,
    /// Why.
    pub reason: String,
}

impl Place {
    /// A process is started there.
    pub fn start(&self) {
        self.closed.store(0, Ordering::Relaxed);
        self.starts.fetch_add(1, Ordering::Relaxed);
    }

    /// No process is needed there any more.
    pub fn close(&self) {
        self.closed.store(1, Ordering::Relaxed);
    }

    /// A process was there, and is needed: whoever starts another one replaces it.
    pub fn is_open(&self) -> bool {
        self.starts() > 0 && self.closed.load(Ordering::Relaxed) == 0
    }

    /// The process there is replaced, or has died. `now`: microseconds since the epoch.
    pub fn end(&self, reason: &[u8], now: i64) {
        self.say(reason, now);
        self.ends.fetch_add(1, Ordering::Relaxed);
    }

    /// Of two that say why at the same time, one does. What was begun a second ago is not ended any more: its writer has died.
    fn say(&self, reason: &[u8], now: i64) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        let is_being_written = sequence & 1 == 1;
        if is_being_written && now.abs_diff(self.at.load(Ordering::Relaxed)) < 1_000_000 {
            return;
        }
        let odd = sequence.wrapping_add(if is_being_written { 2 } else { 1 });
        if self.sequence.compare_exchange(sequence, odd, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return;
        }
        fence(Ordering::Release);
        self.at.store(now, Ordering::Relaxed);
        self.reason.put(reason);
        let even = odd.wrapping_add(1);
        let _ = self.sequence.compare_exchange(odd, even, Ordering::Release, Ordering::Relaxed);
    }

    /// How many processes were started there.
    pub fn starts(&self) -> u64 {
        self.starts.load(Ordering::Relaxed)
    }

    /// How many of them were replaced, or have died.
    pub fn ends(&self) -> u64 {
        self.ends.load(Ordering::Relaxed)
    }

    /// How the last one ended that has; `None` also while that changes.
    pub fn ended(&self) -> Option<Ended> {
        const TRIES: u32 = 20;
        (self.ends() > 0).then(|| (0..TRIES).find_map(|_| self.read_once()))?
    }

    fn read_once(&self) -> Option<Ended> {
        let sequence = self.sequence.load(Ordering::Acquire);
        if sequence & 1 == 1 {
            core::hint::spin_loop();
            return None;
        }
        let ended = Ended { at: self.at.load(Ordering::Relaxed), reason: self.reason.get() };
        fence(Ordering::Acquire);
        (self.sequence.load(Ordering::Relaxed) == sequence).then_some(ended)
    }
}

/// Lanes of a child.
const LANES: usize = 16;

/// A child of Apache.
#[repr(C, align(64))]
pub struct Child {
    pid: AtomicU32,
    python: AtomicU32,
    generation: AtomicI64,
    begun: AtomicI64,
    /// What the starts of its applications have taken.
    pub starts: Starts,
    /// How long its threads wait for the GIL.
    pub gil: Gil,
    /// Requests in embedded mode that have ended, by lanes of its threads: they do not wait for each other's memory.
    requests: [Count; LANES],
}

#[repr(C, align(64))]
struct Count(AtomicU64);

impl Child {
    pub(super) fn take(&self, pid: u32, is_dead: impl Fn(u32) -> bool) -> bool {
        let taken = take(&self.pid, pid, is_dead);
        if taken {
            self.requests.iter().for_each(|count| count.0.store(0, Ordering::Relaxed));
            self.python.store(0, Ordering::Relaxed);
            self.starts.clear();
            self.gil.clear();
        }
        taken
    }

    /// What the child is. Times are microseconds of the monotonic clock.
    pub fn begin(&self, generation: i32, begun: i64) {
        self.generation.store(generation.into(), Ordering::Relaxed);
        self.begun.store(begun, Ordering::Release);
    }

    /// Python runs in it.
    pub fn set_python(&self) {
        self.python.store(1, Ordering::Relaxed);
    }

    /// A request in embedded mode has ended. `lane`: any number, each thread its own.
    pub fn count(&self, lane: usize) {
        self.requests[lane % LANES].0.fetch_add(1, Ordering::Relaxed);
    }

    /// The child ends.
    pub fn end(&self, pid: u32) {
        let _ = self.pid.compare_exchange(pid, 0, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Pid, generation, when it began, and whether Python runs in it; `None`: nobody is there.
    pub fn read(&self) -> Option<(u32, i64, i64, bool)> {
        let pid = self.pid.load(Ordering::Acquire);
        let (generation, begun) =
            (self.generation.load(Ordering::Relaxed), self.begun.load(Ordering::Relaxed));
        (pid != 0).then(|| (pid, generation, begun, self.python.load(Ordering::Relaxed) == 1))
    }

    /// Requests in embedded mode that have ended in it.
    pub fn requests(&self) -> u64 {
        self.requests.iter().fold(0, |sum, count| sum.wrapping_add(count.0.load(Ordering::Relaxed)))
    }
}

/// Takes a place that is free, or that one has left who has died.
fn take(place: &AtomicU32, pid: u32, is_dead: impl Fn(u32) -> bool) -> bool {
    let holder = place.load(Ordering::Acquire);
    (holder == 0 || holder == pid || is_dead(holder))
        && place.compare_exchange(holder, pid, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}
