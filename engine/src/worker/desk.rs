//! Where the command `mod-wsgi` asks this process: the thread that listens to the supervisor has an eye on it, too.
#![forbid(unsafe_code)]

use super::process::Worker;
use super::system;
use crate::inspect;
use os::Desk;
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt;
use wire::worker::descriptor;

/// What the supervisor has left; `None`: nobody can ask.
pub fn take() -> Option<Desk> {
    let file = File::from(system::inherited(descriptor::DESK));
    let is_socket = file.metadata().is_ok_and(|data| data.file_type().is_socket());
    is_socket.then(|| {
        system::watch_descriptor(file.as_raw_fd(), true);
        Desk::new(file.into())
    })
}

impl Worker {
    /// What can be read when somebody asks.
    pub(super) fn desk(&self) -> Option<BorrowedFd<'_>> {
        self.desk.as_ref()?.waits()
    }

    /// Somebody may be there.
    pub(super) fn attend(&self) {
        let own = os::unistd::geteuid().as_raw();
        let may_ask = |uid| [0, self.settings.peer, own].contains(&uid);
        if let Some(asker) = self.desk.as_ref().and_then(|desk| desk.next(may_ask)) {
            inspect::attend(asker);
        }
    }
}
