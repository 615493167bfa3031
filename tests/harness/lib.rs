//! Starts a real Apache for a test, with the module under test loaded, and judges what it did.
//!
//! ```ignore
//! let s = httpd()
//!     .script("hello.wsgi", "def application(environ, start_response): ...")
//!     .config("WSGIScriptAlias / {dir}/hello.wsgi")
//!     .expect_log("WSGI0174: .*ValueError")
//!     .start();
//! let r = s.get("/x");
//! assert_eq!(r.status, 200);
//! ```
//!
//! Every test has its own Apache, directory, port and session. When the server goes out of scope it is stopped and its
//! error logs are read: a line of level warn or worse that the test did not announce fails the test, and so does an
//! announced line that never came. Nothing sleeps and then asserts: what takes time is polled with a deadline.
//!
//! Not here: what mod_wsgi is supposed to do. That is in `compliance/` and `e2e/`.

pub mod browser;
mod builder;
mod cell;
mod client;
mod config;
mod directory;
mod load;
mod log;
mod module;
mod os;
mod response;
mod sanitizer;
mod server;

pub mod daemon;
pub mod machine;
pub mod poll;
pub mod text;

pub use builder::{ConfigTest, Httpd, httpd, offers};
pub use cell::{
    Mode, Mpm, Subject, alone, by_mode, differs, mode, mpm, python, python_version, repository, skip,
    spawns_by_fork, subject, threaded, venv, venv_of,
};
pub use client::{Connection, Request, Sender};
pub use config::GROUP;
pub use directory::Directory;
pub use load::{Answer, Load, Summary};
pub use log::{Level, regex};
pub use module::name as module_file;
pub use os::{give_to_www_data, is_root, own_session, processes, signal};
pub use poll::assert_within;
pub use response::Response;
pub use sanitizer::on as is_sanitized;
pub use server::Server;

/// Leaves the test, counted as skipped, unless our module is the subject.
#[macro_export]
macro_rules! only_ours {
    ($reason:literal) => {
        if $crate::subject() != $crate::Subject::Ours {
            $crate::skip($reason);
            return;
        }
    };
}

/// Leaves the test, counted as skipped, if the original does not offer the directive. One that ours does not offer fails the test.
#[macro_export]
macro_rules! needs {
    ($directive:literal) => {
        if !$crate::offers($directive) {
            $crate::skip(concat!($directive, " is not offered"));
            return;
        }
    };
}

/// Leaves the test, counted as skipped, unless applications run in Apache's children: it is about them.
#[macro_export]
macro_rules! embedded_only {
    () => {
        if $crate::mode() != $crate::Mode::Embedded {
            $crate::skip("about Apache's children");
            return;
        }
    };
}

/// Leaves the test, counted as skipped, unless applications run in a process group: it is about them.
#[macro_export]
macro_rules! daemon_only {
    () => {
        if $crate::mode() != $crate::Mode::Daemon {
            $crate::skip("about process groups");
            return;
        }
    };
}

/// Leaves the test, counted as skipped, in cells where it has no meaning.
#[macro_export]
macro_rules! skip_if {
    ($condition:expr, $reason:literal) => {
        if $condition {
            $crate::skip($reason);
            return;
        }
    };
}
