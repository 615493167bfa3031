//! Users and groups of the system, wherever it keeps them (files, LDAP, …).

use os::unistd::{Group, Uid, User, getegid, geteuid};
use std::os::unix::ffi::OsStringExt;

/// A user, as far as a process needs to know to become it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Number of the user.
    pub uid: u32,
    /// Number of its own group.
    pub gid: u32,
    /// The user's name, by which the additional groups are found.
    pub name: Option<String>,
    /// The user's home directory.
    pub home: Option<Vec<u8>>,
}

/// The user of this name. A database that cannot be asked has no such user.
pub fn user(name: &[u8]) -> Option<Account> {
    let name = text(name)?;
    asked(|| User::from_name(name)).map(account)
}

/// The user of this number.
pub fn user_numbered(uid: u32) -> Option<Account> {
    asked(|| User::from_uid(Uid::from_raw(uid))).map(account)
}

/// What a database answers, asked again as long as a signal comes in between.
fn asked<T>(ask: impl Fn() -> os::Result<Option<T>>) -> Option<T> {
    loop {
        match ask() {
            Err(os::Errno::EINTR) => {}
            answer => return answer.ok()?,
        }
    }
}

fn text(name: &[u8]) -> Option<&str> {
    std::str::from_utf8(name).ok().filter(|name| !name.contains('\0'))
}

/// The number of the group of this name.
pub fn group(name: &[u8]) -> Option<u32> {
    let name = text(name)?;
    asked(|| Group::from_name(name)).map(|group| group.gid.as_raw())
}

/// This process may become any user.
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// The user of this process, if that is not root.
pub fn not_root() -> Option<Account> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let unnamed = Account { uid, gid, name: None, home: None };
    (uid != 0).then(|| user_numbered(uid).map_or(unnamed, |user| Account { gid, ..user }))
}

fn account(user: User) -> Account {
    Account {
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        name: Some(user.name),
        home: Some(user.dir.into_os_string().into_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_known_by_name_and_by_number() {
        let root = user(b"root").unwrap();
        assert_eq!((root.uid, root.name.as_deref()), (0, Some("root")));
        assert_eq!(user_numbered(0), Some(root));
        assert_eq!(group(b"root"), Some(0));
    }

    #[test]
    fn unknown_names_and_numbers_are_nobodys() {
        assert_eq!(user(b"no such user"), None);
        assert_eq!(user(b"a\0b"), None);
        assert_eq!(user_numbered(4_294_967_000), None);
        assert_eq!(group(b"no such group"), None);
    }
}
