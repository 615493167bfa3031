//! The proof of attachment.

use super::{extra, ffi};
use std::marker::PhantomData;

/// Proof that this thread is attached to an interpreter and holds its GIL. Copies cost nothing; none leaves the
/// thread or the attachment.
#[derive(Clone, Copy)]
pub struct Py<'py>(PhantomData<(&'py (), *mut ())>);

impl<'py> Py<'py> {
    /// # Safety
    /// The calling thread is attached for `'py`.
    pub(super) unsafe fn assume() -> Self {
        Self(PhantomData)
    }

    /// Runs `work` without the GIL: other threads run Python meanwhile. What blocks belongs here. `Send` keeps the
    /// token and objects out.
    pub fn detached<T: Send>(self, work: impl FnOnce() -> T + Send) -> T {
        struct Back(*mut ffi::PyThreadState);
        impl Drop for Back {
            fn drop(&mut self) {
                // SAFETY: the state saved below, by the same thread.
                unsafe { restore(self.0) }
            }
        }
        // SAFETY: this thread is attached, says the token; it is again when `_back` drops, also after a panic.
        let _back = Back(unsafe { ffi::PyEval_SaveThread() });
        work()
    }
}

/// Attaches the calling thread through `state`, and has `PyGILState_*` follow.
///
/// # Safety
/// `state` belongs to the calling thread, is alive and not attached.
pub(super) unsafe fn restore(state: *mut ffi::PyThreadState) {
    // SAFETY: says the caller. The key is Python's own slot (see `extra`), whose value is this thread's state.
    unsafe {
        ffi::PyEval_RestoreThread(state);
        if let Some(key) = extra::get().slot {
            libc::pthread_setspecific(key, state.cast());
        }
    }
}
