//! Metrics as Python sees them.

use super::entries::{Entries, integer};
use super::interval::{self, Interval, Thread};
use super::sample::{NAMES, Phase, Times};
use super::{facts, record};
use crate::python::{Bound, Py, Result};
use os::Usage;
use std::sync::atomic::{AtomicBool, Ordering};

/// Applications get no metrics: somebody else reads them.
static TAKEN_OVER: AtomicBool = AtomicBool::new(false);

/// `mod_wsgi.start_recording_metrics()`
pub fn begin() {
    interval::begin();
}

/// Begins to record for another reader than the applications, who get nothing.
pub fn take_over() {
    TAKEN_OVER.store(true, Ordering::SeqCst);
    interval::begin();
}

fn is_taken_over() -> bool {
    TAKEN_OVER.load(Ordering::SeqCst)
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// `mod_wsgi.request_metrics()`: a dict, or `None` while nothing is recorded.
pub fn request_metrics(py: Py<'_>) -> Result<Bound<'_>> {
    let taken = (!is_taken_over()).then(interval::take).flatten();
    let Some(interval) = taken else { return Ok(Bound::none(py)) };
    let dict = Entries::new(py)?;
    dict.int("pid", std::process::id().into())?;
    dict.float("start_time", interval.window.0 as f64 / 1e6)?;
    dict.float("stop_time", interval.window.1 as f64 / 1e6)?;
    dict.float("sample_period", interval.seconds)?;
    let (user, system) = interval.cpu_rates();
    // The second name of each is the older one.
    for (kind, rate) in [("cpu_user", user), ("cpu_system", system), ("cpu", user + system)] {
        dict.float(&format!("{kind}_utilization"), rate)?;
        dict.float(&format!("{kind}_time"), rate)?;
    }
    dict.memory(interval.memory.0, interval.memory.1)?;
    let maximum = facts().threads;
    dict.int("request_threads_maximum", maximum as u64)?;
    dict.int("request_threads_started", interval.threads.len() as u64)?;
    dict.int("request_threads_active", interval.active() as u64)?;
    dict.float("capacity_utilization", interval.utilization(maximum))?;
    dict.int("request_count", interval.all.requests)?;
    dict.float("request_throughput", interval.throughput())?;
    for (hundred, count) in (1..).zip(interval.all.statuses) {
        dict.int(&format!("status_{hundred}xx"), count)?;
    }
    let traffic = interval.all.traffic;
    for (kind, (bytes, number), noun) in
        [("input", traffic.input, "reads"), ("output", traffic.output, "writes")]
    {
        dict.int(&format!("{kind}_bytes"), bytes)?;
        dict.int(&format!("{kind}_{noun}"), number)?;
    }
    add_phases(py, &dict, &interval)?;
    add_threads(py, &dict, &interval, maximum)?;
    dict.int("gil_wait_count", interval.all.gil_waits)?;
    Ok(dict.into_dict())
}

fn add_phases<'py>(py: Py<'py>, dict: &Entries<'py>, interval: &Interval) -> Result<()> {
    let is_absent =
        |phase: usize| !facts().daemon && [Phase::Queue as usize, Phase::Daemon as usize].contains(&phase);
    for (at, name) in NAMES.iter().enumerate() {
        let times: &Times = &interval.all.phases[at];
        dict.list(
            &format!("{name}_buckets"),
            times.buckets.iter().map(|count| Bound::int(py, (*count).into())),
        )?;
        if is_absent(at) {
            dict.set(name, Bound::none(py))?;
        } else {
            dict.float(name, interval.all.mean(at))?;
        }
        let (min, max) = times.extremes().map_or((None, None), |(min, max)| (Some(min), Some(max)));
        for (end, micros) in [("min", min), ("max", max)] {
            let value = micros.map_or_else(|| Ok(Bound::none(py)), |micros| integer(py, micros))?;
            dict.set(&format!("{name}_{end}_us"), value)?;
        }
    }
    Ok(())
}

fn add_threads<'py>(py: Py<'py>, dict: &Entries<'py>, interval: &Interval, maximum: usize) -> Result<()> {
    let mut threads = interval.threads.clone();
    // As long as there are threads; those without a request so far have done nothing.
    threads.resize(threads.len().max(maximum), Thread::default());
    for name in ["request_threads_completed", "request_threads_buckets"] {
        dict.list(name, threads.iter().map(|thread| integer(py, thread.completed)))?;
    }
    for (at, name) in ["busy_time", "cpu_time", "current_elapsed", "max_duration"].iter().enumerate() {
        let values = threads.iter().map(|thread| Bound::float(py, seconds(thread.times()[at])));
        dict.list(&format!("request_threads_{name}"), values)?;
    }
    Ok(())
}

/// `mod_wsgi.process_metrics()`: a dict, or `None` while nothing is recorded.
pub fn process_metrics(py: Py<'_>) -> Result<Bound<'_>> {
    if is_taken_over() || !record::is_recording() {
        return Ok(Bound::none(py));
    }
    let (mut requests, mut busy, mut active, mut threads) = (0, 0, 0, Vec::new());
    record::visit(|inner| {
        requests += inner.requests;
        busy += inner.busy;
        active += u64::from(inner.running.is_some());
        threads.push((inner.number, inner.requests));
    });
    let (usage, dict, now) = (Usage::of_process(), Entries::new(py)?, record::epoch());
    let age = os::monotonic() - facts().begun;
    dict.int("pid", std::process::id().into())?;
    dict.float("request_busy_time", seconds(busy))?;
    dict.int("request_count", requests)?;
    dict.memory(os::resident_memory(), usage.most_memory)?;
    dict.float("cpu_user_time", usage.user as f64 / 1e6)?;
    dict.float("cpu_system_time", usage.system as f64 / 1e6)?;
    dict.float("cpu_time", (usage.user + usage.system) as f64 / 1e6)?;
    dict.float("restart_time", (now - age) as f64 / 1e6)?;
    dict.float("current_time", now as f64 / 1e6)?;
    dict.int("running_time", u64::try_from(age / 1_000_000).unwrap_or(0))?;
    dict.int("request_threads", threads.len() as u64)?;
    dict.int("active_requests", active)?;
    let each = threads.into_iter().map(|(number, count)| {
        let entry = Entries::new(py)?;
        entry.int("thread_id", number as u64)?;
        entry.int("request_count", count)?;
        Ok(entry.into_dict())
    });
    dict.list("threads", each)?;
    Ok(dict.into_dict())
}
