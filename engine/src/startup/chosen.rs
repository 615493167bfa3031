//! Interpreters whose names clients may choose (`%{HOST}`, `%{ENV:…}`): a process makes so many of them and no more
//! (`WSGIInterpreterLimit`).
//!
//! None is taken down to make room, so whoever wants one more is refused: docs/ARCHITECTURE.md, section 6, has what happened when
//! it was tried.

use crate::host;
use os::lock;
use rustc_hash::FxHashSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use wire::message as msg;

/// Names that the first line about a refusal shows.
const SHOWN: usize = 3;
/// Refusals are logged once in this time.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// The names that clients have chosen in this process.
pub struct ChosenNames {
    /// So many may be chosen; 0: any number.
    limit: usize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    names: FxHashSet<Box<[u8]>>,
    /// The newest of them, by which an administrator sees who chooses: the sites' visitors, or somebody who tries names.
    latest: Vec<Box<[u8]>>,
    /// Requests that were refused since the last line.
    refused: u64,
    /// When the last line was written.
    said: Option<Instant>,
}

impl ChosenNames {
    /// None has been chosen yet.
    pub fn new(limit: u32) -> Self {
        Self { limit: limit as usize, known: Mutex::default() }
    }

    /// Whether an interpreter of this name may be made. One that was allowed stays so.
    pub fn allow(&self, name: &[u8]) -> bool {
        if self.limit == 0 {
            return true;
        }
        let mut known = lock(&self.known);
        if known.names.contains(name) {
            return true;
        }
        if known.names.len() >= self.limit {
            return false;
        }
        if known.latest.len() == SHOWN {
            known.latest.remove(0);
        }
        known.latest.push(name.into());
        known.names.insert(name.into())
    }

    /// A request for an interpreter of this name is refused: logs that, the first time with all there is to know.
    pub fn say_refused(&self, name: &[u8]) {
        let (first, refused, latest) = {
            let mut known = lock(&self.known);
            known.refused += 1;
            if known.said.is_some_and(|said| said.elapsed() < BETWEEN_LINES) {
                return;
            }
            let latest = known.latest.iter().map(|name| format!("'{}'", wire::shown(name)));
            let latest = latest.collect::<Vec<_>>().join(", ");
            (known.said.replace(Instant::now()).is_none(), std::mem::take(&mut known.refused), latest)
        };
        let (name, limit, place) = (wire::shown(name), self.limit, host::place());
        let text = if first {
            format!(
                "no interpreter is made for application group '{name}' {place}: WSGIInterpreterLimit is {limit}, and {limit} with \
                 names that clients may choose (%{{HOST}}, %{{ENV:...}}, WSGIScriptAliasMatch) are there, the latest {latest}. \
                 Such requests get 503; the others keep serving, and none is ended to make room: CPython cannot end one beside \
                 others without harm. If these are your sites, raise WSGIInterpreterLimit; if not, name the application group in \
                 the configuration. A process that is replaced begins with none"
            )
        } else {
            format!(
                "{refused} requests got 503 {place}, the last one for application group '{name}': WSGIInterpreterLimit is {limit}"
            )
        };
        host::message(msg::INTERPRETER_LIMIT, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_names_are_allowed_and_stay_so() {
        let chosen = ChosenNames::new(2);
        assert_eq!(
            [&b"a"[..], b"b", b"c", b"a", b"d"].map(|name| chosen.allow(name)),
            [true, true, false, true, false]
        );
    }

    #[test]
    fn the_latest_are_shown() {
        let chosen = ChosenNames::new(5);
        assert_eq!((0..7u8).filter(|name| chosen.allow(&[b'a' + name])).count(), 5);
        assert_eq!(*lock(&chosen.known).latest, [&b"c"[..], b"d", b"e"].map(Box::from));
    }

    #[test]
    fn without_a_limit_nothing_is_remembered() {
        let chosen = ChosenNames::new(0);
        assert!((0..1000u32).all(|number| chosen.allow(&number.to_le_bytes())));
        assert!(lock(&chosen.known).names.is_empty());
    }
}
