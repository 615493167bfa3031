//! Whether a user can reach a file, asked as that user.

use crate::apart;
use crate::user::User;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// How long a question about files may take: they may be on a file system that never answers.
const DEADLINE: Duration = Duration::from_secs(5);

/// A part of the way to a file that the user cannot take.
pub struct Obstacle {
    place: PathBuf,
    fact: String,
    /// Whether a mode or an access list forbids access; otherwise the system has failed.
    is_closed: bool,
}

impl Obstacle {
    /// The sentence: what is in the way, and what to do. `remedy` is what helps without opening the directory, which is the
    /// only advice where that is a home directory.
    pub fn or(&self, remedy: &str) -> String {
        let Self { place, fact, is_closed } = self;
        if !is_closed {
            format!("{fact}, or {remedy}")
        } else if is_private(place, &os::homes()) {
            format!("{fact}; {remedy}")
        } else {
            format!("{fact}; run 'chmod o+x {}', or {remedy}", place.display())
        }
    }

    fn closed(directory: PathBuf, file: &Path, user: &User) -> Self {
        let mode = directory.metadata().map(|data| {
            use std::os::unix::fs::{MetadataExt, PermissionsExt};
            format!(" (mode {:04o}, owner #{})", data.permissions().mode() & 0o7777, data.uid())
        });
        let fact = format!(
            "the Apache user {user} may not enter {}{}, which leads to {}",
            directory.display(),
            mode.unwrap_or_default(),
            file.display()
        );
        Self { place: directory, fact, is_closed: true }
    }

    fn failing(place: PathBuf, errno: i32) -> Self {
        let error = io::Error::from_raw_os_error(errno);
        let fact = format!("{} cannot be examined: {error}; {}", place.display(), advice(errno));
        Self { place, fact, is_closed: false }
    }

    fn silent(file: &Path) -> Self {
        let fact = format!(
            "no answer within {} s for {}: its file system does not answer; check that its server runs, or mount it again",
            DEADLINE.as_secs(),
            file.display()
        );
        Self { place: file.to_path_buf(), fact, is_closed: false }
    }
}

/// What to do about a system that cannot say whether a file is there.
fn advice(errno: i32) -> &'static str {
    match errno {
        libc::ELOOP => "symbolic links form a loop: correct them",
        libc::ENAMETOOLONG => "correct the path",
        libc::ESTALE | libc::ENOTCONN => "its file system lost the connection to its server: mount it again",
        libc::ETIMEDOUT | libc::EHOSTDOWN | libc::EHOSTUNREACH => {
            "the server of its file system does not answer: check that it runs"
        }
        libc::EIO => "its disk or file system is faulty: see dmesg",
        libc::EMFILE | libc::ENFILE | libc::ENOMEM => "the system is out of resources: free some",
        _ => "see dmesg for what is wrong with its file system",
    }
}

/// The first part of the way to `file` that the user cannot take; `None` when there is none, or when this process may
/// not become that user. What is not there is no obstacle.
///
/// All of it is looked at in a process that becomes that user: so access lists and security modules have their say, and a
/// file system that hangs holds nobody but that process.
pub fn obstacle(file: &Path, user: &User) -> Option<Obstacle> {
    let look = || {
        let Some((place, errno)) = first_error(file) else { return Ok(0) };
        os::write_all(libc::STDOUT_FILENO, place.as_os_str().as_bytes());
        Ok(u8::try_from(errno).unwrap_or(u8::MAX))
    };
    let answer = match apart::run(user, DEADLINE, look) {
        Ok(answer) => answer,
        Err(error) => return apart::is_late(&error).then(|| Obstacle::silent(file)),
    };
    let place = PathBuf::from(OsString::from_vec(answer.stdout));
    match answer.status.code()? {
        0 => None,
        libc::EACCES => Some(Obstacle::closed(place, file, user)),
        errno => Some(Obstacle::failing(place, errno)),
    }
}

