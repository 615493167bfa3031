//! Whether each group's python can be used, settled while the configuration is read.

use super::identity;
use crate::apache::users::Account;
use crate::apache::{Server, mpm};
use crate::config::ServerExt;
use crate::config::daemon::{self, GroupOptions};
use crate::python::{self, Python, Unusable};
use std::sync::{Mutex, PoisonError};
use wire::message;

/// A group's name, and what was found.
type Found = (Vec<u8>, Result<Python, String>);

static FOUND: Mutex<Vec<Found>> = Mutex::new(Vec::new());

/// What was found for a group.
pub fn found(group: &GroupOptions) -> Result<Python, String> {
    let found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = found.iter().find(|(name, _)| *name == group.name);
    entry.map_or_else(|| Err("Apache has not checked it yet".into()), |(_, python)| python.clone())
}

/// Forgets all pythons that were found.
pub fn forget() {
    *FOUND.lock().unwrap_or_else(PoisonError::into_inner) = Vec::new();
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
    *FOUND.lock().unwrap_or_else(PoisonError::into_inner) = all;
    Ok(())
}

/// A python that was looked at: where, by which option, as whom, and what it is.
type Probed<'c> = ((Option<&'c [u8]>, &'static str, python::User), Result<Python, String>);

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
    let user = python::User { uid, gid, name };
    let home = group.python_home.as_deref().or(default);
    let name = if group.python_home.is_some() { "python-home=" } else { "WSGIPythonHome " };
    // Groups that share a python and a user share the answer: each question starts a python.
    let question = (home, name, user);
    let known = probed.iter().find(|(asked, _)| *asked == question).map(|(_, answer)| answer.clone());
    let python = known.unwrap_or_else(|| {
        let answer = python::find_executable(question.0, question.1, &question.2);
        probed.push((question, answer.clone()));
        answer
    })?;
    if let Some(chroot) = &group.chroot {
        inside(chroot, &python)?;
    }
    Ok(python)
}

/// The python must be there where the processes are.
fn inside(chroot: &[u8], python: &Python) -> Result<(), String> {
    use std::os::unix::ffi::OsStrExt;
    let root = std::path::Path::new(std::ffi::OsStr::from_bytes(chroot));
    let below = |path: &std::path::Path| root.join(path.strip_prefix("/").unwrap_or(path));
    let shown = root.display();
    if !below(&python.executable).is_file() {
        return Err(format!(
            "chroot={shown} has no {}: the python must be executable at this path inside the chroot directory; or remove \
             chroot= (mod_wsgi itself advises against it)",
            python.executable.display()
        ));
    }
    if !below(std::path::Path::new("/proc/self")).exists() {
        return Err(format!(
            "chroot={shown} has no /proc, which processes need to load mod_wsgi: run 'mount -t proc proc {shown}/proc'"
        ));
    }
    Ok(())
}
