//! State that the GIL protects.

use super::Py;
use std::cell::{RefCell, RefMut};

/// A value that only attached threads touch. Two interpreters with a GIL each are never made, so one thread at a time
/// is inside; the borrow is checked all the same, for re-entry through Python code.
pub struct GilCell<T>(RefCell<T>);

// SAFETY: every access needs a `Py`, hence the GIL of the process; the borrow flag is therefore never raced for.
unsafe impl<T: Send> Sync for GilCell<T> {}

impl<T: Default> Default for GilCell<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> GilCell<T> {
    /// A cell with a value.
    pub const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    /// The value, for as long as nothing of Python is called.
    ///
    /// # Panics
    /// When it is borrowed already: a fault of the caller, who called into Python with the borrow held.
    pub fn borrow<'a>(&'a self, _: Py<'a>) -> RefMut<'a, T> {
        self.0.borrow_mut()
    }

    /// Takes the value and leaves the default.
    pub fn take(&self, _: Py<'_>) -> T
    where
        T: Default,
    {
        self.0.take()
    }

    /// A copy of the value.
    pub fn get(&self, _: Py<'_>) -> T
    where
        T: Copy,
    {
        *self.0.borrow()
    }

    /// Replaces the value.
    pub fn set(&self, _: Py<'_>, value: T) {
        self.0.replace(value);
    }
}
