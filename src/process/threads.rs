//! Threads of this process, and the signals that they take.

use os::SigSet;

/// Stack of a thread that runs Python's start or loads scripts, bytes: what a process's main thread has.
const MAIN_STACK: usize = 8 << 20;

/// Starts a thread with a signal mask.
pub fn spawn(name: &str, mask: &SigSet, body: impl FnOnce() + Send + 'static) -> Result<(), String> {
    // The thread inherits the mask, so it is never without it.
    let old = os::set_mask(mask);
    let result = std::thread::Builder::new().name(name.into()).stack_size(MAIN_STACK).spawn(move || {
        crate::apache::guard((), body);
    });
    os::set_mask(&old);
    result.map(drop).map_err(|e| format!("cannot start a thread: {e}"))
}
