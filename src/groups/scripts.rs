//! `script-user=`, `script-group=` and `script-root=`: a request for a script that its group would not run is refused before
//! it goes there.

use super::ProcessGroup;
use crate::apache::{Request, Status};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use wire::scripts::Rules;

fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// Refuses what is not theirs.
pub fn check(r: Request<'_>, live: &ProcessGroup, script: &[u8]) -> Result<(), Status> {
    let group = &live.group;
    let root = group.script_root.as_deref().map(path);
    let rules = Rules { user: group.script_user, group: group.script_group, root };
    match rules.complaint(path(script), None) {
        None => Ok(()),
        Some((message, why)) => {
            r.log(message, format_args!("{why}; the request is refused"));
            Err(Status(403))
        }
    }
}
