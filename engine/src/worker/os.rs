//! What a worker needs of the operating system: its sockets, its epoll, signals, shared memory and its title.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io::{self, IoSlice};
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::time::Duration;
use wire::ring::Ring;
use wire::scoreboard::{Scoreboard, WorkerSlot};

fn checked(answer: libc::c_int) -> io::Result<libc::c_int> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

fn counted(answer: isize) -> io::Result<usize> {
    usize::try_from(answer).map_err(|_| io::Error::last_os_error())
}

/// A descriptor that the supervisor left here for us alone, from now on closed in programs that the application starts.
pub fn inherited(fd: RawFd) -> OwnedFd {
    keep(fd);
    // SAFETY: the supervisor opened the descriptors with fixed numbers for this process, and each is taken once.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// All bytes of a file in memory.
pub fn whole(file: &OwnedFd) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::from(file.try_clone()?);
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// The scoreboard of the group, mapped for as long as the process lives.
pub fn scoreboard(fd: &OwnedFd) -> io::Result<(&'static Scoreboard, &'static [WorkerSlot])> {
    let file = std::fs::File::from(fd.try_clone()?);
    let len = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    if len < Scoreboard::size(1) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // SAFETY: it is mapped for good, as long as the file, and made of atomics, of which any bytes are values.
    unsafe {
        let scoreboard: &'static Scoreboard = &*mapped(fd, len)?.cast();
        Ok((scoreboard, scoreboard.slots(Scoreboard::slots_in(len))))
    }
}

/// What is said to the supervisor, mapped for as long as the process lives.
pub fn ring(fd: &OwnedFd) -> io::Result<&'static Ring> {
    let file = std::fs::File::from(fd.try_clone()?);
    if file.metadata()?.len() != size_of::<Ring>() as u64 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // SAFETY: it is mapped for good, as long as the file, and made of atomics, of which any bytes are values.
    Ok(unsafe { &*mapped(fd, size_of::<Ring>())?.cast() })
}

/// A file in memory that is sealed against shrinking, mapped for as long as the process lives.
fn mapped(fd: &OwnedFd, len: usize) -> io::Result<*mut c_void> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping, which is never taken away.
    let start = unsafe { libc::mmap(ptr::null_mut(), len, access, libc::MAP_SHARED, fd.as_raw_fd(), 0) };
    if start == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(start) }
}

