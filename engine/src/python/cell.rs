//! State that the GIL of one interpreter protects.

use super::{InterpreterId, Py};
use std::cell::{RefCell, RefMut};

/// A value that only threads touch which are attached to one interpreter. They have its GIL, so one at a time is inside; the
/// borrow is checked all the same, for re-entry through Python code.
pub struct InterpreterCell<T> {
    owner: InterpreterId,
    value: RefCell<T>,
}

// SAFETY: every access shows a `Py` of the owner, hence its GIL; the borrow flag is therefore never raced for.
unsafe impl<T: Send> Sync for InterpreterCell<T> {}

impl<T> InterpreterCell<T> {
    /// A cell of an interpreter, with a value.
    pub const fn new(owner: InterpreterId, value: T) -> Self {
        Self { owner, value: RefCell::new(value) }
    }

    fn value(&self, py: Py<'_>) -> &RefCell<T> {
        assert!(py.interpreter() == self.owner, "a cell of another interpreter");
        &self.value
    }

    /// The value, for as long as nothing of Python is called.
    ///
    /// # Panics
    /// When it is borrowed already, by a caller who called into Python with the borrow held; and when the thread is attached to
    /// another interpreter.
    pub fn borrow<'a>(&'a self, py: Py<'a>) -> RefMut<'a, T> {
        self.value(py).borrow_mut()
    }

    /// Takes the value and leaves the default. Panics as [`InterpreterCell::borrow`] does.
    pub fn take(&self, py: Py<'_>) -> T
    where
        T: Default,
    {
        self.value(py).take()
    }

    /// A copy of the value. Panics as [`InterpreterCell::borrow`] does.
    pub fn get(&self, py: Py<'_>) -> T
    where
        T: Copy,
    {
        *self.value(py).borrow()
    }

    /// Replaces the value. Panics as [`InterpreterCell::borrow`] does.
    pub fn set(&self, py: Py<'_>, value: T) {
        self.value(py).replace(value);
    }
}
