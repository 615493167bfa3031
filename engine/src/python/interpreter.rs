//! Interpreters, and the thread states of each thread in them.

use super::attach::{self, Attached};
use super::gil::{self, Gil};
use super::{Bound, InterpreterId, Py, extra, ffi};
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An interpreter of this process. It is made on python-main and lives until the process ends or
/// [`InterpreterState::end`].
pub struct InterpreterState {
    raw: *mut ffi::PyInterpreterState,
    /// The interpreter whose GIL it has: its own one, or the main one's.
    pub(super) gil: InterpreterId,
    /// References of blocks that httpd is done with: released by the next thread that attaches.
    pending: Mutex<Vec<super::Owned>>,
    pending_bytes: AtomicUsize,
}

// SAFETY: the interpreter state is CPython's, to be used through thread states only, which are per thread.
unsafe impl Send for InterpreterState {}
// SAFETY: as above.
unsafe impl Sync for InterpreterState {}

type States = Vec<(*mut ffi::PyInterpreterState, *mut ffi::PyThreadState)>;

thread_local! {
    /// This thread's states. Never dropped: so it is there when destructors of other thread-locals run.
    static STATES: RefCell<ManuallyDrop<States>> = const { RefCell::new(ManuallyDrop::new(Vec::new())) };
    /// This thread's number, from 1; 0: not numbered yet.
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Number of the calling thread among those that served requests, from 1.
pub fn thread_number() -> usize {
    if NUMBER.get() == 0 {
        NUMBER.set(THREADS.fetch_add(1, Ordering::Relaxed) + 1);
    }
    NUMBER.get()
}

/// The first numbers are those of threads that [`set_thread_number`] names. Before any thread has one.
pub fn reserve_thread_numbers(count: usize) {
    THREADS.fetch_max(count, Ordering::Relaxed);
}

/// The calling thread has one of the reserved numbers.
pub fn set_thread_number(number: usize) {
    NUMBER.set(number);
}

impl InterpreterState {
    /// The interpreter of a state of this thread; `gil`: the one whose GIL it shares, if it does.
    fn of(state: *mut ffi::PyThreadState, gil: Option<InterpreterId>) -> Self {
        // SAFETY: a live thread state.
        let raw = unsafe { ffi::PyThreadState_GetInterpreter(state) };
        STATES.with_borrow_mut(|states| states.push((raw, state)));
        let gil = gil.unwrap_or(InterpreterId(raw as usize));
        Self { raw, gil, pending: Mutex::default(), pending_bytes: AtomicUsize::new(0) }
    }

    /// The main interpreter; the calling thread, python-main, is attached to it and stays so.
    pub fn main(py: Py<'_>) -> Self {
        // SAFETY: attached, says the token.
        Self::of(unsafe { ffi::PyThreadState_Get() }, Some(py.interpreter()))
    }

    /// A new sub-interpreter. On python-main, attached to the main interpreter; so it is again afterwards. Where Python has no
    /// [`Gil::Own`], there is none.
    pub fn new(py: Py<'_>, gil: Gil) -> Option<Self> {
        // SAFETY: attached, says the token. Both functions attach to the new interpreter and leave our state saved; swapping back
        // gives the new GIL back and takes the old one, where these are two.
        unsafe {
            let main = ffi::PyThreadState_Get();
            let state = match gil {
                Gil::Shared => ffi::Py_NewInterpreter(),
                Gil::Own => {
                    let mut state = std::ptr::null_mut();
                    (gil::own()?.new_interpreter)(&raw mut state, &gil::CONFIG);
                    state
                }
            };
            let shared = (gil == Gil::Shared).then_some(py.interpreter());
            let interpreter = (!state.is_null()).then(|| Self::of(state, shared));
            ffi::PyThreadState_Swap(main);
            interpreter
        }
    }

    /// Both have one GIL.
    pub fn shares_gil(&self, other: &Self) -> bool {
        self.gil == other.gil
    }

    /// The innermost frame of each of its threads that runs Python code, by ident. The caller is attached to `here`, and sees nothing
    /// of an interpreter that has another GIL. `None`: Python must be asked (before 3.12).
    pub fn frames<'py>(&self, py: Py<'py>, here: &Self) -> Option<Vec<(u64, Bound<'py>)>> {
        if py.interpreter() != here.id() || !self.shares_gil(here) {
            return Some(Vec::new());
        }
        // SAFETY: the caller has the GIL of both.
        unsafe { frames_of(py, self.raw) }
    }

    /// Which interpreter this is.
    pub fn id(&self) -> InterpreterId {
        InterpreterId(self.raw as usize)
    }

    /// Attaches the calling thread, runs `work` and detaches. The thread is not attached to any interpreter before.
    pub fn attach<T>(&self, work: impl FnOnce(Py<'_>) -> T) -> T {
        struct Detach(Attached);
        impl Drop for Detach {
            fn drop(&mut self) {
                self.0.restore();
                // SAFETY: the thread is attached: `attach` attached it, and what ran inside kept the balance.
                unsafe { ffi::PyEval_SaveThread() };
            }
        }
        let attached = Attached::set(true);
        attached.check();
        // SAFETY: the state is this thread's own and not attached.
        unsafe { attach::restore(self.state()) };
        let _detach = Detach(attached);
        // SAFETY: attached until `_detach` drops, after `work` and everything it made.
        let py = unsafe { Py::assume(self.id()) };
        self.release_pending(py);
        work(py)
    }

    /// The calling thread's state in this interpreter, made at its first use.
    fn state(&self) -> *mut ffi::PyThreadState {
        let known = STATES.with_borrow(|states| {
            states.iter().find(|(interpreter, _)| *interpreter == self.raw).map(|(_, state)| *state)
        });
        if let Some(state) = known {
            return state;
        }
        // SAFETY: the interpreter is alive: one is ended only when no request can come for it. PyThreadState_New
        // needs no attachment.
        let state = unsafe { ffi::PyThreadState_New(self.raw) };
        STATES.with_borrow_mut(|states| states.push((self.raw, state)));
        state
    }

    /// Has a reference given back by the next thread that attaches. May be called detached. Answers how many bytes
    /// wait; `size` is this one's.
    pub fn release_later(&self, object: super::Owned, size: usize) -> usize {
        os::lock(&self.pending).push(object);
        self.pending_bytes.fetch_add(size, Ordering::Relaxed) + size
    }

    /// Gives back what waits.
    pub fn release_pending(&self, py: Py<'_>) {
        if self.pending_bytes.load(Ordering::Relaxed) == 0 {
            return;
        }
        assert!(py.interpreter() == self.id(), "objects of another interpreter");
        self.pending_bytes.store(0, Ordering::Relaxed);
        let pending = std::mem::take(&mut *os::lock(&self.pending));
        for object in pending {
            object.release(py);
        }
    }

    /// No other thread has a state here, so that it can be ended. The calling thread, python-main, is attached to it.
    pub fn is_alone(&self, py: Py<'_>) -> bool {
        if py.interpreter() != self.id() {
            return false;
        }
        // SAFETY: the list is walked with the interpreter's GIL held; its head is the newest state.
        unsafe {
            let own = ffi::PyThreadState_Get();
            let first = (extra::get().thread_head)(self.raw);
            first == own && (extra::get().thread_next)(first).is_null()
        }
    }

    /// Ends a sub-interpreter that [`InterpreterState::is_alone`]. On python-main, not attached.
    pub fn end(&self) {
        let state = self.state();
        let main = STATES.with_borrow(|states| states.first().map(|(_, state)| *state));
        // SAFETY: python-main's own state of this interpreter, which has no other. Py_EndInterpreter leaves no
        // state current; 3.11 still holds the GIL then, so the main state is swapped in and saved, which gives it
        // back in every version.
        unsafe {
            attach::restore(state);
            ffi::Py_EndInterpreter(state);
            if let Some(main) = main {
                if extra::is_before_3_12() {
                    ffi::PyThreadState_Swap(main);
                } else {
                    attach::restore(main);
                }
                ffi::PyEval_SaveThread();
            }
        }
        STATES.with_borrow_mut(|states| states.retain(|(raw, _)| *raw != self.raw));
    }
}

/// [`InterpreterState::frames`] of the interpreter that the thread is attached to.
pub fn frames_here(py: Py<'_>) -> Option<Vec<(u64, Bound<'_>)>> {
    // SAFETY: attached to it, says the token.
    unsafe { frames_of(py, py.interpreter().0 as *mut ffi::PyInterpreterState) }
}

/// # Safety
/// The interpreter lives, and the calling thread has its GIL.
unsafe fn frames_of(py: Py<'_>, raw: *mut ffi::PyInterpreterState) -> Option<Vec<(u64, Bound<'_>)>> {
    let ident = gil::own()?.ident;
    let mut frames = Vec::new();
    // SAFETY: the caller has the GIL, which whoever deletes a state holds; a new one is whole before it is in the list. The
    // frame is a new reference, or null without an exception where nothing runs.
    unsafe {
        let mut state = (extra::get().thread_head)(raw);
        while !state.is_null() {
            let frame = (extra::get().frame)(state);
            if !frame.is_null()
                && let Ok(frame) = Bound::owned(py, frame)
            {
                frames.push((state.cast::<u8>().add(ident).cast::<u64>().read_volatile(), frame));
            }
            state = (extra::get().thread_next)(state);
        }
    }
    Some(frames)
}

/// Deletes the states of the calling thread, which is about to end. Not attached.
pub fn delete_states_of_this_thread() {
    for (_, state) in ManuallyDrop::into_inner(STATES.take()) {
        // SAFETY: the thread's own states, not attached; deleted as CPython wants it: attached, cleared, then by the
        // function that gives the GIL back.
        unsafe {
            attach::restore(state);
            ffi::PyThreadState_Clear(state);
            (extra::get().delete_current)();
        }
    }
}
