//! The start registry: a file in memory that processes of one user share, Apache's children or those of his process groups.
//! It holds the permits of the startup lock (`permits.rs`) and the start records.
//!
//! Every access is a read or write of the file under a lock of it, so a process that was killed in the middle leaves at
//! worst a record that decodes to less.
//!
//! Applications have the descriptor too: one may hold each lock for ever and write what it likes. So no wait is without
//! a bound, and a process that cannot have the lock does without the registry; times of records are believed only if they
//! may be true. The size of the file is fixed.

use super::permits::PERMIT;
use super::record::{Record, Watched};
use crate::host;
use os::{LockFile, monotonic as now};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use wire::message as msg;

/// Most permits of the startup lock.
pub const MOST_PERMITS: u32 = 256;
/// Most applications with a record; the oldest makes place.
pub(super) const RECORDS: u64 = 256;
/// Where the index of records lies: key and time of each.
const INDEX: u64 = MOST_PERMITS as u64 * PERMIT;
/// Where the records lie, and bytes of each; the file is sparse.
const BLOCKS: u64 = INDEX + RECORDS * 16;
const BLOCK: u64 = 64 * 1024;
const _: () = assert!(BLOCKS + RECORDS * BLOCK <= wire::REGISTRY_SIZE, "it has that size for good");
/// Which byte's lock guards the index and the records.
const TABLE_LOCK: i64 = 1 << 40;
/// Which byte's lock, plus the record's place, says that a process tries.
pub(super) const TRY_LOCK: i64 = TABLE_LOCK + 1;
/// How often a process looks whether the table is free, which takes 0.2 s. Whoever works on it takes a moment.
const LOOKS: u32 = 100;

/// The application that a process is at, and the byte that it holds.
pub type Note = (u64, i64);

/// The start registry, as this process sees it.
pub struct Registry {
    pub(super) file: LockFile,
    pub(super) permits: u32,
    /// Permits that may be had besides, while processors have nothing to do.
    pub(super) spare: u32,
    /// What this process is at.
    pub(super) notes: Mutex<Vec<Note>>,
    /// Locks of the file do not exclude threads of one process.
    table: Mutex<()>,
    /// Another process holds the table, and was waited for: nobody waits again until it is to be had.
    held: AtomicBool,
    /// Whether the log line about a held lock was written.
    said: AtomicBool,
}

impl Registry {
    /// The registry in a file that the parent process made, with so many permits, and so many more while processors have
    /// nothing to do. No permits: the startup lock is off.
    pub fn new(file: LockFile, permits: u32, spare: u32) -> Self {
        let permits = permits.min(MOST_PERMITS);
        Self {
            file,
            permits,
            spare: spare.min(MOST_PERMITS - permits),
            notes: Mutex::default(),
            table: Mutex::new(()),
            held: AtomicBool::new(false),
            said: AtomicBool::new(false),
        }
    }

    /// Runs `work` with the table locked. `None`: another process does not let go of it.
    pub(super) fn locked<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let _inside = os::lock(&self.table);
        let looks = if self.is_held() { 1 } else { LOOKS };
        let free = self.file.lock(TABLE_LOCK, looks);
        self.held.store(!free, Ordering::Relaxed);
        if !free {
            self.say_held();
            return None;
        }
        let answer = work();
        self.file.unlock(TABLE_LOCK);
        Some(answer)
    }

    /// The table could not be had when it was wanted last.
    pub(super) fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    fn say_held(&self) {
        if !self.said.swap(true, Ordering::Relaxed) {
            let holder = self.file.holder(TABLE_LOCK).map_or_else(String::new, |pid| format!(" (pid {pid})"));
            let text = format!(
                "another process{holder} of the same user keeps the lock of the start registry: this process starts its \
                 applications without coordinating with others"
            );
            host::message(msg::BOARD_HELD, text);
        }
    }

    /// The place of a record; the table is locked. With `make` there is one in the end.
    pub(super) fn place(&self, key: u64, make: bool) -> Option<u64> {
        let index = self.file.read(INDEX, (RECORDS * 16) as usize);
        let entries = index.chunks_exact(16).map(|entry| {
            let (key, time) = entry.split_at(8);
            (
                u64::from_ne_bytes(key.try_into().unwrap_or_default()),
                i64::from_ne_bytes(time.try_into().unwrap_or_default()),
            )
        });
        let entries: Vec<_> = entries.collect();
        let known = entries.iter().position(|(known, _)| *known == key).map(|at| at as u64);
        if known.is_some() || !make {
            return known;
        }
        let free = if (entries.len() as u64) < RECORDS {
            entries.len() as u64
        } else {
            let oldest = entries.iter().enumerate().min_by_key(|(_, (_, time))| *time);
            oldest.map_or(0, |(at, _)| at as u64)
        };
        let _ = self.file.write(BLOCKS + free * BLOCK, &0u32.to_ne_bytes());
        let entry = [key.to_ne_bytes(), now().to_ne_bytes()].concat();
        self.file.write(INDEX + free * 16, &entry).ok()?;
        Some(free)
    }

    pub(super) fn read(&self, place: u64) -> Record {
        let length = self.file.read(BLOCKS + place * BLOCK, 4);
        let length = u32::from_ne_bytes(length.try_into().unwrap_or_default());
        let length = u64::from(length).min(BLOCK - 4);
        Record::decode(&self.file.read(BLOCKS + place * BLOCK + 4, length as usize)).plausible(now())
    }

    pub(super) fn write(&self, place: u64, record: &Record) {
        let mut bytes = record.encode();
        bytes.truncate((BLOCK - 4) as usize);
        let whole = [&(bytes.len() as u32).to_ne_bytes()[..], &bytes].concat();
        // A record that cannot be written is one that others do not know: each tries for itself.
        let _ = self.file.write(BLOCKS + place * BLOCK, &whole);
    }

    /// More files whose change makes another attempt due.
    pub fn watch(&self, key: u64, files: Vec<Watched>) {
        self.locked(|| {
            if let Some(place) = self.place(key, false) {
                let mut record = self.read(place);
                record.watched = files;
                self.write(place, &record);
            }
        });
    }

    /// The record of an application, if there is one.
    pub fn record(&self, key: u64) -> Option<Record> {
        self.locked(|| self.place(key, false).map(|place| self.read(place))).flatten()
    }

    /// Whether the short line about the application is due, once in `pause` in all processes together.
    pub fn may_say(&self, key: u64, pause: Duration) -> bool {
        let due = self.locked(|| {
            let Some(place) = self.place(key, false) else { return false };
            let mut record = self.read(place);
            let due = now() - record.said >= pause.as_micros() as i64;
            if due {
                record.said = now();
                self.write(place, &record);
            }
            due
        });
        due.unwrap_or(false)
    }
}
