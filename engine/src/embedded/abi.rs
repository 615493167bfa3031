//! The engine's side of the interface: what the Apache half may ask of it, as C functions.
#![allow(unsafe_code)]

use super::{Apache, Handle};
use crate::host;
use crate::python::{self, Problem, Py};
use crate::requests::Block;
use crate::runtime::{self, Settings};
use crate::startup::{self, Script};
use crate::wsgi::{self, Facts, Pages};
use once_cell::sync::OnceCell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use wire::abi::{self as table, End, Ended, Engine, Outcome, Request, RequestHandle, Target, VERSION};
use wire::plan::StartPlan;
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
pub struct SendHandle(RequestHandle);

// SAFETY: the Apache half allows calls from any thread, one at a time, which `Call` sees to.
unsafe impl Send for SendHandle {}
// SAFETY: shared references are used to log, which the Apache half allows at any time.
unsafe impl Sync for SendHandle {}

impl SendHandle {
    /// The raw handle, for calls into the Apache half.
    pub fn get(self) -> RequestHandle {
        self.0
    }
}

/// What the bootstrap calls: meets the Apache half and gives python-main to the engine.
pub fn embed(py: Py<'_>, address: usize) -> python::Result<()> {
    // SAFETY: the Apache half put the address of a table that lives as the process into the bootstrap.
    let host: &'static table::Host = unsafe { &*(address as *const table::Host) };
    if host.version != VERSION || host.size as usize != size_of::<table::Host>() {
        let text = format!(
            "{}: mod_wsgi.so has version {} of the interface, _mod_wsgi.abi3.so has {VERSION}; install both files together",
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
        let settings = settings(unsafe { host.settings.bytes() })?;
        wsgi::start(py, settings, || (host.ready)(&ENGINE, Slice::EMPTY))
    });
    result.map_err(|why| {
        (host.ready)(std::ptr::null(), Slice::of(why.as_bytes()));
        Problem::Runtime.raise(py, why)
    })
}

fn settings(encoded: &[u8]) -> Result<Settings, String> {
    let told = wire::settings::Settings::parse(encoded).map_err(|error| error.to_string())?;
    if told.process.hide_hash_seed {
        // SAFETY: python-main is the only thread that runs; Python has read the variable.
        unsafe { std::env::remove_var("PYTHONHASHSEED") };
    }
    Ok(Settings::of(told))
}

/// No panic crosses the interface: it is logged where it happens, by the hook.
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

/// How an application starts.
fn plan(target: &Target) -> StartPlan {
    // SAFETY: a plan that lives as the process.
    let plan = StartPlan::parse(unsafe { target.plan.bytes() });
    // The other half of this version has made it.
    plan.unwrap_or_default()
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
        let handle = || Box::new(Handle { host, exchange: SendHandle(request.handle) });
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
