//! Bytes and descriptors over descriptors. Straight on the system calls: each request pays for these.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::fs::File;
use std::io::{self, IoSlice};
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

fn counted(answer: isize) -> io::Result<usize> {
    Ok(Errno::result(answer)? as usize)
}

/// Again, as long as a signal comes in between.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Reads what is there; 0 at the end.
pub fn read(fd: RawFd, into: &mut [u8]) -> io::Result<usize> {
    // SAFETY: a live buffer.
    counted(unsafe { libc::read(fd, into.as_mut_ptr().cast(), into.len()) })
}

/// Writes all of it, if that can be done.
pub fn write_all(fd: RawFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: live bytes.
        let written =
            uninterrupted(|| counted(unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) }));
        match written {
            Ok(count) => bytes = &bytes[count..],
            Err(_) => return,
        }
    }
}

/// Receives up to `into.len()` bytes; 0: the other side has closed. Blocks.
pub fn receive(fd: RawFd, into: &mut [u8]) -> io::Result<usize> {
    uninterrupted(|| Ok(nix::sys::socket::recv(fd, into, nix::sys::socket::MsgFlags::empty())?))
}

/// Receives into `into` what is there, and descriptors that come along; 0: the other side has closed. `waits`: if nothing is
/// there, what comes first, for as long as [`crate::set_timeouts`] says.
///
/// There is room for all that can come at once (SCM_MAX_FD of the system): those without room would be closed here, which
/// may take as long as their sender likes.
pub fn receive_files(fd: RawFd, into: &mut [u8], files: &mut Vec<OwnedFd>, waits: bool) -> io::Result<usize> {
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
        let flags = libc::MSG_CMSG_CLOEXEC | if waits { 0 } else { libc::MSG_DONTWAIT };
        let count = uninterrupted(|| counted(libc::recvmsg(fd, &mut message, flags)))?;
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

/// Sends a datagram with descriptors beside it, without waiting.
pub fn send_files(fd: RawFd, bytes: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<()> {
    use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
    let numbers: Vec<RawFd> = files.iter().map(AsRawFd::as_raw_fd).collect();
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    uninterrupted(|| {
        Ok(sendmsg::<()>(fd, &[IoSlice::new(bytes)], &[ControlMessage::ScmRights(&numbers)], flags, None)?)
    })?;
    Ok(())
}

/// The file that a descriptor stands for, if it is one: nothing else can be sent to a client.
pub fn regular(fd: OwnedFd) -> Result<File, OwnedFd> {
    let file = File::from(fd);
    if file.metadata().is_ok_and(|data| data.is_file()) { Ok(file) } else { Err(file.into()) }
}

/// Has what is written to a file stand behind what others have written to it meanwhile, through descriptors of their own.
pub fn append(fd: impl AsFd) {
    if let Ok(flags) = fcntl(&fd, FcntlArg::F_GETFL) {
        let _ = fcntl(&fd, FcntlArg::F_SETFL(OFlag::from_bits_retain(flags) | OFlag::O_APPEND));
    }
}

/// Sends all of it.
pub fn send_all(fd: RawFd, pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
    let mut rest = pieces;
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        let sent = send(fd, rest, None, true)?;
        IoSlice::advance_slices(&mut rest, sent);
    }
    Ok(())
}

/// Sends some of what there is, with a descriptor beside its first byte or without. `wait`: blocks until there is room.
pub fn send(fd: RawFd, pieces: &[IoSlice<'_>], file: Option<RawFd>, wait: bool) -> io::Result<usize> {
    /// As many as the system takes at a time, at least (UIO_FASTIOV is 8, UIO_MAXIOV 1024).
    const MOST: usize = 64;
    const SPACE: usize = 64;
    #[repr(align(8))]
    struct Control([u8; SPACE]);
    let mut control = Control([0; SPACE]);
    // SAFETY: structures of numbers and pointers, for which zero is a value; what they point at lives during the call,
    // and the control buffer has room for one descriptor.
    unsafe {
        let mut message: libc::msghdr = mem::zeroed();
        message.msg_iov = pieces.as_ptr().cast_mut().cast();
        message.msg_iovlen = pieces.len().min(MOST) as _;
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
        uninterrupted(|| counted(libc::sendmsg(fd, &message, flags)))
    }
}
