//! Files that the applications are made of (`reload=imports`): one that changes is a reason to be replaced.
//!
//! The process looks itself, so it sees what its user may see, and what it watches is counted as its user's. Its threads for
//! that may wait for a file system; no other thread waits for them.

use super::process::Worker;
use super::system;
use super::watch::Watch;
use crate::host;
use crate::runtime;
use crate::startup;
use os::lock;
use std::collections::HashSet;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, OnceLock};
use wire::control::{Message, Reason};
use wire::message as msg;

/// Files that are watched, at most.
const MOST_FILES: usize = 20_000;

/// What is watched.
#[derive(Default)]
pub struct Imports {
    inner: OnceLock<Mutex<Inner>>,
}

/// Files that are watched, on one thread.
pub(super) struct Inner {
    watch: Watch,
    files: HashSet<PathBuf>,
    /// Whether the log line about unwatched files was written.
    said: bool,
}

impl Inner {
    /// Nothing is watched yet.
    pub(super) fn new(watch: Watch) -> Self {
        Self { watch, files: HashSet::new(), said: false }
    }

    /// Can be read when something has changed.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }

    /// Watches more files; once it answers with one that cannot be watched, and why.
    pub(super) fn add_all<'a>(
        &mut self,
        files: impl Iterator<Item = &'a Path>,
    ) -> Option<(&'a Path, io::Error)> {
        let mut first = None;
        for file in files {
            if let Err(error) = self.add(file)
                && !std::mem::replace(&mut self.said, true)
            {
                first = Some((file, error));
            }
        }
        first
    }

    /// Watches one more file.
    fn add(&mut self, file: &Path) -> io::Result<()> {
        if self.files.contains(file) {
            return Ok(());
        }
        if self.files.len() >= MOST_FILES {
            return Err(io::Error::other(format!("the limit of {MOST_FILES} files is reached")));
        }
        self.files.insert(file.to_path_buf());
        self.watch.add(file)
    }

    /// The first file that has changed, of those that are known; a directory or link that was replaced counts for all files
    /// below it, which are watched anew.
    pub(super) fn changed(&mut self) -> Option<PathBuf> {
        let mut first = None;
        for file in self.watch.changed() {
            let below: Vec<PathBuf> =
                self.files.iter().filter(|known| known.starts_with(&file)).cloned().collect();
            for known in &below {
                // If it has gone there is nothing to watch.
                let _ = self.watch.add(known);
            }
            first = first.or((!below.is_empty()).then_some(file));
        }
        first
    }
}

impl Worker {
    /// Watches what has been imported so far. With `for_others`, those that serve are to watch it, too.
    pub(super) fn watch_imports(&'static self, for_others: bool) {
        let files = startup::own_files();
        if for_others {
            for part in messages(&files) {
                self.tell(&Message::Watch(part));
            }
        }
        self.watch_files(files.iter().map(Path::new));
    }

    /// Watches files, and has a thread look at them from the first time on.
    fn watch_files<'a>(&'static self, files: impl Iterator<Item = &'a Path>) {
        let mut files = files.peekable();
        let Some(first) = files.peek() else { return };
        let inner = match self.imports.inner.get() {
            Some(inner) => inner,
            None => match Watch::new() {
                Ok(watch) => self.begin_to_watch(watch),
                Err(error) => return self.cannot_watch(first, &error),
            },
        };
        if let Some((file, error)) = lock(inner).add_all(files) {
            self.cannot_watch(file, &error);
        }
    }

    fn begin_to_watch(&'static self, watch: Watch) -> &'static Mutex<Inner> {
        let fd = watch.descriptor();
        let mut begins = false;
        let inner = self.imports.inner.get_or_init(|| {
            begins = true;
            Mutex::new(Inner::new(watch))
        });
        if begins {
            system::watch_descriptor(fd, true);
            let body = move || {
                loop {
                    if os::await_readable(fd, None).is_err() {
                        return;
                    }
                    if let Some(file) = lock(inner).changed() {
                        self.ask_for_successor(Reason::Imports, &has_changed(&file));
                    }
                }
            };
            if let Err(error) = std::thread::Builder::new().name("wsgi-watch".into()).spawn(body) {
                host::message(msg::THREADS_SHORT, format_args!("no thread can be started: {error}"));
            }
        }
        inner
    }

    fn cannot_watch(&self, file: &Path, error: &io::Error) {
        cannot_watch(self.name(), file, error);
    }

    /// A process that will not serve has imported these: their names, each ended by a NUL.
    pub(super) fn watch_for_another(&'static self, files: Vec<u8>) {
        if self.settings.reload == 2 {
            self.in_a_thread(move || {
                self.watch_files(names(&files));
            });
        }
    }

    /// Modules that came with requests are watched too, where that is wanted.
    pub(super) fn look_at_imports(&'static self) {
        let served = self.counters().requests;
        if self.settings.reload == 2 && self.watched.swap(served, Ordering::SeqCst) != served {
            self.in_a_thread(move || {
                self.watch_imports(false);
                runtime::thread_exit();
            });
        }
    }

    fn in_a_thread(&self, body: impl FnOnce() + Send + 'static) {
        if let Err(error) = std::thread::Builder::new().name("wsgi-files".into()).spawn(body) {
            host::message(msg::THREADS_SHORT, format_args!("no thread can be started: {error}"));
        }
    }
}

/// Says that a file is not watched.
pub(super) fn cannot_watch(name: &str, file: &Path, error: &io::Error) {
    let place = file.display();
    let text = format!("the directory of '{place}', for group '{name}', cannot be watched: {error}");
    host::message(msg::WATCH_FAILED, text);
}

/// Why a process is to be replaced, in words.
pub(super) fn has_changed(file: &Path) -> String {
    format!("'{}' has changed", file.display())
}

/// The files of such a message.
pub(super) fn names(files: &[u8]) -> impl Iterator<Item = &Path> {
    let names = files.split(|byte| *byte == 0).filter(|name| name.starts_with(b"/"));
    names.map(|name| Path::new(std::ffi::OsStr::from_bytes(name)))
}

/// Names of files, each ended by a NUL, in as many messages as it takes.
pub(super) fn messages(files: &[String]) -> Vec<Vec<u8>> {
    let mut parts = vec![Vec::new()];
    for file in files {
        if let Some(part) = parts.last()
            && part.len() + file.len() > wire::control::LONGEST / 2
        {
            parts.push(Vec::new());
        }
        if let Some(part) = parts.last_mut() {
            part.extend_from_slice(file.as_bytes());
            part.push(0);
        }
    }
    parts
}
