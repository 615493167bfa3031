//! What the running MPM and the state of the server's start are.

use super::sys;
use std::ffi::{CStr, c_int};

fn ask(code: i32) -> i32 {
    let mut answer: c_int = 0;
    // SAFETY: httpd writes one int.
    if unsafe { sys::ap_mpm_query(code, &mut answer) } == 0 { answer } else { 0 }
}

/// What httpd is doing, for one of its AP_SQ_… codes.
fn state(code: i32) -> i32 {
    // SAFETY: takes a code and reads a variable.
    unsafe { sys::ap_state_query(code) }
}

/// `event`, `worker`, `prefork`, …
pub fn name() -> &'static [u8] {
    // SAFETY: a constant of the MPM, set before any configuration is read.
    unsafe { CStr::from_ptr(sys::ap_show_mpm()).to_bytes() }
}

/// Requests are served by more than one thread of a process.
pub fn threaded() -> bool {
    ask(sys::AP_MPMQ_IS_THREADED as i32) != sys::AP_MPMQ_NOT_SUPPORTED as i32
}

/// Each connection is served in a copy of a child, forked for it (mpm_itk).
pub fn serves_in_copies() -> bool {
    // SAFETY: a C string; the list of modules is complete once the configuration is read.
    unsafe { !sys::ap_find_linked_module(c"mpm_itk.c".as_ptr()).is_null() }
}

/// Requests may be served by more than one process.
pub fn forked() -> bool {
    ask(sys::AP_MPMQ_IS_FORKED as i32) != sys::AP_MPMQ_NOT_SUPPORTED as i32 && max_processes() > 1
}

/// Most processes that run at a time.
pub fn max_processes() -> i32 {
    ask(sys::AP_MPMQ_MAX_DAEMONS as i32)
}

/// How many processes, and how many threads of each, httpd has room for in its scoreboard.
pub fn hard_limits() -> (i32, i32) {
    (ask(sys::AP_MPMQ_HARD_LIMIT_DAEMONS as i32).max(0), ask(sys::AP_MPMQ_HARD_LIMIT_THREADS as i32).max(0))
}

/// Threads of a process, at least 1.
pub fn threads() -> i32 {
    ask(sys::AP_MPMQ_MAX_THREADS as i32).max(1)
}

/// `ThreadStackSize` in bytes; 0 when not set.
pub fn thread_stack_size() -> u64 {
    // SAFETY: a variable of httpd that only the configuration changes.
    unsafe { sys::ap_thread_stacksize as u64 }
}

/// The configuration is read for the first time, to see whether it can be.
pub fn is_first_pass() -> bool {
    state(sys::AP_SQ_MAIN_STATE as i32) == sys::AP_SQ_MS_CREATE_PRE_CONFIG as i32
}

/// The server is about to end, or to read its configuration again.
pub fn is_stopping() -> bool {
    ask(sys::AP_MPMQ_MPM_STATE as i32) == sys::AP_MPMQ_STOPPING as i32
}

/// Closes the sockets that httpd listens on, in this process.
pub fn close_listeners() {
    // SAFETY: called in a process that serves nobody.
    unsafe { sys::ap_close_listeners() }
}

/// `apachectl configtest`.
pub fn is_config_test() -> bool {
    state(sys::AP_SQ_RUN_MODE as i32) == sys::AP_SQ_RM_CONFIG_TEST as i32
}

/// How often the configuration was read again since the server started: 0 at the first start.
pub fn generation() -> i32 {
    ask(sys::AP_MPMQ_GENERATION as i32)
}

/// The user who serves requests: the ids of `User` and `Group`, and the user's name if it has one. If root did not
/// start httpd, these directives have no effect (httpd doc, User), and the user who started httpd serves.
pub fn unixd_user() -> (u32, u32, Option<String>) {
    if let Some(starter) = super::users::not_root() {
        return (starter.uid, starter.gid, starter.name);
    }
    // SAFETY: httpd's global, which only the configuration changes.
    unsafe {
        let record = &raw const sys::ap_unixd_config;
        let name = super::text((*record).user_name);
        let name = (!name.is_empty()).then(|| wire::shown(name).into_owned());
        ((*record).user_id, (*record).group_id, name)
    }
}
