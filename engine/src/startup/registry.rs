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
use super::record::{Record, Verdict, Watched};
use crate::host;
use crate::runtime::os::{LockFile, now};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use wire::message as msg;

/// Most permits of the startup lock.
pub const MOST_PERMITS: u32 = 256;
/// Most applications with a record; the oldest makes place.
const RECORDS: u64 = 256;
/// Where the index of records lies: key and time of each.
const INDEX: u64 = MOST_PERMITS as u64 * PERMIT;
/// Where the records lie, and bytes of each; the file is sparse.
const BLOCKS: u64 = INDEX + RECORDS * 16;
const BLOCK: u64 = 64 * 1024;
const _: () = assert!(BLOCKS + RECORDS * BLOCK <= wire::BOARD_SIZE, "it has that size for good");
/// Which byte's lock guards the index and the records.
const TABLE_LOCK: i64 = 1 << 40;
/// Which byte's lock, plus the record's place, says that a process tries.
const TRY_LOCK: i64 = TABLE_LOCK + 1;
/// How often a process looks whether the table is free, which takes 0.2 s. Whoever works on it takes a moment.
const LOOKS: u32 = 100;

/// The application that a process is at, and the byte that it holds.
pub type Note = (u64, i64);

/// The registry.
pub struct Registry {
    pub(super) file: LockFile,
    pub(super) permits: u32,
    /// What this process is at.
    pub(super) notes: Mutex<Vec<Note>>,
    /// Locks of the file do not exclude threads of one process.
    table: Mutex<()>,
    /// Another process holds the table, and was waited for: nobody waits again until it is to be had.
    held: AtomicBool,
    /// That was said.
    said: AtomicBool,
}

/// What a process may do about an application.
pub enum Advice {
    /// Start it.
    Start(Claim),
    /// Another process is at it; its number is known from its permit, if it has one.
    Wait,
    /// It failed, and it is not the time for another attempt.
    Refuse(Record),
}

/// This process tries an application that is not proven.
pub struct Claim {
    /// The record as it was.
    pub record: Record,
    /// Some file changed since it failed.
    pub changed: bool,
    lock: Option<i64>,
}

impl Claim {
    /// A claim to nothing: the verdict is known, and only to be written down.
    pub fn none() -> Self {
        Self { record: Record::default(), changed: false, lock: None }
    }

    /// The last attempt failed.
    pub fn failed(&self) -> bool {
        self.record.verdict == Verdict::Failed
    }
}

impl Registry {
    /// The registry in a file that the parent process made. No permits: the startup lock is off.
    pub fn new(file: LockFile, permits: u32) -> Self {
        Self {
            file,
            permits: permits.min(MOST_PERMITS),
            notes: Mutex::default(),
            table: Mutex::new(()),
            held: AtomicBool::new(false),
            said: AtomicBool::new(false),
        }
    }

    /// Runs `work` with the table locked. `None`: another process does not let go of it.
    pub(super) fn locked<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let _inside = self.table.lock().unwrap_or_else(PoisonError::into_inner);
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
                "another process{holder} of the same user holds the start board and does not let go of it: this one starts \
                 its applications without regard to others"
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

    /// What this process may do about the application `key`. `bold`: nobody loses by it if the process dies of the attempt.
    pub fn consult(&self, key: u64, bold: bool) -> Advice {
        let found = self.locked(|| self.place(key, true).map(|place| (place, self.read(place))));
        let Some((place, record)) = found.flatten() else { return Advice::Start(Claim::none()) };
        if record.verdict == Verdict::Proven {
            return Advice::Start(Claim { record, changed: false, lock: None });
        }
        // Files are looked at without the lock: one may lie on a file system that does not answer.
        let failed = record.verdict == Verdict::Failed;
        let changed = failed && record.has_changed();
        if failed && !changed && (now() < record.next || (record.is_deadly() && !bold)) {
            return Advice::Refuse(record);
        }
        let byte = TRY_LOCK + place as i64;
        let advice = self.locked(|| {
            if self.place(key, false) != Some(place) || !self.file.try_lock(byte) {
                // While another attempt is made, the last verdict is known already.
                return if failed { Advice::Refuse(record) } else { Advice::Wait };
            }
            let current = self.read(place);
            if current != record {
                // Another process has tried meanwhile: its verdict is looked at anew.
                self.file.unlock(byte);
                return Advice::Wait;
            }
            Advice::Start(Claim { record, changed, lock: Some(byte) })
        });
        advice.unwrap_or_else(|| Advice::Start(Claim::none()))
    }

