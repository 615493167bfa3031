//! What all parts of the supervisor know.

use super::events::{Events, Watched, WorkerId};
use super::registries::Registries;
use super::session::Sessions;
use super::window::Show;
use crate::apache::Server;
use crate::groups::ProcessGroup;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::os::fd::{OwnedFd, RawFd};
use std::rc::Rc;
use wire::control::Message;

/// What all parts of the supervisor know.
pub struct Context {
    /// The main server.
    pub main: Server<'static>,
    /// Number of this supervisor.
    pub serial: u64,
    /// The engine, open since this process began: an upgrade on disk never mixes versions.
    pub engine: OwnedFd,
    /// Pidfd of httpd's parent.
    pub httpd: Watched<OwnedFd>,
    /// All that is waited for.
    pub events: Rc<Events>,
    /// Workers that were started.
    pub workers: Cell<u64>,
    /// Channels of supervisors of earlier configurations.
    pub predecessors: Vec<RawFd>,
    /// Start registries of its processes.
    pub registries: Registries,
    /// What processes that have ended may have left behind.
    pub sessions: Sessions,
    /// What groups with `server-metrics=` see of httpd, if there are any.
    pub show: Option<Show>,
    /// Pids of all its processes that were not reaped.
    pub children: RefCell<HashSet<u32>>,
}

impl Context {
    /// Says something to earlier supervisors.
    pub fn send_to_predecessors(&self, message: &Message) {
        for channel in &self.predecessors {
            let _ = os::send_datagram(*channel, &message.bytes());
        }
    }

    /// Names a worker that is about to be started.
    pub fn next_worker(&self, group: usize) -> WorkerId {
        self.workers.set(self.workers.get() + 1);
        WorkerId { group, serial: self.workers.get() }
    }

    /// The server whose log a group's lines go to.
    pub fn server(&self, live: &ProcessGroup) -> Server<'static> {
        self.main.all().nth(live.server).unwrap_or(self.main)
    }
}
