//! An interpreter with everything of ours in it: classes, cached strings, loaded scripts.

use super::imports::Sight;
use super::native::{self, Native};
use super::settings::Settings;
use crate::host;
use crate::python::class;
use crate::python::{Bound, GilCell, InterpreterState, Owned, Py, Raised, Result};
use crate::wsgi::{Adapter, Call, Input, Keys, Stream, TextStreams};
use once_cell::sync::OnceCell;
use std::cell::RefMut;
use std::ffi::CStr;
use std::sync::{Arc, PoisonError, RwLock};
use wire::Message;

/// An interpreter of ours.
pub struct Interpreter {
    state: InterpreterState,
    name: Vec<u8>,
    /// Set once, before anybody else sees the interpreter.
    contents: OnceCell<Contents>,
    keys: GilCell<Keys>,
    /// What the watchdog saw of imports.
    pub(super) sight: GilCell<Sight>,
    /// It has been ended: nobody may attach. Those who come from outside the loaders look here first.
    ended: RwLock<bool>,
}

/// Objects of the interpreter.
struct Contents {
    adapter: Owned,
    input: Owned,
    streams: TextStreams,
    template: Owned,
    names: Names,
    file_wrapper: Owned,
    client_disconnected: Owned,
    request_timeout: Owned,
    plain_files: [Owned; 2],
    /// The module of `prepare.py` and of `report.py`.
    support: Owned,
    /// What `import builtins` answers: frames tell by it which interpreter they are of.
    builtins: Owned,
}

/// Keys of the environ whose values are not text.
pub struct Names {
    /// `wsgi.input`
    pub input: Owned,
    /// `wsgi.errors`
    pub errors: Owned,
    /// `mod_wsgi.thread_id`
    pub thread_id: Owned,
    /// `mod_wsgi.request_start`
    pub request_start: Owned,
    /// `mod_wsgi.application_start`
    pub application_start: Owned,
    /// `mod_wsgi.queue_start`
    pub queue_start: Owned,
    /// `mod_wsgi.daemon_start`
    pub daemon_start: Owned,
}

impl Interpreter {
    /// Fills an interpreter. On python-main, not attached.
    pub fn prepare(
        state: InterpreterState,
        name: &[u8],
        settings: &Settings,
    ) -> std::result::Result<Arc<Self>, String> {
        let interpreter = Arc::new(Self {
            state,
            name: name.to_vec(),
            contents: OnceCell::new(),
            keys: GilCell::new(Keys::default()),
            sight: GilCell::default(),
            ended: RwLock::new(false),
        });
        let filled = interpreter.attach(|py| {
            let contents = interpreter.fill(py, settings);
            contents.map(|contents| interpreter.contents.set(contents).is_ok()).map_err(|raised| {
                let name = raised.class_name(py);
                Raised.print(py);
                name
            })
        });
        filled.map(|_| interpreter)
    }

    fn fill(self: &Arc<Self>, py: Py<'_>, settings: &Settings) -> Result<Contents> {
        let support = Bound::module(py, c"_mod_wsgi_support")?;
        support.set_attr(c"__file__", &Bound::str(py, "<mod_wsgi>")?)?;
        support.set_attr(c"native", &class::instance(&class::make::<Native>(py)?, Native)?)?;
        native::run_sources(&support)?;
        let streams = TextStreams::new(py)?;
        let config = settings.config(py, &self.name)?;
        let (stderr, stdout) = (streams.standard(py, Stream::Stderr)?, streams.standard(py, Stream::Stdout)?);
        support.attr(c"prepare")?.call(&[&config, &stderr, &stdout])?;
        let interned = |name: &str| Bound::interned(py, name.as_bytes()).map(Bound::keep);
        let io = Bound::import(py, c"_io")?;
        let file_wrapper = support.attr(c"FileWrapper")?;
        Ok(Contents {
            adapter: class::make::<Adapter>(py)?.keep(),
            input: class::make::<Input>(py)?.keep(),
            streams,
            template: settings.environ_template(py, &file_wrapper)?.keep(),
            names: Names {
                input: interned("wsgi.input")?,
                errors: interned("wsgi.errors")?,
                thread_id: interned("mod_wsgi.thread_id")?,
                request_start: interned("mod_wsgi.request_start")?,
                application_start: interned("mod_wsgi.application_start")?,
                queue_start: interned("mod_wsgi.queue_start")?,
                daemon_start: interned("mod_wsgi.daemon_start")?,
            },
            file_wrapper: file_wrapper.keep(),
            client_disconnected: support.attr(c"ClientDisconnected")?.keep(),
            request_timeout: support.attr(c"RequestTimeout")?.keep(),
            plain_files: [io.attr(c"BufferedReader")?.keep(), io.attr(c"FileIO")?.keep()],
            builtins: Bound::import(py, c"builtins")?.module_dict()?.keep(),
            support: support.keep(),
        })
    }

    fn contents(&self) -> &Contents {
        self.contents.get().expect("an interpreter is filled before it is shared")
    }

