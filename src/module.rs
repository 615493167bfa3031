//! The table of contents: the record that httpd loads, and every hook of ours with its "when".

use crate::apache::{self, command, hook, sys};
use crate::config::{DirConfig, Notices, ServerConfig, directives};
use crate::{daemon, embedded, python, route};

/// What httpd keeps for us for each server.
pub type ServerEntry = ServerConfig;
/// What httpd keeps for us for each directory, location, file and `.htaccess`.
pub type DirEntry = DirConfig;

/// The record that `LoadModule wsgi_module` names. httpd writes its index into it.
#[unsafe(no_mangle)]
pub static mut wsgi_module: sys::module = sys::module {
    version: sys::MODULE_MAGIC_NUMBER_MAJOR,
    minor_version: sys::MODULE_MAGIC_NUMBER_MINOR,
    module_index: -1,
    name: c"mod_wsgi.c".as_ptr(),
    dynamic_load_handle: std::ptr::null_mut(),
    next: std::ptr::null_mut(),
    magic: sys::MODULE_MAGIC_COOKIE as u64 as _,
    rewrite_args: None,
    create_dir_config: Some(command::create_dir),
    merge_dir_config: Some(command::merge::<DirEntry>),
    create_server_config: Some(command::create_server),
    merge_server_config: Some(command::merge::<ServerEntry>),
    cmds: directives::RECORDS.as_ptr(),
    register_hooks: Some(register_hooks),
    flags: 0,
};

extern "C" fn register_hooks(pool: *mut sys::apr_pool_t) {
    apache::guard((), || {
        apache::log_panics();
        // SAFETY: httpd passes the pool of the configuration.
        unsafe { apache::Pool::from_raw(pool) }.at_end::<python::Forget>();
        // SAFETY: as above.
        unsafe { apache::Pool::from_raw(pool) }.at_end::<daemon::Forget>();
        daemon::come_back();
        // The configuration has been read: is the python it names usable?
        hook::check_config::<python::Check>();
        // It is going to be used: who are we?
        hook::post_config::<python::Announce>();
        // What in it has no effect?
        hook::post_config::<Notices>();
        // What do its processes learn from each other of the start of applications?
        hook::post_config::<embedded::Prepare>();
        // Which processes of our own are there to be?
        hook::post_config::<daemon::Prepare>();
        // A child starts: what is the parent's stays with that.
        hook::child_init::<daemon::LeaveParent>();
        // Python starts in it.
        hook::child_init::<embedded::Start>();
        // A directory has a .htaccess: who may read it?
        hook::open_htaccess::<apache::NoHtaccess>();
        // A URL: which script?
        hook::translate::<route::Translate>(&hook::AFTER_ALIAS);
        // A request for a script.
        hook::handler::<route::Handler>();
        // A child ends: what waits for processes of ours is let go, and Python ends in it.
        hook::child_stopping::<daemon::Stop>();
        hook::child_stopping::<embedded::Stop>();
    });
}
