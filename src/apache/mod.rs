//! httpd and APR, wrapped: the only folder that sees their C interface.
//!
//! A wrapper borrows what C owns and carries the lifetime of its pool; it is made by the glue that receives the
//! raw pointer ([`hook`], [`command`]) and is never kept. Everything above this folder is safe Rust.
// The widths and signs of C constants follow the installed headers, so casts that are needless here are not elsewhere.
#![allow(clippy::unnecessary_cast)]

mod being_read;
pub mod body;
pub mod brigade;
pub mod client;
pub mod command;
mod entrances;
mod file;
mod guard;
pub mod hook;
pub mod log;
mod module;
pub mod mpm;
mod names;
mod pool;
mod process;
pub mod providers;
mod request;
pub mod scoreboard;
mod served;
mod server;
mod synthetic;
pub(crate) mod sys;
mod table;
mod text;
mod tree;
pub mod users;

pub use being_read::BeingRead;
pub use entrances::Entrance;
pub use guard::guard;
pub use log::log_panics;
pub use module::{Merge, Module, record, register};
pub use pool::{AtEnd, Pool};
pub use process::{Watched, before_process_ends, main_server, now, watch_process};
pub use request::{FileKind, Request, Status};
pub use served::{Served, Times};
pub use server::{
    Server, add_component, banner, build_date, defined, description, keep_number, kept_number, parse_date,
    root_relative, runtime_path, version,
};
pub use synthetic::NoHtaccess;
pub use table::Table;
use text::text;
pub use tree::Node;
