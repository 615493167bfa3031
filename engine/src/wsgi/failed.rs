//! Requests that fail: what is logged, and what the client sees.

use super::call::Call;
use crate::python::{Py, Raised};
use crate::requests::Interrupt;
use crate::runtime::{Traceback, is_copy};
use crate::startup::Cause;
use std::sync::Arc;
use wire::abi::{End, Outcome, ReadError};
use wire::message;

/// The client gets Apache's page for this status.
pub fn error(status: i32) -> Outcome {
    Outcome::of(End::Error, status)
}

/// An exception left the application: logs it and decides what the client sees.
pub fn failed(py: Py<'_>, call: &Arc<Call>, raised: Raised) -> Outcome {
    let committed = call.answer.borrow(py).committed;
    let end = |status| if committed { Outcome::of(End::Truncated, 0) } else { error(status) };
    if raised.is(call.interpreter.client_disconnected(py)) {
        raised.forget(py);
        call.message(
            message::CLIENT_GONE,
            "the client closed the connection before the application had finished",
        );
        return end(ReadError::Disconnected.status());
    }
    if raised.is_system_exit(py) && is_copy() {
        // A child that the application forked: sys.exit() ends it.
        return Outcome::of(End::Exit, raised.exit_status(py));
    }
    if raised.is(call.interpreter.request_timeout(py)) {
        raised.forget(py);
        let text = format!(
            "a request of '{}' was interrupted after {:.1} s (request-timeout)",
            wire::shown(call.script()),
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
        let text = "this request waited for a blocked import and was interrupted";
        call.interpreter.log_exception(py, raised, Some(&call.output), message::IMPORT_DEADLOCK, text);
        let outcome = end(503);
        return Outcome { retry_after: 1, ..outcome };
    }
    let status = call.read_error.get(py).filter(|_| raised.is_os_error(py)).map_or(500, ReadError::status);
    let number =
        if raised.is_system_exit(py) { message::APPLICATION_EXITED } else { message::APPLICATION_RAISED };
    let what = failure_text(call, py, &raised);
    let class = raised.class_name(py);
    let trace = call.interpreter.log_exception(py, raised, Some(&call.output), number, what);
    if !committed && status == 500 {
        py.detached(|| call.raise(|| cause(class, &trace)));
    }
    end(status)
}

/// What was raised, of its traceback.
fn cause(class: String, found: &Traceback) -> Cause {
    let [trace, places] = [&found.lines, &found.places]
        .map(|lines| lines.iter().map(|line| wire::shown(line).into_owned()).collect::<Vec<_>>());
    let lines = trace.iter().rev().flat_map(|lines| lines.lines());
    let mut texts = lines.filter_map(|line| {
        let (name, text) = line.split_once(": ")?;
        (name.rsplit('.').next() == Some(&class)).then(|| text.to_owned())
    });
    let text = texts.next().unwrap_or_default();
    Cause::raised(class, text, trace, &places)
}

/// `Exception ValueError occurred processing WSGI script '…' in …`
pub fn failure_text(call: &Call, py: Py<'_>, raised: &Raised) -> String {
    let path = wire::shown(call.script());
    format!(
        "Exception {} occurred processing WSGI script '{path}' in {}",
        raised.class_name(py),
        call.interpreter.context()
    )
}
