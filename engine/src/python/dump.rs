//! What CPython itself writes of the stacks of all threads, where none of them gives the GIL back.
//!
//! The function that does it needs no GIL, but memory that does not change, and may crash over what it finds half changed: so
//! it runs in a copy of the process ([`os::look_in_copy`]). Not every version exports it (3.13 does not), so it is called as
//! faulthandler calls it, at the signal that _prepare.py has registered for it.

use super::{code, extra, ffi};
use std::ffi::{c_int, c_void};
use std::io::{self, Write};
use std::mem;
use std::ptr;
use std::time::Duration;

/// The signal that _prepare.py registers for stacks.
pub const STACKS_SIGNAL: c_int = 63;
/// What stands in front of the stacks of an interpreter, before its address.
pub const INTERPRETER: &str = "Interpreter ";

type Handler = unsafe extern "C" fn(c_int);
type First = unsafe extern "C" fn() -> *mut ffi::PyInterpreterState;
type Next = unsafe extern "C" fn(*mut ffi::PyInterpreterState) -> *mut ffi::PyInterpreterState;

/// Functions of the running Python.
struct Writer {
    handler: Handler,
    first: First,
    next: Next,
    /// Which interpreter is meant the handler learns of the thread state that stands there.
    key: libc::pthread_key_t,
}

/// The stacks of all threads, as CPython writes them, so many bytes at most and what is written in this time. Whoever holds the
/// GIL does not matter. An error: this Python cannot, or there is no copy.
pub fn dump(most: usize, within: Duration) -> io::Result<Vec<u8>> {
    let writer = Writer::find().ok_or(io::ErrorKind::Unsupported)?;
    // SAFETY: a copy, in which nothing else runs and which may crash.
    os::look_in_copy(most, within, || unsafe { writer.write() })
}

impl Writer {
    fn find() -> Option<Self> {
        // SAFETY: a structure made here, for which zero is a value.
        let handler = unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            let is_known = libc::sigaction(STACKS_SIGNAL, ptr::null(), &raw mut action) == 0;
            Some(action.sa_sigaction).filter(|_| is_known)?
        };
        // An application may have put its own there, which is not to be called.
        if !code().contains(&handler) {
            return None;
        }
        let first = extra::find(c"PyInterpreterState_Head").ok()?;
        let next = extra::find(c"PyInterpreterState_Next").ok()?;
        // SAFETY: a handler of Python's, which are functions of a number; the signatures are those of CPython's
        // headers (cpython/pystate.h), the same in 3.11 to 3.13.
        unsafe {
            Some(Self {
                handler: mem::transmute::<usize, Handler>(handler),
                first: mem::transmute::<*mut c_void, First>(first),
                next: mem::transmute::<*mut c_void, Next>(next),
                key: extra::get().key()?,
            })
        }
    }

    /// # Safety
    /// This process is a copy that does nothing else. What the functions read may be half changed; they may crash over it.
    unsafe fn write(&self) {
        // SAFETY: says the caller. None of the functions takes a lock or makes an object. The key is Python's own slot (see `extra`).
        unsafe {
            let mut interpreter = (self.first)();
            while !interpreter.is_null() {
                let mut line = [0u8; 64];
                let mut rest = &mut line[..];
                let _ = writeln!(rest, "{INTERPRETER}{:x}", interpreter as usize);
                let room = rest.len();
                os::write_all(os::WRITER, &line[..line.len() - room]);
                let state = (extra::get().thread_head)(interpreter);
                if !state.is_null() {
                    libc::pthread_setspecific(self.key, state.cast());
                    (self.handler)(STACKS_SIGNAL);
                }
                interpreter = (self.next)(interpreter);
            }
        }
    }
}
