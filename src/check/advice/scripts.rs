//! Scripts that their processes may not read.

use super::lines::Finding;
use super::places::Place;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use wire::message as msg;

/// Scripts that the user of their processes may not read, and what keeps him from it.
pub fn closed(places: &[Place<'_>]) -> Vec<Finding> {
    let mut asked = BTreeSet::new();
    let mut findings = Vec::new();
    for place in places {
        if !asked.insert((&place.script, place.user.uid, place.user.gid)) {
            continue;
        }
        let file = Path::new(OsStr::from_bytes(&place.script));
        let Some(closed) = pythons::unreadable(file, &place.user) else { continue };
        let mode = closed
            .place
            .metadata()
            .map(|data| format!(" (mode {:04o}, owner #{})", data.permissions().mode() & 0o7777, data.uid()));
        let mode = mode.unwrap_or_default();
        let (user, what) = (&place.user, closed.place.display());
        let fact = if closed.is_directory {
            format!("the user {user} may not enter {what}{mode}, which leads to {}", file.display())
        } else {
            format!("the user {user} may not read {what}{mode}")
        };
        let elsewhere = if place.process_group.is_empty() {
            "move the application to a directory that this user may enter, such as one below /srv".to_owned()
        } else {
            let group = wire::shown(&place.process_group);
            format!("let process group '{group}' run as a user who may (user=)")
        };
        let remedy = match (closed.is_private, closed.is_directory) {
            (true, _) => elsewhere,
            (false, true) => format!("run 'chmod o+x {what}', or {elsewhere}"),
            (false, false) => format!("run 'chmod o+r {what}', or {elsewhere}"),
        };
        let text = format!("{}: {fact}, so the application does not start: {remedy}", place.alias.location);
        findings.push((msg::SCRIPT_CLOSED, text));
    }
    findings
}
