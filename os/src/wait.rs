//! Waiting for descriptors.

use nix::errno::Errno;
use nix::sys::epoll::{self, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

/// How long poll(2) waits; a time that it cannot say is for ever long.
fn milliseconds(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}

/// poll(2), whose numbers need not be those of open descriptors: negative ones are skipped.
fn poll_raw(polls: &mut [libc::pollfd], timeout: i32) -> io::Result<usize> {
    // SAFETY: a live array and its length.
    let count = unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as _, timeout) };
    Ok(Errno::result(count)? as usize)
}

fn asking(fd: RawFd, events: libc::c_short) -> libc::pollfd {
    libc::pollfd { fd, events, revents: 0 }
}

/// Waits until one of them can be read, or for that long; answers which can. Negative numbers are skipped.
pub fn poll(fds: &[RawFd], most: Duration) -> Vec<bool> {
    let mut polls: Vec<libc::pollfd> = fds.iter().map(|&fd| asking(fd, libc::POLLIN)).collect();
    let _ = poll_raw(&mut polls, milliseconds(most));
    polls.iter().map(|poll| poll.revents != 0).collect()
}

/// Polls like [`poll`], for a fixed number of descriptors, some of which may be missing.
pub fn poll_these<const N: usize>(fds: [Option<BorrowedFd<'_>>; N], most: Duration) -> [bool; N] {
    let mut polls = fds.map(|fd| asking(fd.map_or(-1, |fd| fd.as_raw_fd()), libc::POLLIN));
    let _ = poll_raw(&mut polls, milliseconds(most));
    polls.map(|poll| poll.revents != 0)
}

/// Waits until something can be read, or for that long; `WouldBlock` then.
///
/// A thread that blocks in `recvmsg` is also woken when the other side takes what it was sent (the socket's buffer has
/// room again), often onto the CPU that the other side still needs; one that polls is woken by what it asks for.
pub fn await_readable(fd: RawFd, most: Option<Duration>) -> io::Result<()> {
    let until = most.map(|most| Instant::now() + most);
    let mut rest = most;
    loop {
        let mut polls = [asking(fd, libc::POLLIN)];
        match poll_raw(&mut polls, rest.map_or(-1, milliseconds)) {
            Ok(0) => return Err(io::ErrorKind::WouldBlock.into()),
            // Somebody has closed it: it never can be.
            Ok(_) if polls[0].revents & libc::POLLNVAL != 0 => return Err(Errno::EBADF.into()),
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                rest = until.map(|until| until.saturating_duration_since(Instant::now()));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Waits until one descriptor can be read or the other one written; which of them. Neither when the time is up.
pub fn await_either(readable: Option<RawFd>, writable: RawFd, most: Duration) -> io::Result<(bool, bool)> {
    let mut polls = [asking(readable.unwrap_or(-1), libc::POLLIN), asking(writable, libc::POLLOUT)];
    match poll_raw(&mut polls, milliseconds(most).saturating_add(1)) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok((false, false)),
        other => other.map(|_| (polls[0].revents != 0, polls[1].revents != 0)),
    }
}

/// The other side has closed a connection, or somebody has shut a listening socket down.
pub fn has_hung_up(fd: RawFd) -> bool {
    poll_raw(&mut [asking(fd, libc::POLLRDHUP)], 0).is_ok_and(|count| count > 0)
}

/// Descriptors that threads wait for together.
pub struct Epoll(epoll::Epoll);

impl Epoll {
    /// A set with nothing in it.
    pub fn new() -> io::Result<Self> {
        Ok(Self(epoll::Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?))
    }

    /// The descriptor of the set.
    pub fn descriptor(&self) -> RawFd {
        self.0.0.as_raw_fd()
    }

    /// Threads are told as long as there is something. (With EPOLLEXCLUSIVE one process alone would be told, and it may be
    /// about to end.)
    pub fn add(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        Ok(self.0.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, token))?)
    }

    /// Wakes one thread, once, when the descriptor is readable. `known`: the descriptor was added before.
    pub fn add_once(&self, fd: BorrowedFd<'_>, token: u64, known: bool) -> io::Result<()> {
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLONESHOT;
        let mut event = EpollEvent::new(flags, token);
        Ok(if known { self.0.modify(fd, &mut event) } else { self.0.add(fd, event) }?)
    }

    /// Stops watching a descriptor.
    pub fn remove(&self, fd: BorrowedFd<'_>) {
        let _ = self.0.delete(fd);
    }

    /// Waits for one of them; answers its token.
    pub fn wait(&self) -> Option<u64> {
        let mut events = [EpollEvent::empty()];
        let count = self.0.wait(&mut events, EpollTimeout::NONE).ok()?;
        (count == 1).then(|| events[0].data())
    }

    /// Waits until something happens, or for that long; adds the tokens of many that have, each once.
    pub fn wait_for_many(&self, most: Duration, tokens: &mut Vec<u64>) {
        const MANY: usize = 1024;
        let mut events = [EpollEvent::empty(); MANY];
        let timeout = EpollTimeout::try_from(milliseconds(most)).unwrap_or(EpollTimeout::MAX);
        let count = self.0.wait(&mut events, timeout).unwrap_or(0);
        tokens.extend(events[..count].iter().map(EpollEvent::data));
    }
}
