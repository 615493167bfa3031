//! One application (a script in an application group) in this process, and where it stands.
//!
//! ```text
//! Empty → Loading → Warming → Ready → Loading (its script has changed) → …
//!            └─────────┴→ Failed → Loading (another attempt) → …
//! ```

use super::first::FirstRequests;
use super::lock;
use super::space::Space;
use crate::python::{GilCell, Kept, Obj, Py};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// Where it serves, once it is ready.
    serving: RwLock<Option<Arc<Space>>>,
    /// Its module, there.
    module: GilCell<Option<Kept>>,
    /// Number of modules there were.
    loads: AtomicU64,
}

/// What changes as it starts.
pub struct Inner {
    /// Where it stands.
    pub state: State,
    /// Where the next attempt is made.
    pub place: Place,
    /// Attempts here that have not ended in time, and hold a thread for ever.
    pub hung: u32,
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
            inner: Mutex::new(Inner { state: State::Empty, place: Place::Group, hung: 0 }),
            moved: Condvar::new(),
            serving: RwLock::new(None),
            module: GilCell::default(),
            loads: AtomicU64::new(0),
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

    /// The interpreter that serves it; there is none until it was ready once.
    pub fn space(&self) -> Option<Arc<Space>> {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a request finds now.
    pub fn seen(&self) -> Seen {
        Seen(self.loads.load(Ordering::Acquire))
    }

    /// The module.
    pub fn module<'py>(&self, py: Py<'py>) -> Option<Obj<'py>> {
        self.module.borrow(py).as_ref().map(|module| module.get(py).clone())
    }

    /// It was loaded into `space`, whose thread this is.
    pub fn set_module(&self, py: Py<'_>, space: &Arc<Space>, module: Obj<'_>) {
        self.drop_module(py);
        *self.module.borrow(py) = Some(module.keep());
        *self.serving.write().unwrap_or_else(PoisonError::into_inner) = Some(space.clone());
        self.loads.fetch_add(1, Ordering::Release);
    }

    /// Its module goes: another is about to be loaded.
    pub fn drop_module(&self, py: Py<'_>) {
        // Two statements: releasing may run Python code, and nothing may be borrowed then.
        let old = self.module.borrow(py).take();
        if let Some(old) = old {
            old.release(py);
        }
    }
}
