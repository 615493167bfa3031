//! How much memory the process has (`rss-limit`), and during which request it has grown most.
#![forbid(unsafe_code)]

use super::process::Worker;
use crate::host;
use os::lock;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use wire::message as msg;
use wire::scoreboard::{RequestRecord, Seen};

/// Bytes as log lines have them.
pub fn mebibytes(bytes: u64) -> u64 {
    bytes >> 20
}

/// What is known of the process's memory; nothing is, as long as there is no limit.
#[derive(Default)]
pub struct Memory {
    /// Bytes that the process may have; 0: any number.
    limit: u64,
    /// Its applications alone need more.
    is_low: AtomicBool,
    /// What the process had when the request of each thread began.
    begun: Box<[AtomicU64]>,
    largest: Mutex<Option<Growth>>,
}

/// A request, and by how many bytes the process has grown while it ran.
struct Growth {
    bytes: u64,
    title: String,
}

impl Memory {
    /// Of a process of so many threads, with this limit.
    pub fn new(limit: u64, threads: u32) -> Self {
        let threads = if limit > 0 { threads } else { 0 };
        let begun = (0..threads).map(|_| AtomicU64::new(0)).collect();
        Self { limit, begun, ..Self::default() }
    }

    /// The limit, unless it is too low.
    pub fn limit(&self) -> Option<u64> {
        (self.limit > 0 && !self.is_low.load(Ordering::SeqCst)).then_some(self.limit)
    }

    /// The thread of this index has a request.
    pub fn begin(&self, thread: usize) {
        if let Some(begun) = self.begun.get(thread) {
            begun.store(os::resident_memory(), Ordering::Relaxed);
        }
    }

    /// Its request has ended.
    pub fn end(&self, thread: usize, record: &RequestRecord) {
        if let Some(begun) = self.begun.get(thread) {
            let before = begun.swap(0, Ordering::Relaxed);
            self.note(os::resident_memory().saturating_sub(before), || record.read());
        }
    }

    /// Its request runs.
    fn runs(&self, thread: usize, now: u64, record: &RequestRecord) {
        let begun = self.begun.get(thread).map_or(0, |begun| begun.load(Ordering::Relaxed));
        if begun > 0 {
            self.note(now.saturating_sub(begun), || record.read());
        }
    }

    fn note(&self, bytes: u64, request: impl FnOnce() -> Option<Seen>) {
        let mut largest = lock(&self.largest);
        if bytes > largest.as_ref().map_or(0, |known| known.bytes)
            && let Some(seen) = request()
        {
            *largest = Some(Growth { bytes, title: format!("{} {}", seen.method, seen.path) });
        }
    }

    /// All is well: what comes from now on counts.
    fn forget(&self) {
        lock(&self.largest).take();
    }

    /// Why it is to be replaced, in words.
    fn complaint(&self, now: u64) -> String {
        let grew = match &*lock(&self.largest) {
            Some(Growth { bytes, title }) if mebibytes(*bytes) > 0 => {
                format!("it has grown most while '{title}' ran, by {} MiB", mebibytes(*bytes))
            }
            _ => "it has grown slowly, by no single request".into(),
        };
        let (has, limit) = (mebibytes(now), mebibytes(self.limit));
        format!("it has {has} MiB of resident memory, and rss-limit allows {limit} MiB; {grew}")
    }
}

impl Worker {
    /// The applications have been started: what the process has now, the next one would have too.
    pub(super) fn weigh_applications(&self) {
        let now = os::resident_memory();
        if self.memory.limit().is_some_and(|limit| now > limit) {
            self.memory.is_low.store(true, Ordering::SeqCst);
            let text = format!(
                "a process of group '{}' has {} MiB of resident memory when its applications have been started, and rss-limit \
                 allows {} MiB; it is not replaced because of that. Raise rss-limit",
                self.name(),
                mebibytes(now),
                mebibytes(self.memory.limit)
            );
            host::message(msg::RSS_LIMIT_LOW, text);
        }
    }

    /// How much it has; the running requests are looked at. `is_due`: it may be replaced now; answers why, in words, if it has too much.
    pub(super) fn weigh(&self, is_due: impl FnOnce() -> bool) -> Option<String> {
        let limit = self.memory.limit()?;
        let now = os::resident_memory();
        let busy = self.records().iter().enumerate().filter(|(_, record)| record.is_busy());
        busy.for_each(|(thread, record)| self.memory.runs(thread, now, record));
        if now <= limit {
            self.memory.forget();
            return None;
        }
        is_due().then(|| self.memory.complaint(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::scoreboard::State;

    fn seen(path: &str) -> impl FnOnce() -> Option<Seen> {
        let (method, path) = ("GET".into(), path.into());
        move || {
            Some(Seen {
                state: State::Running,
                taken: 1,
                since: 1,
                connection: 0,
                method,
                path,
                id: String::new(),
            })
        }
    }

    #[test]
    fn the_request_during_which_it_has_grown_most_is_named() {
        let memory = Memory::new(100 << 20, 1);
        let slowly = "it has 120 MiB of resident memory, and rss-limit allows 100 MiB; it has grown slowly, by no single request";
        assert_eq!(memory.complaint(120 << 20), slowly);
        memory.note(5, seen("/tiny"));
        assert_eq!(memory.complaint(120 << 20), slowly);
        memory.note(50 << 20, seen("/big"));
        memory.note(20 << 20, seen("/small"));
        assert!(memory.complaint(120 << 20).ends_with("; it has grown most while 'GET /big' ran, by 50 MiB"));
        memory.forget();
        assert_eq!(memory.complaint(120 << 20), slowly);
    }

    #[test]
    fn without_a_limit_nothing_is_measured() {
        let memory = Memory::new(0, 5);
        assert!(memory.begun.is_empty() && memory.limit().is_none());
        memory.begin(0);
    }
}
