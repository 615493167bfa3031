//! `server_rec` while httpd reads the configuration: what is known of a server is what stands above the line being read.

use super::{Module, Pool, module, sys};
use std::ffi::CStr;
use std::marker::PhantomData;

/// A server of the configuration that is being read, which lives for `'c`.
#[derive(Clone, Copy)]
pub struct BeingRead<'c> {
    raw: *mut sys::server_rec,
    life: PhantomData<&'c ()>,
}

impl PartialEq for BeingRead<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl<'c> BeingRead<'c> {
    /// # Safety
    /// `raw` is a live server that outlives `'c`.
    pub(super) unsafe fn from_raw(raw: *mut sys::server_rec) -> Self {
        Self { raw, life: PhantomData }
    }

    fn record(self) -> &'c sys::server_rec {
        // SAFETY: live for 'c; httpd reads the configuration in one thread, which is in our hands now.
        unsafe { &*self.raw }
    }

    /// The ServerName of the server, empty if none is set above this line.
    pub fn name(self) -> &'c [u8] {
        super::text(self.record().server_hostname)
    }

    /// Whether the server is a virtual host.
    pub fn is_virtual(self) -> bool {
        self.record().is_virtual != 0
    }

    /// The configuration that this module's directives have made for the server so far; `None` if there was no directive yet.
    pub(super) fn entry<M: Module>(self) -> Option<&'c M::Server> {
        // SAFETY: null, or what `create_server` put there, in the configuration's pool.
        unsafe { module::entry::<M::Server>(self.record().module_config).as_ref() }
    }

    /// This server and those after it in httpd's list; for the main server, all servers that have been read so far.
    pub fn all(self) -> impl Iterator<Item = BeingRead<'c>> {
        std::iter::successors(Some(self), |server| {
            let next = server.record().next;
            // SAFETY: a live server of httpd's list.
            (!next.is_null()).then(|| unsafe { BeingRead::from_raw(next) })
        })
    }
}

/// Under which name the configuration's pool knows its main server.
const MAIN: &CStr = c"mod_wsgi.c: the main server";

/// Makes [`main_of`] know the main server, which is the first one that httpd makes.
pub(super) fn remember_main(pool: Pool<'_>, server: BeingRead<'_>) {
    if !server.is_virtual() {
        // SAFETY: a live pool, which copies the name; the server lives as long as it and needs no cleaning up.
        unsafe {
            let server = server.raw.cast();
            sys::apr_pool_userdata_set(server, MAIN.as_ptr(), Some(sys::apr_pool_cleanup_null), pool.raw());
        }
    }
}

/// The main server of the configuration that is being read into this pool: a virtual host does not know its own.
pub(super) fn main_of<'c>(pool: Pool<'c>) -> Option<BeingRead<'c>> {
    let mut main = std::ptr::null_mut();
    // SAFETY: a live pool; under this name it has what `remember_main` put there, if anything.
    unsafe {
        sys::apr_pool_userdata_get(&mut main, MAIN.as_ptr(), pool.raw());
        (!main.is_null()).then(|| BeingRead::from_raw(main.cast()))
    }
}
