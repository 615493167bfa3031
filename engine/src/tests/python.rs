//! Python, started once in the test process, on a thread that plays python-main.
#![allow(unsafe_code)]

use crate::host::{self, Host};
use crate::python::{self, Entry, Problem, Py, ffi};
use crate::runtime::Settings;
use crate::wsgi;
use std::ffi::{CStr, c_void};
use std::ptr::NonNull;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, Once};
use wire::settings::{Interpreter, Process};
use wire::{Level, Origin};

static READY: Mutex<Option<SyncSender<()>>> = Mutex::new(None);
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The process's error log.
struct Lines;

impl Host for Lines {
    fn log(&self, _: Level, line: &[u8], origin: Origin<'_>) {
        let lines = origin.lines(line).map(|line| wire::shown(&line).into_owned());
        os::lock(&LINES).extend(lines);
    }

    fn logs(&self, _: Level) -> bool {
        true
    }
}

/// What was logged outside of requests, by anybody so far: those lines that have `part` in them.
pub fn host_lines(part: &str) -> Vec<String> {
    let lines = os::lock(&LINES);
    lines.iter().filter(|line| line.contains(part)).cloned().collect()
}

/// Stands for the engine's own entry, which meets the Apache half at the address it is given.
struct Begin;

impl Entry for Begin {
    fn work(_: Py<'_>) -> python::Result<()> {
        unreachable!("the tests have no process group")
    }

    type Host = ();

    unsafe fn embed(py: Py<'_>, _: NonNull<()>) -> python::Result<()> {
        // SAFETY: Ctrl-C ends the tests, whatever Python installed.
        unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
        let ready = os::lock(&READY).take();
        let begun = || ready.into_iter().for_each(|ready| ready.send(()).unwrap_or_default());
        python::initialise()
            .and_then(|()| wsgi::start(py, settings(), begun))
            .map_err(|why| Problem::Runtime.raise(py, why))
    }
}

extern "C" fn module() -> *mut c_void {
    python::module_definition::<Begin>()
}

/// What every interpreter of the tests is told.
fn settings() -> Settings {
    let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    Settings {
        process: Process {
            multithread: true,
            restrict_exit: wire::exit_rule::OFF,
            apache_version: [2, 4, 99],
            description: b"Apache/2.4.99 (Test)".to_vec(),
            mpm_name: b"event".to_vec(),
            processes: 3,
            // Half of them may wait for a start; tests of one process wait together.
            threads: 400,
            startup_requests: 0,
            import_timeout: 0.0,
            ..Process::default()
        },
        interpreter: Interpreter { restrict_stdin: true, ..Interpreter::default() },
        named: Vec::new(),
        environ: vec![pair("PATH", "/usr/bin:/bin"), pair("PRISTINE", "yes")],
    }
}

/// Starts Python, unless it runs already.
pub fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        host::set(Box::new(Lines));
        let (ready, begun) = sync_channel(1);
        *os::lock(&READY) = Some(ready);
        let main = std::thread::Builder::new().name("python-main".into()).stack_size(8 << 20);
        main.spawn(run).expect("a thread can be started");
        begun.recv().expect("Python starts");
    });
}

fn run() {
    // The executable's path tells Python where its library is, as in the product. No site directories: the tests are
    // of the engine, and what is installed must not matter.
    const PROGRAM: &str = concat!(env!("PYO3_PYTHON"), "\0");
    const BOOTSTRAP: &CStr = c"import _mod_wsgi; _mod_wsgi.embed(1)";
    let arguments =
        [PROGRAM.as_ptr().cast(), c"-S".as_ptr(), c"-P".as_ptr(), c"-c".as_ptr(), BOOTSTRAP.as_ptr()];
    let mut arguments = arguments.map(<*const _>::cast_mut);
    // SAFETY: C strings that live as the process; the function that makes the module has the signature of PyInit_*,
    // and is announced before Python starts.
    unsafe {
        let module: unsafe extern "C" fn() -> *mut c_void = module;
        let module: unsafe extern "C" fn() -> *mut ffi::PyObject = std::mem::transmute(module);
        ffi::PyImport_AppendInittab(c"_mod_wsgi".as_ptr(), Some(module));
        ffi::Py_BytesMain(arguments.len() as _, arguments.as_mut_ptr());
    }
}
