//! Bytes that wait in a file without a name, or in memory where there can be no file.

use crate::apache::Request;
use crate::apache::body::Body;
use std::fs::{File, OpenOptions, remove_file};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use wire::message as msg;

/// Bytes in the order in which they came.
pub struct Kept<'r> {
    request: Request<'r>,
    file: Option<File>,
    /// How many of them are in the file.
    filed: u64,
    /// Bytes that arrived when the file could not be written.
    others: Vec<u8>,
}

impl<'r> Kept<'r> {
    /// Makes an empty buffer for the body of a request.
    pub fn new(request: Request<'r>) -> Self {
        Self { request, file: None, filed: 0, others: Vec::new() }
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.filed + self.others.len() as u64
    }

    /// Drops all kept bytes.
    pub fn clear(&mut self) {
        *self = Self::new(self.request);
    }

    /// Whether no bytes are kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds bytes.
    pub fn put(&mut self, body: &Body<'_>, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.others.is_empty() {
            let directory = directory(body);
            let Err(error) = self.write(directory, bytes) else { return };
            self.complain("the body of a request is kept in memory", "written", &error);
        }
        self.others.extend_from_slice(bytes);
    }

    fn write(&mut self, directory: &Path, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(nameless(directory)?),
        };
        file.write_all_at(bytes, self.filed)?;
        self.filed += bytes.len() as u64;
        Ok(())
    }

    /// Copies some from there on; `None`: they cannot be had.
    pub fn get(&self, from: u64, into: &mut [u8]) -> Option<usize> {
        if from >= self.filed {
            let others = &self.others[(from - self.filed) as usize..];
            let count = others.len().min(into.len());
            into[..count].copy_from_slice(&others[..count]);
            return Some(count);
        }
        let count = into.len().min((self.filed - from) as usize);
        let file = self.file.as_ref()?;
        match file.read_exact_at(&mut into[..count], from) {
            Ok(()) => Some(count),
            Err(error) => {
                self.complain("a part of the body of a request is lost", "read", &error);
                None
            }
        }
    }

    fn complain(&self, what: &str, done: &str, error: &io::Error) {
        let text = format!("{what}: a temporary file cannot be {done}: {error}");
        self.request.log(msg::BODY_FILE, text);
    }
}

/// Where the files are: APR tries directories by writing to them, so it is asked once.
fn directory(body: &Body<'_>) -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| body.temporary_directory().unwrap_or_else(|| "/tmp".into()))
}

/// A file that nobody else can open, and that goes with its descriptor.
fn nameless(directory: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    let opened = options.clone().custom_flags(libc::O_TMPFILE).open(directory);
    // Filesystems that have no such files (overlayfs of old, NFS), and kernels that know none.
    let unknown = [libc::EOPNOTSUPP, libc::EISDIR, libc::ENOENT, libc::EINVAL];
    match opened {
        Err(error) if error.raw_os_error().is_some_and(|number| unknown.contains(&number)) => {}
        done => return done.map_err(|error| named(directory, &error)),
    }
    let name = os::random()?.map(|byte| format!("{byte:02x}")).concat();
    let path = directory.join(format!("wsgi-body-{name}"));
    let file = options.create_new(true).open(&path).map_err(|error| named(directory, &error))?;
    remove_file(&path)?;
    Ok(file)
}

fn named(directory: &Path, error: &io::Error) -> io::Error {
    io::Error::other(format!("{}: {error}", directory.display()))
}
