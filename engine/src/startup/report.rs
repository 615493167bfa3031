//! The report: where every Python thread of every interpreter stands, and who waits for whom.

use super::Runtime;
use super::attempt::Attempt;
use super::space::Space;
use crate::python::{Obj, Py, Result};
use crate::wsgi::Call;
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

/// Its lines. `attempt` is the one that is being made or hangs, if any; `over`: its time is. On a thread of its own, not attached.
pub fn lines(runtime: &Runtime, attempt: Option<&Arc<Attempt>>, over: bool) -> Vec<String> {
    let main = runtime.spaces.main();
    if over {
        // Stacks are had without the last resort.
        main.visit(|py| {
            main.ask(py, c"cancel_dump", &[]).map(drop).unwrap_or_else(|raised| raised.forget(py))
        });
    }
    let spaces = runtime.spaces.all();
    let known: Vec<Known> = spaces.iter().filter_map(|space| space.visit(|py| know(py, space))).collect();
    main.visit(|py| describe(py, runtime, &spaces, &known, attempt)).unwrap_or_default()
}

fn know(py: Py<'_>, space: &Arc<Space>) -> Known {
    let label = String::from_utf8_lossy(space.name()).into_owned();
    let read = || -> Result<Known> {
        let (mut threads, mut waits) = (Vec::new(), Vec::new());
        let list = space.ask(py, c"threads", &[])?;
        for at in 0..list.count() {
            let thread = list.item(at)?;
            let native = thread.item(1)?;
            let native = if native.is_none() { 0 } else { native.as_int()? };
            threads.push((
                thread.item(0)?.as_int()?,
                native,
                thread.item(2)?.text()?,
                thread.item(3)?.is_true()?,
            ));
        }
        let list = space.ask(py, c"import_waits", &[])?;
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

fn describe(
    py: Py<'_>,
    runtime: &Runtime,
    spaces: &[Arc<Space>],
    known: &[Known],
    attempt: Option<&Arc<Attempt>>,
) -> Vec<String> {
    let main = runtime.spaces.main();
    let write = || -> Result<Vec<String>> {
        let label = |frame: &Obj<'_>| {
            let space = spaces.iter().find(|space| space.owns(frame)).unwrap_or(main);
            Obj::str(py, &String::from_utf8_lossy(space.name()))
        };
        let mut frames = Vec::new();
        for (ident, frame) in frames_of_threads(py, main, attempt)? {
            frames.push(Obj::tuple(py, &[&label(&frame)?, &Obj::int(py, ident)?, &frame])?);
        }
        let (mut threads, mut waits) = (Vec::new(), Vec::new());
        for known in known {
            let label = Obj::str(py, &known.label)?;
            for (ident, native, name, daemon) in &known.threads {
                let (ident, native) = (Obj::int(py, *ident)?, Obj::int(py, *native)?);
                threads.push(Obj::tuple(
                    py,
                    &[&label, &ident, &native, &Obj::str(py, name)?, &Obj::bool(py, *daemon)],
                )?);
            }
            for (waiting, module, owner) in &known.waits {
                let owner = if *owner == 0 { Obj::none(py) } else { Obj::int(py, *owner)? };
                waits.push(Obj::tuple(
                    py,
                    &[&label, &Obj::int(py, *waiting)?, &Obj::str(py, module)?, &owner],
                )?);
            }
        }
        // Threads of requests are Python's only once an application asks for its current thread.
        for call in Call::running() {
            let label = String::from_utf8_lossy(call.space.name()).into_owned();
            let ident = call.thread() as i64;
            let known = known.iter().filter(|known| known.label == label).flat_map(|known| &known.threads);
            if !known.into_iter().any(|(other, ..)| *other == ident) {
                let seconds = call.age().as_secs_f64();
                let name =
                    format!("request of {} since {seconds:.1} s", String::from_utf8_lossy(&call.script));
                let (label, name) = (Obj::str(py, &label)?, Obj::str(py, &name)?);
                let native = Obj::int(py, call.native_thread() as i64)?;
                threads.push(Obj::tuple(
                    py,
                    &[&label, &Obj::int(py, ident)?, &native, &name, &Obj::bool(py, false)],
                )?);
            }
        }
        let lines = main.ask(
            py,
            c"describe",
            &[&Obj::list(py, frames)?, &Obj::list(py, threads)?, &Obj::list(py, waits)?],
        )?;
        (0..lines.count())
            .map(|at| Ok(String::from_utf8_lossy(&lines.item(at)?.lossy()).into_owned()))
            .collect()
    };
    write().unwrap_or_else(|raised| {
        let class = raised.class_name(py);
        raised.forget(py);
        vec![format!("the report cannot be made: {class}")]
    })
}

/// The innermost frame of every thread, by its ident. The loader stands in two interpreters: in the main one, where
/// Python called it, and in the one of the attempt, which is of interest.
pub fn frames_of_threads<'py>(
    py: Py<'py>,
    space: &Space,
    attempt: Option<&Arc<Attempt>>,
) -> Result<Vec<(i64, Obj<'py>)>> {
    let frames = space.ask(py, c"current_frames", &[])?;
    let loader =
        attempt.and_then(|attempt| attempt.standing.frame(py)).map(|(ident, frame)| (ident as i64, frame));
    let mut found = Vec::new();
    for at in 0..frames.count() {
        let pair = frames.item(at)?;
        let (ident, frame) = (pair.item(0)?.as_int()?, pair.item(1)?);
        if loader.as_ref().is_none_or(|(loader, _)| *loader != ident) {
            found.push((ident, frame));
        }
    }
    found.extend(loader);
    Ok(found)
}
