//! Why there is no python.

use std::fmt;
use wire::{Message, message};

/// Why there is no python: what kind of obstacle it is, and a sentence with a remedy for whoever configured it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub kind: Kind,
    /// What is wrong and what to do, in plain English; it does not end with a full stop.
    pub text: String,
}

/// Kinds of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// There is no python where one was looked for.
    Missing,
    /// The user may not go there, or a file system fails or does not answer.
    Unreachable,
    /// It cannot be executed, or it ran and did not answer like a python.
    Unusable,
    /// It did not answer before the deadline.
    TooSlow,
    /// It is a python that is not supported: an older one, another implementation, a free-threaded build.
    Unsupported,
    /// It has no shared library that could be loaded.
    NoLibrary,
    /// It is not there inside the directory that the processes are confined to.
    OutsideRoot,
}

impl Problem {
    /// The number and the level that the log has it under.
    pub fn message(&self) -> Message {
        message::PYTHON_UNUSABLE
    }

    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// The same, with words in front.
    pub(crate) fn behind(self, words: impl fmt::Display) -> Self {
        Self { text: format!("{words}: {}", self.text), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
