//! Starting: the thread that runs Python's start ("python-main") makes every interpreter and loads every script.
//!
//! Requests run on other threads and ask python-main through a queue: so nothing is imported on the thread of
//! whichever request came first, and `threading.main_thread()` is one thread for the life of the process.
#![forbid(unsafe_code)]

mod ending;
mod gate;
mod script;
mod settings;
mod space;

pub use ending::stop;
pub use script::{Failed, Script, Seen};
pub use settings::Settings;
pub use space::{Space, WeakSpace};

use crate::host;
use crate::python::{Interpreter, Py, delete_states_of_this_thread, keep_gil_for_ever};
use crate::wsgi::Call;
use ending::{DOING, Doing};
use gate::Gate;
use once_cell::sync::OnceCell;
use rustc_hash::FxHashMap;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;
use wire::message;

/// What python-main is asked to do.
enum Task {
    /// Make an interpreter.
    Space { name: Vec<u8>, reply: SyncSender<Result<Arc<Space>, Failed>> },
    /// Load a script.
    Load {
        space: Arc<Space>,
        path: Vec<u8>,
        seen: Seen,
        call: Option<Arc<Call>>,
        reply: SyncSender<Result<(), Failed>>,
    },
    /// Release objects that wait for it.
    Release(Arc<Space>),
    /// Take everything down; the answer is whether threads of applications are left.
    End { until: Instant, reply: SyncSender<bool> },
}

/// The process's Python, once it runs.
struct Runtime {
    process: u32,
    settings: Settings,
    spaces: RwLock<FxHashMap<Box<[u8]>, Arc<Space>>>,
    tasks: Mutex<Sender<Task>>,
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
    let (sender, tasks) = channel();
    let main = Interpreter::main(py);
    py.detached(move || {
        let main = Space::prepare(main, b"", &settings)?;
        let spaces = FxHashMap::from_iter([(Box::from(&b""[..]), main.clone())]);
        let process = std::process::id();
        let runtime = Runtime { process, settings, spaces: RwLock::new(spaces), tasks: Mutex::new(sender) };
        RUNTIME.set(runtime).map_err(|_| "Python was started twice".to_owned())?;
        ready();
        work(&tasks, &main);
        main.attach(|py| keep_gil_for_ever(py))
    })
}

fn work(tasks: &Receiver<Task>, main: &Arc<Space>) {
    for task in tasks {
        match task {
            Task::Space { name, reply } => {
                let _ = reply.send(make(&name, main));
            }
            Task::Load { space, path, seen, call, reply } => {
                *lock(&DOING) = Doing::Loading(String::from_utf8_lossy(&path).into_owned());
                let result = space.load(&path, seen, call.as_ref());
                *lock(&DOING) = Doing::Nothing;
                let _ = reply.send(result);
            }
            Task::Release(space) => space.attach(|py| space.release_pending(py)),
            Task::End { until, reply } => {
                let _ = reply.send(ending::end_all(until));
                return;
            }
        }
    }
}

fn make(name: &[u8], main: &Arc<Space>) -> Result<Arc<Space>, Failed> {
    let runtime = RUNTIME.get().ok_or(Failed)?;
    let known = || runtime.spaces.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
    if let Some(space) = known() {
        return Ok(space);
    }
    let made = main.attach(Interpreter::new).ok_or_else(|| "Python makes no more interpreters".to_owned());
    match made.and_then(|interpreter| Space::prepare(interpreter, name, &runtime.settings)) {
        Ok(space) => {
            runtime.spaces.write().unwrap_or_else(PoisonError::into_inner).insert(name.into(), space.clone());
            Ok(space)
        }
        Err(why) => {
            let name = String::from_utf8_lossy(name);
            host::message(
                message::INTERPRETER_FAILED,
                format_args!("interpreter '{name}' cannot be made: {why}"),
            );
            Err(Failed)
        }
    }
}

fn ask<T>(task: impl FnOnce(SyncSender<T>) -> Task) -> Option<T> {
    let (reply, answer) = sync_channel(1);
    lock(&RUNTIME.get()?.tasks).send(task(reply)).ok()?;
    answer.recv().ok()
}

/// The interpreter of an application group, made at its first use. The calling thread is not attached.
pub fn space(name: &[u8]) -> Result<Arc<Space>, Failed> {
    let runtime = RUNTIME.get().ok_or(Failed)?;
    if let Some(space) = runtime.spaces.read().unwrap_or_else(PoisonError::into_inner).get(name) {
        return Ok(space.clone());
    }
    ask(|reply| Task::Space { name: name.to_vec(), reply }).unwrap_or(Err(Failed))
}

/// Has python-main load a script, for a request or (without one) at start; `seen` is what [`Space::module`] found. The
/// calling thread is not attached.
pub fn load(
    space: &Arc<Space>,
    script: &Script<'_>,
    seen: Seen,
    call: Option<&Arc<Call>>,
) -> Result<(), Failed> {
    let (space, path, call) = (space.clone(), script.path.to_vec(), call.cloned());
    ask(|reply| Task::Load { space, path, seen, call, reply }).unwrap_or(Err(Failed))
}

/// Loads a script before any request asks for it; what goes wrong is logged.
pub fn preload(script: &Script<'_>) {
    if let Ok(space) = space(script.group) {
        let _ = load(&space, script, Seen::NOTHING, None);
    }
}

/// Has python-main release what waits in an interpreter.
fn release_soon(space: &Arc<Space>) {
    if let Some(runtime) = RUNTIME.get() {
        let _ =
            runtime.tasks.lock().unwrap_or_else(PoisonError::into_inner).send(Task::Release(space.clone()));
    }
}

/// The calling thread is about to end.
pub fn thread_exit() {
    if let Some(_inside) = GATE.enter() {
        delete_states_of_this_thread();
    }
}
