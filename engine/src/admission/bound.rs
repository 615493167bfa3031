//! Which threads are bound to one processor, and how they get free of it.
//!
//! What a thread starts is bound as the thread is: programs, and threads of libraries, which are to use the whole machine. So a
//! thread is freed before Python starts a process or loads a library, and whatever is found bound otherwise.
#![forbid(unsafe_code)]

use crate::python::Event;
use os::{Processors, children_of, monotonic, threads_of};
use std::collections::HashSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

/// The processor on which the threads are kept; [`NONE`]: on none.
static KEPT: AtomicUsize = AtomicUsize::new(NONE);
const NONE: usize = usize::MAX;
/// Those on which they have ever been, a bit each.
static USED: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];
/// Those on which they may run otherwise.
static ALL: OnceLock<Processors> = OnceLock::new();
/// Python tells what it does.
static IS_LISTENING: AtomicBool = AtomicBool::new(false);
/// A bound thread has loaded a library, or has started a process.
static HAS_LOADED: AtomicBool = AtomicBool::new(false);
static HAS_STARTED: AtomicBool = AtomicBool::new(false);
/// When Python has told something last.
static TOLD: AtomicI64 = AtomicI64::new(0);
/// Processes of processes that are looked for.
const DEPTH: u32 = 4;

/// Python tells [`heard()`] from now on.
pub fn set_listening() {
    IS_LISTENING.store(true, Ordering::SeqCst);
}

/// It does.
pub fn is_listening() -> bool {
    IS_LISTENING.load(Ordering::SeqCst)
}

/// Python is about to do this on the calling thread. No lock is taken: this may be a copy of the process.
pub fn heard(event: Event) {
    TOLD.store(monotonic(), Ordering::SeqCst);
    if is_bound(0) {
        // First the flag: whoever binds threads looks at it afterwards.
        match event {
            Event::Process => HAS_STARTED.store(true, Ordering::SeqCst),
            Event::Library => HAS_LOADED.store(true, Ordering::SeqCst),
        }
        free(0);
    }
}

/// Python has told something since then.
pub fn was_told_since(moment: i64) -> bool {
    TOLD.load(Ordering::SeqCst) >= moment
}

/// A request has started a process, ever.
pub fn has_started() -> bool {
    HAS_STARTED.load(Ordering::SeqCst)
}

/// One has.
pub fn set_started() {
    HAS_STARTED.store(true, Ordering::SeqCst);
}

/// A request has loaded a library since [`forget_libraries()`].
pub fn has_loaded() -> bool {
    HAS_LOADED.load(Ordering::SeqCst)
}

/// Libraries that were loaded so far do not count.
pub fn forget_libraries() {
    HAS_LOADED.store(false, Ordering::SeqCst);
}

/// The processors on which the process runs otherwise, once they are known.
pub fn all() -> Option<Processors> {
    ALL.get().copied()
}

/// They are known.
pub fn set_all(all: Processors) {
    let _ = ALL.set(all);
}

/// The one on which the threads are kept.
pub fn kept() -> Option<usize> {
    Some(KEPT.load(Ordering::SeqCst)).filter(|number| *number != NONE)
}

/// They are kept on this one, or on none.
pub fn set_kept(number: Option<usize>) {
    if let Some(word) = number.and_then(|number| USED.get(number / 64)) {
        word.fetch_or(1 << (number.unwrap_or(0) % 64), Ordering::SeqCst);
    }
    KEPT.store(number.unwrap_or(NONE), Ordering::SeqCst);
}

/// The thread is on one processor alone, on which threads have been kept; 0: the calling thread.
pub fn is_bound(thread: u32) -> bool {
    let ours = |number: usize| {
        USED.get(number / 64).map_or(0, |word| word.load(Ordering::SeqCst)) >> (number % 64) & 1 == 1
    };
    all().is_some() && Processors::of(thread).and_then(|set| set.single()).is_some_and(ours)
}

/// A bound thread runs on all again; 0: the calling thread. True: it was bound.
pub fn free(thread: u32) -> bool {
    is_bound(thread) && all().is_some_and(|all| all.keep(thread))
}

/// Frees the threads of this process, but for those, and what was started by whatever thread. True: there was a process among it.
pub fn free_others(but: &[u32]) -> bool {
    let own: HashSet<&u32> = but.iter().collect();
    let pid = std::process::id();
    let mut processes = false;
    for thread in threads_of(pid) {
        if !own.contains(&thread) {
            free(thread);
        }
        for child in children_of(pid, thread).unwrap_or_default() {
            processes |= free_process(child, DEPTH);
        }
    }
    processes
}

fn free_process(pid: u32, depth: u32) -> bool {
    let mut found = false;
    for thread in threads_of(pid) {
        found |= free(thread);
        for child in children_of(pid, thread).filter(|_| depth > 0).unwrap_or_default() {
            found |= free_process(child, depth - 1);
        }
    }
    found
}

/// The calling thread is bound until this is dropped, if others are: where threads have other work too.
pub struct Stay(bool);

impl Stay {
    /// Begins, unless the application has chosen processors for the thread.
    pub fn begin() -> Self {
        let Some(number) = kept() else { return Self(false) };
        let binds = Processors::of(0) == all() && Processors::only(number).is_some_and(|one| one.keep(0));
        if binds && kept() != Some(number) {
            free(0);
        }
        Self(binds)
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        if self.0 {
            free(0);
        }
    }
}
