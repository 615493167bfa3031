//! The report: where every Python thread of every interpreter stands, and who waits for whom.

use super::frames::Frames;
use crate::python::{Bound, InterpreterId, Py, Result};
use crate::requests::ActiveRequest;
use crate::runtime::{Interpreter, Runtime};
use crate::startup::Attempt;
use std::sync::Arc;

/// What one interpreter knows of its threads.
struct Known {
    interpreter: InterpreterId,
    label: String,
    /// ident, native id, name, daemon
    threads: Vec<(i64, i64, String, bool)>,
    /// who waits, module, who imports it (0: nobody)
    waits: Vec<(i64, String, i64)>,
}

/// The lines of the report, those about interpreters that share a GIL together. `attempt` is the one that is being made or hangs, if
/// any. On a thread of its own, not attached.
pub fn lines(runtime: &Runtime, attempt: Option<&Arc<Attempt>>) -> Vec<String> {
    let interpreters = runtime.interpreters.all();
    let known: Vec<Known> =
        interpreters.iter().filter_map(|interpreter| interpreter.visit(|py| know(py, interpreter))).collect();
    let gils = runtime.interpreters.by_gil();
    let all = gils.iter().filter_map(|gil| gil[0].visit(|py| describe(py, gil, &known, attempt)));
    all.flatten().collect()
}

fn know(py: Py<'_>, interpreter: &Arc<Interpreter>) -> Known {
    let (label, id) = (wire::shown(interpreter.name()).into_owned(), interpreter.id());
    let read = || -> Result<Known> {
        let mut waits = Vec::new();
        let threads = threads(py, interpreter)?;
        let list = interpreter.ask(py, c"import_waits", &[])?;
        for at in 0..list.count() {
            let wait = list.item(at)?;
            let owner = wait.item(2)?;
            let owner = if owner.is_none() { 0 } else { owner.as_int()? };
            waits.push((wait.item(0)?.as_int()?, wait.item(1)?.text()?, owner));
        }
        Ok(Known { interpreter: id, label: label.clone(), threads, waits })
    };
    read().unwrap_or_else(|raised| {
        raised.forget(py);
        Known { interpreter: id, label, threads: Vec::new(), waits: Vec::new() }
    })
}

/// The threads that an interpreter knows: ident, native id (0: none), name, daemon. Attached to it.
pub fn threads(py: Py<'_>, interpreter: &Interpreter) -> Result<Vec<(i64, i64, String, bool)>> {
    let list = interpreter.ask(py, c"threads", &[])?;
    let read = |at| {
        let thread = list.item(at)?;
        let native = thread.item(1)?;
        let native = if native.is_none() { 0 } else { native.as_int()? };
        let name = wire::shown(&thread.item(2)?.lossy()).into_owned();
        Ok((thread.item(0)?.as_int()?, native, name, thread.item(3)?.is_true()?))
    };
    (0..list.count()).map(read).collect()
}

fn describe(
    py: Py<'_>,
    gil: &[Arc<Interpreter>],
    known: &[Known],
    attempt: Option<&Arc<Attempt>>,
) -> Vec<String> {
    let known =
        || known.iter().filter(|known| gil.iter().any(|interpreter| interpreter.id() == known.interpreter));
    let write = || -> Result<Vec<String>> {
        let found = Frames::of_threads(py, gil, attempt)?;
        let mut frames = Vec::new();
        for found in found.iter() {
            let label = Bound::str(py, &wire::shown(found.owner.name()))?;
            frames.push(Bound::tuple(py, &[&label, &Bound::int(py, found.ident)?, &found.frame])?);
        }
        let (mut threads, mut waits) = (Vec::new(), Vec::new());
        for known in known() {
            let label = Bound::str(py, &known.label)?;
            for (ident, native, name, daemon) in &known.threads {
                let (ident, native) = (Bound::int(py, *ident)?, Bound::int(py, *native)?);
                threads.push(Bound::tuple(
                    py,
                    &[&label, &ident, &native, &Bound::str(py, name)?, &Bound::bool(py, *daemon)],
                )?);
            }
            for (waiting, module, owner) in &known.waits {
                let owner = if *owner == 0 { Bound::none(py) } else { Bound::int(py, *owner)? };
                waits.push(Bound::tuple(
                    py,
                    &[&label, &Bound::int(py, *waiting)?, &Bound::str(py, module)?, &owner],
                )?);
            }
        }
        // Threads of requests are Python's only once an application asks for its current thread.
        let running = ActiveRequest::running().into_iter();
        for request in running.filter(|request| gil[0].shares_gil(&request.interpreter)) {
            let label = wire::shown(request.interpreter.name()).into_owned();
            let ident = request.thread() as i64;
            if !known()
                .filter(|known| known.interpreter == request.interpreter.id())
                .flat_map(|known| &known.threads)
                .any(|(other, ..)| *other == ident)
            {
                let seconds = request.age().as_secs_f64();
                let name = format!("request of {} since {seconds:.1} s", wire::shown(request.script()));
                let (label, name) = (Bound::str(py, &label)?, Bound::str(py, &name)?);
                let native = Bound::int(py, request.native_thread() as i64)?;
                threads.push(Bound::tuple(
                    py,
                    &[&label, &Bound::int(py, ident)?, &native, &name, &Bound::bool(py, false)],
                )?);
            }
        }
        let lines = gil[0].ask(
            py,
            c"describe",
            &[&Bound::list(py, frames)?, &Bound::list(py, threads)?, &Bound::list(py, waits)?],
        )?;
        (0..lines.count()).map(|at| Ok(wire::shown(&lines.item(at)?.lossy()).into_owned())).collect()
    };
    write().unwrap_or_else(|raised| {
        let class = raised.class_name(py);
        raised.forget(py);
        vec![format!("the stacks cannot be shown: {class}")]
    })
}
