//! Import deadlocks that running requests meet: named, and undone.
//!
//! One request holds a lock of the application and imports a module; another imports that module, whose body wants the
//! lock. Both wait for ever. When a request has waited for an import that long, and who imports it has not moved
//! nor used any time of a processor meanwhile, it is interrupted: it gets 503, its locks are released, the other goes on.

use super::frames::{Found, Frames};
use crate::python::{Bound, Owned, Py, Raised, Result};
use crate::requests::{ActiveRequest, Interrupt};
use crate::runtime::{Interpreter, Runtime};
use crate::startup::current;
use os::lock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wire::message as msg;

/// Requests younger than this are not looked at.
pub const FIRST_LOOK: Duration = Duration::from_secs(1);

/// Waits that are in the log already: thread and module.
type Told = Vec<(i64, String)>;

/// What is told of each interpreter, in their order, of which none ever goes. Used by the thread that looks.
static TOLD: Mutex<Vec<Told>> = Mutex::new(Vec::new());

/// Whether a thread is checking imports now.
static LOOKING: AtomicBool = AtomicBool::new(false);

/// A wait for an import.
struct Stuck {
    waiting: i64,
    module: String,
    seconds: f64,
}

/// Requests run for long enough to be looked at.
pub fn may_hang(runtime: &Runtime) -> bool {
    !runtime.settings.import_timeout().is_zero()
        && ActiveRequest::running().iter().any(|call| call.age() >= FIRST_LOOK)
}

/// Looks for imports that make no progress, on a thread of its own.
pub fn look(runtime: &'static Runtime) {
    // One at a time: a look waits for the GIL, which may take for ever.
    if LOOKING.swap(true, Ordering::SeqCst) {
        return;
    }
    let spawned = std::thread::Builder::new().name("wsgi-imports".into()).spawn(move || {
        let _looking = Looking;
        let mut all_told = lock(&TOLD);
        for (at, interpreter) in runtime.interpreters.all().iter().enumerate() {
            if at == all_told.len() {
                all_told.push(Told::new());
            }
            let told = &mut all_told[at];
            let found = interpreter.visit(|py| {
                look_at(py, runtime, interpreter, told).unwrap_or_else(|raised| forget(py, raised))
            });
            let stuck = found.unwrap_or_default();
            if !stuck.is_empty() {
                tell(runtime, &stuck);
                interpreter.visit(|py| stuck.iter().for_each(|stuck| heal(py, interpreter, stuck)));
            }
        }
        drop(all_told);
        crate::python::delete_states_of_this_thread();
    });
    if spawned.is_err() {
        LOOKING.store(false, Ordering::SeqCst);
    }
}

/// The look, until it is dropped.
struct Looking;

impl Drop for Looking {
    fn drop(&mut self) {
        LOOKING.store(false, Ordering::SeqCst);
    }
}

fn forget<T: Default>(py: Py<'_>, raised: Raised) -> T {
    raised.forget(py);
    T::default()
}

/// Waits that have lasted too long, if one of them is new.
fn look_at(
    py: Py<'_>,
    runtime: &Runtime,
    interpreter: &Arc<Interpreter>,
    told: &mut Told,
) -> Result<Vec<Stuck>> {
    let previous = interpreter.imports_seen.take(py);
    let mut stuck = Vec::new();
    let found = watch_imports(py, interpreter, previous.as_ref(), &mut stuck);
    if let Some(previous) = previous {
        previous.release(py);
    }
    interpreter.imports_seen.set(py, found?);
    // They are seen some time after they began.
    let limit = runtime.settings.import_timeout().saturating_sub(FIRST_LOOK).as_secs_f64();
    stuck.retain(|stuck| stuck.seconds >= limit);
    let new = note(told, &stuck);
    Ok(if new { stuck } else { Vec::new() })
}

fn watch_imports(
    py: Py<'_>,
    interpreter: &Arc<Interpreter>,
    previous: Option<&Owned>,
    stuck: &mut Vec<Stuck>,
) -> Result<Option<Owned>> {
    if interpreter.ask(py, c"import_waits", &[])?.count() == 0 {
        return Ok(None);
    }
    let (running, mut pairs) = (ActiveRequest::running(), Vec::new());
    let frames = Frames::of_threads(py, std::slice::from_ref(interpreter), current().as_ref())?;
    for Found { ident, frame, .. } in frames.iter() {
        let ident = *ident;
        let call = running.iter().find(|call| call.thread() as i64 == ident);
        let native =
            call.map_or_else(|| Ok(Bound::none(py)), |call| Bound::int(py, call.native_thread() as i64))?;
        pairs.push(Bound::tuple(py, &[&Bound::int(py, ident)?, frame, &native])?);
    }
    let before = previous.map_or_else(|| Bound::none(py), |kept| kept.get(py).clone());
    let found = interpreter.ask(py, c"stuck_imports", &[&before, &Bound::list(py, pairs)?])?;
    *stuck = read(&found.item(1)?)?;
    Ok(Some(found.item(0)?.keep()))
}

