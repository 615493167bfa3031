//! A word in memory that processes share, and that they sleep on: futex(2).

use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Sleeps while the word has this value, until somebody wakes who sleeps there, or for that long.
pub fn futex_wait(word: &AtomicU32, value: u32, most: Option<Duration>) {
    let time = most.map(|most| libc::timespec {
        tv_sec: libc::time_t::try_from(most.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: most.subsec_nanos().into(),
    });
    let time = time.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: a live word, and a live time or none.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, value, time) };
}

/// Wakes one who sleeps there.
pub fn futex_wake(word: &AtomicU32) {
    // SAFETY: a live word.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 1) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn who_sleeps_is_woken() {
        let word = AtomicU32::new(0);
        futex_wait(&word, 1, None);
        futex_wait(&word, 0, Some(Duration::from_millis(1)));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                word.store(1, Ordering::SeqCst);
                futex_wake(&word);
            });
            while word.load(Ordering::SeqCst) == 0 {
                futex_wait(&word, 0, Some(Duration::from_secs(20)));
            }
        });
    }
}
