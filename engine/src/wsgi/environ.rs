//! The environ: a fresh dict for each request, made of cached keys, cached recent values and a template.

use super::call::Call;
use crate::python::{Bound, Owned, Py, Result, thread_number};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Most names that are kept: clients choose names of headers, and what is interned may stay for ever (it does in Python
/// 3.12).
const MOST_KEYS: usize = 512;
/// Longest name that is kept.
const LONGEST_NAME: usize = 128;
/// Longest value that is kept for the next request.
const LONGEST_VALUE: usize = 256;
/// A name whose value differed this often in a row is not compared any more.
const MOST_MISSES: u8 = 32;

/// Names that are paths: decoded as the file system's, not as Latin-1.
const PATHS: [&[u8]; 2] = [b"DOCUMENT_ROOT", b"SCRIPT_FILENAME"];

/// An interpreter's names and their most recent values, as objects.
#[derive(Default)]
pub struct Keys(FxHashMap<Box<[u8]>, Key>);

struct Key {
    name: Owned,
    path: bool,
    value: Option<(Box<[u8]>, Owned)>,
    misses: u8,
}

impl Keys {
    /// Sets an entry of the dict.
    fn set<'py>(&mut self, py: Py<'py>, environ: &Bound<'py>, name: &[u8], value: &[u8]) -> Result<()> {
        if !self.0.contains_key(name) {
            if self.0.len() >= MOST_KEYS || name.len() > LONGEST_NAME {
                return environ
                    .dict_set(&Bound::latin1(py, name)?, &decoded(py, PATHS.contains(&name), value)?);
            }
            let object = Bound::interned(py, name)?;
            let key = Key { name: object.keep(), path: PATHS.contains(&name), value: None, misses: 0 };
            self.0.insert(name.into(), key);
        }
        let Some(key) = self.0.get_mut(name) else { return Ok(()) };
        if let Some((bytes, object)) = &key.value
            && **bytes == *value
        {
            key.misses = 0;
            return environ.dict_set(key.name.get(py), object.get(py));
        }
        let object = decoded(py, key.path, value)?;
        environ.dict_set(key.name.get(py), &object)?;
        if value.len() <= LONGEST_VALUE && key.misses < MOST_MISSES {
            key.misses += 1;
            if let Some((_, old)) = key.value.replace((value.into(), object.keep())) {
                old.release(py);
            }
        }
        Ok(())
    }
}

fn decoded<'py>(py: Py<'py>, path: bool, value: &[u8]) -> Result<Bound<'py>> {
    if path { Bound::path(py, value) } else { Bound::latin1(py, value) }
}

/// What differs from request to request beside the text entries.
pub struct Facts {
    /// `wsgi.url_scheme` is `https`.
    pub https: bool,
    /// When the server received the request, seconds since the epoch.
    pub received: f64,
    /// It is a warm-up request: `mod_wsgi.warmup` is there, and True.
    pub warm_up: bool,
    /// When the Apache child began to look for a process, seconds since the epoch; 0: it did not.
    pub queued: f64,
    /// When a thread of that process took the request, likewise.
    pub taken: f64,
}

/// Makes the environ of a request. `pairs` are the text entries; a later one replaces an earlier one of its name.
pub fn build<'a, 'py>(
    py: Py<'py>,
    call: &Arc<Call>,
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    facts: &Facts,
    errors: &Bound<'py>,
) -> Result<Bound<'py>> {
    let interpreter = &call.interpreter;
    let environ = interpreter.environ_template(py).dict_copy()?;
    let mut keys = interpreter.keys(py);
    for (name, value) in pairs {
        keys.set(py, &environ, name, value)?;
    }
    let scheme: &[u8] = if facts.https { b"https" } else { b"http" };
    keys.set(py, &environ, b"wsgi.url_scheme", scheme)?;
    drop(keys);
    let set = |name: &Owned, value: Bound<'py>| environ.dict_set(name.get(py), &value);
    let names = interpreter.names();
    set(&names.input, interpreter.input_instance(py, call)?)?;
    environ.dict_set(names.errors.get(py), errors)?;
    set(&names.thread_id, Bound::int(py, thread_number() as i64)?)?;
    set(&names.request_start, Bound::float(py, facts.received)?)?;
    set(&names.application_start, Bound::float(py, now())?)?;
    if facts.taken > 0.0 {
        set(&names.queue_start, Bound::float(py, facts.queued)?)?;
        set(&names.daemon_start, Bound::float(py, facts.taken)?)?;
    }
    if facts.warm_up {
        environ.dict_set(&Bound::str(py, "mod_wsgi.warmup")?, &Bound::bool(py, true))?;
    }
    Ok(environ)
}

/// CONTENT_LENGTH, if it is a number.
pub fn declared_length<'a>(mut pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Option<u64> {
    let (_, value) = pairs.find(|(name, _)| *name == b"CONTENT_LENGTH")?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Seconds since the epoch.
pub fn now() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
