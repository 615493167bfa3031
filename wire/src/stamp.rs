//! What tells one version of a script file from another.

use std::os::unix::fs::MetadataExt;

/// The state of a file. A deployment may switch a symbolic link to a file with the same modification time, so which file it is
/// counts too.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Modification time in microseconds since the epoch; negative: there is no file, or nobody has looked.
    pub modified: i64,
    /// The device it lies on.
    pub device: u64,
    /// Inode number of the file.
    pub inode: u64,
}

impl Stamp {
    /// Of no file, or of one that nobody has looked at.
    pub const UNKNOWN: Self = Self { modified: -1, device: 0, inode: 0 };

    /// Whether the file was examined and exists.
    pub fn is_known(&self) -> bool {
        self.modified >= 0
    }
}

impl Default for Stamp {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl From<&std::fs::Metadata> for Stamp {
    fn from(data: &std::fs::Metadata) -> Self {
        let modified = data.mtime() * 1_000_000 + data.mtime_nsec() / 1000;
        Self { modified, device: data.dev(), inode: data.ino() }
    }
}
