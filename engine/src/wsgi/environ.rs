//! The environ: a fresh dict for each request, made of cached keys, cached recent values and a template.

use super::call::Call;
use super::objects::Objects;
use crate::metrics::Arrival;
use crate::python::{Bound, Owned, Py, Result, thread_number};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// What differs from request to request beside the text entries.
pub struct Facts {
    /// `wsgi.url_scheme` is `https`.
    pub https: bool,
    /// When the server received the request, seconds since the epoch.
    pub received: f64,
    /// Whether the request is a warm-up request: the environ contains `mod_wsgi.warmup` with the value True.
    pub warm_up: bool,
    /// When the Apache child began to look for a process, seconds since the epoch; 0: it did not.
    pub queued: f64,
    /// When a thread of that process took the request, likewise.
    pub taken: f64,
    /// Address of httpd's `request_rec`, if the application is to have it.
    pub request_rec: Option<NonZeroUsize>,
}

impl Facts {
    /// When the request arrived.
    pub fn arrival(&self) -> Arrival {
        let micros = |seconds: f64| (seconds * 1e6) as i64;
        let handed = (self.taken > 0.0).then(|| (micros(self.queued), micros(self.taken)));
        Arrival { received: micros(self.received), handed }
    }
}

/// Makes the environ of a request. `pairs` are the text entries; a later one replaces an earlier one of its name.
pub fn build<'a, 'py>(
    py: Py<'py>,
    call: &Arc<Call>,
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    facts: &Facts,
    errors: &Bound<'py>,
) -> Result<Bound<'py>> {
    let objects = Objects::of(&call.interpreter);
    let environ = objects.template(py).dict_copy()?;
    let mut keys = objects.keys(py);
    for (name, value) in pairs {
        keys.set(py, &environ, name, value)?;
    }
    let scheme: &[u8] = if facts.https { b"https" } else { b"http" };
    keys.set(py, &environ, b"wsgi.url_scheme", scheme)?;
    drop(keys);
    let set = |name: &Owned, value: Bound<'py>| environ.dict_set(name.get(py), &value);
    let names = &objects.names;
    set(&names.input, objects.input(py, call)?)?;
    environ.dict_set(names.errors.get(py), errors)?;
    set(&names.thread_id, Bound::int(py, thread_number() as i64)?)?;
    set(&names.request_start, Bound::float(py, facts.received)?)?;
    set(&names.application_start, Bound::float(py, now())?)?;
    if facts.taken > 0.0 {
        set(&names.queue_start, Bound::float(py, facts.queued)?)?;
        set(&names.daemon_start, Bound::float(py, facts.taken)?)?;
    }
    set_request_rec(py, &environ, facts.request_rec)?;
    if facts.warm_up {
        environ.dict_set(&Bound::str(py, "mod_wsgi.warmup")?, &Bound::bool(py, true))?;
    }
    Ok(environ)
}

/// Makes the environ for functions that the server asks.
pub fn build_for_functions<'a, 'py>(
    py: Py<'py>,
    call: &Arc<Call>,
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    https: bool,
    request_rec: Option<NonZeroUsize>,
    errors: &Bound<'py>,
) -> Result<Bound<'py>> {
    let objects = Objects::of(&call.interpreter);
    let environ = objects.function_template(py).dict_copy()?;
    let mut keys = objects.keys(py);
    for (name, value) in pairs {
        keys.set(py, &environ, name, value)?;
    }
    drop(keys);
    environ.dict_set(objects.names.errors.get(py), errors)?;
    set_request_rec(py, &environ, request_rec)?;
    let tls = objects.tls(py, call, https)?;
    environ.dict_set(&Bound::str(py, "mod_ssl.is_https")?, &tls.attr(c"ssl_is_https")?)?;
    environ.dict_set(&Bound::str(py, "mod_ssl.var_lookup")?, &tls.attr(c"ssl_var_lookup")?)?;
    Ok(environ)
}

fn set_request_rec(py: Py<'_>, environ: &Bound<'_>, address: Option<NonZeroUsize>) -> Result<()> {
    let Some(address) = address else { return Ok(()) };
    environ.dict_set(&Bound::str(py, "apache.request_rec")?, &Bound::capsule(py, address)?)
}

/// CONTENT_LENGTH, if it is a number.
pub fn declared_length<'a>(mut pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Option<u64> {
    let (_, value) = pairs.find(|(name, _)| *name == b"CONTENT_LENGTH")?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The file that a request leads to: its script, unless that handles files of Apache's, by a callable of this name.
pub fn resource<'a>(
    path: &'a [u8],
    callable: &[u8],
    mut pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> &'a [u8] {
    if callable != b"handle_request" {
        return path;
    }
    pairs.find(|(name, _)| *name == b"SCRIPT_FILENAME").map_or(path, |(_, file)| file)
}

/// Seconds since the epoch.
pub fn now() -> f64 {
    os::epoch()
}
