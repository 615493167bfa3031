//! What the log says about a group.

use super::capacity::Capacity;
use super::event::End;
use super::worker::Worker;
use crate::supervisor::death;
use std::time::{Duration, Instant};
use wire::control::Reason;
use wire::message as msg;

/// A line of the log, without the group's name.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A process was forked.
    Started(u32),
    /// A template was executed.
    TemplateStarted(u32),
    /// Processes can be forked of a template.
    TemplateReady {
        /// The template.
        pid: u32,
        /// Since it was executed.
        took: Duration,
    },
    /// Processes are executed, for a template must not be forked.
    NotForked(String),
    /// No process could be forked, and why.
    NotStarted(String),
    /// A process serves.
    Serves {
        /// The process.
        pid: u32,
        /// Since it was forked.
        took: Duration,
        /// How many requests it serves at a time.
        capacity: Capacity,
    },
    /// A process is being replaced.
    Replacing {
        /// The process.
        pid: u32,
        /// Why.
        reason: Reason,
        /// In its own words.
        text: String,
    },
    /// A process cannot serve, and why.
    CannotServe(String),
    /// The group keeps the old code, because a process failed to start.
    KeepsOldCode {
        /// The process.
        pid: u32,
        /// When another one is started.
        next: Duration,
    },
    /// A process died.
    Died(Death),
    /// A process is added.
    Grows {
        /// How many there are then.
        count: usize,
        /// The most.
        most: usize,
        /// How long requests have waited in the queue; `None`: one waits, and nobody serves.
        waited: Option<Duration>,
    },
    /// A process that is not needed ends.
    Shrinks {
        /// The process.
        pid: u32,
        /// How many are left.
        count: usize,
        /// The fewest.
        least: usize,
        /// For how long it was not needed.
        lasted: Duration,
        /// The most requests at a time meanwhile.
        running: u32,
    },
    /// So many processes were left when the group ended, and were killed.
    LeftBehind(usize),
}

/// What is known of a process that died unexpectedly.
#[derive(Clone, Debug, PartialEq)]
pub struct Death {
    /// The process.
    pub pid: u32,
    /// As wait(2) has it.
    pub status: i32,
    /// The most memory that it had, KiB.
    pub memory: i64,
    /// Requests that it had.
    pub claimed: u32,
    /// What the oldest of them are called.
    pub requests: Vec<String>,
    /// How long it lived.
    pub age: Duration,
    /// What it did.
    pub stage: Stage,
    /// The script of the application that it was starting.
    pub starts: Option<String>,
    /// Why it died, where that is known.
    pub cause: Cause,
}

/// What a process was doing when it died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It was a service.
    Service,
    /// It started its applications.
    Starting,
    /// It served.
    Serving,
    /// Others were forked of it.
    Template,
    /// It was told to finish.
    Draining,
}

/// Why a process died.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// Its start took too long.
    SlowStart,
    /// Its end took too long.
    SlowEnd,
    /// It did not fork.
    NoFork,
    /// It has said so in a line of its own.
    Said,
    /// What an application has ended it by, in the process's own words.
    Words(String),
    /// Only what its status says.
    Unknown,
}

impl Line {
    /// The message whose number the line has.
    pub fn message(&self) -> wire::Message {
        match self {
            Self::Started(_)
            | Self::Serves { .. }
            | Self::TemplateStarted(_)
            | Self::TemplateReady { .. } => msg::WORKER_STARTED,
            Self::NotForked(_) => msg::NOT_FORKED,
            Self::NotStarted(_) => msg::FORK_FAILED,
            Self::Replacing { .. } => msg::REPLACING,
            Self::CannotServe(_) => msg::PROCESS_SETUP,
            Self::KeepsOldCode { .. } => msg::HOLDING,
            Self::Died(_) => msg::WORKER_DIED,
            Self::LeftBehind(_) => msg::LEFT_BEHIND,
            Self::Grows { .. } => msg::SCALED_UP,
            Self::Shrinks { .. } => msg::SCALED_DOWN,
        }
    }

