//! The interpreters of this process: one for each application group, and those that a failed start has spoiled.

use super::app::{App, NextInterpreter};
use super::interpreter::Interpreter;
use super::settings::Settings;
use crate::host;
use crate::python::InterpreterState;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use wire::message as msg;

/// Spoiled interpreters that a process leaves; each costs some MiB.
const MOST_LEFT: u32 = 8;

/// The interpreters.
pub struct Interpreters {
    main: Arc<Interpreter>,
    settings: Settings,
    /// The interpreter of each group.
    current: RwLock<FxHashMap<Box<[u8]>, Arc<Interpreter>>>,
    /// All that live.
    all: RwLock<Vec<Arc<Interpreter>>>,
    left: AtomicU32,
}

impl Interpreters {
    /// The main interpreter alone.
    pub fn new(main: Arc<Interpreter>, settings: Settings) -> Self {
        let current = FxHashMap::from_iter([(Box::from(&b""[..]), main.clone())]);
        let all = RwLock::new(vec![main.clone()]);
        Self { main, settings, current: RwLock::new(current), all, left: AtomicU32::new(0) }
    }

    /// The main interpreter.
    pub fn main(&self) -> &Arc<Interpreter> {
        &self.main
    }

    /// All of them, the main one first.
    pub fn all(&self) -> Vec<Arc<Interpreter>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The interpreter that a group has now.
    pub fn current(&self, group: &[u8]) -> Option<Arc<Interpreter>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).get(group).cloned()
    }

    /// A spoiled one may be left once more.
    pub fn may_make_more(&self) -> bool {
        self.left.load(Ordering::Relaxed) < MOST_LEFT
    }

    /// The interpreter for the next attempt to start an application, made if there is none. On a loader, not attached.
    ///
    /// A spoiled one is left as it is, forgotten by its group: to end it would harm the others, for extension modules keep
    /// state of all interpreters together (Python 3.11's own `_asyncio` among them).
    pub fn place(&self, app: &App) -> Result<Arc<Interpreter>, String> {
        if let Some(serving) = app.serving() {
            // Requests are at it there, maybe.
            return Ok(serving.interpreter.clone());
        }
        if let Some(interpreter) = self.current(&app.group) {
            if app.inner().next_interpreter == NextInterpreter::Group
                || interpreter.attach(|py| interpreter.has_extensions(py))
            {
                return Ok(interpreter);
            }
            self.left.fetch_add(1, Ordering::Relaxed);
        }
        say_making(&app.group);
        let state = self
            .main
            .attach(InterpreterState::new)
            .ok_or_else(|| "Python makes no more interpreters".to_owned())?;
        let interpreter = Interpreter::prepare(state, &app.group, &self.settings).inspect_err(|_| {
            // It is left as it is.
            self.left.fetch_add(1, Ordering::Relaxed);
        })?;
        self.all.write().unwrap_or_else(PoisonError::into_inner).push(interpreter.clone());
        self.current
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(app.group.clone(), interpreter.clone());
        app.inner().next_interpreter = NextInterpreter::Group;
        Ok(interpreter)
    }
}

/// One is about to be made: in the words that mod_wsgi has for it, which people look for in logs.
fn say_making(group: &[u8]) {
    let (group, place) = (String::from_utf8_lossy(group), host::place());
    let place = place.strip_prefix("of ").map_or_else(|| place.clone(), |process| format!("in {process}"));
    host::message(msg::INTERPRETER_MADE, format_args!("Creating sub-interpreter '{group}' {place}."));
}
