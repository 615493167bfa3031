//! Processes that httpd's parent has forked for us, and the parent's own end.

use super::{AtEnd, Pool, Server, guard, sys};
use std::ffi::{c_int, c_void};

/// A process that the parent watches.
pub trait Watched {
    /// Called when the process has ended; in the parent, as long as this configuration is in force.
    fn ended(pid: u32);
}

/// Has the parent tell when a child of it ends, until the configuration goes. Without that httpd wonders whose it was
/// (AH00488).
pub fn watch_process<W: Watched>(config: Pool<'_>, pid: u32) {
    extern "C" fn changed<W: Watched>(reason: c_int, process: *mut c_void, _: c_int) {
        guard((), || {
            if [sys::APR_OC_REASON_DEATH, sys::APR_OC_REASON_LOST].contains(&(reason as i32)) {
                let process = process.cast::<sys::apr_proc_t>();
                // SAFETY: the record that was registered, which lives as the configuration; unregistering calls back with
                // another reason.
                let pid = unsafe {
                    let pid = (*process).pid as u32;
                    sys::apr_proc_other_child_unregister(process.cast());
                    pid
                };
                W::ended(pid);
            }
        });
    }
    let bytes = config.bytes(size_of::<sys::apr_proc_t>());
    let process: *mut sys::apr_proc_t = bytes.as_mut_ptr().cast();
    // SAFETY: zeros are a value of the record, which is of the configuration's pool, aligned by APR; the registration goes
    // with that pool too.
    unsafe {
        (*process).pid = pid as sys::pid_t;
        sys::apr_proc_other_child_register(
            process,
            Some(changed::<W>),
            process.cast(),
            std::ptr::null_mut(),
            config.raw(),
        );
    }
}

/// Calls `T::run` when the parent ends, before anything of it is gone. While the configuration is in force: when it goes
/// this is taken back, for the code may be unloaded.
pub fn before_process_ends<T: AtEnd>(config: Pool<'_>) {
    extern "C" fn run<T: AtEnd>(pid: *mut c_void) -> sys::apr_status_t {
        guard(0, || {
            // Children of the parent that end have a copy of its pools.
            if pid as usize == std::process::id() as usize {
                T::run();
            }
            0
        })
    }
    extern "C" fn take_back<T: AtEnd>(pool: *mut c_void) -> sys::apr_status_t {
        // SAFETY: the process's pool, which outlives the configuration's.
        unsafe { sys::apr_pool_cleanup_kill(pool.cast(), data(), Some(run::<T>)) };
        0
    }
    fn data() -> *const c_void {
        std::ptr::without_provenance(std::process::id() as usize)
    }
    // SAFETY: live pools, static functions, and a number for data.
    unsafe {
        // The process's.
        let pool = (&raw const sys::ap_pglobal).read();
        sys::apr_pool_pre_cleanup_register(pool, data(), Some(run::<T>));
        sys::apr_pool_cleanup_register(
            config.raw(),
            pool.cast(),
            Some(take_back::<T>),
            Some(sys::apr_pool_cleanup_null),
        );
    }
}

/// The main server of the configuration in force.
pub fn main_server() -> Option<Server<'static>> {
    // SAFETY: null, or the main server, which whoever asks uses while the configuration is in force.
    unsafe { (!sys::ap_server_conf.is_null()).then(|| Server::from_raw(sys::ap_server_conf)) }
}

/// Microseconds since the epoch.
pub fn now() -> i64 {
    // SAFETY: it only answers.
    unsafe { sys::apr_time_now() }
}
