//! Where threads stand when none of them gets the GIL: a copy of the process, in which that does not matter, has CPython write it.

use crate::python::{INTERPRETER, dump};
use crate::runtime;
use std::time::Duration;

/// Bytes that are logged.
const LARGEST: usize = 1 << 18;
/// How long the copy may take.
const FOR_THE_COPY: Duration = Duration::from_secs(1);

/// The stacks of all interpreters, line by line.
pub fn lines() -> Vec<String> {
    let text = match dump(LARGEST, FOR_THE_COPY) {
        Ok(text) => text,
        Err(error) => return vec![format!("their stacks cannot be had: {error}")],
    };
    let interpreters = runtime::get().map(|runtime| runtime.interpreters.all()).unwrap_or_default();
    let named = |line: &str| {
        let address = usize::from_str_radix(line.strip_prefix(INTERPRETER)?, 16).ok()?;
        let found = interpreters.iter().find(|interpreter| interpreter.id().is_at(address))?;
        Some(format!("threads of {}, the innermost call first:", found.context()))
    };
    let text = wire::shown(&text).into_owned();
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| named(line).unwrap_or_else(|| line.to_owned())).collect()
}