/// The first part of the way to a file that cannot be looked at though it is there, and why.
fn first_error(file: &Path) -> Option<(PathBuf, i32)> {
    // The entry "." of a directory is reached through the directory itself.
    let folders = steps(file).into_iter().map(|folder| (folder.join("."), folder));
    let error = |look: &Path, place: PathBuf, fine: &[i32]| {
        let errno = look.metadata().err()?.raw_os_error()?;
        (!fine.contains(&errno)).then_some((place, errno))
    };
    let missing = [libc::ENOENT, libc::ENOTDIR];
    let failing = folders.into_iter().find_map(|(look, place)| error(&look, place, &missing));
    // Where the way is free it is no mode that keeps the user from looking at the file.
    failing.or_else(|| error(file, file.to_path_buf(), &[libc::ENOENT, libc::ENOTDIR, libc::EACCES]))
}

/// What keeps a user from reading a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The file, or the first directory on the way to it that the user may not enter.
    pub place: PathBuf,
    /// It is a directory.
    pub is_directory: bool,
    /// To open it would be to open somebody's home.
    pub is_private: bool,
}

/// What keeps `user` from reading `file`; `None` if nothing does, or nothing can be said. What everybody may read is not asked
/// about in a process of its own.
pub fn unreadable(file: &Path, user: &User) -> Option<Closed> {
    let is_open = |place: &Path, bits: u32| {
        use std::os::unix::fs::PermissionsExt;
        place.metadata().is_ok_and(|data| data.permissions().mode() & bits == bits)
    };
    if is_open(file, 0o004) && steps(file).iter().all(|directory| is_open(directory, 0o001)) {
        return None;
    }
    const DIRECTORY: u8 = 10;
    const FILE: u8 = 11;
    let look = || {
        let (place, code) = match first_error(file) {
            Some((place, libc::EACCES)) => (place, DIRECTORY),
            Some(_) => return Ok(0),
            None => match File::options().read(true).custom_flags(libc::O_NONBLOCK).open(file) {
                Err(error) if error.raw_os_error() == Some(libc::EACCES) => (file.to_path_buf(), FILE),
                _ => return Ok(0),
            },
        };
        os::write_all(libc::STDOUT_FILENO, place.as_os_str().as_bytes());
        Ok(code)
    };
    let answer = apart::run(user, DEADLINE, look).ok()?;
    let code = answer.status.code()?;
    let place = PathBuf::from(OsString::from_vec(answer.stdout));
    let is_private = is_private(&place, &os::homes());
    [i32::from(DIRECTORY), i32::from(FILE)].contains(&code).then(|| Closed {
        is_directory: code == i32::from(DIRECTORY),
        is_private,
        place,
    })
}

/// What a file says, read as `user`: the first 8 KiB, if it is a regular file.
pub fn read(file: &Path, user: &User) -> Option<String> {
    let copy = || {
        // A pipe has no writer, perhaps.
        let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(file)?;
        if !file.metadata()?.is_file() {
            return Ok(1);
        }
        let mut bytes = Vec::new();
        file.take(8 << 10).read_to_end(&mut bytes)?;
        os::write_all(libc::STDOUT_FILENO, &bytes);
        Ok(0)
    };
    let answer = apart::run(user, DEADLINE, copy).ok().filter(|answer| answer.status.success())?;
    Some(wire::shown(&answer.stdout).into_owned())
}

/// To open this directory would be to open somebody's home: it is one, or lies above one, or inside one where people have
/// theirs.
fn is_private(directory: &Path, homes: &[PathBuf]) -> bool {
    const PEOPLE: [&str; 2] = ["/root", "/home"];
    PEOPLE.iter().any(|place| directory.starts_with(place))
        || homes.iter().any(|home| {
            home.starts_with(directory) || home.canonicalize().is_ok_and(|home| home.starts_with(directory))
        })
}

