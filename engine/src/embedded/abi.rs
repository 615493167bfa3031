//! The engine's side of the interface: what the Apache half may ask of it, as C functions.
#![allow(unsafe_code)]

use super::{Apache, Handle, LogLine};
use crate::admission::{Eyes, Turnstile, watch};
use crate::host;
use crate::inspect;
use crate::python::{self, Problem, Py};
use crate::runtime::{self, Settings};
use crate::startup::{self, Script};
use crate::telemetry;
use crate::watchdog;
use crate::wsgi::{self, Facts, Pages};
use once_cell::sync::OnceCell;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::thread;
use std::time::Duration;
use wire::abi::{self as table, Ask, End, Ended, Engine, Outcome, Request, Target, VERSION};
use wire::plan::StartPlan;
use wire::settings::Settings as Told;
use wire::{Lent, Slice, message};

static HOST: OnceCell<&'static table::Host> = OnceCell::new();

/// Before Python, where it may have several requests at a time.
static TURNSTILE: OnceCell<&Turnstile> = OnceCell::new();

static ENGINE: Engine = Engine {
    version: VERSION,
    size: size_of::<Engine>() as u32,
    serve,
    ask,
    preload,
    thread_exit: thread_exit_c,
    stop,
    inspect: inspect_c,
};

/// What the bootstrap calls: meets the Apache half and gives python-main to the engine.
///
/// # Safety
/// `host` is the table of the process, of whatever version, which lives as long. No other thread uses the environment.
pub unsafe fn embed(py: Py<'_>, host: NonNull<table::Host>) -> python::Result<()> {
    // SAFETY: says the caller; version and size stand first in every version.
    let host: &'static table::Host = unsafe { host.as_ref() };
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
        let told = Told::parse(host.settings.get()).map_err(|error| error.to_string())?;
        if told.process.hide_hash_seed {
            // SAFETY: says the caller. Python has read the variable.
            unsafe { std::env::remove_var("PYTHONHASHSEED") };
        }
        let process = &told.process;
        let places = (process.threads.unsigned_abs(), process.concurrency, process.one_processor);
        wsgi::start(py, Settings::of(told), || {
            telemetry::start();
            admit(places);
            host.gil.iter().for_each(|gil| watchdog::watch_gil(gil, None));
            (host.ready)(Some(&ENGINE), Slice::EMPTY)
        })
    });
    result.map_err(|why| {
        (host.ready)(None, Slice::of(why.as_bytes()));
        Problem::Runtime.raise(py, why)
    })
}

/// Requests have so many threads, and so many of them run at the same time; 0: that is found out.
fn admit((threads, concurrency, one_processor): (u32, u32, bool)) {
    // HTTP/2 brings more threads than those.
    if threads <= 1 || concurrency == u32::MAX {
        return;
    }
    let turnstile: &Turnstile = Box::leak(Box::new(Turnstile::new(concurrency.max(1))));
    let watched = move || watch(&mut Eyes::new(turnstile, runtime::CONTACT, one_processor), threads);
    // Without a thread to find it out all are let in.
    if concurrency > 0 || thread::Builder::new().name("wsgi-places".into()).spawn(watched).is_ok() {
        let _ = TURNSTILE.set(turnstile);
    }
}

/// No panic crosses the interface: it is logged where it happens, by the hook.
fn guard<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(otherwise)
}

fn script<'a>(target: &Target<'a>) -> Script<'a> {
    Script {
        path: target.script.get(),
        resource: target.script.get(),
        group: target.application_group.get(),
        named_by_client: target.named_by_client,
        callable: target.callable.get(),
        stamp: target.stamp,
        reload: target.reload,
    }
}

/// How an application starts.
fn plan(target: &Target<'_>) -> StartPlan {
    // The other half of this version has made it.
    StartPlan::parse(target.plan.get()).unwrap_or_default()
}

extern "C" fn serve(request: Request<'_>) -> Outcome {
    guard(Outcome::of(End::Truncated, 0), || {
        let Some(&host) = HOST.get() else { return Outcome::of(End::Error, 500) };
        let environ = request.environ.get().iter().map(|pair| pair.get());
        let length = wsgi::declared_length(environ.clone());
        // SAFETY: the link and the log of a request are closed before `wsgi::serve` returns, whoever still has them.
        let handle = unsafe { request.handle.unbounded() };
        let log = LogLine { host, handle: handle.log() };
        let script = script(&request.target);
        let resource = wsgi::resource(script.path, script.callable, environ.clone());
        wsgi::serve(
            wsgi::Request {
                script: Script { resource, ..script },
                environ,
                length,
                head_only: request.head_only,
                facts: Facts {
                    https: request.https,
                    received: request.received as f64 / 1e6,
                    warm_up: false,
                    queued: 0.0,
                    taken: 0.0,
                    request_rec: NonZeroUsize::new(request.request_rec),
                },
                plan: &|| plan(&request.target),
                pages: Pages {
                    own: request.own_pages,
                    own_error: request.own_error_page,
                    details: request.error_details,
                },
                turnstile: TURNSTILE.get().copied(),
            },
            Box::new(Handle { host, handle }),
            Box::new(log),
        )
    })
}

extern "C" fn ask(ask: Ask<'_>) -> Outcome {
    guard(wsgi::error(500), || {
        let Some(&host) = HOST.get() else { return wsgi::error(500) };
        // SAFETY: the link and the log are closed before `wsgi::ask` returns, whoever still has them.
        let handle = unsafe { ask.handle.unbounded() };
        let log = LogLine { host, handle: handle.log() };
        wsgi::ask(
            wsgi::Ask {
                script: script(&ask.target),
                environ: ask.environ.get().iter().map(|pair| pair.get()),
                https: ask.https,
                functions: ask.functions.get(),
                request_rec: NonZeroUsize::new(ask.request_rec),
            },
            Box::new(Handle { host, handle }),
            Box::new(log),
        )
    })
}

extern "C" fn preload(target: &Target<'_>) {
    guard((), || {
        let _ = startup::preload(&script(target), || plan(target));
    });
}

extern "C" fn thread_exit_c() {
    guard((), runtime::thread_exit);
}

extern "C" fn stop(deadline_ms: u32) -> Ended {
    let otherwise = Ended { running: 0, quiet: false };
    guard(otherwise, || {
        telemetry::stopping("");
        let ended = startup::stop(Duration::from_millis(deadline_ms.into()), "");
        telemetry::stopped("");
        ended
    })
}

extern "C" fn inspect_c(question: Slice<'_>) -> Lent {
    Lent::new(guard(Vec::new(), || inspect::answer(question.get())))
}
