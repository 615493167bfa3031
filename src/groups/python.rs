//! Whether each group's python can be used, settled while the configuration is read.

use super::identity;
use crate::apache::users::Account;
use crate::apache::{Server, mpm};
use crate::config::ServerExt;
use crate::config::daemon::{self, GroupOptions};
use crate::python::{HOME_DIRECTIVE, Unusable, search};
use pythons::{Python, User};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Mutex;
use wire::message;

/// A group's name, and what was found.
type Found = (Vec<u8>, Result<Python, String>);

static FOUND: Mutex<Vec<Found>> = Mutex::new(Vec::new());

/// What was found for a group.
pub fn found(group: &GroupOptions) -> Result<Python, String> {
    let found = os::lock(&FOUND);
    let entry = found.iter().find(|(name, _)| *name == group.name);
    entry.map_or_else(|| Err("Apache has not checked it yet".into()), |(_, python)| python.clone())
}

/// What was found for all groups that have one.
pub fn all() -> Vec<Python> {
    os::lock(&FOUND).iter().filter_map(|(_, python)| python.clone().ok()).collect()
}

/// Forgets all pythons that were found.
pub fn forget() {
    *os::lock(&FOUND) = Vec::new();
}

/// Looks at every group. What is wrong is fatal at `apachectl configtest` and at the first start.
pub fn check(main: Server<'_>) -> Result<(), Unusable> {
    if let Some(why) = daemon::misplaced(main) {
        return Err((message::GROUP_UNUSABLE, why));
    }
    let default = main.config().python.home.clone();
    let (mut all, mut probed) = (Vec::new(), Vec::new());
    for (group, _) in daemon::all(main) {
        let result = usable(group, default.as_deref(), &mut probed);
        if let Err(why) = &result
            && (mpm::is_config_test() || mpm::generation() == 0)
        {
            return Err((message::GROUP_UNUSABLE, format!("{}: {why}", group.location)));
        }
        all.push((group.name.clone(), result));
    }
    *os::lock(&FOUND) = all;
    Ok(())
}

/// A python that was looked at: where, by which option, as whom, and what it is.
type Probed<'c> = ((Option<&'c [u8]>, &'static str, User), Result<Python, String>);

fn usable<'c>(
    group: &'c GroupOptions,
    default: Option<&'c [u8]>,
    probed: &mut Vec<Probed<'c>>,
) -> Result<Python, String> {
    let file = crate::process::engine_file();
    if !file.is_file() {
        return Err(format!(
            "{} is missing: install it beside mod_wsgi.so ('make install' does)",
            file.display()
        ));
    }
    let Account { uid, gid, name, .. } = identity(group);
    let user = User { uid, gid, name };
    let home = group.python_home.as_deref().or(default);
    let name = if group.python_home.is_some() { "python-home=" } else { HOME_DIRECTIVE };
    // Groups that share a python and a user share the answer: each question starts a python.
    let question = (home, name, user);
    let known = probed.iter().find(|(asked, _)| *asked == question).map(|(_, answer)| answer.clone());
    let python = known.unwrap_or_else(|| {
        let answer = search(question.0, question.1, &question.2).executable().map_err(|problem| problem.text);
        probed.push((question, answer.clone()));
        answer
    })?;
    if let Some(chroot) = &group.chroot {
        python.inside(Path::new(OsStr::from_bytes(chroot))).map_err(|problem| problem.text)?;
    }
    if group.interpreters > 1 && !python.has_own_gils() {
        return Err(format!(
            "interpreters={0} needs Python 3.12 or later, and {1} is Python {2}: use processes={0} instead",
            group.interpreters, python.prefix, python.version
        ));
    }
    Ok(python)
}