    /// The text, for the group of this name.
    pub fn text(&self, group: &str) -> String {
        match self {
            Self::Started(pid) => format!("process {pid} of group '{group}' is started"),
            Self::TemplateStarted(pid) => format!("template {pid} of group '{group}' is started"),
            Self::TemplateReady { pid, took } => {
                format!("template {pid} of group '{group}' is ready, after {} ms", took.as_millis())
            }
            Self::NotForked(why) => {
                format!("processes of group '{group}' are executed, not forked (spawn=fork): {why}")
            }
            Self::NotStarted(why) => format!("no process of group '{group}' can be started: {why}"),
            Self::Serves { pid, took, capacity } => {
                format!("process {pid} of group '{group}' serves, after {} ms{capacity}", took.as_millis())
            }
            Self::Replacing { pid, reason, text } => {
                format!("process {pid} of group '{group}' is being replaced ({}): {text}", reason.name())
            }
            Self::CannotServe(why) => format!("a process of group '{group}' cannot serve: {why}"),
            Self::KeepsOldCode { pid, next } => format!(
                "new process (pid {pid}) of group '{group}' failed to start (reason above). The running processes keep \
                 serving the old code. Next try in {} s, or when the script changes",
                next.as_secs_f64().ceil()
            ),
            Self::Died(death) => death.text(group),
            Self::Grows { count, most, waited: Some(waited) } => format!(
                "group '{group}' gets another process, number {count} of at most {most}: requests have waited in its queue for \
                 {} ms (scale-up)",
                waited.as_millis()
            ),
            Self::Grows { count, most, waited: None } => format!(
                "group '{group}' gets a process, number {count} of at most {most}: a request waits, and no process is there"
            ),
            Self::Shrinks { pid, count, least, lasted, running } => format!(
                "process {pid} of group '{group}' is not needed any more; {count} {} of at least {least}: {} in the last \
                 {:.1} s (scale-down)",
                if *count == 1 { "stays" } else { "stay" },
                match running {
                    0 => "no request was seen".into(),
                    1 => "never more than one request was seen at a time".into(),
                    count => format!("never more than {count} requests were seen at a time"),
                },
                lasted.as_secs_f64()
            ),
            Self::LeftBehind(count) => format!(
                "{count} processes that applications of group '{group}' had started were still running when the group \
                 ended; they were killed"
            ),
        }
    }
}

impl Death {
    /// That of a process at this stage; `cause`: why the supervisor killed it.
    pub fn of(worker: &Worker, end: &End, stage: Stage, cause: Option<Cause>, now: Instant) -> Self {
        Self {
            pid: worker.pid,
            status: end.status,
            memory: end.memory,
            claimed: end.claimed,
            requests: end.requests.clone(),
            age: worker.age(now),
            stage,
            starts: worker.starts.clone().filter(|_| stage != Stage::Draining),
            cause: cause.unwrap_or_else(|| worker.cause()),
        }
    }

    fn text(&self, group: &str) -> String {
        let stage = match self.stage {
            Stage::Service => "running as a service",
            Stage::Starting => "starting",
            Stage::Serving => "serving",
            Stage::Template => "the template that processes are forked of",
            Stage::Draining => "finishing its requests",
        };
        let at = self.starts.as_ref().map(|script| format!(", at the start of '{script}'"));
        let why = match &self.cause {
            Cause::SlowStart => "the supervisor killed it because its start took too long (startup-timeout)",
            Cause::SlowEnd => "the supervisor killed it because it did not end within shutdown-timeout",
            Cause::NoFork => {
                "the supervisor killed it because it had not forked a process within 10 s: a function for os.register_at_fork() may \
                 hang"
            }
            Cause::Said => "see the reason above",
            Cause::Words(words) => words,
            Cause::Unknown => death::hint(self.status),
        };
        format!(
            "process {} of group '{group}' died unexpectedly: {}; it was {stage}{}, {:.1} s old, used {} MiB at most, and had \
             {} {} in flight{}; {why}",
            self.pid,
            death::how(self.status),
            at.unwrap_or_default(),
            self.age.as_secs_f64(),
            self.memory / 1024,
            self.claimed,
            if self.claimed == 1 { "request" } else { "requests" },
            match self.requests[..] {
                [] => String::new(),
                _ => format!(" ({})", self.requests.join("; ")),
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_death_says_all_that_is_known() {
        let mut death = Death {
            pid: 7,
            status: 11,
            memory: 2048,
            claimed: 1,
            requests: vec!["GET /a, id 1".into(), "GET /b, id 2".into()],
            age: Duration::from_millis(1250),
            stage: Stage::Serving,
            starts: Some("/x.wsgi".into()),
            cause: Cause::Said,
        };
        assert_eq!(
            Line::Died(death.clone()).text("g"),
            "process 7 of group 'g' died unexpectedly: signal 11 (SIGSEGV); it was serving, at the start of '/x.wsgi', \
             1.2 s old, used 2 MiB at most, and had 1 request in flight (GET /a, id 1; GET /b, id 2); see the reason above"
        );
        death = Death {
            claimed: 0,
            requests: Vec::new(),
            starts: None,
            cause: Cause::Words("x".into()),
            ..death
        };
        let text = Line::Died(death).text("g");
        assert!(
            text.ends_with("it was serving, 1.2 s old, used 2 MiB at most, and had 0 requests in flight; x")
        );
    }

    #[test]
    fn seconds_to_the_next_try_are_rounded_up() {
        let line = Line::KeepsOldCode { pid: 7, next: Duration::from_millis(1001) };
        assert!(line.text("g").contains("Next try in 2 s"), "{}", line.text("g"));
    }
}
