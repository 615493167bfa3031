//! Daemon mode: the engine in a process of its own, which serves one process group.
//!
//! The supervisor has executed the group's python with a bootstrap that calls [`work`]. The process's main thread is
//! python-main, as in any Python; requests come over connections of Apache's children ([`reception`]), each a [`link`]; one
//! thread that never touches Python listens to the supervisor and looks at limits ([`control`], [`limits`]).
#![deny(unsafe_code)]

mod admit;
mod conn;
mod control;
mod desk;
mod exchange;
mod imports;
mod limits;
mod link;
mod listener;
mod memory;
mod monitor;
mod places;
mod process;
mod reception;
mod renewal;
mod request;
mod serve;
mod service;
mod start;
mod system;
mod template;
#[cfg(test)]
mod tests;
mod turn;
mod voice;
mod watch;
mod window;

pub use start::work;
