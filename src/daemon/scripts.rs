//! `script-user=` and `script-group=`: whose the script of a request must be.

use super::groups::Live;
use crate::apache::{Request, Status};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use wire::message as msg;

/// Refuses what is not theirs: the script that runs, and its directory.
pub fn check(r: Request<'_>, live: &Live, script: &[u8]) -> Result<(), Status> {
    let group = &live.group;
    let (by_user, wanted, bits) = match (group.script_user, group.script_group) {
        (Some(user), _) => (true, user, 0o022),
        (None, Some(group)) => (false, group, 0o002),
        (None, None) => return Ok(()),
    };
    let path = Path::new(OsStr::from_bytes(script));
    for place in [Some(path), path.parent()].into_iter().flatten() {
        let complaint = match place.metadata() {
            Err(error) => Some(format!("cannot be looked at: {error}")),
            Ok(data) => {
                let owner = if by_user { data.uid() } else { data.gid() };
                let what = if by_user { "user" } else { "group" };
                if owner != wanted {
                    Some(format!("is of {what} #{owner}, and script-{what}= demands #{wanted}"))
                } else if data.mode() & bits != 0 {
                    Some(format!("can be written to by others (mode {:04o})", data.mode() & 0o7777))
                } else {
                    None
                }
            }
        };
        if let Some(complaint) = complaint {
            let message = if by_user { msg::WRONG_OWNER } else { msg::WRONG_GROUP };
            r.log(message, format_args!("'{}' {complaint}; the request is refused", place.display()));
            return Err(Status(403));
        }
    }
    Ok(())
}
