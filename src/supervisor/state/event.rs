//! What happens to a group, and what is to be done about it.

use super::lines::Line;
use super::scale::Load;
use std::time::Duration;
use wire::control::{Message, Reason};
use wire::scoreboard::Condition;

/// What happens. Processes are known by their pids, which are their own until they are reaped.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Time has passed, or something else has happened: what is due is done.
    Tick,
    /// After a tick: whether a process of any generation takes requests, as the scoreboard says.
    Seen {
        /// One does.
        open: bool,
    },
    /// A process was forked for a place, and is killed if it does not serve within `limit`.
    Started {
        /// Index of the place.
        place: usize,
        /// The process.
        pid: u32,
        /// How long its start may take.
        limit: Duration,
    },
    /// No process could be forked for a place.
    StartFailed {
        /// Index of the place.
        place: usize,
        /// Why.
        why: String,
    },
    /// No process was forked for the place of a service: one of another supervisor is there.
    Occupied {
        /// Index of the place.
        place: usize,
    },
    /// A template was executed, and is killed if it is not ready within `limit`.
    TemplateStarted {
        /// The process.
        pid: u32,
        /// How long its start may take.
        limit: Duration,
    },
    /// No template could be executed.
    TemplateNotStarted {
        /// Why.
        why: String,
    },
    /// A template says that it must not be forked.
    Unforkable {
        /// The process.
        pid: u32,
        /// What stands in the way.
        why: String,
    },
    /// A process has started its applications.
    Ready {
        /// The process.
        pid: u32,
        /// Applications that failed.
        failed: u32,
        /// The fewest that failed in a process that takes requests already, of any generation. `None`: there is none.
        others: Option<u32>,
    },
    /// A process says that it cannot serve, and ends.
    GaveUp {
        /// The process.
        pid: u32,
        /// Why.
        why: String,
    },
    /// A process says what is about to end it. `None`: it has not ended after all.
    Ends {
        /// The process.
        pid: u32,
        /// In words.
        words: Option<String>,
    },
    /// A process says which application it starts now. `None`: none any more.
    Starts {
        /// The process.
        pid: u32,
        /// The script.
        script: Option<String>,
    },
    /// A process wants to be replaced.
    ReplaceAsked {
        /// The process.
        pid: u32,
        /// Why.
        reason: Reason,
        /// In words.
        text: String,
    },
    /// A process names the files of which its applications are made.
    Watch {
        /// The process.
        pid: u32,
        /// Their paths, joined by NUL.
        files: Vec<u8>,
    },
    /// A process has ended, and is not reaped yet.
    Ended {
        /// The process.
        pid: u32,
    },
    /// A process was reaped.
    Died {
        /// The process.
        pid: u32,
        /// Its end; `None`: the system does not say.
        end: Option<End>,
        /// Another process, of any generation, takes requests.
        open: bool,
    },
    /// A later supervisor has the group.
    Leave,
    /// No later supervisor has the group.
    EndForGood,
    /// The server stops.
    Stop {
        /// What processes have to end, beyond the time of requests; `None`: shutdown-timeout.
        limit: Option<Duration>,
    },
    /// The time of the supervisor is up.
    Over,
    /// A request has come to the queue; said once after [`Action::Listen`].
    Rung,
    /// The load was looked at.
    Load(Load),
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// As wait(2) has it.
    pub status: i32,
    /// The most memory that it had, KiB.
    pub memory: i64,
    /// Requests that it had.
    pub claimed: u32,
    /// What the oldest of them are called.
    pub requests: Vec<String>,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Fork a process for a place. [`Event::Started`], [`Event::StartFailed`] or [`Event::Occupied`] answers.
    Start {
        /// Index of the place.
        place: usize,
        /// Only if no process of the group is in the scoreboard.
        alone: bool,
        /// Another process of the group serves.
        beside: bool,
        /// The process of the group that died last, and how.
        died: Option<(u32, String)>,
    },
    /// Execute a template. [`Event::TemplateStarted`] or [`Event::TemplateNotStarted`] answers.
    StartTemplate {
        /// A process of the group serves.
        beside: bool,
        /// The process of the group that died last, and how.
        died: Option<(u32, String)>,
    },
    /// Have a template fork a process for a place. [`Event::Started`] or [`Event::StartFailed`] answers, later; nothing does if
    /// the template ends before.
    Fork {
        /// Index of the place.
        place: usize,
        /// Pid of the template.
        template: u32,
    },
    /// Say something to a process.
    Tell(u32, Message),
    /// End a process at once.
    Kill(u32),
    /// Write a line into the log.
    Log(Line),
    /// Say on the scoreboard that a process may be started after that time.
    SetNextStart(Duration),
    /// Say on the scoreboard whether the group serves.
    SetCondition(Condition),
    /// Say on the scoreboard that it is this supervisor whose processes serve.
    SetServedBy,
    /// Tell earlier supervisors that the group serves.
    SendServed,
    /// End what a process that has ended, and is not reaped, has started.
    KillSession(u32),
    /// Remember what a process that has ended, and is not reaped, has started.
    RememberSession(u32),
    /// Reap a process that has ended; [`Event::Died`] answers.
    Reap(u32),
    /// End what is remembered.
    EndRemains,
    /// Tell when a request comes to the queue, or stands there: [`Event::Rung`].
    Listen,
    /// Look at the load; [`Event::Load`] answers.
    Look,
}