    /// Runs `work` attached to the interpreter.
    pub fn attach<T>(&self, work: impl FnOnce(Py<'_>) -> T) -> T {
        self.state.attach(work)
    }

    /// The interpreter's name; empty is the main one.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Where code runs, for log lines.
    pub fn context(&self) -> String {
        if self.name.is_empty() {
            return format!("main interpreter {}", host::place());
        }
        format!("sub-interpreter '{}' {}", String::from_utf8_lossy(&self.name), host::place())
    }

    /// Has an object of so many bytes released by the next thread that attaches here.
    pub fn release_later(interpreter: &Arc<Interpreter>, object: Owned, size: usize) {
        /// When more than this waits, a thread is made to see to it, for none may come for long.
        const MUCH: usize = 1 << 20;
        let waiting = interpreter.state.release_later(object, size);
        if waiting >= MUCH && waiting - size < MUCH {
            super::release_soon(interpreter);
        }
    }

    /// Releases what waits.
    pub fn release_pending(&self, py: Py<'_>) {
        self.state.release_pending(py);
    }

    /// Ends the interpreter if no other thread has a state in it. On a loader, not attached; nothing may use the interpreter
    /// afterwards.
    pub(super) fn end_if_alone(&self) -> bool {
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        if !*ended && self.attach(|py| self.state.is_alone(py)) {
            self.state.end();
            *ended = true;
        }
        *ended
    }

    /// As [`Interpreter::attach`], for a thread that comes from outside and may come too late.
    pub(super) fn visit<T>(&self, work: impl FnOnce(Py<'_>) -> T) -> Option<T> {
        let ended = self.ended.read().unwrap_or_else(PoisonError::into_inner);
        (!*ended).then(|| self.attach(work))
    }

    /// Calls a function of `prepare.py` or `report.py`.
    pub(super) fn ask<'py>(&self, py: Py<'py>, name: &CStr, arguments: &[&Bound<'py>]) -> Result<Bound<'py>> {
        self.contents().support.get(py).attr(name)?.call(arguments)
    }

    /// A class that `prepare.py` defines.
    pub(super) fn class<'py>(&self, py: Py<'py>, name: &CStr) -> Result<Bound<'py>> {
        self.contents().support.get(py).attr(name)
    }

    /// This frame is one of the interpreter's.
    pub(super) fn owns(&self, frame: &Bound<'_>) -> bool {
        let builtins = frame.attr(c"f_builtins");
        builtins.map_or_else(
            |raised| {
                raised.forget(frame.py());
                false
            },
            |builtins| builtins.address() == self.contents().builtins.address(),
        )
    }

    /// The environ that every request's begins as.
    pub fn environ_template<'a, 'py>(&'a self, py: Py<'py>) -> &'a Bound<'py> {
        self.contents().template.get(py)
    }

    /// Cached keys and values of environs.
    pub fn keys<'a>(&'a self, py: Py<'a>) -> RefMut<'a, Keys> {
        self.keys.borrow(py)
    }

    /// Cached keys whose values are not text.
    pub fn names(&self) -> &Names {
        &self.contents().names
    }

    /// `mod_wsgi.FileWrapper`
    pub fn file_wrapper<'a, 'py>(&'a self, py: Py<'py>) -> &'a Bound<'py> {
        self.contents().file_wrapper.get(py)
    }

    /// `mod_wsgi.ClientDisconnected`
    pub fn client_disconnected<'a, 'py>(&'a self, py: Py<'py>) -> &'a Bound<'py> {
        self.contents().client_disconnected.get(py)
    }

    /// `mod_wsgi.RequestTimeout`
    pub fn request_timeout<'a, 'py>(&'a self, py: Py<'py>) -> &'a Bound<'py> {
        self.contents().request_timeout.get(py)
    }

    /// A file object of Python's own, whose `close()` does nothing but close.
    pub fn is_plain_file(&self, py: Py<'_>, file: &Bound<'_>) -> bool {
        self.contents().plain_files.iter().any(|class| file.is_exactly(class.get(py)))
    }

    /// A new `start_response` object.
    pub fn adapter_instance<'py>(&self, py: Py<'py>, call: &Arc<Call>) -> Result<Bound<'py>> {
        class::instance(self.contents().adapter.get(py), Adapter(call.clone()))
    }

    /// A new `wsgi.input`.
    pub fn input_instance<'py>(&self, py: Py<'py>, call: &Arc<Call>) -> Result<Bound<'py>> {
        class::instance(self.contents().input.get(py), Input::new(call.clone()))
    }

    /// What makes `wsgi.errors` of requests.
    pub fn streams(&self) -> &TextStreams {
        &self.contents().streams
    }

    /// Waits for the application's threads and runs exit functions; answers the names of threads that are left.
    pub(super) fn run_exit_functions(&self, py: Py<'_>, seconds: f64) -> Vec<String> {
        let names = Bound::float(py, seconds).and_then(|seconds| {
            let names = self.ask(py, c"end", &[&seconds])?;
            (0..names.count()).map(|index| names.item(index)?.text()).collect()
        });
        names.unwrap_or_else(|raised| {
            raised.print(py);
            Vec::new()
        })
    }

    /// Logs a message and below it, line by line, the exception that is set, with its traceback.
    pub fn log_exception(
        &self,
        py: Py<'_>,
        raised: Raised,
        call: Option<&Arc<Call>>,
        message: Message,
        text: impl std::fmt::Display,
    ) {
        let exception = raised.take(py);
        let mut lines = vec![format!("{message}: {text}").into_bytes()];
        match self.traceback(py, &exception) {
            Ok(trace) => lines.extend(trace),
            // Nothing can be imported, or memory is out: Python prints what it can itself.
            Err(second) => {
                second.forget(py);
                exception.raise().print(py);
            }
        }
        let level = message.level();
        py.detached(|| {
            for line in &lines {
                match call {
                    Some(call) => call.log(level, line),
                    None => host::log(level, line),
                }
            }
        });
    }

    fn traceback(&self, py: Py<'_>, exception: &Bound<'_>) -> Result<Vec<Vec<u8>>> {
        let lines = self.ask(py, c"format_exception", &[exception])?;
        (0..lines.count()).map(|index| Ok(lines.item(index)?.lossy().into_owned())).collect()
    }
}
