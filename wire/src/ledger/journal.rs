//! What has gone wrong in a group, or was replaced: the last lines of the log about it.
//!
//! Several processes write here. Each takes the next note; one that is being written is passed over, until all others were
//! written once more: its writer has died.

use super::text::Text;
use core::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering, fence};

/// Notes that are kept.
pub const NOTES: usize = 16;

/// The last notes.
#[repr(C, align(64))]
pub struct Journal {
    next: AtomicU64,
    _reserved: [u64; 7],
    notes: [Slot; NOTES],
}

#[repr(C)]
struct Slot {
    sequence: AtomicU32,
    number: AtomicU32,
    at: AtomicI64,
    serial: AtomicU64,
    level: AtomicU32,
    pid: AtomicU32,
    text: Text<60>,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Notes are numbered in their order.
    pub serial: u64,
    /// Number of its message.
    pub number: u32,
    /// Its level.
    pub level: u32,
    /// When, microseconds since the epoch.
    pub at: i64,
    /// The process that said it.
    pub pid: u32,
    /// The line, without the number.
    pub text: String,
}

impl Journal {
    /// Notes a line. `now`: microseconds since the epoch.
    pub fn write(&self, number: u16, level: crate::Level, pid: u32, now: i64, text: &[u8]) {
        let serial = self.next.fetch_add(1, Ordering::Relaxed);
        let slot = &self.notes[(serial % NOTES as u64) as usize];
        let sequence = slot.sequence.load(Ordering::Relaxed);
        let is_stale = serial.wrapping_sub(slot.serial.load(Ordering::Relaxed)) > 2 * NOTES as u64;
        if sequence & 1 == 1 && !is_stale {
            return;
        }
        let odd = (sequence | 1).wrapping_add(if sequence & 1 == 1 { 2 } else { 0 });
        if slot.sequence.compare_exchange(sequence, odd, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return;
        }
        fence(Ordering::Release);
        slot.serial.store(serial, Ordering::Relaxed);
        slot.number.store(number.into(), Ordering::Relaxed);
        slot.level.store(level as u32, Ordering::Relaxed);
        slot.pid.store(pid, Ordering::Relaxed);
        slot.at.store(now, Ordering::Relaxed);
        slot.text.put(text);
        let _ =
            slot.sequence.compare_exchange(odd, odd.wrapping_add(1), Ordering::Release, Ordering::Relaxed);
    }

    /// The notes, the latest first; one that changes just now is left out.
    pub fn read(&self) -> Vec<Note> {
        let mut notes: Vec<_> = self.notes.iter().filter_map(Slot::read).collect();
        notes.sort_by_key(|note| core::cmp::Reverse(note.serial));
        notes
    }
}

impl Slot {
    fn read(&self) -> Option<Note> {
        let sequence = self.sequence.load(Ordering::Acquire);
        if sequence == 0 || sequence & 1 == 1 {
            return None;
        }
        let note = Note {
            serial: self.serial.load(Ordering::Relaxed),
            number: self.number.load(Ordering::Relaxed),
            level: self.level.load(Ordering::Relaxed),
            at: self.at.load(Ordering::Relaxed),
            pid: self.pid.load(Ordering::Relaxed),
            text: self.text.get(),
        };
        fence(Ordering::Acquire);
        (self.sequence.load(Ordering::Relaxed) == sequence).then_some(note)
    }
}
