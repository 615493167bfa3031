//! The startup lock: permits on the start registry, each with who loads what since when. There are as many as are told to be,
//! or one for each processor, and then some more while starts leave processors idle or only wait.

use super::registry::Registry;
use crate::host;
use os::{Idle, monotonic as now, tasks_of};
use std::time::{Duration, Instant};
use wire::message as msg;

/// Bytes of a permit's text.
pub const PERMIT: u64 = 512;
/// Which byte's lock, plus the permit's number, is the permit.
const PERMIT_LOCK: i64 = 1 << 41;
/// How often a waiter looks again.
const PAUSE: Duration = Duration::from_millis(15);
/// Longest wait for a permit: who has one may never give it back.
const PATIENCE: Duration = Duration::from_secs(60);

/// From so many idle processors on, one more may start.
const IDLE: f64 = 0.5;
/// So many looks, a tenth of a second each, must have seen them, or that whoever starts waits.
const LOOKS: u32 = 3;
/// Who computes no longer than that between two looks waits, microseconds: the system counts so many at once.
const RESTING: u64 = 10_000;
/// How long it takes until a start shows in what is idle, microseconds.
const EFFECT: i64 = 300_000;

/// What a waiter has seen of the processors, and of those who have permits.
#[derive(Default)]
struct Room {
    idle: Idle,
    /// How long each process that has a permit had computed, microseconds.
    computed: Vec<(u32, u64)>,
    looks: u32,
}

impl Room {
    /// Processors have been idle for as long as is believed, for a start that computes reads files now and then; or all who have
    /// permits have waited, and other programs use the processors.
    fn is_there(&mut self, holders: impl FnOnce() -> Vec<Holder>) -> bool {
        if let Some(processors) = self.idle.look() {
            let rest = self.rest(&holders());
            self.looks = if processors >= IDLE || rest { self.looks + 1 } else { 0 };
        }
        self.looks >= LOOKS
    }

    /// None of them has computed since the last look, nor would: each was there then.
    fn rest(&mut self, holders: &[Holder]) -> bool {
        let (mut rest, had) = (true, std::mem::take(&mut self.computed));
        for holder in holders {
            let tasks = tasks_of(holder.pid);
            let computed = tasks.iter().map(|task| task.computed).sum();
            let before = had.iter().find(|(pid, _)| *pid == holder.pid).map(|(_, computed)| *computed);
            rest &= before.is_some_and(|before| computed <= before + RESTING)
                && !tasks.is_empty()
                && tasks.iter().all(|task| task.state == "sleeping");
            self.computed.push((holder.pid, computed));
        }
        rest && !holders.is_empty()
    }
}

/// The process that holds a permit.
pub struct Holder {
    /// Number of the process.
    pub pid: u32,
    /// Since when, microseconds.
    pub since: i64,
    /// Path of the script that it loads.
    pub what: String,
}

impl Registry {
    /// Waits for a permit of the startup lock, but not for ever, and not on a registry that another process holds: it goes on
    /// without one then. `waiting` is called each time all are taken, and answers whether to go on.
    pub fn permit(&self, what: &str, mut waiting: impl FnMut() -> bool) -> Option<Permit<'_>> {
        if self.permits == 0 {
            return Some(Permit { registry: self, number: None });
        }
        let begun = Instant::now();
        let mut room = Room::default();
        loop {
            for number in 0..self.permits + self.spare(&mut room) {
                if self.file.try_lock(PERMIT_LOCK + i64::from(number)) {
                    let text = format!("{} {} {what}", std::process::id(), now());
                    self.write_permit(number, &text);
                    return Some(Permit { registry: self, number: Some(number) });
                }
            }
            if self.is_held() {
                return Some(Permit { registry: self, number: None });
            }
            if begun.elapsed() >= PATIENCE {
                let seconds = PATIENCE.as_secs();
                let text =
                    format!("'{what}' has waited {seconds} s for the startup lock and now starts without it");
                host::message(msg::LOCK_MISSED, text);
                return Some(Permit { registry: self, number: None });
            }
            if !waiting() {
                return None;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// How many permits there are besides at this moment. One at a time is given out, and seen to use a processor or not, before
    /// the next one: whoever waits sees the same idle processor.
    fn spare(&self, room: &mut Room) -> u32 {
        let is_early = || self.holders().iter().any(|holder| (0..EFFECT).contains(&(now() - holder.since)));
        if self.spare > 0 && room.is_there(|| self.holders()) && !is_early() { self.spare } else { 0 }
    }

    fn write_permit(&self, number: u32, text: &str) {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(PERMIT as usize, b'\n');
        // A permit without its text is still a permit.
        let _ = self.file.write(u64::from(number) * PERMIT, &bytes);
    }

    /// The processes that hold permits. A killed process has left its text, but not its lock.
    pub fn holders(&self) -> Vec<Holder> {
        let holder = |number: u32| {
            let bytes = self.file.read(u64::from(number) * PERMIT, PERMIT as usize);
            let text = wire::shown(&bytes);
            let mut words = text.trim().splitn(3, ' ');
            let pid = words.next()?.parse().ok()?;
            let holds =
                self.file.holder(PERMIT_LOCK + i64::from(number)) == Some(pid) || pid == std::process::id();
            let (since, what) = (words.next()?.parse().ok()?, words.next()?.to_owned());
            holds.then_some(Holder { pid, since, what })
        };
        (0..self.permits + self.spare).filter_map(holder).collect()
    }
}

/// A permit of the startup lock, until it is dropped.
pub struct Permit<'b> {
    registry: &'b Registry,
    number: Option<u32>,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.registry.write_permit(number, "");
            self.registry.file.unlock(PERMIT_LOCK + i64::from(number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use os::LockFile;

    #[test]
    fn who_waits_leaves_room() {
        let mut waits = std::process::Command::new("sleep").arg("600").spawn().expect("sleep");
        let mut computes =
            std::process::Command::new("yes").stdout(std::process::Stdio::null()).spawn().expect("yes");
        let holder = |pid| Holder { pid, since: 0, what: String::new() };
        let (waiting, computing) =
            (vec![holder(waits.id())], vec![holder(waits.id()), holder(computes.id())]);
        let mut room = Room::default();
        let until = Instant::now() + Duration::from_secs(30);
        while !room.rest(&waiting) && Instant::now() < until {
            std::thread::yield_now();
        }
        assert!(room.rest(&waiting));
        assert!(!room.rest(&computing), "one was not there before");
        assert!(!room.rest(&computing), "it may run at any moment");
        assert!(!room.rest(&[]), "nobody waits");
        for child in [&mut waits, &mut computes] {
            let _ = child.kill();
            let _ = child.wait();
        }
        assert!(!room.rest(&waiting), "it has gone");
    }

    #[test]
    fn permits_say_who_has_them() {
        let registry = Registry::new(LockFile::new(c"board").unwrap(), 2, 0);
        let permit = registry.permit("/a b.wsgi", || panic!("free"));
        let holders = registry.holders();
        assert_eq!(
            (holders.len(), holders[0].pid, holders[0].what.as_str()),
            (1, std::process::id(), "/a b.wsgi")
        );
        drop(permit);
        assert!(registry.holders().is_empty());
    }
}
