//! A python that nothing runs.

use super::lines::{Finding, Lines};
use crate::apache::Server;
use crate::check::{has_scripts, may_be_embedded};
use crate::config::{ServerExt, daemon};
use wire::message as msg;

/// WSGIPythonHome, where every application is in a group with a `python-home=` of its own.
pub fn in_vain(main: Server<'_>, lines: &Lines<'_>) -> Vec<Finding> {
    let python = &main.config().python;
    let groups = daemon::all(main);
    let own = |group: &daemon::GroupOptions| group.python_home.is_some();
    let in_children =
        |server: Server<'_>| server.config().aliases.iter().any(|alias| may_be_embedded(server, alias));
    let is_needed = python.home.is_none()
        || groups.is_empty()
        || !groups.iter().all(|(group, _)| own(group))
        || has_scripts(main)
        || main.all().any(in_children)
        || lines.iter().any(|line| may_choose_handlers(line.node.name(), line.node.args()));
    if is_needed {
        return Vec::new();
    }
    let text = format!(
        "{}: WSGIPythonHome names a python that runs nothing, because every process group has a python-home= of its own: \
         remove this line, or python-home= of the groups that were meant to use it",
        python.home_location
    );
    vec![(msg::HOME_IN_VAIN, text)]
}

/// A line by which scripts may run without an alias, or which lets `.htaccess` files say so.
fn may_choose_handlers(name: &[u8], args: &[u8]) -> bool {
    let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
    match () {
        () if is("AllowOverride") => !args.trim_ascii().eq_ignore_ascii_case(b"none"),
        () if is("AllowOverrideList") => true,
        () if is("SetHandler") || is("AddHandler") => {
            String::from_utf8_lossy(args).to_ascii_lowercase().contains("wsgi")
        }
        () => {
            ["WSGIHandlerScript", "WSGIDispatchScript", "RewriteRule", "Action"].iter().any(|other| is(other))
        }
    }
}
