//! A copy of the process that goes on with Python, as behind `os.fork()`.

use super::{Py, extra, ffi, threads};
use std::io;

/// What came of a fork, on either side.
pub enum Forked {
    /// This is the process that was; the new one has this pid.
    Original(u32),
    /// This is the new process.
    Copy,
}

/// Forks a sibling of this process. `place` is done first in the copy, before any function that was registered with
/// `os.register_at_fork()`. An error: there is no copy. On python-main, attached to the only interpreter.
pub fn fork(_: Py<'_>, place: impl FnOnce()) -> io::Result<Forked> {
    // SAFETY: attached, says the token; these three are what os.fork() calls around fork(3), in this order. That this thread is
    // alone is looked at behind the functions of the application that may have started another one. What `place` does may be
    // done in a copy of a process with one thread.
    unsafe {
        ffi::PyOS_BeforeFork();
        let forked = if os::has_one_thread() {
            os::clone_as_sibling()
        } else {
            Err(io::Error::other("a function for os.register_at_fork(before=…) has started a thread"))
        };
        if !matches!(forked, Ok(None)) {
            ffi::PyOS_AfterFork_Parent();
            return Ok(Forked::Original(forked?.unwrap_or(0)));
        }
        place();
        ffi::PyOS_AfterFork_Child();
    }
    extra::renew_slot();
    threads::forget_native_id();
    Ok(Forked::Copy)
}
