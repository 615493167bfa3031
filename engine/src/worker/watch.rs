//! The system tells when one of the files changes that are watched (inotify(7)).
//!
//! It tells of directories by their number, whatever they are called. So what is watched for a file is its directory, and, where
//! symbolic links are on the way to it (`current -> releases/7`), the directories that these links stand in.

use os::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::{Component, Path, PathBuf};

/// Most directories that are watched: the system counts them for each user.
const MOST: usize = 4096;
/// Most links that are followed on the way to a file, as the system itself has it.
const MOST_LINKS: usize = 40;

/// Watched directories.
pub struct Watch {
    inotify: Inotify,
    /// By their numbers.
    watched: HashMap<WatchDescriptor, Watched>,
    /// Directories of files, by the names they are known by.
    known: HashSet<PathBuf>,
}

/// What a directory is watched for.
#[derive(Default)]
struct Watched {
    /// Files in it, under these names of it.
    files_of: Vec<PathBuf>,
    /// Names in it, and the paths that lead elsewhere when they do.
    links: HashMap<OsString, Vec<PathBuf>>,
}

impl Watch {
    /// Makes a watch without directories.
    pub fn new() -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        Ok(Self { inotify, watched: HashMap::new(), known: HashSet::new() })
    }

    /// Can be read when something has changed.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    /// The number of that.
    pub fn descriptor(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }

    /// Watches for a file: its directory, once, for files are replaced rather than written to; and links on the way to it.
    pub fn add(&mut self, file: &Path) -> io::Result<()> {
        let Some(directory) = file.parent() else { return Ok(()) };
        if !self.known.contains(directory) {
            let real = self.follow(directory, directory)?;
            let watched = self.directory(&real)?;
            watched.files_of.push(directory.to_path_buf());
            self.known.insert(directory.to_path_buf());
        }
        if file.is_symlink() {
            let real = self.follow(file, file)?;
            if let (Some(directory), Some(name)) = (real.parent(), real.file_name()) {
                self.directory(directory)?.note(name, file);
            }
        }
        Ok(())
    }

    /// Nothing at or below this path is watched any more.
    fn forget(&mut self, path: &Path) {
        let stays = |known: &PathBuf| !known.starts_with(path);
        self.known.retain(stays);
        self.watched.retain(|number, watched| {
            watched.files_of.retain(stays);
            watched.links.retain(|_, paths| {
                paths.retain(stays);
                !paths.is_empty()
            });
            let wanted = !watched.files_of.is_empty() || !watched.links.is_empty();
            if !wanted {
                // One that is gone already is an error that means nothing.
                let _ = self.inotify.rm_watch(*number);
            }
            wanted
        });
    }

    /// The path without links, of which each is watched for `whose` sake.
    fn follow(&mut self, path: &Path, whose: &Path) -> io::Result<PathBuf> {
        let mut real = PathBuf::new();
        let mut left: Vec<OsString> = path.components().rev().map(|part| part.as_os_str().into()).collect();
        let mut links = 0;
        while let Some(part) = left.pop() {
            match Path::new(&part).components().next() {
                Some(Component::ParentDir) => {
                    real.pop();
                    continue;
                }
                Some(Component::CurDir) | None => continue,
                Some(_) => {}
            }
            let next = real.join(&part);
            let Ok(target) = next.read_link() else {
                real = next;
                continue;
            };
            links += 1;
            if links > MOST_LINKS {
                return Err(io::Error::from_raw_os_error(libc::ELOOP));
            }
            self.directory(&real)?.note(&part, whose);
            left.extend(target.components().rev().map(|part| part.as_os_str().to_owned()));
        }
        Ok(real)
    }

    /// A directory that is watched.
    fn directory(&mut self, path: &Path) -> io::Result<&mut Watched> {
        if self.watched.len() >= MOST {
            return Err(io::Error::other(format!("the limit of {MOST} directories is reached")));
        }
        let events = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF;
        let number = self.inotify.add_watch(path, events | AddWatchFlags::IN_ONLYDIR)?;
        Ok(self.watched.entry(number).or_default())
    }

    /// The files that have changed, and directories and links that are no longer what they were. What lies at or below them
    /// is to be added anew: it may be another file by now.
    pub fn changed(&mut self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        while let Ok(events) = self.inotify.read_events() {
            events.iter().for_each(|event| self.event(event, &mut files));
        }
        files.sort();
        files.dedup();
        files.iter().for_each(|file| self.forget(file));
        files
    }

    fn event(&mut self, event: &InotifyEvent, files: &mut Vec<PathBuf>) {
        let gone = AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_IGNORED;
        let name = event.name.as_deref().unwrap_or_default();
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            // More has changed than the system keeps: anything may have.
            files.extend(self.known.iter().cloned());
        } else if event.mask.intersects(gone) {
            if let Some(watched) = self.watched.remove(&event.wd) {
                self.known.retain(|known| !watched.files_of.contains(known));
                files.extend(watched.files_of);
                files.extend(watched.links.into_values().flatten());
            }
        } else if let Some(watched) = self.watched.get(&event.wd) {
            files.extend(watched.links.get(name).into_iter().flatten().cloned());
            // A file that is being made is there when it has been written; a link is at once.
            let there = |path: &PathBuf| !event.mask.contains(AddWatchFlags::IN_CREATE) || path.is_symlink();
            files.extend(watched.files_of.iter().map(|directory| directory.join(name)).filter(there));
        }
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        self.watched.len()
    }
}

