//! Real frameworks inside a real Apache, as a site would run them: nothing in their code knows about the module.

mod advice;
mod cherrypy;
mod cli;
mod concurrency;
mod credentials;
mod cut_files;
mod daemon;
mod daemon_asked;
mod daemon_concurrency;
mod daemon_death;
mod daemon_descriptors;
mod daemon_files;
mod daemon_fork;
mod daemon_fork_load;
mod daemon_generations;
mod daemon_heads;
mod daemon_heals;
mod daemon_interpreters;
mod daemon_itk;
mod daemon_load;
mod daemon_memory;
mod daemon_orphans;
mod daemon_outside;
mod daemon_pythons;
mod daemon_reload;
mod daemon_robust;
mod daemon_scale;
mod daemon_scoreboard;
mod daemon_scripts;
mod daemon_server_metrics;
mod daemon_slow;
mod daemon_slow_answers;
mod daemon_slow_bodies;
mod daemon_slow_flush;
mod daemon_slow_lines;
mod daemon_status;
mod daemon_timeouts;
mod daemon_transfer;
mod daemon_waiting;
mod debian;
mod django;
mod django_alias;
mod ending;
mod ending_hung;
mod examples;
mod exits;
mod failure_pages;
mod first_failure;
mod first_requests;
mod flask;
mod hardening;
mod hardening_process;
mod held_apart;
mod hostile_descriptors;
mod htaccess_at_start;
mod httpd_org;
mod import_deadlocks;
mod interpreter_limit;
mod known_failures;
mod main_thread;
mod neighbours;
mod one_processor;
mod preload;
mod preload_hung;
mod preload_ports;
mod python_apart;
mod python_found;
mod python_runs;
mod random;
mod reports;
mod retries;
mod shared_packages;
mod sharing;
mod start_records;
mod starting;
mod startup_config;
mod startup_lock;
mod status;
mod template;
mod two_sites;
mod warm_up;
mod watchdog;

use std::path::Path;
use std::process::Command;

use harness::venv;

/// Runs a program of the cell's virtual environment in a directory; its failure is the test's.
#[track_caller]
fn run(dir: &Path, program: &str, arguments: &[&str]) {
    let output = Command::new(venv().join("bin").join(program))
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("DJANGO_SUPERUSER_PASSWORD", "secret-1234")
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{program} {arguments:?}:\n{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

/// Appends to a file a program made.
#[track_caller]
fn append(path: &Path, text: &str) {
    use std::io::Write;
    let mut file = std::fs::File::options()
        .append(true)
        .open(path)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    file.write_all(harness::text::dedent(text).as_bytes()).expect("append");
}
