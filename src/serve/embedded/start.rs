//! The start of Python in a child, and what the rest of the child knows of it.

use super::{door, os, preload, signals, stop};
use crate::apache::{self, Pool, Server, hook, log, mpm};
use crate::config::ServerConfig;
use crate::config::ServerExt;
use crate::process::{self, cpus};
use crate::startup::{options, registry};
use crate::{check, python};
use once_cell::sync::OnceCell;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};
use wire::door::{Engine, Settings, VERSION};
use wire::{Slice, message};

/// How long Python may take to start in a child. Without it the child serves everything else.
const START_DEADLINE: Duration = Duration::from_secs(60);

static ANSWER: Mutex<Option<Result<&'static Engine, String>>> = Mutex::new(None);
static ANSWERED: Condvar = Condvar::new();
/// [`ANSWER`] once it is final: read by every request.
static ENGINE: OnceCell<Result<&'static Engine, Refusal>> = OnceCell::new();

/// Why there is no Python in this process.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// WSGIRestrictEmbedded is on.
    Restricted,
    /// Each connection is served in a copy of this process.
    Copies,
    /// The process was told to end before it had started.
    Stopping,
    /// The configured python cannot be used, found when the running server read its configuration again.
    Unusable(String),
    /// It did not start, and why.
    Failed(String),
}

/// The engine, or why there is none.
pub fn engine() -> Result<&'static Engine, Refusal> {
    match ENGINE.get() {
        Some(answer) => answer.clone(),
        None => Err(Refusal::Failed("it has not been started".into())),
    }
}

/// The engine's answer to our table, given on the python-main thread.
pub fn answered(answer: Result<&'static Engine, String>) {
    let answer = answer.and_then(|engine| {
        if engine.version == VERSION && engine.size as usize == size_of::<Engine>() {
            return Ok(engine);
        }
        Err(format!("_mod_wsgi.abi3.so speaks version {} of the door, mod_wsgi.so {VERSION}", engine.version))
    });
    let mut place = ANSWER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // The first answer counts: python-main reports its own end too.
    place.get_or_insert(answer);
    ANSWERED.notify_all();
}

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
        let _ = ENGINE.set(result);
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
    let mut answer = ANSWER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    loop {
        if let Some(answer) = answer.take() {
            let engine = answer.map_err(Refusal::Failed)?;
            let text = format!(
                "Python {} from {} started in {} ms",
                python.version,
                python.prefix,
                begun.elapsed().as_millis()
            );
            log::server_message(Some(main), message::PYTHON_STARTED, text);
            return Ok(engine);
        }
        if begun.elapsed() > START_DEADLINE {
            return Err(Refusal::Failed(format!("it did not start within {} s", START_DEADLINE.as_secs())));
        }
        if signals::stop_is_pending() {
            return Err(Refusal::Stopping);
        }
        let pause = Duration::from_millis(50);
        answer = ANSWERED.wait_timeout(answer, pause).unwrap_or_else(|poisoned| poisoned.into_inner()).0;
    }
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
