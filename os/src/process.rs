//! Processes: forked, known by descriptors, ended, reaped.

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{self, SigHandler, Signal};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, getppid, setsid};
use std::ffi::CStr;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

fn number(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX))
}

/// A process, known by a descriptor that can be read when it has ended.
pub fn process(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: answers a new descriptor or -1.
    unsafe {
        let fd = Errno::result(libc::syscall(libc::SYS_pidfd_open, pid, 0))?;
        Ok(OwnedFd::from_raw_fd(fd as RawFd))
    }
}

/// Bytes that nobody can guess.
pub fn random() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    // SAFETY: live room for that many. So few come whole, and once the system has gathered enough (getrandom(2)).
    let count = Errno::result(unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) })?;
    if count == bytes.len() as isize { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// How a child process ended: wait status, and the most memory it had, KiB.
pub fn reap(pid: u32) -> Option<(i32, i64)> {
    let mut status = 0;
    // SAFETY: live structures.
    unsafe {
        let mut usage: libc::rusage = mem::zeroed();
        let ended = libc::wait4(pid as libc::pid_t, &mut status, libc::WNOHANG, &mut usage);
        (ended == pid as libc::pid_t).then_some((status, usage.ru_maxrss as i64))
    }
}

/// A process of this number is a child of this one, which has not reaped it: so the number is its own.
pub fn is_child(pid: u32) -> bool {
    // One that runs is one as well.
    let options = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    waitid(Id::Pid(number(pid)), options).is_ok()
}

/// Reaps children that have ended and that nobody knows, as far as they stand before those that somebody does.
pub fn reap_strangers(is_known: impl Fn(u32) -> bool) {
    let options = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Ok(status) = waitid(Id::All, options) {
        match status.pid().map(|pid| pid.as_raw().unsigned_abs()) {
            Some(pid) if !is_known(pid) && reap(pid).is_some() => {}
            _ => return,
        }
    }
}

/// This process leads a session of its own from now on.
pub fn lead_session() {
    let _ = setsid();
}

/// A process of this number is there.
pub fn is_alive(pid: u32) -> bool {
    matches!(signal::kill(number(pid), None), Ok(()) | Err(Errno::EPERM))
}

/// The uid that a process runs as. `None`: there is no process with this pid.
pub fn user_of(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Sends a signal to a child that was not reaped, so its number is its own.
pub fn signal(pid: u32, signal: Signal) {
    let _ = signal::kill(number(pid), signal);
}

/// Ends a child at once. It was not reaped, so its number is its own.
pub fn kill(pid: u32) {
    signal(pid, Signal::SIGKILL);
}

/// Ends the process that a descriptor stands for, at once; false: it has ended.
pub fn kill_exactly(process: &OwnedFd) -> bool {
    let none: *const libc::siginfo_t = std::ptr::null();
    // SAFETY: takes numbers, and no further information.
    unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), libc::SIGKILL, none, 0) == 0 }
}

/// Sends a signal to a thread of this process, by the thread's number.
pub fn signal_thread(thread: i32, signal: i32) {
    // SAFETY: takes numbers.
    unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), thread, signal) };
}

/// Closes, in this process only, a descriptor that the parent keeps for its lifetime.
pub fn close(fd: RawFd) {
    let _ = nix::unistd::close(fd);
}

/// A descriptor that is not to be open in programs that this process starts.
pub fn close_on_exec(fd: RawFd) {
    // SAFETY: sets a flag; a number that is none is an error that means nothing.
    unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
}

/// A descriptor that somebody else has left in this process for us alone, from now on closed in programs that it starts.
///
/// # Safety
/// `fd` is open, and nobody else in this process uses or closes it.
pub unsafe fn inherited(fd: RawFd) -> OwnedFd {
    // SAFETY: says the caller.
    let owned = unsafe { OwnedFd::from_raw_fd(fd) };
    close_on_exec(fd);
    owned
}

/// The table of descriptors becomes this thread's own, for as long as it lives.
pub fn keep_descriptors_apart() -> io::Result<()> {
    Ok(unshare(CloneFlags::CLONE_FILES)?)
}

