//! Signals: what a thread blocks, and what a process does at one.

use crate::event::{Event, wake};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// The process that notes signals.
static PROCESS: AtomicI32 = AtomicI32::new(0);
/// For each signal the event that it wakes; -1: it is not noted.
static WAKES: [AtomicI32; 64] = [const { AtomicI32::new(-1) }; 64];
/// A bit for each signal that has come.
static CAME: AtomicU64 = AtomicU64::new(0);

/// From now on a signal wakes the event, which must last as long as the process, and [`has_come`] tells which it was. A copy
/// that this process forks takes the signal as any process does, unless it notes signals itself.
pub fn note(signal: Signal, event: &Event) {
    let signal = signal as i32;
    let process = std::process::id() as i32;
    if PROCESS.swap(process, Ordering::Relaxed) != process {
        // What has come to the process that this one was forked of did not come here.
        CAME.store(0, Ordering::SeqCst);
    }
    WAKES[signal as usize].store(event.descriptor(), Ordering::Relaxed);
    // SAFETY: a handler that is async-signal-safe, and a live structure, for which zero is a value.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as extern "C" fn(i32) as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}

/// The signal has come since this was asked last.
pub fn has_come(signal: Signal) -> bool {
    let bit = 1 << signal as i32;
    CAME.fetch_and(!bit, Ordering::SeqCst) & bit != 0
}

extern "C" fn on_signal(signal: i32) {
    // SAFETY: only async-signal-safe calls, and errno is put back.
    unsafe {
        let errno = *libc::__errno_location();
        if libc::getpid() != PROCESS.load(Ordering::Relaxed) {
            // A copy that the application forked: the signal does there what it does in any process.
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        } else {
            CAME.fetch_or(1 << signal, Ordering::SeqCst);
            wake(WAKES[signal as usize].load(Ordering::Relaxed));
        }
        *libc::__errno_location() = errno;
    }
}

/// The set of all signals.
pub fn everything() -> SigSet {
    SigSet::all()
}

/// The set of no signals.
pub fn nothing() -> SigSet {
    SigSet::empty()
}

/// Sets the calling thread's mask; answers the old one.
pub fn set_mask(set: &SigSet) -> SigSet {
    let mut old = SigSet::empty();
    let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(set), Some(&mut old));
    old
}

/// The calling thread takes a signal that it may have blocked.
pub fn unblock(signal: Signal) {
    let _ = SigSet::from(signal).thread_unblock();
}

/// Every signal does what it does by default, and none is blocked, as a new process has it: what is ignored or blocked stays so
/// across exec.
pub fn reset() {
    // SAFETY: calls on numbers.
    unsafe {
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
    set_mask(&nothing());
}

/// Whether a signal has its default action: neither handled nor ignored. `None`: there is no such signal.
pub fn is_default(signal: i32) -> Option<bool> {
    // SAFETY: fills a structure of numbers, for which zero is a value.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let known = signal > 0 && libc::sigaction(signal, std::ptr::null(), &mut action) == 0;
        known.then_some(action.sa_sigaction == libc::SIG_DFL)
    }
}
