//! The snapshot as JSON (RFC 8259). Times are seconds; those that say when are since the epoch.

use super::snapshot::{CLASSES, Group, Process, Request, Snapshot, phase};
use wire::json::Value;
use wire::ledger::{BOUNDS, Ended, Histogram, Note};
use wire::starts::Started;

use Value::{List, Null, Number, Object, Seconds};

/// All of it.
pub fn text(snapshot: &Snapshot) -> String {
    let server = &snapshot.server;
    let value = Object(vec![
        ("mod_wsgi", text_of(server.version)),
        ("httpd", text_of(&server.httpd)),
        ("mpm", text_of(&server.mpm)),
        ("time", moment(server.now)),
        ("counted_since", if server.begun > 0 { moment(server.begun) } else { Null }),
        ("groups", list(&snapshot.groups, group)),
    ]);
    format!("{value}\n")
}

fn group(group: &Group) -> Value {
    let totals = &group.totals;
    let classes = CLASSES.into_iter().zip(totals.classes.map(Number));
    Object(vec![
        ("name", text_of(group.label())),
        ("embedded", Value::Bool(group.name.is_none())),
        ("server", group.host.as_deref().map_or(Null, text_of)),
        ("condition", text_of(group.condition)),
        ("arrived", Number(totals.arrived)),
        ("ended", Number(totals.ended())),
        ("statuses", Object(classes.collect())),
        ("broken", Number(totals.broken)),
        ("waiting", Number(group.waiting() as u64)),
        ("waiting_longest", Number(group.longest() as u64)),
        ("queue_seconds", histogram(&totals.queue)),
        ("application_seconds", histogram(&totals.application)),
        ("request_seconds", histogram(&totals.total)),
        ("processes", list(&group.processes, process)),
        ("processes_not_listed", Number(group.unlisted as u64)),
        ("requests", list(&group.requests, request)),
        ("events", list(&group.notes, note)),
    ])
}

fn process(process: &Process) -> Value {
    let number = |number: Option<u64>| number.map_or(Null, Number);
    Object(vec![
        ("pid", Number(process.pid.into())),
        ("place", number(process.place.map(|place| u64::from(place) + 1))),
        ("generation", Number(u64::try_from(process.generation).unwrap_or(0))),
        ("phase", text_of(process.phase)),
        ("age", span(process.age)),
        ("resident_bytes", number(process.memory)),
        ("cpu_seconds", process.computed.map_or(Null, span)),
        ("threads", Number(process.threads.into())),
        ("threads_busy", Number(process.busy.into())),
        ("threads_admitted", process.admitted.map_or(Null, |count| Number(count.into()))),
        ("gil_wait_seconds", process.gil_wait.map_or(Null, span)),
        ("start", process.started.as_ref().map_or(Null, started)),
        ("requests", Number(process.counters.requests)),
        ("failed", Number(process.counters.failed)),
        ("restarts", Number(process.restarts)),
        ("last_restart", process.last.as_ref().map_or(Null, ended)),
    ])
}

fn started(started: &Started) -> Value {
    let seconds = |ms: u64| Seconds(ms as f64 / 1e3);
    Object(vec![
        ("applications", Number(started.count.into())),
        ("seconds", seconds(started.total())),
        ("import_seconds", seconds(started.took.import.into())),
        ("warm_up_seconds", seconds(started.took.warm_up.into())),
        ("python_seconds", seconds(started.took.python.into())),
    ])
}

fn ended(ended: &Ended) -> Value {
    Object(vec![("time", moment(ended.at)), ("reason", text_of(&ended.reason))])
}

fn request(request: &Request) -> Value {
    Object(vec![
        ("id", text_of(&request.id)),
        ("method", text_of(&request.method)),
        ("uri", text_of(&request.uri)),
        ("server", text_of(&request.host)),
        ("client", text_of(&request.client)),
        ("age", span(request.age)),
        ("phase", text_of(phase(request.phase))),
        ("child", Number(request.child.into())),
        ("pid", request.process.map_or(Null, |(pid, _)| Number(pid.into()))),
        (
            "thread",
            request.process.and_then(|(_, thread)| thread).map_or(Null, |thread| Number(thread as u64)),
        ),
    ])
}

fn note(note: &Note) -> Value {
    Object(vec![
        ("time", moment(note.at)),
        ("message", Value::Text(format!("WSGI{:04}", note.number))),
        ("pid", Number(note.pid.into())),
        ("text", text_of(&note.text)),
    ])
}

fn histogram(histogram: &Histogram) -> Value {
    let bounds = BOUNDS.iter().map(|bound| span(*bound)).chain([Null]);
    let buckets = bounds.zip(histogram.buckets).map(|(bound, count)| List(vec![bound, Number(count)]));
    Object(vec![
        ("count", Number(histogram.count())),
        ("sum", span(histogram.sum)),
        ("buckets", List(buckets.collect())),
    ])
}

fn list<T>(items: &[T], value: impl Fn(&T) -> Value) -> Value {
    List(items.iter().map(value).collect())
}

fn text_of(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn span(micros: u64) -> Value {
    Seconds(micros as f64 / 1e6)
}

fn moment(micros: i64) -> Value {
    Seconds(micros as f64 / 1e6)
}
