//! Daemon mode: applications run in processes of their own, one group of them for each WSGIDaemonProcess.
//!
//! httpd's parent keeps a listening socket for each group for as long as it lives ([`kept`], [`groups`]), and forks a
//! [`supervisor`] for each configuration it reads, which starts the processes and replaces them. In Apache's children,
//! the [`client`] finds an idle thread for a request and relays it. `docs/daemon-mode.md` is the administrator's view.
#![deny(unsafe_code)]

mod check;
mod client;
mod groups;
mod kept;
pub(crate) mod os;
mod parent;
mod scripts;
mod supervisor;

pub use check::run as check;
pub use client::{Stop, serve};
pub use groups::Forget;
pub use parent::{LeaveParent, Prepare, come_back};
