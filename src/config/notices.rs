//! What is said of a configuration that is accepted: at `apachectl configtest`, and in the error log when it is used.

use crate::apache::{Pool, Server, hook, log, mpm};
use crate::config::ServerExt;
use std::collections::BTreeSet;
use wire::Message;

/// The hooks that say it.
pub struct Notices;

impl hook::Check for Notices {
    fn run(_: Pool<'_>, main: Server<'_>) -> Result<(), (Message, String)> {
        if mpm::is_config_test() {
            say(main);
        }
        Ok(())
    }
}

impl hook::Configured for Notices {
    fn run(_: Pool<'_>, main: Server<'_>) -> hook::Outcome {
        // The trial reading would say the same.
        if !mpm::is_first_pass() {
            say(main);
        }
        hook::Outcome::Go
    }
}

fn say(main: Server<'_>) {
    // Virtual hosts without a directive of ours share the main server's configuration.
    let mut said = BTreeSet::new();
    for (message, text) in main.all().flat_map(|server| &server.config().notices) {
        if said.insert(text) {
            log::server_message(Some(main), *message, text);
        }
    }
}
