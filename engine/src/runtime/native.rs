//! What the package `mod_wsgi` may ask of the engine: its module `_native`.

use super::exits::{self, Act, Ruling};
use super::output::Output;
use super::package;
use crate::host;
use crate::metrics;
use crate::python::class::{Args, Class, Members};
use crate::python::{Bound, Problem, Result, frames_here, interrupt};
use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use wire::{Level, Origin, Slice, message};

/// Number of interpreters, including those that are left behind.
static INTERPRETERS: AtomicI64 = AtomicI64::new(1);

/// An application subscribed to signals.
static SIGNALS_TAKEN: AtomicBool = AtomicBool::new(false);

/// An application decides what signals mean that have no meaning for the server.
pub fn are_signals_taken() -> bool {
    SIGNALS_TAKEN.load(Ordering::SeqCst)
}

/// Counts one more interpreter than the main one.
pub fn count_interpreter() {
    INTERPRETERS.fetch_add(1, Ordering::Relaxed);
}

/// Logs a line of the package's, where the output of the calling thread goes.
fn log(level: Level, line: &[u8]) {
    record(level, line, Origin::NONE);
}

/// The same, with what belongs to it.
fn record(level: Level, line: &[u8], origin: Origin<'_>) {
    match Output::current() {
        Some(output) => output.record(level, line, origin),
        None => host::log_from(level, line, origin),
    }
}

/// The object behind `mod_wsgi._native`, whose functions are its methods. `_native.pyi` describes them.
pub struct Native;

impl Class for Native {
    const NAME: &'static CStr = c"mod_wsgi.Native";
    const DOC: &'static CStr = c"What the server's own Python code asks of it.";

    fn members(members: &mut Members<Self>) {
        members.method(c"log", |py, _: &Native, args: Args<'_, '_>| {
            args.count(2, 2)?;
            let level = args.get(0).map_or(Ok(3), |level| level.as_int())?;
            let level = u8::try_from(level).map_or(Level::Error, Level::of);
            if let Some(text) = args.get(1) {
                log(level, &text.lossy());
            }
            Ok(Bound::none(py))
        });
        members.method(c"logs", |py, _: &Native, args: Args<'_, '_>| {
            args.count(1, 1)?;
            let level = args.get(0).map_or(Ok(3), |level| level.as_int())?;
            let level = u8::try_from(level).map_or(Level::Error, Level::of);
            let logs = Output::current().map_or_else(|| host::logs(level), |output| output.logs(level));
            Ok(Bound::bool(py, logs))
        });
        members.method(c"record", |py, _: &Native, args: Args<'_, '_>| {
            args.count(7, 7)?;
            let number = |at: usize| args.get(at).map_or(Ok(0), |number| number.as_int());
            let level = u8::try_from(number(0)?).map_or(Level::Error, Level::of);
            let line = u32::try_from(number(3)?).unwrap_or(0);
            let text = |at: usize| args.get(at).map_or_else(Vec::new, |text| text.lossy().into_owned());
            let [file, logger, exception, request] = [text(2), text(4), text(5), text(6)];
            let text = text(1);
            let origin = Origin {
                // Without a name it would be the module's own.
                logger: Slice::of(if logger.is_empty() { b"root" } else { &logger }),
                request: Slice::of(&request),
                exception: Slice::of(&exception),
                ..Origin::of(&file, line)
            };
            py.detached(|| match Output::current() {
                Some(output) => output.script_record(level, &text, origin),
                None => host::log_from(level, &text, origin),
            });
            Ok(Bound::none(py))
        });
        members.method(c"frames", |py, _: &Native, args: Args<'_, '_>| {
            args.count(0, 0)?;
            let Some(frames) = frames_here(py) else { return Ok(Bound::none(py)) };
            let pair = |(ident, frame): (u64, Bound<'_>)| {
                Bound::tuple(py, &[&Bound::int(py, ident as i64)?, &frame])
            };
            Bound::list(py, frames.into_iter().map(pair).collect::<Result<_>>()?)
        });
        members.method(c"take_signals", |py, _: &Native, args: Args<'_, '_>| {
            args.count(0, 0)?;
            SIGNALS_TAKEN.store(true, Ordering::SeqCst);
            Ok(Bound::none(py))
        });
        members.method(c"message", |py, _: &Native, args: Args<'_, '_>| {
            args.count(2, 3)?;
            let (Some(number), Some(text)) = (args.get(0), args.get(1)) else { return Ok(Bound::none(py)) };
            let number = number.text()?;
            let mut lines = Vec::new();
            if let Some(given) = args.get(2) {
                for at in 0..given.count() {
                    lines.push(given.item(at)?.lossy().into_owned());
                }
            }
            let Some(message) = message::ALL.iter().find(|message| message.to_string() == number) else {
                return Err(Problem::Value.raise(py, format_args!("{number} is no message")));
            };
            let (line, trace) = (message.line(wire::shown(&text.lossy())), lines.join(&b'\n'));
            record(message.level(), line.as_bytes(), Origin::NONE.with_exception(&trace));
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
                host::ends(&wire::shown(&text.lossy()));
            }
            Ok(Bound::none(py))
        });
        members.method(c"code", |py, _: &Native, args: Args<'_, '_>| {
            args.count(1, 1)?;
            package::module(py, args.get(0))?.code(py)
        });
        members.method(c"source", |py, _: &Native, args: Args<'_, '_>| {
            args.count(1, 1)?;
            Bound::str(py, package::module(py, args.get(0))?.text())
        });
        members.method(c"start_recording_metrics", |py, _: &Native, args: Args<'_, '_>| {
            args.count(0, 0)?;
            metrics::begin();
            Ok(Bound::none(py))
        });
        members.method(c"request_metrics", |py, _: &Native, args: Args<'_, '_>| {
            args.count(0, 0)?;
            metrics::request_metrics(py)
        });
        members.method(c"server_metrics", |py, _: &Native, args: Args<'_, '_>| {
            args.count(0, 0)?;
            metrics::server_metrics(py)
        });
        members.method(c"process_metrics", |py, _: &Native, args: Args<'_, '_>| {
            args.count(0, 0)?;
            metrics::process_metrics(py)
        });
        members.method(c"interrupt", |py, _: &Native, args: Args<'_, '_>| {
            args.count(2, 2)?;
            let (Some(thread), Some(class)) = (args.get(0), args.get(1)) else { return Ok(Bound::none(py)) };
            Bound::int(py, interrupt(py, thread.as_int()? as u64, &class).into())
        });
    }
}
