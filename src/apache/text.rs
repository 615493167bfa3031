//! C strings of httpd's.

use std::ffi::{CStr, c_char};

/// A C string as bytes; null is empty.
pub(super) fn text<'a>(c: *const c_char) -> &'a [u8] {
    if c.is_null() {
        return b"";
    }
    // SAFETY: callers pass null or a string of httpd that lives as long as the record it was read from.
    unsafe { CStr::from_ptr(c).to_bytes() }
}
