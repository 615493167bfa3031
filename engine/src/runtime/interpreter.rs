//! An interpreter with the engine's objects in it: classes, cached strings, loaded scripts.

use super::forks;
use super::interpreters::InterpreterName;
use super::output::{Output, Stream};
use super::package;
use super::settings::Settings;
use super::text::TextStreams;
use crate::host;
use crate::python::{
    Bound, InterpreterCell, InterpreterId, InterpreterState, Owned, Py, Raised, Result, Standing,
    delete_states_of_this_thread,
};
use once_cell::sync::OnceCell;
use std::any::Any;
use std::ffi::CStr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};
use wire::{Message, Origin};

/// A Python interpreter with the objects that the engine keeps in it.
pub struct Interpreter {
    state: InterpreterState,
    name: Vec<u8>,
    /// Set once, before anybody else sees the interpreter.
    contents: OnceCell<Contents>,
    /// Whether the interpreter has been ended: no thread may attach. Threads other than loaders check this first.
    ended: RwLock<bool>,
    /// Those who subscribed to the end of the process were told.
    pub is_told_of_end: AtomicBool,
    /// What the watchdog saw of its imports at the last look.
    pub imports_seen: InterpreterCell<Option<Owned>>,
}

/// What makes the objects that the protocol of the applications needs in an interpreter: it is given the module
/// `_engine.py`. [`Interpreter::of_protocol`] has them.
pub type Fit = fn(Py<'_>, &Settings, &Bound<'_>) -> Result<Box<dyn Any + Send + Sync>>;

/// Objects of the interpreter.
struct Contents {
    streams: TextStreams,
    client_disconnected: Owned,
    request_timeout: Owned,
    /// What [`Fit`] made.
    of_protocol: Box<dyn Any + Send + Sync>,
    /// `mod_wsgi._engine`
    support: Owned,
    /// What `import builtins` answers: frames tell by it which interpreter they are of.
    builtins: Owned,
}

impl Interpreter {
    /// Fills an interpreter. On python-main, not attached.
    pub fn prepare(
        state: InterpreterState,
        name: &InterpreterName,
        settings: &Settings,
        fit: Fit,
    ) -> std::result::Result<Arc<Self>, String> {
        let interpreter = Arc::new(Self {
            imports_seen: InterpreterCell::new(state.id(), None),
            is_told_of_end: AtomicBool::new(false),
            state,
            name: name.label(),
            contents: OnceCell::new(),
            ended: RwLock::new(false),
        });
        let filled = interpreter.attach(|py| {
            let contents = interpreter.fill(py, name.group(), settings, fit);
            contents.map(|contents| interpreter.contents.set(contents).is_ok()).map_err(|raised| {
                let name = raised.class_name(py);
                Raised.print(py);
                name
            })
        });
        filled.map(|_| interpreter)
    }

