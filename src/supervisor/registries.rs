//! The start boards of process groups: one for each user that processes run as. Users have nothing to do with each other, so
//! no process holds a lock that another user's would wait for, nor reads what that one's applications said.

use crate::startup::registry;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// They are made when the first process of a user is started, and go with the supervisor: one of a later configuration
/// makes others, whatever a process of this one holds. The supervisor never reads them.
#[derive(Default)]
pub struct Registries(RefCell<HashMap<u32, OwnedFd>>);

impl Registries {
    /// The board of a user, for one process.
    pub fn of(&self, uid: u32) -> io::Result<OwnedFd> {
        let mut boards = self.0.borrow_mut();
        let board = match boards.entry(uid) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(registry::make()?),
        };
        os::opened_anew(board.as_raw_fd())
    }
}