/// The directories on the way to a file, in the order in which the system enters them: those behind symbolic links, which
/// any part of the way may be, too.
fn steps(file: &Path) -> Vec<PathBuf> {
    const MOST_LINKS: usize = 40; // as the kernel (path_resolution(7))
    let mut steps = Vec::new();
    let mut links = 0;
    let mut way: Vec<OsString> = parts(file);
    let mut here = PathBuf::from("/");
    while let Some(part) = way.pop() {
        if !steps.contains(&here) {
            steps.push(here.clone());
        }
        let next = if part == ".." { here.parent().unwrap_or(&here).to_path_buf() } else { here.join(&part) };
        match next.read_link() {
            Ok(target) if links < MOST_LINKS => {
                links += 1;
                if target.is_absolute() {
                    here = PathBuf::from("/");
                }
                way.extend(parts(&target));
            }
            _ => here = next,
        }
    }
    steps
}

/// The parts of a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let named = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    let mut parts: Vec<OsString> = named.map(|part| part.as_os_str().to_owned()).collect();
    parts.reverse();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_and_what_leads_to_them_are_private() {
        let homes = ["/srv/people/ann".into(), "/root".into(), "/".into()];
        let private = |directory: &str| is_private(Path::new(directory), &homes);
        for directory in
            ["/root", "/root/venv", "/home", "/home/ben/venv", "/srv", "/srv/people", "/srv/people/ann", "/"]
        {
            assert!(private(directory), "{directory}");
        }
        for directory in ["/srv/site", "/srv/people/annex", "/srv/people/ann/site", "/rooted", "/opt"] {
            assert!(!private(directory), "{directory}");
        }
    }

    #[test]
    fn what_is_not_there_is_no_obstacle_and_each_failure_has_its_sentence() {
        let root = std::env::temp_dir().join(format!("mod_wsgi-obstacles-{}", std::process::id()));
        std::fs::create_dir_all(root.join("bin")).unwrap();
        std::fs::write(root.join("bin/python"), "").unwrap();
        std::os::unix::fs::symlink("circle", root.join("circle")).unwrap();
        for fine in ["bin", "bin/python", "missing", "missing/python", "bin/python/below"] {
            assert_eq!(first_error(&root.join(fine)), None, "{fine}");
        }
        let (circle, long) = (root.join("circle"), root.join("x".repeat(300)));
        for (path, place, errno) in [
            (circle.clone(), circle.clone(), libc::ELOOP),
            (circle.join("bin/python"), circle.clone(), libc::ELOOP),
            (long.clone(), long, libc::ENAMETOOLONG),
        ] {
            assert_eq!(first_error(&path), Some((place, errno)), "{}", path.display());
        }
        for (errno, word) in [
            (libc::ELOOP, "form a loop"),
            (libc::ESTALE, "mount it again"),
            (libc::ENOTCONN, "mount it again"),
            (libc::ETIMEDOUT, "does not answer"),
            (libc::EIO, "dmesg"),
        ] {
            let said = Obstacle::failing("/srv/venv".into(), errno).or("move it");
            assert!(said.starts_with("/srv/venv cannot be examined: "), "{said}");
            assert!(
                said.contains(word) && said.ends_with(", or move it") && !said.contains("chmod"),
                "{said}"
            );
        }
        assert!(Obstacle::silent(Path::new("/srv/venv")).or("move it").contains("does not answer"));
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn links_anywhere_on_the_way_are_followed() {
        let root = std::env::temp_dir().join(format!("mod_wsgi-steps-{}", std::process::id()));
        std::fs::create_dir_all(root.join("real/bin")).unwrap();
        std::os::unix::fs::symlink("real", root.join("link")).unwrap();
        let steps = steps(&root.join("link/bin/python"));
        assert_eq!(steps.first().unwrap(), Path::new("/"));
        assert_eq!(steps.last().unwrap(), &root.join("real/bin"));
        assert!(steps.contains(&root.join("real")) && !steps.contains(&root.join("link")));
        std::fs::remove_dir_all(root).unwrap();
    }
}
