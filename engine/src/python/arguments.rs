//! The arguments that Python was started with, as `Py_GetArgcArgv` tells C code.
//!
//! They are ours, not the process's: `setproctitle` looks for them in memory, before the environment, finds httpd's there
//! (or, in a process of a group, its title), and gives up. Where Python knows of none, as where it is embedded the usual
//! way, it takes what the system says they are.

use super::extra;
use super::library::Library;
use std::ffi::c_int;
use std::ptr;

type GetArgcArgv = unsafe extern "C" fn(*mut c_int, *mut *mut *mut libc::wchar_t);

/// Has Python know of no arguments. There is no function for it, so the list that `Py_GetArgcArgv` reads, a count and a
/// pointer in Python's own data, is found by its value, and proven by asking once more. Without it the arguments stay.
pub fn forget() {
    let Ok(function) = extra::find(c"Py_GetArgcArgv") else { return };
    // SAFETY: the function's signature is that of CPython's headers (pylifecycle.h), the same in 3.11 to 3.13.
    let get = unsafe { std::mem::transmute::<*mut libc::c_void, GetArgcArgv>(function) };
    let (mut count, mut list) = (0, ptr::null_mut());
    // SAFETY: it writes what it is given places for. This thread holds the GIL.
    unsafe { get(&mut count, &mut list) };
    let Ok(count) = usize::try_from(count) else { return };
    if count == 0 || list.is_null() {
        return;
    }
    let words = |segment: std::ops::Range<usize>| {
        let start = segment.start.next_multiple_of(size_of::<usize>());
        (start..segment.end.saturating_sub(2 * size_of::<usize>())).step_by(size_of::<usize>())
    };
    let places = Library::of(function as usize).writable.into_iter().flat_map(words);
    let items = list as usize;
    // SAFETY: words of a segment that is mapped as long as Python's code, whose functions run here. Others may write to
    // words that are looked at, which changes no list.
    let found = places
        .map(|place| place as *mut usize)
        .filter(|&place| unsafe { place.read_volatile() == count && place.add(1).read_volatile() == items });
    for place in found {
        let mut left = 1;
        // SAFETY: the word is the list's length, or one that nobody follows and that gets its value back at once; only
        // Python's start and end write it, and the GIL is held.
        unsafe {
            place.write_volatile(0);
            get(&mut left, &mut list);
            if left == 0 {
                return;
            }
            place.write_volatile(count);
        }
    }
}
