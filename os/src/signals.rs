//! Signals: what a thread blocks, and what a process does at one.

use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};

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
