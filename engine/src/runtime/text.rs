//! `wsgi.errors`, `sys.stderr` and `sys.stdout` as applications hold them: each an `io.TextIOWrapper`, so that whatever can
//! be done with a text stream of Python's can be done with them.
//!
//! To make one takes a microsecond or two, which a request that logs nothing does not pay: a `wsgi.errors` that nobody has
//! used or kept serves the next request.

use super::output::{Output, Stream};
use super::stream::{LogStream, Owner};
use crate::python::class;
use crate::python::{Bound, InterpreterCell, Owned, Py, Result};
use std::sync::Arc;

/// Most that wait for a request.
const MOST_IDLE: usize = 64;

/// What an interpreter makes its text streams of.
pub struct TextStreams {
    /// `mod_wsgi.Log`
    log: Owned,
    /// `io.TextIOWrapper` and what it is called with.
    wrapper: Owned,
    arguments: [Owned; 5],
    /// `_weakref.getweakrefcount`
    weak_count: Owned,
    /// `wsgi.errors` of requests that did not use them.
    idle: InterpreterCell<Vec<Errors>>,
}

/// A `wsgi.errors`.
pub struct Errors {
    text: Owned,
    /// The raw stream that it writes to.
    log: Owned,
    of: Arc<Owner>,
}

impl Errors {
    /// The `io.TextIOWrapper`.
    pub fn object<'a, 'py>(&'a self, py: Py<'py>) -> &'a Bound<'py> {
        self.text.get(py)
    }

    /// Whether the stream is as it was made, and nobody else has it, nor what is below it.
    fn is_pristine(&self, py: Py<'_>, weak_count: &Bound<'_>) -> Result<bool> {
        let (text, log) = (self.text.get(py), self.log.get(py));
        // Whatever changes it flushes it first, but for attributes.
        let untouched = !self.of.used.get(py) && text.references() == 1 && log.references() == 2;
        Ok(untouched && text.has_no_attributes()? && !weak_count.call(&[text])?.is_true()?)
    }

    /// Leaves the stream to whoever has kept it.
    pub fn release(self, py: Py<'_>) {
        self.text.release(py);
        self.log.release(py);
    }
}

impl TextStreams {
    /// Makes what the streams of the interpreter need which this thread is attached to.
    pub fn new(py: Py<'_>) -> Result<Self> {
        let io = Bound::import(py, c"io")?;
        let log = class::make::<LogStream>(py)?;
        io.attr(c"RawIOBase")?.attr(c"register")?.call(&[&log])?;
        let text = |text| Bound::str(py, text).map(Bound::keep);
        Ok(Self {
            log: log.keep(),
            wrapper: io.attr(c"TextIOWrapper")?.keep(),
            // Not line_buffering, which would flush after each newline, and a flush ends a record.
            arguments: [
                text("utf-8")?,
                text("replace")?,
                text("\n")?,
                Bound::bool(py, false).keep(),
                Bound::bool(py, true).keep(),
            ],
            weak_count: Bound::import(py, c"_weakref")?.attr(c"getweakrefcount")?.keep(),
            idle: InterpreterCell::new(py.interpreter(), Vec::new()),
        })
    }

    fn make<'py>(&self, py: Py<'py>, kind: Stream, of: Arc<Owner>) -> Result<(Bound<'py>, Bound<'py>)> {
        let log = class::instance(self.log.get(py), LogStream::new(py, kind, of))?;
        let [encoding, errors, newline, line_buffering, write_through] = &self.arguments;
        let get = |argument: &'_ Owned| argument.get(py).clone();
        let (encoding, errors, newline) = (get(encoding), get(errors), get(newline));
        let (line_buffering, write_through) = (get(line_buffering), get(write_through));
        let text = self.wrapper.get(py).call(&[
            &log,
            &encoding,
            &errors,
            &newline,
            &line_buffering,
            &write_through,
        ])?;
        Ok((text, log))
    }

    /// `sys.stderr` or `sys.stdout`.
    pub fn standard<'py>(&self, py: Py<'py>, kind: Stream) -> Result<Bound<'py>> {
        let (text, _) = self.make(py, kind, Owner::new(py, None))?;
        text.set_attr(c"mode", &Bound::str(py, "w")?)?;
        Ok(text)
    }

    /// `wsgi.errors` of a request.
    pub fn errors(&self, py: Py<'_>, output: &Arc<Output>) -> Result<Errors> {
        let idle = self.idle.borrow(py).pop();
        if let Some(errors) = idle {
            errors.of.output.set(py, Some(output.clone()));
            return Ok(errors);
        }
        let of = Owner::new(py, Some(output.clone()));
        let (text, log) = self.make(py, Stream::Errors, of.clone())?;
        Ok(Errors { text: text.keep(), log: log.keep(), of })
    }

    /// The request has ended: whoever has kept its stream keeps it, and finds that it is over.
    pub fn give_back(&self, py: Py<'_>, errors: Errors) {
        let pristine = errors.is_pristine(py, self.weak_count.get(py)).unwrap_or_else(|raised| {
            raised.forget(py);
            false
        });
        if !pristine || self.idle.borrow(py).len() >= MOST_IDLE {
            return errors.release(py);
        }
        errors.of.output.set(py, None);
        self.idle.borrow(py).push(errors);
    }
}