    fn fill(self: &Arc<Self>, py: Py<'_>, group: &[u8], settings: &Settings, fit: Fit) -> Result<Contents> {
        let support = package::load(py)?;
        let streams = TextStreams::new(py)?;
        let config = settings.config(py, group)?;
        let (stderr, stdout) = (streams.standard(py, Stream::Stderr)?, streams.standard(py, Stream::Stdout)?);
        support.attr(c"prepare")?.call(&[&config, &stderr, &stdout])?;
        Ok(Contents {
            streams,
            client_disconnected: support.attr(c"ClientDisconnected")?.keep(),
            request_timeout: support.attr(c"RequestTimeout")?.keep(),
            of_protocol: fit(py, settings, &support)?,
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

    /// Which interpreter it is.
    pub fn id(&self) -> InterpreterId {
        self.state.id()
    }

    /// Both have one GIL.
    pub fn shares_gil(&self, other: &Self) -> bool {
        self.state.shares_gil(&other.state)
    }

    /// The innermost frame of each of its threads that runs Python code, by ident; attached to `here`, whose GIL it shares. `None`:
    /// Python must be asked (before 3.12).
    pub fn frames<'py>(&self, py: Py<'py>, here: &Self) -> Option<Vec<(u64, Bound<'py>)>> {
        self.state.frames(py, &here.state)
    }

    /// Lets others see where `work` stands, which this thread does attached here.
    pub fn inside<T>(&self, py: Py<'_>, standing: &Standing, work: impl FnOnce() -> T) -> T {
        standing.inside(py, &self.state, work)
    }

    /// The ident of the thread that stands somewhere, and its frame; attached here.
    pub fn frame_of<'py>(&self, py: Py<'py>, standing: &Standing) -> Option<(u64, Bound<'py>)> {
        standing.frame(py, &self.state)
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
        format!("sub-interpreter '{}' {}", wire::shown(&self.name), host::place())
    }

    /// Has an object of so many bytes released by the next thread that attaches here.
    pub fn release_later(interpreter: &Arc<Interpreter>, object: Owned, size: usize) {
        /// When more than this waits, a thread is made to see to it, for none may come for long.
        const MUCH: usize = 1 << 20;
        let waiting = interpreter.state.release_later(object, size);
        if waiting >= MUCH && waiting - size < MUCH {
            release_soon(interpreter);
        }
    }

    /// Releases what waits.
    pub fn release_pending(&self, py: Py<'_>) {
        self.state.release_pending(py);
    }

    /// Ends the interpreter if no other thread has a state in it. On a loader, not attached; nothing may use the interpreter
    /// afterwards.
    pub fn end_if_alone(&self) -> bool {
        let mut ended = os::write_lock(&self.ended);
        if !*ended && self.attach(|py| self.state.is_alone(py)) {
            self.state.end();
            *ended = true;
        }
        *ended
    }

    /// Attaches like [`Interpreter::attach`], for a thread from outside; `None`: the interpreter has ended.
    pub fn visit<T>(&self, work: impl FnOnce(Py<'_>) -> T) -> Option<T> {
        let ended = os::read_lock(&self.ended);
        (!*ended).then(|| self.attach(work))
    }

    /// Calls a function that `_engine.py` names.
    pub fn ask<'py>(&self, py: Py<'py>, name: &CStr, arguments: &[&Bound<'py>]) -> Result<Bound<'py>> {
        self.contents().support.get(py).attr(name)?.call(arguments)
    }

    /// This frame is one of the interpreter's.
    pub fn owns(&self, frame: &Bound<'_>) -> bool {
        let builtins = frame.attr(c"f_builtins");
        builtins.map_or_else(
            |raised| {
                raised.forget(frame.py());
                false
            },
            |builtins| builtins.address() == self.contents().builtins.address(),
        )
    }

    /// What [`Fit`] has made here; it is of this type.
    pub fn of_protocol<T: 'static>(&self) -> &T {
        self.contents().of_protocol.downcast_ref().expect("a process has one protocol")
    }

    /// `mod_wsgi.ClientDisconnected`
    pub fn client_disconnected<'a, 'py>(&'a self, py: Py<'py>) -> &'a Bound<'py> {
        self.contents().client_disconnected.get(py)
    }

    /// `mod_wsgi.RequestTimeout`
    pub fn request_timeout<'a, 'py>(&'a self, py: Py<'py>) -> &'a Bound<'py> {
        self.contents().request_timeout.get(py)
    }

    /// What makes `wsgi.errors` of requests.
    pub fn streams(&self) -> &TextStreams {
        &self.contents().streams
    }

    /// Waits for the application's threads and runs exit functions; answers the names of threads that are left.
    pub fn run_exit_functions(&self, py: Py<'_>, seconds: f64) -> Vec<String> {
        let names = Bound::float(py, seconds).and_then(|seconds| {
            let names = self.ask(py, c"end", &[&seconds])?;
            (0..names.count()).map(|index| names.item(index)?.text()).collect()
        });
        names.unwrap_or_else(|raised| {
            raised.print(py);
            Vec::new()
        })
    }

    /// Logs a message and below it, line by line, the exception that is set, with its traceback; answers the traceback.
    pub fn log_exception(
        &self,
        py: Py<'_>,
        raised: Raised,
        output: Option<&Output>,
        message: Message,
        text: impl std::fmt::Display,
    ) -> Traceback {
        let exception = raised.take(py);
        let line = message.line(text);
        let mut trace = Traceback::default();
        match self.traceback(py, &exception) {
            Ok(found) => trace = found,
            // Nothing can be imported, or memory is out: Python prints what it can itself.
            Err(second) => {
                second.forget(py);
                exception.raise().print(py);
            }
        }
        let level = message.level();
        let whole = trace.lines.join(&b'\n');
        let origin = Origin::NONE.with_exception(&whole);
        py.detached(|| match output {
            Some(output) => output.record(level, line.as_bytes(), origin),
            None => host::log_from(level, line.as_bytes(), origin),
        });
        trace
    }

    fn traceback(&self, py: Py<'_>, exception: &Bound<'_>) -> Result<Traceback> {
        let found = self.ask(py, c"traced", &[exception])?;
        let texts = |list: &Bound<'_>| -> Result<Vec<Vec<u8>>> {
            (0..list.count()).map(|index| Ok(list.item(index)?.lossy().into_owned())).collect()
        };
        Ok(Traceback { lines: texts(&found.item(0)?)?, places: texts(&found.item(1)?)? })
    }
}

/// The traceback of an exception.
#[derive(Debug, Default)]
pub struct Traceback {
    /// All of it.
    pub lines: Vec<Vec<u8>>,
    /// Its lines that name places, the innermost last; nothing of what the exception says.
    pub places: Vec<Vec<u8>>,
}

/// Has what waits in an interpreter released, by a thread of its own: finalizers run then, which may take for ever.
fn release_soon(interpreter: &Arc<Interpreter>) {
    let interpreter = interpreter.clone();
    let body = move || {
        interpreter.visit(|py| interpreter.release_pending(py));
        if forks::is_copy() {
            os::end(0);
        }
        delete_states_of_this_thread();
    };
    // Without a thread it waits for the next one that attaches.
    let _ = std::thread::Builder::new().name("wsgi-release".into()).spawn(body);
}
