//! The applications of this process, and what it shares about them with others.

use super::app::App;
use super::chosen::ChosenNames;
use super::notices::say_buried;
use super::packages::Packages;
use super::registry::Registry;
use super::script::Script;
use super::state::{Event, NextInterpreter, Ticket};
use crate::python::{Bound, Py};
use crate::runtime::exits::{self, Tenants};
use crate::runtime::{self, Fit, Interpreter, InterpreterName, RequestLog, Runtime, Settings};
use once_cell::sync::OnceCell;
use os::LockFile;
use rustc_hash::FxHashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, RwLock};
use wire::plan::{StartPlan, WarmUp};

/// What applications speak, as far as their start has to do with it.
pub struct Protocol {
    /// Makes what the protocol needs in each interpreter.
    pub fit: Fit,
    /// Runs a warm-up request through a script's module; answers the status. On a loader, attached.
    pub warm_up: RunWarmUp,
}

/// Runs a warm-up request, with a log or with that of the process.
type RunWarmUp =
    fn(Py<'_>, &Arc<Interpreter>, &Script<'_>, &Bound<'_>, &WarmUp, Option<Arc<RequestLog>>) -> i32;

/// The applications of this process.
pub struct Applications {
    /// What they run in.
    pub runtime: &'static Runtime,
    pub(super) registry: Registry,
    pub(super) protocol: &'static Protocol,
    apps: RwLock<FxHashMap<u64, Vec<Arc<App>>>>,
    chosen: ChosenNames,
    /// Which application has which packages.
    pub(super) packages: Packages,
}

static APPLICATIONS: OnceCell<Applications> = OnceCell::new();

/// The applications, once Python runs.
pub fn get() -> Option<&'static Applications> {
    APPLICATIONS.get()
}

/// Starts applications in this process: see [`runtime::run`].
pub fn run(
    py: Py<'_>,
    settings: Settings,
    protocol: &'static Protocol,
    ready: impl FnOnce() -> Result<(), String> + Send,
) -> Result<(), String> {
    runtime::run(py, settings, protocol.fit, |runtime| {
        let registry = registry(&runtime.settings)?;
        let chosen = ChosenNames::new(runtime.settings.process.interpreter_limit);
        let applications = Applications {
            runtime,
            registry,
            protocol,
            apps: RwLock::default(),
            chosen,
            packages: Packages::default(),
        };
        let applications =
            APPLICATIONS.try_insert(applications).map_err(|_| "Python was started twice".to_owned())?;
        exits::begin(&runtime.settings, applications);
        ready()
    })
}

/// The start registry of the server; one of the process alone where the server has none.
fn registry(settings: &Settings) -> Result<Registry, String> {
    let file = match settings.process.registry {
        fd @ 0.. => runtime::shared_file(fd),
        _ => LockFile::new(c"mod_wsgi start board")
            .map_err(|e| format!("the start registry cannot be created: {e}"))?,
    };
    Ok(Registry::new(file, settings.process.permits, settings.process.spare_permits))
}

impl Applications {
    /// All that the process serves, or is to serve.
    fn all(&self) -> Vec<Arc<App>> {
        os::read_lock(&self.apps).values().flatten().flat_map(App::all).cloned().collect()
    }

    /// Counts processes that died at the start of an application, and says so.
    pub fn bury(&self, app: &App, key: u64) {
        let settings = &self.runtime.settings;
        let how = |pid| settings.death_of(pid);
        if let Some(buried) = self.registry.bury(key, &app.shown(), settings.process.beside, how) {
            say_buried(app, &buried, settings.process.daemon);
        }
    }

    /// The interpreter for an attempt to start an application, made if there is none. On a loader, not attached.
    ///
    /// A spoiled one is left as it is, forgotten by its group: to end it would harm the others, for extension modules keep
    /// state of all interpreters together (Python 3.11's own `_asyncio` among them).
    pub fn interpreter_for(&self, app: &App, attempt: Ticket) -> Result<Arc<Interpreter>, String> {
        if let Some(serving) = app.serving() {
            // Requests are at it there, maybe.
            return Ok(serving.interpreter.clone());
        }
        if let Some(interpreter) = self.runtime.interpreters.current(&app.interpreter)
            && (app.next_interpreter() == NextInterpreter::Group
                || interpreter.attach(|py| interpreter.has_extensions(py)))
        {
            return Ok(interpreter);
        }
        let interpreter = self.runtime.interpreters.make(&app.interpreter)?;
        app.on(attempt, Event::InterpreterMade);
        Ok(interpreter)
    }

