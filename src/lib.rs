//! The Apache half of mod_wsgi: configuration, routing, and the way of a request to the engine and back.
//!
//! It is not linked to libpython and holds no symbol of Python's; the engine (`_mod_wsgi.abi3.so`) is loaded by
//! Python itself, in Apache's children only. See `docs/ARCHITECTURE.md`.

pub mod apache;
pub mod auth;
pub mod check;
pub mod config;
pub mod groups;
pub mod ledger;
pub mod logs;
pub mod module;
pub mod parent;
pub mod process;
pub mod python;
pub mod questions;
#[cfg(test)]
mod reference;
pub mod routing;
pub mod serve;
pub mod startup;
pub mod status;
pub mod supervisor;
