//! One application (a script in an application group) in this process, and where it stands.
//!
//! ```text
//! Empty → Loading → Warming → Ready → Loading (its script has changed) → …
//!            └─────────┴→ Failed → Loading (another attempt) → …
//! ```

use super::first::FirstRequests;
use super::record::Record;
use super::space::Space;
use super::{lock, os};
use crate::python::{Kept, Obj, Py};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Where an application stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing was tried here.
    Empty,
    /// Its script is being loaded, or waits for the startup lock.
    Loading,
    /// Its warm-up requests run.
    Warming,
    /// It serves.
    Ready,
    /// The last attempt failed, here or in another process.
    Failed,
}

impl State {
    /// Somebody is at it.
    pub fn is_moving(self) -> bool {
        matches!(self, Self::Loading | Self::Warming)
    }
}

/// In which interpreter the next attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// That of its application group.
    Group,
    /// A new one, which becomes that of its group: the last attempt spoiled the old one.
    Fresh,
}

/// What the configuration says of how an application starts.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// It is a Django project, not a script.
    pub django: Option<Django>,
    /// Name of its callable, for warm-up requests.
    pub callable: Vec<u8>,
    /// Requests that it must answer before it serves.
    pub warm_ups: Vec<WarmUp>,
}

/// What `mod_wsgi.django.get_application` is given.
#[derive(Clone, Debug, Default)]
pub struct Django {
    /// The project's directory.
    pub project: Vec<u8>,
    /// The URL path it is served below.
    pub url: Vec<u8>,
    /// Name of the settings module; empty: what manage.py says.
    pub settings: Vec<u8>,
    /// `error`, `warning` or `off`.
    pub checks: Vec<u8>,
    /// Static files are served by the application.
    pub finders: bool,
}

/// A warm-up request.
#[derive(Clone, Debug, Default)]
pub struct WarmUp {
    /// The path, for messages.
    pub path: String,
    /// The environ's text entries.
    pub environ: Vec<(Vec<u8>, Vec<u8>)>,
    /// `wsgi.url_scheme` is `https`.
    pub https: bool,
}

/// The module that a request found: its number, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen(u64);

impl Seen {
    /// There was no module.
    pub const NOTHING: Self = Self(0);
}

/// A loaded script, and the interpreter it serves in, which is the same for all times it is loaded.
pub struct Serving {
    /// The interpreter.
    pub space: Arc<Space>,
    module: Option<Kept>,
    /// Its number among the modules of the application.
    pub seen: Seen,
}

impl Serving {
    /// The module.
    pub fn module<'py>(&self, py: Py<'py>) -> Option<Obj<'py>> {
        self.module.as_ref().map(|module| module.get(py).clone())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        /// So much that python-main is asked to release it: modules hold things that should go.
        const MUCH: usize = 1 << 20;
        if let Some(module) = self.module.take() {
            Space::release_later(&self.space, module, MUCH);
        }
    }
}

/// An application.
pub struct App {
    /// Path of its script.
    pub path: Box<[u8]>,
    /// What the script is known by: its path, in lower case where case does not count.
    pub name: Box<[u8]>,
    /// Name of its application group; empty is the main interpreter.
    pub group: Box<[u8]>,
    /// How it starts.
    pub plan: Plan,
    /// The gate for its first requests.
    pub first: FirstRequests,
    inner: Mutex<Inner>,
    moved: Condvar,
    /// What serves, once it was ready.
    serving: RwLock<Option<Arc<Serving>>>,
}

/// What changes as it starts.
pub struct Inner {
    /// Where it stands.
    pub state: State,
    /// Where the next attempt is made.
    pub place: Place,
    /// Attempts here whose threads hang.
    pub hung: u32,
    /// The attempt that moves it; 0: none, or its outcome is settled.
    attempt: u64,
    /// The attempt that timed out last, if there was none since.
    timed_out: u64,
    /// What requests were refused with last, for which record, and when.
    refused: Option<(u64, Instant, Record)>,
}

impl App {
    /// One that nobody has started.
    pub fn new(path: &[u8], name: &[u8], group: &[u8], plan: Plan, calm_after: u32) -> Arc<Self> {
        Arc::new(Self {
            path: path.into(),
            name: name.into(),
            group: group.into(),
            plan,
            first: FirstRequests::new(calm_after),
            inner: Mutex::new(Inner {
                state: State::Empty,
                place: Place::Group,
                hung: 0,
                attempt: 0,
                timed_out: 0,
                refused: None,
            }),
            moved: Condvar::new(),
            serving: RwLock::new(None),
        })
    }

