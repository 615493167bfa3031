//! Which GIL an interpreter has, and what Python must have for interpreters with one of their own (PEP 684, from 3.12 on).

use super::extra::{find, is_before_3_12};
use super::ffi;
use once_cell::sync::OnceCell;
use std::ffi::c_void;
use std::os::raw::{c_char, c_int};

/// Which GIL an interpreter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gil {
    /// That of the main interpreter.
    Shared,
    /// One of its own.
    Own,
}

impl Gil {
    /// The running Python has interpreters with such a GIL.
    pub fn is_there(self) -> bool {
        self == Self::Shared || own().is_some()
    }
}

/// `PyInterpreterConfig` (cpython/pylifecycle.h, the same in 3.12 to 3.14): what a new interpreter may, as numbers that are 0 or 1,
/// and whose GIL it has.
#[repr(C)]
pub(super) struct Config {
    use_main_obmalloc: c_int,
    allow_fork: c_int,
    allow_exec: c_int,
    allow_threads: c_int,
    allow_daemon_threads: c_int,
    check_multi_interp_extensions: c_int,
    gil: c_int,
}

/// An interpreter with a GIL of its own may what one may that shares it, but for os.fork(), which would end the copy: CPython can only be
/// forked in the main interpreter. Extension modules must say that they can run there, and memory is its own: CPython wants both.
pub(super) const CONFIG: Config = Config {
    use_main_obmalloc: 0,
    allow_fork: 0,
    allow_exec: 1,
    allow_threads: 1,
    allow_daemon_threads: 1,
    check_multi_interp_extensions: 1,
    gil: 2, // PyInterpreterConfig_OWN_GIL
};

/// `PyStatus` (cpython/initconfig.h); whether there is an interpreter is seen without it.
#[repr(C)]
pub(super) struct Status {
    kind: c_int,
    function: *const c_char,
    text: *const c_char,
    exit_code: c_int,
}

pub(super) type NewInterpreter = unsafe extern "C" fn(*mut *mut ffi::PyThreadState, *const Config) -> Status;

/// What such interpreters need.
#[derive(Clone, Copy)]
pub(super) struct Own {
    /// `Py_NewInterpreterFromConfig`
    pub new_interpreter: NewInterpreter,
    /// Where in a thread state the ident of its thread is, bytes from the beginning.
    pub ident: usize,
}

static OWN: OnceCell<Option<Own>> = OnceCell::new();

/// What such interpreters need, where Python has it and [`load`] has run.
pub(super) fn own() -> Option<Own> {
    OWN.get().copied().flatten()
}

/// Looks it up. Attached to the main interpreter, on its first thread.
pub fn load() {
    OWN.get_or_init(|| {
        if is_before_3_12() {
            return None;
        }
        let function = find(c"Py_NewInterpreterFromConfig").ok()?;
        // SAFETY: the signature is that of CPython's header (cpython/pylifecycle.h), the same in 3.12 to 3.14.
        let new_interpreter = unsafe { std::mem::transmute::<*mut c_void, NewInterpreter>(function) };
        Some(Own { new_interpreter, ident: ident_in_state()? })
    });
}

/// Where a thread state (a structure that differs between versions) has the ident of its thread, with the number that the system
/// has for it behind.
fn ident_in_state() -> Option<usize> {
    /// Words that are looked at: all versions have more.
    const WORDS: usize = 32;
    // SAFETY: both ask for the calling thread.
    let wanted = unsafe { [libc::pthread_self(), libc::syscall(libc::SYS_gettid) as u64] };
    // SAFETY: this thread is attached, so the state is alive; it is larger than the words that are read, which are aligned.
    let words = unsafe { std::slice::from_raw_parts(ffi::PyThreadState_Get().cast::<u64>(), WORDS) };
    let found = words.windows(2).position(|words| words == wanted)?;
    Some(found * size_of::<u64>())
}
