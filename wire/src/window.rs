//! A window: memory in which one process shows something, and at which others only look, by reading its file. The file is sealed
//! against any other way of writing, so there is one writer, for whom nobody can make anything wait.
//!
//! What is shown has a sequence number, odd while it changes: a reader that finds another one afterwards looks again.

use core::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering, fence};

/// Most bytes that are shown. The system provides memory for those that have been.
pub const ROOM: usize = 16 << 20;

/// The memory of a window.
#[repr(C)]
pub struct Window {
    /// Odd while the rest changes; 0: nothing has been shown.
    sequence: AtomicU64,
    /// Since when what is shown holds, microseconds of the monotonic clock.
    since: AtomicI64,
    length: AtomicU64,
    bytes: [AtomicU8; ROOM],
}

/// Bytes in front of what is shown.
const HEAD: usize = size_of::<Window>() - ROOM;

impl Window {
    /// Shows other bytes, which hold since then; nothing, if there is no room for them. One thread at a time may.
    pub fn show(&self, since: i64, bytes: &[u8]) {
        let bytes = if bytes.len() <= ROOM { bytes } else { &[] };
        let sequence = self.sequence.load(Ordering::Relaxed) | 1;
        self.sequence.store(sequence, Ordering::Relaxed);
        fence(Ordering::Release);
        self.since.store(since, Ordering::Relaxed);
        self.length.store(bytes.len() as u64, Ordering::Relaxed);
        for (place, byte) in self.bytes.iter().zip(bytes) {
            place.store(*byte, Ordering::Relaxed);
        }
        self.sequence.store(sequence.wrapping_add(1), Ordering::Release);
    }
}

/// What is shown, if it holds since then or later, and stays while it is read. `read` fills a buffer with what stands at an offset
/// of the window's file; false: it cannot.
pub fn look(from: i64, mut read: impl FnMut(u64, &mut [u8]) -> bool) -> Option<Vec<u8>> {
    let head = |read: &mut dyn FnMut(u64, &mut [u8]) -> bool| {
        let mut head = [0; HEAD];
        let done = read(0, &mut head);
        fence(Ordering::Acquire);
        done.then_some(head)
    };
    let before = head(&mut read)?;
    let word = |at: usize| u64::from_ne_bytes(std::array::from_fn(|byte| before[at * 8 + byte]));
    let (sequence, since, length) = (word(0), word(1) as i64, word(2));
    if sequence == 0 || sequence % 2 == 1 || since < from || length > ROOM as u64 {
        return None;
    }
    let mut bytes = vec![0; length as usize];
    let done = read(HEAD as u64, &mut bytes);
    fence(Ordering::Acquire);
    (done && head(&mut read)? == before).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory of a window with nothing in it.
    fn window() -> Box<Window> {
        let words = vec![0u64; size_of::<Window>() / 8].into_boxed_slice();
        assert!(align_of::<Window>() <= align_of::<u64>());
        // SAFETY: as large and as aligned, and any bytes are a window.
        #[allow(unsafe_code)]
        unsafe {
            Box::from_raw(Box::into_raw(words).cast())
        }
    }

    fn read(window: &Window) -> impl FnMut(u64, &mut [u8]) -> bool {
        |offset, into| {
            let words = [
                window.sequence.load(Ordering::Relaxed),
                window.since.load(Ordering::Relaxed) as u64,
                window.length.load(Ordering::Relaxed),
            ];
            let head: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            for (at, byte) in (offset as usize..).zip(into) {
                let place = at.checked_sub(HEAD).map(|at| window.bytes[at].load(Ordering::Relaxed));
                *byte = place.unwrap_or_else(|| head[at]);
            }
            true
        }
    }

    #[test]
    fn what_is_shown_is_seen_where_it_is_new_enough() {
        let window = window();
        assert_eq!(look(i64::MIN, read(&window)), None, "nothing has been shown");
        window.show(5, b"first");
        assert_eq!(look(5, read(&window)), Some(b"first".to_vec()));
        assert_eq!(look(6, read(&window)), None);
        window.show(6, b"");
        assert_eq!(look(6, read(&window)), Some(Vec::new()));
        window.show(7, &vec![1; ROOM]);
        assert_eq!(look(7, read(&window)), Some(vec![1; ROOM]));
        window.show(8, &vec![1; ROOM + 1]);
        assert_eq!(look(8, read(&window)), Some(Vec::new()), "no room");
        assert_eq!(look(0, |_, _| false), None, "no window");
    }

    #[test]
    fn what_changes_meanwhile_is_not_seen() {
        let window = window();
        window.show(5, b"first");
        let mut looks = 0;
        let seen = look(5, |offset, into| {
            looks += 1;
            if looks == 2 {
                window.show(6, b"other");
            }
            read(&window)(offset, into)
        });
        assert_eq!(seen, None);
        window.sequence.store(7, Ordering::Relaxed);
        assert_eq!(look(0, read(&window)), None, "it is being changed");
        window.show(9, b"after a writer that died");
        assert_eq!(look(9, read(&window)).as_deref(), Some(&b"after a writer that died"[..]));
    }

    #[test]
    fn nonsense_is_not_seen() {
        let mut head = [0xff; HEAD];
        for sequence in [2u64, u64::MAX - 1] {
            head[..8].copy_from_slice(&sequence.to_ne_bytes());
            head[8..16].copy_from_slice(&9i64.to_ne_bytes());
            let read = |offset: u64, into: &mut [u8]| {
                assert_eq!(offset, 0);
                into.copy_from_slice(&head);
                true
            };
            assert_eq!(look(0, read), None);
        }
    }
}
