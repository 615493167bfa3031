//! The proof of attachment.

use super::{extra, ffi, waits};
use std::marker::PhantomData;

/// Proof that this thread is attached to an interpreter and holds its GIL: which one, it knows. No copy leaves the thread or
/// the attachment.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Py<'py>(InterpreterId, PhantomData<(&'py (), *mut ())>);

impl<'py> Py<'py> {
    /// # Safety
    /// The calling thread is attached for `'py`, to this interpreter.
    pub(super) unsafe fn assume(interpreter: InterpreterId) -> Self {
        Self(interpreter, PhantomData)
    }

    /// # Safety
    /// The calling thread is attached for `'py`.
    pub(super) unsafe fn attached() -> Self {
        // SAFETY: attached, says the caller; it cannot fail then.
        Self(InterpreterId(unsafe { ffi::PyInterpreterState_Get() } as usize), PhantomData)
    }

    /// The interpreter that the thread is attached to.
    pub fn interpreter(self) -> InterpreterId {
        self.0
    }

    /// Runs `work` without the GIL: other threads run Python meanwhile. What blocks belongs here. `Send` keeps the
    /// token and objects out.
    pub fn detached<T: Send>(self, work: impl FnOnce() -> T + Send) -> T {
        struct Back(*mut ffi::PyThreadState, Attached);
        impl Drop for Back {
            fn drop(&mut self) {
                self.1.restore();
                // SAFETY: the state saved below, by the same thread.
                unsafe { restore(self.0) }
            }
        }
        // SAFETY: this thread is attached, says the token; it is again when `_back` drops, also after a panic.
        let _back = Back(unsafe { ffi::PyEval_SaveThread() }, Attached::set(false));
        work()
    }
}

/// Which interpreter, while it lives: a number that no other one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct InterpreterId(pub(super) usize);

impl InterpreterId {
    /// It is the one that lies there in memory.
    pub fn is_at(self, address: usize) -> bool {
        self.0 == address
    }
}

#[cfg(test)]
impl InterpreterId {
    /// One that no interpreter has, for tests that need none.
    pub fn numbered(number: usize) -> Self {
        Self(number)
    }
}

/// Whether this thread was attached by us before; known in debug builds alone, to see that no thread attaches anew while it is
/// attached: objects of one interpreter could get into another that way.
pub(super) struct Attached(#[cfg(debug_assertions)] bool);

#[cfg(debug_assertions)]
thread_local!(static ATTACHED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });

impl Attached {
    /// The thread is attached or detached from now on; answers what it was.
    pub(super) fn set(_now: bool) -> Self {
        #[cfg(debug_assertions)]
        return Self(ATTACHED.replace(_now));
        #[cfg(not(debug_assertions))]
        Self()
    }

    /// The thread is what it was.
    pub(super) fn restore(&self) {
        #[cfg(debug_assertions)]
        ATTACHED.set(self.0);
    }

    /// The thread may attach, for it is not attached.
    pub(super) fn check(&self) {
        #[cfg(debug_assertions)]
        assert!(!self.0, "a thread attaches that is attached");
    }
}

/// Attaches the calling thread through `state`, and has `PyGILState_*` follow.
///
/// # Safety
/// `state` belongs to the calling thread, is alive and not attached.
pub(super) unsafe fn restore(state: *mut ffi::PyThreadState) {
    // SAFETY: says the caller. The key is Python's own slot (see `extra`), whose value is this thread's state.
    unsafe {
        waits::waiting(|| ffi::PyEval_RestoreThread(state));
        if let Some(key) = extra::get().slot() {
            libc::pthread_setspecific(key, state.cast());
        }
    }
}
