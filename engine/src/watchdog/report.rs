//! The report: where every Python thread of every interpreter stands, and who waits for whom.

use super::frames::Frames;
use crate::python::{Bound, Py, Result};
use crate::requests::ActiveRequest;
use crate::runtime::{Interpreter, Runtime};
use crate::startup::Attempt;
use std::sync::Arc;

/// What one interpreter knows of its threads.
#[derive(Default)]
struct Known {
    label: String,
    /// ident, native id, name, daemon
    threads: Vec<(i64, i64, String, bool)>,
    /// who waits, module, who imports it (0: nobody)
    waits: Vec<(i64, String, i64)>,
}

/// The lines of the report. `attempt` is the one that is being made or hangs, if any; `over`: its time is. On a thread of its own, not attached.
pub fn lines(runtime: &Runtime, attempt: Option<&Arc<Attempt>>, over: bool) -> Vec<String> {
    let main = runtime.interpreters.main();
    if over {
        // Stacks are had without the last resort.
        main.visit(|py| {
            main.ask(py, c"cancel_dump", &[]).map(drop).unwrap_or_else(|raised| raised.forget(py))
        });
    }
    let interpreters = runtime.interpreters.all();
    let known: Vec<Known> =
        interpreters.iter().filter_map(|interpreter| interpreter.visit(|py| know(py, interpreter))).collect();
    main.visit(|py| describe(py, runtime, &known, attempt)).unwrap_or_default()
}

fn know(py: Py<'_>, interpreter: &Arc<Interpreter>) -> Known {
    let label = wire::shown(interpreter.name()).into_owned();
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
        Ok(Known { label: label.clone(), threads, waits })
    };
    read().unwrap_or_else(|raised| {
        raised.forget(py);
        Known { label, ..Known::default() }
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

fn describe(py: Py<'_>, runtime: &Runtime, known: &[Known], attempt: Option<&Arc<Attempt>>) -> Vec<String> {
    let main = runtime.interpreters.main();
    let write = || -> Result<Vec<String>> {
        let found = Frames::of_threads(py, main, attempt)?;
        let mut frames = Vec::new();
        for (ident, frame) in found.iter() {
            let label = Bound::str(py, &wire::shown(found.owner(frame).unwrap_or(main).name()))?;
            frames.push(Bound::tuple(py, &[&label, &Bound::int(py, ident)?, frame])?);
        }
        let (mut threads, mut waits) = (Vec::new(), Vec::new());
        for known in known {
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
        for request in ActiveRequest::running() {
            let label = wire::shown(request.interpreter.name()).into_owned();
            let ident = request.thread() as i64;
            let known = known.iter().filter(|known| known.label == label).flat_map(|known| &known.threads);
            if !known.into_iter().any(|(other, ..)| *other == ident) {
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
        let lines = main.ask(
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
