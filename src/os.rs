//! What daemon mode needs of the operating system: sockets, files in memory, processes by descriptor.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_void};
use std::io::{self, IoSlice};
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::{Duration, Instant};
use wire::ring::{Reader, Ring};
use wire::scoreboard::{Scoreboard, WorkerSlot};

fn checked(answer: libc::c_int) -> io::Result<libc::c_int> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

fn owned(answer: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: the calls that this is used for answer a new descriptor or a negative number.
    checked(answer).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Microseconds of the clock that nobody sets.
pub fn clock() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: fills the structure.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec * 1_000_000 + time.tv_nsec / 1000
}

/// A file in memory that `fill` fills; afterwards it can never change its size again, and nothing of what `seals` forbids.
fn sealed(
    name: &CStr,
    seals: libc::c_int,
    fill: impl FnOnce(&mut std::fs::File) -> io::Result<()>,
) -> io::Result<OwnedFd> {
    // SAFETY: a C string.
    let fd =
        owned(unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) })?;
    let mut file = std::fs::File::from(fd);
    fill(&mut file)?;
    let seals = seals | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: sets a property of an open file.
    checked(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) })?;
    Ok(file.into())
}

/// A file in memory of `size` zeros, which others may write to.
pub fn empty_memory(name: &CStr, size: usize) -> io::Result<OwnedFd> {
    sealed(name, 0, |file| file.set_len(size as u64))
}

/// A file in memory that holds `bytes` and can never change again.
pub fn memory(name: &CStr, bytes: &[u8]) -> io::Result<OwnedFd> {
    use std::io::Write;
    sealed(name, libc::F_SEAL_WRITE, |file| file.write_all(bytes))
}

/// The file of a descriptor once more, to be read and written, with a description of its own: offset, flags, and locks
/// that belong to a description are nobody else's.
pub fn opened_anew(fd: RawFd) -> io::Result<OwnedFd> {
    let options = std::fs::File::options().read(true).write(true).open(format!("/proc/self/fd/{fd}"));
    options.map(OwnedFd::from)
}

/// All bytes of a file in memory.
pub fn whole(fd: RawFd) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    // SAFETY: the descriptor is open, and is not closed here.
    let file = mem::ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(fd) });
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Maps the scoreboard of a group: until [`forget_scoreboard`], which httpd's parent alone does, or else as long as the process lives.
pub fn scoreboard(fd: RawFd, slots: usize) -> io::Result<(&'static Scoreboard, &'static [WorkerSlot])> {
    let len = Scoreboard::size(slots);
    // SAFETY: a new mapping of a file of that size, which is sealed against shrinking, and made of atomics, of which any
    // bytes are values; whoever unmaps it has the last reference.
    unsafe {
        let start =
            libc::mmap(ptr::null_mut(), len, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, fd, 0);
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let scoreboard: &'static Scoreboard = &*start.cast();
        Ok((scoreboard, scoreboard.slots(slots)))
    }
}

/// Unmaps the scoreboard of a group.
///
/// # Safety
/// `scoreboard` has mapped it, and nobody in this process uses them any more.
pub unsafe fn forget_scoreboard(scoreboard: &'static Scoreboard, slots: usize) {
    // SAFETY: says the caller.
    unsafe { libc::munmap(ptr::from_ref(scoreboard).cast_mut().cast(), Scoreboard::size(slots)) };
}

