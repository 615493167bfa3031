//! CPython, wrapped: the only folder that sees its C interface.
//!
//! * [`Py`] proves that the calling thread is attached to an interpreter and holds its GIL; whatever touches a Python
//!   object takes it. [`InterpreterState::attach`] gives it, [`Py::detached`] lends it back for blocking work.
//! * [`Bound`] owns a reference within an attachment, [`Owned`] beyond it, and [`InterpreterCell`] what one interpreter has.
//! * [`Raised`] says that a Python exception is set on this thread, as CPython's own functions do.
//! * [`class`] makes Python types of Rust structures, one set in each interpreter.
//!
//! Nothing here uses `PyGILState_*`, and of pyo3 only its `ffi` is used: its own attachment and its statics assume
//! one interpreter in a process. Everything above this folder is safe Rust.

mod arguments;
mod attach;
mod audit;
mod cell;
pub mod class;
mod convert;
mod dump;
mod error;
mod extra;
mod fork;
mod frames;
mod gil;
mod interpreter;
mod library;
mod object;
mod once;
mod operations;
mod threads;
mod turns;
mod waits;

pub use attach::{InterpreterId, Py};
pub use audit::{Event, listen};
pub use cell::InterpreterCell;
pub use convert::duplicate;
pub use dump::{INTERPRETER, STACKS_SIGNAL, dump};
pub use error::{Problem, Raised};
pub use fork::{Forked, fork};
pub use frames::without_collector;
pub use gil::Gil;
pub use interpreter::{
    InterpreterState, delete_states_of_this_thread, frames_here, reserve_thread_numbers, set_thread_number,
    thread_number,
};
pub use object::{Bound, Owned, OwnedBytes};
pub use once::{Entry, module_definition};
pub use operations::BuiltinType;
pub use threads::{Standing, forget_interrupt, interrupt, modules, native_id, thread_ident};
pub use turns::{ShortTurns, end_short_turns};
pub use waits::{Waits, gil_waits, measure_gil_waits};

pub(crate) use pyo3::ffi;

/// The result of anything that can raise.
pub type Result<T> = std::result::Result<T, Raised>;

/// Reads what the stable ABI leaves out. Once, before anything else, on the thread that runs Python's start.
pub fn initialise() -> std::result::Result<(), String> {
    extra::load()?;
    gil::load();
    arguments::forget();
    Ok(())
}

/// Where Python's own code lies in memory.
pub fn code() -> std::ops::Range<usize> {
    extra::find(c"Py_IsInitialized").map_or(0..0, |function| library::Library::of(function as usize).range)
}

/// This thread holds the GIL from here on and never gives it back: nothing runs any more in interpreters that share it.
pub fn keep_gil_for_ever(_: Py<'_>) -> ! {
    loop {
        std::thread::park();
    }
}
