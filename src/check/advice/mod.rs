//! What a configuration says that cannot be meant: one line for each finding, with its place and what to do. It is said at
//! `apachectl configtest`, and in the error log when the configuration is used. What is not certain is not said.

mod aliases;
mod groups;
mod homes;
mod lines;
mod places;
mod projects;
mod scripts;

use crate::apache::{Pool, Server, hook, log, mpm};
use lines::{Finding, Lines};
use std::collections::BTreeSet;

/// The hooks that say it.
pub struct Advice;

impl hook::Check for Advice {
    fn run(pool: Pool<'_>, main: Server<'_>) -> Result<(), Finding> {
        if mpm::is_config_test() {
            say(pool, main);
        }
        Ok(())
    }
}

impl hook::Configured for Advice {
    fn run(pool: Pool<'_>, main: Server<'_>) -> hook::Outcome {
        // The trial reading would say the same.
        if !mpm::is_first_pass() {
            say(pool, main);
        }
        hook::Outcome::Go
    }
}

fn say(pool: Pool<'_>, main: Server<'_>) {
    let lines = Lines::of(main);
    let places = places::all(pool, main);
    let mut said = BTreeSet::new();
    let findings = [
        groups::unused(main, &lines),
        groups::out_of_reach(main, &lines),
        aliases::shadowed(main),
        homes::in_vain(main, &lines),
        scripts::closed(&places),
        projects::sharing(&places),
    ];
    for (message, text) in findings.into_iter().flatten() {
        if said.insert(text.clone()) {
            log::server_message(Some(main), message, &text);
        }
    }
}
