//! Starting an application is a step of its own: done once, alone, before any request, with its outcome known, told and
//! acted upon.
//!
//! * [`App`] is where an application stands (Empty → Loading → Warming → Ready, or Failed); [`start`] moves it on.
//! * An [`attempt::Attempt`] holds the startup lock of the server ([`board`]), runs on python-main ([`crew`]), in an
//!   interpreter ([`spaces`]) that no failed attempt has spoiled, and writes its verdict down for all processes
//!   ([`record`]).
//! * The watchdog ([`watch`]) ends what hangs, and says where.
//! * Requests pass the [`gate`] of the process, wait for the start, and run one at a time at first ([`first`]).
#![deny(unsafe_code)]

mod advice;
mod app;
mod attempt;
mod board;
mod crew;
mod ending;
mod first;
mod gate;
mod imports;
mod os;
mod record;
mod report;
mod script;
mod settings;
mod space;
mod spaces;
mod verdict;
mod watch;

pub use advice::advice;
pub use app::{App, Django, Plan, Seen, WarmUp};
pub use ending::stop;
pub use first::Turn;
pub use record::Record;
pub use script::Script;
pub use settings::Settings;
pub use space::{Space, WeakSpace};

use crate::python::{Interpreter, Py, delete_states_of_this_thread, keep_gil_for_ever};
use crate::wsgi::RequestLog;
use app::State;
use attempt::Attempt;
use board::{Advice, Board};
use crew::{Crew, Task};
use first::Waiting;
use gate::Gate;
use once_cell::sync::OnceCell;
use rustc_hash::FxHashMap;
use spaces::Spaces;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// The short line on an application that is down is written once in this time, by all processes together.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// The process's Python, once it runs.
pub struct Runtime {
    process: u32,
    settings: Settings,
    spaces: Spaces,
    board: Board,
    crew: Crew,
    apps: RwLock<FxHashMap<u64, Vec<Arc<App>>>>,
    /// When Python ran, microseconds.
    ran: i64,
}

static RUNTIME: OnceCell<Runtime> = OnceCell::new();
static GATE: Gate = Gate::new();

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The gate that every request passes.
pub fn gate() -> &'static Gate {
    &GATE
}

/// This process is a copy that the application forked of the one in which Python was started.
pub fn is_copy() -> bool {
    RUNTIME.get().is_some_and(|runtime| runtime.process != std::process::id())
}

/// Prepares the main interpreter and serves python-main's queue until the process ends. `ready` is called once, before
/// the first task. On python-main, attached to the main interpreter, which it is still when this returns an error.
pub fn run(py: Py<'_>, settings: Settings, ready: impl FnOnce() + Send) -> Result<(), String> {
    let main = Interpreter::main(py);
    py.detached(move || {
        let main = Space::prepare(main, b"", &settings)?;
        let board = board(&settings)?;
        let runtime = Runtime {
            process: std::process::id(),
            spaces: Spaces::new(main.clone(), settings.clone()),
            settings,
            board,
            crew: Crew::new(),
            apps: RwLock::default(),
            ran: os::now(),
        };
        RUNTIME.set(runtime).map_err(|_| "Python was started twice".to_owned())?;
        let runtime = RUNTIME.get().ok_or("Python was not started")?;
        watch::start(runtime)?;
        ready();
        loop {
            // It comes back only where another loader has taken over, which it takes back.
            runtime.crew.work(0, &main);
            if GATE.is_closed() {
                main.attach(|py| keep_gil_for_ever(py))
            }
        }
    })
}

/// The start board of the server; one of the process alone where the server has none.
fn board(settings: &Settings) -> Result<Board, String> {
    let file = match settings.board {
        Some(fd) => os::LockFile::of(fd),
        None => os::LockFile::new(c"mod_wsgi start board").map_err(|e| format!("no start board: {e}"))?,
    };
    Ok(Board::new(file, settings.slots))
}

impl Runtime {
    /// What Python's own start took.
    fn python_took(&self) -> Duration {
        Duration::from_micros((self.ran - self.settings.begun).try_into().unwrap_or(0))
    }

    /// Threads that may wait for a start: the others are left for what needs no Python.
    fn may_wait(&self) -> usize {
        (usize::try_from(self.settings.threads).unwrap_or(1) / 2).max(1)
    }

    /// No other application serves in the interpreter.
    fn is_alone_in(&self, app: &App, space: &Arc<Space>) -> bool {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        let mut others = apps.values().flatten().filter(|other| !std::ptr::eq(&***other, app));
        !others.any(|other| other.space().is_some_and(|serving| Arc::ptr_eq(&serving, space)))
    }

    fn app(&self, path: &[u8], name: &[u8], group: &[u8], plan: impl FnOnce() -> Plan) -> Arc<App> {
        let mut hasher = rustc_hash::FxHasher::default();
        (name, group).hash(&mut hasher);
        let key = hasher.finish();
        let find = |apps: &FxHashMap<u64, Vec<Arc<App>>>| {
            apps.get(&key)?.iter().find(|app| *app.name == *name && *app.group == *group).cloned()
        };
        if let Some(app) = find(&self.apps.read().unwrap_or_else(PoisonError::into_inner)) {
            return app;
        }
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        find(&apps).unwrap_or_else(|| {
            let app = App::new(path, name, group, plan(), self.settings.startup_requests);
            apps.entry(key).or_default().push(app.clone());
            app
        })
    }
}

