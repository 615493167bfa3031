//! Whom Apache's children and the application run as.

use crate::failure::Failure;
use os::unistd::{Group, User, getegid, geteuid};

/// Whom Apache's children and the application run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// User's name, or `#1000`
    pub user: String,
    /// Group's name, or `#1000`
    pub group: String,
    /// Numbers of both.
    pub ids: (u32, u32),
}

impl Identity {
    /// Whom the command line means, or a usual user. `None`: only root can become somebody else.
    pub fn of(user: Option<&str>, group: Option<&str>) -> Result<Option<Self>, Failure> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        const USUAL: [&str; 5] = ["www-data", "apache", "httpd", "daemon", "nobody"];
        let found = match user {
            Some(name) => ids_of(name).map(|ids| (name.to_owned(), ids)).ok_or_else(|| {
                Failure::usage(format!(
                    "there is no user {name}; create it (useradd --system {name}), or correct --user"
                ))
            }),
            None => {
                USUAL.iter().find_map(|name| Some(((*name).to_owned(), ids_of(name)?))).ok_or_else(|| {
                    Failure::usage("Apache does not serve as root; name another user with --user NAME")
                })
            }
        };
        let (user, (uid, own)) = found?;
        if uid == 0 {
            return Err(Failure::usage("Apache does not serve as root; name another user with --user NAME"));
        }
        let (group, gid) = match group {
            Some(name) => {
                let gid = gid_of(name).ok_or_else(|| {
                    Failure::usage(format!(
                        "there is no group {name}; create it (groupadd --system {name}), or correct --group"
                    ))
                })?;
                (name.to_owned(), gid)
            }
            None => {
                let name = Group::from_gid(own.into()).ok().flatten().map(|group| group.name);
                (name.unwrap_or_else(|| format!("#{own}")), own)
            }
        };
        Ok(Some(Self { user, group, ids: (uid, gid) }))
    }
}

/// Whom this command runs as.
pub fn own_user() -> pythons::User {
    let uid = geteuid().as_raw();
    pythons::User { uid, gid: getegid().as_raw(), name: crate::reach::name_of(uid) }
}

/// The numbers of a user, which is named or written `#1000`, and of its own group. A number that nobody has is a user all the same,
/// as in a container; its group has the same number.
pub fn ids_of(name: &str) -> Option<(u32, u32)> {
    let known = match name.strip_prefix('#') {
        Some(number) => {
            let uid: u32 = number.parse().ok()?;
            match User::from_uid(uid.into()).ok().flatten() {
                Some(user) => user,
                None => return Some((uid, uid)),
            }
        }
        None => User::from_name(name).ok().flatten()?,
    };
    Some((known.uid.as_raw(), known.gid.as_raw()))
}

/// The number of a group, which is named or written `#1000`.
pub fn gid_of(name: &str) -> Option<u32> {
    match name.strip_prefix('#') {
        Some(number) => number.parse().ok(),
        None => Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_names_or_numbers() {
        assert_eq!(ids_of("root"), Some((0, 0)));
        assert_eq!(ids_of("#0"), Some((0, 0)));
        assert_eq!(ids_of("#4294967000"), Some((4_294_967_000, 4_294_967_000)));
        assert_eq!((ids_of("no such user"), ids_of("#x")), (None, None));
    }
}
