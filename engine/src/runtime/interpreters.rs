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

/// Which interpreter: that of an application group, or one of several that a group has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InterpreterName {
    group: Box<[u8]>,
    /// 0: the first one.
    number: u32,
}

impl InterpreterName {
    /// The first one of a group, or another one.
    pub fn new(group: &[u8], number: u32) -> Self {
        Self { group: group.into(), number }
    }

    /// The application group; empty: the main interpreter.
    pub fn group(&self) -> &[u8] {
        &self.group
    }

    /// What it is called: as its group, and the others have a number from 2.
    pub fn label(&self) -> Vec<u8> {
        match self.number {
            0 => self.group.to_vec(),
            number => [&self.group[..], format!("#{}", number + 1).as_bytes()].concat(),
        }
    }
}

/// The interpreters of this process.
pub struct Interpreters {
    main: Arc<Interpreter>,
    settings: Settings,
    fit: Fit,
    /// Those that groups have now.
    current: RwLock<FxHashMap<InterpreterName, Arc<Interpreter>>>,
    /// All interpreters that have not ended.
    all: RwLock<Vec<Arc<Interpreter>>>,
    left: AtomicU32,
    /// How many have a GIL of their own.
    own_gils: AtomicU32,
}

impl Interpreters {
    /// The main interpreter alone.
    pub fn new(main: Arc<Interpreter>, settings: Settings, fit: Fit) -> Self {
        let current = FxHashMap::from_iter([(InterpreterName::new(b"", 0), main.clone())]);
        let all = RwLock::new(vec![main.clone()]);
        Self {
            main,
            settings,
            fit,
            current: RwLock::new(current),
            all,
            left: AtomicU32::new(0),
            own_gils: AtomicU32::new(0),
        }
    }

    /// The main interpreter.
    pub fn main(&self) -> &Arc<Interpreter> {
        &self.main
    }

    /// All of them, the main one first.
    pub fn all(&self) -> Vec<Arc<Interpreter>> {
        os::read_lock(&self.all).clone()
    }

    /// How many GILs there are.
    pub fn gils(&self) -> u32 {
        1 + self.own_gils.load(Ordering::Relaxed)
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

    /// The interpreter that has this name now.
    pub fn current(&self, name: &InterpreterName) -> Option<Arc<Interpreter>> {
        os::read_lock(&self.current).get(name).cloned()
    }

    /// A spoiled one may be left once more.
    pub fn may_make_more(&self) -> bool {
        self.left.load(Ordering::Relaxed) < MOST_LEFT
    }

    /// Makes a new interpreter of a name, whose old one, if there is one, is left. On a loader, not attached.
    pub fn make(&self, name: &InterpreterName) -> Result<Arc<Interpreter>, String> {
        if self.current(name).is_some() {
            self.left.fetch_add(1, Ordering::Relaxed);
        }
        say_making(&name.label());
        let state = self
            .main
            .attach(|py| InterpreterState::new(py, self.settings.gil_of(name.group())))
            .ok_or_else(|| "Python cannot create more interpreters".to_owned())?;
        let interpreter = Interpreter::prepare(state, name, &self.settings, self.fit).inspect_err(|_| {
            // It is left as it is.
            self.left.fetch_add(1, Ordering::Relaxed);
        })?;
        native::count_interpreter();
        if !interpreter.shares_gil(&self.main) {
            self.own_gils.fetch_add(1, Ordering::Relaxed);
        }
        os::write_lock(&self.all).push(interpreter.clone());
        os::write_lock(&self.current).insert(name.clone(), interpreter.clone());
        Ok(interpreter)
    }
}

/// Logs that an interpreter is about to be made, in the words of mod_wsgi, which people look for in logs.
fn say_making(label: &[u8]) {
    let (label, place) = (wire::shown(label), host::place());
    let place = place.strip_prefix("of ").map_or_else(|| place.clone(), |process| format!("in {process}"));
    host::message(msg::INTERPRETER_MADE, format_args!("Creating sub-interpreter '{label}' {place}."));
}