impl Watched {
    fn note(&mut self, name: &OsStr, whose: &Path) {
        let paths = self.links.entry(name.to_owned()).or_default();
        if !paths.iter().any(|path| path == whose) {
            paths.push(whose.to_path_buf());
        }
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
        assert_eq!(watch.count(), 1);
        std::fs::write(&file, "x = 1").unwrap();
        let changed = watch.changed();
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(changed, [file]);
        assert_eq!(watch.changed(), [directory], "it is no longer what it was");
    }

    /// A directory of its own, without links on the way to it.
    fn place(name: &str) -> PathBuf {
        let place = std::env::temp_dir().join(format!("mod_wsgi-watch-{name}-{}", std::process::id()));
        std::fs::create_dir(&place).unwrap();
        place.canonicalize().unwrap()
    }

    /// Has `link` lead to `target`, in one step or in two.
    fn switch(link: &Path, target: &str, at_once: bool) {
        let new = if at_once { link.with_extension("new") } else { link.to_path_buf() };
        if !at_once {
            std::fs::remove_file(link).unwrap();
        }
        std::os::unix::fs::symlink(target, &new).unwrap();
        if at_once {
            std::fs::rename(&new, link).unwrap();
        }
    }

    #[test]
    fn a_link_on_the_way_that_leads_elsewhere() {
        let place = place("links");
        for release in ["1", "2"] {
            std::fs::create_dir_all(place.join("releases").join(release).join("package")).unwrap();
            std::fs::write(place.join("releases").join(release).join("package/module.py"), "").unwrap();
        }
        std::os::unix::fs::symlink("releases/1", place.join("stable")).unwrap();
        std::os::unix::fs::symlink("stable", place.join("current")).unwrap();
        let file = place.join("current/package/module.py");
        let package = file.parent().unwrap();
        for (link, at_once) in [("stable", true), ("stable", false), ("current", true), ("current", false)] {
            let mut watch = Watch::new().unwrap();
            watch.add(&file).unwrap();
            let target = if link == "current" && !at_once { "releases/1" } else { "releases/2" };
            switch(&place.join(link), target, at_once);
            assert_eq!(watch.changed(), [package], "{link} {at_once}");
            // Added anew, it is the other release's file that counts.
            watch.add(&file).unwrap();
            std::fs::write(package.canonicalize().unwrap().join("module.py"), "x").unwrap();
            assert_eq!(watch.changed(), std::slice::from_ref(&file), "{link} {at_once}");
            let other = if target == "releases/1" { "2" } else { "1" };
            std::fs::write(place.join("releases").join(other).join("package/module.py"), "x").unwrap();
            assert!(watch.changed().is_empty(), "{link} {at_once}");
        }
        std::fs::remove_dir_all(&place).unwrap();
    }

    #[test]
    fn a_file_that_is_a_link() {
        let place = place("file");
        std::fs::create_dir(place.join("shared")).unwrap();
        std::fs::write(place.join("shared/one.py"), "").unwrap();
        std::fs::write(place.join("shared/two.py"), "").unwrap();
        let file = place.join("module.py");
        std::os::unix::fs::symlink("shared/one.py", &file).unwrap();
        let mut watch = Watch::new().unwrap();
        watch.add(&file).unwrap();
        std::fs::write(place.join("shared/two.py"), "x").unwrap();
        assert!(watch.changed().is_empty());
        std::fs::write(place.join("shared/one.py"), "x").unwrap();
        assert_eq!(watch.changed(), std::slice::from_ref(&file));
        for at_once in [true, false] {
            switch(&file, "shared/two.py", at_once);
            assert_eq!(watch.changed(), std::slice::from_ref(&file), "{at_once}");
        }
        watch.add(&file).unwrap();
        std::fs::write(place.join("shared/two.py"), "y").unwrap();
        assert_eq!(watch.changed(), std::slice::from_ref(&file));
        std::fs::remove_dir_all(&place).unwrap();
    }

    #[test]
    fn links_that_lead_to_each_other() {
        let place = place("loop");
        std::os::unix::fs::symlink("b", place.join("a")).unwrap();
        std::os::unix::fs::symlink("a", place.join("b")).unwrap();
        let mut watch = Watch::new().unwrap();
        assert!(watch.add(&place.join("a/module.py")).is_err());
        std::fs::remove_dir_all(&place).unwrap();
    }
}
