//! References to Python objects.

use super::{InterpreterId, Py, Raised, Result, ffi};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// A reference owned within an attachment; dropping it gives the reference back.
#[repr(C)]
pub struct Bound<'py> {
    ptr: NonNull<ffi::PyObject>,
    py: Py<'py>,
}

/// A reference owned beyond an attachment: used with a token, given back with [`Owned::release`]. One that is dropped
/// without it is never freed, for a thread that is not attached cannot.
#[repr(C)]
pub struct Owned {
    /// Both as in [`Bound`].
    ptr: NonNull<ffi::PyObject>,
    /// The interpreter that it belongs to.
    owner: InterpreterId,
}

// SAFETY: a pointer; whoever follows it shows a token.
unsafe impl Send for Owned {}
// SAFETY: as above.
unsafe impl Sync for Owned {}

/// A `bytes` object kept beyond an attachment, whose bytes may be read without the GIL: they never change or move.
pub struct OwnedBytes {
    object: Owned,
    start: *const u8,
    len: usize,
}

// SAFETY: the bytes are immutable and live as long as the reference that is kept.
unsafe impl Send for OwnedBytes {}
// SAFETY: as above.
unsafe impl Sync for OwnedBytes {}

impl OwnedBytes {
    /// The bytes of the object.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: see the implementations above.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }

    /// The reference alone.
    pub fn into_owned(self) -> Owned {
        self.object
    }
}

impl<'py> Bound<'py> {
    /// What a C function that answers a new reference, or NULL with an exception set, answered.
    ///
    /// # Safety
    /// `ptr` is such an answer.
    pub(super) unsafe fn owned(py: Py<'py>, ptr: *mut ffi::PyObject) -> Result<Self> {
        NonNull::new(ptr).map(|ptr| Self { ptr, py }).ok_or(Raised)
    }

    /// As [`Bound::owned`], for a borrowed reference: takes one of its own.
    ///
    /// # Safety
    /// `ptr` is null with an exception set, or a live object.
    pub(super) unsafe fn borrowed(py: Py<'py>, ptr: *mut ffi::PyObject) -> Result<Self> {
        // SAFETY: live or null, says the caller.
        unsafe {
            ffi::Py_XINCREF(ptr);
            Self::owned(py, ptr)
        }
    }

    /// The pointer, borrowed.
    pub(super) fn ptr(&self) -> *mut ffi::PyObject {
        self.ptr.as_ptr()
    }

    /// The pointer, with the reference.
    pub(super) fn into_ptr(self) -> *mut ffi::PyObject {
        ManuallyDrop::new(self).ptr.as_ptr()
    }

    /// The object's identity, to compare with another's.
    pub fn address(&self) -> usize {
        self.ptr.as_ptr() as usize
    }

    /// The attachment it lives in.
    pub fn py(&self) -> Py<'py> {
        self.py
    }

    /// Keeps the reference beyond the attachment.
    pub fn keep(self) -> Owned {
        let this = ManuallyDrop::new(self);
        Owned { ptr: this.ptr, owner: this.py.interpreter() }
    }

    /// Keeps the reference of an object that belongs to another interpreter, whose it will be to give it back. Both share a GIL, or
    /// the object could not have got here.
    pub fn keep_for(self, owner: InterpreterId) -> Owned {
        Owned { ptr: ManuallyDrop::new(self).ptr, owner }
    }

    /// Keeps the first `len` bytes of a `bytes`; `None` for anything else.
    pub fn keep_bytes(self, len: usize) -> Option<OwnedBytes> {
        let bytes = self.as_bytes()?;
        let (start, len) = (bytes.as_ptr(), len.min(bytes.len()));
        Some(OwnedBytes { object: self.keep(), start, len })
    }
}

impl Clone for Bound<'_> {
    fn clone(&self) -> Self {
        // SAFETY: a live object, and this thread is attached.
        unsafe { ffi::Py_INCREF(self.ptr()) };
        Self { ptr: self.ptr, py: self.py }
    }
}

impl Drop for Bound<'_> {
    fn drop(&mut self) {
        // SAFETY: our reference, and this thread is attached: the token cannot outlive the attachment.
        unsafe { ffi::Py_DECREF(self.ptr.as_ptr()) }
    }
}

impl Owned {
    /// The object, within an attachment to the interpreter it is of. Panics in another one.
    pub fn get<'a, 'py>(&'a self, py: Py<'py>) -> &'a Bound<'py> {
        self.check(py);
        // SAFETY: `Bound` is the same pointer, and the token of an attachment to the same interpreter, which is nothing but its
        // number; the borrow ends no later than ours, and a borrowed `Bound` is not dropped.
        unsafe { &*(&raw const *self).cast::<Bound<'py>>() }
    }

    /// The object's identity, to compare with another's.
    pub fn address(&self) -> usize {
        self.ptr.as_ptr() as usize
    }

    /// Gives the reference back, within an attachment to the interpreter it is of. Panics in another one.
    pub fn release(self, py: Py<'_>) {
        self.check(py);
        drop(Bound { ptr: self.ptr, py });
    }

    /// The attachment is to the interpreter that the object belongs to.
    fn check(&self, py: Py<'_>) {
        assert!(py.interpreter() == self.owner, "an object of another interpreter");
    }
}
