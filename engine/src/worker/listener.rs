//! What request threads wait for: connections of Apache's children, and the socket where they come.
#![forbid(unsafe_code)]

use super::conn::Conn;
use os::lock;
use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard};

/// Connections, and what threads wait with.
pub struct Listener {
    /// What threads wait with.
    pub epoll: os::Epoll,
    conns: Mutex<Vec<Option<Arc<Conn>>>>,
}

impl Listener {
    /// Makes a listener without connections.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: os::Epoll::new()?, conns: Mutex::default() })
    }

    /// What threads wait with.
    pub fn descriptor(&self) -> RawFd {
        self.epoll.descriptor()
    }

    /// The connections, by their index.
    pub fn conns(&self) -> MutexGuard<'_, Vec<Option<Arc<Conn>>>> {
        lock(&self.conns)
    }
}
