//! Functions that the server asks: of scripts that say who may see something, or where a request is served.

use super::call::Call;
use super::environ;
use super::failed::error;
use super::serve::{EndOf, serving, with_module};
use crate::python::{Bound, BuiltinType, Py, Raised, Result};
use crate::requests::Link;
use crate::runtime::{Log, Output, RequestLog, gate};
use crate::startup::{self, Script};
use std::num::NonZeroUsize;
use std::sync::Arc;
use wire::abi::{End, Function, Outcome, Value, ValueKind};
use wire::message;
use wire::plan::StartPlan;

/// What is asked, but for its link.
pub struct Ask<'a, P> {
    /// The script and its interpreter.
    pub script: Script<'a>,
    /// The environ's text entries.
    pub environ: P,
    /// The client uses TLS.
    pub https: bool,
    /// The functions, called in this order.
    pub functions: &'a [Function<'a>],
    /// Address of httpd's `request_rec`, if they are to have it.
    pub request_rec: Option<NonZeroUsize>,
}

/// Calls the functions; the link gets what each returns. The calling thread is not attached.
pub fn ask<'a, P>(ask: Ask<'a, P>, link: Box<dyn Link>, log: Box<dyn Log>) -> Outcome
where
    P: Iterator<Item = (&'a [u8], &'a [u8])>,
{
    let Some(_inside) = gate().enter() else { return error(503) };
    let script = &ask.script;
    let Some(app) = startup::application(script, StartPlan::default) else { return error(503) };
    let log = RequestLog::new(log);
    // It ends with the request, whoever else holds it.
    let _end = EndOf(&log);
    let Ok(serving) = serving(&app, script, &log) else { return error(500) };
    let turn = app.turn(startup::most_waiting());
    let first = turn.is_some();
    let output = Output::new(script.path, log.clone());
    let call = Call::new(serving.interpreter.clone(), None, link, output.clone(), turn);
    let _running = call.run();
    Output::current_while(Some(output), || {
        let mut environ = Some(ask.environ);
        let mut work = |py: Py<'_>, module: &Bound<'_>| {
            let Some(pairs) = environ.take() else { return error(500) };
            match call_all(py, &call, module, pairs, (ask.https, ask.request_rec), ask.functions) {
                Ok(()) => Outcome::of(End::Complete, 0),
                Err(raised) => {
                    say_raised(py, &call, raised, "the environ");
                    error(500)
                }
            }
        };
        with_module(&app, serving, &call, script, &log, first, &mut work).unwrap_or_else(|_| error(500))
    })
}

fn call_all<'a, 'py>(
    py: Py<'py>,
    call: &Arc<Call>,
    module: &Bound<'py>,
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    (https, request_rec): (bool, Option<NonZeroUsize>),
    functions: &[Function<'_>],
) -> Result<()> {
    let streams = call.interpreter.streams();
    let errors = streams.errors(py, &call.output)?;
    let environ = environ::build_for_functions(py, call, pairs, https, request_rec, errors.object(py));
    let called = environ.and_then(|environ| {
        for (number, function) in functions.iter().enumerate() {
            let returned = |value: Value<'_>| call.quick(py, "function", |link| link.returned(number, value));
            match call_one(py, call, module, &environ, function, &returned) {
                Ok(()) => {}
                Err(raised) => {
                    let name = wire::shown(function.name.get());
                    say_raised(py, call, raised, &format!("{name}()"));
                    returned(Value::of(ValueKind::Raised, b""))?;
                }
            }
        }
        Ok(())
    });
    // Nothing may be called with an exception set; what ends objects sets it aside.
    match called {
        Ok(()) => streams.give_back(py, errors),
        Err(_) => errors.release(py),
    }
    called
}

fn call_one<'py>(
    py: Py<'py>,
    call: &Arc<Call>,
    module: &Bound<'py>,
    environ: &Bound<'py>,
    function: &Function<'_>,
    returned: &dyn Fn(Value<'_>) -> Result<()>,
) -> Result<()> {
    let Some(callable) = call.interpreter.callable(py, module, function.name.get())? else {
        return returned(Value::of(ValueKind::Missing, b""));
    };
    let texts = function.arguments.get().iter().map(|text| Bound::latin1(py, text.get()));
    let texts: Vec<Bound<'_>> = texts.collect::<Result<_>>()?;
    let arguments: Vec<&Bound<'_>> = [environ].into_iter().chain(&texts).collect();
    let value = callable.call(&arguments)?;
    if function.items { list(&value, returned) } else { single(py, &value, returned) }
}

/// Tells of a value that is no iterable.
fn single<'py>(py: Py<'py>, value: &Bound<'py>, returned: &dyn Fn(Value<'_>) -> Result<()>) -> Result<()> {
    let truth = |truth: bool| value.is(&Bound::bool(py, truth));
    match text(value)? {
        Some((kind, text)) => returned(Value::of(kind, &text)),
        None if value.is_none() => returned(Value::NONE),
        None if truth(true) => returned(Value::of(ValueKind::True, b"")),
        None if truth(false) => returned(Value::of(ValueKind::False, b"")),
        None => returned(Value::of(ValueKind::Other, value.type_name().as_bytes())),
    }
}

/// Tells of the items of an iterable. The characters of a text are no items that anybody means.
fn list(value: &Bound<'_>, returned: &dyn Fn(Value<'_>) -> Result<()>) -> Result<()> {
    let no_list = || returned(Value::of(ValueKind::Other, value.type_name().as_bytes()));
    if text(value)?.is_some() {
        return no_list();
    }
    let Some(items) = iterator(value)? else { return no_list() };
    returned(Value::LIST)?;
    while let Some(item) = items.next()? {
        match text(&item)? {
            Some((_, text)) => returned(Value::of(ValueKind::Item, &text))?,
            None => return returned(Value::of(ValueKind::BadItem, item.type_name().as_bytes())),
        }
    }
    Ok(())
}

/// `iter(value)`, if it has one.
fn iterator<'py>(value: &Bound<'py>) -> Result<Option<Bound<'py>>> {
    match value.iter() {
        Ok(items) => Ok(Some(items)),
        Err(raised) if value.attr_if_any(c"__iter__")?.is_none() => {
            raised.forget(value.py());
            Ok(None)
        }
        Err(raised) => Err(raised),
    }
}

fn text(value: &Bound<'_>) -> Result<Option<(ValueKind, Vec<u8>)>> {
    Ok(match value.builtin_type() {
        _ if value.is_str() => Some((ValueKind::Text, value.utf8()?.as_bytes().to_vec())),
        BuiltinType::Bytes => value.as_bytes().map(|bytes| (ValueKind::Bytes, bytes.to_vec())),
        _ => None,
    })
}

fn say_raised(py: Py<'_>, call: &Call, raised: Raised, what: &str) {
    let path = wire::shown(call.script()).into_owned();
    let text = format!("Exception {} occurred in {what} of WSGI script '{path}'", raised.class_name(py));
    call.interpreter.log_exception(py, raised, Some(&call.output), message::APPLICATION_RAISED, text);
}
