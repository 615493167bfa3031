//! What starting needs of the operating system: locks of processes, a file in memory, wake-ups, and a signal.
#![allow(unsafe_code)]

use crate::python;
use std::cell::Cell;
use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::time::Duration;

/// Microseconds of the clock that all processes of the machine share and nobody sets.
pub fn now() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: fills the structure.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec * 1_000_000 + time.tv_nsec / 1000
}

/// A file in memory, with locks on its bytes.
///
/// The locks are POSIX record locks (fcntl(2)): they belong to the process, so the system frees them when it ends,
/// however it ends, and processes it forked do not have them. Two threads of one process do not exclude each other.
pub struct LockFile(File);

impl LockFile {
    /// The file behind a descriptor that the parent process made. It is never closed: closing any descriptor of a file
    /// frees the locks of the process.
    pub fn of(fd: RawFd) -> Self {
        // SAFETY: the parent made the descriptor for us, and nothing else uses or closes it.
        Self(unsafe { File::from_raw_fd(fd) })
    }

    /// A new one, empty.
    pub fn new(name: &std::ffi::CStr) -> io::Result<Self> {
        // SAFETY: a C string; the answer is a new descriptor or -1.
        let fd = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self::of(fd))
    }

    /// What is written to its descriptor goes to its end, wherever that is by then.
    pub fn appending(self) -> Self {
        // SAFETY: sets a flag of an open descriptor.
        unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_SETFL, libc::O_APPEND) };
        self
    }

    /// Its descriptor, for who writes to it by himself.
    pub fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Up to `len` bytes at an offset; none behind the end.
    pub fn read(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let count = self.0.read_at(&mut bytes, offset).unwrap_or(0);
        bytes.truncate(count);
        bytes
    }

    /// Writes at an offset.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    /// Empties it.
    pub fn clear(&self) {
        let _ = self.0.set_len(0);
    }

    fn fcntl(&self, command: libc::c_int, kind: libc::c_int, byte: i64) -> Option<libc::flock> {
        // SAFETY: a structure of numbers, for which zero is a value.
        let mut lock: libc::flock = unsafe { mem::zeroed() };
        lock.l_type = kind as libc::c_short;
        lock.l_whence = libc::SEEK_SET as libc::c_short;
        lock.l_start = byte;
        lock.l_len = 1;
        loop {
            // SAFETY: an open descriptor and a live structure.
            if unsafe { libc::fcntl(self.0.as_raw_fd(), command, &mut lock) } == 0 {
                return Some(lock);
            }
            if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return None;
            }
        }
    }

    /// Locks a byte if no other process has it.
    pub fn try_lock(&self, byte: i64) -> bool {
        self.fcntl(libc::F_SETLK, libc::F_WRLCK, byte).is_some()
    }

    /// Locks a byte; false: another process has had it at so many looks, with 2 ms between them. They are counted, not
    /// timed: where the machine is busy, whoever has the lock may need as long for what it does as this thread for a look.
    pub fn lock(&self, byte: i64, looks: u32) -> bool {
        const SHORTEST: Duration = Duration::from_micros(50);
        const LONGEST: Duration = Duration::from_millis(2);
        let mut pause = SHORTEST;
        for look in 1.. {
            if self.try_lock(byte) {
                return true;
            }
            if look >= looks {
                break;
            }
            std::thread::sleep(pause);
            pause = LONGEST.min(2 * pause);
        }
        false
    }

    /// Which other process has the lock of a byte.
    pub fn holder(&self, byte: i64) -> Option<u32> {
        let lock = self.fcntl(libc::F_GETLK, libc::F_WRLCK, byte)?;
        (lock.l_type != libc::F_UNLCK as libc::c_short).then(|| lock.l_pid.try_into().ok())?
    }

    /// Unlocks a byte.
    pub fn unlock(&self, byte: i64) {
        self.fcntl(libc::F_SETLK, libc::F_UNLCK, byte);
    }
}

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

/// Something a thread sleeps on, that others and signal handlers wake.
pub struct Wake(RawFd);

impl Wake {
    /// A new one.
    pub fn new() -> io::Result<Self> {
        // SAFETY: answers a new descriptor or -1.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(Self(fd)) }
    }

    /// Wakes the sleeper, or keeps the next one from sleeping. Async-signal-safe.
    pub fn wake(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight live bytes.
        unsafe { libc::write(self.0, one.as_ptr().cast(), one.len()) };
    }

    /// Sleeps until it is woken, or for that long.
    pub fn sleep(&self, most: Duration) {
        let mut poll = libc::pollfd { fd: self.0, events: libc::POLLIN, revents: 0 };
        let mut count = [0u8; 8];
        // SAFETY: one live structure, then eight live bytes.
        unsafe {
            libc::poll(&mut poll, 1, i32::try_from(most.as_millis()).unwrap_or(i32::MAX));
            libc::read(self.0, count.as_mut_ptr().cast(), count.len());
        }
    }
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

/// Nobody handles the signal, nor is it ignored: it does what it does by default. `None`: there is no such signal.
pub fn is_default(signal: i32) -> Option<bool> {
    // SAFETY: fills a structure of numbers, for which zero is a value.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        let known = signal > 0 && libc::sigaction(signal, std::ptr::null(), &mut action) == 0;
        known.then_some(action.sa_sigaction == libc::SIG_DFL)
    }
}

/// Ends this process at once.
pub fn end_process(status: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(status) }
}

/// The signal that asks for a report.
const SIGNAL: libc::c_int = libc::SIGUSR2;
static PROCESS: AtomicI32 = AtomicI32::new(0);
static WAKE: AtomicI32 = AtomicI32::new(-1);
static ASKED: AtomicBool = AtomicBool::new(false);

extern "C" fn on_signal(signal: libc::c_int) {
    // SAFETY: only async-signal-safe calls, and errno is put back.
    unsafe {
        let errno = *libc::__errno_location();
        if libc::getpid() != PROCESS.load(Ordering::Relaxed) {
            // A copy that the application forked: the signal does there what it does in any process.
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        } else {
            ASKED.store(true, Ordering::SeqCst);
            let one = 1u64.to_ne_bytes();
            libc::write(WAKE.load(Ordering::Relaxed), one.as_ptr().cast(), one.len());
        }
        *libc::__errno_location() = errno;
    }
}

/// SIGUSR2 wakes `wake`, and [`report_is_asked_for`] answers true once. On the thread that sleeps on it, which takes
/// the signal: others of the process may have it blocked.
pub fn report_at_signal(wake: &Wake) {
    PROCESS.store(std::process::id() as i32, Ordering::Relaxed);
    WAKE.store(wake.0, Ordering::Relaxed);
    // SAFETY: a handler that is async-signal-safe, and live structures.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(SIGNAL, &action, std::ptr::null_mut());
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, SIGNAL);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, std::ptr::null_mut());
    }
}

/// The signal has come since this was asked last.
pub fn report_is_asked_for() -> bool {
    ASKED.swap(false, Ordering::SeqCst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_memory_keeps_what_is_written() {
        let file = LockFile::new(c"test").unwrap();
        assert_eq!(file.read(0, 10), b"");
        file.write(5, b"abc").unwrap();
        assert_eq!(file.read(4, 10), b"\0abc");
        assert!(file.try_lock(3) && file.try_lock(3), "a process does not exclude itself");
        file.unlock(3);
    }

    #[test]
    fn whoever_is_woken_first_does_not_sleep() {
        let wake = Wake::new().unwrap();
        wake.wake();
        let begun = now();
        wake.sleep(Duration::from_secs(20));
        assert!(now() - begun < 10_000_000);
    }
}
