//! Deaths in the start of an application: a process notes on the registry what it starts, and holds a lock of the system
//! while it does. A note without its lock is one of a process that died in the middle of it, however that came about.
//!
//! An application whose start has killed three processes in a row is *held apart*: its record says Failed, so that those
//! that start now do without it and its neighbours serve; another attempt is made where nobody loses by it.

use super::record::{AtIt, Cause, MOST_AT_IT, Record, Verdict, Watched, fresh_id};
use super::registry::Registry;
use os::lock;
use os::monotonic as now;
use std::path::Path;

/// Which byte's lock, plus the record's place and the process's number, says that the process is at it.
const AT_IT_LOCK: i64 = 1 << 42;
/// Files beside the script whose change makes another attempt due: what a dead process had imported, nobody knows.
const MOST_FILES: usize = 200;

/// Processes have died at it.
pub struct Buried {
    /// The record, in which they are counted.
    pub record: Record,
    /// Pids of the dead processes.
    pub pids: Vec<u32>,
}

impl Registry {
    fn note_byte(place: u64, pid: u32) -> i64 {
        AT_IT_LOCK + ((place as i64) << 32) + i64::from(pid)
    }

    /// This process is at it.
    pub fn begin(&self, key: u64) {
        let pid = std::process::id();
        self.locked(|| {
            let Some(place) = self.place(key, true) else { return };
            let mut record = self.read(place);
            let byte = Self::note_byte(place, pid);
            if record.at_it.len() < MOST_AT_IT && self.file.try_lock(byte) {
                record.at_it.retain(|other| other.pid != pid);
                record.at_it.push(AtIt { pid, since: now() });
                self.write(place, &record);
                lock(&self.notes).push((key, byte));
            }
        });
    }

    /// Takes this process's note out of the record that is about to be written, and frees its lock.
    pub(super) fn forget(&self, key: u64, record: &mut Record) {
        let pid = std::process::id();
        lock(&self.notes).retain(|(noted, byte)| {
            if *noted == key {
                record.at_it.retain(|other| other.pid != pid);
                self.file.unlock(*byte);
            }
            *noted != key
        });
    }

    /// This process is not at it any more, whatever came of it.
    pub fn finish(&self, key: u64) {
        if lock(&self.notes).iter().any(|(noted, _)| *noted == key) {
            self.locked(|| {
                if let Some(place) = self.place(key, false) {
                    let mut record = self.read(place);
                    self.forget(key, &mut record);
                    self.write(place, &record);
                }
            });
        }
    }

    /// This process ends as it should: whatever it starts just now has not killed it.
    pub fn finish_all(&self) {
        let keys: Vec<u64> = lock(&self.notes).iter().map(|(key, _)| *key).collect();
        keys.into_iter().for_each(|key| self.finish(key));
    }

    /// Counts processes that have died at it, if there are such. `how` the last one did, if that is known of its number;
    /// `soon`: the time to the next attempt counts from when they began.
    pub fn bury(
        &self,
        key: u64,
        path: &str,
        soon: bool,
        how: impl Fn(u32) -> Option<String>,
    ) -> Option<Buried> {
        let me = std::process::id();
        let mine = lock(&self.notes).iter().any(|(noted, _)| *noted == key);
        let buried = self.locked(|| {
            let place = self.place(key, false)?;
            let mut record = self.read(place);
            let is_dead = |one: &AtIt| match one.pid == me {
                // The system tells nobody of his own locks; an earlier process may have had this number.
                true => !mine,
                false => self.file.holder(Self::note_byte(place, one.pid)).is_none(),
            };
            let (dead, alive): (Vec<AtIt>, Vec<AtIt>) = record.at_it.iter().partition(|one| is_dead(one));
            let last = dead.last()?;
            record.at_it = alive;
            record.deaths = record.deaths.saturating_add(dead.len() as u32);
            record.attempts = record.attempts.saturating_add(dead.len() as u32);
            if record.is_deadly() {
                let how = how(last.pid).map_or_else(String::new, |how| format!(", the last one by {how}"));
                let text = format!(
                    "{} processes in a row died while they started it{how}; see the earlier lines about each",
                    record.deaths
                );
                record.verdict = Verdict::Failed;
                record.id = if record.id == 0 { fresh_id(key) } else { record.id };
                let from = if soon { last.since } else { now() };
                record.next = from + wire::backoff::delay(record.attempts.max(1)).as_micros() as i64;
                record.said = now();
                record.cause = Cause { class: "ProcessDied".into(), text, ..Cause::default() };
            }
            self.write(place, &record);
            Some(Buried { record, pids: dead.iter().map(|one| one.pid).collect() })
        });
        let buried = buried.flatten()?;
        if buried.record.is_deadly() {
            // Without the lock: they may lie on a file system that does not answer.
            self.watch(key, files_of(path).into_iter().map(Watched::new).collect());
        }
        Some(buried)
    }
}

