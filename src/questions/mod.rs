//! Where the command `mod-wsgi` asks processes: a directory of sockets, beside those of the process groups. httpd's parent makes it and
//! removes it; it is root's, and has a socket for each process of a group, made by its supervisor. In it, the directory of Apache's user
//! has one for each child of Apache, which makes its own. The name of each is the pid of the process.
//!
//! Root makes it only where nobody else can put something in its place ([`check_around`]), and uses it by its descriptor: it is the
//! one that was made, whatever has its name. Root makes and changes nothing in the directory of Apache's user, whose processes
//! could put something else in the place of what it has just made.

use crate::apache::users::is_root;
use crate::apache::{Pool, Server, log, mpm};
use crate::config::ServerExt;
use crate::config::socket;
use crate::python::apache_user;
use os::{Directory, Mapping};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use wire::message;

/// How the name of the directory ends, behind the pid of httpd's parent.
const END: &str = "ask";
/// The directory for children of Apache in it.
const CHILDREN: &str = "c";
/// The longest name of a socket in there.
const LONGEST_NAME: usize = "/c/4194304".len();
/// Those who ask wait in a queue of this length.
const BACKLOG: u32 = 16;
/// What the name of a socket begins with whose process has no pid yet.
const NEW: &str = "new.";

/// A directory: its name, and what it was when it was made.
#[derive(Clone)]
struct Place {
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// The directory; `None`: there is none.
static PLACE: Mutex<Option<Place>> = Mutex::new(None);

/// A child has said why it cannot be asked; the others would say the same. `None`: nobody counts.
static SAID: Mutex<Option<Mapping<AtomicU32>>> = Mutex::new(None);

/// In the parent: makes the directory, if it is not there; `kept` is what was answered the last time. Without one the server does
/// what it always does, but for the command.
pub fn prepare(pool: Pool<'_>, main: Server<'_>, kept: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let path = kept.unwrap_or_else(|| {
        let name = format!(".{}.{END}", std::process::id());
        [&socket::prefix(pool, main.config())[..], name.as_bytes()].concat()
    });
    let path = PathBuf::from(OsStr::from_bytes(&path));
    match make(&path) {
        Ok(place) => {
            let said = os::empty_memory(c"mod_wsgi said", size_of::<AtomicU32>());
            *os::lock(&SAID) = said.and_then(|file| Mapping::new(&file, size_of::<AtomicU32>())).ok();
            let path = place.path.as_os_str().as_bytes().to_vec();
            *os::lock(&PLACE) = Some(place);
            Some(path)
        }
        Err(why) => {
            let text = format!(
                "the command mod-wsgi cannot ask this server: the directory '{}' cannot be made: {why}",
                path.display()
            );
            log::server_message(Some(main), message::NO_QUESTIONS, text);
            None
        }
    }
}

fn make(path: &Path) -> Result<Place, String> {
    let stands = |error: io::Error| {
        format!(
            "{error}; correct what stands in the way, or move it with WSGISocketPrefix, and restart Apache"
        )
    };
    let (around, name) = around(path)?;
    let path = around.join(&name);
    if path.as_os_str().len() + LONGEST_NAME > os::LONGEST_PATH {
        return Err("its path is too long; shorten WSGISocketPrefix".to_owned());
    }
    let own = os::unistd::geteuid().as_raw();
    let around = Directory::open(&around).map_err(stands)?;
    let (directory, is_new) = make_directory(&around, &name, 0o755, &[own]).map_err(stands)?;
    let made = make_children(&directory, own).and_then(|()| Place::of(path, &directory));
    made.map_err(|error| {
        if is_new {
            let _ = directory.remove_directory(CHILDREN);
            let _ = around.remove_directory(&name);
        }
        stands(error)
    })
}

fn make_children(directory: &Directory, own: u32) -> io::Result<()> {
    let user = apache_user();
    // It was given away the last time.
    make_directory(directory, CHILDREN, 0o700, &[own, user.uid])?;
    if is_root() { directory.give(CHILDREN, user.uid, user.gid) } else { Ok(()) }
}

/// A directory of that mode, of one of these owners, in which nobody else has made anything; and whether it is new.
fn make_directory(
    around: &Directory,
    name: &str,
    mode: u32,
    owners: &[u32],
) -> io::Result<(Directory, bool)> {
    let is_new = match around.make(name, mode) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        Err(error) => return Err(error),
    };
    let stranger = || io::Error::from(io::ErrorKind::AlreadyExists);
    let directory = around.inner(name).map_err(|_| stranger())?;
    let known = directory.known()?;
    let is_ours = known.mode() & 0o022 == 0 && owners.contains(&known.uid());
    if is_ours { Ok((directory, is_new)) } else { Err(stranger()) }
}

