//! Whether a user can reach a file, asked as that user.

use super::apart;
use crate::apache::{mpm, users};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// How long a question about files may take: they may be on a file system that never answers.
const DEADLINE: Duration = Duration::from_secs(5);

/// Whom a process runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Name, if the id has one.
    pub name: Option<String>,
}

impl User {
    /// That of Apache's children.
    pub fn apache() -> Self {
        let (uid, gid, name) = mpm::unixd_user();
        Self { uid, gid, name }
    }
}

impl std::fmt::Display for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => write!(f, "#{}", self.uid),
        }
    }
}

/// A directory on the way to a file that the user may not enter.
pub struct Obstacle {
    directory: PathBuf,
    fact: String,
}

impl Obstacle {
    /// The sentence: what is in the way, and what to do. `remedy` is what helps without opening the directory, which is the
    /// only advice where that is a home directory.
    pub fn or(&self, remedy: &str) -> String {
        let Self { directory, fact } = self;
        if is_private(directory, &users::homes()) {
            format!("{fact}; {remedy}")
        } else {
            format!("{fact}; run 'chmod o+x {}', or {remedy}", directory.display())
        }
    }
}

/// The first part of the way to `file` that the user may not take; `None` when there is none, or when this process may
/// not become that user.
pub fn obstacle(file: &Path, user: &User) -> Option<Obstacle> {
    let steps = steps(file);
    let directory = steps.get(first_forbidden(&steps, user)?)?;
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
    Some(Obstacle { directory: directory.clone(), fact })
}

/// The index of the first directory that `user` may not enter; what is not there or is no directory forbids nothing.
/// Asked in a process that becomes that user, so that access lists and security modules have their say too.
fn first_forbidden(folders: &[PathBuf], user: &User) -> Option<usize> {
    // Its entry "." is reached through the directory itself.
    let is_forbidden = |folder: &PathBuf| {
        let looked = folder.join(".").metadata();
        looked.is_err_and(|error| error.raw_os_error() == Some(libc::EACCES))
    };
    // The exit code is the answer: 0 is none, 1 + index else.
    let look = || Ok(folders.iter().position(is_forbidden).map_or(0, |index| 1 + index.min(253) as u8));
    let answer = apart::run(user, DEADLINE, look).ok()?;
    usize::try_from(answer.status.code()?).ok()?.checked_sub(1)
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
        io::stdout().write_all(&bytes).and_then(|()| io::stdout().flush())?;
        Ok(0)
    };
    let answer = apart::run(user, DEADLINE, copy).ok().filter(|answer| answer.status.success())?;
    Some(String::from_utf8_lossy(&answer.stdout).into_owned())
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
        for directory in [
            "/root",
            "/root/.pyenv",
            "/home",
            "/home/ben/venv",
            "/srv",
            "/srv/people",
            "/srv/people/ann",
            "/",
        ] {
            assert!(private(directory), "{directory}");
        }
        for directory in ["/srv/site", "/srv/people/annex", "/srv/people/ann/site", "/rooted", "/opt"] {
            assert!(!private(directory), "{directory}");
        }
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
