//! The Python that every interpreter is given (`prepare.py` and its kind), and what it may ask of the engine.

use super::exits::{self, Act, Ruling};
use super::output::Output;
use crate::host;
use crate::python::class::{Args, Class, Members};
use crate::python::{Bound, Py, Result, interrupt};
use once_cell::sync::OnceCell;
use std::ffi::CStr;
use std::sync::atomic::{AtomicI64, Ordering};
use wire::Level;

/// What every interpreter runs first: what it is given, and what tells where threads stand.
static SOURCES: [Source; 7] = [
    Source::new(concat!(include_str!("prepare.py"), "\0")),
    Source::new(concat!(include_str!("exits.py"), "\0")),
    Source::new(concat!(include_str!("forks.py"), "\0")),
    Source::new(concat!(include_str!("shared.py"), "\0")),
    Source::new(concat!(include_str!("attempt.py"), "\0")),
    Source::new(concat!(include_str!("ending.py"), "\0")),
    Source::new(concat!(include_str!("report.py"), "\0")),
];
/// The source of `mod_wsgi.django`, run when it is first used.
const DJANGO: &str = include_str!("django.py");
/// What its frames are called in tracebacks, which leave them out.
const PREPARE_FILE: &CStr = c"<mod_wsgi>";

/// A Python source of the engine, compiled by the first interpreter for all of them: compiling takes longer than making an
/// interpreter.
struct Source {
    text: &'static str,
    marshalled: OnceCell<Vec<u8>>,
}

impl Source {
    const fn new(text: &'static str) -> Self {
        Self { text, marshalled: OnceCell::new() }
    }

    fn code<'py>(&self, py: Py<'py>) -> Result<Bound<'py>> {
        let marshal = Bound::import(py, c"marshal")?;
        if let Some(bytes) = self.marshalled.get() {
            return marshal.attr(c"loads")?.call(&[&Bound::bytes(py, bytes)?]);
        }
        let text = CStr::from_bytes_with_nul(self.text.as_bytes()).unwrap_or_default();
        let code = Bound::compile(py, text, PREPARE_FILE)?;
        let bytes = marshal.attr(c"dumps")?.call(&[&code])?;
        let _ = self.marshalled.set(bytes.as_bytes().unwrap_or_default().to_vec());
        Ok(code)
    }
}

/// Runs all sources in a module.
pub fn run_sources(module: &Bound<'_>) -> Result<()> {
    SOURCES.iter().try_for_each(|source| module.run(&source.code(module.py())?))
}

/// Number of interpreters, including those that are left behind.
static INTERPRETERS: AtomicI64 = AtomicI64::new(1);

/// Counts one more interpreter than the main one.
pub fn count_interpreter() {
    INTERPRETERS.fetch_add(1, Ordering::Relaxed);
}

/// What `prepare.py` calls `native`.
pub struct Native;

impl Class for Native {
    const NAME: &'static CStr = c"mod_wsgi.Native";
    const DOC: &'static CStr = c"What the server's own Python code asks of it.";

    fn members(members: &mut Members<Self>) {
        members.method(c"log", |py, _: &Native, args: Args<'_, '_>| {
            args.count(2, 2)?;
            let level = args.get(0).map_or(Ok(3), |level| level.as_int())?;
            let known = [Level::Warning, Level::Info];
            let level = known.into_iter().find(|known| *known as i64 == level).unwrap_or(Level::Error);
            if let Some(text) = args.get(1) {
                match Output::current() {
                    Some(output) => output.log(level, &text.lossy()),
                    None => host::log(level, &text.lossy()),
                }
            }
            Ok(Bound::none(py))
        });
        members.method(c"may_end", |py, _: &Native, args: Args<'_, '_>| {
            args.count(2, 2)?;
            let number = |at: usize| args.get(at).map_or(Ok(0), |number| number.as_int());
            let Some(act) = Act::of(number(0)?, number(1)?) else { return Ok(Bound::none(py)) };
            match exits::rule(act) {
                Ruling::Harmless => Ok(Bound::none(py)),
                Ruling::Ends => Ok(Bound::bool(py, true)),
                Ruling::Refused(why) => Bound::str(py, &why),
            }
        });
        members.method(c"application", |py, _: &Native, args: Args<'_, '_>| {
            args.count(0, 0)?;
            exits::caller().map_or_else(|| Ok(Bound::none(py)), |script| Bound::str(py, &script))
        });
        members.method(c"interpreters", |py, _: &Native, args: Args<'_, '_>| {
            args.count(0, 0)?;
            Bound::int(py, INTERPRETERS.load(Ordering::Relaxed))
        });
        members.method(c"ends", |py, _: &Native, args: Args<'_, '_>| {
            args.count(1, 1)?;
            if let Some(text) = args.get(0) {
                host::ends(&String::from_utf8_lossy(&text.lossy()));
            }
            Ok(Bound::none(py))
        });
        members.method(c"django_source", |py, _: &Native, args: Args<'_, '_>| {
            args.count(0, 0)?;
            Bound::str(py, DJANGO)
        });
        members.method(c"interrupt", |py, _: &Native, args: Args<'_, '_>| {
            args.count(2, 2)?;
            let (Some(thread), Some(class)) = (args.get(0), args.get(1)) else { return Ok(Bound::none(py)) };
            Bound::int(py, interrupt(py, thread.as_int()? as u64, &class).into())
        });
    }
}
