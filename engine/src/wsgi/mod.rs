//! WSGI (PEP 3333): one request through one application. It knows neither httpd nor sockets, only a [`Link`].
#![forbid(unsafe_code)]

mod adapter;
mod answer;
mod call;
mod environ;
mod hop;
mod input;
mod link;
mod refuse;
mod respond;
mod stream;
mod text;
mod validate;
mod warm;

pub use adapter::Adapter;
pub use call::{Call, Interrupt, Stream};
pub use environ::{Facts, Keys, declared_length, now};
pub use input::Input;
pub use link::{Block, Link, Log, RequestLog};
pub use text::TextStreams;
pub use warm::warm_up;

use crate::host::{self, Renewed};
use crate::python::{Bound, Py, Raised, Result, forget_interrupt, modules};
use crate::startup::{self, Script, Seen, StartPlan};
use std::sync::Arc;
use wire::door::{End, Outcome, ReadError};
use wire::message;

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
}

/// What a visitor sees of an application that does not start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pages {
    /// A page of ours; else the status alone, for which the server has a page.
    pub own: bool,
    /// With the traceback in it.
    pub details: bool,
}

/// Serves a request: finds the application, calls it and sends its answer. The calling thread is not attached.
pub fn serve<'a, P>(request: Request<'a, P>, link: Box<dyn Link>, log: Box<dyn Log>) -> Outcome
where
    P: Iterator<Item = (&'a [u8], &'a [u8])>,
{
    let Some(_inside) = startup::gate().enter() else { return error(503) };
    let script = &request.script;
    let Some(app) = startup::application(script, request.plan) else { return error(503) };
    let log = RequestLog::new(log);
    // It ends with the request, whoever else holds it.
    let _end = EndOf(&log);
    let interpreter = loop {
        match app.serving() {
            Some(serving) => break serving.interpreter.clone(),
            None => {
                if let Err(refusal) = startup::start(&app, Seen::NOTHING, script.stamp, Some(&log)) {
                    return refuse::refuse(&refusal, &app, request.pages, link);
                }
            }
        }
    };
    let turn = app.turn(startup::most_waiting());
    let first = turn.is_some();
    let call = Call::new(interpreter.clone(), script.path, request.length, link, log.clone(), turn);
    let _running = call.run();
    Call::current_while(Some(call.clone()), || {
        let mut loaded = false;
        let (mut environ, facts) = (Some(request.environ), request.facts);
        loop {
            // An application that is loaded again serves in the same interpreter.
            let Some(serving) = app.serving() else { break error(500) };
            let attempt = interpreter.attach(|py| {
                let module = interpreter.module(py, &serving, script, loaded)?;
                let Some(environ) = environ.take() else { return Ok(error(500)) };
                let before = if first { modules(py) } else { 0 };
                call.inside.set(py, true);
                let outcome = run(py, &call, script, &module, environ, &facts, request.head_only);
                call.inside.set(py, false);
                if call.was_interrupted().is_some() {
                    // It may have ended before it was interrupted: the next request must not pay for it.
                    forget_interrupt(py);
                }
                if startup::is_copy() {
                    // The application has forked, and its child came back here. Locks may be held by threads it has not.
                    startup::leave_copy(if outcome.end == End::Exit { outcome.status } else { 1 });
                }
                if first {
                    call.end_turn(modules(py) != before);
                }
                call.flush_streams(py);
                Ok(outcome)
            });
            match attempt {
                Ok(outcome) => break outcome,
                // Scripts are loaded by the thread that runs Python's start, never by a request's own.
                // Where another process can take the place of this one, no process runs two versions of a script.
                Err(_) if !loaded && let Some(renewal) = host::renewal() => {
                    call.give_turn();
                    match renewal.changed(script.path, script.stamp) {
                        Renewed::Elsewhere => break Outcome::of(End::Elsewhere, 0),
                        Renewed::Here => loaded = true,
                    }
                }
                Err(seen) if !loaded => {
                    call.give_turn();
                    match startup::start(&app, seen, script.stamp, Some(&log)) {
                        Ok(()) => loaded = true,
                        Err(refusal) => break refuse::refuse_call(&refusal, &app, request.pages, &call),
                    }
                }
                Err(_) => break error(500),
            }
        }
    })
}

/// Closes a request's log when it is dropped.
struct EndOf<'a>(&'a RequestLog);

