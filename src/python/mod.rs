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
pub use find::{Python, find, find_executable, other_libpython};

use crate::apache::{AtEnd, Pool, Server, add_component, hook};
use std::sync::Mutex;
use wire::{Message, message};

/// Why there is no python, as a message and a sentence.
pub type Unusable = (Message, String);

/// What the check of the current configuration found: children inherit it when they are forked.
static FOUND: Mutex<Option<Result<Python, Unusable>>> = Mutex::new(None);

/// Keeps what was found for the configuration that is being checked.
pub fn keep(result: Result<Python, Unusable>) {
    *FOUND.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(result);
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
