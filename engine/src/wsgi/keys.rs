//! Names of the environ's text entries and their recent values, kept as Python objects from request to request.

use crate::python::{Bound, Owned, Py, Result};
use rustc_hash::FxHashMap;

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
pub struct Keys {
    places: FxHashMap<Box<[u8]>, usize>,
    keys: Vec<Key>,
}

struct Key {
    name: Owned,
    path: bool,
    value: Option<(Box<[u8]>, Owned)>,
    misses: u8,
}

impl Keys {
    /// Sets an entry of the dict.
    pub fn set<'py>(&mut self, py: Py<'py>, environ: &Bound<'py>, name: &[u8], value: &[u8]) -> Result<()> {
        let place = match self.places.get(name) {
            Some(place) => *place,
            None if self.keys.len() >= MOST_KEYS || name.len() > LONGEST_NAME => {
                return environ
                    .dict_set(&Bound::latin1(py, name)?, &decoded(py, PATHS.contains(&name), value)?);
            }
            None => {
                let object = Bound::interned(py, name)?;
                self.keys.push(Key {
                    name: object.keep(),
                    path: PATHS.contains(&name),
                    value: None,
                    misses: 0,
                });
                self.places.insert(name.into(), self.keys.len() - 1);
                self.keys.len() - 1
            }
        };
        let key = &mut self.keys[place];
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
