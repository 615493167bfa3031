//! Files that applications are made of (`reload=imports`): the system tells when one of them changes.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Most directories that are watched: the system counts them for each user.
const MOST: usize = 4096;

/// Watched directories.
pub struct Watch {
    inotify: OwnedFd,
    /// By their numbers.
    directories: HashMap<i32, PathBuf>,
}

impl Watch {
    /// Without any.
    pub fn new() -> io::Result<Self> {
        // SAFETY: answers a new descriptor or -1.
        let fd = unsafe { libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the new descriptor is ours.
        Ok(Self { inotify: unsafe { OwnedFd::from_raw_fd(fd) }, directories: HashMap::new() })
    }

    /// Can be read when something has changed.
    pub fn fd(&self) -> RawFd {
        self.inotify.as_raw_fd()
    }

    /// Watches the directory of a file, once, for files are replaced rather than written to.
    pub fn add(&mut self, file: &Path) -> io::Result<()> {
        let Some(directory) = file.parent() else { return Ok(()) };
        if self.directories.values().any(|known| known == directory) {
            return Ok(());
        }
        if self.directories.len() >= MOST {
            return Err(io::Error::other(format!("there are {MOST} others already")));
        }
        let path = CString::new(directory.as_os_str().as_bytes())?;
        let events = libc::IN_CLOSE_WRITE
            | libc::IN_MOVED_TO
            | libc::IN_ATTRIB
            | libc::IN_DELETE_SELF
            | libc::IN_MOVE_SELF;
        // SAFETY: a C string.
        let number = unsafe { libc::inotify_add_watch(self.fd(), path.as_ptr(), events | libc::IN_ONLYDIR) };
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        self.directories.insert(number, directory.to_path_buf());
        Ok(())
    }

    /// The files that have changed, and directories that are no longer what they were.
    pub fn changed(&mut self) -> Vec<PathBuf> {
        const HEADER: usize = size_of::<libc::inotify_event>();
        let mut files = Vec::new();
        let mut bytes = [0u8; 16 << 10];
        loop {
            // SAFETY: a live buffer.
            let count = unsafe { libc::read(self.fd(), bytes.as_mut_ptr().cast(), bytes.len()) };
            let Ok(count @ 1..) = usize::try_from(count) else { break };
            let mut at = 0;
            while at + HEADER <= count {
                // SAFETY: the system writes whole events; they are read as bytes are, without alignment.
                let event: libc::inotify_event =
                    unsafe { bytes[at..].as_ptr().cast::<libc::inotify_event>().read_unaligned() };
                let end = (at + HEADER + event.len as usize).min(count);
                let name = &bytes[at + HEADER..end];
                let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
                let gone = libc::IN_DELETE_SELF | libc::IN_MOVE_SELF | libc::IN_IGNORED;
                if event.mask & libc::IN_Q_OVERFLOW != 0 {
                    // More has changed than the system keeps: anything may have.
                    files.extend(self.directories.values().cloned());
                } else if event.mask & gone != 0 {
                    files.extend(self.directories.remove(&event.wd));
                } else if let Some(directory) = self.directories.get(&event.wd) {
                    files.push(directory.join(OsStr::from_bytes(name)));
                }
                at = end;
            }
        }
        files.sort();
        files.dedup();
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_not_there_is_told() {
        let mut watch = Watch::new().unwrap();
        let missing = watch.add(Path::new("/no such directory/file"));
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(watch.changed().is_empty());
    }

    #[test]
    fn files_that_change_are_named() {
        let directory = std::env::temp_dir().join(format!("mod_wsgi-watch-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let file = directory.join("module.py");
        let mut watch = Watch::new().unwrap();
        watch.add(&file).unwrap();
        watch.add(&directory.join("another.py")).unwrap();
        assert_eq!(watch.directories.len(), 1);
        std::fs::write(&file, "x = 1").unwrap();
        let changed = watch.changed();
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(changed, [file]);
        assert_eq!(watch.changed(), [directory], "it is no longer what it was");
    }
}
