//! The interpreters of this process: one or several for each application group, and those that a failed start has spoiled.

use super::interpreter::{Fit, Interpreter};
use super::native;
use super::settings::Settings;
use crate::host;
use crate::python::{Gil, InterpreterState, delete_states_of_this_thread};
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};
use wire::message as msg;

/// Spoiled interpreters that a process leaves; each costs some MiB.
const MOST_LEFT: u32 = 8;

/// A GIL that is not to be had in this time is kept by somebody.
const FOR_A_GIL: Duration = Duration::from_millis(300);

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
    has_said_shared: AtomicBool,
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
            has_said_shared: AtomicBool::new(false),
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

    /// All of them, the main one behind the others: those whose GIL is to be had soon, and those whose GIL somebody keeps. Not attached.
    pub fn free_and_kept(&self) -> (Vec<Arc<Interpreter>>, Vec<Arc<Interpreter>>) {
        let gils = self.by_gil();
        let free = match &gils[..] {
            // It is waited for in any case.
            [_] => vec![0],
            _ => free_gils(&gils),
        };
        let main_last = |mut interpreters: Vec<Arc<Interpreter>>| {
            interpreters.sort_by_key(|interpreter| interpreter.name().is_empty());
            interpreters
        };
        let (free, kept): (Vec<_>, Vec<_>) =
            gils.into_iter().enumerate().partition(|(at, _)| free.contains(at));
        let all = |gils: Vec<(usize, Vec<_>)>| main_last(gils.into_iter().flat_map(|(_, gil)| gil).collect());
        (all(free), all(kept))
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
        let gil = self.settings.gil_of(name.group());
        if gil == Gil::Shared && self.settings.process.interpreters > 1 && !name.group().is_empty() {
            self.say_shared();
        }
        let state = self
            .main
            .attach(|py| InterpreterState::new(py, gil))
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

/// Which of them are to be had soon.
fn free_gils(gils: &[Vec<Arc<Interpreter>>]) -> Vec<usize> {
    let (send, receive) = channel();
    for (at, gil) in gils.iter().enumerate() {
        let (interpreter, send) = (gil[0].clone(), send.clone());
        let body = move || {
            interpreter.visit(|_| ());
            delete_states_of_this_thread();
            let _ = send.send(at);
        };
        let _ = std::thread::Builder::new().name("wsgi-end".into()).spawn(body);
    }
    drop(send);
    let until = Instant::now() + FOR_A_GIL;
    let rest = || until.saturating_duration_since(Instant::now());
    std::iter::from_fn(|| receive.recv_timeout(rest()).ok()).collect()
}

impl Interpreters {
    /// Says once that interpreters share a GIL which were to have their own.
    fn say_shared(&self) {
        if !self.has_said_shared.swap(true, Ordering::Relaxed) {
            let text = "interpreters= is of little use: this module cannot give interpreters of this Python a GIL of their own";
            host::message(msg::OWN_GIL_TOO_OLD, text);
        }
    }
}

/// Logs that an interpreter is about to be made, in the words of mod_wsgi, which people look for in logs.
fn say_making(label: &[u8]) {
    let (label, place) = (wire::shown(label), host::place());
    let place = place.strip_prefix("of ").map_or_else(|| place.clone(), |process| format!("in {process}"));
    host::message(msg::INTERPRETER_MADE, format_args!("Creating sub-interpreter '{label}' {place}."));
}
