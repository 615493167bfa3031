//! Borrowed bytes in a C layout.

/// `len` bytes at `ptr`, borrowed from whoever passes it, for the duration of the call unless said otherwise.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Slice {
    /// First byte; may dangle (but is not null) when `len` is 0.
    pub ptr: *const u8,
    /// Number of bytes.
    pub len: usize,
}

impl Slice {
    /// The bytes of `text`; the caller keeps `text` alive as long as the slice is used.
    pub const fn of(text: &[u8]) -> Self {
        Self { ptr: text.as_ptr(), len: text.len() }
    }

    /// No bytes.
    pub const EMPTY: Self = Self::of(b"");

    /// The bytes again.
    ///
    /// # Safety
    /// What the slice was made of must be alive and unchanged for `'a`.
    pub const unsafe fn bytes<'a>(self) -> &'a [u8] {
        // SAFETY: made by `of` (or an equal C layout) from live memory, says the caller.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

/// A name with its value: an environ entry or a response header.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Pair {
    /// Key of the environ, or name of the header.
    pub name: Slice,
    /// The value, bytes unchanged.
    pub value: Slice,
}

/// An array that was passed as a pointer and a number.
///
/// # Safety
/// `start` points at `len` values that live for `'a`; it may be null when there are none.
pub unsafe fn array<'a, T>(start: *const T, len: usize) -> &'a [T] {
    if len == 0 {
        return &[];
    }
    // SAFETY: says the caller.
    unsafe { core::slice::from_raw_parts(start, len) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_gives_back_what_it_was_made_of() {
        let text = b"PATH_INFO".to_vec();
        // SAFETY: `text` lives to the end of the test.
        assert_eq!(unsafe { Slice::of(&text).bytes() }, b"PATH_INFO");
        // SAFETY: the empty slice points at a constant.
        assert_eq!(unsafe { Slice::EMPTY.bytes() }, b"");
    }
}
