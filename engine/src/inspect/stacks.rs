//! Where every Python thread of every interpreter stands.

use super::end_copy;
use super::known::{self, text};
use super::place::Place;
use super::written;
use crate::python::{Bound, Py, Result, delete_states_of_this_thread, thread_ident, without_collector};
use crate::requests::ActiveRequest;
use crate::runtime::{self, Interpreter, Runtime};
use crate::startup::current;
use crate::watchdog::{Frames, threads};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use wire::json::Value::{self, List, Null, Number, Object, Text};

/// How long the GIL is waited for, before a copy of the process is made.
const FOR_THE_GIL: Duration = Duration::from_millis(500);
/// How long the copy may take.
const FOR_THE_COPY: Duration = Duration::from_millis(400);
/// How long all of it takes at most.
const FOR_ALL: Duration = Duration::from_secs(1);
/// Frames of a thread that are shown, the innermost ones.
pub const MOST_FRAMES: usize = 200;
/// Threads that are shown.
pub const MOST_THREADS: usize = 1000;
/// Frames of all threads: an answer is no longer than the command reads (8 MiB).
pub const ROOM: usize = 40_000;

/// A thread waits for the GIL or has it: more of them would know nothing more.
static READING: AtomicBool = AtomicBool::new(false);

/// A copy is made: more of them would cost memory, and know nothing more.
static COPYING: Mutex<()> = Mutex::new(());

/// Where a Python thread stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stack {
    pub interpreter: Vec<u8>,
    pub ident: i64,
    /// The number by which the system knows it; 0: nobody knows.
    pub native: i64,
    pub name: String,
    /// The innermost one last.
    pub frames: Vec<Place>,
    pub is_cut: bool,
}

/// What was seen.
struct Sight {
    stacks: Vec<Stack>,
    /// In a copy of the process.
    without_gil: bool,
}

/// The answer.
pub fn answer() -> String {
    let (sight, unknown) = match read() {
        Ok(sight) => (sight, Null),
        Err(why) => (Sight { stacks: Vec::new(), without_gil: false }, Text(why.into())),
    };
    let note = if sight.without_gil { Text(NO_GIL.into()) } else { Null };
    let mut pairs = known::process();
    pairs.extend([
        ("stacks_unknown", unknown),
        ("stacks_note", note),
        ("requests", known::requests()),
        ("threads", known::threads()),
        ("stacks", List(sight.stacks.iter().map(Stack::value).collect())),
    ]);
    Object(pairs).to_string()
}

/// What is said when nobody gets it.
const NO_GIL: &str = "the GIL was not to be had within 0.5 s: an extension module holds the GIL and does not release it, or so many threads \
    compute that none gets it in time";

