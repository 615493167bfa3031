//! Bytes that one half owns and the other keeps for a while.

use crate::Slice;
use core::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes with their owner, which is dropped with this, in any thread, by the half that made it.
#[repr(C)]
pub struct Lent {
    /// They stay where they are until the owner is dropped.
    bytes: Slice<'static>,
    owner: *mut c_void,
    release: unsafe extern "C" fn(owner: *mut c_void),
}

// SAFETY: the owner is, says `new`; bytes that are borrowed from it may be read anywhere.
unsafe impl Send for Lent {}

impl Lent {
    /// The bytes of `owner`.
    pub fn new<T: AsRef<[u8]> + Send + 'static>(owner: T) -> Self {
        /// # Safety
        /// `owner` is what `new` made of a `Box<T>`, and is not used any more.
        unsafe extern "C" fn release<T>(owner: *mut c_void) {
            // SAFETY: says the caller. A panic of its Drop stays here: the other half may have called.
            let _ = catch_unwind(AssertUnwindSafe(|| unsafe { drop(Box::from_raw(owner.cast::<T>())) }));
        }
        let owner = Box::into_raw(Box::new(owner));
        // SAFETY: the box is not touched before it is dropped, and this borrow is not used after that: `bytes` is private,
        // and `as_ref` borrows it from the `Lent`.
        let bytes = Slice::of(unsafe { (*owner).as_ref() });
        Self { bytes, owner: owner.cast(), release: release::<T> }
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // SAFETY: the owner that `new` made for this function, released once.
        unsafe { (self.release)(self.owner) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    struct Owner(Arc<[u8; 3]>);

    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            &*self.0
        }
    }

    #[test]
    fn the_owner_goes_with_it_in_any_thread() {
        let bytes = Arc::new(*b"abc");
        let lent = Lent::new(Owner(bytes.clone()));
        assert_eq!((lent.as_ref(), Arc::strong_count(&bytes)), (&b"abc"[..], 2));
        std::thread::spawn(move || drop(lent)).join().expect("no panic");
        assert_eq!(Arc::strong_count(&bytes), 1);
    }

    #[test]
    fn a_panic_of_the_owner_stays_on_its_side() {
        struct Bad;
        impl AsRef<[u8]> for Bad {
            fn as_ref(&self) -> &[u8] {
                b""
            }
        }
        impl Drop for Bad {
            fn drop(&mut self) {
                panic!("a test's");
            }
        }
        drop(Lent::new(Bad));
    }
}