/// Descriptors go to their places, those below `end`; all from `end` on are closed.
pub fn place_descriptors(places: &[(RawFd, RawFd)], end: RawFd) -> io::Result<()> {
    const OUT_OF_THE_WAY: RawFd = 64;
    // SAFETY: calls on numbers, about descriptors that the caller gives away.
    unsafe {
        let mut moved = Vec::new();
        for (from, to) in places {
            moved.push((Errno::result(libc::fcntl(*from, libc::F_DUPFD_CLOEXEC, OUT_OF_THE_WAY))?, *to));
        }
        for (from, to) in moved {
            Errno::result(libc::dup2(from, to))?;
        }
        if libc::syscall(libc::SYS_close_range, end, u32::MAX, 0) != 0 {
            // A kernel before 5.9.
            let most = libc::sysconf(libc::_SC_OPEN_MAX).clamp(1024, 1 << 20);
            for fd in end..most as RawFd {
                libc::close(fd);
            }
        }
    }
    Ok(())
}

/// A file takes the place of what has this number; it is closed in programs that this process starts, unless it is one of the
/// first three, which they inherit.
///
/// # Safety
/// Nobody in this process relies on what had the number before.
pub unsafe fn put_in_place(file: OwnedFd, number: RawFd) -> io::Result<()> {
    if file.as_raw_fd() == number {
        std::mem::forget(file);
        return Ok(());
    }
    // SAFETY: says the caller.
    Errno::result(unsafe {
        libc::dup3(file.as_raw_fd(), number, if number > 2 { libc::O_CLOEXEC } else { 0 })
    })?;
    Ok(())
}

/// A limit of this process (setrlimit(2)); `hard` where it may be raised up to that.
pub fn limit(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    Ok(setrlimit(resource, soft, hard)?)
}

/// Lowers a limit of this process for good; one that is lower stays.
pub fn lower_limit(resource: Resource, most: u64) -> io::Result<()> {
    let (_, hard) = getrlimit(resource)?;
    let most = hard.min(most);
    limit(resource, most, most)
}

/// Forks; `child` is what the new process does, which ends with it, even by a panic: nothing of it may come back to where
/// its parent goes on.
///
/// # Safety
/// This process has one thread, so the new one may do whatever this one may.
pub unsafe fn fork(child: impl FnOnce()) -> io::Result<u32> {
    // SAFETY: says the caller.
    match unsafe { nix::unistd::fork()? } {
        ForkResult::Parent { child } => Ok(child.as_raw().unsigned_abs()),
        ForkResult::Child => {
            // What panics is logged where it happens.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
            end(101)
        }
    }
}

/// Reaps any child that has ended; whether one had. `None`: there are no children.
pub fn reap_any() -> Option<bool> {
    match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::StillAlive) => Some(false),
        Ok(_) | Err(Errno::EINTR) => Some(true),
        Err(_) => None,
    }
}

/// Ends all processes of the own process group at once, this one too.
pub fn kill_own_group() {
    let _ = signal::kill(Pid::from_raw(0), Signal::SIGKILL);
}

/// This process becomes a supervisor: a session of its own, and signals as a process has them, but for those that are
/// meant for httpd.
pub fn become_supervisor() {
    let _ = setsid();
    for signal in Signal::iterator().filter(|signal| !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP)) {
        let handler = match signal {
            Signal::SIGPIPE | Signal::SIGHUP | Signal::SIGUSR1 | Signal::SIGUSR2 | Signal::SIGWINCH => {
                SigHandler::SigIgn
            }
            _ => SigHandler::SigDfl,
        };
        // SAFETY: neither of the two is a function.
        let _ = unsafe { signal::signal(signal, handler) };
    }
    crate::set_mask(&crate::nothing());
}

/// Sets the locale of this process, which has one thread; false: the system does not know it.
pub fn set_locale(name: &CStr) -> bool {
    // SAFETY: a C string.
    unsafe { !libc::setlocale(libc::LC_ALL, name.as_ptr()).is_null() }
}

/// Ends this process without the exit handlers of the program whose copy it is.
pub fn end(status: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(status) }
}

/// The process that this one was forked from.
pub fn parent() -> u32 {
    getppid().as_raw().unsigned_abs()
}
