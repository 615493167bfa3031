//! Files that applications send often, mapped into memory once.
//!
//! httpd maps a file for each request and unmaps it again; in a process with many threads that costs more than anything
//! else about sending it. Here a mapping is kept for a short while after its last use, for the next request of the same
//! file: same device and inode, size and modification time. Whoever sends it holds it, so it is never unmapped under a
//! bucket. Whoever reads behind the end of a file that was cut after it was mapped is killed (SIGBUS), so only files are
//! mapped that nobody but root can write; `EnableMMAP Off` leaves out these as well.
#![allow(unsafe_code)]

use crate::process::threads;
use std::fs::{File, Metadata};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::ptr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once};
use std::time::{Duration, Instant};

/// Smaller files are read, larger ones left to httpd.
const SIZES: std::ops::RangeInclusive<u64> = (64 << 10)..=(16 << 20);
/// Most bytes kept mapped that nobody sends.
const MOST: u64 = 64 << 20;
/// How long a mapping is kept after its last use.
const KEEP: Duration = Duration::from_secs(5);

/// A whole file in memory, read-only.
pub struct Mapping {
    start: *const u8,
    len: usize,
}

// SAFETY: memory that is only read, and unmapped once, by whoever lets go of it last.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(file: &File, len: usize) -> Option<Self> {
        // SAFETY: a new mapping of a file that is open during the call.
        let start = unsafe {
            libc::mmap(ptr::null_mut(), len, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0)
        };
        (start != libc::MAP_FAILED).then_some(Self { start: start.cast(), len })
    }

    /// `len` bytes from `offset` on, as far as they are there.
    pub fn part(self: Arc<Self>, offset: u64, len: u64) -> Part {
        let start = (offset as usize).min(self.len);
        let end = start.saturating_add(len as usize).min(self.len);
        Part { mapping: self, range: start..end }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: what `new` mapped, and nobody uses it any more.
        unsafe { libc::munmap(self.start.cast_mut().cast(), self.len) };
    }
}

/// A part of a mapping, for a bucket.
pub struct Part {
    mapping: Arc<Mapping>,
    range: Range<usize>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        let mapping = &self.mapping;
        // SAFETY: memory that is mapped for as long as the mapping is held, of a file that is `Lasting`.
        let whole = unsafe { std::slice::from_raw_parts(mapping.start, mapping.len) };
        &whole[self.range.clone()]
    }
}

/// What tells one state of a file from another.
type Identity = (u64, u64, u64, i64, i64);

struct Kept {
    identity: Identity,
    mapping: Arc<Mapping>,
    used: Instant,
}

static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());
static FILLED: Condvar = Condvar::new();

fn kept() -> MutexGuard<'static, Vec<Kept>> {
    os::lock(&KEPT)
}

/// Filesystems of this machine, on which a file that only root can write is as long as it was. Of a network's, and of those
/// that a user's own program is (FUSE), nobody knows.
const LOCAL: [i64; 9] = [
    libc::EXT4_SUPER_MAGIC,
    libc::XFS_SUPER_MAGIC,
    libc::BTRFS_SUPER_MAGIC,
    libc::F2FS_SUPER_MAGIC,
    libc::TMPFS_MAGIC,
    libc::OVERLAYFS_SUPER_MAGIC,
    0x2fc1_2fc1, // ZFS
    0x7371_7368, // squashfs
    0xe0f5_e1e2, // EROFS
];

/// A file that only root can change or make shorter.
pub struct Lasting<'f>(&'f File);

impl<'f> Lasting<'f> {
    /// The file, if it is one.
    pub fn of(file: &'f File) -> Option<Self> {
        let is_roots = file.metadata().is_ok_and(|data| data.uid() == 0 && data.mode() & 0o022 == 0);
        let lasts = is_roots && os::file_system(file.as_fd()).is_some_and(|kind| LOCAL.contains(&kind));
        lasts.then_some(Self(file))
    }
}

/// The file in memory; `None` when it is too small or too large for that.
pub fn get(Lasting(file): Lasting<'_>) -> Option<Arc<Mapping>> {
    let data: Metadata = file.metadata().ok().filter(|data| data.is_file() && SIZES.contains(&data.len()))?;
    let identity = (data.dev(), data.ino(), data.len(), data.mtime(), data.mtime_nsec());
    let mut kept = kept();
    if let Some(known) = kept.iter_mut().find(|known| known.identity == identity) {
        known.used = Instant::now();
        return Some(known.mapping.clone());
    }
    let mapping = Arc::new(Mapping::new(file, data.len() as usize)?);
    if sweeps() {
        // Another state of the same file is of no use any more, and the oldest goes when there is too much.
        kept.retain(|old| old.identity.0 != identity.0 || old.identity.1 != identity.1);
        kept.push(Kept { identity, mapping: mapping.clone(), used: Instant::now() });
        kept.sort_by_key(|one| std::cmp::Reverse(one.used));
        let mut sum = 0;
        kept.retain(|one| {
            sum += one.identity.2;
            sum <= MOST
        });
        FILLED.notify_one();
    }
    Some(mapping)
}

/// Lets go of mappings that nobody has asked for lately. Answers false if there can be no thread for that.
fn sweeps() -> bool {
    static ONCE: Once = Once::new();
    static THREAD: Mutex<bool> = Mutex::new(false);
    ONCE.call_once(|| {
        let started = threads::spawn("wsgi-maps", &os::everything(), || {
            let mut kept = kept();
            loop {
                kept = if kept.is_empty() {
                    os::wait(&FILLED, kept)
                } else {
                    os::wait_for(&FILLED, kept, KEEP / 4)
                };
                kept.retain(|one| one.used.elapsed() < KEEP);
            }
        });
        *os::lock(&THREAD) = started.is_ok();
    });
    *os::lock(&THREAD)
}
