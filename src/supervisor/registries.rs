//! The start registries of process groups: one for each user that processes run as. Users have nothing to do with each
//! other, so no process holds a lock that another user's would wait for, nor reads what that one's applications said.

use crate::startup::registry;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// The start registries of the supervisor, one for each user. Each is made when the first process of the user starts,
/// and ends with the supervisor, so a process of this configuration cannot affect a later one. The supervisor never
/// reads them.
#[derive(Default)]
pub struct Registries(RefCell<HashMap<u32, OwnedFd>>);

impl Registries {
    /// The registry of a user, for one process.
    pub fn of(&self, uid: u32) -> io::Result<OwnedFd> {
        let mut boards = self.0.borrow_mut();
        let board = match boards.entry(uid) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(registry::make()?),
        };
        os::opened_anew(board.as_raw_fd())
    }
}