/// Where a directory is, without links, and its name there. Root's is nowhere where others could put something in its place.
fn around(path: &Path) -> Result<(PathBuf, String), String> {
    let name = path.file_name().and_then(OsStr::to_str).ok_or("its name is not UTF-8")?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).ok_or("it has no parent")?;
    let around = fs::canonicalize(parent).map_err(|error| {
        format!(
            "'{}': {error}; make that directory, or move it with WSGISocketPrefix, and restart Apache",
            parent.display()
        )
    })?;
    if is_root() {
        check_around(&around)?;
    }
    Ok((around, name.to_owned()))
}

/// Nobody but root can put something else in the place of what root makes in this directory, or of the directory itself.
fn check_around(around: &Path) -> Result<(), String> {
    for directory in around.ancestors() {
        let known = fs::symlink_metadata(directory)
            .map_err(|error| format!("'{}' cannot be examined: {error}", directory.display()))?;
        // In a sticky one only root may touch what is root's. Root's group can do what root can.
        let writers = if known.gid() == 0 { 0o002 } else { 0o022 };
        let is_shared = known.mode() & writers != 0 && known.mode() & 0o1000 == 0;
        if known.uid() != 0 || is_shared {
            let who = if is_shared { "others may write there" } else { "it is not root's" };
            return Err(format!(
                "others than root could put something else in its place, for '{}' is around it and {who}. Name a directory of root's \
                 with WSGISocketPrefix (as /run/mod_wsgi/wsgi), or give that one to root alone, and restart Apache",
                directory.display()
            ));
        }
    }
    Ok(())
}

impl Place {
    fn of(path: PathBuf, directory: &Directory) -> io::Result<Self> {
        let known = directory.known()?;
        Ok(Self { path, device: known.dev(), inode: known.ino() })
    }

    /// The one of a configuration that is gone, by what the parent keeps of it.
    fn kept(path: &[u8]) -> Option<Self> {
        let (around, name) = around(Path::new(OsStr::from_bytes(path))).ok()?;
        let directory = Directory::open(&around).ok()?.inner(&name).ok()?;
        let known = directory.known().ok()?;
        let is_ours = known.mode() & 0o022 == 0 && known.uid() == os::unistd::geteuid().as_raw();
        is_ours.then(|| Self::of(around.join(name), &directory).ok())?
    }

    /// The directory, if that is what has its name.
    fn open(&self) -> Option<Directory> {
        let directory = Directory::open(&self.path).ok()?;
        let known = directory.known().ok()?;
        ((known.dev(), known.ino()) == (self.device, self.inode)).then_some(directory)
    }

    /// It goes, with the sockets in it.
    fn remove(&self) {
        let Some(directory) = self.open() else { return };
        let children = directory.inner(CHILDREN);
        for directory in children.iter().chain([&directory]) {
            for name in directory.names().unwrap_or_default() {
                if is_of_socket(&name) {
                    let _ = directory.remove(&name);
                }
            }
        }
        let _ = directory.remove_directory(CHILDREN);
        // Nothing but an empty directory, whatever it is.
        let _ = fs::remove_dir(&self.path);
    }
}

fn is_of_socket(name: &str) -> bool {
    name.starts_with(NEW) || name.bytes().all(|byte| byte.is_ascii_digit())
}

/// The configuration goes; what was made stays.
pub fn forget() {
    os::lock(&PLACE).take();
    os::lock(&SAID).take();
}

/// The server ends: all of it goes. `kept`: what the parent has kept, if the configuration has gone before.
pub fn remove(kept: impl FnOnce() -> Option<Vec<u8>>) {
    let place = os::lock(&PLACE).take();
    if let Some(place) = place.or_else(|| Place::kept(&kept()?)) {
        place.remove();
    }
}

/// The name of a socket, which goes with this.
pub struct Name {
    place: Place,
    name: String,
}

impl Name {
    /// It is the socket of the process of this pid.
    pub fn give_to(&mut self, pid: u32) {
        let name = pid.to_string();
        if self.place.open().is_some_and(|directory| directory.rename(&self.name, &name).is_ok()) {
            self.name = name;
        }
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        if let Some(directory) = self.place.open() {
            let _ = directory.remove(&self.name);
        }
    }
}