/// Who a process runs as. `None`: there is none of that number.
pub fn user_of(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Somebody who holds a listening socket has shut it down: nobody can connect any more.
pub fn is_shut(listener: RawFd) -> bool {
    let mut poll = libc::pollfd { fd: listener, events: libc::POLLRDHUP, revents: 0 };
    // SAFETY: a live structure.
    unsafe { libc::poll(&mut poll, 1, 0) > 0 }
}

fn address(path: &[u8]) -> io::Result<(libc::sockaddr_un, libc::socklen_t)> {
    // SAFETY: a structure of numbers.
    let mut address: libc::sockaddr_un = unsafe { mem::zeroed() };
    address.sun_family = libc::AF_UNIX as _;
    if path.len() >= address.sun_path.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (into, byte) in address.sun_path.iter_mut().zip(path) {
        *into = *byte as _;
    }
    Ok((address, size_of::<libc::sockaddr_un>() as _))
}

/// Longest path of a socket.
pub const LONGEST_PATH: usize = 107;

/// A listening socket at `path`, which belongs to this user and nobody else may connect to.
pub fn listen(path: &[u8], user: Option<u32>, backlog: u32) -> Result<OwnedFd, (&'static str, io::Error)> {
    let failed = |step| move |error| (step, error);
    let c_path = std::ffi::CString::new(path)
        .map_err(|_| ("its path holds a NUL", io::Error::from(io::ErrorKind::InvalidInput)))?;
    let (address, len) = address(path).map_err(failed("its path is too long"))?;
    // SAFETY: system calls on live structures; the mask is put back, and this process has one thread.
    unsafe {
        let socket = owned(libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0))
            .map_err(failed("it cannot be created"))?;
        refuse_descriptors(socket.as_raw_fd());
        let mask = libc::umask(0o177);
        let bound = checked(libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len));
        libc::umask(mask);
        bound.map_err(failed("it cannot be bound"))?;
        if let Some(user) = user {
            checked(libc::lchown(c_path.as_ptr(), user, u32::MAX))
                .map_err(failed("its owner cannot be set"))?;
        }
        checked(libc::listen(socket.as_raw_fd(), i32::try_from(backlog).unwrap_or(i32::MAX)))
            .map_err(failed("it cannot listen"))?;
        Ok(socket)
    }
}

/// Nobody may send descriptors to this socket, nor to those that are accepted from it: closing them may take as long as
/// their sender likes. Systems before Linux 6.16 do not know that.
fn refuse_descriptors(socket: RawFd) {
    /// asm-generic/socket.h
    const SO_PASSRIGHTS: libc::c_int = 83;
    let no: libc::c_int = 0;
    // SAFETY: a live number.
    unsafe { libc::setsockopt(socket, libc::SOL_SOCKET, SO_PASSRIGHTS, (&raw const no).cast(), 4) };
}

/// Another length of its queue.
pub fn set_backlog(listener: RawFd, backlog: u32) {
    // SAFETY: a listening socket may be told again.
    unsafe { libc::listen(listener, i32::try_from(backlog).unwrap_or(i32::MAX)) };
}

/// How long one write on a socket, or its connecting, may wait.
pub fn set_send_timeout(fd: RawFd, time: Duration) {
    let time = libc::timeval { tv_sec: time.as_secs() as _, tv_usec: time.subsec_micros() as _ };
    let size = size_of::<libc::timeval>() as _;
    // SAFETY: a live structure.
    unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_SNDTIMEO, (&raw const time).cast(), size) };
}

/// Sizes of a socket's buffers; 0 leaves them.
pub fn set_buffers(fd: RawFd, send: u32, receive: u32) {
    for (option, size) in [(libc::SO_SNDBUF, send), (libc::SO_RCVBUF, receive)] {
        if size > 0 {
            let size = i32::try_from(size).unwrap_or(i32::MAX);
            // SAFETY: a live number.
            unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, option, (&raw const size).cast(), 4) };
        }
    }
}

/// Connects to a listening socket; waits, if its queue is full, for that long (unix(7): SO_SNDTIMEO).
pub fn connect(path: &[u8], wait: Duration, send: u32, receive: u32) -> io::Result<OwnedFd> {
    let (address, len) = address(path)?;
    // SAFETY: system calls on live structures.
    unsafe {
        let socket = owned(libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0))?;
        set_buffers(socket.as_raw_fd(), send, receive);
        set_send_timeout(socket.as_raw_fd(), wait.max(Duration::from_micros(1)));
        loop {
            match checked(libc::connect(socket.as_raw_fd(), (&raw const address).cast(), len)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map(|_| socket),
            }
        }
    }
}

