//! Signals in a child: who gets them, and how they wait for a request.
//!
//! In prefork httpd's handlers of SIGTERM and SIGHUP run the whole end of the child on the thread that serves requests,
//! wherever it stands: in the middle of Python, with the GIL. So they are held back while a request is inside. They are
//! not blocked: programs that an application starts would inherit that and could not be ended. In the threaded MPMs
//! httpd keeps signals away from the threads that serve requests itself.
#![allow(unsafe_code)]

use crate::process::threads::spawn;
use once_cell::sync::OnceCell;
use os::everything;
use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::{mem, ptr};

const HELD: [c_int; 2] = [libc::SIGTERM, libc::SIGHUP];

/// What prefork's child needs to hold signals.
struct Holding {
    process: libc::pid_t,
    /// httpd's actions, in the order of [`HELD`].
    old: [libc::sigaction; 2],
    /// Written to when a signal has to wait.
    wake: c_int,
}

static HOLDING: OnceCell<Holding> = OnceCell::new();
static INSIDE: AtomicBool = AtomicBool::new(false);
static WAITING: AtomicI32 = AtomicI32::new(0);

/// Puts our handlers before httpd's. `stop` runs on a thread of its own when a signal has to wait for a request: it
/// ends Python within its deadline.
pub fn hold_stop_signals(stop: fn()) -> Result<(), String> {
    // SAFETY: reads and replaces actions; the handler's data is set before it can run.
    unsafe {
        let wake = libc::eventfd(0, libc::EFD_CLOEXEC);
        if wake < 0 {
            return Err(std::io::Error::last_os_error().to_string());
        }
        let old = HELD.map(|signal| {
            let mut old: libc::sigaction = mem::zeroed();
            libc::sigaction(signal, ptr::null(), &mut old);
            old
        });
        let _ = HOLDING.set(Holding { process: libc::getpid(), old, wake });
        for signal in HELD {
            let mut new: libc::sigaction = mem::zeroed();
            new.sa_sigaction = on_signal as extern "C" fn(c_int) as usize;
            new.sa_flags = libc::SA_RESTART;
            libc::sigaction(signal, &new, ptr::null_mut());
        }
        spawn("wsgi-stop", &everything(), move || {
            let mut count = [0u8; 8];
            while libc::read(wake, count.as_mut_ptr().cast(), 8) < 0 {}
            stop();
        })
    }
}

/// Runs `body`; a signal that comes meanwhile is acted upon when it is done. A part of a page (SSI) is served while the
/// application of the page waits: the signal waits for both.
pub fn held<T>(body: impl FnOnce() -> T) -> T {
    let Some(holding) = HOLDING.get() else { return body() };
    if INSIDE.swap(true, Ordering::SeqCst) {
        return body();
    }
    let answer = body();
    INSIDE.store(false, Ordering::SeqCst);
    let signal = WAITING.swap(0, Ordering::SeqCst);
    if signal != 0 {
        holding.pass_on(signal);
    }
    answer
}

impl Holding {
    /// Runs httpd's own reaction to the signal, which ends the process.
    fn pass_on(&self, signal: c_int) {
        let Some(at) = HELD.iter().position(|held| *held == signal) else { return };
        let action = self.old[at].sa_sigaction;
        // SAFETY: httpd's handler of this signal, a function of one number; or one of the two constants.
        unsafe {
            match action {
                libc::SIG_IGN => {}
                libc::SIG_DFL => libc::_exit(0),
                handler => mem::transmute::<usize, extern "C" fn(c_int)>(handler)(signal),
            }
        }
    }
}

extern "C" fn on_signal(signal: c_int) {
    let Some(holding) = HOLDING.get() else { return };
    // SAFETY: only async-signal-safe calls, and errno is put back.
    unsafe {
        let errno = *libc::__errno_location();
        if libc::getpid() != holding.process {
            // A copy that the application forked: it ends as any process does.
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        } else if libc::syscall(libc::SYS_gettid) as libc::pid_t != holding.process {
            // Python's thread got it: the one that serves requests is meant.
            libc::syscall(libc::SYS_tgkill, holding.process, holding.process, signal);
        } else if INSIDE.load(Ordering::SeqCst) {
            WAITING.store(signal, Ordering::SeqCst);
            let one = 1u64.to_ne_bytes();
            libc::write(holding.wake, one.as_ptr().cast(), one.len());
        } else {
            holding.pass_on(signal);
        }
        *libc::__errno_location() = errno;
    }
}

/// httpd has asked this child to end, and the signal waits because child-init runs with signals blocked.
pub fn stop_is_pending() -> bool {
    // SAFETY: reads the set of pending signals.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigpending(&mut set) == 0 && libc::sigismember(&set, libc::SIGTERM) == 1
    }
}

/// Python made SIGINT its own when it started; it is put back to what it was.
pub struct Interrupt(libc::sigaction);

impl Interrupt {
    /// Notes what SIGINT does.
    pub fn save() -> Self {
        // SAFETY: reads the action.
        unsafe {
            let mut old: libc::sigaction = mem::zeroed();
            libc::sigaction(libc::SIGINT, ptr::null(), &mut old);
            Self(old)
        }
    }

    /// Restores the saved handler.
    pub fn restore(&self) {
        // SAFETY: an action that was read from the system.
        unsafe { libc::sigaction(libc::SIGINT, &self.0, ptr::null_mut()) };
    }
}

/// SIGUSR2 does nothing, until Python's part of this process reports at it: a child without Python must not end of it.
pub fn ignore_report_signal() {
    extern "C" fn nothing(_: c_int) {}
    // SAFETY: a handler that does nothing. A handler, not SIG_IGN, which programs started from here would inherit.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGUSR2, &action, ptr::null_mut());
    }
}
