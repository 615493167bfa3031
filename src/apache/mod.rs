//! httpd and APR, wrapped: the only folder that sees their C interface.
//!
//! A wrapper borrows what C owns and carries the lifetime of its pool; it is made by the glue that receives the
//! raw pointer ([`hook`], [`command`]) and is never kept. Everything above this folder is safe Rust.
// The widths and signs of C constants follow the installed headers, so casts that are needless here are not elsewhere.
#![allow(clippy::unnecessary_cast)]

mod being_read;
pub mod body;
pub mod brigade;
pub mod command;
mod entrances;
mod file;
pub mod hook;
pub mod log;
mod module;
pub mod mpm;
mod names;
mod pool;
mod process;
mod request;
mod server;
mod synthetic;
pub(crate) mod sys;
mod table;
pub mod users;

pub use being_read::BeingRead;
pub use entrances::Entrance;
pub use module::{Merge, Module, record, register};
pub use pool::{AtEnd, Pool};
pub use process::{Watched, before_process_ends, main_server, now, watch_process};
pub use request::{FileKind, Request, Status};
pub use server::{
    Server, add_component, banner, build_date, defined, description, keep_number, kept_number, parse_date,
    root_relative, runtime_path, version,
};
pub use synthetic::NoHtaccess;
pub use table::Table;

use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `body`; a panic in it is logged and `otherwise` is the answer. Every `extern "C"` function that httpd
/// calls is one call of this, so no panic reaches C.
pub fn guard<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(otherwise)
}

/// Panics are logged, with their place, when they happen: the guard that catches them has lost it.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        log::server_message(None, wire::message::PANIC, panic);
    }));
}

/// A C string as bytes; null is empty.
fn text<'a>(c: *const c_char) -> &'a [u8] {
    if c.is_null() {
        return b"";
    }
    // SAFETY: callers pass null or a string of httpd that lives as long as the record it was read from.
    unsafe { CStr::from_ptr(c).to_bytes() }
}
