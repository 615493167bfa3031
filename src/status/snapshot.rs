//! What the status page says, as plain data. Times are microseconds; those that say when are of the day's clock.

use wire::ledger::{Ended, Note, Phase, Totals};
use wire::scoreboard::Counters;
use wire::starts::Started;

/// The classes of statuses, in the order of their counters.
pub const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Everything at one moment.
pub struct Snapshot {
    /// Of the server.
    pub server: Server,
    /// Of embedded mode, then of each process group.
    pub groups: Vec<Group>,
}

/// What the server is.
pub struct Server {
    /// Version of this module.
    pub version: &'static str,
    /// What httpd calls itself.
    pub httpd: String,
    /// The MPM.
    pub mpm: String,
    /// When this was read.
    pub now: i64,
    /// When the server began; 0: nothing is counted.
    pub begun: i64,
}

/// A process group, or embedded mode.
pub struct Group {
    /// Its name; `None`: embedded mode.
    pub name: Option<String>,
    /// Whether it serves.
    pub condition: &'static str,
    /// The virtual host to which it belongs.
    pub host: Option<String>,
    /// What its requests have done.
    pub totals: Totals,
    /// The most requests that have waited at a time in the queue, or behind one process.
    pub longest: u32,
    /// Its processes.
    pub processes: Vec<Process>,
    /// Processes that are not listed.
    pub unlisted: usize,
    /// Its requests, the oldest first.
    pub requests: Vec<Request>,
    /// What has gone wrong, the latest first.
    pub notes: Vec<Note>,
}

/// A process.
pub struct Process {
    /// Its pid.
    pub pid: u32,
    /// The place at which it serves; `None`: a template, or a child of Apache.
    pub place: Option<u32>,
    /// Number of its supervisor, or of the configuration of a child of Apache.
    pub generation: i64,
    /// How far it is.
    pub phase: &'static str,
    /// How long it has been there.
    pub age: u64,
    /// Bytes of memory, if the system says so.
    pub memory: Option<u64>,
    /// Processor time, if the system says so.
    pub computed: Option<u64>,
    /// Its threads for requests.
    pub threads: u32,
    /// Threads that have a request.
    pub busy: u32,
    /// How long whoever wants the GIL waits, microseconds, 0 while it has no requests; `None`: it does not say.
    pub gil_wait: Option<u64>,
    /// What its requests have done.
    pub counters: Counters,
    /// Requests that it lets into Python at the same time; `None`: it does not say.
    pub admitted: Option<u32>,
    /// What the starts of its applications have taken.
    pub started: Option<Started>,
    /// How often a process at its place was replaced or died.
    pub restarts: u64,
    /// How that was the last time.
    pub last: Option<Ended>,
}

/// A request.
pub struct Request {
    /// httpd's id of it.
    pub id: String,
    /// `GET`
    pub method: String,
    /// The path without the query.
    pub uri: String,
    /// The virtual host.
    pub host: String,
    /// The client's address.
    pub client: String,
    /// How long it has been there.
    pub age: u64,
    /// Where it is.
    pub phase: Phase,
    /// The child of Apache that has it.
    pub child: u32,
    /// The process that has it, and the number of its thread, counted from 1.
    pub process: Option<(u32, Option<usize>)>,
}

impl Group {
    /// As the configuration names it.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or("%{GLOBAL}")
    }

    /// Requests that wait for a thread.
    pub fn waiting(&self) -> usize {
        self.requests.iter().filter(|request| request.phase == Phase::Waiting).count()
    }

    /// The most that have waited at a time: in the queue, or behind one process; or all who wait now.
    pub fn longest(&self) -> usize {
        self.waiting().max(self.longest as usize)
    }
}

/// The name of a phase of a request.
pub fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Reading => "reading the body",
        Phase::Waiting => "waiting for a thread",
        Phase::Starting => "waiting for the application to start",
        Phase::Application => "in the application",
        Phase::Sending => "sending the answer",
    }
}
