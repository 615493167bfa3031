//! The request of one thread of a worker, and what the thread has done.
//!
//! Only the thread itself writes here, with plain stores on cache lines of its own. A reader in any process gets a record that is
//! of one moment, or none: the sequence number is odd while the record changes.

use core::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering, fence};

/// Bytes of the method that are kept.
pub const METHOD: usize = 16;
/// Bytes of the id that are kept.
pub const ID: usize = 48;
/// Bytes of the path that are kept.
pub const PATH: usize = 112;

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// It has no request; the record shows its last one.
    Idle = 0,
    /// The request waits for its application to start.
    Waiting = 1,
    /// The application has the request.
    Running = 2,
    /// The end of the answer is on its way.
    Ending = 3,
}

/// The record of a thread.
#[repr(C, align(64))]
pub struct RequestRecord {
    sequence: AtomicU32,
    state: AtomicU32,
    taken: AtomicI64,
    since: AtomicI64,
    requests: AtomicU32,
    failed: AtomicU32,
    busy: AtomicU64,
    read: AtomicU64,
    sent: AtomicU64,
    connection: AtomicU64,
    method: [AtomicU64; METHOD / 8],
    id: [AtomicU64; ID / 8],
    path: [AtomicU64; PATH / 8],
}

/// What a request is called, as the client sent it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Title<'a> {
    /// `GET`
    pub method: &'a [u8],
    /// The path without the query, which may be secret.
    pub path: &'a [u8],
    /// httpd's id of it.
    pub id: &'a [u8],
}

/// What a reader sees of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What the thread does.
    pub state: State,
    /// When it got the request, microseconds of the monotonic clock.
    pub taken: i64,
    /// Since when it has been in this state, likewise.
    pub since: i64,
    /// Index of the connection that the request came over, among those of the worker.
    pub connection: u64,
    /// The method, printable ASCII.
    pub method: String,
    /// The beginning of the path, as the client sent it but without the query; printable ASCII.
    pub path: String,
    /// httpd's id of it, printable ASCII.
    pub id: String,
}

/// What a thread has done since its worker started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that have ended.
    pub requests: u64,
    /// Of these, requests whose answer broke off or was a page about an error of the application or its start.
    pub failed: u64,
    /// Time that they took, microseconds.
    pub busy: u64,
    /// Bytes of bodies that the application has read.
    pub read: u64,
    /// Bytes of bodies that it has sent.
    pub sent: u64,
}

impl core::ops::AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.requests = self.requests.wrapping_add(other.requests);
        self.failed = self.failed.wrapping_add(other.failed);
        self.busy = self.busy.wrapping_add(other.busy);
        self.read = self.read.wrapping_add(other.read);
        self.sent = self.sent.wrapping_add(other.sent);
    }
}

/// What only the thread of the record does. Times are microseconds of the monotonic clock.
impl RequestRecord {
    /// A new worker has the slot: nothing was done.
    pub fn clear(&self) {
        self.change(|| {
            self.state.store(State::Idle as u32, Ordering::Relaxed);
            for number in [&self.busy, &self.read, &self.sent] {
                number.store(0, Ordering::Relaxed);
            }
            self.requests.store(0, Ordering::Relaxed);
            self.failed.store(0, Ordering::Relaxed);
            put(&self.method, b"");
            put(&self.id, b"");
            put(&self.path, b"");
        });
    }

    /// A request has come over a connection of this index. What it is called is kept as far as there is room.
    pub fn begin(&self, now: i64, connection: usize, title: &Title<'_>) {
        self.change(|| {
            self.state.store(State::Waiting as u32, Ordering::Relaxed);
            self.taken.store(now, Ordering::Relaxed);
            self.since.store(now, Ordering::Relaxed);
            self.connection.store(connection as u64, Ordering::Relaxed);
            put(&self.method, title.method);
            put(&self.id, title.id);
            put(&self.path, title.path);
        });
    }

    /// The request is in another state.
    pub fn enter(&self, state: State, now: i64) {
        self.change(|| {
            self.state.store(state as u32, Ordering::Relaxed);
            self.since.store(now, Ordering::Relaxed);
        });
    }

    /// So many bytes of bodies were read and sent.
    pub fn count_bytes(&self, read: u64, sent: u64) {
        add(&self.read, read);
        add(&self.sent, sent);
    }

