//! The start of Python in a child, and what the rest of the child knows of it.

use super::engine::{self, Refusal};
use super::{door, os, preload, signals, stop};
use crate::apache::{self, Pool, Server, hook, log, mpm};
use crate::config::ServerConfig;
use crate::config::ServerExt;
use crate::process::{self, cpus};
use crate::startup::{options, registry};
use crate::{check, python};
use std::time::{Duration, Instant};
use wire::door::{Engine, Settings};
use wire::{Slice, message};

/// How long Python may take to start in a child. Without it the child serves everything else.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// The child-init hook.
pub struct Start;

impl hook::ChildStart for Start {
    fn run(pool: Pool<'static>, main: Server<'static>) {
        process::remember(main);
        process::leave_terminal();
        process::variable(b"");
        signals::ignore_report_signal();
        let config = main.config();
        let result = if config.python.restrict_embedded == Some(true) {
            Err(Refusal::Restricted)
        } else if mpm::serves_in_copies() {
            Err(Refusal::Copies)
        } else {
            start(main, config)
        };
        if let Err(Refusal::Failed(why) | Refusal::Unusable(why)) = &result
            && check::is_python_wanted()
        {
            log::server_message(
                Some(main),
                message::PYTHON_FAILED,
                format_args!("Python is not available in this process: {why}"),
            );
        }
        let ready = result.is_ok();
        if ready {
            pool.at_end::<super::AtPoolEnd>();
        }
        engine::settle(result);
        if ready {
            preload::run(pool, main);
        }
    }
}

fn start(main: Server<'static>, config: &'static ServerConfig) -> Result<&'static Engine, Refusal> {
    let python = python::found().map_err(Refusal::Unusable)?;
    let begun = Instant::now();
    process::stay_loaded();
    os::watch();
    if !mpm::threaded() {
        signals::hold_stop_signals(stop::end).map_err(Refusal::Failed)?;
    }
    let settings: &'static Settings = Box::leak(Box::new(settings(config)));
    let host = Box::leak(Box::new(door::host(settings)));
    os::start_python(&python, host, &options::arguments(config), options::variables(config))
        .map_err(Refusal::Failed)?;
    let engine = engine::wait_for(START_DEADLINE)?;
    let text = format!(
        "Python {} from {} started in {} ms",
        python.version,
        python.prefix,
        begun.elapsed().as_millis()
    );
    log::server_message(Some(main), message::PYTHON_STARTED, text);
    Ok(engine)
}

fn settings(config: &'static ServerConfig) -> Settings {
    let python = &config.python;
    let text = |text: &'static [u8]| Slice::of(text);
    Settings {
        python_path: python.path.as_deref().map_or(Slice::EMPTY, text),
        restrict_stdin: python.restrict_stdin == Some(true),
        restrict_stdout: python.restrict_stdout == Some(true),
        restrict_signal: python.restrict_signal != Some(false),
        keep_stdout: apache::defined(c"ONE_PROCESS"),
        case_sensitive: python.case_sensitivity != Some(false),
        multithread: mpm::threaded(),
        multiprocess: mpm::forked(),
        switch_interval: python.switch_interval.unwrap_or(0.0),
        hide_hash_seed: python.hash_seed.is_some(),
        apache_version: apache::version(),
        description: text(apache::description()),
        build_date: text(apache::build_date()),
        mpm: text(mpm::name()),
        processes: mpm::max_processes(),
        threads: mpm::threads(),
        restrict_exit: python.restrict_exit.unwrap_or_default().number(),
        board: registry::take(),
        slots: python.startup.slots.unwrap_or_else(cpus),
        generation: registry::generation(),
        begun: crate::os::clock(),
        startup_timeout: python.startup.timeout.unwrap_or(60.0),
        startup_requests: python.startup.requests.unwrap_or(3),
        import_timeout: python.startup.import_timeout.unwrap_or(10.0),
    }
}
