//! A directory that is used by its descriptor: whatever is put in the place of its name meanwhile is left alone.

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, renameat};
use nix::sys::stat::{Mode, mkdirat, umask};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchownat, unlinkat};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// An open directory.
pub struct Directory(File);

const HOW: OFlag = OFlag::O_DIRECTORY.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

impl Directory {
    /// This directory; a link to one is none.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(open(path, HOW, Mode::empty())?.into()))
    }

    /// One in it.
    pub fn inner(&self, name: &str) -> io::Result<Self> {
        Ok(Self(nix::fcntl::openat(self, name, HOW, Mode::empty())?.into()))
    }

    /// Makes one in it, which has this mode from its beginning, whatever the umask says.
    pub fn make(&self, name: &str, mode: u32) -> io::Result<()> {
        let mask = umask(Mode::empty());
        let made = mkdirat(self, name, Mode::from_bits_truncate(mode));
        umask(mask);
        Ok(made?)
    }

    /// Whose it is, and what it is.
    pub fn known(&self) -> io::Result<Metadata> {
        self.0.metadata()
    }

    /// The names in it that are UTF-8.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut all = Dir::openat(self, ".", HOW, Mode::empty())?;
        let names = all.iter().filter_map(|entry| entry.ok()?.file_name().to_str().ok().map(str::to_owned));
        Ok(names.filter(|name| name != "." && name != "..").collect())
    }

    /// Removes a name that is no directory's; follows no link.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(self, name, UnlinkatFlags::NoRemoveDir)?)
    }

    /// Removes a directory in it in which nothing is.
    pub fn remove_directory(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(self, name, UnlinkatFlags::RemoveDir)?)
    }

    /// Another name.
    pub fn rename(&self, old: &str, new: &str) -> io::Result<()> {
        Ok(renameat(self, old, self, new)?)
    }

    /// Gives away what has this name; follows no link.
    pub fn give(&self, name: &str, uid: u32, gid: u32) -> io::Result<()> {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        let given: Result<(), Errno> = fchownat(self, name, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW);
        Ok(given?)
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
