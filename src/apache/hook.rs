//! httpd's hooks: for each, a trait with one function, and a registration that puts the guard around it.

use super::{Pool, Request, Server, Status, guard, log, sys};
use std::ffi::{CStr, c_char, c_int};
use std::ptr::null;
use wire::Message;

/// Names of modules that a hook runs after (`pre`) or before (`post`).
pub struct Order {
    pre: [*const c_char; 3],
    post: [*const c_char; 3],
}

// SAFETY: pointers to constants.
unsafe impl Sync for Order {}

/// After mod_alias, so that an Alias wins, and before those that map what is left.
pub static AFTER_ALIAS: Order = Order {
    pre: [c"mod_alias.c".as_ptr(), null(), null()],
    post: [c"mod_userdir.c".as_ptr(), c"mod_vhost_alias.c".as_ptr(), null()],
};

const MIDDLE: c_int = sys::APR_HOOK_MIDDLE as c_int;

/// Maps the URL to a file.
pub trait Translate {
    /// OK if the module maps the request, otherwise DECLINED.
    fn run(r: Request<'_>) -> Status;
}

/// Says whether a client may see a resource, wherever it comes from.
pub trait Access {
    /// OK if it may, HTTP_FORBIDDEN if not, DECLINED if others are to say.
    fn run(r: Request<'_>) -> Status;
}

/// Answers a request.
pub trait Handle {
    /// The status, or DECLINED if the module does not handle the request.
    fn run(r: Request<'_>) -> Status;
}

/// Says by which id logs name a request that has none yet.
pub trait LogId {
    /// The id, of the request's pool; `None`: httpd is to make one.
    fn run<'r>(r: Request<'r>) -> Option<&'r CStr>;
}

/// Runs when a request has been answered, before it is written into access logs.
pub trait Answered {
    /// `r` is the request as it came, which others may follow.
    fn run(r: Request<'_>);
}

/// Looks over the whole configuration once it is read; an error stops `apachectl -t` and the start.
pub trait Check {
    /// Runs at every reading of the configuration, the trial one included.
    fn run(pool: Pool<'_>, main: Server<'_>) -> Result<(), (Message, String)>;
}

/// Whether the server goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server starts.
    Go,
    /// The server stops; the log says why.
    Stop,
}

/// Runs when the configuration is complete.
pub trait Configured {
    /// Runs at every reading of the configuration.
    fn run(pool: Pool<'_>, main: Server<'_>) -> Outcome;
}

/// Runs when httpd has made its scoreboard and is about to start children; not at a graceful restart, where both are there.
pub trait BeforeChildren {
    /// Runs once for a configuration, after the hooks for its completion.
    fn run();
}

/// Decides about `.htaccess` files before httpd opens them.
pub trait OpenHtaccess {
    /// To this request there is no such file.
    fn is_hidden_from(r: *const sys::request_rec) -> bool;
}

/// Runs in a child of the server before it takes requests, as the unprivileged user.
pub trait ChildStart {
    /// Runs before any request thread exists.
    fn run(pool: Pool<'static>, main: Server<'static>);
}

/// Runs in a child that is about to end.
pub trait ChildStop {
    /// `graceful`: requests in progress are given all the time they want.
    fn run(graceful: bool);
}

/// Registers a translate-name hook.
pub fn translate<T: Translate>(order: &'static Order) {
    extern "C" fn raw<T: Translate>(r: *mut sys::request_rec) -> c_int {
        // SAFETY: httpd passes a live request to one thread.
        guard(sys::HTTP_INTERNAL_SERVER_ERROR as c_int, || T::run(unsafe { Request::from_raw(r) }).0)
    }
    // SAFETY: static function and order; called while hooks are registered.
    unsafe { sys::ap_hook_translate_name(Some(raw::<T>), order.pre.as_ptr(), order.post.as_ptr(), MIDDLE) }
}

/// Registers a check of who may see a resource, for requests and for subrequests that look a URL up.
pub fn access_checker<T: Access>() {
    extern "C" fn raw<T: Access>(r: *mut sys::request_rec) -> c_int {
        // SAFETY: httpd passes a live request to one thread.
        guard(sys::HTTP_INTERNAL_SERVER_ERROR as c_int, || T::run(unsafe { Request::from_raw(r) }).0)
    }
    // SAFETY: a static function; called while hooks are registered.
    unsafe {
        let kind = sys::AP_AUTH_INTERNAL_PER_CONF as c_int;
        sys::ap_hook_check_access(Some(raw::<T>), null(), null(), MIDDLE, kind);
    }
}

/// Registers a handler.
pub fn handler<T: Handle>() {
    extern "C" fn raw<T: Handle>(r: *mut sys::request_rec) -> c_int {
        // SAFETY: httpd passes a live request to one thread.
        guard(sys::HTTP_INTERNAL_SERVER_ERROR as c_int, || T::run(unsafe { Request::from_raw(r) }).0)
    }
    // SAFETY: a static function; called while hooks are registered.
    unsafe { sys::ap_hook_handler(Some(raw::<T>), null(), null(), MIDDLE) }
}

/// Registers ids for logs: after mod_unique_id, which has its own, and before httpd, which makes one at random.
pub fn log_id<T: LogId>() {
    extern "C" fn raw<T: LogId>(
        _: *const sys::conn_rec,
        r: *const sys::request_rec,
        id: *mut *const c_char,
    ) -> c_int {
        guard(sys::DECLINED as c_int, || {
            if r.is_null() {
                return sys::DECLINED as c_int;
            }
            // SAFETY: httpd passes a live request to one thread, and a place for the answer.
            unsafe {
                let Some(text) = T::run(Request::from_raw(r.cast_mut())) else {
                    return sys::DECLINED as c_int;
                };
                *id = text.as_ptr();
            }
            sys::OK as c_int
        })
    }
    // SAFETY: a static function; called while hooks are registered.
    unsafe { sys::ap_hook_generate_log_id(Some(raw::<T>), null(), null(), sys::APR_HOOK_LAST as c_int) }
}

/// Registers work for when a request has been answered.
pub fn answered<T: Answered>() {
    extern "C" fn raw<T: Answered>(r: *mut sys::request_rec) -> c_int {
        // SAFETY: httpd passes a live request to one thread.
        guard((), || T::run(unsafe { Request::from_raw(r) }));
        sys::OK as c_int
    }
    // SAFETY: a static function; called while hooks are registered. Access logs are in the middle.
    unsafe { sys::ap_hook_log_transaction(Some(raw::<T>), null(), null(), sys::APR_HOOK_FIRST as c_int) }
}

/// Registers a check of the configuration.
pub fn check_config<T: Check>() {
    extern "C" fn raw<T: Check>(
        pool: *mut sys::apr_pool_t,
        _: *mut sys::apr_pool_t,
        _: *mut sys::apr_pool_t,
        main: *mut sys::server_rec,
    ) -> c_int {
        guard(sys::HTTP_INTERNAL_SERVER_ERROR as c_int, || {
            // SAFETY: httpd passes the configuration's pool and its main server, live while the hook runs.
            let (pool, main) = unsafe { (Pool::from_raw(pool), Server::from_raw(main)) };
            match T::run(pool, main) {
                Ok(()) => sys::OK,
                Err((number, complaint)) => {
                    log::server_message(Some(main), number, &complaint);
                    sys::HTTP_INTERNAL_SERVER_ERROR as c_int
                }
            }
        })
    }
    // SAFETY: a static function; called while hooks are registered.
    unsafe { sys::ap_hook_check_config(Some(raw::<T>), null(), null(), MIDDLE) }
}

/// Registers work for when the configuration is complete.
pub fn post_config<T: Configured>() {
    extern "C" fn raw<T: Configured>(
        pool: *mut sys::apr_pool_t,
        _: *mut sys::apr_pool_t,
        _: *mut sys::apr_pool_t,
        main: *mut sys::server_rec,
    ) -> c_int {
        guard(sys::HTTP_INTERNAL_SERVER_ERROR as c_int, || {
            // SAFETY: as in `check_config`.
            match T::run(unsafe { Pool::from_raw(pool) }, unsafe { Server::from_raw(main) }) {
                Outcome::Go => sys::OK,
                Outcome::Stop => sys::HTTP_INTERNAL_SERVER_ERROR as c_int,
            }
        })
    }
    // SAFETY: a static function; called while hooks are registered.
    unsafe { sys::ap_hook_post_config(Some(raw::<T>), null(), null(), MIDDLE) }
}

/// Registers work for when httpd has made its scoreboard.
pub fn before_children<T: BeforeChildren>() {
    extern "C" fn raw<T: BeforeChildren>(_: *mut sys::apr_pool_t, _: sys::ap_scoreboard_e) -> c_int {
        guard((), T::run);
        sys::OK as c_int
    }
    // SAFETY: a static function; called while hooks are registered. httpd's own function, which makes the scoreboard, is in the
    // middle.
    unsafe { sys::ap_hook_pre_mpm(Some(raw::<T>), null(), null(), sys::APR_HOOK_LAST as c_int) }
}

/// Registers a decision about `.htaccess` files, before those of all other modules.
pub fn open_htaccess<T: OpenHtaccess>() {
    extern "C" fn raw<T: OpenHtaccess>(
        r: *mut sys::request_rec,
        _: *const c_char,
        _: *const c_char,
        _: *mut *mut sys::ap_configfile_t,
        _: *mut *const c_char,
    ) -> sys::apr_status_t {
        let status = if T::is_hidden_from(r) { libc::ENOENT } else { sys::AP_DECLINED as i32 };
        status as sys::apr_status_t
    }
    // SAFETY: a static function; called while hooks are registered.
    unsafe { sys::ap_hook_open_htaccess(Some(raw::<T>), null(), null(), sys::APR_HOOK_REALLY_FIRST as c_int) }
}

/// Registers a start of children.
pub fn child_init<T: ChildStart>() {
    extern "C" fn raw<T: ChildStart>(pool: *mut sys::apr_pool_t, main: *mut sys::server_rec) {
        // SAFETY: the configuration and the child's pool live as long as the child.
        guard((), || T::run(unsafe { Pool::from_raw(pool) }, unsafe { Server::from_raw(main) }))
    }
    // SAFETY: a static function; called while hooks are registered.
    unsafe { sys::ap_hook_child_init(Some(raw::<T>), null(), null(), MIDDLE) }
}

/// Registers an end of children.
pub fn child_stopping<T: ChildStop>() {
    extern "C" fn raw<T: ChildStop>(_: *mut sys::apr_pool_t, graceful: c_int) {
        guard((), || T::run(graceful != 0))
    }
    // SAFETY: a static function; called while hooks are registered.
    unsafe { sys::ap_hook_child_stopping(Some(raw::<T>), null(), null(), MIDDLE) }
}
