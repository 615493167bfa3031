//! What httpd keeps for this module, and the way to it from a server and from a request.
#![allow(unsafe_code)]

use super::{DirConfig, ServerConfig};
use crate::apache::{Module, Request, Server};

/// This module.
pub struct Wsgi;

// SAFETY: the only implementation; `module.rs` makes the record that httpd loads for it.
unsafe impl Module for Wsgi {
    type Server = ServerConfig;
    type Dir = DirConfig;
}

/// Access to this module's configuration of a server.
pub trait ServerExt<'c> {
    /// The merged configuration of the server.
    fn config(self) -> &'c ServerConfig;
    /// The same, where it may not be merged yet.
    fn config_so_far(self) -> Option<&'c ServerConfig>;
    /// The per-directory configuration of the server, before sections apply.
    fn dir_config(self) -> &'c DirConfig;
}

impl<'c> ServerExt<'c> for Server<'c> {
    fn config(self) -> &'c ServerConfig {
        self.entry::<Wsgi>()
    }

    fn config_so_far(self) -> Option<&'c ServerConfig> {
        self.entry_so_far::<Wsgi>()
    }

    fn dir_config(self) -> &'c DirConfig {
        self.dir_entry::<Wsgi>()
    }
}

/// Access to this module's configuration for a request.
pub trait RequestExt<'r> {
    /// The merged per-directory configuration of the request.
    fn dir_config(self) -> &'r DirConfig;
}

impl<'r> RequestExt<'r> for Request<'r> {
    fn dir_config(self) -> &'r DirConfig {
        self.dir_entry::<Wsgi>()
    }
}