/// Receives into `into`, without waiting, and descriptors that come along; 0: the other side has closed.
///
/// There is room for all that can come at once (SCM_MAX_FD of the system): those without room would be closed here, which
/// may take as long as their sender likes.
pub fn receive(fd: RawFd, into: &mut [u8], files: &mut Vec<OwnedFd>) -> io::Result<usize> {
    const MOST: usize = 253;
    #[repr(align(8))]
    struct Control(mem::MaybeUninit<[u8; 64 + MOST * size_of::<RawFd>()]>);
    let mut control = Control(mem::MaybeUninit::uninit());
    let mut piece = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    // SAFETY: live structures and buffers; descriptors that were received are new and ours.
    unsafe {
        let mut message: libc::msghdr = mem::zeroed();
        message.msg_iov = &mut piece;
        message.msg_iovlen = 1;
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = size_of::<Control>() as _;
        let count = loop {
            let count = libc::recvmsg(fd, &mut message, libc::MSG_CMSG_CLOEXEC | libc::MSG_DONTWAIT);
            match usize::try_from(count).map_err(|_| io::Error::last_os_error()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        let mut header = libc::CMSG_FIRSTHDR(&message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                let bytes = (*header).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                let data = libc::CMSG_DATA(header).cast::<RawFd>();
                for index in 0..bytes / size_of::<RawFd>() {
                    files.push(OwnedFd::from_raw_fd(data.add(index).read_unaligned()));
                }
            }
            header = libc::CMSG_NXTHDR(&message, header);
        }
        if message.msg_flags & libc::MSG_CTRUNC != 0 {
            // There is no room for it: 'ulimit -n' of the child.
            return Err(io::Error::from_raw_os_error(libc::EMFILE));
        }
        Ok(count)
    }
}

/// The file that a descriptor stands for, if it is one: nothing else can be sent to a client.
pub fn regular(fd: OwnedFd) -> Result<std::fs::File, OwnedFd> {
    let file = std::fs::File::from(fd);
    if file.metadata().is_ok_and(|data| data.is_file()) { Ok(file) } else { Err(file.into()) }
}

/// The table of descriptors becomes this thread's own, for as long as it lives.
pub fn keep_descriptors_apart() -> io::Result<()> {
    // SAFETY: concerns this thread alone.
    checked(unsafe { libc::unshare(libc::CLONE_FILES) }).map(drop)
}

/// Sends all of it.
pub fn send_all(fd: RawFd, pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
    let mut rest = pieces;
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        // SAFETY: live pieces.
        let sent = unsafe {
            let mut message: libc::msghdr = mem::zeroed();
            message.msg_iov = rest.as_ptr().cast_mut().cast();
            message.msg_iovlen = rest.len() as _;
            libc::sendmsg(fd, &message, libc::MSG_NOSIGNAL)
        };
        match usize::try_from(sent).map_err(|_| io::Error::last_os_error()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(sent) => IoSlice::advance_slices(&mut rest, sent),
        }
    }
    Ok(())
}

/// What a worker says, in memory that is shared with it, and the bell by which it has its supervisor look.
pub struct Voice {
    ring: *mut Ring,
    reader: Reader,
    /// Can be read when it has rung.
    pub bell: OwnedFd,
}

