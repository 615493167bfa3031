//! The module that stands on this floor: the record httpd knows it by, and what httpd keeps for it.

use super::{BeingRead, Pool, being_read, guard, sys};
use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicI32, Ordering};

/// A configuration structure that a more specific place overlays.
pub trait Merge: Default + 'static {
    /// What holds where `over` stands inside `self`'s place.
    #[must_use]
    fn merge(&self, over: &Self) -> Self;
}

/// A module, by the types of its configurations.
///
/// # Safety
/// One type in the program implements it, and the record that httpd loads is made by [`record`] for that type: so each entry
/// of httpd's configuration vectors has its type.
pub unsafe trait Module: 'static {
    /// What httpd keeps for each server.
    type Server: Merge;
    /// What httpd keeps for each directory, location, file and `.htaccess`.
    type Dir: Merge;
}

/// The module's place in httpd's configuration vectors, in this reading of the configuration.
static INDEX: AtomicI32 = AtomicI32::new(-1);

/// The module's place in httpd's configuration vectors; -1 before httpd has loaded it.
pub(super) fn index() -> c_int {
    INDEX.load(Ordering::Relaxed)
}

/// A record for httpd to load. `hooks` is the function that calls [`register`].
pub const fn record<M: Module>(
    name: &'static std::ffi::CStr,
    commands: *const sys::command_rec,
    hooks: unsafe extern "C" fn(*mut sys::apr_pool_t),
) -> sys::module {
    sys::module {
        version: sys::MODULE_MAGIC_NUMBER_MAJOR,
        minor_version: sys::MODULE_MAGIC_NUMBER_MINOR,
        module_index: -1,
        name: name.as_ptr(),
        dynamic_load_handle: std::ptr::null_mut(),
        next: std::ptr::null_mut(),
        magic: sys::MODULE_MAGIC_COOKIE as u64 as _,
        rewrite_args: None,
        create_dir_config: Some(create_dir::<M>),
        merge_dir_config: Some(merge::<M::Dir>),
        create_server_config: Some(create_server::<M>),
        merge_server_config: Some(merge::<M::Server>),
        cmds: commands,
        register_hooks: Some(hooks),
        flags: 0,
    }
}

/// What the record's `register_hooks` does: notes the index that httpd has given the module by then, before it asks for any
/// configuration, and has `hooks` register the hooks.
///
/// # Safety
/// httpd calls, with the pool of the configuration, and has loaded `record`.
pub unsafe fn register(pool: *mut sys::apr_pool_t, record: *const sys::module, hooks: impl FnOnce(Pool<'_>)) {
    guard((), || {
        // SAFETY: says the caller.
        let pool = unsafe {
            INDEX.store((*record).module_index, Ordering::Relaxed);
            Pool::from_raw(pool)
        };
        hooks(pool);
    });
}

/// Our entry of one of httpd's configuration vectors: null until httpd makes or merges it. While the configuration is
/// read, a virtual host has none until a directive of ours stands in it.
///
/// # Safety
/// `vector` is null or a live vector, of a server, a directory or a request.
pub(super) unsafe fn entry<T>(vector: *const sys::ap_conf_vector_t) -> *mut T {
    if vector.is_null() {
        return std::ptr::null_mut();
    }
    // SAFETY: a configuration vector has an entry for every loaded module.
    unsafe { *vector.cast::<*mut T>().add(index() as usize) }
}

unsafe extern "C" fn create_dir<M: Module>(pool: *mut sys::apr_pool_t, _: *mut c_char) -> *mut c_void {
    // SAFETY: httpd passes the pool the configuration lives in.
    unsafe { create(pool, M::Dir::default) }
}

unsafe extern "C" fn create_server<M: Module>(
    pool: *mut sys::apr_pool_t,
    server: *mut sys::server_rec,
) -> *mut c_void {
    guard((), || {
        // SAFETY: httpd passes the pool the configuration lives in, and a server of it.
        let (pool, server) = unsafe { (Pool::from_raw(pool), BeingRead::from_raw(server)) };
        being_read::remember_main(pool, server);
    });
    // SAFETY: as above.
    unsafe { create(pool, M::Server::default) }
}

unsafe extern "C" fn merge<T: Merge>(
    pool: *mut sys::apr_pool_t,
    base: *mut c_void,
    over: *mut c_void,
) -> *mut c_void {
    // SAFETY: httpd passes two configurations made by the functions of this file, and a pool for the third.
    unsafe { create(pool, || (*base.cast::<T>()).merge(&*over.cast::<T>())) }
}

/// # Safety
/// `pool` is the live pool that the configuration lives in.
unsafe fn create<T>(pool: *mut sys::apr_pool_t, make: impl FnOnce() -> T) -> *mut c_void {
    guard(std::ptr::null_mut(), || {
        // SAFETY: says the caller.
        let pool = unsafe { Pool::from_raw(pool) };
        (&raw mut *pool.put(make())).cast()
    })
}