    /// Its script, for messages.
    pub fn shown(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.path)
    }

    /// What it is known by in the start records: its script as modified at that time, in a generation of the server.
    pub fn key(&self, modified: i64, generation: i64) -> u64 {
        let mut hasher = rustc_hash::FxHasher::default();
        (&self.name, &self.group, modified, generation).hash(&mut hasher);
        // Two rounds: Fx mixes the last word little, and 0 is no key.
        (hasher.finish(), 1u8).hash(&mut hasher);
        hasher.finish() | 1
    }

    /// What changes, locked.
    pub fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// It stands elsewhere now; those who wait look again.
    pub fn move_to(&self, state: State) {
        self.inner().state = state;
        self.moved.notify_all();
    }

    /// Waits, but not for long, until it has moved.
    pub fn wait<'a>(&self, inner: MutexGuard<'a, Inner>, until: Instant) -> MutexGuard<'a, Inner> {
        let pause = until.saturating_duration_since(Instant::now()).min(Duration::from_millis(50));
        self.moved.wait_timeout(inner, pause).unwrap_or_else(PoisonError::into_inner).0
    }

    /// What serves it; there is nothing until it was ready once.
    pub fn serving(&self) -> Option<Arc<Serving>> {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a request finds now.
    pub fn seen(&self) -> Seen {
        self.serving().map_or(Seen::NOTHING, |serving| serving.seen)
    }

    /// It was loaded into `space`.
    pub fn serve(&self, space: &Arc<Space>, module: Kept) {
        let seen = Seen(self.seen().0 + 1);
        let serving = Serving { space: space.clone(), module: Some(module), seen };
        let old = self.serving.write().unwrap_or_else(PoisonError::into_inner).replace(Arc::new(serving));
        // Requests may still be at it; it goes with the last of them.
        drop(old);
    }

    /// An attempt, known by its number in this process, is made: it is Loading.
    pub fn begin(&self, attempt: u64) {
        let mut inner = self.inner();
        (inner.attempt, inner.timed_out) = (attempt, 0);
    }

    /// Its warm-up requests run; false when the attempt's outcome is settled.
    pub fn warm(&self, attempt: u64) -> bool {
        let mut inner = self.inner();
        let mine = inner.attempt == attempt;
        if mine {
            inner.state = State::Warming;
        }
        mine
    }

    /// Whoever settles the outcome of an attempt, its loader or the watchdog, moves the application on; true for one of
    /// them.
    pub fn settle(&self, attempt: u64) -> bool {
        let mut inner = self.inner();
        let mine = inner.attempt == attempt;
        if mine {
            inner.attempt = 0;
        }
        mine
    }

    /// Settles an attempt as one that has timed out: it has Failed, and its thread hangs. False if it is settled already.
    pub fn time_out(&self, attempt: u64, place: Place) -> bool {
        let mut inner = self.inner();
        if inner.attempt != attempt {
            return false;
        }
        inner.hung += 1;
        (inner.attempt, inner.timed_out, inner.place) = (0, attempt, place);
        inner.state = State::Failed;
        drop(inner);
        self.moved.notify_all();
        true
    }

    /// An attempt that had timed out has ended. True: none was made since, so what it made of the application counts.
    pub fn come_back(&self, attempt: u64) -> bool {
        let mut inner = self.inner();
        inner.hung = inner.hung.saturating_sub(1);
        let mine = inner.timed_out == attempt && inner.state == State::Failed;
        if mine {
            inner.timed_out = 0;
        }
        mine
    }
}

impl Inner {
    /// What was refused less than `age` ago for this record, if it still holds.
    pub fn refused(&self, key: u64, age: Duration) -> Option<Record> {
        let (known, at, record) = self.refused.as_ref()?;
        let holds = *known == key && at.elapsed() < age && os::now() < record.next;
        holds.then(|| record.clone())
    }

    /// Notes what a request was refused with.
    pub fn note_refusal(&mut self, key: u64, record: &Record) {
        self.refused = Some((key, Instant::now(), record.clone()));
    }
}
