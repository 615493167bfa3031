//! `apr_table_t`: ordered names and values, names compared without regard to case.

use super::{Pool, sys};
use std::ffi::CStr;
use std::marker::PhantomData;

/// A table that lives for `'r`.
#[derive(Clone, Copy)]
pub struct Table<'r> {
    raw: *mut sys::apr_table_t,
    life: PhantomData<&'r ()>,
}

impl<'r> Table<'r> {
    /// # Safety
    /// `raw` is null or a live table whose entries outlive `'r`.
    pub unsafe fn from_raw(raw: *mut sys::apr_table_t) -> Self {
        Self { raw, life: PhantomData }
    }

    /// The first value of `name`.
    pub fn get(self, name: &CStr) -> Option<&'r [u8]> {
        if self.raw.is_null() {
            return None;
        }
        // SAFETY: the table is live; a value is a C string that lives as the table's pool.
        unsafe {
            let value = sys::apr_table_get(self.raw, name.as_ptr());
            (!value.is_null()).then(|| CStr::from_ptr(value).to_bytes())
        }
    }

    /// Replaces what `name` stands for. Both must live as long as the table: they come from its pool.
    pub fn set(self, name: &'r CStr, value: &'r CStr) {
        // SAFETY: the table is live and both strings live as long.
        unsafe { sys::apr_table_setn(self.raw, name.as_ptr(), value.as_ptr()) }
    }

    /// Adds an entry beside those of the same name. Both must live as long as the table.
    pub fn add(self, name: &'r CStr, value: &'r CStr) {
        // SAFETY: as in `set`.
        unsafe { sys::apr_table_addn(self.raw, name.as_ptr(), value.as_ptr()) }
    }

    /// Sets all of these; names live as long as the table, values are copied into `pool`, which is the table's.
    pub fn set_all<'a>(self, pool: Pool<'r>, entries: impl Iterator<Item = (&'r CStr, &'a [u8])>) {
        // SAFETY: the table is live.
        let is_empty = unsafe { (*sys::apr_table_elts(self.raw)).nelts == 0 };
        for (name, value) in entries {
            let value = pool.c_string(value);
            // Where it was empty nothing can be there to be replaced.
            if is_empty { self.add(name, value) } else { self.set(name, value) }
        }
    }

    /// Takes all entries of `name` away.
    pub fn unset(self, name: &CStr) {
        // SAFETY: the table is live.
        unsafe { sys::apr_table_unset(self.raw, name.as_ptr()) }
    }

    /// Names and values in order.
    pub fn iter(self) -> impl Iterator<Item = (&'r [u8], &'r [u8])> {
        let entries: &[sys::apr_table_entry_t] = if self.raw.is_null() {
            &[]
        } else {
            // SAFETY: a table begins with its array header of `nelts` entries; nobody writes while we read.
            unsafe {
                let array = &*sys::apr_table_elts(self.raw);
                if array.nelts == 0 {
                    &[]
                } else {
                    std::slice::from_raw_parts(array.elts.cast(), array.nelts as usize)
                }
            }
        };
        entries.iter().filter(|entry| !entry.key.is_null() && !entry.val.is_null()).map(|entry| {
            // SAFETY: keys and values of a live table are C strings of its pool.
            unsafe { (CStr::from_ptr(entry.key).to_bytes(), CStr::from_ptr(entry.val).to_bytes()) }
        })
    }
}
