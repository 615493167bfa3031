//! Starting an application is a step of its own: done once, alone, before any request, with its outcome known, told and
//! acted upon.
//!
//! * [`App`] is where an application stands (Empty → Loading → Warming → Ready, or Failed); [`start`] moves it on.
//! * An [`attempt::Attempt`] holds the startup lock of the server ([`registry`]), runs on python-main ([`loader`]), in an
//!   interpreter ([`interpreters`]) that no failed attempt has spoiled, and writes its verdict down for all processes
//!   ([`record`]).
//! * The watchdog ([`watch`]) ends what hangs, and says where.
//! * Requests pass the [`gate`] of the process, wait for the start, and run one at a time at first ([`first`]).
#![deny(unsafe_code)]

mod advice;
mod app;
mod attempt;
mod deaths;
mod ending;
mod exits;
mod failure;
mod first;
mod gate;
mod imports;
mod interpreter;
mod interpreters;
mod loader;
mod native;
mod os;
mod permits;
mod record;
mod registry;
mod report;
mod script;
mod settings;
mod start;
mod verdict;
mod watch;

pub use advice::advice;
pub use app::{App, Django, Seen, Serving, StartPlan, WarmUp};
pub use ending::stop;
pub use exits::ExitRule;
pub use first::Turn;
pub use imports::interrupt_request;
pub use interpreter::Interpreter;
pub use record::Record;
pub use script::Script;
pub use settings::{Settings, seconds};
pub use start::{Refusal, start};
pub use watch::{report_now as report, requests_come};

use crate::python::{InterpreterState, Py, delete_states_of_this_thread};
use gate::Gate;
use interpreters::Interpreters;
use loader::Loader;
use once_cell::sync::OnceCell;
use registry::Registry;
use rustc_hash::FxHashMap;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// The process's Python, once it runs.
pub struct Runtime {
    settings: Settings,
    interpreters: Interpreters,
    registry: Registry,
    loader: Loader,
    apps: RwLock<FxHashMap<u64, Vec<Arc<App>>>>,
    /// When Python ran, microseconds.
    ran: i64,
}

static RUNTIME: OnceCell<Runtime> = OnceCell::new();
static GATE: Gate = Gate::new();

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The gate that every request passes.
pub fn gate() -> &'static Gate {
    &GATE
}

/// This process is a copy that the application forked of the one in which Python was started.
pub fn is_copy() -> bool {
    os::is_copy()
}

/// Prepares the main interpreter and serves python-main's queue until the process ends. `ready` is called once, before
/// the first task. On python-main, attached to the main interpreter, which it is still when this returns an error.
pub fn run(py: Py<'_>, settings: Settings, ready: impl FnOnce() + Send) -> Result<(), String> {
    let main = InterpreterState::main(py);
    os::watch_forks(!settings.daemon);
    py.detached(move || {
        let main = Interpreter::prepare(main, b"", &settings)?;
        let registry = registry(&settings)?;
        let runtime = Runtime {
            interpreters: Interpreters::new(main.clone(), settings.clone()),
            settings,
            registry,
            loader: Loader::new(),
            apps: RwLock::default(),
            ran: os::now(),
        };
        RUNTIME.set(runtime).map_err(|_| "Python was started twice".to_owned())?;
        let runtime = RUNTIME.get().ok_or("Python was not started")?;
        watch::start(runtime)?;
        ready();
        runtime.loader.work(loader::PYTHON_MAIN, &main)
    })
}

/// The start registry of the server; one of the process alone where the server has none.
fn registry(settings: &Settings) -> Result<Registry, String> {
    let file = match settings.registry {
        Some(fd) => os::LockFile::of(fd),
        None => os::LockFile::new(c"mod_wsgi start board").map_err(|e| format!("no start board: {e}"))?,
    };
    Ok(Registry::new(file, settings.permits))
}

impl Runtime {
    /// What Python's own start took.
    fn python_took(&self) -> Duration {
        Duration::from_micros((self.ran - self.settings.begun).try_into().unwrap_or(0))
    }

    /// Threads that may wait for a start: the others are left for what needs no Python.
    fn may_wait(&self) -> usize {
        let threads = usize::try_from(self.settings.threads).unwrap_or(1);
        if self.settings.daemon { threads } else { threads / 2 }.max(1)
    }

