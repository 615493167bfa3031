//! One application (a script in an application group) in this process, and where it stands.
//!
//! ```text
//! Empty → Loading → Warming → Ready → Loading (its script has changed) → …
//!            └─────────┴→ Failed → Loading (another attempt) → …
//! ```

use super::first::FirstRequests;
use super::record::Record;
use super::script::Script;
use crate::python::{Bound, Owned, Py};
use crate::runtime::{Interpreter, lock};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use wire::Stamp;
use wire::plan::StartPlan;

/// Where an application stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing was tried here.
    Empty,
    /// The script is being loaded, or waits for the startup lock.
    Loading,
    /// The warm-up requests run.
    Warming,
    /// The application serves.
    Ready,
    /// The last attempt failed, here or in another process.
    Failed,
}

impl State {
    /// Whether an attempt to start the application is running.
    pub fn is_moving(self) -> bool {
        matches!(self, Self::Loading | Self::Warming)
    }
}

/// In which interpreter the next attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextInterpreter {
    /// The interpreter of the application group.
    Group,
    /// A new one, which becomes that of its group: the last attempt spoiled the old one.
    Fresh,
}

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
    /// Name of its application group; empty is the main interpreter.
    pub group: Box<[u8]>,
    /// Name of its callable, as it was met first: for warm-up requests.
    pub callable: Box<[u8]>,
    /// How the application starts.
    pub plan: StartPlan,
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
    pub next_interpreter: NextInterpreter,
    /// Attempts here whose threads hang.
    pub hung: u32,
    /// Ticket of the attempt, or of the request that checks its start, that may change the state; 0: none.
    owner: u64,
    /// The owner's attempt has an outcome, of which its loader or the watchdog makes the best.
    settled: bool,
    /// The attempt that timed out last, if no other was made since.
    timed_out: u64,
    /// What requests were refused with last, for which record, and when.
    refused: Option<(u64, Instant, Record)>,
}

impl App {
    /// Makes an application that has not been started.
    pub fn new(script: &Script<'_>, name: &[u8], plan: StartPlan, calm_after: u32) -> Arc<Self> {
        Arc::new(Self {
            path: script.path.into(),
            name: name.into(),
            group: script.group.into(),
            callable: script.callable.into(),
            plan,
            first: FirstRequests::new(calm_after),
            inner: Mutex::new(Inner {
                state: State::Empty,
                next_interpreter: NextInterpreter::Group,
                hung: 0,
                owner: 0,
                settled: false,
                timed_out: 0,
                refused: None,
            }),
            moved: Condvar::new(),
            serving: RwLock::new(None),
        })
    }

    /// Path of the script, for messages.
    pub fn shown(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.path)
    }

    /// The key of its start record: of the script as it was then, in a generation of the server; never 0.
    pub fn key(&self, stamp: Stamp, generation: i64) -> u64 {
        let mut hasher = rustc_hash::FxHasher::default();
        (&self.name, &self.group, stamp, generation).hash(&mut hasher);
        // Two rounds: Fx mixes the last word little, and 0 is no key.
        (hasher.finish(), 1u8).hash(&mut hasher);
        hasher.finish() | 1
    }

    /// What changes, locked.
    pub fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// The owner is done with it: it stands there now, and those who wait look again. Nothing, if it has another owner.
    pub fn leave(&self, owner: u64, state: State) {
        let mut inner = self.inner();
        if inner.owner == owner {
            (inner.owner, inner.state) = (0, state);
            drop(inner);
            self.moved.notify_all();
        }
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

    /// The script was loaded into `interpreter` as `module`, which serves from now on.
    pub fn serve(&self, interpreter: &Arc<Interpreter>, module: Owned, stamp: Stamp) {
        let seen = Seen(self.seen().0 + 1);
        let serving = Serving { interpreter: interpreter.clone(), module: Some(module), stamp, seen };
        let old = self.serving.write().unwrap_or_else(PoisonError::into_inner).replace(Arc::new(serving));
        // Requests may still be at it; it goes with the last of them.
        drop(old);
    }

    /// Moves to Warming; false when the attempt's outcome is settled.
    pub fn warm(&self, attempt: u64) -> bool {
        let mut inner = self.inner();
        let mine = inner.is_unsettled(attempt);
        if mine {
            inner.state = State::Warming;
        }
        mine
    }

    /// Whoever settles the outcome of an attempt, its loader or the watchdog, makes the best of it; true for one of them.
    pub fn settle(&self, attempt: u64) -> bool {
        let mut inner = self.inner();
        let mine = inner.is_unsettled(attempt);
        inner.settled |= mine;
        mine
    }

    /// Settles an attempt as one that has timed out, and its thread hangs; false if it is settled already. The watchdog
    /// writes that down and then calls [`App::leave_timed_out`].
    pub fn time_out(&self, attempt: u64, next_interpreter: NextInterpreter) -> bool {
        let mut inner = self.inner();
        let mine = inner.is_unsettled(attempt);
        if mine {
            inner.hung += 1;
            (inner.settled, inner.timed_out, inner.next_interpreter) = (true, attempt, next_interpreter);
        }
        mine
    }

    /// Moves to Failed, unless the attempt that timed out has come back meanwhile.
    pub fn leave_timed_out(&self, attempt: u64) {
        if self.inner().timed_out == attempt {
            self.leave(attempt, State::Failed);
        }
    }

    /// The owner's attempt is made: what one that timed out before comes back with does not count any more.
    pub fn begin(&self, attempt: u64) {
        let mut inner = self.inner();
        if inner.owner == attempt {
            inner.timed_out = 0;
        }
    }

    /// An attempt that had timed out has ended well. True: no other was made since, so it owns the application again and
    /// moves it to Ready. `None`: a request looks into its start just now.
    pub fn come_back(&self, attempt: u64) -> Option<bool> {
        let mut inner = self.inner();
        if inner.timed_out != attempt {
            return Some(false);
        }
        let free = inner.owner == 0 || inner.owner == attempt;
        if free {
            (inner.owner, inner.settled, inner.timed_out, inner.state) = (attempt, true, 0, State::Loading);
        }
        free.then_some(true)
    }

    /// A thread that hung in an attempt does not any more.
    pub fn let_go(&self) {
        let mut inner = self.inner();
        inner.hung = inner.hung.saturating_sub(1);
    }

    /// The attempt still owns it.
    pub fn is_owned_by(&self, attempt: u64) -> bool {
        let inner = self.inner();
        inner.owner == attempt && inner.timed_out != attempt
    }
}

impl Inner {
    /// Makes whoever looks into its start the owner; answers his ticket and where it stood.
    pub fn own(&mut self) -> (u64, State) {
        static TICKETS: AtomicU64 = AtomicU64::new(1);
        let ticket = TICKETS.fetch_add(1, Ordering::Relaxed);
        let was = self.state;
        (self.owner, self.settled, self.state) = (ticket, false, State::Loading);
        (ticket, was)
    }

    fn is_unsettled(&self, attempt: u64) -> bool {
        self.owner == attempt && !self.settled
    }

    /// What was refused less than `age` ago for this record, if it still holds.
    pub fn refused(&self, key: u64, age: Duration) -> Option<Record> {
        let (known, at, record) = self.refused.as_ref()?;
        let holds = *known == key && at.elapsed() < age && os::monotonic() < record.next;
        holds.then(|| record.clone())
    }

    /// Notes what a request was refused with.
    pub fn note_refusal(&mut self, key: u64, record: &Record) {
        self.refused = Some((key, Instant::now(), record.clone()));
    }
}
