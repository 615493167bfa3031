//! Where the file that Python's functions are in, libpython or the executable, lies in memory.

use std::ffi::c_int;
use std::ops::Range;

/// The file, as it is mapped.
#[derive(Default)]
pub struct Library {
    /// An address in it, by which it is found.
    known: usize,
    /// The addresses of the whole library.
    pub range: Range<usize>,
    /// The addresses of the library's writable segments.
    pub writable: Vec<Range<usize>>,
}

impl Library {
    /// The one that has this address in it; empty if none has.
    pub fn of(known: usize) -> Self {
        let mut library = Self { known, ..Self::default() };
        // SAFETY: the callback gets `library` for the time of the call.
        unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut library).cast()) };
        library
    }
}

/// Notes the segments of the file that has the address in it, and ends the search there.
unsafe extern "C" fn note(info: *mut libc::dl_phdr_info, _: usize, library: *mut libc::c_void) -> c_int {
    // SAFETY: the linker passes a live record, and what `Library::of` gave it.
    let (info, library) = unsafe { (&*info, &mut *library.cast::<Library>()) };
    // SAFETY: the record has that many headers.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let segments = headers.iter().filter(|header| header.p_type == libc::PT_LOAD).map(|header| {
        let start = (info.dlpi_addr + header.p_vaddr) as usize;
        (start..start + header.p_memsz as usize, header.p_flags & libc::PF_W != 0)
    });
    if !segments.clone().any(|(segment, _)| segment.contains(&library.known)) {
        return 0;
    }
    let start = segments.clone().map(|(segment, _)| segment.start).min().unwrap_or_default();
    let end = segments.clone().map(|(segment, _)| segment.end).max().unwrap_or_default();
    library.range = start..end;
    library.writable = segments.filter(|(_, writable)| *writable).map(|(segment, _)| segment).collect();
    1
}
