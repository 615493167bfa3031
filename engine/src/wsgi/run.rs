//! The call of an application, and the sending of what it answers.

use super::call::Call;
use super::current;
use super::environ::{self, Facts};
use super::events;
use super::failed::{error, failed};
use super::objects::Objects;
use super::respond;
use crate::python::{Bound, Py, Result};
use crate::startup::{Cause, Script};
use std::sync::Arc;
use wire::abi::{End, Outcome};
use wire::message;

/// Calls the application of a script's module and sends its answer. Attached.
pub fn run<'a, 'py>(
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
            let (path, name) = (wire::shown(script.path), wire::shown(script.callable));
            let text = format!("Target WSGI script '{path}' does not contain WSGI application '{name}'");
            call.message(message::CALLABLE_MISSING, &text);
            call.raise(|| Cause { class: "no application".into(), text, ..Cause::default() });
            return error(500);
        }
        Err(raised) => return failed(py, call, raised),
    };
    let outcome = match answer(py, call, &application, pairs, facts) {
        Ok(()) => {
            let short = !head_only && !call.gone.get(py) && call.answer.borrow(py).is_short();
            Outcome::of(if short { End::Short } else { End::Complete }, 0)
        }
        Err(raised) => failed(py, call, events::exception(py, call, raised)),
    };
    events::finished(py, call);
    current::leave(py, &Objects::of(&call.interpreter).active, call);
    outcome
}

fn answer<'a, 'py>(
    py: Py<'py>,
    call: &Arc<Call>,
    application: &Bound<'py>,
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    facts: &Facts,
) -> Result<()> {
    let streams = call.interpreter.streams();
    let errors = streams.errors(py, &call.output)?;
    let answered = || {
        let environ = environ::build(py, call, pairs, facts, errors.object(py))?;
        call.quick(py, "start", |link| link.started())?;
        let objects = Objects::of(&call.interpreter);
        let application = if facts.warm_up {
            // Nobody has sent it.
            application.clone()
        } else {
            call.environ.set(py, Some(environ.clone().keep()));
            current::enter(py, &objects.active, call)?;
            events::started(py, call, &objects.subscribers, &environ, application, facts.taken > 0.0)?
        };
        let start_response = objects.adapter(py, call)?.attr(c"start_response")?;
        let iterable = application.call(&[&environ, &start_response])?;
        respond::respond(call, &iterable)
    };
    let answered = answered();
    if let Some(environ) = call.environ.take(py) {
        // With what it holds, of which the streams may be used again.
        environ.release(py);
    }
    // Nothing may be called with an exception set; what ends objects sets it aside.
    match answered {
        Ok(()) => streams.give_back(py, errors),
        Err(_) => errors.release(py),
    }
    answered
}
