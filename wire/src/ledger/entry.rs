//! A request that a child of Apache has.
//!
//! The thread that serves the request alone writes here. A reader gets texts of one request, or none: the sequence number is odd
//! while they change.

use super::text::Text;
use core::sync::atomic::{AtomicI64, AtomicU32, Ordering, fence};

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Phase {
    /// Its body is being read, and the client has to send it.
    Reading = 0,
    /// It waits for a thread of a process.
    Waiting = 1,
    /// It waits for its application to start.
    Starting = 2,
    /// The application has it.
    Application = 3,
    /// Its answer is being sent, and the client has to take it.
    Sending = 4,
}

/// What a request is. Texts are cut to the room there is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// Index of its group.
    pub row: usize,
    /// When it came, microseconds of the monotonic clock.
    pub begun: i64,
    /// `GET`
    pub method: &'a [u8],
    /// The path without the query, which may be secret.
    pub uri: &'a [u8],
    /// The name of its virtual host.
    pub host: &'a [u8],
    /// The client's address.
    pub client: &'a [u8],
    /// httpd's id of it.
    pub id: &'a [u8],
}

/// A place for a request.
#[repr(C, align(64))]
pub struct Entry {
    owner: AtomicU32,
    sequence: AtomicU32,
    phase: AtomicU32,
    row: AtomicU32,
    begun: AtomicI64,
    /// Which connection of which worker of the group it went over, both counted from 1 and in one word.
    target: AtomicU32,
    _reserved: u32,
    method: Text<2>,
    id: Text<6>,
    client: Text<6>,
    host: Text<10>,
    uri: Text<36>,
}

/// What a reader sees of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The child that has it.
    pub pid: u32,
    /// Index of its group.
    pub row: usize,
    /// Where it is.
    pub phase: Phase,
    /// When it came, microseconds of the monotonic clock.
    pub begun: i64,
    /// Slot and connection of the worker that it was sent to.
    pub target: Option<(usize, usize)>,
    /// `GET`
    pub method: String,
    /// The path without the query.
    pub uri: String,
    /// The name of its virtual host.
    pub host: String,
    /// The client's address.
    pub client: String,
    /// httpd's id of it.
    pub id: String,
}

/// What the owner does.
impl Entry {
    /// Takes the place of `holder` (0: nobody's).
    pub(super) fn take(&self, holder: u32, pid: u32) -> bool {
        let is_taken = self.owner.load(Ordering::Relaxed) == holder
            && self.owner.compare_exchange(holder, pid, Ordering::Acquire, Ordering::Relaxed).is_ok();
        if is_taken && holder != 0 {
            self.hide();
        }
        is_taken
    }

    /// Frees the place if its owner has left it: `is_left` is asked with the owner, and the time since when the request has been
    /// there that stands here, if one does.
    pub(super) fn sweep(&self, pid: u32, is_left: impl FnOnce(u32, Option<i64>) -> bool) {
        let owner = self.owner();
        if owner == 0 {
            return;
        }
        let is_whole = |sequence: u32| sequence != 0 && sequence & 1 == 0;
        let begun =
            is_whole(self.sequence.load(Ordering::Acquire)).then(|| self.begun.load(Ordering::Relaxed));
        if is_left(owner, begun) && self.take(owner, pid) {
            self.release();
        }
    }

    /// What stands here is nobody's request.
    fn hide(&self) {
        self.sequence.store(self.sequence.load(Ordering::Relaxed) | 1, Ordering::Relaxed);
    }

    /// Whose it is; 0: nobody's.
    pub fn owner(&self) -> u32 {
        self.owner.load(Ordering::Relaxed)
    }

    /// Writes what the request is.
    pub fn begin(&self, facts: &Facts<'_>) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence | 1, Ordering::Relaxed);
        fence(Ordering::Release);
        self.phase.store(Phase::Reading as u32, Ordering::Relaxed);
        self.row.store(facts.row as u32, Ordering::Relaxed);
        self.begun.store(facts.begun, Ordering::Relaxed);
        self.target.store(0, Ordering::Relaxed);
        self.method.put(facts.method);
        self.id.put(facts.id);
        self.client.put(facts.client);
        self.host.put(facts.host);
        self.uri.put(facts.uri);
        self.sequence.store((sequence | 1).wrapping_add(1), Ordering::Release);
    }

    /// The request is somewhere else.
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u32, Ordering::Relaxed);
    }

    /// It was sent over this connection of the worker in this slot.
    pub fn send_to(&self, slot: usize, connection: usize) {
        let [slot, connection] = [slot, connection].map(|at| u32::try_from(at + 1).unwrap_or(0) & 0xffff);
        self.target.store(slot << 16 | connection, Ordering::Relaxed);
    }

    /// The request has ended; the place is free.
    pub fn release(&self) {
        // Whoever takes the place next owns it a moment before its own texts stand here.
        self.hide();
        self.owner.store(0, Ordering::Release);
    }
}

/// What anybody may do.
impl Entry {
    /// The request, if there is one and it does not change just now.
    pub fn read(&self) -> Option<Seen> {
        const TRIES: u32 = 20;
        (self.owner() != 0).then(|| (0..TRIES).find_map(|_| self.read_once()))?
    }

    fn read_once(&self) -> Option<Seen> {
        let sequence = self.sequence.load(Ordering::Acquire);
        let pid = self.owner();
        if sequence == 0 || sequence & 1 == 1 || pid == 0 {
            core::hint::spin_loop();
            return None;
        }
        let phase = match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Reading,
            1 => Phase::Waiting,
            2 => Phase::Starting,
            3 => Phase::Application,
            4 => Phase::Sending,
            _ => return None,
        };
        let target = self.target.load(Ordering::Relaxed);
        let seen = Seen {
            pid,
            row: self.row.load(Ordering::Relaxed) as usize,
            phase,
            begun: self.begun.load(Ordering::Relaxed),
            target: ((target >> 16) as usize).checked_sub(1).zip(((target & 0xffff) as usize).checked_sub(1)),
            method: self.method.get(),
            uri: self.uri.get(),
            host: self.host.get(),
            client: self.client.get(),
            id: self.id.get(),
        };
        fence(Ordering::Acquire);
        let is_whole = self.sequence.load(Ordering::Relaxed) == sequence && self.owner() == pid;
        is_whole.then_some(seen)
    }
}
