//! What can be known of a configuration before it is used: whether its pythons can run, and whether its applications have
//! a place to run in. An error is fatal at `apachectl configtest` and at the first start.
#![deny(unsafe_code)]

mod advice;
pub mod copies;

pub use advice::Advice;

use crate::apache::{Pool, Server, hook, log, mpm};
use crate::config::ServerExt;
use crate::config::{Alias, Kind, ServerConfig};
use crate::python::{self, Unusable};
use crate::{groups, process};
use pythons::Python;
use std::sync::atomic::{AtomicBool, Ordering};
use wire::{Message, message};

/// The configuration asks for that python, or has applications that may run in Apache's children.
static WANTED: AtomicBool = AtomicBool::new(false);

/// Whether anybody misses the python that [`python::found`] does not have.
pub fn is_python_wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}

/// The check-config hook.
pub struct Check;

impl hook::Check for Check {
    fn run(pool: Pool<'_>, main: Server<'_>) -> Result<(), (Message, String)> {
        groups::python::check(main)?;
        let config = main.config();
        if config.python.restrict_embedded == Some(true) && !has_scripts(main) {
            return Ok(());
        }
        if mpm::serves_in_copies() {
            let refusal = copies::refusal(pool, main);
            return refusal.map_or(Ok(()), |why| {
                unless_running(main, (message::NO_EMBEDDED_IN_COPIES, why), "these requests get 500")
            });
        }
        warn_of_small_stacks(main);
        let result = usable(config);
        let in_children =
            |server: Server<'_>| server.config().aliases.iter().any(|alias| may_be_embedded(server, alias));
        let wanted = config.python.home.is_some() || has_scripts(main) || main.all().any(in_children);
        WANTED.store(wanted, Ordering::Relaxed);
        if config.interpreters.want_own_gil() {
            warn_of_shared_gil(main, result.as_ref().ok().filter(|_| wanted));
        }
        let failed = result.as_ref().err().cloned();
        python::keep(result);
        match failed {
            Some(why) if wanted => unless_running(main, why, "WSGI requests get 503"),
            _ => Ok(()),
        }
    }
}

/// Whether scripts run in Apache's children whatever applications may: those that the server asks (WSGIAccessScript and
/// its kind), and those of WSGIImportScript.
pub fn has_scripts(main: Server<'_>) -> bool {
    let in_children = |alias: &Alias| {
        matches!(alias.kind, Kind::Import) && alias.process_group.as_deref() == Some(b"%{GLOBAL}")
    };
    main.all().any(|server| {
        let config = server.config();
        config.asks_scripts || config.aliases.iter().any(|alias| in_children(alias))
    })
}

/// Whether the application of an alias may run in Apache's children: neither alias nor server names a process group.
fn may_be_embedded(server: Server<'_>, alias: &Alias) -> bool {
    let group = alias.process_group.as_deref().or(server.dir_config().process_group.as_deref());
    !matches!(alias.kind, Kind::Files) && group.is_none_or(|name| name.is_empty() || name.starts_with(b"%{"))
}

/// An error at configtest and at the first start; a line in the log when a running server reads its configuration again.
fn unless_running(main: Server<'_>, (number, why): Unusable, outcome: &str) -> Result<(), Unusable> {
    // httpd's standard error is where configtest shows it; the log has it too.
    if mpm::is_config_test() || mpm::generation() == 0 {
        return Err((number, why));
    }
    log::server_message(Some(main), number, format!("{why}; {outcome} until the next restart"));
    Ok(())
}

/// The python that the configuration means, and all that embedded mode needs beside it.
fn usable(config: &ServerConfig) -> Result<Python, Unusable> {
    if let Some(file) = process::missing_engine() {
        let why =
            format!("{} is missing: install it beside mod_wsgi.so ('make install' does)", file.display());
        return Err((message::PYTHON_UNUSABLE, why));
    }
    if let Some(path) = pythons::other_libpython() {
        let why = format!(
            "another module has loaded {path} into Apache, and two Pythons cannot share a process; remove that \
             module (a LoadModule or LoadFile of mod_python, the original mod_wsgi, ...)"
        );
        return Err((message::OTHER_PYTHON, why));
    }
    python::find(config.python.home.as_deref())
        .map_err(|(number, why)| (number, located(&config.python.home_location, why)))
}

/// Puts `file:line` in front, where a directive is what has to be changed.
fn located(location: &str, why: String) -> String {
    if location.is_empty() { why } else { format!("{location}: {why}") }
}

/// Interpreters with a GIL of their own need CPython 3.12, in Apache's children and in process groups.
fn warn_of_shared_gil(main: Server<'_>, embedded: Option<&Python>) {
    let mut pythons: Vec<Python> = embedded.into_iter().cloned().chain(groups::python::all()).collect();
    pythons.sort_by(|one, other| one.prefix.cmp(&other.prefix));
    pythons.dedup_by(|one, other| one.prefix == other.prefix);
    for python in pythons.iter().filter(|python| !python.has_own_gils()) {
        let text = format!(
            "WSGIPerInterpreterGIL requires Python 3.12 or later, and {} is Python {}",
            python.prefix, python.version
        );
        log::server_message(Some(main), message::OWN_GIL_TOO_OLD, text);
    }
}

/// CPython 3.13 overflows a stack below 2 MiB on deeply nested JSON.
fn warn_of_small_stacks(main: Server<'_>) {
    const ENOUGH: u64 = 2 << 20;
    let size = mpm::thread_stack_size();
    if mpm::threaded() && size != 0 && size < ENOUGH {
        log::server_message(
            Some(main),
            message::SMALL_STACKS,
            format_args!(
                "ThreadStackSize {size} is too small for Python: deeply nested data may overflow the stack; set {ENOUGH} or more"
            ),
        );
    }
}
