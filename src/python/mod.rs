//! Which python is to run, settled while the configuration is read.
//!
//! The candidate is run once, as the user it will run as, and reports about itself. What is wrong with it is one
//! sentence with a remedy. That is fatal at `apachectl configtest` and at the first start; on a restart of a running
//! server it is logged and requests get 503, because a failing check would end Apache.
#![deny(unsafe_code)]

mod access;
mod apart;
mod find;
mod home;
mod probe;

pub use access::{User, obstacle};
pub use find::{Python, find_executable};

use crate::apache::{AtEnd, Pool, Server, add_component, hook, log, mpm};
use crate::config::{Alias, Kind, ServerConfig};
use crate::embedded;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use wire::{Message, message};

/// Why there is no python, as a message and a sentence.
pub type Unusable = (Message, String);

/// What the check of the current configuration found: children inherit it when they are forked.
static FOUND: Mutex<Option<Result<Python, Unusable>>> = Mutex::new(None);

/// The configuration asks for that python, or has applications that may run in Apache's children.
static WANTED: AtomicBool = AtomicBool::new(false);

/// Whether anybody misses the python that [`found`] does not have.
pub fn is_wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}

/// The python of the current configuration, or why there is none.
pub fn found() -> Result<Python, String> {
    let found = FOUND.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let found =
        found.clone().unwrap_or_else(|| Err((message::PYTHON_UNUSABLE, "it was not looked for".into())));
    found.map_err(|(_, why)| why)
}

/// Forgets it, when the configuration goes: nothing of it is left behind when httpd unloads the module.
pub struct Forget;

impl AtEnd for Forget {
    fn run() {
        FOUND.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        let _ = std::panic::take_hook();
    }
}

/// The check-config hook.
pub struct Check;

impl hook::Check for Check {
    fn run(pool: Pool<'_>, main: Server<'_>) -> Result<(), (Message, String)> {
        crate::daemon::check(main)?;
        let config = main.config();
        if config.python.restrict_embedded == Some(true) {
            return Ok(());
        }
        if mpm::serves_in_copies() {
            let refusal = embedded::copies::refusal(pool, main);
            return refusal.map_or(Ok(()), |why| {
                unless_running(main, (message::NO_EMBEDDED_IN_COPIES, why), "these requests get 500")
            });
        }
        warn_of_small_stacks(main);
        let result = usable(config);
        let in_children =
            |server: Server<'_>| server.config().aliases.iter().any(|alias| may_be_embedded(server, alias));
        let wanted = config.python.home.is_some() || main.all().any(in_children);
        WANTED.store(wanted, Ordering::Relaxed);
        let failed = result.as_ref().err().cloned();
        *FOUND.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(result);
        match failed {
            Some(why) if wanted => unless_running(main, why, "WSGI requests get 503"),
            _ => Ok(()),
        }
    }
}

/// Its application may run in Apache's children: neither it nor its server names a process group.
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
    if let Some(file) = embedded::missing_engine() {
        let why =
            format!("{} is missing: install it beside mod_wsgi.so ('make install' does)", file.display());
        return Err((message::PYTHON_UNUSABLE, why));
    }
    if let Some(path) = find::other_libpython() {
        let why = format!(
            "another module has brought {path} into Apache, and two Pythons cannot share its processes; remove that \
             module (a LoadModule or LoadFile of mod_python, the original mod_wsgi, ...)"
        );
        return Err((message::OTHER_PYTHON, why));
    }
    find::find(config.python.home.as_deref())
        .map_err(|why| (message::PYTHON_UNUSABLE, located(&config.python.home_location, why)))
}

/// Puts `file:line` in front, where a directive is what has to be changed.
fn located(location: &str, why: String) -> String {
    if location.is_empty() { why } else { format!("{location}: {why}") }
}

/// The post-config hook: the Server header names us and the python, as ServerTokens allows.
pub struct Announce;

impl hook::Configured for Announce {
    fn run(pool: Pool<'_>, _: Server<'_>) -> hook::Outcome {
        add_component(pool, concat!("mod_wsgi/", env!("CARGO_PKG_VERSION")));
        if let Ok(python) = found() {
            add_component(pool, &format!("Python/{}", python.version));
        }
        hook::Outcome::Go
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
                "ThreadStackSize {size} is small for Python: nested data may overflow it; use {ENOUGH} or more"
            ),
        );
    }
}
