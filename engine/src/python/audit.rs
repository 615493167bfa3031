//! What Python tells of itself before it does it: audit events (PEP 578), of all interpreters.

use super::{Py, extra, ffi};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is about to happen, on the calling thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A process is started.
    Process,
    /// A module is imported for the first time, or a library is loaded.
    Library,
}

pub(super) type Audit = unsafe extern "C" fn(*const c_char, *const c_char, ...) -> c_int;
pub(super) type Hook = unsafe extern "C" fn(*const c_char, *mut ffi::PyObject, *mut c_void) -> c_int;

/// An event of our own, which shows that events are told.
const TRIAL: &CStr = c"mod_wsgi.listening";

static LISTENER: OnceLock<fn(Event)> = OnceLock::new();
static IS_TOLD: AtomicBool = AtomicBool::new(false);

/// Has every such event told to `listener` from now on, attached and in the middle of whatever the thread does. There is one
/// listener for as long as the process lives. False: Python does not allow it, or another hook of the application does not,
/// which CPython does not call an error.
pub fn listen(_: Py<'_>, listener: fn(Event)) -> bool {
    let extra = extra::get();
    let Some((add, audit)) = extra.add_audit_hook.zip(extra.audit) else { return false };
    if LISTENER.set(listener).is_err() {
        return true;
    }
    // SAFETY: attached; the hook is a function of this library, which is never unloaded, and uses no argument. The event has no
    // arguments, and whatever was raised is cleared.
    unsafe {
        if add(hook, std::ptr::null_mut()) != 0 || audit(TRIAL.as_ptr(), std::ptr::null()) != 0 {
            ffi::PyErr_Clear();
        }
    }
    IS_TOLD.load(Ordering::SeqCst)
}

/// Called for each event; none is objected to.
unsafe extern "C" fn hook(event: *const c_char, _: *mut ffi::PyObject, _: *mut c_void) -> c_int {
    // SAFETY: CPython passes the name of the event, a text that ends with 0.
    let name = unsafe { CStr::from_ptr(event) };
    if name == TRIAL {
        IS_TOLD.store(true, Ordering::SeqCst);
    }
    if let Some(event) = event_of(name.to_bytes())
        && let Some(listener) = LISTENER.get()
    {
        let _ = std::panic::catch_unwind(|| listener(event));
    }
    0
}

/// The table of CPython's documentation, "Audit events table".
fn event_of(name: &[u8]) -> Option<Event> {
    match name {
        b"subprocess.Popen" | b"os.fork" | b"os.forkpty" | b"os.posix_spawn" | b"os.system" | b"os.exec" => {
            Some(Event::Process)
        }
        b"import" | b"ctypes.dlopen" => Some(Event::Library),
        _ => None,
    }
}
