//! What embedded mode needs of the operating system: libpython, threads, forks.
#![allow(unsafe_code)]

use super::engine;
use super::signals::{self, Interrupt};
use crate::apache::mpm;
use crate::process::engine_file;
use crate::process::threads::spawn;
use once_cell::sync::OnceCell;
use os::{everything, nothing};
use pythons::Python;
use std::cell::Cell;
use std::ffi::{CStr, CString, OsString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use wire::abi::Host;

type BytesMain = unsafe extern "C" fn(c_int, *mut *mut c_char) -> c_int;

fn dl_error() -> String {
    // SAFETY: dlerror answers null or a C string of this thread.
    unsafe {
        let text = libc::dlerror();
        if text.is_null() {
            "unknown error".into()
        } else {
            CStr::from_ptr(text).to_string_lossy().into_owned()
        }
    }
}

/// Starts Python on a thread of its own, exactly as `python -c` would. The engine answers through the table.
///
/// # Safety
/// Until the engine has answered no thread of the process uses the environment.
pub unsafe fn start_python(
    python: &Python,
    host: &'static Host,
    options: &[Vec<u8>],
    variables: Vec<(&str, OsString)>,
) -> Result<(), String> {
    let file = engine_file();
    if !file.exists() {
        return Err(format!("{} is missing: install it beside mod_wsgi.so", file.display()));
    }
    let path = python.library.as_deref().ok_or("its shared library was not looked for")?;
    let library = CString::new(path.as_os_str().as_bytes()).map_err(|e| e.to_string())?;
    // SAFETY: loading a library runs its constructors; libpython's are harmless. Its symbols are global because
    // extension modules are not linked to it.
    let main: BytesMain = unsafe {
        let handle = libc::dlopen(library.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL);
        if handle.is_null() {
            return Err(format!("cannot load {}: {}", path.display(), dl_error()));
        }
        let main = libc::dlsym(handle, c"Py_BytesMain".as_ptr());
        if main.is_null() {
            return Err(format!("{} has no Py_BytesMain", path.display()));
        }
        std::mem::transmute::<*mut c_void, BytesMain>(main)
    };
    for (name, value) in variables {
        // SAFETY: says the caller.
        unsafe { std::env::set_var(name, value) };
    }
    let mut arguments = vec![python.executable.as_os_str().as_bytes().to_vec()];
    arguments.extend_from_slice(options);
    arguments.extend([b"-c".to_vec(), boot(host, &file).into_bytes()]);
    let arguments: Vec<CString> = arguments
        .into_iter()
        .map(|text| CString::new(text).map_err(|e| e.to_string()))
        .collect::<Result<_, _>>()?;
    // Programs that an application starts inherit the mask of the thread that starts them. In prefork httpd leaves all
    // signals open, so they are open here too, and passed on to the thread they are for.
    let mask = if mpm::threaded() { everything() } else { nothing() };
    spawn("python-main", &mask, move || {
        INTERRUPT.set(Some(Interrupt::save()));
        let mut pointers: Vec<*mut c_char> = arguments.iter().map(|text| text.as_ptr().cast_mut()).collect();
        pointers.push(ptr::null_mut());
        // SAFETY: argc and argv as main() gets them; they live as long as this thread, which is Python's main one.
        let code = unsafe { main(arguments.len() as c_int, pointers.as_mut_ptr()) };
        engine::answered(Err(format!("it ended with exit status {code}; see its output above in this log")));
    })
}

/// The first lines Python runs: they load the engine and hand over the table.
fn boot(host: &'static Host, engine: &std::path::Path) -> String {
    let hex: String = engine.as_os_str().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "import os\n\
         from importlib.machinery import ExtensionFileLoader, ModuleSpec\n\
         path = os.fsdecode(bytes.fromhex('{hex}'))\n\
         loader = ExtensionFileLoader('_mod_wsgi', path)\n\
         engine = loader.create_module(ModuleSpec('_mod_wsgi', loader, origin=path))\n\
         loader.exec_module(engine)\n\
         engine.embed({})\n",
        &raw const *host as usize
    )
}

thread_local! {
    /// What SIGINT did before Python started (python-main only).
    static INTERRUPT: Cell<Option<Interrupt>> = const { Cell::new(None) };
}

/// Python has started: Apache's child gets its action for SIGINT back. On python-main.
pub fn restore_interrupt() {
    if let Some(interrupt) = INTERRUPT.take() {
        interrupt.restore();
    }
}

/// Runs `work` on a thread and waits for it, but not once the child is told to end.
pub fn while_no_stop_is_pending(work: impl FnOnce() + Send + 'static) {
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let started = spawn("wsgi-preload", &everything(), move || {
        work();
        let _ = done.send(());
    });
    let pause = Duration::from_millis(50);
    if started.is_ok() {
        while !signals::stop_is_pending() && wait.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {}
    }
}

static COPY: AtomicBool = AtomicBool::new(false);
static THREAD_END: OnceCell<libc::pthread_key_t> = OnceCell::new();

/// Prepares for copies of this process that applications fork, and for ends of threads. Once, in a child.
pub fn watch() {
    extern "C" fn in_copy() {
        COPY.store(true, Ordering::SeqCst);
    }
    extern "C" fn at_thread_end(_: *mut c_void) {
        crate::apache::guard((), || {
            if let Ok(engine) = engine::get() {
                (engine.thread_exit)();
            }
        });
    }
    let mut key = 0;
    // SAFETY: static functions, and this code stays loaded in a child.
    unsafe {
        libc::pthread_atfork(None, None, Some(in_copy));
        if libc::pthread_key_create(&mut key, Some(at_thread_end)) == 0 {
            let _ = THREAD_END.set(key);
        }
    }
}

/// This process is a copy of httpd's child that an application forked.
pub fn is_copy() -> bool {
    COPY.load(Ordering::SeqCst)
}

/// Has the calling thread delete its own thread states when it ends, whichever module made it.
pub fn delete_states_at_thread_end() {
    if let Some(&key) = THREAD_END.get() {
        // SAFETY: a key of ours; any value but null has the destructor called in this thread.
        unsafe {
            if libc::pthread_getspecific(key).is_null() {
                libc::pthread_setspecific(key, (&raw const COPY).cast());
            }
        }
    }
}

/// Has the process end without the exit handlers of C libraries, when httpd ends it: threads of applications are left,
/// maybe in those very libraries, and would crash while they are taken down (OpenSSL).
pub fn skip_exit_handlers() {
    unsafe extern "C" {
        /// glibc's: `function(status, argument)` at exit; handlers run in the reverse order of their registration.
        fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
    }
    extern "C" fn end(status: c_int, _: *mut c_void) {
        os::end(status)
    }
    // SAFETY: a static function of code that stays loaded.
    unsafe { on_exit(end, ptr::null_mut()) };
}
