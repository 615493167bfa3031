//! The engine's side of the door: what the Apache half may ask of it, as C functions.
#![allow(unsafe_code)]

use super::{Apache, Handle};
use crate::host;
use crate::python::{self, Problem, Py};
use crate::requests::Block;
use crate::runtime::{self, ExitRule, Settings, seconds};
use crate::startup::{self, Django, Script, StartPlan, WarmUp};
use crate::wsgi::{self, Facts, Pages};
use once_cell::sync::OnceCell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use wire::door::{self as table, End, Ended, Engine, Exchange, Outcome, Request, Target, VERSION};
use wire::{Slice, message};

static HOST: OnceCell<&'static table::Host> = OnceCell::new();

static ENGINE: Engine = Engine {
    version: VERSION,
    size: size_of::<Engine>() as u32,
    serve,
    preload,
    release,
    thread_exit: thread_exit_c,
    stop,
};

/// An exchange that may change threads: one thread of the application's at a time uses it.
#[derive(Clone, Copy)]
pub struct SendExchange(Exchange);

// SAFETY: the Apache half allows calls from any thread, one at a time, which `Call` sees to.
unsafe impl Send for SendExchange {}
// SAFETY: shared references are used to log, which the Apache half allows at any time.
unsafe impl Sync for SendExchange {}

impl SendExchange {
    /// The handle.
    pub fn get(self) -> Exchange {
        self.0
    }
}

/// What the bootstrap calls: meets the Apache half and gives python-main to the engine.
pub fn embed(py: Py<'_>, address: usize) -> python::Result<()> {
    // SAFETY: the Apache half put the address of a table that lives as the process into the bootstrap.
    let host: &'static table::Host = unsafe { &*(address as *const table::Host) };
    if host.version != VERSION || host.size as usize != size_of::<table::Host>() {
        let text = format!(
            "{}: mod_wsgi.so speaks version {} of the door, _mod_wsgi.abi3.so {VERSION}; install both files together",
            message::ENGINE_MISMATCH,
            host.version
        );
        return Err(Problem::Runtime.raise(py, text));
    }
    let _ = HOST.set(host);
    host::set(Box::new(Apache(host)));
    std::panic::set_hook(Box::new(|panic| host::message(message::PANIC, panic)));
    let result = python::initialise().and_then(|()| {
        // SAFETY: the settings live as the process.
        let settings = settings(unsafe { &*host.settings });
        wsgi::start(py, settings, || (host.ready)(&ENGINE, Slice::EMPTY))
    });
    result.map_err(|why| {
        (host.ready)(std::ptr::null(), Slice::of(why.as_bytes()));
        Problem::Runtime.raise(py, why)
    })
}

fn settings(from: &table::Settings) -> Settings {
    use std::os::unix::ffi::OsStringExt;
    // SAFETY: slices of settings live as the process.
    let text = |slice: Slice| unsafe { slice.bytes() }.to_vec();
    if from.hide_hash_seed {
        // SAFETY: python-main is the only thread that runs; Python has read the variable.
        unsafe { std::env::remove_var("PYTHONHASHSEED") };
    }
    let environ = std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec())).collect();
    Settings {
        python_path: text(from.python_path),
        process_group: Vec::new(),
        home: Vec::new(),
        restrict_stdin: from.restrict_stdin,
        restrict_stdout: from.restrict_stdout,
        restrict_signal: from.restrict_signal,
        keep_stdout: from.keep_stdout,
        case_sensitive: from.case_sensitive,
        multithread: from.multithread,
        multiprocess: from.multiprocess,
        run_once: false,
        switch_interval: from.switch_interval,
        environ,
        apache_version: from.apache_version,
        description: text(from.description),
        build_date: text(from.build_date),
        mpm: text(from.mpm),
        processes: from.processes,
        threads: from.threads,
        mpm_numbers: [from.processes, from.threads],
        restrict_exit: ExitRule::of(from.restrict_exit),
        daemon: false,
        beside: false,
        died: None,
        scripts: (None, None, None),
        registry: (from.board >= 0).then_some(from.board),
        permits: from.slots,
        generation: from.generation,
        begun: from.begun,
        startup_timeout: seconds(from.startup_timeout),
        startup_requests: from.startup_requests,
        import_timeout: seconds(from.import_timeout),
    }
}

