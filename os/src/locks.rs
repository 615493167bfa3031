//! A file in memory, with locks on its bytes.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// A file in memory, with locks on its bytes.
///
/// The locks are POSIX record locks (fcntl(2)): they belong to the process, so the system frees them when it ends,
/// however it ends, and processes it forked do not have them. Two threads of one process do not exclude each other.
pub struct LockFile(File);

impl LockFile {
    /// The file behind a descriptor. Keep it as long as the process: closing any descriptor of a file frees the locks of
    /// the process.
    pub fn of(fd: OwnedFd) -> Self {
        Self(fd.into())
    }

    /// Makes an empty file.
    pub fn new(name: &CStr) -> io::Result<Self> {
        Ok(Self::of(memfd_create(name, MFdFlags::MFD_CLOEXEC)?))
    }

    /// The file's descriptor, for code that writes to it directly.
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

    fn fcntl(
        &self,
        command: for<'a> fn(&'a mut libc::flock) -> FcntlArg<'a>,
        kind: i32,
        byte: i64,
    ) -> Option<libc::flock> {
        let mut lock = libc::flock {
            l_type: kind as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: byte,
            l_len: 1,
            l_pid: 0,
        };
        loop {
            match fcntl(&self.0, command(&mut lock)) {
                Ok(_) => return Some(lock),
                Err(Errno::EINTR) => {}
                Err(_) => return None,
            }
        }
    }

    /// Locks a byte if no other process has it.
    pub fn try_lock(&self, byte: i64) -> bool {
        self.fcntl(|lock| FcntlArg::F_SETLK(lock), libc::F_WRLCK, byte).is_some()
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
        let lock = self.fcntl(|lock| FcntlArg::F_GETLK(lock), libc::F_WRLCK, byte)?;
        (lock.l_type != libc::F_UNLCK as libc::c_short).then(|| lock.l_pid.try_into().ok())?
    }

    /// Unlocks a byte.
    pub fn unlock(&self, byte: i64) {
        self.fcntl(|lock| FcntlArg::F_SETLK(lock), libc::F_UNLCK, byte);
    }
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
}
