//! The interpreters of this process: one for each application group, and those that a failed start has spoiled.

use super::interpreter::{Fit, Interpreter};
use super::native;
use super::settings::Settings;
use crate::host;
use crate::python::InterpreterState;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, RwLock};
use wire::message as msg;

/// Spoiled interpreters that a process leaves; each costs some MiB.
const MOST_LEFT: u32 = 8;

/// The interpreters of this process.
pub struct Interpreters {
    main: Arc<Interpreter>,
    settings: Settings,
    fit: Fit,
    /// The interpreter of each group.
    current: RwLock<FxHashMap<Box<[u8]>, Arc<Interpreter>>>,
    /// All interpreters that have not ended.
    all: RwLock<Vec<Arc<Interpreter>>>,
    left: AtomicU32,
}

impl Interpreters {
    /// The main interpreter alone.
    pub fn new(main: Arc<Interpreter>, settings: Settings, fit: Fit) -> Self {
        let current = FxHashMap::from_iter([(Box::from(&b""[..]), main.clone())]);
        let all = RwLock::new(vec![main.clone()]);
        Self { main, settings, fit, current: RwLock::new(current), all, left: AtomicU32::new(0) }
    }

    /// The main interpreter.
    pub fn main(&self) -> &Arc<Interpreter> {
        &self.main
    }

    /// All of them, the main one first.
    pub fn all(&self) -> Vec<Arc<Interpreter>> {
        os::read_lock(&self.all).clone()
    }

    /// All of them, those together that share a GIL; the first one of all is the main one.
    pub fn by_gil(&self) -> Vec<Vec<Arc<Interpreter>>> {
        let mut gils: Vec<Vec<Arc<Interpreter>>> = Vec::new();
        for interpreter in self.all() {
            match gils.iter_mut().find(|gil| gil[0].shares_gil(&interpreter)) {
                Some(gil) => gil.push(interpreter),
                None => gils.push(vec![interpreter]),
            }
        }
        gils
    }

    /// The interpreter that a group has now.
    pub fn current(&self, group: &[u8]) -> Option<Arc<Interpreter>> {
        os::read_lock(&self.current).get(group).cloned()
    }

    /// A spoiled one may be left once more.
    pub fn may_make_more(&self) -> bool {
        self.left.load(Ordering::Relaxed) < MOST_LEFT
    }

    /// Makes a new interpreter for a group, whose old one, if there is one, is left. On a loader, not attached.
    pub fn make(&self, group: &[u8]) -> Result<Arc<Interpreter>, String> {
        if self.current(group).is_some() {
            self.left.fetch_add(1, Ordering::Relaxed);
        }
        say_making(group);
        let state = self
            .main
            .attach(|py| InterpreterState::new(py, self.settings.gil_of(group)))
            .ok_or_else(|| "Python cannot create more interpreters".to_owned())?;
        let interpreter = Interpreter::prepare(state, group, &self.settings, self.fit).inspect_err(|_| {
            // It is left as it is.
            self.left.fetch_add(1, Ordering::Relaxed);
        })?;
        native::count_interpreter();
        os::write_lock(&self.all).push(interpreter.clone());
        os::write_lock(&self.current).insert(group.into(), interpreter.clone());
        Ok(interpreter)
    }
}

/// Logs that an interpreter is about to be made, in the words of mod_wsgi, which people look for in logs.
fn say_making(group: &[u8]) {
    let (group, place) = (wire::shown(group), host::place());
    let place = place.strip_prefix("of ").map_or_else(|| place.clone(), |process| format!("in {process}"));
    host::message(msg::INTERPRETER_MADE, format_args!("Creating sub-interpreter '{group}' {place}."));
}
