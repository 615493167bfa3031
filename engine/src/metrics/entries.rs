//! Dicts for Python.

use crate::python::{Bound, Py, Result};

/// A dict under construction.
pub struct Entries<'py>(Bound<'py>);

impl<'py> Entries<'py> {
    /// An empty one.
    pub fn new(py: Py<'py>) -> Result<Self> {
        Bound::dict(py).map(Self)
    }

    /// Adds an entry.
    pub fn set(&self, name: &str, value: Bound<'py>) -> Result<()> {
        self.0.dict_set(&Bound::str(self.0.py(), name)?, &value)
    }

    /// Adds a number.
    pub fn int(&self, name: &str, value: u64) -> Result<()> {
        self.set(name, integer(self.0.py(), value)?)
    }

    /// Adds a number.
    pub fn float(&self, name: &str, value: f64) -> Result<()> {
        self.set(name, Bound::float(self.0.py(), value)?)
    }

    /// Adds a list.
    pub fn list(&self, name: &str, values: impl Iterator<Item = Result<Bound<'py>>>) -> Result<()> {
        self.set(name, Bound::list(self.0.py(), values.collect::<Result<_>>()?)?)
    }

    /// Adds the memory of the process, now and the most so far, bytes.
    pub fn memory(&self, now: u64, most: u64) -> Result<()> {
        self.int("memory_max_rss", most)?;
        self.int("memory_rss", now)
    }

    /// Adds a number.
    pub fn signed(&self, name: &str, value: i32) -> Result<()> {
        self.set(name, Bound::int(self.0.py(), value.into())?)
    }

    /// A time of so many microseconds since the epoch, which Python gets in seconds.
    pub fn time(&self, name: &str, micros: i64) -> Result<()> {
        self.float(name, micros as f64 / 1e6)
    }

    /// The dict.
    pub fn into_dict(self) -> Bound<'py> {
        self.0
    }
}

/// A number.
pub fn integer(py: Py<'_>, value: u64) -> Result<Bound<'_>> {
    Bound::int(py, i64::try_from(value).unwrap_or(i64::MAX))
}
