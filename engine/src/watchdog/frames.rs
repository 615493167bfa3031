//! The frames of all threads whose interpreters share a GIL. Most of them belong to another interpreter than the reader is attached
//! to; what they hold must not end there.

use crate::python::{Bound, Py, Result};
use crate::runtime::{self, Interpreter};
use crate::startup::Attempt;
use std::sync::Arc;

/// Enough for a thread to be made that gives a reference back, if nobody else comes soon.
const MUCH: usize = 1 << 20;

/// The innermost frame of a thread.
pub struct Found<'py> {
    /// Of the thread.
    pub ident: i64,
    /// Its frame.
    pub frame: Bound<'py>,
    /// The interpreter of the frame.
    pub owner: Arc<Interpreter>,
}

/// Innermost frames of threads. A thread may leave its frame meanwhile, which leaves the last reference here: it is
/// given back in the frame's own interpreter, where finalizers of what it holds belong.
pub struct Frames<'py>(Vec<Found<'py>>);

impl<'py> Frames<'py> {
    /// The innermost frames of the threads of `interpreters`, which share the GIL of the first one, to which the caller is attached. The
    /// loader stands in two: in the main one, where Python called it, and in the one of the attempt, which is of interest.
    pub fn of_threads(
        py: Py<'py>,
        interpreters: &[Arc<Interpreter>],
        attempt: Option<&Arc<Attempt>>,
    ) -> Result<Self> {
        let mut frames = Self(Vec::new());
        let Some(here) = interpreters.first() else { return Ok(frames) };
        for owner in interpreters {
            let Some(found) = owner.frames(py, here) else {
                frames.ask(py, here, attempt)?;
                break;
            };
            let found = found.into_iter();
            frames.0.extend(found.map(|(ident, frame)| Found {
                ident: ident as i64,
                frame,
                owner: owner.clone(),
            }));
        }
        Ok(frames)
    }

    /// Asks Python, which has one list for all interpreters, with one frame for each thread.
    fn ask(&mut self, py: Py<'py>, here: &Arc<Interpreter>, attempt: Option<&Arc<Attempt>>) -> Result<()> {
        // No other one is made meanwhile, for that takes the GIL.
        let interpreters = runtime::get().map(|runtime| runtime.interpreters.all()).unwrap_or_default();
        let mut add = |ident, frame: Bound<'py>| {
            let owner =
                interpreters.iter().find(|interpreter| interpreter.owns(&frame)).unwrap_or(here).clone();
            self.0.push(Found { ident, frame, owner });
        };
        let list = here.ask(py, c"current_frames", &[])?;
        for at in 0..list.count() {
            let pair = list.item(at)?;
            add(pair.item(0)?.as_int()?, pair.item(1)?);
        }
        if let Some((loader, frame)) = attempt.and_then(|attempt| here.frame_of(py, &attempt.standing)) {
            add(loader as i64, frame);
        }
        Ok(())
    }

    /// What was found, the last one of each thread: that of the loader's attempt.
    pub fn iter(&self) -> impl Iterator<Item = &Found<'py>> {
        let is_last = |at: usize, ident: i64| self.0[at + 1..].iter().all(|other| other.ident != ident);
        self.0.iter().enumerate().filter(move |(at, found)| is_last(*at, found.ident)).map(|(_, found)| found)
    }

    /// The frame of a thread.
    pub fn of(&self, thread: u64) -> Option<&Bound<'py>> {
        self.iter().find(|found| found.ident == thread as i64).map(|found| &found.frame)
    }
}

impl Drop for Frames<'_> {
    fn drop(&mut self) {
        for Found { frame, owner, .. } in std::mem::take(&mut self.0) {
            // As long as its thread runs it there is another reference, and nothing ends with this one.
            if frame.references() > 1 || owner.id() == frame.py().interpreter() {
                continue;
            }
            Interpreter::release_later(&owner, frame.keep_for(owner.id()), MUCH);
        }
    }
}
