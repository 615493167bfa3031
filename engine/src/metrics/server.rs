//! `mod_wsgi.server_metrics()`: httpd's scoreboard as Python sees it.

use super::entries::Entries;
use super::facts;
use crate::host;
use crate::python::{Bound, Py, Result};
use wire::httpd::{Child, Server, Thread};

/// `mod_wsgi.server_metrics()`: a dict, or `None` where that is switched off or httpd has no scoreboard.
pub fn server_metrics(py: Py<'_>) -> Result<Bound<'_>> {
    if !facts().server {
        return Ok(Bound::none(py));
    }
    match py.detached(host::scoreboard) {
        Some(server) => show(py, &server),
        None => Ok(Bound::none(py)),
    }
}

fn show<'py>(py: Py<'py>, server: &Server) -> Result<Bound<'py>> {
    let (dict, now) = (Entries::new(py)?, super::record::epoch());
    dict.int("server_limit", server.children.len() as u64)?;
    dict.signed("thread_limit", server.thread_limit)?;
    dict.signed("running_generation", server.generation)?;
    dict.time("restart_time", server.restarted)?;
    dict.time("current_time", now)?;
    dict.int("running_time", u64::try_from((now - server.restarted) / 1_000_000).unwrap_or(0))?;
    dict.list("processes", (0..).zip(&server.children).map(|(number, child)| process(py, number, child)))?;
    Ok(dict.into_dict())
}

fn process<'py>(py: Py<'py>, number: u64, child: &Child) -> Result<Bound<'py>> {
    let dict = Entries::new(py)?;
    dict.int("process_num", number)?;
    dict.signed("pid", child.pid)?;
    dict.signed("generation", child.generation)?;
    dict.set("quiescing", Bound::bool(py, child.quiescing))?;
    dict.list("workers", child.threads.iter().map(|thread| worker(py, thread)))?;
    Ok(dict.into_dict())
}

fn worker<'py>(py: Py<'py>, thread: &Thread) -> Result<Bound<'py>> {
    let dict = Entries::new(py)?;
    dict.signed("thread_num", thread.number)?;
    dict.signed("generation", thread.generation)?;
    dict.set("status", Bound::str(py, &thread.letter().to_string())?)?;
    dict.int("access_count", thread.accesses)?;
    dict.int("bytes_served", u64::try_from(thread.bytes).unwrap_or(0))?;
    for (name, time) in [("start_time", thread.start), ("stop_time", thread.stop), ("last_used", thread.used)]
    {
        dict.time(name, time)?;
    }
    for (name, text) in [("client", &thread.client), ("request", &thread.request), ("vhost", &thread.vhost)] {
        dict.set(name, Bound::latin1(py, text)?)?;
    }
    Ok(dict.into_dict())
}