    /// The request has ended.
    pub fn end(&self, now: i64, failed: bool) {
        add(&self.busy, now.wrapping_sub(self.taken.load(Ordering::Relaxed)).max(0) as u64);
        let failures = self.failed.load(Ordering::Relaxed).wrapping_add(failed.into());
        self.failed.store(failures, Ordering::Relaxed);
        let requests = self.requests.load(Ordering::Relaxed).wrapping_add(1);
        self.requests.store(requests, Ordering::Relaxed);
        self.enter(State::Idle, now);
    }

    fn change(&self, write: impl FnOnce()) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence | 1, Ordering::Relaxed);
        fence(Ordering::Release);
        write();
        self.sequence.store((sequence | 1).wrapping_add(1), Ordering::Release);
    }
}

/// What anybody may do.
impl RequestRecord {
    /// The request of the thread, all of it of one moment; `None`: it changes too fast, or whoever wrote here has died in the
    /// middle, or writes nonsense.
    pub fn read(&self) -> Option<Seen> {
        const TRIES: u32 = 100;
        (0..TRIES).find_map(|_| self.read_once())
    }

    fn read_once(&self) -> Option<Seen> {
        let sequence = self.sequence.load(Ordering::Acquire);
        if sequence & 1 == 1 {
            core::hint::spin_loop();
            return None;
        }
        let state = match self.state.load(Ordering::Relaxed) {
            0 => State::Idle,
            1 => State::Waiting,
            2 => State::Running,
            3 => State::Ending,
            _ => return None,
        };
        let taken = self.taken.load(Ordering::Relaxed);
        let since = self.since.load(Ordering::Relaxed);
        let connection = self.connection.load(Ordering::Relaxed);
        let method: [u8; METHOD] = get(&self.method);
        let id: [u8; ID] = get(&self.id);
        let path: [u8; PATH] = get(&self.path);
        fence(Ordering::Acquire);
        let is_whole = self.sequence.load(Ordering::Relaxed) == sequence;
        is_whole.then(|| Seen {
            state,
            taken,
            since,
            connection,
            method: readable(&method),
            path: readable(&path),
            id: readable(&id),
        })
    }

    /// The thread has a request. Cheaper than [`RequestRecord::read`].
    pub fn is_busy(&self) -> bool {
        self.state.load(Ordering::Relaxed) != State::Idle as u32
    }

    /// When the thread got the request that it has. Cheaper than [`RequestRecord::read`].
    pub fn taken(&self) -> Option<i64> {
        self.is_busy().then(|| self.taken.load(Ordering::Relaxed))
    }

    /// What the thread has done. The numbers may be of two moments.
    pub fn counters(&self) -> Counters {
        Counters {
            requests: self.requests.load(Ordering::Relaxed).into(),
            failed: self.failed.load(Ordering::Relaxed).into(),
            busy: self.busy.load(Ordering::Relaxed),
            read: self.read.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
impl RequestRecord {
    /// Writes such numbers everywhere.
    pub(super) fn scribble(&self, sequence: u32, state: u32, mut next: impl FnMut() -> u64) {
        self.sequence.store(sequence, Ordering::Relaxed);
        self.state.store(state, Ordering::Relaxed);
        self.taken.store(next() as i64, Ordering::Relaxed);
        self.since.store(next() as i64, Ordering::Relaxed);
        self.requests.store(next() as u32, Ordering::Relaxed);
        self.failed.store(next() as u32, Ordering::Relaxed);
        let numbers = [&self.busy, &self.read, &self.sent, &self.connection];
        numbers.into_iter().chain(&self.method).chain(&self.id).chain(&self.path).for_each(|word| {
            word.store(next(), Ordering::Relaxed);
        });
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

/// Writes a text, cut to the room there is, with a zero behind it: what stands behind that is not read.
fn put<const N: usize>(words: &[AtomicU64; N], text: &[u8]) {
    let text = &text[..text.len().min(N * 8)];
    let whole = text.chunks_exact(8);
    let rest = whole.remainder();
    for (word, part) in words.iter().zip(whole) {
        word.store(word_of(part), Ordering::Relaxed);
    }
    if let Some(word) = words.get(text.len() / 8) {
        word.store(word_of(rest), Ordering::Relaxed);
    }
}

/// Up to 8 bytes, with zeros behind them.
fn word_of(part: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
    u64::from_ne_bytes(bytes)
}

fn get<const N: usize, const BYTES: usize>(words: &[AtomicU64; N]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for (word, part) in words.iter().zip(bytes.chunks_exact_mut(8)) {
        part.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
    }
    bytes
}

/// The text up to its first zero; what is not printable ASCII becomes a question mark.
fn readable(text: &[u8]) -> String {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    text.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '?' }).collect()
}
