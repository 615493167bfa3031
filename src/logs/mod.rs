//! What logs tell of a request: one id in all of them ([`trace`]), and where it was served and for how long ([`access`]); and the
//! error log as JSON ([`json`]).
#![forbid(unsafe_code)]

mod access;
mod json;
mod trace;

pub use access::{Access, show};
pub use json::Begin;
pub use trace::Id;
