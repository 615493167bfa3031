//! What a process may do about an application, as the start registry has it: one process tries what is not proven.

use super::record::{Record, Verdict};
use super::registry::{Registry, TRY_LOCK};
use os::monotonic as now;

/// What a process may do about an application.
pub enum Advice {
    /// Start the application: the claim is this process's.
    Start(Claim),
    /// Another process is at it; its number is known from its permit, if it has one.
    Wait,
    /// The application failed, and the next attempt is not due.
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

    /// The attempt was not made.
    pub fn give_up(&self, claim: Claim) {
        if let Some(byte) = claim.lock {
            self.file.unlock(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::forks::Holder;
    use crate::startup::record::{Cause, Watched};
    use crate::startup::registry::RECORDS;
    use os::LockFile;
    use std::time::Duration;
    use std::time::Instant;

    fn registry(permits: u32) -> Registry {
        Registry::new(LockFile::new(c"board").unwrap(), permits, 0)
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
