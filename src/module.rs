//! The table of contents: the record that httpd loads, and every hook of this module with its "when".

use crate::apache::{self, Pool, hook, sys};
use crate::config::{Notices, Wsgi, directives};
use crate::serve::{daemon, embedded};
use crate::{auth, check, ledger, logs, parent, python, routing, serve, startup, status};

/// The record that `LoadModule wsgi_module` names. httpd writes its index into it.
#[unsafe(no_mangle)]
pub static mut wsgi_module: sys::module =
    apache::record::<Wsgi>(c"mod_wsgi.c", directives::RECORDS.as_ptr(), register_hooks);

unsafe extern "C" fn register_hooks(pool: *mut sys::apr_pool_t) {
    // SAFETY: httpd calls with the pool of the configuration, and has loaded this record.
    unsafe { apache::register(pool, &raw const wsgi_module, hooks) };
}

fn hooks(pool: Pool<'_>) {
    apache::log_panics();
    pool.at_end::<python::Forget>();
    pool.at_end::<parent::Forget>();
    parent::come_back(pool);
    // The configuration has been read: is the python it names usable?
    hook::check_config::<check::Check>();
    // What in it does not mean what it meant?
    hook::check_config::<Notices>();
    // What in it cannot be meant?
    hook::check_config::<check::Advice>();
    // It is going to be used, and its logs are open: in which form are records written?
    hook::post_config::<logs::Begin>();
    // Who are we?
    hook::post_config::<python::Announce>();
    // And in the log: what does not mean what it meant?
    hook::post_config::<Notices>();
    // What cannot be meant?
    hook::post_config::<check::Advice>();
    // What do its processes learn from each other of the start of applications?
    hook::post_config::<startup::registry::Prepare>();
    // Which processes of our own are there to be?
    hook::post_config::<parent::Prepare>();
    // httpd has made its scoreboard, which they are to see: they start.
    hook::before_children::<parent::Start>();
    // A child starts: what is the parent's stays with that.
    hook::child_init::<parent::LeaveParent>();
    // It has a place of its own where requests are counted.
    hook::child_init::<ledger::Begin>();
    // It is asked what it does.
    hook::child_init::<status::Questions>();
    // Python starts in it.
    hook::child_init::<embedded::Start>();
    // A directory has a .htaccess: who may read it?
    hook::open_htaccess::<apache::NoHtaccess>();
    // A request: by which id do logs name it?
    hook::log_id::<logs::Id>();
    // A URL: which script?
    hook::translate::<routing::Translate>(&hook::AFTER_ALIAS);
    // Who may see it: what do scripts say?
    hook::access_checker::<auth::Access>();
    auth::register(pool);
    // A request for the status page.
    hook::handler::<status::Handler>();
    // A request for a script.
    hook::handler::<serve::Handler>();
    // A request has been answered: what do access logs tell of it?
    hook::answered::<logs::Access>();
    // A child ends: its waits for workers are given up, and Python ends in it.
    hook::child_stopping::<daemon::Stop>();
    hook::child_stopping::<embedded::Stop>();
}