/// The script and Python files beside it and in packages beside it.
fn files_of(path: &str) -> Vec<String> {
    let is_python = |path: &Path| path.extension().is_some_and(|end| end == "py");
    let entries = |directory: &Path| {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        entries.take(10 * MOST_FILES).map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let beside = Path::new(path).parent().map(&entries).unwrap_or_default();
    let packages =
        beside.iter().filter(|path| path.join("__init__.py").is_file()).flat_map(|path| entries(path));
    let files = beside.iter().cloned().chain(packages).filter(|path| is_python(path));
    let files = files.filter_map(|path| path.to_str().map(str::to_owned)).take(MOST_FILES);
    std::iter::once(path.to_owned()).chain(files).collect()
}

#[cfg(test)]
mod tests {
    use super::super::claims::Advice;
    use super::*;
    use os::LockFile;

    /// No process has this number.
    const DEAD: u32 = u32::MAX / 2;

    fn registry() -> Registry {
        Registry::new(LockFile::new(c"board").unwrap(), 1, 0)
    }

    /// A process has died at it.
    fn die(registry: &Registry, key: u64, pid: u32) {
        let done = registry.locked(|| {
            let place = registry.place(key, true).unwrap();
            let mut record = registry.read(place);
            record.at_it.push(AtIt { pid, since: now() });
            registry.write(place, &record);
        });
        done.expect("nobody else has the board");
    }

    fn bury(registry: &Registry, key: u64) -> Option<Buried> {
        registry.bury(key, "/no/such.wsgi", false, |pid| (pid == DEAD).then(|| "signal 11 (SIGSEGV)".into()))
    }

    #[test]
    fn three_deaths_in_a_row_hold_an_application_apart() {
        let registry = registry();
        for count in 1..=2 {
            die(&registry, 1, DEAD - count);
            let buried = bury(&registry, 1).expect("one");
            assert_eq!((buried.record.deaths, buried.pids), (count, vec![DEAD - count]));
            assert!(bury(&registry, 1).is_none(), "each is counted once");
            assert!(matches!(registry.consult(1, false), Advice::Start(_)));
        }
        die(&registry, 1, DEAD);
        let record = bury(&registry, 1).expect("the third").record;
        assert!(record.is_deadly() && record.verdict == Verdict::Failed);
        assert!(record.cause.text.contains("3 processes") && record.cause.text.contains("SIGSEGV"));
        assert!(matches!(registry.consult(1, true), Advice::Refuse(_)), "not yet");
        assert!(matches!(registry.consult(2, false), Advice::Start(_)), "its neighbour");
    }

    #[test]
    fn whoever_is_due_is_tried_where_nobody_loses_by_it() {
        let registry = registry();
        (0..3).for_each(|n| die(&registry, 1, DEAD - n));
        let due = |record: &Record| Record { next: now() - 1, ..record.clone() };
        bury(&registry, 1).expect("three");
        registry.locked(|| {
            let place = registry.place(1, false).unwrap();
            registry.write(place, &due(&registry.read(place)));
        });
        assert!(matches!(registry.consult(1, false), Advice::Refuse(_)));
        let Advice::Start(claim) = registry.consult(1, true) else { panic!("it is due") };
        registry.begin(1);
        let proven = Record { verdict: Verdict::Proven, ..Record::default() };
        assert_eq!(registry.conclude(1, claim, |_| proven).deaths, 0, "it is forgiven");
        assert!(matches!(registry.consult(1, false), Advice::Start(_)));
    }

    #[test]
    fn only_the_dead_are_counted() {
        let registry = registry();
        registry.begin(1);
        assert!(bury(&registry, 1).is_none(), "this process lives");
        registry.finish_all();
        assert!(bury(&registry, 1).is_none(), "it has ended as it should");
        die(&registry, 1, std::process::id());
        assert_eq!(bury(&registry, 1).expect("an earlier one of this number").pids, [std::process::id()]);
    }
}
