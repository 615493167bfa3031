//! A request from its arrival to its outcome.

use super::call::Call;
use super::environ::Facts;
use super::failed::error;
use super::page::Client;
use super::refuse::{Pages, refuse, refuse_call, tell};
use super::run::run;
use crate::admission::Turnstile;
use crate::host::{self, Renewed};
use crate::metrics;
use crate::python::{Bound, Py, forget_interrupt, modules};
use crate::requests::{About, ActiveRequest, Link, Named, Observed};
use crate::runtime::{self, Log, Output, RequestLog, gate, is_copy, leave_copy};
use crate::startup::{self, App, Refusal, Script, Seen, Serving};
use crate::telemetry;
use std::sync::Arc;
use wire::abi::{End, Outcome};
use wire::message;
use wire::plan::StartPlan;

/// A request, but for its link.
pub struct Request<'a, P> {
    /// The script and its interpreter.
    pub script: Script<'a>,
    /// The environ's text entries.
    pub environ: P,
    /// The declared length of the body.
    pub length: Option<u64>,
    /// The client gets no body.
    pub head_only: bool,
    /// The rest of the environ.
    pub facts: Facts,
    /// How the application starts, if it is met for the first time.
    pub plan: &'a dyn Fn() -> StartPlan,
    /// What is seen of an application that does not start.
    pub pages: Pages,
    /// Where the request waits for a place; `None`: its thread has one.
    pub turnstile: Option<&'a Turnstile>,
}

/// Serves a request: finds the application, calls it and sends its answer. The calling thread is not attached.
pub fn serve<'a, P>(request: Request<'a, P>, mut link: Box<dyn Link>, log: Box<dyn Log>) -> Outcome
where
    P: Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
{
    let Some(_inside) = gate().enter() else { return error(503) };
    let script = &request.script;
    let environ = request.environ.clone();
    let client = || Client::of(environ.clone());
    let Some(app) = startup::application(script, request.plan) else { return error(503) };
    let app = startup::enter(app);
    let log = RequestLog::new(log);
    // It ends with the request, whoever else holds it.
    let _end = EndOf(&log);
    let serving = match serving(&app, script, &log) {
        Ok(serving) => serving,
        Err(refusal) => return refuse(&refusal, &app, request.pages, &client, link),
    };
    let _place = request.turnstile.and_then(|turnstile| turnstile.enter(|waits| link.waits(waits)));
    let turn = app.turn(startup::most_waiting());
    let first = turn.is_some();
    let recorder = metrics::record(|| request.facts.arrival());
    let link = match &recorder {
        Some(recorder) => Box::new(Observed::new(link, recorder.live.clone())),
        None => link,
    };
    let output = Output::new(script.path, log.clone());
    let call = Call::new(serving.interpreter.clone(), request.length, link, output.clone(), turn);
    call.set_named(Named::of(request.environ.clone()));
    let slow = runtime::get().and_then(|runtime| runtime.settings.slow_requests());
    if slow.is_some() {
        let active = ActiveRequest::running().len() + 1;
        call.set_about(About { active, ..About::of(request.environ.clone(), request.facts.https) });
        recorder.iter().for_each(|recorder| call.set_live(recorder.live.clone(), recorder.arrival));
    }
    let pages = request.pages;
    if pages.details && pages.own_error {
        call.tell();
    }
    let _running = call.run();
    let outcome = Output::current_while(Some(output), || {
        let (mut environ, facts) = (Some(request.environ), request.facts);
        let mut work = |py: Py<'_>, module: &Bound<'_>| {
            let Some(environ) = environ.take() else { return error(500) };
            run(py, &call, script, module, environ, &facts, request.head_only)
        };
        match with_module(&app, serving, &call, script, &log, first, &mut work) {
            Ok(outcome) => outcome,
            Err(refusal) => refuse_call(&refusal, &app, request.pages, &client, &call),
        }
    });
    let outcome = match call.raised() {
        Some(cause) => tell(cause, &app, pages, &client, &call, outcome),
        None => outcome,
    };
    let is_slow = slow.is_some_and(|limit| call.age() >= limit);
    if is_slow {
        let (title, seconds) = (call.title(), call.age().as_secs_f64());
        call.message(
            message::SLOW_REQUEST_ENDED,
            format_args!("{title} has ended after {seconds:.1} s (WSGISlowRequests)"),
        );
    }
    if let Some(recorder) = recorder {
        let finished = recorder.finish((outcome.end == End::Error).then_some(outcome.status));
        if is_slow && let Some(finished) = finished {
            telemetry::slow_request_ended(&call, &finished);
        }
    }
    outcome
}

/// What serves an application. One that does not serve is started.
pub(super) fn serving(
    app: &Arc<App>,
    script: &Script<'_>,
    log: &Arc<RequestLog>,
) -> Result<Arc<Serving>, Refusal> {
    loop {
        if let Some(serving) = app.serving() {
            return Ok(serving);
        }
        startup::start(app, Seen::NOTHING, script.stamp, Some(log))?;
        startup::follow(app);
    }
}

/// Does the work with the module of an application that serves, or would but for a change of its script.
pub(super) fn with_module(
    app: &Arc<App>,
    mut serving: Arc<Serving>,
    call: &Arc<Call>,
    script: &Script<'_>,
    log: &Arc<RequestLog>,
    first: bool,
    work: &mut dyn FnMut(Py<'_>, &Bound<'_>) -> Outcome,
) -> Result<Outcome, Refusal> {
    let interpreter = &call.interpreter;
    let mut loaded = false;
    loop {
        let attempt = interpreter.attach(|py| {
            let module = interpreter.module(py, &serving, script, loaded)?;
            let before = if first { modules(py) } else { 0 };
            call.inside.set(py, true);
            let outcome = work(py, &module);
            call.inside.set(py, false);
            if call.was_interrupted().is_some() {
                // It may have ended before it was interrupted: the next request must not pay for it.
                forget_interrupt(py);
            }
            if is_copy() {
                // The application has forked, and its child came back here. Locks may be held by threads it has not.
                leave_copy(if outcome.end == End::Exit { outcome.status } else { 1 });
            }
            if first {
                call.end_turn(modules(py) != before);
            }
            call.output.flush();
            Ok(outcome)
        });
        match attempt {
            Ok(outcome) => return Ok(outcome),
            // Scripts are loaded by the thread that runs Python's start, never by a request's own.
            // Where another process can take the place of this one, no process runs two versions of a script.
            Err(_) if !loaded && let Some(renewal) = host::renewal() => {
                call.give_turn();
                call.load_again();
                match renewal.changed(script.path, script.stamp) {
                    Renewed::Elsewhere => return Ok(Outcome::of(End::Elsewhere, 0)),
                    Renewed::Here => loaded = true,
                }
            }
            Err(seen) if !loaded => {
                call.give_turn();
                call.load_again();
                startup::start(app, seen, script.stamp, Some(log))?;
                loaded = true;
            }
            Err(_) => return Ok(error(500)),
        }
        // An application that is loaded again serves in the same interpreter.
        let Some(again) = app.serving() else { return Ok(error(500)) };
        serving = again;
    }
}

/// Closes a request's log when it is dropped.
pub(super) struct EndOf<'a>(pub(super) &'a RequestLog);

impl Drop for EndOf<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
