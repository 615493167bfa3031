//! Files in memory, and memory that processes share.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::stat::fstat;
use nix::sys::statfs::fstatfs;
use nix::sys::uio::pread;
use std::ffi::{CStr, c_void};
use std::fs::File;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use wire::Shared;

/// A file in memory that `fill` fills; afterwards it can never change its size again, and nothing of what `seals` forbids.
fn sealed(
    name: &CStr,
    seals: SealFlag,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?);
    fill(&mut file)?;
    let seals = seals | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(file.into())
}

/// A file in memory of `size` zeros, which others may write to.
pub fn empty_memory(name: &CStr, size: usize) -> io::Result<OwnedFd> {
    sealed(name, SealFlag::empty(), |file| file.set_len(size as u64))
}

/// A file in memory of the size of a `T`, all zeros, and the mapping through which this process alone can write to it: whoever
/// gets the file can read it, whatever rights he has.
pub fn shown_memory<T: Shared>(name: &CStr) -> io::Result<(Mapping<T>, OwnedFd)> {
    let mut mapping = None;
    // Mappings that are there before the seal may still be written to.
    let seal = SealFlag::from_bits_retain(libc::F_SEAL_FUTURE_WRITE);
    let file = sealed(name, seal, |file| {
        file.set_len(size_of::<T>() as u64)?;
        mapping = Some(Mapping::new(&*file, size_of::<T>())?);
        Ok(())
    })?;
    Ok((mapping.ok_or(io::ErrorKind::InvalidData)?, file))
}

/// A file in memory that holds `bytes` and can never change again.
pub fn memory(name: &CStr, bytes: &[u8]) -> io::Result<OwnedFd> {
    sealed(name, SealFlag::F_SEAL_WRITE, |file| file.write_all(bytes))
}

/// The file of a descriptor once more, to be read and written, with a description of its own: offset, flags, and locks
/// that belong to a description are nobody else's.
pub fn opened_anew(fd: RawFd) -> io::Result<OwnedFd> {
    let options = File::options().read(true).write(true).open(format!("/proc/self/fd/{fd}"));
    options.map(OwnedFd::from)
}

/// All bytes of a file in memory. Takes no further descriptor: httpd's parent may have none left.
pub fn whole(fd: RawFd) -> io::Result<Vec<u8>> {
    let file = borrowed(fd);
    let mut bytes = vec![0; size(file)?];
    let mut done = 0;
    while done < bytes.len() {
        match pread(file, &mut bytes[done..], done as libc::off_t) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => done += count,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(bytes)
}

/// Bytes of a file.
fn size(file: BorrowedFd<'_>) -> io::Result<usize> {
    Ok(usize::try_from(fstat(file)?.st_size).unwrap_or(0))
}

/// The kind of file system that a file is on, by the number that statfs(2) has for it.
pub fn file_system(file: BorrowedFd<'_>) -> Option<i64> {
    fstatfs(file).ok().map(|system| system.filesystem_type().0)
}

/// Another descriptor of the same open file.
pub fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    borrowed(fd).try_clone_to_owned()
}

/// A descriptor that is known by its number, for one call.
fn borrowed<'a>(fd: RawFd) -> BorrowedFd<'a> {
    // SAFETY: a number that is none is an error of the call; -1, which is no descriptor's, would not be allowed here.
    unsafe { BorrowedFd::borrow_raw(fd.max(0)) }
}

/// A file in memory, mapped until this is dropped.
pub struct Mapping<T: Shared> {
    start: NonNull<T>,
    len: usize,
}

// SAFETY: atomics, which any thread may use; what is mapped belongs to the process.
unsafe impl<T: Shared> Send for Mapping<T> {}

impl<T: Shared> Mapping<T> {
    /// Maps `len` bytes of a file that has as many and is sealed against shrinking.
    pub fn new(file: impl AsFd, len: usize) -> io::Result<Self> {
        let have = size(file.as_fd())?;
        let wanted = NonZeroUsize::new(len).filter(|len| len.get() <= have && len.get() >= size_of::<T>());
        let wanted = wanted.ok_or(io::ErrorKind::InvalidData)?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping, which nothing else refers to.
        let start = unsafe { mmap(None, wanted, access, MapFlags::MAP_SHARED, file, 0)? };
        Ok(Self { start: start.cast(), len })
    }

    /// Maps memory like [`Mapping::new`], for a descriptor that is known by its number.
    pub fn of(fd: RawFd, len: usize) -> io::Result<Self> {
        Self::new(borrowed(fd), len)
    }

    /// The mapped memory, valid as long as the process lives, or until [`unmap`].
    pub fn leak(self) -> &'static T {
        let start = std::mem::ManuallyDrop::new(self).start;
        // SAFETY: the mapping stays, is as long as `T` at least, aligned as pages are, and any bytes are a `T`.
        unsafe { start.as_ref() }
    }
}

impl<T: Shared> std::ops::Deref for Mapping<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: mapped as long as this lives, as long as `T` at least, aligned as pages are, and any bytes are a `T`.
        unsafe { self.start.as_ref() }
    }
}

impl<T: Shared> Drop for Mapping<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping that `new` made; references to it have ended.
        let _ = unsafe { munmap(self.start.cast::<c_void>(), self.len) };
    }
}

/// Unmaps what [`Mapping::leak`] left.
///
/// # Safety
/// `memory` was leaked from a mapping of `len` bytes, and nobody in this process uses it any more.
pub unsafe fn unmap<T: Shared>(memory: &'static T, len: usize) {
    // SAFETY: says the caller.
    let _ = unsafe { munmap(NonNull::from(memory).cast::<c_void>(), len) };
}