    /// A group without request threads: its scripts run for as long as the process.
    fn is_service(&self) -> bool {
        self.settings.daemon && self.settings.threads == 0
    }

    /// Nobody loses by it if this process dies of an attempt: `first`, it does not serve yet. A process of a group is bold
    /// while another one serves.
    fn is_bold(&self, first: bool) -> bool {
        let alone = || {
            let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
            apps.values().map(Vec::len).sum::<usize>() <= 1
        };
        (first && (self.settings.beside || !self.settings.daemon)) || (!first && alone())
    }

    /// Counts processes that died at the start of an application, and says so.
    fn bury(&self, app: &App, key: u64) {
        let how =
            |pid| self.settings.died.as_ref().filter(|(died, _)| *died == pid).map(|(_, how)| how.clone());
        if let Some(buried) = self.registry.bury(key, &app.shown(), self.settings.beside, how) {
            verdict::say_buried(app, &buried, self.settings.daemon);
        }
    }

    /// No other application serves in the interpreter.
    fn is_alone_in(&self, app: &App, interpreter: &Arc<Interpreter>) -> bool {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        let mut others = apps.values().flatten().filter(|other| !std::ptr::eq(&***other, app));
        !others.any(|other| {
            other.serving().is_some_and(|serving| Arc::ptr_eq(&serving.interpreter, interpreter))
        })
    }

    fn app(&self, path: &[u8], name: &[u8], group: &[u8], plan: impl FnOnce() -> StartPlan) -> Arc<App> {
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
pub fn application(script: &Script<'_>, plan: impl FnOnce() -> StartPlan) -> Option<Arc<App>> {
    let runtime = RUNTIME.get()?;
    if runtime.settings.case_sensitive {
        return Some(runtime.app(script.path, script.path, script.group, plan));
    }
    Some(runtime.app(script.path, &script.path.to_ascii_lowercase(), script.group, plan))
}

/// Ends a copy of the process that the application has forked, with this status.
pub fn leave_copy(status: i32) -> ! {
    os::end_process(status)
}

/// Starts an application before any request asks for it; what goes wrong is logged. False: it does not serve.
pub fn preload(script: &Script<'_>, plan: impl FnOnce() -> StartPlan) -> bool {
    let app = application(script, plan);
    app.is_some_and(|app| start(&app, Seen::NOTHING, script::stamp(script.path), None).is_ok())
}

static STOP_ASKED: AtomicBool = AtomicBool::new(false);

/// The process is about to be told to end, by an exception.
pub fn ask_to_stop() {
    STOP_ASKED.store(true, Ordering::SeqCst);
}

fn is_stop_asked() -> bool {
    STOP_ASKED.load(Ordering::SeqCst)
}

/// Microseconds of the clock that nobody sets.
pub fn clock() -> i64 {
    os::now()
}

/// Waits until the main interpreter's GIL is to be had.
pub fn visit_main() {
    if let Some(runtime) = RUNTIME.get() {
        runtime.interpreters.main().visit(|_| ());
    }
}

/// Files that the applications of the process are made of, as far as they are loaded: neither Python's own nor installed
/// ones.
pub fn own_files() -> Vec<String> {
    let Some(runtime) = RUNTIME.get() else { return Vec::new() };
    let apps: Vec<Arc<App>> = {
        let apps = runtime.apps.read().unwrap_or_else(PoisonError::into_inner);
        apps.values().flatten().cloned().collect()
    };
    let files = apps.iter().filter_map(|app| {
        let interpreter = app.serving()?.interpreter.clone();
        interpreter.visit(|py| interpreter.own_files(py, &app.path))
    });
    let mut files: Vec<String> = files.flatten().collect();
    files.sort();
    files.dedup();
    files
}

/// Interpreters that there are, those that are left among them.
pub(crate) fn interpreters() -> usize {
    RUNTIME.get().map_or(1, |runtime| runtime.interpreters.all().len())
}

/// Has what waits in an interpreter released, by a thread of its own: finalizers run then, which may take for ever.
fn release_soon(interpreter: &Arc<Interpreter>) {
    let interpreter = interpreter.clone();
    let body = move || {
        interpreter.visit(|py| interpreter.release_pending(py));
        if is_copy() {
            os::end_process(0);
        }
        delete_states_of_this_thread();
    };
    // Without a thread it waits for the next one that attaches.
    let _ = std::thread::Builder::new().name("wsgi-release".into()).spawn(body);
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
