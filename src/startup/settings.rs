//! What the server's configuration says to every process that runs Python, in either mode.

use super::registry;
use crate::apache::{self, mpm};
use crate::config::ServerConfig;
use crate::process;
use wire::settings::{Interpreter, Process, Settings};

/// The settings that both modes share; what a mode knows better it sets itself. `main` is the main server's configuration.
pub fn of(main: &ServerConfig) -> Settings {
    let python = &main.python;
    let (mut process, mut interpreter) = (Process::default(), Interpreter::default());
    process.apache_version = apache::version().map(|part| part.unsigned_abs());
    process.description = apache::description().to_vec();
    process.build_date = apache::build_date().to_vec();
    process.mpm_name = mpm::name().to_vec();
    process.apache_processes = mpm::max_processes().max(1);
    process.apache_threads = mpm::threads();
    process.hide_hash_seed = python.hash_seed.is_some();
    process.restrict_exit = python.restrict_exit.unwrap_or_default().number();
    process.permits = python.startup.slots.unwrap_or_else(process::cpus);
    process.generation = registry::generation();
    process.begun = os::monotonic();
    given(&mut process.case_sensitive, &python.case_sensitivity);
    given(&mut process.startup_timeout, &python.startup.timeout);
    given(&mut process.startup_requests, &python.startup.requests);
    given(&mut process.import_timeout, &python.startup.import_timeout);
    given(&mut interpreter.python_path, &python.path);
    given(&mut interpreter.restrict_stdin, &python.restrict_stdin);
    given(&mut interpreter.restrict_stdout, &python.restrict_stdout);
    given(&mut interpreter.restrict_signal, &python.restrict_signal);
    given(&mut interpreter.switch_interval, &python.switch_interval);
    Settings { process, interpreter }
}

/// Sets what the configuration gives; the default stays where it does not.
pub fn given<T: Clone>(field: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        field.clone_from(value);
    }
}
