//! One application (a script in an application group) in this process: what it is, and its [`Progress`] under a lock.

use super::first::FirstRequests;
use super::progress::{Progress, Want, Wanted};
use super::script::Script;
use super::state::{Counts, Event, NextInterpreter, Ticket};
use crate::python::{Bound, Owned, Py};
use crate::runtime::{Interpreter, InterpreterName};
use os::lock;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU32};
use std::sync::{Arc, Condvar, Mutex, RwLock};
use std::time::Duration;
use wire::Stamp;
use wire::plan::StartPlan;

/// The module that a request found: its number, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen(u64);

impl Seen {
    /// The value if there was no module.
    pub const NOTHING: Self = Self(0);
}

/// A loaded script, and the interpreter it serves in, which is the same for all times it is loaded.
pub struct Serving {
    /// The interpreter it serves in.
    pub interpreter: Arc<Interpreter>,
    module: Option<Owned>,
    /// The script that the module was made of.
    pub stamp: Stamp,
    /// The number of the module among those of the application.
    pub seen: Seen,
}

impl Serving {
    /// The module that was made of the script; `None` once it is let go.
    pub fn module<'py>(&self, py: Py<'py>) -> Option<Bound<'py>> {
        self.module.as_ref().map(|module| module.get(py).clone())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        /// Memory in bytes above which it is released immediately: modules hold objects that should be freed.
        const MUCH: usize = 1 << 20;
        if let Some(module) = self.module.take() {
            Interpreter::release_later(&self.interpreter, module, MUCH);
        }
    }
}

/// An application of this process: a script in an application group.
pub struct App {
    /// Path of its script.
    pub path: Box<[u8]>,
    /// What the script is known by: its path, in lower case where case does not count.
    pub name: Box<[u8]>,
    /// The interpreter that it runs in.
    pub interpreter: InterpreterName,
    /// The same application in other interpreters, where a group has several for each.
    pub(super) others: Vec<Arc<App>>,
    /// From then on the others may be started, microseconds.
    pub(super) others_due: AtomicI64,
    /// Requests that are at it.
    pub(super) inside: AtomicU32,
    /// Name of its callable, as it was met first: for warm-up requests.
    pub callable: Box<[u8]>,
    /// How the application starts.
    pub plan: StartPlan,
    /// The gate for its first requests.
    pub first: FirstRequests,
    progress: Mutex<Progress>,
    moved: Condvar,
    /// What serves, once it was ready.
    serving: RwLock<Option<Arc<Serving>>>,
}

impl App {
    /// Makes an application that has not been started, for so many interpreters.
    pub fn new(
        script: &Script<'_>,
        name: &[u8],
        plan: StartPlan,
        calm_after: u32,
        interpreters: u32,
    ) -> Arc<Self> {
        // There is one main interpreter.
        let numbers = if script.group.is_empty() { 1..1 } else { 1..interpreters };
        let others =
            numbers.map(|number| Self::one(script, name, plan.clone(), calm_after, number, Vec::new()));
        let others = others.collect();
        Self::one(script, name, plan, calm_after, 0, others)
    }

    fn one(
        script: &Script<'_>,
        name: &[u8],
        plan: StartPlan,
        calm_after: u32,
        number: u32,
        others: Vec<Arc<Self>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            path: script.path.into(),
            name: name.into(),
            interpreter: InterpreterName::new(script.group, number),
            others,
            others_due: AtomicI64::new(0),
            inside: AtomicU32::new(0),
            callable: script.callable.into(),
            plan,
            first: FirstRequests::new(calm_after),
            progress: Mutex::default(),
            moved: Condvar::new(),
            serving: RwLock::new(None),
        })
    }

    /// It, and the same application in other interpreters.
    pub(super) fn all(self: &Arc<Self>) -> impl Iterator<Item = &Arc<Self>> {
        std::iter::once(self).chain(&self.others)
    }

    /// Path of the script, for messages.
    pub fn shown(&self) -> std::borrow::Cow<'_, str> {
        wire::shown(&self.path)
    }

    /// `WSGI script '/srv/app.wsgi'`, for messages.
    pub fn title(&self) -> String {
        match &self.plan.django {
            Some(django) => format!("Django project '{}'", wire::shown(&django.project)),
            None => format!("WSGI script '{}'", self.shown()),
        }
    }

    /// The key of its start record: of the script as it was then, in a generation of the server; never 0.
    pub fn key(&self, stamp: Stamp, generation: i64) -> u64 {
        let mut hasher = rustc_hash::FxHasher::default();
        (&self.name, &self.interpreter, stamp, generation).hash(&mut hasher);
        // Two rounds: Fx mixes the last word little, and 0 is no key.
        (hasher.finish(), 1u8).hash(&mut hasher);
        hasher.finish() | 1
    }

    /// A request wants it, and found `seen` too old; `key` is that of its start record.
    pub fn want(&self, seen: Seen, has_tried: bool, key: u64) -> Wanted {
        let mut progress = lock(&self.progress);
        let is_newer = self.seen() != seen;
        progress.want(Want { is_newer, has_tried, key }, os::monotonic())
    }

    /// Something has happened to its start, says whoever works on that.
    pub fn on(&self, by: Ticket, event: Event) -> Counts {
        let answer = lock(&self.progress).on(by, event, os::monotonic());
        if answer.wake {
            self.moved.notify_all();
        }
        answer.counts
    }

    /// Waits, but not for long, while somebody works on its start. `until`: microseconds of the monotonic clock.
    pub fn wait(&self, until: i64) {
        let rest = Duration::from_micros(until.saturating_sub(os::monotonic()).max(0) as u64);
        let progress = lock(&self.progress);
        if progress.is_moving() {
            let pause = rest.min(Duration::from_millis(50));
            drop(os::wait_for(&self.moved, progress, pause));
        }
    }

    /// Somebody works on its start.
    pub fn is_moving(&self) -> bool {
        lock(&self.progress).is_moving()
    }

    /// The attempt is being made and has not timed out.
    pub fn is_made(&self, attempt: Ticket) -> bool {
        lock(&self.progress).is_made(attempt)
    }

    /// Where the attempt that is being made, or the next one, is made.
    pub fn next_interpreter(&self) -> NextInterpreter {
        lock(&self.progress).next_interpreter()
    }

    /// What serves it; there is nothing until it was ready once.
    pub fn serving(&self) -> Option<Arc<Serving>> {
        os::read_lock(&self.serving).clone()
    }

    /// What a request finds now.
    pub fn seen(&self) -> Seen {
        self.serving().map_or(Seen::NOTHING, |serving| serving.seen)
    }

    /// The script was loaded into `interpreter` as `module`, which serves from now on.
    pub fn serve(&self, interpreter: &Arc<Interpreter>, module: Owned, stamp: Stamp) {
        let seen = Seen(self.seen().0 + 1);
        let serving = Serving { interpreter: interpreter.clone(), module: Some(module), stamp, seen };
        let old = os::write_lock(&self.serving).replace(Arc::new(serving));
        // Requests may still be at it; it goes with the last of them.
        drop(old);
    }
}
