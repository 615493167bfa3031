//! A copy of this process that is its sibling: a child of this process's own parent, who may wait for it.

use nix::errno::Errno;
use std::io;
use std::ptr;

/// Forks a process that has the parent of this one; `None`: this is the new process.
///
/// The system is asked directly, for fork(3) knows no flags. What the C library keeps of the thread that goes on in the copy is
/// renewed as fork(3) does it: its number, and the list of its robust mutexes. Functions that were given to pthread_atfork(3)
/// are not called.
///
/// # Safety
/// This process has one thread, the one that it began with.
pub unsafe fn clone_as_sibling() -> io::Result<Option<u32>> {
    // Where the C library keeps the number of this thread.
    let mut number: *mut libc::c_int = ptr::null_mut();
    // SAFETY: room for an address.
    Errno::result(unsafe { libc::prctl(libc::PR_GET_TID_ADDRESS, &raw mut number) })?;
    let mut flags = libc::CLONE_PARENT | libc::SIGCHLD;
    if !number.is_null() {
        flags |= libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID;
    }
    let (mut robust, mut length) = (ptr::null_mut::<libc::c_void>(), 0usize);
    // SAFETY: room for an address and a length. Without CLONE_VM the copy has memory of its own, in which `number` is the
    // same place; it goes on behind the call with a copy of this stack. No other thread holds anything, says the caller.
    unsafe {
        libc::syscall(libc::SYS_get_robust_list, 0, &raw mut robust, &raw mut length);
        match Errno::result(clone(flags, number))? {
            0 => {
                if !robust.is_null() {
                    libc::syscall(libc::SYS_set_robust_list, robust, length);
                }
                Ok(None)
            }
            pid => Ok(Some(u32::try_from(pid).unwrap_or(0))),
        }
    }
}

/// clone(2), whose arguments have another order on each machine.
///
/// # Safety
/// The copy does nothing that needs a thread or a lock of this process; `number` is where the flags have the system write.
pub(crate) unsafe fn clone(flags: libc::c_int, number: *mut libc::c_int) -> libc::c_long {
    let (stack, none) = (ptr::null_mut::<libc::c_void>(), ptr::null_mut::<libc::c_void>());
    // SAFETY: says the caller; without a stack the copy goes on with this one's.
    unsafe {
        #[cfg(target_arch = "s390x")]
        return libc::syscall(libc::SYS_clone, stack, flags as libc::c_long, none, number, none);
        #[cfg(target_arch = "x86_64")]
        return libc::syscall(libc::SYS_clone, flags as libc::c_long, stack, none, number, none);
        #[cfg(not(any(target_arch = "s390x", target_arch = "x86_64")))]
        return libc::syscall(libc::SYS_clone, flags as libc::c_long, stack, none, none, number);
    }
}
