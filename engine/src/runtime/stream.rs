//! The raw streams below `wsgi.errors`, `sys.stderr` and `sys.stdout`: bytes whose lines become records of the error log.
//!
//! What applications hold is an `io.TextIOWrapper` over one of these (`super::text`), which writes through: nothing waits
//! up there, so the thread that writes is the one whose request it is.

use super::output::{Output, Stream};
use crate::host;
use crate::python::class::{Args, Class, Members};
use crate::python::{Bound, InterpreterCell, Problem, Py, Raised, Result, thread_number};
use rustc_hash::FxHashMap;
use std::ffi::CStr;
use std::sync::Arc;
use wire::{Level, Origin};

/// A raw stream into the log.
pub struct LogStream {
    kind: Stream,
    /// For `wsgi.errors`: the request it is of.
    of: Arc<Owner>,
    /// Beginnings of lines of threads that serve no request, by thread number.
    loose: InterpreterCell<FxHashMap<usize, Vec<u8>>>,
}

/// Which request a `wsgi.errors` is of.
pub struct Owner {
    /// The request. None: a standard stream, whose request is that of whichever thread writes.
    pub output: InterpreterCell<Option<Arc<Output>>>,
    /// Whether the stream has been written to, flushed or closed.
    pub used: InterpreterCell<bool>,
}

impl Owner {
    /// Owns a stream of the interpreter that this thread is attached to.
    pub fn new(py: Py<'_>, output: Option<Arc<Output>>) -> Arc<Self> {
        let interpreter = py.interpreter();
        Arc::new(Self {
            output: InterpreterCell::new(interpreter, output),
            used: InterpreterCell::new(interpreter, false),
        })
    }
}

impl LogStream {
    /// Makes a stream of this kind, of the interpreter that this thread is attached to.
    pub fn new(py: Py<'_>, kind: Stream, of: Arc<Owner>) -> Self {
        Self { kind, of, loose: InterpreterCell::new(py.interpreter(), FxHashMap::default()) }
    }

    fn name(&self) -> &'static str {
        match self.kind {
            Stream::Errors => "<wsgi.errors>",
            Stream::Stderr => "<stderr>",
            Stream::Stdout => "<stdout>",
        }
    }

    /// The request that `wsgi.errors` is of, or the writing thread's.
    fn output(&self, py: Py<'_>) -> Option<Arc<Output>> {
        self.of.used.set(py, true);
        let own = self.of.output.borrow(py).clone();
        own.or_else(Output::current)
    }

    /// Takes bytes in and logs the lines they complete; `flush` logs what is left too.
    fn take(&self, py: Py<'_>, output: Option<Arc<Output>>, bytes: &[u8], flush: bool) {
        let Some(output) = output else {
            let mut loose = self.loose.borrow(py);
            let partial = loose.entry(thread_number()).or_default();
            let lines = complete(partial, bytes, flush);
            if partial.is_empty() {
                loose.remove(&thread_number());
            }
            drop(loose);
            py.detached(|| lines.iter().for_each(|line| loose_line(self.kind, line)));
            return;
        };
        let lines = output.with_partial(self.kind, |partial| complete(partial, bytes, flush));
        if !lines.is_empty() {
            py.detached(|| lines.iter().for_each(|line| output.script_line(self.kind, line)));
        }
    }

    /// Logs what is left; a request that is over has nothing left. Called by finalizers too, so it raises nothing.
    fn flush(&self, py: Py<'_>) {
        let output = self.output(py);
        if output.as_ref().is_none_or(|output| !output.is_closed()) {
            self.take(py, output, b"", true);
        }
    }

    /// What a log cannot do.
    fn unsupported(&self, py: Py<'_>, what: &str) -> Result<Raised> {
        let class = Bound::import(py, c"io")?.attr(c"UnsupportedOperation")?;
        Ok(Raised::with(&class, format_args!("{what}: {} is Apache's error log", self.name())))
    }
}

/// Logs a line that belongs to no request.
fn loose_line(stream: Stream, line: &[u8]) {
    host::log_from(Level::Error, line, Origin::named(stream.name().as_bytes()));
}

/// The lines that `bytes` complete, after `partial`, which keeps the rest.
fn complete(partial: &mut Vec<u8>, bytes: &[u8], flush: bool) -> Vec<Vec<u8>> {
    partial.extend_from_slice(bytes);
    let mut lines: Vec<Vec<u8>> = Vec::new();
    if let Some(end) = partial.iter().rposition(|&byte| byte == b'\n') {
        let rest = partial.split_off(end + 1);
        let whole = std::mem::replace(partial, rest);
        lines.extend(whole[..end].split(|&byte| byte == b'\n').map(<[u8]>::to_vec));
    }
    if flush && !partial.is_empty() {
        lines.push(std::mem::take(partial));
    }
    lines
}

