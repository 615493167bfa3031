//! What the stable ABI of 3.11 lacks and every CPython exports: looked up by name at run time.

use super::audit::{Audit, Hook};
use super::ffi;
use once_cell::sync::OnceCell;
use std::ffi::{CStr, c_void};
use std::os::raw::{c_int, c_ulong};
use std::sync::atomic::{AtomicU32, Ordering};

type Vectorcall = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    usize,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;
type DeleteCurrent = unsafe extern "C" fn();
type ThreadHead = unsafe extern "C" fn(*mut ffi::PyInterpreterState) -> *mut ffi::PyThreadState;
type Frame = unsafe extern "C" fn(*mut ffi::PyThreadState) -> *mut ffi::PyObject;
type FrameBack = unsafe extern "C" fn(*mut ffi::PyFrameObject) -> *mut ffi::PyObject;
type AddAuditHook = unsafe extern "C" fn(Hook, *mut c_void) -> c_int;
pub type GetInterval = unsafe extern "C" fn() -> c_ulong;
pub type SetInterval = unsafe extern "C" fn(c_ulong);
type ThreadNext = unsafe extern "C" fn(*mut ffi::PyThreadState) -> *mut ffi::PyThreadState;

/// Functions found in the running Python.
pub struct Extra {
    /// Calls without building an argument tuple (in the stable ABI from 3.12).
    pub vectorcall: Vectorcall,
    /// Deletes the calling thread's state and gives the GIL back.
    pub delete_current: DeleteCurrent,
    /// First thread state of an interpreter.
    pub thread_head: ThreadHead,
    /// `PyThreadState_Next`: the thread state after another one.
    pub thread_next: ThreadNext,
    /// The frame that a thread state runs.
    pub frame: Frame,
    /// `PyFrame_GetBack`: the frame that has called another one.
    pub frame_back: FrameBack,
    /// `PySys_AddAuditHook`, where there is one.
    pub add_audit_hook: Option<AddAuditHook>,
    /// `PySys_Audit`, where there is one.
    pub audit: Option<Audit>,
    /// The switch interval, microseconds, where it is of the process and needs no attachment (3.11).
    pub interval: Option<(GetInterval, SetInterval)>,
    /// Where `PyFrame_Type` is.
    pub frame_type: usize,
    /// The thread-local slot that `PyGILState_*` reads.
    key: AtomicU32,
    /// It does not follow attachment by itself (3.11).
    stays: bool,
}

/// No key.
const NONE: u32 = u32::MAX;

impl Extra {
    /// The thread-local slot that `PyGILState_*` reads, where it does not follow attachment by itself (3.11).
    pub fn slot(&self) -> Option<libc::pthread_key_t> {
        if self.stays { self.key() } else { None }
    }

    /// The thread-local slot that `PyGILState_*` reads.
    pub fn key(&self) -> Option<libc::pthread_key_t> {
        let key = self.key.load(Ordering::Relaxed);
        (key != NONE).then_some(key)
    }
}

/// In a copy of the process Python has made another one.
pub fn renew_slot() {
    get().key.store(key().unwrap_or(NONE), Ordering::Relaxed);
}

static EXTRA: OnceCell<Extra> = OnceCell::new();

/// The functions; [`load`] has run.
pub fn get() -> &'static Extra {
    EXTRA.get().expect("the engine looks these up before it does anything else")
}

/// Looks them up; the error names what is missing. Attached to the main interpreter.
pub fn load() -> Result<(), String> {
    // SAFETY: the signatures are those of CPython's headers (cpython/abstract.h, cpython/pystate.h, cpython/pyframe.h), the same in 3.11
    // to 3.13.
    let extra = unsafe {
        Extra {
            vectorcall: std::mem::transmute::<*mut c_void, Vectorcall>(find(c"PyObject_Vectorcall")?),
            delete_current: std::mem::transmute::<*mut c_void, DeleteCurrent>(find(
                c"PyThreadState_DeleteCurrent",
            )?),
            thread_head: std::mem::transmute::<*mut c_void, ThreadHead>(find(
                c"PyInterpreterState_ThreadHead",
            )?),
            thread_next: std::mem::transmute::<*mut c_void, ThreadNext>(find(c"PyThreadState_Next")?),
            frame: std::mem::transmute::<*mut c_void, Frame>(find(c"PyThreadState_GetFrame")?),
            frame_back: std::mem::transmute::<*mut c_void, FrameBack>(find(c"PyFrame_GetBack")?),
            add_audit_hook: find(c"PySys_AddAuditHook")
                .ok()
                .map(|function| std::mem::transmute::<*mut c_void, AddAuditHook>(function)),
            audit: find(c"PySys_Audit")
                .ok()
                .map(|function| std::mem::transmute::<*mut c_void, Audit>(function)),
            interval: interval(),
            frame_type: find(c"PyFrame_Type")? as usize,
            key: AtomicU32::new(key().unwrap_or(NONE)),
            stays: is_before_3_12(),
        }
    };
    let _ = EXTRA.set(extra);
    Ok(())
}

fn interval() -> Option<(GetInterval, SetInterval)> {
    if !is_before_3_12() {
        return None;
    }
    let (get, set) = (find(c"_PyEval_GetSwitchInterval").ok()?, find(c"_PyEval_SetSwitchInterval").ok()?);
    // SAFETY: the signatures are those of CPython's header (cpython/ceval.h of 3.11).
    Some(unsafe {
        (
            std::mem::transmute::<*mut c_void, GetInterval>(get),
            std::mem::transmute::<*mut c_void, SetInterval>(set),
        )
    })
}

/// The running Python is 3.11: older ones are refused.
pub fn is_before_3_12() -> bool {
    // SAFETY: a constant of the running Python.
    unsafe { ffi::Py_Version < 0x030c_0000 }
}

/// The address of a function or of data that Python exports.
pub(super) fn find(name: &CStr) -> Result<*mut c_void, String> {
    // SAFETY: searches the libraries of the process; libpython (or the python executable) is global.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    if address.is_null() {
        return Err(format!("this Python does not export {}", name.to_string_lossy()));
    }
    Ok(address)
}

/// On 3.11 a thread's slot stays with the first thread state the thread ever had: code that calls
/// `PyGILState_Ensure` in a sub-interpreter (ctypes callbacks, Cython, psycopg2) then runs in another interpreter or
/// deadlocks. From 3.12 on the slot follows attachment. The slot is a plain pthread key, so on 3.11 we find it (the
/// key whose value `PyGILState_GetThisThreadState` answers) and move it ourselves.
fn key() -> Option<libc::pthread_key_t> {
    const KEYS: u32 = 1024; // PTHREAD_KEYS_MAX
    // SAFETY: reading or writing a key that does not exist is an error without effect; a key is written only with
    // the value it had or, for the moment of the test, with a value nobody follows; this thread holds the GIL.
    unsafe {
        let own = ffi::PyGILState_GetThisThreadState();
        (0..KEYS).find(|&key| {
            if own.is_null() || libc::pthread_getspecific(key) != own.cast() {
                return false;
            }
            let probe: c_int = 0;
            libc::pthread_setspecific(key, (&raw const probe).cast());
            let found = ffi::PyGILState_GetThisThreadState().cast_const() == (&raw const probe).cast();
            libc::pthread_setspecific(key, own.cast());
            found
        })
    }
}
