//! Frames of threads: who has called whom, and where. They may be of another interpreter than the reader is attached to, as long
//! as both share a GIL: nothing is asked of them that runs Python code.

use super::{Bound, Py, extra, ffi};

impl<'py> Bound<'py> {
    /// The frame that has called this one, which is a frame.
    pub fn frame_back(&self) -> Option<Bound<'py>> {
        // SAFETY: a live object that is shown to be a frame; the answer is a new reference, or null without an exception.
        unsafe {
            let frame = self.is_frame().then(|| (extra::get().frame_back)(self.ptr().cast()))?;
            if frame.is_null() { None } else { Bound::owned(self.py(), frame).ok() }
        }
    }

    /// The code that this frame runs.
    pub fn frame_code(&self) -> Option<Bound<'py>> {
        // SAFETY: a live object that is shown to be a frame; the answer is a new reference, and never null.
        unsafe {
            let code = self.is_frame().then(|| ffi::PyFrame_GetCode(self.ptr().cast()))?;
            Bound::owned(self.py(), code.cast()).ok()
        }
    }

    /// The line at which this frame stands; 0: it has none.
    pub fn frame_line(&self) -> u32 {
        // SAFETY: a live object that is shown to be a frame.
        let line = unsafe { if self.is_frame() { ffi::PyFrame_GetLineNumber(self.ptr().cast()) } else { 0 } };
        u32::try_from(line).unwrap_or(0)
    }

    fn is_frame(&self) -> bool {
        // SAFETY: a live object.
        unsafe { ffi::Py_TYPE(self.ptr()) as usize == extra::get().frame_type }
    }
}

/// Does something without a garbage collection in between: up to Python 3.11 one can happen wherever an object is made, and
/// run finalizers, which may let other threads go on.
pub fn without_collector<T>(_: Py<'_>, work: impl FnOnce() -> T) -> T {
    struct Enable(bool);
    impl Drop for Enable {
        fn drop(&mut self) {
            if self.0 {
                // SAFETY: attached, for the token is borrowed by the function below.
                unsafe { ffi::PyGC_Enable() };
            }
        }
    }
    // SAFETY: attached, says the token. The answer is whether it was enabled.
    let _enable = Enable(unsafe { ffi::PyGC_Disable() } != 0);
    work()
}
