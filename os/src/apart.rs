//! Processes beside this one, which are forked for a question and end with it.

use nix::errno::Errno;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Forks a process for a piece of work, with which it ends, even by a panic. `child` is told whether it is the first process
/// of a PID namespace, so that the kernel ends all others in it when that one ends. Only root may have such a process made, in
/// many containers not even root; `wall`: it is wanted.
///
/// Of a process with other threads the copy has none of them, and what they held locked stays locked there: work that takes
/// such a lock hangs, so whoever calls this gives it a deadline.
pub fn fork_apart(wall: bool, child: impl FnOnce(bool)) -> io::Result<u32> {
    // glibc keeps its allocator usable in copies that its own fork() makes, whatever other threads do.
    let walled = if wall && has_one_thread() { clone_walled() } else { Err(Errno::EPERM) };
    // SAFETY: takes nothing. What other threads share with this one is locked, so the copy never sees it half changed: it
    // waits.
    let pid = walled.or_else(|_| Errno::result(unsafe { libc::fork() }))?;
    if pid == 0 {
        // What panics is logged where it happens.
        let _ = catch_unwind(AssertUnwindSafe(|| child(walled.is_ok())));
        crate::end(101);
    }
    Ok(pid.unsigned_abs())
}

fn clone_walled() -> nix::Result<libc::pid_t> {
    // SAFETY: a structure of numbers, all the rest zero; without CLONE_VM the child has memory of its own, as behind fork.
    // This process has one thread, so no lock is held.
    let pid = unsafe {
        let mut how: libc::clone_args = mem::zeroed();
        how.flags = libc::CLONE_NEWPID as u64;
        how.exit_signal = libc::SIGCHLD as u64;
        libc::syscall(libc::SYS_clone3, &raw mut how, size_of_val(&how))
    };
    Ok(Errno::result(pid)? as libc::pid_t)
}

/// The calling thread is the only one.
pub fn has_one_thread() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}
