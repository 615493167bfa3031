//! What keeps a user from a file, in one sentence with what to do.

use pythons::{Closed, User};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Which part of the way is closed, its mode and owner, and what opens it.
pub fn sentence(user: &User, closed: &Closed, file: &Path) -> String {
    let Closed { place, is_directory, is_private } = closed;
    let about = place
        .metadata()
        .map(|data| format!(" (mode {:04o}, owner {})", data.permissions().mode() & 0o7777, owner(&data)));
    let about = about.unwrap_or_default();
    let shown: PathBuf = place.clone();
    let (what, bit) = match is_directory {
        true => {
            (format!("may not enter {}{about}, which leads to {}", shown.display(), file.display()), "o+x")
        }
        false => (format!("may not read {}{about}", shown.display()), "o+r"),
    };
    let remedy = if *is_private && *is_directory {
        "move it out of there, say to /srv".to_owned()
    } else {
        format!("run 'chmod {bit} {}'", shown.display())
    };
    format!("{user} {what}; {remedy}")
}

fn owner(data: &std::fs::Metadata) -> String {
    name_of(data.uid()).unwrap_or_else(|| format!("#{}", data.uid()))
}

/// The name of a user, if it has one.
pub fn name_of(uid: u32) -> Option<String> {
    os::unistd::User::from_uid(uid.into()).ok().flatten().map(|user| user.name)
}