impl Drop for EndOf<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The client gets Apache's page for this status.
pub fn error(status: i32) -> Outcome {
    Outcome::of(End::Error, status)
}

fn run<'a, 'py>(
    py: Py<'py>,
    call: &Arc<Call>,
    script: &Script<'_>,
    module: &Bound<'py>,
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    facts: &Facts,
    head_only: bool,
) -> Outcome {
    let application = match call.interpreter.callable(py, module, script.callable) {
        Ok(Some(application)) => application,
        Ok(None) => {
            let (path, name) =
                (String::from_utf8_lossy(script.path), String::from_utf8_lossy(script.callable));
            call.message(
                message::CALLABLE_MISSING,
                format_args!("Target WSGI script '{path}' does not contain WSGI application '{name}'"),
            );
            return error(500);
        }
        Err(raised) => return failed(py, call, raised),
    };
    match answer(py, call, &application, pairs, facts) {
        Ok(()) => {
            let short = !head_only && !call.gone.get(py) && call.answer.borrow(py).is_short();
            Outcome::of(if short { End::Short } else { End::Complete }, 0)
        }
        Err(raised) => failed(py, call, raised),
    }
}

fn answer<'a, 'py>(
    py: Py<'py>,
    call: &Arc<Call>,
    application: &Bound<'py>,
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    facts: &Facts,
) -> Result<()> {
    let streams = call.interpreter.streams();
    let errors = streams.errors(py, call)?;
    let answered = || {
        let environ = environ::build(py, call, pairs, facts, errors.object(py))?;
        call.quick(py, "start", |link| link.started())?;
        let start_response = call.interpreter.adapter_instance(py, call)?.attr(c"start_response")?;
        let iterable = application.call(&[&environ, &start_response])?;
        respond::respond(call, &iterable)
    };
    let answered = answered();
    // Nothing may be called with an exception set; what ends objects sets it aside.
    match answered {
        Ok(()) => streams.give_back(py, errors),
        Err(_) => errors.release(py),
    }
    answered
}

/// An exception left the application: logs it and decides what the client sees.
fn failed(py: Py<'_>, call: &Arc<Call>, raised: Raised) -> Outcome {
    let committed = call.answer.borrow(py).committed;
    let end = |status| if committed { Outcome::of(End::Truncated, 0) } else { error(status) };
    if raised.is(call.interpreter.client_disconnected(py)) {
        raised.forget(py);
        call.message(
            message::CLIENT_GONE,
            "the client closed the connection before the application was done with it",
        );
        return end(ReadError::Disconnected.status());
    }
    if raised.is_system_exit(py) && startup::is_copy() {
        // A child that the application forked: sys.exit() ends it.
        return Outcome::of(End::Exit, raised.exit_status(py));
    }
    if raised.is(call.interpreter.request_timeout(py)) {
        raised.forget(py);
        let text = format!(
            "a request of '{}' was interrupted after {:.1} s (request-timeout)",
            String::from_utf8_lossy(&call.script),
            call.age().as_secs_f64()
        );
        call.message(message::REQUEST_INTERRUPTED, text);
        let answered = !committed
            && call
                .quick(py, "write", |link| {
                    link.head(504, b"504 Gateway Timeout", &[(b"Content-Length", b"0")])
                })
                .is_ok();
        return if answered { Outcome::of(End::Complete, 0) } else { end(504) };
    }
    if call.was_interrupted() == Some(Interrupt::ImportDeadlock) {
        let text = "this request waited for an import that does not get on, and was interrupted";
        call.interpreter.log_exception(py, raised, Some(call), message::IMPORT_DEADLOCK, text);
        let outcome = end(503);
        return Outcome { retry_after: 1, ..outcome };
    }
    let status = call.read_error.get(py).filter(|_| raised.is_os_error(py)).map_or(500, ReadError::status);
    let number =
        if raised.is_system_exit(py) { message::APPLICATION_EXITED } else { message::APPLICATION_RAISED };
    let what = failure_text(call, py, &raised);
    call.interpreter.log_exception(py, raised, Some(call), number, what);
    end(status)
}

/// `Exception ValueError occurred processing WSGI script '…' in …`
fn failure_text(call: &Call, py: Py<'_>, raised: &Raised) -> String {
    let path = String::from_utf8_lossy(&call.script);
    format!(
        "Exception {} occurred processing WSGI script '{path}' in {}",
        raised.class_name(py),
        call.interpreter.context()
    )
}
