//! What starts with a process, in either mode: applications, how each is started, and what processes learn of each other's
//! starts.
#![deny(unsafe_code)]

pub mod options;
pub mod plan;
pub mod preload;
pub mod registry;
pub mod settings;