/// The argument of `write`: anything of bytes, and text too, which mod_wsgi takes here. Answers its length.
fn write<'py>(py: Py<'py>, this: &LogStream, bytes: &Bound<'py>) -> Result<Bound<'py>> {
    let output = this.output(py);
    if output.as_ref().is_some_and(|output| output.is_closed()) {
        return Err(Problem::Runtime.raise(py, "write() called after request completed"));
    }
    if let Some(plain) = bytes.as_bytes() {
        this.take(py, output, plain, false);
        return Bound::int(py, plain.len() as i64);
    }
    if bytes.is_str() {
        this.take(py, output, &bytes.lossy(), false);
        return bytes.length();
    }
    let copy = bytes.to_bytes()?;
    let plain = copy.as_bytes().unwrap_or_default();
    this.take(py, output, plain, false);
    Bound::int(py, plain.len() as i64)
}

impl Class for LogStream {
    const NAME: &'static CStr = c"mod_wsgi.Log";
    const DOC: &'static CStr = c"A raw stream whose lines become records of Apache's error log.";

    fn members(members: &mut Members<Self>) {
        members
            .method(c"write", |py, this: &LogStream, args: Args<'_, '_>| {
                args.count(1, 1)?;
                write(py, this, &args.get(0).unwrap_or_else(|| Bound::none(py)))
            })
            .method(c"writelines", |py, this: &LogStream, args| {
                args.count(1, 1)?;
                let lines = args.get(0).unwrap_or_else(|| Bound::none(py)).iter()?;
                while let Some(line) = lines.next()? {
                    write(py, this, &line)?;
                }
                Ok(Bound::none(py))
            })
            .method(c"flush", |py, this: &LogStream, args| {
                args.count(0, 0)?;
                this.flush(py);
                Ok(Bound::none(py))
            })
            // A wrapper that is thrown away closes what is below it, which others go on writing to.
            .method(c"close", |py, this: &LogStream, _| {
                this.flush(py);
                Ok(Bound::none(py))
            })
            // At the end of the process: beginnings of lines whose threads may have ended long ago.
            .method(c"_flush_all", |py, this: &LogStream, _| {
                let loose = this.loose.take(py);
                py.detached(|| loose.values().for_each(|line| loose_line(this.kind, line)));
                Ok(Bound::none(py))
            })
            .method(c"isatty", |py, _: &LogStream, _| Ok(Bound::bool(py, false)))
            .method(c"readable", |py, _: &LogStream, _| Ok(Bound::bool(py, false)))
            .method(c"seekable", |py, _: &LogStream, _| Ok(Bound::bool(py, false)))
            .method(c"writable", |py, _: &LogStream, _| Ok(Bound::bool(py, true)))
            .method(c"fileno", |py, this: &LogStream, _| Err(this.unsupported(py, "no file descriptor")?))
            .method(c"read", |py, this: &LogStream, _| Err(this.unsupported(py, "not readable")?))
            .method(c"seek", |py, this: &LogStream, _| Err(this.unsupported(py, "not seekable")?))
            .method(c"tell", |py, this: &LogStream, _| Err(this.unsupported(py, "not seekable")?))
            .method(c"truncate", |py, this: &LogStream, _| Err(this.unsupported(py, "cannot be truncated")?))
            .method(c"__enter__", |_, _: &LogStream, args| Ok(args.this()))
            .method(c"__exit__", |py, _: &LogStream, _| Ok(Bound::none(py)))
            .getter(c"name", |py, this: &LogStream| Bound::str(py, this.name()))
            .getter(c"mode", |py, _: &LogStream| Bound::str(py, "wb"))
            .getter(c"encoding", |py, _: &LogStream| Bound::str(py, "utf-8"))
            .getter(c"errors", |py, _: &LogStream| Bound::str(py, "replace"))
            .getter(c"closed", |py, _: &LogStream| Ok(Bound::bool(py, false)));
    }
}

#[cfg(test)]
mod tests {
    use super::complete;

    #[test]
    fn only_whole_lines_go_out_until_a_flush() {
        let mut partial = Vec::new();
        assert!(complete(&mut partial, b"a", false).is_empty());
        assert_eq!(
            complete(&mut partial, b"b\nc\n\nd", false),
            [b"ab".to_vec(), b"c".to_vec(), b"".to_vec()]
        );
        assert_eq!(complete(&mut partial, b"", true), [b"d".to_vec()]);
        assert!(complete(&mut partial, b"", true).is_empty());
    }
}