    /// Writes down how the attempt ended; `make` is given what is written there now.
    pub fn conclude(&self, key: u64, claim: Claim, make: impl FnOnce(&Record) -> Record) -> Record {
        let mut make = Some(make);
        let record = self.locked(|| {
            let place = self.place(key, true);
            let before = place.map(|place| self.read(place)).unwrap_or_default();
            let mut record = make.take().map(|make| make(&before)).unwrap_or_default();
            // Whatever came of it, the process lives: deaths count in a row.
            record.at_it = before.at_it;
            self.forget(key, &mut record);
            if let Some(place) = place {
                self.write(place, &record);
            }
            record
        });
        let record = record.or_else(|| make.map(|make| make(&claim.record))).unwrap_or_default();
        self.give_up(claim);
        record
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

    /// The attempt was not made.
    pub fn give_up(&self, claim: Claim) {
        if let Some(byte) = claim.lock {
            self.file.unlock(byte);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::os::Holder;
    use crate::startup::record::Cause;
    use std::time::Instant;

    fn registry(permits: u32) -> Registry {
        Registry::new(LockFile::new(c"board").unwrap(), permits)
    }

    fn start(registry: &Registry, key: u64) -> Claim {
        match registry.consult(key, false) {
            Advice::Start(claim) => claim,
            _ => panic!("it may be started"),
        }
    }

    fn failed(next: i64) -> Record {
        let cause = Cause { class: "E".into(), ..Cause::default() };
        Record { verdict: Verdict::Failed, id: 5, attempts: 1, next, cause, ..Record::default() }
    }

    #[test]
    fn a_failure_is_known_until_the_next_attempt_is_due() {
        let registry = registry(1);
        let claim = start(&registry, 1);
        registry.conclude(1, claim, |_| failed(now() + 60_000_000));
        let Advice::Refuse(record) = registry.consult(1, false) else { panic!("refused") };
        assert_eq!((record.id, record.attempts), (5, 1));
        let claim = start(&registry, 2);
        registry.conclude(2, claim, |_| failed(now() - 1));
        assert_eq!(start(&registry, 2).record.attempts, 1);
    }

    #[test]
    fn a_change_of_a_file_makes_it_due_at_once() {
        let path = std::env::temp_dir().join(format!("mod_wsgi-board-{}", std::process::id()));
        let registry = registry(1);
        let mut record = failed(now() + 60_000_000);
        record.watched.push(Watched::new(path.to_str().unwrap().to_owned()));
        let claim = start(&registry, 1);
        registry.conclude(1, claim, |_| record);
        assert!(matches!(registry.consult(1, false), Advice::Refuse(_)));
        std::fs::write(&path, "").unwrap();
        assert!(start(&registry, 1).changed);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_oldest_record_makes_place() {
        let registry = registry(1);
        for key in 1..=RECORDS + 1 {
            let claim = start(&registry, key);
            registry.conclude(key, claim, |_| failed(now() + 60_000_000));
        }
        assert!(matches!(registry.consult(RECORDS + 1, false), Advice::Refuse(_)));
        assert!(matches!(registry.consult(1, false), Advice::Start(_)), "the first is forgotten");
    }

    #[test]
    fn who_holds_the_board_for_ever_keeps_nobody_waiting() {
        let registry = registry(2);
        let claim = start(&registry, 1);
        registry.conclude(1, claim, |_| failed(now() + 60_000_000));
        let holder = Holder::of(&registry.file);
        let begun = Instant::now();
        for key in 0..50 {
            let claim = start(&registry, key);
            registry.begin(key);
            let permit =
                registry.permit("/a.wsgi", || panic!("nobody waits for a permit of a board that is held"));
            assert!(permit.is_some());
            assert_eq!(registry.conclude(key, claim, |_| failed(7)).next, 7);
            registry.finish(key);
            assert!(registry.record(key).is_none() && !registry.may_say(key, Duration::ZERO));
        }
        let waited = begun.elapsed();
        assert!(waited < Duration::from_secs(3), "it waits once, not each time: {waited:?}");
        drop(holder);
        assert!(matches!(registry.consult(1, false), Advice::Refuse(_)), "it is believed again");
    }

    #[test]
    fn forged_records_shut_nobody_out() {
        let registry = registry(1);
        for next in [i64::MAX, i64::MIN, now() + 3_600_000_000] {
            let claim = start(&registry, 1);
            registry.conclude(1, claim, |_| Record { said: i64::MIN, ..failed(next) });
        }
        assert!(registry.may_say(1, Duration::from_secs(10)));
        assert!(matches!(registry.consult(1, false), Advice::Start(_)));
    }

    #[test]
    fn the_short_line_is_due_once() {
        let registry = registry(1);
        let claim = start(&registry, 1);
        registry.conclude(1, claim, |_| failed(0));
        assert!(registry.may_say(1, Duration::from_secs(10)));
        assert!(!registry.may_say(1, Duration::from_secs(10)));
        assert!(!registry.may_say(7, Duration::from_secs(10)), "unknown");
    }
}