impl Voice {
    /// That of a process that is about to be forked, and the file of the memory.
    pub fn new() -> io::Result<(Self, OwnedFd)> {
        let file = empty_memory(c"wsgi voice", size_of::<Ring>())?;
        // SAFETY: answers a new descriptor or -1; a new mapping of a file of that size, which is sealed against shrinking.
        unsafe {
            let bell = owned(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?;
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let (len, fd) = (size_of::<Ring>(), file.as_raw_fd());
            let ring = libc::mmap(ptr::null_mut(), len, access, libc::MAP_SHARED, fd, 0);
            if ring == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            Ok((Self { ring: ring.cast(), reader: Reader::default(), bell }, file))
        }
    }

    /// The memory.
    pub fn ring(&self) -> &Ring {
        // SAFETY: it is mapped as long as this lives, and made of atomics, of which any bytes are values.
        unsafe { &*self.ring }
    }

    /// The bell has been heard. Whoever holds it could have any flag taken off it, so waiting is forbidden to each call.
    pub fn silence(&self) {
        let mut count = [0u8; 8];
        let into = libc::iovec { iov_base: count.as_mut_ptr().cast(), iov_len: count.len() };
        // SAFETY: eight live bytes.
        unsafe { libc::preadv2(self.bell.as_raw_fd(), &into, 1, -1, libc::RWF_NOWAIT) };
    }

    /// Takes the next message; false: there is none.
    pub fn take(&mut self, into: &mut Vec<u8>) -> bool {
        // SAFETY: as in `ring`; the borrow is of the memory, not of this.
        let ring = unsafe { &*self.ring };
        self.reader.take(ring, wire::control::LONGEST, into)
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        // SAFETY: the mapping that `new` made; references to it have ended.
        unsafe { libc::munmap(self.ring.cast(), size_of::<Ring>()) };
    }
}

/// Two connected sockets, of which the first only sends: nothing can be left in it by whoever has the second.
pub fn one_way() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = pair()?;
    // SAFETY: an open socket.
    checked(unsafe { libc::shutdown(ours.as_raw_fd(), libc::SHUT_RD) })?;
    Ok((ours, theirs))
}

/// Two connected sockets for datagrams.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [0; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: room for two descriptors, which are new.
    unsafe {
        checked(libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()))?;
        Ok((OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])))
    }
}

/// A pipe: the end to read, which never waits, and the end to write.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [0; 2];
    // SAFETY: room for two descriptors, which are new; then a flag of one of them.
    unsafe {
        checked(libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC))?;
        let (reading, writing) = (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1]));
        checked(libc::fcntl(reading.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK))?;
        Ok((reading, writing))
    }
}

/// Reads what is there; 0 at the end.
pub fn read(fd: RawFd, into: &mut [u8]) -> io::Result<usize> {
    // SAFETY: a live buffer.
    let count = unsafe { libc::read(fd, into.as_mut_ptr().cast(), into.len()) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// Writes all of it, if that can be done.
pub fn write_all(fd: RawFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: live bytes.
        let count = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(count).map_err(|_| io::Error::last_os_error()) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Sends a datagram, without waiting.
pub fn send_datagram(fd: RawFd, bytes: &[u8]) -> io::Result<()> {
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: live bytes.
    let sent = unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Receives a datagram, without waiting; empty: the other side has closed.
pub fn receive_datagram(fd: RawFd, into: &mut Vec<u8>) -> io::Result<()> {
    into.resize(wire::control::LONGEST, 0);
    // SAFETY: a live buffer.
    let count = unsafe { libc::recv(fd, into.as_mut_ptr().cast(), into.len(), libc::MSG_DONTWAIT) };
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    into.truncate(count);
    Ok(())
}

/// A process, known by a descriptor that can be read when it has ended.
pub fn process(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: answers a new descriptor or -1.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) } as libc::c_int)
}

/// Waits until one of them can be read, or for that long; answers which can.
pub fn poll(fds: &[RawFd], most: Duration) -> Vec<bool> {
    let mut polls: Vec<libc::pollfd> =
        fds.iter().map(|&fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 }).collect();
    let timeout = i32::try_from(most.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: a live array.
    unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as _, timeout) };
    polls.iter().map(|poll| poll.revents != 0).collect()
}

/// Waits until something can be read, or for that long; `WouldBlock` then.
///
/// A thread that blocks in `recvmsg` is also woken when the other side takes what it was sent (the socket's buffer has
/// room again), often onto the CPU that the other side still needs; one that polls is woken by what it asks for.
pub fn await_readable(fd: RawFd, most: Duration) -> io::Result<()> {
    let until = Instant::now() + most;
    let mut rest = most;
    loop {
        let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let timeout = i32::try_from(rest.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: a live structure.
        match unsafe { libc::poll(&mut poll, 1, timeout) } {
            0 => return Err(io::ErrorKind::WouldBlock.into()),
            1.. => return Ok(()),
            _ => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
                rest = until.saturating_duration_since(Instant::now());
            }
        }
    }
}

