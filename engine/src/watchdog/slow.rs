//! Requests that take long (`WSGISlowRequests`): each is named once while it runs, with its stack.

use super::frames::Frames;
use crate::python::{Result, delete_states_of_this_thread};
use crate::requests::ActiveRequest;
use crate::runtime::Runtime;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use wire::{Origin, message as msg};

/// How long a stack may wait for the GIL.
const FOR_THE_GIL: Duration = Duration::from_secs(2);
/// How often requests are looked at, at most.
const SHORTEST_LOOK: Duration = Duration::from_millis(50);

/// When requests must be looked at again, while some run; `None`: slow ones are of no interest.
pub fn pause(runtime: &Runtime) -> Option<Duration> {
    let limit = runtime.settings.slow_requests()?;
    let running = ActiveRequest::running();
    let rests = running.iter().filter(|call| !call.is_slow()).map(|call| limit.saturating_sub(call.age()));
    // One that begins after this look is seen in time as well.
    Some(rests.min().unwrap_or(limit).min(limit).max(SHORTEST_LOOK))
}

/// Names the requests that have become slow.
pub fn look(runtime: &Runtime) {
    let Some(limit) = runtime.settings.slow_requests() else { return };
    for call in ActiveRequest::running() {
        if call.age() < limit || call.is_slow() {
            continue;
        }
        call.set_slow();
        // The thread waits for the GIL, which the watchdog must not.
        let body = move || name(&call);
        let _ = std::thread::Builder::new().name("wsgi-slow".into()).spawn(body);
    }
}

fn name(call: &Arc<ActiveRequest>) {
    let age = call.age().as_secs_f64();
    let stack = stack(call);
    if call.is_closed() {
        // Its last line has said so.
        return;
    }
    let text =
        format!("{} has run for {age:.1} s (WSGISlowRequests) and still runs; its stack:", call.title());
    let (line, stack) = (msg::SLOW_REQUEST.line(text), stack.join("\n"));
    let origin = Origin::NONE.with_exception(stack.as_bytes());
    call.output.record(msg::SLOW_REQUEST.level(), line.as_bytes(), origin);
}

/// Where the thread of a request stands, or why that is not known.
fn stack(call: &Arc<ActiveRequest>) -> Vec<String> {
    let (send, receive) = channel();
    let asked = call.clone();
    let body = move || {
        let interpreter = asked.interpreter.clone();
        let lines = interpreter.visit(|py| {
            let read = || -> Result<Vec<String>> {
                let frames = Frames::of_threads(py, std::slice::from_ref(&interpreter), None)?;
                let Some(frame) = frames.of(asked.thread()) else { return Ok(Vec::new()) };
                let lines = interpreter.ask(py, c"frame_lines", &[frame])?;
                (0..lines.count()).map(|at| Ok(wire::shown(&lines.item(at)?.lossy()).into_owned())).collect()
            };
            read().unwrap_or_else(|raised| {
                raised.forget(py);
                Vec::new()
            })
        });
        let _ = send.send(lines.unwrap_or_default());
        delete_states_of_this_thread();
    };
    let spawned = std::thread::Builder::new().name("wsgi-stack".into()).spawn(body);
    match spawned.map(|_| receive.recv_timeout(FOR_THE_GIL)) {
        Ok(Ok(lines)) if !lines.is_empty() => lines,
        Ok(Ok(_)) => vec!["it runs no Python code now".to_owned()],
        Ok(Err(RecvTimeoutError::Timeout)) => {
            vec!["unknown: all Python threads are blocked, an extension module holds the GIL".to_owned()]
        }
        _ => vec!["unknown: no thread can be started".to_owned()],
    }
}
