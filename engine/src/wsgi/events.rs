//! The events of a request, for those who subscribed to them (`_events.py`). Where nobody has, a request costs one look at the
//! length of a list.

use super::call::Call;
use super::watched::{Subscribers, Watched};
use crate::python::{Bound, Py, Raised, Result};
use crate::requests::{Observed, Tally};
use crate::runtime::is_copy;
use os::Usage;
use std::ops::Deref;
use std::sync::Arc;

/// The keyword arguments of callbacks.
struct Event<'py>(Bound<'py>);

impl<'py> Deref for Event<'py> {
    type Target = Bound<'py>;

    fn deref(&self) -> &Bound<'py> {
        &self.0
    }
}

impl<'py> Event<'py> {
    fn new(py: Py<'py>) -> Result<Self> {
        Bound::dict(py).map(Self)
    }

    fn set(&self, name: &str, value: &Bound<'_>) -> Result<()> {
        self.dict_set(&Bound::interned(self.py(), name.as_bytes())?, value)
    }

    fn set_int(&self, name: &str, value: i64) -> Result<()> {
        self.set(name, &Bound::int(self.py(), value)?)
    }

    fn set_float(&self, name: &str, value: f64) -> Result<()> {
        self.set(name, &Bound::float(self.py(), value)?)
    }

    /// Takes what the environ says, if it does.
    fn take(&self, name: &str, environ: &Bound<'_>, key: &str) -> Result<()> {
        let value = environ.dict_get(&Bound::interned(self.py(), key.as_bytes())?)?;
        value.map_or(Ok(()), |value| self.set(name, &value))
    }

    /// Takes what another event says, if it does.
    fn copy(&self, other: &Event<'_>, names: &[&str]) -> Result<()> {
        names.iter().try_for_each(|name| self.take(name, other, name))
    }
}

/// `request_started`; answers what is called in the application's place. `in_daemon`: a process group serves the request.
pub fn started<'py>(
    py: Py<'py>,
    call: &Call,
    subscribers: &Arc<Subscribers>,
    environ: &Bound<'py>,
    application: &Bound<'py>,
    in_daemon: bool,
) -> Result<Bound<'py>> {
    if !subscribers.any(py) {
        return Ok(application.clone());
    }
    let event = Event::new(py)?;
    event.take("request_id", environ, "mod_wsgi.request_id")?;
    event.take("thread_id", environ, "mod_wsgi.thread_id")?;
    // The child has one connection to a process, and no process is replaced while it has a request.
    event.set_int("daemon_connects", in_daemon.into())?;
    event.set_int("daemon_restarts", 0)?;
    let pid = environ.dict_get(&Bound::interned(py, b"mod_wsgi.server_pid")?)?;
    let pid = pid.and_then(|pid| pid.utf8().ok()?.parse().ok()).unwrap_or_default();
    event.set_int("server_pid", pid)?;
    for name in ["request_start", "queue_start", "daemon_start"] {
        event.take(name, environ, &format!("mod_wsgi.{name}"))?;
    }
    event.set("application_object", application)?;
    event.take("callable_object", environ, "mod_wsgi.callable_object")?;
    event.set("request_environ", environ)?;
    event.take("application_start", environ, "mod_wsgi.application_start")?;
    event.set("request_data", &call.data(py)?)?;
    let counts = Arc::<Tally>::default();
    if !call.was_loaded_again() {
        counts.waited(call.begun());
    }
    // Callbacks may change their event: what later ones say of the request is what this one said at first.
    let first = event.dict_copy()?.keep();
    let started = event.dict_get(&Bound::interned(py, b"application_start")?)?;
    let watched = Watched {
        subscribers: subscribers.clone(),
        first,
        started: started.map_or(Ok(0.0), |started| started.as_float())?,
        cpu: Usage::of_thread(),
        counts: counts.clone(),
    };
    call.watched.set(py, Some(watched));
    call.replace_link(|link| Box::new(Observed::new(link, counts)));
    subscribers.publish(py, "request_started", &event)?;
    let chosen = event.dict_get(&Bound::interned(py, b"application_object")?)?;
    Ok(chosen.unwrap_or_else(|| application.clone()))
}

