//! Borrowed values in a C layout. They are made of Rust's own borrows alone, so the borrow checker sees to their lifetimes on
//! either side.

use core::marker::PhantomData;

/// A `&[T]` in a C layout.
#[repr(C)]
pub struct Slice<'a, T = u8> {
    /// First value; dangles (but is not null) when `len` is 0.
    start: *const T,
    /// Number of values.
    len: usize,
    of: PhantomData<&'a [T]>,
}

// SAFETY: it is a `&[T]`.
unsafe impl<T: Sync> Send for Slice<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Slice<'_, T> {}

impl<T> Clone for Slice<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Slice<'_, T> {}

impl<'a, T> Slice<'a, T> {
    /// No values.
    pub const EMPTY: Self = Self::of(&[]);

    /// These values.
    pub const fn of(values: &'a [T]) -> Self {
        Self { start: values.as_ptr(), len: values.len(), of: PhantomData }
    }

    /// The values again.
    pub const fn get(self) -> &'a [T] {
        // SAFETY: only `of` makes a slice, here or in the other half, of values that are borrowed for `'a`.
        unsafe { core::slice::from_raw_parts(self.start, self.len) }
    }
}

/// A `&mut [u8]` in a C layout, to be filled.
#[repr(C)]
pub struct Buffer<'a> {
    start: *mut u8,
    len: usize,
    of: PhantomData<&'a mut [u8]>,
}

impl<'a> Buffer<'a> {
    /// These bytes.
    pub const fn of(bytes: &'a mut [u8]) -> Self {
        Self { start: bytes.as_mut_ptr(), len: bytes.len(), of: PhantomData }
    }

    /// The bytes again.
    pub const fn get(self) -> &'a mut [u8] {
        // SAFETY: only `of` makes one, which is not copied, of bytes that are borrowed for `'a`.
        unsafe { core::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

/// A name with its value: an environ entry or a response header.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    /// Key of the environ, or name of the header.
    pub name: Slice<'a>,
    /// The value, bytes unchanged.
    pub value: Slice<'a>,
}

impl<'a> Pair<'a> {
    /// A name with its value.
    pub const fn of(name: &'a [u8], value: &'a [u8]) -> Self {
        Self { name: Slice::of(name), value: Slice::of(value) }
    }

    /// Both again.
    pub const fn get(self) -> (&'a [u8], &'a [u8]) {
        (self.name.get(), self.value.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_gives_back_what_it_was_made_of() {
        let text = b"PATH_INFO".to_vec();
        assert_eq!(Slice::of(&text).get(), b"PATH_INFO");
        assert_eq!(Slice::<u8>::EMPTY.get(), b"");
        let pairs = [Pair::of(&text, b"/x"), Pair::of(b"", b"")];
        let again: Vec<_> = Slice::of(&pairs).get().iter().map(|pair| pair.get()).collect();
        assert_eq!(again, [(&b"PATH_INFO"[..], &b"/x"[..]), (&b""[..], &b""[..])]);
    }

    #[test]
    fn what_is_written_to_a_buffer_is_there() {
        let mut bytes = *b"....";
        Buffer::of(&mut bytes[1..]).get()[0] = b'x';
        assert_eq!(&bytes, b".x..");
    }
}