/// The application of a script; `plan` says how it starts when it is met for the first time.
pub fn application(script: &Script<'_>, plan: impl FnOnce() -> Plan) -> Option<Arc<App>> {
    let runtime = RUNTIME.get()?;
    if runtime.settings.case_sensitive {
        return Some(runtime.app(script.path, script.path, script.group, plan));
    }
    Some(runtime.app(script.path, &script.path.to_ascii_lowercase(), script.group, plan))
}

/// Why a request cannot be served now.
#[derive(Debug)]
pub enum Refusal {
    /// The application failed to start.
    Failed(Box<Record>),
    /// It is being started, and the request has waited long enough, or too many wait.
    Busy,
    /// The process ends.
    Stopping,
}

impl Refusal {
    /// Seconds after which a client may try again.
    pub fn retry_after(&self) -> u32 {
        match self {
            Self::Failed(record) => {
                ((record.next - os::now()).max(0) as u64).div_ceil(1_000_000).clamp(1, 60) as u32
            }
            Self::Busy => 2,
            Self::Stopping => 1,
        }
    }
}

/// Has an application started, or started again: `seen` is what the request found too old. Waits for it, but no longer
/// than a start may take, and not with too many other threads of the process; without a log, for a process that starts,
/// as long as it takes. Not attached.
pub fn start(
    app: &Arc<App>,
    seen: Seen,
    modified: i64,
    log: Option<&Arc<RequestLog>>,
) -> Result<(), Refusal> {
    let runtime = RUNTIME.get().ok_or(Refusal::Stopping)?;
    let patience =
        if log.is_some() { runtime.settings.startup_timeout } else { Duration::from_secs(u32::MAX.into()) };
    let until = Instant::now() + patience;
    let _waiting = match log {
        Some(_) => Some(Waiting::begin(runtime.may_wait()).ok_or(Refusal::Busy)?),
        None => None,
    };
    let key = app.key(modified, runtime.settings.generation);
    let mut mine = false;
    loop {
        let mut inner = app.inner();
        while inner.state.is_moving() {
            if GATE.is_closed() {
                return Err(Refusal::Stopping);
            }
            if Instant::now() >= until {
                return Err(Refusal::Busy);
            }
            inner = app.wait(inner, until);
        }
        if inner.state == State::Ready && app.seen() != seen {
            return Ok(());
        }
        if mine && inner.state == State::Failed {
            drop(inner);
            return Err(refused(runtime, key));
        }
        let was = inner.state;
        inner.state = State::Loading;
        let hung = inner.hung;
        drop(inner);
        match consult(runtime, app, key, hung, until) {
            Ok(claim) => {
                mine = true;
                let attempt = Attempt::new(app, runtime, modified, claim, log.cloned());
                runtime.crew.send(Task::Start(attempt));
            }
            Err(refusal) => {
                let failed = matches!(refusal, Refusal::Failed(_));
                app.move_to(if failed { State::Failed } else { was });
                return Err(refusal);
            }
        }
    }
}

/// Asks the board until it advises something else than waiting.
fn consult(
    runtime: &Runtime,
    app: &App,
    key: u64,
    hung: u32,
    until: Instant,
) -> Result<board::Claim, Refusal> {
    /// Each such attempt costs a thread, so they are not made for ever unless something has changed.
    const MOST_HUNG: u32 = 3;
    loop {
        match runtime.board.consult(key) {
            Advice::Refuse(record) => {
                if runtime.board.may_say(key, BETWEEN_LINES) {
                    verdict::say_short(app, &record);
                }
                return Err(Refusal::Failed(Box::new(record)));
            }
            Advice::Start(claim) if hung >= MOST_HUNG && !claim.changed && claim.failed() => {
                let record = claim.record.clone();
                runtime.board.give_up(claim);
                return Err(Refusal::Failed(Box::new(record)));
            }
            Advice::Start(claim) => return Ok(claim),
            Advice::Wait if GATE.is_closed() => return Err(Refusal::Stopping),
            Advice::Wait if Instant::now() >= until => return Err(Refusal::Busy),
            Advice::Wait => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// The attempt that this request wanted has failed.
fn refused(runtime: &Runtime, key: u64) -> Refusal {
    runtime.board.record(key).map_or(Refusal::Busy, |record| Refusal::Failed(Box::new(record)))
}

/// Starts an application before any request asks for it; what goes wrong is logged.
pub fn preload(script: &Script<'_>, plan: impl FnOnce() -> Plan) {
    if let Some(app) = application(script, plan) {
        let _ = start(&app, Seen::NOTHING, script::modified(script.path), None);
    }
}

/// Has python-main release what waits in an interpreter.
fn release_soon(space: &Arc<Space>) {
    if let Some(runtime) = RUNTIME.get() {
        runtime.crew.send(Task::Release(space.clone()));
    }
}

/// Threads that may wait for their turn.
pub fn most_waiting() -> usize {
    RUNTIME.get().map_or(1, Runtime::may_wait)
}

/// The calling thread is about to end.
pub fn thread_exit() {
    if let Some(_inside) = GATE.enter() {
        delete_states_of_this_thread();
    }
}