/// In a supervisor: a socket for a process that it is about to start. `None`: there is no directory, or it cannot be made there.
pub fn for_worker(supervisor: u64, serial: u64) -> Option<(OwnedFd, Name)> {
    let place = os::lock(&PLACE).clone()?;
    place.open()?;
    let name = Name { place, name: format!("{NEW}{supervisor}.{serial}") };
    let path = name.place.path.join(&name.name);
    let owner = is_root().then(|| apache_user().uid);
    let listener = os::listen(path.as_os_str().as_bytes(), owner, BACKLOG).ok()?;
    Some((listener, name))
}

/// In a child of Apache: its own. `Ok(None)`: there is no directory, which was said.
pub fn for_child(pid: u32) -> Result<Option<(OwnedFd, Name)>, String> {
    // Of a copy of a child nobody can ask.
    if mpm::serves_in_copies() {
        return Ok(None);
    }
    let Some(path) = os::lock(&PLACE).as_ref().map(|place| place.path.join(CHILDREN)) else {
        return Ok(None);
    };
    let opened =
        Directory::open(&path).and_then(|directory| Ok((Place::of(path.clone(), &directory)?, directory)));
    let (place, directory) =
        opened.map_err(|error| format!("'{}' cannot be opened ({error})", path.display()))?;
    let name = pid.to_string();
    let path = path.join(&name);
    // One of that number has been killed.
    let _ = directory.remove(&name);
    let listener = os::listen(path.as_os_str().as_bytes(), None, BACKLOG);
    let listener = listener.map_err(|(what, error)| format!("'{}': {what} ({error})", path.display()))?;
    Ok(Some((listener, Name { place, name })))
}

/// In a child of Apache that cannot be asked: it is the first one of this configuration.
pub fn is_first_to_say() -> bool {
    os::lock(&SAID).as_ref().is_none_or(|said| said.fetch_or(1, Ordering::Relaxed) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn nothing_is_removed_but_what_was_made() {
        let around = std::env::temp_dir().join(format!("mod_wsgi-questions-{}", std::process::id()));
        let path = around.join("wsgi.1.ask");
        fs::create_dir_all(path.join(CHILDREN)).expect("made");
        let place = Place::of(path.clone(), &Directory::open(&path).expect("opened")).expect("known");
        // Somebody moves it away, and puts a link to other files in its place.
        let other = around.join("other");
        fs::create_dir(&other).expect("made");
        for name in ["12", "new.1.1", "passwd"] {
            fs::write(other.join(name), "").expect("written");
        }
        fs::rename(&path, around.join("away")).expect("moved");
        symlink(&other, &path).expect("a link");
        place.remove();
        drop(Name { place: place.clone(), name: "12".into() });
        assert!(place.open().is_none());
        assert_eq!(fs::read_dir(&other).expect("a directory").count(), 3);
        // Only sockets are removed, and no name that a link has.
        fs::remove_file(&path).expect("removed");
        fs::rename(&other, around.join("away").join("c").join("7")).expect("moved");
        fs::write(around.join("away").join("mine"), "").expect("written");
        fs::rename(around.join("away"), &path).expect("moved back");
        fs::write(path.join("12"), "").expect("written");
        place.remove();
        assert!(path.join("mine").exists() && path.join("c/7/12").exists() && !path.join("12").exists());
        fs::remove_file(path.join("mine")).expect("removed");
        fs::remove_dir_all(path.join("c/7")).expect("removed");
        place.remove();
        assert!(!path.exists());
        fs::remove_dir(around).expect("it is empty");
    }

    #[test]
    fn root_makes_it_where_others_cannot_write() {
        if !is_root() {
            return;
        }
        let around = std::env::temp_dir().join(format!("mod_wsgi-around-{}", std::process::id()));
        let inner = around.join("inner");
        fs::create_dir_all(&inner).expect("made");
        // A directory of everybody with the sticky bit is around it.
        assert_eq!(check_around(&inner), Ok(()));
        let mode = |mode| fs::set_permissions(&around, fs::Permissions::from_mode(mode)).expect("set");
        mode(0o777);
        assert!(check_around(&inner).is_err_and(|why| why.contains("others may write there")));
        mode(0o1777);
        assert_eq!(check_around(&inner), Ok(()));
        mode(0o755);
        std::os::unix::fs::chown(&around, Some(1_234_567), None).expect("given away");
        assert!(check_around(&inner).is_err_and(|why| why.contains("it is not root's")));
        fs::remove_dir_all(around).expect("removed");
    }
}