/// No panic crosses the door: it is logged where it happens, by the hook.
fn guard<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(otherwise)
}

fn script<'a>(target: &'a Target) -> Script<'a> {
    // SAFETY: slices of a target live during the call it is passed to.
    let text = |slice: Slice| -> &'a [u8] { unsafe { slice.bytes() } };
    Script {
        path: text(target.script),
        group: text(target.application_group),
        callable: text(target.callable),
        stamp: target.stamp,
        reload: target.reload,
    }
}

/// How an application starts, in words of the engine's.
fn plan(target: &Target) -> StartPlan {
    // SAFETY: null, or a plan that lives as the process.
    let Some(plan) = (unsafe { target.plan.as_ref() }) else { return StartPlan::default() };
    // SAFETY: slices of a plan and of a target live during the call.
    let text = |slice: Slice| unsafe { slice.bytes() }.to_vec();
    // SAFETY: null, or a structure that lives as the plan.
    let django = unsafe { plan.django.as_ref() }.map(|django| Django {
        project: text(django.project),
        url: text(django.url),
        settings: text(django.settings),
        checks: text(django.checks),
        finders: django.finders,
    });
    // SAFETY: an array that lives as the plan; null only when it is empty.
    let requests = unsafe { wire::slice::array(plan.warm_ups, plan.warm_ups_len) };
    let warm_up = |request: &table::WarmUp| {
        // SAFETY: as above.
        let environ = unsafe { wire::slice::array(request.environ, request.environ_len) };
        WarmUp {
            path: String::from_utf8_lossy(&text(request.path)).into_owned(),
            environ: environ.iter().map(|pair| (text(pair.name), text(pair.value))).collect(),
            https: request.https,
        }
    };
    StartPlan { django, callable: text(target.callable), warm_ups: requests.iter().map(warm_up).collect() }
}

extern "C" fn serve(request: *const Request) -> Outcome {
    guard(Outcome::of(End::Truncated, 0), || {
        let Some(&host) = HOST.get() else { return Outcome::of(End::Error, 500) };
        // SAFETY: the Apache half passes a request that lives during this call, entries included.
        let (request, entries) = unsafe {
            let request = &*request;
            (request, std::slice::from_raw_parts(request.environ, request.environ_len))
        };
        // SAFETY: as above.
        let environ = entries.iter().map(|pair| unsafe { (pair.name.bytes(), pair.value.bytes()) });
        let length = wsgi::declared_length(environ.clone());
        let handle = || Box::new(Handle { host, exchange: SendExchange(request.exchange) });
        wsgi::serve(
            wsgi::Request {
                script: script(&request.target),
                environ,
                length,
                head_only: request.head_only,
                facts: Facts {
                    https: request.https,
                    received: request.received as f64 / 1e6,
                    warm_up: false,
                    queued: 0.0,
                    taken: 0.0,
                },
                plan: &|| plan(&request.target),
                pages: Pages { own: request.own_pages, details: request.error_details },
            },
            handle(),
            handle(),
        )
    })
}

extern "C" fn preload(target: *const Target) {
    guard((), || {
        // SAFETY: a target that lives during this call.
        let target = unsafe { &*target };
        let _ = startup::preload(&script(target), || plan(target));
    });
}

extern "C" fn release(owner: *mut c_void) {
    // SAFETY: what `refer` passed to `append`, given back once.
    guard((), || unsafe { Box::from_raw(owner.cast::<Block>()) }.done());
}

extern "C" fn thread_exit_c() {
    guard((), runtime::thread_exit);
}

extern "C" fn stop(deadline_ms: u32) -> Ended {
    let otherwise = Ended { running: 0, quiet: false };
    guard(otherwise, || startup::stop(Duration::from_millis(deadline_ms.into())))
}
