//! `wsgi.errors`, `sys.stderr` and `sys.stdout`: text streams whose lines become records of the error log.

use super::call::{Call, Stream};
use crate::host;
use crate::python::class::{self, Args, Class, Members};
use crate::python::{GilCell, Obj, Problem, Py, Result, thread_number};
use crate::startup::WeakSpace;
use rustc_hash::FxHashMap;
use std::ffi::CStr;
use std::sync::Arc;
use wire::Level;

/// A text stream into the log.
pub struct LogStream {
    kind: Stream,
    /// The request it is of (`wsgi.errors`); else the request of whichever thread writes.
    call: Option<Arc<Call>>,
    /// Beginnings of lines of threads that serve no request, by thread number.
    loose: Arc<GilCell<FxHashMap<usize, Vec<u8>>>>,
    /// It takes bytes: it is the `buffer` of another.
    buffer: bool,
    /// The interpreter it is of.
    space: WeakSpace,
}

impl LogStream {
    /// `wsgi.errors` of a request.
    pub fn errors(call: Arc<Call>) -> Self {
        let space = Arc::downgrade(&call.space);
        Self { kind: Stream::Errors, call: Some(call), loose: Arc::default(), buffer: false, space }
    }

    /// `sys.stderr` or `sys.stdout`.
    pub fn standard(kind: Stream, space: WeakSpace) -> Self {
        Self { kind, call: None, loose: Arc::default(), buffer: false, space }
    }

    fn name(&self) -> &'static str {
        match self.kind {
            Stream::Errors => "<wsgi.errors>",
            Stream::Stderr => "<stderr>",
            Stream::Stdout => "<stdout>",
        }
    }

    /// Takes text in and logs the lines it completes; `flush` logs what is left too.
    fn take(&self, py: Py<'_>, text: &[u8], flush: bool) -> Result<()> {
        let call = match &self.call {
            Some(call) if call.is_closed() => {
                return Err(Problem::Runtime.raise(py, "write() called after request completed"));
            }
            Some(call) => Some(call.clone()),
            None => Call::current(),
        };
        let Some(call) = call else {
            let mut loose = self.loose.borrow(py);
            let partial = loose.entry(thread_number()).or_default();
            let lines = complete(partial, text, flush);
            if partial.is_empty() {
                loose.remove(&thread_number());
            }
            drop(loose);
            py.detached(|| lines.iter().for_each(|line| host::log(Level::Error, line)));
            return Ok(());
        };
        let lines = complete(&mut call.partial.borrow(py)[self.kind as usize], text, flush);
        if !lines.is_empty() {
            py.detached(|| lines.iter().for_each(|line| call.script_line(line)));
        }
        Ok(())
    }
}

/// The lines that `text` completes, after `partial`, which keeps the rest.
fn complete(partial: &mut Vec<u8>, text: &[u8], flush: bool) -> Vec<Vec<u8>> {
    partial.extend_from_slice(text);
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

impl Call {
    /// One line that the application wrote.
    fn script_line(&self, line: &[u8]) {
        self.log(Level::Error, &[b"[script ", &self.script[..], b"] ", line].concat());
    }

    /// Logs the beginnings of lines that no newline has followed. At the end of the request.
    pub fn flush_streams(&self, py: Py<'_>) {
        let partial = self.partial.take(py);
        for line in partial.iter().filter(|line| !line.is_empty()) {
            self.script_line(line);
        }
    }
}

fn write<'py>(py: Py<'py>, this: &LogStream, args: Args<'_, 'py>) -> Result<Obj<'py>> {
    args.count(1, 1)?;
    this.take_object(&args.get(0).unwrap_or_else(|| Obj::none(py)))
}

impl LogStream {
    /// Takes the argument of `write` in; answers its length.
    fn take_object<'py>(&self, text: &Obj<'py>) -> Result<Obj<'py>> {
        let py = text.py();
        if self.buffer && !text.is_str() {
            let bytes = text.to_bytes()?;
            self.take(py, bytes.as_bytes().unwrap_or_default(), false)?;
            return bytes.length();
        }
        if !text.is_str() {
            let complaint = format!("write() argument must be str, not {}", text.type_name());
            return Err(Problem::Type.raise(py, complaint));
        }
        self.take(py, &text.lossy(), false)?;
        text.length()
    }
}

impl Class for LogStream {
    const NAME: &'static CStr = c"mod_wsgi.Log";
    const DOC: &'static CStr = c"A text stream whose lines become records of Apache's error log.";

    fn members(members: &mut Members<Self>) {
        members
            .method(c"write", write)
            .method(c"writelines", |py, this: &LogStream, args| {
                args.count(1, 1)?;
                let lines = args.get(0).unwrap_or_else(|| Obj::none(py)).iter()?;
                while let Some(line) = lines.next()? {
                    this.take_object(&line)?;
                }
                Ok(Obj::none(py))
            })
            .method(c"flush", |py, this: &LogStream, args| {
                args.count(0, 0)?;
                // A closed request's stream has nothing left; flushing it must not disturb an interpreter's end.
                if this.call.as_ref().is_none_or(|call| !call.is_closed()) {
                    this.take(py, b"", true)?;
                }
                Ok(Obj::none(py))
            })
            .method(c"close", |py, _: &LogStream, _| Ok(Obj::none(py)))
            .method(c"reconfigure", |py, _: &LogStream, _| Ok(Obj::none(py)))
            .method(c"isatty", |py, _: &LogStream, _| Ok(Obj::bool(py, false)))
            .method(c"readable", |py, _: &LogStream, _| Ok(Obj::bool(py, false)))
            .method(c"seekable", |py, _: &LogStream, _| Ok(Obj::bool(py, false)))
            .method(c"writable", |py, _: &LogStream, _| Ok(Obj::bool(py, true)))
            .method(c"fileno", |py, this: &LogStream, _| {
                Err(Problem::Os.raise(
                    py,
                    format_args!("{} has no file descriptor: it is Apache's error log", this.name()),
                ))
            })
            .method(c"__enter__", |_, _: &LogStream, args| Ok(args.this()))
            .method(c"__exit__", |py, _: &LogStream, _| Ok(Obj::none(py)))
            .getter(c"buffer", |py, this: &LogStream| {
                let (call, space) = (this.call.clone(), this.space.clone());
                let inner = LogStream { kind: this.kind, call, loose: Arc::default(), buffer: true, space };
                match this.space.upgrade() {
                    Some(space) => space.log_instance(py, inner),
                    None => Err(Problem::Runtime.raise(py, "the interpreter has ended")),
                }
            })
            .getter(c"name", |py, this: &LogStream| Obj::str(py, this.name()))
            .getter(c"mode", |py, _: &LogStream| Obj::str(py, "w"))
            .getter(c"encoding", |py, _: &LogStream| Obj::str(py, "utf-8"))
            .getter(c"errors", |py, _: &LogStream| Obj::str(py, "replace"))
            .getter(c"newlines", |py, _: &LogStream| Ok(Obj::none(py)))
            .getter(c"closed", |py, _: &LogStream| Ok(Obj::bool(py, false)))
            .getter(c"line_buffering", |py, _: &LogStream| Ok(Obj::bool(py, true)))
            .getter(c"write_through", |py, _: &LogStream| Ok(Obj::bool(py, false)));
    }
}

/// The classes of this file and their instances, for an interpreter's set.
pub fn class(py: Py<'_>) -> Result<Obj<'_>> {
    class::make::<LogStream>(py)
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
