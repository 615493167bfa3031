//! Packages that work in one interpreter of a process only: who loaded one first, and who wants it elsewhere.

use super::script::texts;
use crate::python::{Bound, InterpreterId, Py, Result};
use crate::runtime::Interpreter;
use os::lock;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Mutex;

/// Packages of this kind that may load in a second interpreter without complaint, in some of their versions: their objects and
/// locks are those of the first. Most others of the kind refuse to be imported there.
const QUIET: [&[u8]; 3] = [b"cryptography", b"lxml", b"numpy"];

/// An application that has a package: what it is called, the interpreter and where that is.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    /// The script.
    pub script: String,
    /// Its interpreter.
    pub interpreter: InterpreterId,
    /// The interpreter, for log lines.
    pub context: String,
}

/// Which application of this process loaded a package first.
#[derive(Default)]
pub struct Packages(Mutex<Known>);

#[derive(Default)]
struct Known {
    first: FxHashMap<String, Holder>,
    /// Packages that were spoken of.
    told: FxHashSet<String>,
}

impl Packages {
    /// An application has started, and its interpreter has these packages. Answers those that another interpreter had first, with
    /// the application that loaded them there; each package once.
    pub fn note(&self, packages: &[String], holder: &Holder) -> Vec<(String, Holder)> {
        let mut known = lock(&self.0);
        let mut shared = Vec::new();
        for package in packages {
            let first = known.first.entry(package.clone()).or_insert_with(|| holder.clone()).clone();
            let is_quiet = QUIET.contains(&package.as_bytes());
            if is_quiet && first.interpreter != holder.interpreter && known.told.insert(package.clone()) {
                shared.push((package.clone(), first));
            }
        }
        shared
    }

    /// An application could not import this package, which works in one interpreter. Answers the application that loaded it in
    /// another one, once.
    pub fn holder(&self, package: &str, wanted_in: InterpreterId) -> Option<Holder> {
        let mut known = lock(&self.0);
        let first = known.first.get(package).filter(|first| first.interpreter != wanted_in)?.clone();
        known.told.insert(package.to_owned()).then_some(first)
    }
}

impl Interpreter {
    /// Top-level packages that are loaded here and have extension modules, which Python's own are not, and those of [`QUIET`].
    pub(super) fn packages(&self, py: Py<'_>) -> Vec<String> {
        let ask = || -> Result<Vec<String>> {
            let known = QUIET.iter().map(|name| Bound::latin1(py, name)).collect::<Result<_>>()?;
            texts(&self.ask(py, c"packages", &[&Bound::list(py, known)?])?)
        };
        ask().unwrap_or_else(|raised| {
            raised.forget(py);
            Vec::new()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(script: &str, interpreter: usize) -> Holder {
        Holder {
            script: script.into(),
            interpreter: InterpreterId::numbered(interpreter),
            context: String::new(),
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_package_in_two_interpreters_is_told_once_with_who_had_it_first() {
        let (packages, first) = (Packages::default(), holder("/a", 1));
        assert_eq!(packages.note(&names(&["lxml", "numpy"]), &first), []);
        assert_eq!(packages.note(&names(&["numpy"]), &holder("/same", 1)), [], "in the same interpreter");
        let second = holder("/b", 2);
        assert_eq!(packages.note(&names(&["numpy"]), &second), [("numpy".to_owned(), first)]);
        assert_eq!(packages.note(&names(&["numpy"]), &holder("/c", 3)), [], "it was told");
    }

    #[test]
    fn a_package_that_may_be_in_several_interpreters_is_told_when_it_fails() {
        let (packages, first) = (Packages::default(), holder("/a", 1));
        packages.note(&names(&["rpds"]), &first);
        assert_eq!(packages.note(&names(&["rpds"]), &holder("/b", 2)), []);
        assert_eq!(packages.holder("rpds", first.interpreter), None, "it failed where it is");
        assert_eq!(packages.holder("other", InterpreterId::numbered(2)), None);
        assert_eq!(packages.holder("rpds", InterpreterId::numbered(2)), Some(first));
        assert_eq!(packages.holder("rpds", InterpreterId::numbered(3)), None, "it was told");
    }
}