/// Waits until one descriptor can be read or the other one written; which of them. Neither when the time is up.
pub fn await_either(readable: Option<RawFd>, writable: RawFd, most: Duration) -> io::Result<(bool, bool)> {
    // A negative number is nobody's descriptor, which poll skips.
    let poll = |fd, events| libc::pollfd { fd, events, revents: 0 };
    let mut polls = [poll(readable.unwrap_or(-1), libc::POLLIN), poll(writable, libc::POLLOUT)];
    let timeout = i32::try_from(most.as_millis()).unwrap_or(i32::MAX).saturating_add(1);
    // SAFETY: live structures, and their number.
    if unsafe { libc::poll(polls.as_mut_ptr(), 2, timeout) } < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::Interrupted { Ok((false, false)) } else { Err(error) };
    }
    Ok((polls[0].revents != 0, polls[1].revents != 0))
}

/// Bytes that nobody can guess.
pub fn random() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    // SAFETY: live room for that many.
    let count = unsafe { libc::getrandom(bytes.as_mut_ptr().cast::<c_void>(), bytes.len(), 0) };
    if count == bytes.len() as isize { Ok(bytes) } else { Err(io::Error::last_os_error()) }
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

/// A process of this number is there.
pub fn is_alive(pid: u32) -> bool {
    // SAFETY: no signal is sent.
    let answer = unsafe { libc::kill(pid as libc::pid_t, 0) };
    answer == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// Ends a process at once.
pub fn kill(pid: u32) {
    // SAFETY: a child of ours that was not reaped, so its number is its own.
    unsafe { libc::kill(pid as libc::pid_t, libc::SIGKILL) };
}

/// Ends the process that a descriptor stands for, at once; false: it has ended.
pub fn kill_exactly(process: &OwnedFd) -> bool {
    let none: *const libc::siginfo_t = ptr::null();
    // SAFETY: takes numbers, and no further information.
    unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), libc::SIGKILL, none, 0) == 0 }
}

/// A descriptor that the parent keeps for as long as it lives is closed in this process alone.
pub fn close(fd: RawFd) {
    // SAFETY: nobody uses it in this process any more.
    unsafe { libc::close(fd) };
}

/// Forks; `child` is what the new process does, which ends with it, even by a panic: nothing of it may come back to where
/// its parent goes on.
pub fn fork(child: impl FnOnce()) -> io::Result<u32> {
    // SAFETY: this process has one thread, so the new one may do whatever this one may.
    let pid = checked(unsafe { libc::fork() })?;
    if pid == 0 {
        // What panics is logged where it happens.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
        end(101);
    }
    Ok(pid as u32)
}

/// This process becomes a supervisor: a session of its own, and signals as a process has them, but for those that are
/// meant for httpd.
pub fn become_supervisor() {
    // SAFETY: calls on numbers; the process has one thread.
    unsafe {
        libc::setsid();
        for signal in 1..=31 {
            let action = match signal {
                libc::SIGPIPE | libc::SIGHUP | libc::SIGUSR1 | libc::SIGUSR2 | libc::SIGWINCH => {
                    libc::SIG_IGN
                }
                _ => libc::SIG_DFL,
            };
            libc::signal(signal, action);
        }
        let mut none: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, ptr::null_mut());
    }
}

/// Ends this process without the exit handlers of httpd's, whose copy it is.
pub fn end(status: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(status) }
}

/// The process this one was forked from.
pub fn parent() -> u32 {
    // SAFETY: it only answers.
    unsafe { libc::getppid() as u32 }
}

/// There is a socket of that name.
pub fn is_socket(path: &[u8]) -> bool {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::FileTypeExt;
    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(path));
    path.symlink_metadata().is_ok_and(|data| data.file_type().is_socket())
}

/// Nothing more comes over a connection, in either direction.
pub fn shut_down(fd: RawFd) {
    // SAFETY: an open socket.
    unsafe { libc::shutdown(fd, libc::SHUT_RDWR) };
}
