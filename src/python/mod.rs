//! The python of Apache's children, settled while the configuration is read: from the configuration to a question
//! ([`pythons::Search`]), and what is kept of the answer.
//!
//! What is wrong is one sentence with a remedy. That is fatal at `apachectl configtest` and at the first start; on a restart
//! of a running server it is logged and requests get 503, because a failing check would end Apache.
#![deny(unsafe_code)]

use crate::apache::{AtEnd, Pool, Server, add_component, hook, mpm};
use pythons::{Python, Search, User};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Mutex;
use wire::{Message, message};

/// Why there is no python, as a message and a sentence.
pub type Unusable = (Message, String);

/// What the check of the current configuration found: children inherit it when they are forked.
static FOUND: Mutex<Option<Result<Python, Unusable>>> = Mutex::new(None);

/// The user of Apache's children.
pub fn apache_user() -> User {
    let (uid, gid, name) = mpm::unixd_user();
    User { uid, gid, name }
}

/// The question for the python of `home`, as a directive or an option (`said_by`) names it, or for the default one.
pub fn search<'a>(home: Option<&'a [u8]>, said_by: &'a str, user: &'a User) -> Search<'a> {
    let home = home.map(|home| Path::new(OsStr::from_bytes(home)));
    Search { home, said_by, user, deadline: Search::DEADLINE }
}

/// The python for Apache's children: that of WSGIPythonHome, or the default one.
pub fn find(home: Option<&[u8]>) -> Result<Python, Unusable> {
    let found = search(home, HOME_DIRECTIVE, &apache_user()).embeddable();
    found.map_err(|problem| (problem.message(), problem.text))
}

/// What stands in front of a home that the directive names.
pub const HOME_DIRECTIVE: &str = "WSGIPythonHome ";

/// Keeps what was found for the configuration that is being checked.
pub fn keep(result: Result<Python, Unusable>) {
    *os::lock(&FOUND) = Some(result);
}

/// The python of the current configuration, or why there is none.
pub fn found() -> Result<Python, String> {
    let found = os::lock(&FOUND).clone();
    let found = found.unwrap_or_else(|| Err((message::PYTHON_UNUSABLE, "it was not looked for".into())));
    found.map_err(|(_, why)| why)
}

/// Forgets it, when the configuration goes: nothing of it is left behind when httpd unloads the module.
pub struct Forget;

impl AtEnd for Forget {
    fn run() {
        os::lock(&FOUND).take();
        let _ = std::panic::take_hook();
    }
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