    /// Whether a death of this process during an attempt harms nobody. `first`: the process does not serve yet. A
    /// process of a group may risk it while another one serves.
    pub fn is_bold(&self, first: bool) -> bool {
        let alone = || {
            let apps = os::read_lock(&self.apps);
            apps.values().map(Vec::len).sum::<usize>() <= 1
        };
        (first && (self.runtime.settings.process.beside || !self.runtime.settings.process.daemon))
            || (!first && alone())
    }

    /// No other application serves in the interpreter.
    pub fn is_alone_in(&self, app: &App, interpreter: &Arc<Interpreter>) -> bool {
        let apps = self.all();
        let mut others = apps.iter().filter(|other| !std::ptr::eq(&***other, app));
        !others.any(|other| {
            other.serving().is_some_and(|serving| Arc::ptr_eq(&serving.interpreter, interpreter))
        })
    }

    /// The application of a script; `None`: it would need one more interpreter than clients may choose.
    fn app(&self, script: &Script<'_>, name: &[u8], plan: impl FnOnce() -> StartPlan) -> Option<Arc<App>> {
        let mut hasher = rustc_hash::FxHasher::default();
        (name, script.group).hash(&mut hasher);
        let key = hasher.finish();
        let find = |apps: &FxHashMap<u64, Vec<Arc<App>>>| {
            apps.get(&key)?
                .iter()
                .find(|app| *app.name == *name && app.interpreter.group() == script.group)
                .cloned()
        };
        if let Some(app) = find(&os::read_lock(&self.apps)) {
            return Some(app);
        }
        let interpreter = InterpreterName::new(script.group, 0);
        let is_there = || self.runtime.interpreters.current(&interpreter).is_some();
        if script.named_by_client && !is_there() && !self.chosen.allow(script.group) {
            self.chosen.say_refused(script.group);
            return None;
        }
        let mut apps = os::write_lock(&self.apps);
        Some(find(&apps).unwrap_or_else(|| {
            let process = &self.runtime.settings.process;
            // So that WSGIInterpreterLimit is what it says.
            let interpreters = if script.named_by_client { 1 } else { process.interpreters };
            let app = App::new(script, name, plan(), process.startup_requests, interpreters);
            apps.entry(key).or_default().push(app.clone());
            app
        }))
    }
}

impl Tenants for Applications {
    fn scripts(&self) -> Vec<String> {
        let mut scripts: Vec<String> = self.all().iter().map(|app| app.shown().into_owned()).collect();
        scripts.sort();
        scripts.dedup();
        scripts
    }

    fn starting(&self) -> Option<String> {
        let apps = self.all();
        apps.iter().find(|app| app.is_moving()).map(|app| app.shown().into_owned())
    }
}

/// The application of a script; `plan` says how it starts when it is met for the first time. `None`: Python does not run, or a
/// client wants one more interpreter than it may have, which is logged.
pub fn application(script: &Script<'_>, plan: impl FnOnce() -> StartPlan) -> Option<Arc<App>> {
    let applications = get()?;
    if applications.runtime.settings.process.case_sensitive {
        return applications.app(script, script.path, plan);
    }
    applications.app(script, &script.path.to_ascii_lowercase(), plan)
}

/// Threads that may wait for their turn.
pub fn most_waiting() -> usize {
    runtime::get().map_or(1, |runtime| runtime.settings.may_wait())
}

/// Files that the applications of the process are made of, as far as they are loaded: neither Python's own nor installed
/// ones.
pub fn own_files() -> Vec<String> {
    let apps = get().map(Applications::all).unwrap_or_default();
    let files = apps.iter().filter_map(|app| {
        let interpreter = app.serving()?.interpreter.clone();
        interpreter.visit(|py| interpreter.own_files(py, &app.path))
    });
    let mut files: Vec<String> = files.flatten().collect();
    files.sort();
    files.dedup();
    files
}
