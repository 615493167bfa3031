//! Threads as Python sees them: who they are, where they stand, and interrupting them.

use super::{Bound, InterpreterState, Py, extra, ffi};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What `threading.get_ident()` answers on this thread.
pub fn thread_ident() -> u64 {
    // SAFETY: asks for the calling thread.
    unsafe { libc::pthread_self() as u64 }
}

thread_local!(static ID: Cell<u64> = const { Cell::new(0) });

/// The number of this thread is another one now, in a copy of its process.
pub fn forget_native_id() {
    ID.set(0);
}

/// The number by which the system knows this thread.
pub fn native_id() -> u64 {
    if ID.get() == 0 {
        // SAFETY: asks for the calling thread.
        ID.set(unsafe { libc::syscall(libc::SYS_gettid) } as u64);
    }
    ID.get()
}

/// Where a thread stands that is inside an interpreter: for others to look at.
#[derive(Default)]
pub struct Standing {
    ident: AtomicU64,
    /// The interpreter whose GIL the thread takes to run.
    gil: AtomicUsize,
    /// The thread's state there, while it is inside; changed with that GIL held.
    state: AtomicUsize,
}

impl Standing {
    /// Lets others see where `work` stands, in the interpreter that the thread is attached to.
    pub fn inside<T>(&self, py: Py<'_>, interpreter: &InterpreterState, work: impl FnOnce() -> T) -> T {
        struct Leave<'a>(&'a AtomicUsize);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.store(0, Ordering::SeqCst);
            }
        }
        assert!(py.interpreter() == interpreter.id(), "a thread stands in another interpreter");
        self.gil.store(interpreter.gil.0, Ordering::SeqCst);
        self.ident.store(thread_ident(), Ordering::SeqCst);
        // SAFETY: attached, says the token.
        self.state.store(unsafe { ffi::PyThreadState_Get() } as usize, Ordering::SeqCst);
        let _leave = Leave(&self.state);
        work()
    }

    /// The thread's ident and the frame it runs, if it is inside. The caller is attached to `interpreter`, and sees nothing if
    /// that has another GIL.
    pub fn frame<'py>(&self, py: Py<'py>, interpreter: &InterpreterState) -> Option<(u64, Bound<'py>)> {
        let state = self.state.load(Ordering::SeqCst);
        let is_held =
            py.interpreter() == interpreter.id() && self.gil.load(Ordering::SeqCst) == interpreter.gil.0;
        if state == 0 || !is_held {
            return None;
        }
        // SAFETY: we hold the GIL with which `inside` takes the state back before its thread leaves: so the state is
        // alive. The answer is a new reference, or null without an exception when nothing runs.
        let frame = unsafe {
            let frame = (extra::get().frame)(state as *mut ffi::PyThreadState);
            if frame.is_null() {
                return None;
            }
            Bound::owned(py, frame).ok()?
        };
        Some((self.ident.load(Ordering::SeqCst), frame))
    }
}

/// Has a thread of this interpreter raise an exception of `class` at its next step; answers the number of threads that
/// will: 0 or 1.
pub fn interrupt(_: Py<'_>, ident: u64, class: &Bound<'_>) -> i32 {
    // SAFETY: attached, and a live class.
    unsafe { ffi::PyThreadState_SetAsyncExc(ident as _, class.ptr()) }
}

/// The calling thread does not raise what [`interrupt`] wanted, if it has not yet.
pub fn forget_interrupt(_: Py<'_>) {
    // SAFETY: attached; null takes a pending exception back.
    unsafe { ffi::PyThreadState_SetAsyncExc(thread_ident() as _, std::ptr::null_mut()) };
}

/// Number of modules in `sys.modules`.
pub fn modules(_: Py<'_>) -> usize {
    // SAFETY: attached; both answer borrowed or plain values, and set no exception for a dict.
    unsafe {
        let modules = ffi::PyImport_GetModuleDict();
        if modules.is_null() { 0 } else { ffi::PyDict_Size(modules).try_into().unwrap_or(0) }
    }
}
