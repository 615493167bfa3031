//! Copies of this process that applications fork, and the signal that asks for a report.
#![allow(unsafe_code)]

use crate::{admission, python};
#[cfg(test)]
use os::LockFile;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A copy of this process, which locks a whole file until it is dropped.
#[cfg(test)]
pub struct Holder(libc::pid_t);

#[cfg(test)]
impl Holder {
    /// Of this file.
    pub fn of(file: &LockFile) -> Self {
        let mut pipe = [0; 2];
        // SAFETY: the copy makes system calls only, on live structures, and ends.
        unsafe {
            assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
            let pid = libc::fork();
            if pid == 0 {
                let mut lock: libc::flock = std::mem::zeroed();
                lock.l_type = libc::F_WRLCK as libc::c_short;
                libc::fcntl(file.descriptor(), libc::F_SETLK, &lock);
                libc::write(pipe[1], c"x".as_ptr().cast(), 1);
                loop {
                    libc::pause();
                }
            }
            let mut byte = 0u8;
            libc::read(pipe[0], (&raw mut byte).cast(), 1);
            libc::close(pipe[0]);
            libc::close(pipe[1]);
            Self(pid)
        }
    }
}

#[cfg(test)]
impl Drop for Holder {
    fn drop(&mut self) {
        // SAFETY: a child of this process that was not reaped.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, std::ptr::null_mut(), 0);
        }
    }
}

/// The file that the other side has opened in this process for its start registry.
pub fn shared_file(fd: i32) -> os::LockFile {
    // SAFETY: the settings name a descriptor that was opened for this, and it is taken once, when Python starts.
    os::LockFile::of(unsafe { os::inherited(fd) })
}

static COPY: AtomicBool = AtomicBool::new(false);

/// Has [`is_copy`] know of forks.
///
/// With `unblock`, a copy of this process takes signals as any process does. Threads of httpd block nearly all of them, and
/// what httpd does at SIGTERM is nothing or the end of a child: neither the copy nor a program that it becomes could be
/// ended by it. What Python does at a signal stays.
pub fn watch_forks(unblock: bool) {
    extern "C" fn in_copy() {
        COPY.store(true, Ordering::SeqCst);
        python::end_short_turns();
        // The thread that forked may have been kept on one processor; system calls only.
        admission::free(0);
    }
    extern "C" fn in_copy_of_httpd() {
        in_copy();
        let python = PYTHON[0].load(Ordering::Relaxed)..PYTHON[1].load(Ordering::Relaxed);
        // SAFETY: structures made here; all functions are async-signal-safe, and no other thread is in the copy.
        unsafe {
            for signal in HTTPD {
                let mut action: libc::sigaction = std::mem::zeroed();
                let known = libc::sigaction(signal, std::ptr::null(), &mut action) == 0;
                if known && action.sa_sigaction != libc::SIG_IGN && !python.contains(&action.sa_sigaction) {
                    libc::signal(signal, libc::SIG_DFL);
                }
            }
            let mut none = std::mem::zeroed();
            libc::sigemptyset(&mut none);
            libc::pthread_sigmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
        }
    }
    // Until the copy is ready for them signals wait, and none is lost to a handler of httpd's.
    extern "C" fn before() {
        // SAFETY: a set made here; the function is async-signal-safe.
        unsafe {
            let (mut all, mut old) = (std::mem::zeroed(), std::mem::zeroed());
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut old);
            BEFORE_FORK.set(Some(old));
        }
    }
    extern "C" fn in_original() {
        if let Some(old) = BEFORE_FORK.take() {
            // SAFETY: the set that `before` has got of the system.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &old, std::ptr::null_mut()) };
        }
    }
    let python = python::code();
    PYTHON[0].store(python.start, Ordering::Relaxed);
    PYTHON[1].store(python.end, Ordering::Relaxed);
    // SAFETY: static functions that are async-signal-safe.
    unsafe {
        if unblock {
            libc::pthread_atfork(Some(before), Some(in_original), Some(in_copy_of_httpd));
        } else {
            libc::pthread_atfork(None, None, Some(in_copy));
        }
    }
}

thread_local! {
    /// The signals that a thread blocks which forks just now.
    static BEFORE_FORK: Cell<Option<libc::sigset_t>> = const { Cell::new(None) };
}

/// Signals that httpd handles in its children.
const HTTPD: [libc::c_int; 5] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1, libc::SIGWINCH];
/// Where Python's code begins and ends.
static PYTHON: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

/// This process was forked of one that called [`watch_forks`].
pub fn is_copy() -> bool {
    COPY.load(Ordering::Relaxed)
}

/// The signal that asks for a report.
const SIGNAL: os::Signal = os::Signal::SIGUSR2;
/// SIGUSR2 wakes `wake`, and [`report_is_asked_for`] answers true once. On the thread that sleeps on it, which takes
/// the signal: others of the process may have it blocked.
pub fn report_at_signal(wake: &os::Event) {
    os::note(SIGNAL, wake);
    os::unblock(SIGNAL);
}

/// The signal has come since this was asked last.
pub fn report_is_asked_for() -> bool {
    os::has_come(SIGNAL)
}
