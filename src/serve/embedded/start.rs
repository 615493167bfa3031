//! The start of Python in a child, and what the rest of the child knows of it.

use super::engine::{self, Refusal};
use super::{abi, os, preload, signals, stop};
use crate::apache::{self, Pool, Server, hook, log, mpm};
use crate::config::{ServerConfig, ServerExt};
use crate::startup::{options, registry, settings};
use crate::{check, python};
use crate::{ledger, process};
use std::time::{Duration, Instant};
use wire::abi::Engine;
use wire::message;
use wire::settings::Settings;

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
        let restricted = config.python.restrict_embedded == Some(true);
        let result = if restricted && !check::has_scripts(main) {
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
        engine::settle(result, restricted);
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
    let host = Box::leak(Box::new(abi::host(settings(config).bytes().leak())));
    let (arguments, variables) = (options::arguments(config), options::variables(config));
    // SAFETY: the child has no other thread than this one, which waits, and maybe one that waits for a signal and those that answer
    // questions, none of which reads the environment.
    #[allow(unsafe_code)]
    unsafe { os::start_python(&python, host, &arguments, variables) }.map_err(Refusal::Failed)?;
    let engine = engine::wait_for(START_DEADLINE)?;
    let text = format!(
        "Python {} from {} started in {} ms",
        python.version,
        python.prefix,
        begun.elapsed().as_millis()
    );
    log::server_message(Some(main), message::PYTHON_STARTED, text);
    ledger::child().iter().for_each(|child| child.set_python());
    Ok(engine)
}

fn settings(config: &ServerConfig) -> Settings {
    let mut settings = settings::of(config);
    let process = &mut settings.process;
    process.multithread = mpm::threaded();
    process.multiprocess = mpm::forked();
    process.processes = mpm::max_processes();
    process.threads = mpm::threads();
    process.registry = registry::take();
    settings.interpreter.keep_stdout = apache::defined(c"ONE_PROCESS");
    config.interpreters.add_to(&mut settings);
    settings
}
