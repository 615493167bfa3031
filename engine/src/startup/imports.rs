//! Import deadlocks that running requests meet: named, and undone.
//!
//! One request holds a lock of the application and imports a module; another imports that module, whose body wants the
//! lock. Neither gets on, for ever. When a request has waited for an import that long, and who imports it has not moved
//! nor used any time of a processor meanwhile, it is interrupted: it gets 503, its locks are released, the other goes on.

use super::Runtime;
use super::report::frames_of_threads;
use super::space::Space;
use crate::python::{Kept, Obj, Py, Raised, Result};
use crate::wsgi::{Call, Interrupt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use wire::message as msg;

/// Requests younger than this are not looked at.
pub const FIRST_LOOK: Duration = Duration::from_secs(1);

/// What was seen in an interpreter at the last look, and which waits are in the log already.
#[derive(Default)]
pub struct Sight {
    state: Option<Kept>,
    told: Vec<(i64, String)>,
}

/// A thread looks.
static LOOKING: AtomicBool = AtomicBool::new(false);

/// A wait for an import.
struct Stuck {
    waiting: i64,
    module: String,
    seconds: f64,
}

/// Requests run for long enough to be looked at.
pub fn may_hang(runtime: &Runtime) -> bool {
    !runtime.settings.import_timeout.is_zero() && Call::running().iter().any(|call| call.age() >= FIRST_LOOK)
}

/// Looks, on a thread of its own.
pub fn look(runtime: &'static Runtime) {
    // One at a time: a look waits for the GIL, which may take for ever.
    if LOOKING.swap(true, Ordering::SeqCst) {
        return;
    }
    let spawned = std::thread::Builder::new().name("wsgi-imports".into()).spawn(move || {
        let _looking = Looking;
        for space in runtime.spaces.all() {
            let found =
                space.visit(|py| look_at(py, runtime, &space).unwrap_or_else(|raised| forget(py, raised)));
            let stuck = found.unwrap_or_default();
            if !stuck.is_empty() {
                tell(runtime, &stuck);
                space.visit(|py| stuck.iter().for_each(|stuck| heal(py, &space, stuck)));
            }
        }
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
fn look_at(py: Py<'_>, runtime: &Runtime, space: &Arc<Space>) -> Result<Vec<Stuck>> {
    let previous = space.sight.borrow(py).state.take();
    let mut stuck = Vec::new();
    let found = watch_imports(py, space, previous.as_ref(), &mut stuck);
    if let Some(previous) = previous {
        previous.release(py);
    }
    space.sight.borrow(py).state = found?;
    // They are seen some time after they began.
    let limit = runtime.settings.import_timeout.saturating_sub(FIRST_LOOK).as_secs_f64();
    stuck.retain(|stuck| stuck.seconds >= limit);
    let new = note(&mut space.sight.borrow(py).told, &stuck);
    Ok(if new { stuck } else { Vec::new() })
}

fn watch_imports(
    py: Py<'_>,
    space: &Arc<Space>,
    previous: Option<&Kept>,
    stuck: &mut Vec<Stuck>,
) -> Result<Option<Kept>> {
    if space.ask(py, c"import_waits", &[])?.count() == 0 {
        return Ok(None);
    }
    let (running, mut pairs) = (Call::running(), Vec::new());
    for (ident, frame) in frames_of_threads(py, space, super::watch::current().as_ref())? {
        let call = running.iter().find(|call| call.thread() as i64 == ident);
        let native =
            call.map_or_else(|| Ok(Obj::none(py)), |call| Obj::int(py, call.native_thread() as i64))?;
        pairs.push(Obj::tuple(py, &[&Obj::int(py, ident)?, &frame, &native])?);
    }
    let before = previous.map_or_else(|| Obj::none(py), |kept| kept.get(py).clone());
    let found = space.ask(py, c"stuck_imports", &[&before, &Obj::list(py, pairs)?])?;
    *stuck = read(&found.item(1)?)?;
    Ok(Some(found.item(0)?.keep()))
}

/// Notes which waits are told; answers whether one of them is new.
fn note(told: &mut Vec<(i64, String)>, stuck: &[Stuck]) -> bool {
    let waits: Vec<_> = stuck.iter().map(|stuck| (stuck.waiting, stuck.module.clone())).collect();
    let fresh = waits.iter().any(|wait| !told.contains(wait));
    *told = waits;
    fresh
}

fn read(list: &Obj<'_>) -> Result<Vec<Stuck>> {
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
        "the import of {} has kept {} waiting for {seconds:.0} s without any progress (WSGIImportTimeout); requests among \
         them are interrupted and get 503:",
        modules.join(", "),
        if stuck.len() == 1 { "a thread" } else { "threads" },
    );
    let level = msg::IMPORT_DEADLOCK.level();
    crate::host::message(msg::IMPORT_DEADLOCK, &text);
    if let Some(renewal) = crate::host::renewal() {
        renewal.import_deadlock(&format!("the import of {} does not get on", modules.join(", ")));
    }
    for line in super::report::lines(runtime, super::watch::current().as_ref(), false) {
        crate::host::log(level, line.as_bytes());
    }
}

/// Interrupts the thread if it is one of a request.
fn heal(py: Py<'_>, space: &Arc<Space>, stuck: &Stuck) {
    let request = Call::running().into_iter().find(|call| call.thread() == stuck.waiting as u64);
    let Some(call) = request else { return };
    // Said first: its thread may come to its end before `interrupt` does.
    call.set_interrupted(Some(Interrupt::ImportDeadlock));
    let interrupt = || -> Result<bool> {
        let class = space.class(py, c"ImportDeadlock")?;
        let native = space.class(py, c"native")?.attr(c"interrupt")?;
        space.ask(py, c"interrupt", &[&Obj::int(py, stuck.waiting)?, &class, &native])?.is_true()
    };
    let interrupted = interrupt().unwrap_or_else(|raised| forget(py, raised));
    call.set_interrupted(interrupted.then_some(Interrupt::ImportDeadlock));
}

/// Has the thread of a request raise `mod_wsgi.RequestTimeout`, if it is still at it, and says where it stands.
pub fn interrupt_request(call: &Arc<Call>, why: Interrupt) {
    let space = call.space.clone();
    space.visit(|py| {
        let stand = || -> Result<Vec<String>> {
            let frames = frames_of_threads(py, &space, None)?;
            let frame = frames.into_iter().find(|(ident, _)| *ident == call.thread() as i64);
            let Some((_, frame)) = frame else { return Ok(Vec::new()) };
            let lines = space.ask(py, c"frame_lines", &[&frame])?;
            (0..lines.count())
                .map(|at| Ok(String::from_utf8_lossy(&lines.item(at)?.lossy()).into_owned()))
                .collect()
        };
        let stack = stand().unwrap_or_else(|raised| forget(py, raised));
        if !call.inside.get(py) {
            return;
        }
        let text = format!(
            "a request of '{}' has lasted for {:.1} s and is interrupted (request-timeout); it stands at:",
            String::from_utf8_lossy(&call.script),
            call.age().as_secs_f64()
        );
        call.message(msg::REQUEST_TIMEOUT, text);
        for line in stack {
            call.log(msg::REQUEST_TIMEOUT.level(), line.as_bytes());
        }
        // Logging lets nobody else run, but it may have ended all the same: then there is nobody to interrupt.
        if call.inside.get(py) {
            call.set_interrupted(Some(why));
            crate::python::interrupt(py, call.thread(), space.request_timeout(py));
        }
    });
}