/// An event of a watched request begins as what the first one said under these names.
fn begin<'py>(py: Py<'py>, call: &Call, names: &[&str]) -> Result<Option<Event<'py>>> {
    let first = call.watched.borrow(py).as_ref().map(|watched| watched.first.get(py).clone());
    let Some(first) = first else { return Ok(None) };
    let event = Event::new(py)?;
    event.copy(&Event(first), names)?;
    Ok(Some(event))
}

fn publish<'py>(py: Py<'py>, call: &Call, name: &str, event: &Event<'py>) -> Result<()> {
    event.set("request_data", &call.data(py)?)?;
    let subscribers = call.watched.borrow(py).as_ref().map(|watched| watched.subscribers.clone());
    subscribers.map_or(Ok(()), |subscribers| subscribers.publish(py, name, event))
}

/// `response_started`
pub fn response(
    py: Py<'_>,
    call: &Call,
    status: &Bound<'_>,
    headers: &Bound<'_>,
    exc_info: Option<&Bound<'_>>,
) -> Result<()> {
    let Some(event) = begin(py, call, &["request_id"])? else { return Ok(()) };
    event.set("response_status", status)?;
    event.set("response_headers", headers)?;
    event.set("exception_info", exc_info.unwrap_or(&Bound::none(py)))?;
    publish(py, call, "response_started", &event)
}

/// `request_exception`; the exception is set again afterwards.
pub fn exception(py: Py<'_>, call: &Call, raised: Raised) -> Raised {
    if call.watched.borrow(py).is_none() || is_copy() {
        return raised;
    }
    let exception = raised.take(py);
    let published = || {
        let Some(event) = begin(py, call, &["request_id"])? else { return Ok(()) };
        let (class, trace) = (exception.attr(c"__class__")?, exception.attr(c"__traceback__")?);
        event.set("exception_info", &Bound::tuple(py, &[&class, &exception, &trace])?)?;
        publish(py, call, "request_exception", &event)
    };
    // The request has failed already.
    published().unwrap_or_else(|second| second.forget(py));
    exception.raise()
}

/// `request_finished`, which follows each `request_started`.
pub fn finished(py: Py<'_>, call: &Call) {
    if !is_copy() {
        publish_finished(py, call).unwrap_or_else(|raised| raised.forget(py));
    }
    if let Some(watched) = call.watched.take(py) {
        watched.first.release(py);
    }
}

fn publish_finished(py: Py<'_>, call: &Call) -> Result<()> {
    const SAME: [&str; 6] =
        ["request_id", "thread_id", "server_pid", "request_start", "queue_start", "daemon_start"];
    let Some(event) = begin(py, call, &SAME)? else { return Ok(()) };
    let watched = call.watched.borrow(py).as_ref().map(|it| (it.counts.clone(), it.cpu, it.started));
    let Some((counts, cpu, started)) = watched else { return Ok(()) };
    event.set_int("input_reads", counts.input.times())?;
    event.set_int("input_length", counts.input.bytes())?;
    event.set_float("input_time", counts.input.seconds())?;
    event.set_int("output_length", counts.output.bytes())?;
    event.set_int("output_writes", counts.output.times())?;
    let now = os::epoch();
    let (user, system) = Usage::of_thread().since(cpu);
    let (user, system) = (user as f64 / 1e6, system as f64 / 1e6);
    event.set_float("cpu_user_time", user)?;
    event.set_float("cpu_system_time", system)?;
    event.set_float("cpu_time", user + system)?;
    event.set_float("output_time", counts.output.seconds())?;
    event.set_float("application_finish", now)?;
    event.set_float("application_time", (now - started).max(0.0))?;
    let status = call.answer.borrow(py).status;
    event.set_int("status", if status == 0 { 500 } else { status.into() })?;
    event.set_float("gil_wait_time", counts.gil.seconds())?;
    event.set_int("gil_wait_count", counts.gil.times())?;
    publish(py, call, "request_finished", &event)
}
