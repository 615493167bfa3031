//! Python in this process: its interpreters, the threads that may use them, and its end.
//!
//! * [`run`] gives python-main to the [`loader`], the queue of what it does; [`Runtime`] is what there is then.
//! * An [`Interpreter`] is one of Python's with the engine's objects in it: the sources in Python, the log streams, what the
//!   protocol of its applications needs ([`Fit`]).
//! * Requests pass the [`gate`](mod@gate), which is closed when the process ends ([`ending`]).
//! * What is printed goes to the [`Output`] that the calling thread works for.
#![deny(unsafe_code)]

pub mod alarm;
mod contact;
pub mod ending;
pub mod exits;
pub mod forks;
mod gate;
mod interpreter;
mod interpreters;
pub mod loader;
mod log;
mod native;
pub mod notices;
mod output;
mod package;
mod process;
mod settings;
mod stream;
mod text;

pub use contact::CONTACT;
pub use exits::ExitRule;
pub use forks::shared_file;
pub use gate::{Gate, Inside, gate};
pub use interpreter::{Fit, Interpreter, Traceback};
pub use interpreters::{InterpreterName, Interpreters};
pub use log::{Log, RequestLog};
pub use native::are_signals_taken;
pub use output::Output;
pub use process::{
    Runtime, ask_to_stop, clock, get, is_copy, is_stop_asked, leave_copy, run, thread_exit, visit_main,
};
pub use settings::{Settings, interface, interface_text};
pub use text::{Errors, TextStreams};
