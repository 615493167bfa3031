//! Sockets of the UNIX domain, and pipes: made, bound, connected, set.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::{self, AddressFamily, MsgFlags, Shutdown, SockFlag, SockType, UnixAddr, sockopt};
use nix::sys::stat::{Mode, umask};
use nix::sys::time::TimeVal;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::time::Duration;

/// Longest path of a socket, bytes.
pub const LONGEST_PATH: usize = 107;

fn path(bytes: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

fn stream() -> io::Result<OwnedFd> {
    Ok(socket::socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?)
}

/// Whether this user may listen at an address of TCP, where nobody else does. Nobody can connect meanwhile.
pub fn may_listen(address: std::net::SocketAddr) -> io::Result<()> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket::socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    socket::setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    Ok(socket::bind(socket.as_raw_fd(), &socket::SockaddrStorage::from(address))?)
}

/// A listening socket at `path`, which belongs to this user and nobody else may connect to.
pub fn listen(name: &[u8], user: Option<u32>, length: u32) -> Result<OwnedFd, (&'static str, io::Error)> {
    let failed = |step| move |error: Errno| (step, io::Error::from(error));
    if name.contains(&0) {
        return Err(("its path contains a NUL byte", io::ErrorKind::InvalidInput.into()));
    }
    let address = UnixAddr::new(path(name)).map_err(failed("its path is too long"))?;
    let listener = stream().map_err(|error| ("it cannot be created", error))?;
    refuse_descriptors(listener.as_fd());
    let mask = umask(Mode::from_bits_truncate(0o177));
    let bound = socket::bind(listener.as_raw_fd(), &address);
    umask(mask);
    bound.map_err(failed("it cannot be bound"))?;
    if let Some(user) = user {
        std::os::unix::fs::lchown(path(name), Some(user), None)
            .map_err(|error| ("its owner cannot be set", error))?;
    }
    set_backlog(listener.as_raw_fd(), length).map_err(|error| ("it cannot listen", error))?;
    Ok(listener)
}

/// Refuses descriptors on this socket and on those that are accepted from it: closing them may take as long as their
/// sender likes. Systems before Linux 6.16 cannot do that.
fn refuse_descriptors(socket: BorrowedFd<'_>) {
    /// asm-generic/socket.h
    const SO_PASSRIGHTS: libc::c_int = 83;
    let no: libc::c_int = 0;
    // SAFETY: a live number.
    unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, SO_PASSRIGHTS, (&raw const no).cast(), 4)
    };
}

/// Another length of the queue of a listening socket.
pub fn set_backlog(listener: RawFd, length: u32) -> io::Result<()> {
    // SAFETY: takes numbers.
    Errno::result(unsafe { libc::listen(listener, i32::try_from(length).unwrap_or(i32::MAX)) })?;
    Ok(())
}

/// How long sending and receiving wait for the other side, on a socket that blocks. Longer than the system can count is for
/// ever.
pub fn set_timeouts(fd: BorrowedFd<'_>, time: Duration) {
    // None at all would be for ever.
    let time = time.max(Duration::from_micros(1));
    let time = TimeVal::new(time.as_secs().min(i32::MAX as u64) as _, time.subsec_micros() as _);
    let _ = socket::setsockopt(&fd, sockopt::SendTimeout, &time);
    let _ = socket::setsockopt(&fd, sockopt::ReceiveTimeout, &time);
}

/// Sizes of a socket's buffers, bytes; 0 leaves them.
pub fn set_buffers(fd: BorrowedFd<'_>, send: u32, receive: u32) {
    if send > 0 {
        let _ = socket::setsockopt(&fd, sockopt::SndBuf, &(send.min(i32::MAX as u32) as usize));
    }
    if receive > 0 {
        let _ = socket::setsockopt(&fd, sockopt::RcvBuf, &(receive.min(i32::MAX as u32) as usize));
    }
}

/// Connects to a listening socket; waits, if its queue is full, for that long (unix(7): SO_SNDTIMEO).
pub fn connect(name: &[u8], wait: Duration, send: u32, receive: u32) -> io::Result<OwnedFd> {
    let address = UnixAddr::new(path(name))?;
    let connection = stream()?;
    set_buffers(connection.as_fd(), send, receive);
    set_timeouts(connection.as_fd(), wait);
    loop {
        match socket::connect(connection.as_raw_fd(), &address) {
            Err(Errno::EINTR) => {}
            other => return Ok(other.map(|()| connection)?),
        }
    }
}

/// A connection that waits at a listening socket, and the user id at its other end. Does not wait for one.
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, u32)> {
    let fd = socket::accept4(listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC)?;
    // SAFETY: the new descriptor is ours.
    let connection = unsafe { OwnedFd::from_raw_fd(fd) };
    let peer = socket::getsockopt(&connection, sockopt::PeerCredentials)?;
    Ok((connection, peer.uid()))
}

/// Makes waiting impossible: whoever waits does it in epoll or poll.
pub fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// Whether a process has shut down a listening socket: nobody can connect any more.
pub fn is_shut(listener: RawFd) -> bool {
    crate::has_hung_up(listener)
}

/// Whether the path is a socket.
pub fn is_socket(name: &[u8]) -> bool {
    use std::os::unix::fs::FileTypeExt;
    path(name).symlink_metadata().is_ok_and(|data| data.file_type().is_socket())
}

/// Two connected sockets for datagrams.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socket::socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?)
}

/// Two connected sockets, of which the first only sends: nothing can be left in it by whoever has the second.
pub fn one_way() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = pair()?;
    socket::shutdown(ours.as_raw_fd(), Shutdown::Read)?;
    Ok((ours, theirs))
}

/// A pipe: the end to read, which never waits, and the end to write.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reading, writing) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    fcntl(&reading, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((reading, writing))
}

/// Sends a datagram, without waiting.
pub fn send_datagram(fd: RawFd, bytes: &[u8]) -> io::Result<()> {
    socket::send(fd, bytes, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT)?;
    Ok(())
}

/// Receives a datagram of at most `longest` bytes, without waiting; empty: the other side has closed.
pub fn receive_datagram(fd: RawFd, longest: usize, into: &mut Vec<u8>) -> io::Result<()> {
    into.resize(longest, 0);
    let count = socket::recv(fd, into, MsgFlags::MSG_DONTWAIT)?;
    into.truncate(count);
    Ok(())
}

/// Nothing more goes over a connection in either direction, whoever holds it.
pub fn shut_down(fd: RawFd) {
    let _ = socket::shutdown(fd, Shutdown::Both);
}