/// Receives up to `into.len()` bytes; 0: the other side has closed. Blocks.
pub fn receive(fd: RawFd, into: &mut [u8]) -> io::Result<usize> {
    loop {
        // SAFETY: a live buffer.
        let count = counted(unsafe { libc::recv(fd, into.as_mut_ptr().cast(), into.len(), 0) });
        match count {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Sends some of what there is, with a descriptor beside its first byte or without. `wait`: blocks until there is room.
pub fn send(fd: RawFd, pieces: &[IoSlice<'_>], file: Option<RawFd>, wait: bool) -> io::Result<usize> {
    const SPACE: usize = 64;
    #[repr(align(8))]
    struct Control([u8; SPACE]);
    let mut control = Control([0; SPACE]);
    // SAFETY: structures of numbers and pointers, for which zero is a value; what they point at lives during the call,
    // and the control buffer has room for one descriptor.
    unsafe {
        let mut message: libc::msghdr = mem::zeroed();
        message.msg_iov = pieces.as_ptr().cast_mut().cast();
        message.msg_iovlen = pieces.len().min(64) as _;
        if let Some(file) = file {
            message.msg_control = control.0.as_mut_ptr().cast();
            message.msg_controllen = libc::CMSG_SPACE(size_of::<RawFd>() as u32) as _;
            let header = libc::CMSG_FIRSTHDR(&message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(size_of::<RawFd>() as u32) as _;
            libc::CMSG_DATA(header).cast::<RawFd>().write_unaligned(file);
        }
        let flags = libc::MSG_NOSIGNAL | if wait { 0 } else { libc::MSG_DONTWAIT };
        loop {
            match counted(libc::sendmsg(fd, &message, flags)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

/// A connection that waits at the listening socket, and the user id at its other end. Does not wait for one.
pub fn accept(listener: RawFd) -> io::Result<(OwnedFd, u32)> {
    // SAFETY: makes a new descriptor of ours; the structure is filled by the call.
    unsafe {
        let fd = checked(libc::accept4(listener, ptr::null_mut(), ptr::null_mut(), libc::SOCK_CLOEXEC))?;
        let connection = OwnedFd::from_raw_fd(fd);
        let mut peer: libc::ucred = mem::zeroed();
        let mut len = size_of::<libc::ucred>() as libc::socklen_t;
        let peer_at = (&raw mut peer).cast::<c_void>();
        checked(libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, peer_at, &mut len))?;
        Ok((connection, peer.uid))
    }
}

/// Sets the size of a socket's buffer; 0 leaves it.
pub fn set_buffer(fd: RawFd, option: libc::c_int, size: u32) {
    if size > 0 {
        let size = i32::try_from(size).unwrap_or(i32::MAX);
        // SAFETY: a live number.
        unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, option, (&raw const size).cast(), 4) };
    }
}

/// Makes waiting for a connection impossible: whoever waits for one does it in epoll.
pub fn set_nonblocking(fd: RawFd) {
    // SAFETY: sets a flag.
    unsafe { libc::fcntl(fd, libc::F_SETFL, libc::fcntl(fd, libc::F_GETFL) | libc::O_NONBLOCK) };
}

/// Descriptors that threads wait for together.
pub struct Epoll(OwnedFd);

impl Epoll {
    /// One with nothing in it.
    pub fn new() -> io::Result<Self> {
        // SAFETY: a new descriptor.
        unsafe { Ok(Self(OwnedFd::from_raw_fd(checked(libc::epoll_create1(libc::EPOLL_CLOEXEC))?))) }
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    fn control(&self, what: libc::c_int, fd: RawFd, events: libc::c_int, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events as u32, u64: token };
        // SAFETY: a live structure.
        checked(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), what, fd, &mut event) }).map(drop)
    }

    /// Threads are told as long as there is something. (With EPOLLEXCLUSIVE one process alone would be told, and it may be
    /// about to end.)
    pub fn add(&self, fd: RawFd, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN, token)
    }

    /// One thread is told, once. `known`: it was told before.
    pub fn add_once(&self, fd: RawFd, token: u64, known: bool) -> io::Result<()> {
        let what = if known { libc::EPOLL_CTL_MOD } else { libc::EPOLL_CTL_ADD };
        self.control(what, fd, libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLONESHOT, token)
    }

    /// Nobody is told any more.
    pub fn remove(&self, fd: RawFd) {
        let _ = self.control(libc::EPOLL_CTL_DEL, fd, 0, 0);
    }

    /// Waits for one of them.
    pub fn wait(&self) -> Option<u64> {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: a live structure.
        let count = unsafe { libc::epoll_wait(self.0.as_raw_fd(), &mut event, 1, -1) };
        (count == 1).then_some(event.u64)
    }
}

/// Waits until one of the descriptors can be read, or for that long; answers which can.
pub fn poll<const N: usize>(fds: [Option<BorrowedFd<'_>>; N], most: Duration) -> [bool; N] {
    let mut polls = fds.map(|fd| libc::pollfd {
        fd: fd.map_or(-1, |fd| fd.as_raw_fd()),
        events: libc::POLLIN,
        revents: 0,
    });
    let timeout = i32::try_from(most.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: a live array.
    unsafe { libc::poll(polls.as_mut_ptr(), N as _, timeout) };
    polls.map(|poll| poll.revents != 0)
}

static PROCESS: AtomicI32 = AtomicI32::new(0);
static EVENT: AtomicI32 = AtomicI32::new(-1);
static SIGNALS: AtomicU32 = AtomicU32::new(0);

extern "C" fn on_signal(signal: libc::c_int) {
    // SAFETY: only async-signal-safe calls, and errno is put back.
    unsafe {
        let errno = *libc::__errno_location();
        if libc::getpid() != PROCESS.load(Ordering::Relaxed) {
            // A copy that the application forked: the signal does there what it does in any process.
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        } else {
            SIGNALS.fetch_or(1 << signal, Ordering::SeqCst);
            let one = 1u64.to_ne_bytes();
            libc::write(EVENT.load(Ordering::Relaxed), one.as_ptr().cast(), one.len());
        }
        *libc::__errno_location() = errno;
    }
}

/// Has these signals written down; the descriptor can be read when one has come.
pub fn catch_signals(signals: &[libc::c_int]) -> io::Result<OwnedFd> {
    // SAFETY: a handler that is async-signal-safe, and live structures.
    unsafe {
        let event = wake_descriptor()?;
        PROCESS.store(std::process::id() as i32, Ordering::Relaxed);
        EVENT.store(event.as_raw_fd(), Ordering::Relaxed);
        for signal in signals {
            let mut action: libc::sigaction = mem::zeroed();
            action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as usize;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(*signal, &action, ptr::null_mut());
        }
        Ok(event)
    }
}

/// The signals that have come since this was asked last.
pub fn signals(event: &OwnedFd, all: &[libc::c_int]) -> Vec<libc::c_int> {
    let mut count = [0u8; 8];
    // SAFETY: eight live bytes.
    unsafe { libc::read(event.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    let bits = SIGNALS.swap(0, Ordering::SeqCst);
    all.iter().copied().filter(|signal| bits & (1 << signal) != 0).collect()
}

/// Has a thread that waits in an epoll woken.
pub fn wake_descriptor() -> io::Result<OwnedFd> {
    // SAFETY: a new descriptor.
    unsafe { Ok(OwnedFd::from_raw_fd(checked(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?)) }
}

/// From now on it can be read.
pub fn wake(event: &OwnedFd) {
    let one = 1u64.to_ne_bytes();
    // SAFETY: eight live bytes.
    unsafe { libc::write(event.as_raw_fd(), one.as_ptr().cast(), one.len()) };
}

/// In a copy of this process that the application forks, none of our descriptors stays open: it must not keep a
/// client's connection, or the group's socket.
pub fn close_in_copies() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    extern "C" fn in_copy() {
        for (index, word) in OPEN.iter().enumerate() {
            let mut bits = word.load(Ordering::Relaxed);
            while bits != 0 {
                let fd = index as i32 * 32 + bits.trailing_zeros() as i32;
                // SAFETY: a descriptor of ours, which nobody uses in the copy.
                unsafe { libc::close(fd) };
                bits &= bits - 1;
            }
        }
    }
    // SAFETY: a static function that makes async-signal-safe calls alone.
    ONCE.call_once(|| unsafe {
        libc::pthread_atfork(None, None, Some(in_copy));
    });
}

/// Bits of our descriptors.
static OPEN: [AtomicU32; 2048] = [const { AtomicU32::new(0) }; 2048];

/// A descriptor is ours, or no longer.
pub fn watch_descriptor(fd: RawFd, ours: bool) {
    let Ok(fd) = usize::try_from(fd) else { return };
    let Some(word) = OPEN.get(fd / 32) else { return };
    if ours {
        word.fetch_or(1 << (fd % 32), Ordering::Relaxed);
    } else {
        word.fetch_and(!(1 << (fd % 32)), Ordering::Relaxed);
    }
}

/// Shows `title`, if there is one, where `ps` shows the command line, cut to that line's length.
pub fn set_title(title: &[u8]) {
    if title.is_empty() {
        return;
    }
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return };
    // Fields behind the name, which may hold anything but ends at the last parenthesis (proc(5): 48 and 49 of all).
    let Some((_, fields)) = stat.rsplit_once(')') else { return };
    let field = |number: usize| fields.split_whitespace().nth(number - 3)?.parse::<usize>().ok();
    let (Some(start), Some(end)) = (field(48), field(49)) else { return };
    if start == 0 || end <= start {
        return;
    }
    let len = title.len().min(end - start - 1);
    // SAFETY: the system says that the arguments of this process stand there, which Python has copied; nobody else reads
    // them.
    unsafe {
        ptr::write_bytes(start as *mut u8, 0, end - start);
        ptr::copy_nonoverlapping(title.as_ptr(), start as *mut u8, len);
    }
}

/// Ends the process.
pub fn end_process(status: i32, in_order: bool) -> ! {
    // SAFETY: ends the process; in order only when no thread of an application is left.
    unsafe {
        if in_order {
            libc::exit(status);
        }
        libc::_exit(status)
    }
}

/// Writes to the error log, in the form of httpd's lines, when nobody takes ours.
pub fn write_stderr(level: wire::Level, line: &[u8]) {
    let mut date = [0u8; 64];
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    // SAFETY: live structures and room for the text.
    let len = unsafe {
        let seconds = now.as_secs() as libc::time_t;
        let mut time: libc::tm = mem::zeroed();
        libc::localtime_r(&seconds, &mut time);
        libc::strftime(date.as_mut_ptr().cast(), date.len(), c"%a %b %d %H:%M:%S.@ %Y".as_ptr(), &time)
    };
    let date = String::from_utf8_lossy(&date[..len]).replace('@', &format!("{:06}", now.subsec_micros()));
    let level = match level {
        wire::Level::Alert => "alert",
        wire::Level::Critical => "crit",
        wire::Level::Error => "error",
        wire::Level::Warning => "warn",
        wire::Level::Notice => "notice",
        wire::Level::Info => "info",
        wire::Level::Debug => "debug",
        wire::Level::Trace1 => "trace1",
    };
    let head = format!("[{date}] [wsgi:{level}] [pid {}] ", std::process::id());
    let text = [head.as_bytes(), line, b"\n"].concat();
    // SAFETY: live bytes.
    unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
}

/// Python's handler for SIGTERM runs on the main thread, which is woken from whatever it waits for.
pub fn interrupt_main_thread() {
    let process = std::process::id() as libc::pid_t;
    // SAFETY: a signal to a thread of this process; the main thread's number is the process's.
    unsafe { libc::syscall(libc::SYS_tgkill, process, process, libc::SIGTERM) };
}

/// A descriptor that stays open as long as the process, but not in programs that it starts.
pub fn keep(fd: RawFd) {
    // SAFETY: sets a flag of an open descriptor.
    unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
}

/// Sets the locale of the process; what the system does not know leaves it as it is, which the supervisor's check has
/// said.
pub fn set_locale(name: &[u8]) {
    if let Ok(name) = std::ffi::CString::new(name)
        && !name.is_empty()
    {
        // SAFETY: a C string; no other thread runs yet.
        unsafe { libc::setlocale(libc::LC_ALL, name.as_ptr()) };
    }
}

/// Has `faulthandler`, which needs no GIL, write the stacks of Python's threads to the error log.
pub fn dump_stacks() {
    /// As prepare.py registers it.
    const SIGNAL: libc::c_int = 63;
    let process = std::process::id() as libc::pid_t;
    // SAFETY: a signal to a thread of this process, for which a handler was registered.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        libc::sigaction(SIGNAL, ptr::null(), &mut action);
        if action.sa_sigaction != libc::SIG_DFL && action.sa_sigaction != libc::SIG_IGN {
            libc::syscall(libc::SYS_tgkill, process, libc::gettid(), SIGNAL);
        }
    }
}

/// The other side has closed the connection.
pub fn has_hung_up(fd: RawFd) -> bool {
    let mut poll = libc::pollfd { fd, events: libc::POLLRDHUP, revents: 0 };
    // SAFETY: a live structure.
    unsafe { libc::poll(&mut poll, 1, 0) > 0 }
}

/// Nothing more goes over a connection, whoever holds it.
pub fn shut_down(fd: RawFd) {
    // SAFETY: an open socket.
    unsafe { libc::shutdown(fd, libc::SHUT_RDWR) };
}

/// Waits until it can be read; false: it never will.
pub fn await_readable(fd: RawFd) -> bool {
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    loop {
        // SAFETY: a live structure.
        if unsafe { libc::poll(&mut poll, 1, -1) } > 0 {
            return poll.revents & libc::POLLIN != 0;
        }
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return false;
        }
    }
}
