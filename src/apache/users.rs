//! Users and groups of the system, wherever it keeps them (files, LDAP, …).

use std::ffi::{CStr, CString, OsString, c_char, c_int};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// A user, as far as a process needs to know to become it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Number of the user.
    pub uid: u32,
    /// Number of its own group.
    pub gid: u32,
    /// Its name, by which its further groups are found.
    pub name: Option<String>,
    /// Its home directory.
    pub home: Option<Vec<u8>>,
}

/// Longest record that is read: a group may have thousands of members.
const LONGEST: usize = 1 << 20;

/// The user of this name.
pub fn user(name: &[u8]) -> Option<Account> {
    let name = CString::new(name).ok()?;
    look_up(
        // SAFETY: a C string, and the room that `look_up` provides.
        |record, room, len, found| unsafe { libc::getpwnam_r(name.as_ptr(), record, room, len, found) },
        account,
    )
}

/// The user of this number.
pub fn user_numbered(uid: u32) -> Option<Account> {
    look_up(
        // SAFETY: the room that `look_up` provides.
        |record, room, len, found| unsafe { libc::getpwuid_r(uid, record, room, len, found) },
        account,
    )
}

/// The home directories of all users that the system lists.
pub fn homes() -> Vec<PathBuf> {
    let mut homes = Vec::new();
    // SAFETY: the list is walked while the configuration is read, when this process has one thread; each record is read
    // before the next call, and its texts are null or C strings.
    unsafe {
        libc::setpwent();
        while let Some(entry) = libc::getpwent().as_ref() {
            homes.extend(account(entry).home.map(|home| PathBuf::from(OsString::from_vec(home))));
        }
        libc::endpwent();
    }
    homes
}

/// The number of the group of this name.
pub fn group(name: &[u8]) -> Option<u32> {
    let name = CString::new(name).ok()?;
    look_up(
        // SAFETY: a C string, and the room that `look_up` provides.
        |record, room, len, found| unsafe { libc::getgrnam_r(name.as_ptr(), record, room, len, found) },
        |group: &libc::group| group.gr_gid,
    )
}

/// This process may become any user.
pub fn is_root() -> bool {
    // SAFETY: it only answers.
    unsafe { libc::geteuid() == 0 }
}

/// Who runs this process, if that is not root.
pub fn not_root() -> Option<Account> {
    // SAFETY: they only answer.
    let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
    let unnamed = Account { uid, gid, name: None, home: None };
    (uid != 0).then(|| user_numbered(uid).map_or(unnamed, |user| Account { gid, ..user }))
}

fn account(entry: &libc::passwd) -> Account {
    let text = |text: *const c_char| {
        // SAFETY: null or a C string of the record, which lives as long as `entry`.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
    };
    Account {
        uid: entry.pw_uid,
        gid: entry.pw_gid,
        name: text(entry.pw_name).map(|name| name.to_string_lossy().into_owned()),
        home: text(entry.pw_dir).map(|home| home.to_bytes().to_vec()),
    }
}

/// Asks with a larger room until the record fits. A database that cannot be asked has no such record.
fn look_up<T, A>(
    ask: impl Fn(*mut T, *mut c_char, usize, *mut *mut T) -> c_int,
    read: impl FnOnce(&T) -> A,
) -> Option<A> {
    let mut room: Vec<c_char> = vec![0; 4096];
    loop {
        let mut record = MaybeUninit::uninit();
        let mut found = std::ptr::null_mut();
        match ask(record.as_mut_ptr(), room.as_mut_ptr(), room.len(), &mut found) {
            libc::ERANGE if room.len() < LONGEST => room.resize(room.len() * 4, 0),
            libc::EINTR => {}
            // SAFETY: null, or `record`, which has been filled; its texts are in `room`.
            _ => return unsafe { found.as_ref() }.map(read),
        }
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
