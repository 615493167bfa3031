//! The startup lock: slots on the start board, each with who loads what since when.

use super::board::Board;
use super::os::now;
use crate::host;
use std::time::{Duration, Instant};
use wire::message as msg;

/// Bytes of a slot's text.
pub const SLOT: u64 = 512;
/// Which byte's lock, plus the slot's number, is the slot.
const SLOT_LOCK: i64 = 1 << 41;
/// How often a waiter looks again.
const PAUSE: Duration = Duration::from_millis(15);
/// Longest wait for a slot: who has one may never give it back.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who has a slot.
pub struct Holder {
    /// Number of the process.
    pub pid: u32,
    /// Since when, microseconds.
    pub since: i64,
    /// What it loads.
    pub what: String,
}

impl Board {
    /// Waits for a slot of the startup lock, but not for ever, and not on a board that another process holds: it goes on
    /// without one then. `waiting` is called each time all are taken, and answers whether to go on.
    pub fn slot(&self, what: &str, mut waiting: impl FnMut() -> bool) -> Option<Slot<'_>> {
        if self.slots == 0 {
            return Some(Slot { board: self, number: None });
        }
        let begun = Instant::now();
        loop {
            for number in 0..self.slots {
                if self.file.try_lock(SLOT_LOCK + i64::from(number)) {
                    let text = format!("{} {} {what}", std::process::id(), now());
                    self.write_slot(number, &text);
                    return Some(Slot { board: self, number: Some(number) });
                }
            }
            if self.is_held() {
                return Some(Slot { board: self, number: None });
            }
            if begun.elapsed() >= PATIENCE {
                let seconds = PATIENCE.as_secs();
                let text = format!(
                    "'{what}' has waited {seconds} s for the startup lock, and is started without it"
                );
                host::message(msg::LOCK_MISSED, text);
                return Some(Slot { board: self, number: None });
            }
            if !waiting() {
                return None;
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn write_slot(&self, number: u32, text: &str) {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(SLOT as usize, b'\n');
        // A slot without its text is still a slot.
        let _ = self.file.write(u64::from(number) * SLOT, &bytes);
    }

    /// Who has the slots. One that was killed has left its text, but not its lock.
    pub fn holders(&self) -> Vec<Holder> {
        let holder = |number: u32| {
            let bytes = self.file.read(u64::from(number) * SLOT, SLOT as usize);
            let text = String::from_utf8_lossy(&bytes);
            let mut words = text.trim().splitn(3, ' ');
            let pid = words.next()?.parse().ok()?;
            let holds =
                self.file.holder(SLOT_LOCK + i64::from(number)) == Some(pid) || pid == std::process::id();
            let (since, what) = (words.next()?.parse().ok()?, words.next()?.to_owned());
            holds.then_some(Holder { pid, since, what })
        };
        (0..self.slots).filter_map(holder).collect()
    }
}

/// A slot of the startup lock, until it is dropped.
pub struct Slot<'b> {
    board: &'b Board,
    number: Option<u32>,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.board.write_slot(number, "");
            self.board.file.unlock(SLOT_LOCK + i64::from(number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::os::LockFile;
    use super::*;

    #[test]
    fn slots_say_who_has_them() {
        let board = Board::new(LockFile::new(c"board").unwrap(), 2);
        let slot = board.slot("/a b.wsgi", || panic!("free"));
        let holders = board.holders();
        assert_eq!(
            (holders.len(), holders[0].pid, holders[0].what.as_str()),
            (1, std::process::id(), "/a b.wsgi")
        );
        drop(slot);
        assert!(board.holders().is_empty());
    }
}
