//! The frames of all threads. CPython has one list for all interpreters, so most of them belong to another one than the
//! reader is attached to; what they hold must not end there.

use crate::python::{Bound, Py, Result};
use crate::runtime::{self, Interpreter};
use crate::startup::Attempt;
use std::sync::Arc;

/// Enough for a thread to be made that gives a reference back, if nobody else comes soon.
const MUCH: usize = 1 << 20;

/// Innermost frames of threads, by ident. A thread may leave its frame meanwhile, which leaves the last reference here: it is
/// given back in the frame's own interpreter, where finalizers of what it holds belong.
pub struct Frames<'py> {
    found: Vec<(i64, Bound<'py>)>,
    interpreters: Vec<Arc<Interpreter>>,
}

impl<'py> Frames<'py> {
    /// The innermost frame of every thread, by its ident. The loader stands in two interpreters: in the main one, where
    /// Python called it, and in the one of the attempt, which is of interest.
    pub fn of_threads(
        py: Py<'py>,
        interpreter: &Interpreter,
        attempt: Option<&Arc<Attempt>>,
    ) -> Result<Self> {
        let interpreters = runtime::get().map(|runtime| runtime.interpreters.all()).unwrap_or_default();
        let mut frames = Self { found: Vec::new(), interpreters };
        let list = interpreter.ask(py, c"current_frames", &[])?;
        for at in 0..list.count() {
            let pair = list.item(at)?;
            frames.found.push((pair.item(0)?.as_int()?, pair.item(1)?));
        }
        if let Some((loader, frame)) = attempt.and_then(|attempt| interpreter.frame_of(py, &attempt.standing))
        {
            frames.found.push((loader as i64, frame));
        }
        Ok(frames)
    }

    /// Idents and frames; of two of the loader's, the one of the attempt.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Bound<'py>)> {
        let is_last = |at: usize, ident: i64| self.found[at + 1..].iter().all(|(other, _)| *other != ident);
        let found = self.found.iter().enumerate();
        found.filter(move |(at, (ident, _))| is_last(*at, *ident)).map(|(_, (ident, frame))| (*ident, frame))
    }

    /// The frame of a thread.
    pub fn of(&self, thread: u64) -> Option<&Bound<'py>> {
        self.iter().find(|(ident, _)| *ident == thread as i64).map(|(_, frame)| frame)
    }

    /// The interpreter of a frame.
    pub fn owner(&self, frame: &Bound<'_>) -> Option<&Arc<Interpreter>> {
        self.interpreters.iter().find(|interpreter| interpreter.owns(frame))
    }
}

impl Drop for Frames<'_> {
    fn drop(&mut self) {
        for (_, frame) in std::mem::take(&mut self.found) {
            let here = frame.py().interpreter();
            // As long as its thread runs it there is another reference, and nothing ends with this one.
            if frame.references() > 1 {
                continue;
            }
            match self.owner(&frame).filter(|owner| owner.id() != here) {
                Some(owner) => Interpreter::release_later(owner, frame.keep_for(owner.id()), MUCH),
                None => drop(frame),
            }
        }
    }
}
