//! APR memory pools: memory that lives until its owner (configuration, child, request) ends.

use super::sys;
use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;

/// A pool that lives at least for `'p`.
#[derive(Clone, Copy)]
pub struct Pool<'p> {
    raw: *mut sys::apr_pool_t,
    life: PhantomData<&'p ()>,
}

impl<'p> Pool<'p> {
    /// # Safety
    /// `raw` is a live pool that outlives `'p`.
    pub unsafe fn from_raw(raw: *mut sys::apr_pool_t) -> Self {
        Self { raw, life: PhantomData }
    }

    /// The pool for a C call.
    pub fn raw(self) -> *mut sys::apr_pool_t {
        self.raw
    }

    /// `len` bytes, all 0. apr_palloc never answers NULL: httpd installs an abort function.
    pub fn bytes(self, len: usize) -> &'p mut [u8] {
        // SAFETY: the pool is live; the memory is ours until the pool goes, which is after 'p.
        unsafe {
            let memory: *mut u8 = sys::apr_palloc(self.raw, len.max(1) as _).cast();
            memory.write_bytes(0, len);
            std::slice::from_raw_parts_mut(memory, len)
        }
    }

    /// A copy of `text`.
    pub fn copy(self, text: &[u8]) -> &'p [u8] {
        // SAFETY: apr_pstrmemdup copies `len` bytes of a live slice; the copy lives as the pool.
        unsafe {
            let copy = sys::apr_pstrmemdup(self.raw, text.as_ptr().cast(), text.len() as _);
            std::slice::from_raw_parts(copy.cast(), text.len())
        }
    }

    /// A copy of `text` that ends in NUL. A NUL inside ends it early for C.
    pub fn c_string(self, text: &[u8]) -> &'p CStr {
        // SAFETY: apr_pstrmemdup copies `len` bytes of a live slice and adds a NUL; the copy lives as the pool.
        unsafe {
            let copy = sys::apr_pstrmemdup(self.raw, text.as_ptr().cast(), text.len() as _);
            CStr::from_ptr(copy)
        }
    }

    /// A number in decimal digits.
    pub fn number(self, value: u64) -> &'p CStr {
        let mut text = [0u8; 20];
        let (mut at, mut rest) = (text.len(), value);
        loop {
            at -= 1;
            text[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return self.c_string(&text[at..]);
            }
        }
    }

    /// A URL path with its %xx decoded.
    pub fn unescaped(self, path: &[u8]) -> &'p [u8] {
        let text = self.c_chars(path);
        // SAFETY: a C string of the pool, which is decoded in place and becomes no longer.
        unsafe {
            sys::ap_unescape_url(text);
            CStr::from_ptr(text).to_bytes()
        }
    }

    /// A C string in the pool like [`Pool::c_string`], as a pointer that C may keep.
    pub fn c_chars(self, text: &[u8]) -> *mut c_char {
        self.c_string(text).as_ptr().cast_mut()
    }

    /// Gives `value` to the pool: it is dropped when the pool is cleared or destroyed.
    pub fn put<T>(self, value: T) -> &'p mut T {
        extern "C" fn drop_it<T>(value: *mut c_void) -> sys::apr_status_t {
            // SAFETY: registered below for the box of this type, and run once.
            super::guard((), || drop(unsafe { Box::from_raw(value.cast::<T>()) }));
            0
        }
        let value = Box::into_raw(Box::new(value));
        // SAFETY: the pool is live; the box stays where it is until the cleanup drops it.
        unsafe {
            sys::apr_pool_cleanup_register(
                self.raw,
                value.cast(),
                Some(drop_it::<T>),
                Some(sys::apr_pool_cleanup_null),
            );
            &mut *value
        }
    }

    /// Keeps a value as long as the pool lives; nothing of it is dropped.
    pub fn keep<T>(self, value: T) -> &'p T {
        const { assert!(!std::mem::needs_drop::<T>() && align_of::<T>() <= 8) };
        // SAFETY: the pool is live, its memory is aligned to 8 bytes and ours until it goes, which is after 'p.
        unsafe {
            let place: *mut T = sys::apr_palloc(self.raw, size_of::<T>().max(1) as _).cast();
            place.write(value);
            &*place
        }
    }

    /// Calls `T::run` when the pool goes.
    pub fn at_end<T: AtEnd>(self) {
        extern "C" fn run<T: AtEnd>(_: *mut c_void) -> sys::apr_status_t {
            super::guard(0, || {
                T::run();
                0
            })
        }
        // SAFETY: the pool is live and `run` is a static function that needs no data.
        unsafe {
            sys::apr_pool_cleanup_register(
                self.raw,
                std::ptr::null(),
                Some(run::<T>),
                Some(sys::apr_pool_cleanup_null),
            );
        }
    }
}

/// Something to do when a pool goes.
pub trait AtEnd {
    /// Runs the cleanup when the pool ends.
    fn run();
}
