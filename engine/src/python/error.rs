//! Exceptions: that one is set, which one, and raising them from Rust.

use super::{Bound, Py, ffi};
use std::ffi::CString;

/// A Python exception is set on this thread, as after a C function that answered NULL.
#[derive(Debug)]
#[must_use]
pub struct Raised;

/// Built-in exceptions that Rust code raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// `TypeError`
    Type,
    /// `ValueError`
    Value,
    /// `RuntimeError`
    Runtime,
    /// `OSError`
    Os,
    /// `ImportError`
    Import,
}

impl Problem {
    /// Raises the exception with a text.
    pub fn raise(self, _: Py<'_>, text: impl std::fmt::Display) -> Raised {
        let text = CString::new(text.to_string().replace('\0', "?")).unwrap_or_default();
        // SAFETY: exception classes are statics; the text is a live C string that Python copies.
        unsafe {
            let class = match self {
                Self::Type => ffi::PyExc_TypeError,
                Self::Value => ffi::PyExc_ValueError,
                Self::Runtime => ffi::PyExc_RuntimeError,
                Self::Os => ffi::PyExc_OSError,
                Self::Import => ffi::PyExc_ImportError,
            };
            ffi::PyErr_SetString(class, text.as_ptr());
        }
        Raised
    }
}

impl Raised {
    /// Raises an exception of a class that the engine defines.
    pub fn with(class: &Bound<'_>, text: impl std::fmt::Display) -> Self {
        let text = CString::new(text.to_string().replace('\0', "?")).unwrap_or_default();
        // SAFETY: a live class and C string.
        unsafe { ffi::PyErr_SetString(class.ptr(), text.as_ptr()) };
        Self
    }

    /// The exception object; none is set any more.
    pub fn take(self, py: Py<'_>) -> Bound<'_> {
        // SAFETY: Fetch answers owned references (3.11 has no PyErr_GetRaisedException); normalising makes the value
        // an instance, which gets its traceback.
        unsafe {
            let (mut class, mut value, mut trace) =
                (std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut());
            #[allow(deprecated)]
            {
                ffi::PyErr_Fetch(&mut class, &mut value, &mut trace);
                ffi::PyErr_NormalizeException(&mut class, &mut value, &mut trace);
            }
            if !trace.is_null() && !value.is_null() {
                ffi::PyException_SetTraceback(value, trace);
            }
            ffi::Py_XDECREF(class);
            ffi::Py_XDECREF(trace);
            Bound::owned(py, value).unwrap_or_else(|_| Bound::none(py))
        }
    }

    /// Drops the exception.
    pub fn forget(self, _: Py<'_>) {
        // SAFETY: clears what is set on this thread.
        unsafe { ffi::PyErr_Clear() }
    }

    /// The exception is SystemExit.
    pub fn is_system_exit(&self, _: Py<'_>) -> bool {
        // SAFETY: asks about what is set on this thread.
        unsafe { ffi::PyErr_ExceptionMatches(ffi::PyExc_SystemExit) == 1 }
    }

    /// What the process would exit with; the exception is SystemExit. None is set any more.
    pub fn exit_status(self, py: Py<'_>) -> i32 {
        let code = self.take(py).attr(c"code");
        let status = code.and_then(|code| if code.is_none() { Ok(0) } else { code.as_int() });
        status.map_or_else(
            |raised| {
                raised.forget(py);
                1
            },
            |status| status as i32,
        )
    }

    /// The exception is an OSError.
    pub fn is_os_error(&self, _: Py<'_>) -> bool {
        // SAFETY: asks about what is set on this thread.
        unsafe { ffi::PyErr_ExceptionMatches(ffi::PyExc_OSError) == 1 }
    }

    /// The exception is an AttributeError.
    pub fn is_attribute_error(&self, _: Py<'_>) -> bool {
        // SAFETY: asks about what is set on this thread.
        unsafe { ffi::PyErr_ExceptionMatches(ffi::PyExc_AttributeError) == 1 }
    }

    /// Name of the exception's class.
    pub fn class_name(&self, py: Py<'_>) -> String {
        // Set aside while its name is read, because reading it calls Python.
        let exception = Raised.take(py);
        let name = exception.type_name();
        let Raised = exception.raise();
        name
    }

    /// The exception is an instance of `class`.
    pub fn is(&self, class: &Bound<'_>) -> bool {
        // SAFETY: as above, with a live class.
        unsafe { ffi::PyErr_ExceptionMatches(class.ptr()) == 1 }
    }

    /// Has Python print it to `sys.stderr` itself; for when nothing better works. None is set any more.
    pub fn print(self, _: Py<'_>) {
        // SAFETY: prints and clears; without a set exception it does nothing. SystemExit is not acted upon because
        // PyErr_PrintEx would end the process, so it is displayed instead.
        unsafe {
            let (mut class, mut value, mut trace) =
                (std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut());
            #[allow(deprecated)]
            ffi::PyErr_Fetch(&mut class, &mut value, &mut trace);
            if !class.is_null() {
                ffi::PyErr_Display(class, value, trace);
            }
            ffi::Py_XDECREF(class);
            ffi::Py_XDECREF(value);
            ffi::Py_XDECREF(trace);
        }
    }
}

impl<'py> Bound<'py> {
    /// Raises this exception instance again, with the traceback it has.
    pub fn raise(&self) -> Raised {
        // SAFETY: a live exception instance; SetObject takes references of its own.
        unsafe { ffi::PyErr_SetObject(ffi::Py_TYPE(self.ptr()).cast(), self.ptr()) };
        Raised
    }
}
