//! What the server's configuration says to every process that runs Python, in either mode.

use super::registry;
use crate::apache::{self, mpm};
use crate::config::ServerConfig;
use crate::process::cpus;
use wire::settings::Settings;

/// Starts that wait for a disk or another server leave processors idle: so many more may begin then, for each processor.
const SPARE: u32 = 3;

/// The process may use less than the processors on which it may run.
fn has_quota() -> bool {
    os::Processors::of(0).is_none_or(|own| own.numbers().count() > cpus() as usize)
}

/// The settings that both modes share; what a mode knows better it sets itself. `main` is the main server's configuration.
pub fn of(main: &ServerConfig) -> Settings {
    let python = &main.python;
    let mut settings = main.settings.clone();
    settings.interpreter = main.interpreters.outside();
    let process = &mut settings.process;
    process.apache_version = apache::version().map(|part| part.unsigned_abs());
    process.description = apache::description().to_vec();
    process.build_date = apache::build_date().to_vec();
    process.mpm_name = mpm::name().to_vec();
    process.apache_processes = mpm::max_processes().max(1);
    process.apache_threads = mpm::threads();
    process.hide_hash_seed = python.hash_seed.is_some();
    (process.permits, process.spare_permits) = match python.permits {
        Some(number) => (number, 0),
        // Where a container has a quota, idle processors are not its own.
        None if has_quota() => (cpus(), 0),
        None => (cpus(), cpus().saturating_mul(SPARE)),
    };
    process.generation = registry::generation();
    process.begun = os::monotonic();
    settings
}
