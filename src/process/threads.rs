//! Threads of this process, and the signals that they take.
#![allow(unsafe_code)]

use std::mem;

/// Stack of a thread that runs Python's start or loads scripts, bytes: what a process's main thread has.
const MAIN_STACK: usize = 8 << 20;

/// Starts a thread with a signal mask.
pub fn spawn(name: &str, mask: &libc::sigset_t, body: impl FnOnce() + Send + 'static) -> Result<(), String> {
    // The thread inherits the mask, so it is never without it.
    let old = set_mask(mask);
    let result = std::thread::Builder::new().name(name.into()).stack_size(MAIN_STACK).spawn(move || {
        crate::apache::guard((), body);
    });
    set_mask(&old);
    result.map(drop).map_err(|e| format!("cannot start a thread: {e}"))
}

/// The set of all signals.
pub fn everything() -> libc::sigset_t {
    // SAFETY: fills a set.
    unsafe {
        let mut set = mem::zeroed();
        libc::sigfillset(&mut set);
        set
    }
}

/// The set of no signals.
pub fn nothing() -> libc::sigset_t {
    // SAFETY: empties a set.
    unsafe {
        let mut set = mem::zeroed();
        libc::sigemptyset(&mut set);
        set
    }
}

/// Sets the calling thread's mask; answers the old one.
pub fn set_mask(set: &libc::sigset_t) -> libc::sigset_t {
    // SAFETY: changes the calling thread's mask; both sets are live.
    unsafe {
        let mut old = mem::zeroed();
        libc::pthread_sigmask(libc::SIG_SETMASK, set, &mut old);
        old
    }
}