/// The stacks, or why nobody knows.
fn read() -> std::result::Result<Sight, &'static str> {
    struct Done;
    impl Drop for Done {
        fn drop(&mut self) {
            READING.store(false, Ordering::SeqCst);
        }
    }
    let Some(runtime) = runtime::get() else { return Err("Python has not started yet") };
    let begun = Instant::now();
    let until = begun + FOR_ALL;
    while READING.swap(true, Ordering::SeqCst) {
        if begun.elapsed() >= FOR_THE_GIL {
            return without_gil(runtime).ok_or(NO_GIL);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let done = Done;
    let (send, receive) = channel();
    let (send_names, names) = channel();
    let body = move || {
        let _done = done;
        let (mut all, mut room) = (Vec::new(), ROOM);
        for gil in runtime.interpreters.by_gil() {
            let found = gil[0].visit(|py| {
                stacks(py, &gil, &mut room).unwrap_or_else(|raised| {
                    raised.forget(py);
                    Vec::new()
                })
            });
            end_copy();
            all.extend(found.unwrap_or_default());
        }
        all.truncate(MOST_THREADS);
        let _ = send.send(all);
        delete_states_of_this_thread();
        send_all_names(runtime, &send_names, until);
    };
    let spawned = std::thread::Builder::new().name("wsgi-stacks".into()).spawn(body);
    if spawned.is_err() {
        return Err("no thread can be started");
    }
    let rest = || until.saturating_duration_since(Instant::now());
    let mut stacks = match receive.recv_timeout(FOR_THE_GIL.saturating_sub(begun.elapsed())) {
        Ok(stacks) => stacks,
        Err(_) => match without_gil(runtime) {
            Some(sight) => return Ok(sight),
            None => receive.recv_timeout(rest()).map_err(|_| NO_GIL)?,
        },
    };
    let mut all = Vec::new();
    // Those that are known in time.
    while let Ok(names) = names.recv_timeout(rest()) {
        all.extend(names);
    }
    name(&mut stacks, &all);
    Ok(Sight { stacks, without_gil: false })
}

/// What a copy of the process sees, in which nobody needs the GIL.
fn without_gil(runtime: &Runtime) -> Option<Sight> {
    let _alone = os::lock(&COPYING);
    let mut stacks = written::stacks(runtime, FOR_THE_COPY)?;
    name(&mut stacks, &[]);
    Some(Sight { stacks, without_gil: true })
}

/// A thread, as an interpreter knows it.
struct Named {
    interpreter: Vec<u8>,
    ident: i64,
    native: i64,
    name: String,
}

/// The threads that each interpreter knows, as long as there is time.
fn send_all_names(runtime: &Runtime, send: &Sender<Vec<Named>>, until: Instant) {
    for interpreter in runtime.interpreters.all() {
        if Instant::now() >= until {
            return;
        }
        let known = interpreter.visit(|py| {
            threads(py, &interpreter).unwrap_or_else(|raised| {
                raised.forget(py);
                Vec::new()
            })
        });
        end_copy();
        // Else a thread would have as many as there are interpreters, none of which could end.
        delete_states_of_this_thread();
        let known = known.unwrap_or_default().into_iter().map(|(ident, native, name, _)| Named {
            interpreter: interpreter.name().to_vec(),
            ident,
            native,
            name,
        });
        let _ = send.send(known.collect());
    }
}

fn name(stacks: &mut [Stack], names: &[Named]) {
    let requests = ActiveRequest::running();
    for stack in stacks {
        let known = names.iter().filter(|named| named.ident == stack.ident);
        // The interpreter's own name for it is the better one.
        if let Some(named) = known.max_by_key(|named| named.interpreter == stack.interpreter) {
            (stack.native, stack.name) = (named.native, named.name.clone());
        }
        if let Some(request) = requests.iter().find(|request| request.thread() as i64 == stack.ident) {
            stack.native = request.native_thread() as i64;
        }
    }
}

/// The stacks of threads whose interpreters share a GIL.
fn stacks(py: Py<'_>, gil: &[Arc<Interpreter>], room: &mut usize) -> Result<Vec<Stack>> {
    without_collector(py, || {
        let found = Frames::of_threads(py, gil, current().as_ref())?;
        let own = thread_ident() as i64;
        let others = found.iter().filter(|found| found.ident != own).take(MOST_THREADS);
        let stacks = others.map(|found| {
            let (frames, is_cut) = walk(&found.frame, MOST_FRAMES.min(*room));
            *room -= frames.len();
            Stack { frames, is_cut, ..Stack::new(found.owner.name().to_vec(), found.ident) }
        });
        Ok(stacks.filter(Stack::is_of_interest).collect())
    })
}

/// The frames of a thread, the innermost one last, without the engine's own; and whether there are more.
fn walk(innermost: &Bound<'_>, most: usize) -> (Vec<Place>, bool) {
    let mut frames = Vec::new();
    let mut next = Some(innermost.clone());
    while let Some(frame) = next {
        if frames.len() >= most {
            frames.reverse();
            return (frames, true);
        }
        let line = frame.frame_line();
        frames.extend(frame.frame_code().and_then(|code| Place::of(&code, Some(line))));
        next = frame.frame_back();
    }
    frames.reverse();
    (frames, false)
}

impl Stack {
    /// Of a thread of which nothing else is known yet.
    pub fn new(interpreter: Vec<u8>, ident: i64) -> Self {
        Self { interpreter, ident, ..Self::default() }
    }

    /// It is more than python-main, where that waits for something to do.
    pub fn is_of_interest(&self) -> bool {
        match &self.frames[..] {
            [] => false,
            [only] => !only.is_bootstrap(),
            _ => true,
        }
    }

    fn value(&self) -> Value {
        Object(vec![
            ("interpreter", text(&self.interpreter)),
            ("thread", u64::try_from(self.native).ok().filter(|native| *native > 0).map_or(Null, Number)),
            ("name", Text(self.name.clone())),
            ("frames", List(self.frames.iter().map(Place::value).collect())),
            ("cut", Value::Bool(self.is_cut)),
        ])
    }
}