/// Notes which waits are told; answers whether one of them is new.
fn note(told: &mut Told, stuck: &[Stuck]) -> bool {
    let waits: Vec<_> = stuck.iter().map(|stuck| (stuck.waiting, stuck.module.clone())).collect();
    let fresh = waits.iter().any(|wait| !told.contains(wait));
    *told = waits;
    fresh
}

fn read(list: &Bound<'_>) -> Result<Vec<Stuck>> {
    let one = |at| -> Result<Stuck> {
        let item = list.item(at)?;
        Ok(Stuck {
            waiting: item.item(0)?.as_int()?,
            module: item.item(1)?.text()?,
            seconds: item.item(3)?.as_float()?,
        })
    };
    (0..list.count()).map(one).collect()
}

/// Says in the log who waits for whom, with the stacks.
fn tell(runtime: &Runtime, stuck: &[Stuck]) {
    let modules: Vec<String> = stuck.iter().map(|stuck| format!("'{}'", stuck.module)).collect();
    let seconds = stuck.iter().map(|stuck| stuck.seconds).fold(0.0, f64::max);
    let text = format!(
        "the import of {} has blocked {} for {seconds:.0} s without progress (WSGIImportTimeout); blocked requests are \
         interrupted and get 503:",
        modules.join(", "),
        if stuck.len() == 1 { "a thread" } else { "threads" },
    );
    let level = msg::IMPORT_DEADLOCK.level();
    crate::host::message(msg::IMPORT_DEADLOCK, &text);
    if let Some(renewal) = crate::host::renewal() {
        renewal.import_deadlock(&format!("the import of {} is blocked", modules.join(", ")));
    }
    for line in super::report::lines(runtime, current().as_ref()) {
        crate::host::log(level, line.as_bytes());
    }
}

/// Interrupts the thread if it is one of a request.
fn heal(py: Py<'_>, interpreter: &Arc<Interpreter>, stuck: &Stuck) {
    let request = ActiveRequest::running().into_iter().find(|call| call.thread() == stuck.waiting as u64);
    let Some(call) = request else { return };
    // Set first: the thread may end before `interrupt` returns.
    call.set_interrupted(Some(Interrupt::ImportDeadlock));
    let interrupt = || interpreter.ask(py, c"interrupt", &[&Bound::int(py, stuck.waiting)?])?.is_true();
    let interrupted = interrupt().unwrap_or_else(|raised| forget(py, raised));
    call.set_interrupted(interrupted.then_some(Interrupt::ImportDeadlock));
}

/// Has the thread of a request raise `mod_wsgi.RequestTimeout`, if it is still at it, and says where it stands.
pub fn interrupt_request(call: &Arc<ActiveRequest>, why: Interrupt) {
    let interpreter = call.interpreter.clone();
    interpreter.visit(|py| {
        let stand = || -> Result<Vec<String>> {
            let frames = Frames::of_threads(py, std::slice::from_ref(&interpreter), None)?;
            let Some(frame) = frames.of(call.thread()) else { return Ok(Vec::new()) };
            let lines = interpreter.ask(py, c"frame_lines", &[frame])?;
            (0..lines.count()).map(|at| Ok(wire::shown(&lines.item(at)?.lossy()).into_owned())).collect()
        };
        let stack = stand().unwrap_or_else(|raised| forget(py, raised));
        if !call.inside.get(py) {
            return;
        }
        let text = format!(
            "a request of '{}' has run for {:.1} s and is interrupted (request-timeout); its stack:",
            wire::shown(call.script()),
            call.age().as_secs_f64()
        );
        call.message(msg::REQUEST_TIMEOUT, text);
        for line in stack {
            call.log(msg::REQUEST_TIMEOUT.level(), line.as_bytes());
        }
        // Logging lets nobody else run, but it may have ended all the same: then there is nobody to interrupt.
        if call.inside.get(py) {
            call.set_interrupted(Some(why));
            crate::python::interrupt(py, call.thread(), interpreter.request_timeout(py));
        }
    });
}
