//! What the supervisor and a worker say to each other, and the supervisors of two generations: one message a datagram,
//! on a pair of sockets; a worker's go through a [`crate::ring`], for a socket takes descriptors as well.

use crate::codec::{Malformed, Reader, Writer};

/// Longest message.
pub const LONGEST: usize = 64 << 10;

/// Deaths of processes in a row at the start of one application, after which others start without it.
pub const MOST_DEATHS: u32 = 3;

/// Why a process is replaced, as logs name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// SIGTERM or SIGINT.
    Shutdown = 1,
    /// SIGHUP.
    Hangup = 2,
    /// SIGUSR1.
    Graceful = 3,
    /// SIGUSR1 where eviction-timeout is set.
    Eviction = 4,
    /// The script has changed.
    Script = 5,
    /// A module that it imports has changed.
    Imports = 6,
    /// `maximum-requests`
    Requests = 7,
    /// `restart-interval`
    Interval = 8,
    /// `inactivity-timeout`
    Inactivity = 9,
    /// `request-timeout`
    RequestTimeout = 10,
    /// `deadlock-timeout`
    Deadlock = 11,
    /// `cpu-time-limit`
    CpuTime = 12,
    /// An application has failed to start.
    FailedStart = 13,
    /// Requests wait for each other's imports.
    ImportDeadlock = 14,
    /// The server has read its configuration again.
    Generation = 15,
    /// The server stops.
    Stop = 16,
    /// `rss-limit`
    Memory = 17,
    /// The group has more processes than its requests need.
    ScaleDown = 18,
}

const REASONS: [(Reason, &str); 18] = [
    (Reason::Shutdown, "shutdown_signal"),
    (Reason::Hangup, "hangup_signal"),
    (Reason::Graceful, "graceful_signal"),
    (Reason::Eviction, "eviction_signal"),
    (Reason::Script, "script_reload"),
    (Reason::Imports, "import_reload"),
    (Reason::Requests, "maximum_requests"),
    (Reason::Interval, "restart_interval"),
    (Reason::Inactivity, "inactivity_timeout"),
    (Reason::RequestTimeout, "request_timeout"),
    (Reason::Deadlock, "deadlock_timeout"),
    (Reason::CpuTime, "cpu_time_limit"),
    (Reason::FailedStart, "failed_start"),
    (Reason::ImportDeadlock, "import_deadlock"),
    (Reason::Generation, "new_generation"),
    (Reason::Stop, "server_stop"),
    (Reason::Memory, "rss_limit"),
    (Reason::ScaleDown, "scale_down"),
];

impl Reason {
    /// The name of the reason in `process_stopping` events and logs.
    pub fn name(self) -> &'static str {
        REASONS[self as usize - 1].1
    }

    /// Whether the reason concerns all processes of the group, not only the one that reports it.
    pub fn concerns_group(self) -> bool {
        matches!(self, Self::Script | Self::Imports | Self::FailedStart)
    }

    fn of(number: u8) -> Result<Self, Malformed> {
        let entry = REASONS.get(usize::from(number).wrapping_sub(1));
        entry.map(|entry| entry.0).ok_or(Malformed("reason"))
    }
}

/// A message between supervisor and worker, or between supervisors.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Worker: its applications have been started, but for so many that failed. It serves when it is told to.
    Ready {
        /// Applications that failed.
        failed: u32,
    },
    /// Worker: it cannot serve at all, and ends.
    Failed(Vec<u8>),
    /// Worker: wants to be replaced.
    Replace {
        /// Why.
        reason: Reason,
        /// In words, for the log.
        text: Vec<u8>,
    },
    /// Worker: a line for the server's log.
    Log {
        /// See [`crate::Level`].
        level: u8,
        /// What [`crate::Origin::put`] writes.
        record: Vec<u8>,
    },
    /// Worker that may not serve: files of which its applications are made, joined by NUL. Its supervisor passes them on to those
    /// that do, for whom a change of them is a reason to be replaced.
    Watch(Vec<u8>),
    /// Supervisor: serve.
    Serve,
    /// Supervisor: take nothing more, finish what there is, and end.
    Drain {
        /// Why.
        reason: Reason,
        /// Milliseconds that requests have before those that are left are cut; `u32::MAX`: no bound.
        grace: u32,
        /// Milliseconds for the rest.
        shutdown: u32,
    },
    /// Supervisor of a later generation: it has the group of this key.
    Has(u64),
    /// Supervisor of a later generation: its processes of the group of this key serve.
    Served(u64),
    /// Supervisor of a later generation: all its groups were named; others may go.
    Complete,
    /// httpd's parent: the server stops.
    Stop,
    /// Worker: an application is about to end the process, and which one, from where. Nothing: it has not ended after
    /// all.
    Ends(Vec<u8>),
    /// httpd's parent: the configuration goes, and the module with it.
    Leaving,
    /// httpd's parent: the module is there again.
    Back,
    /// Worker: it starts the application of that script now; nothing: it has.
    Starts(Vec<u8>),
    /// Worker: it wants to see httpd's scoreboard as it is now, in the window ([`crate::window`]).
    Show,
    /// Supervisor to a template: fork a worker. Descriptors come along, in the order of [`crate::worker::descriptor::FORKED`].
    Fork {
        /// What the supervisor calls it.
        serial: u64,
    },
    /// Template: it has forked the worker that was asked for; pid 0: it could not.
    Forked {
        /// What the supervisor calls it.
        serial: u64,
        /// The process.
        pid: u32,
    },
    /// Template: it must not be forked, and why.
    Unforkable(Vec<u8>),
}

impl Message {
    /// The message as bytes, cut to the maximum length of a message.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut w = Writer(&mut bytes);
        match self {
            Self::Ready { failed } => w.u8(1).u32(*failed),
            Self::Failed(why) => w.u8(2).raw(why),
            Self::Replace { reason, text } => w.u8(3).u8(*reason as u8).raw(text),
            Self::Log { level, record } => w.u8(4).u8(*level).raw(record),
            Self::Watch(files) => w.u8(5).raw(files),
            Self::Serve => w.u8(6),
            Self::Drain { reason, grace, shutdown } => w.u8(7).u8(*reason as u8).u32(*grace).u32(*shutdown),
            Self::Served(key) => w.u8(8).u64(*key),
            Self::Complete => w.u8(9),
            Self::Stop => w.u8(10),
            Self::Has(key) => w.u8(11).u64(*key),
            Self::Ends(text) => w.u8(12).raw(text),
            Self::Leaving => w.u8(13),
            Self::Back => w.u8(14),
            Self::Starts(script) => w.u8(15).raw(script),
            Self::Show => w.u8(16),
            Self::Fork { serial } => w.u8(17).u64(*serial),
            Self::Forked { serial, pid } => w.u8(18).u64(*serial).u32(*pid),
            Self::Unforkable(why) => w.u8(19).raw(why),
        };
        bytes.truncate(LONGEST);
        bytes
    }

    /// Parses a message.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, "message");
        let message = match reader.u8()? {
            1 => Self::Ready { failed: reader.u32()? },
            2 => return Ok(Self::Failed(reader.rest().to_vec())),
            3 => {
                let reason = Reason::of(reader.u8()?)?;
                return Ok(Self::Replace { reason, text: reader.rest().to_vec() });
            }
            4 => {
                let level = reader.u8()?;
                return Ok(Self::Log { level, record: reader.rest().to_vec() });
            }
            5 => return Ok(Self::Watch(reader.rest().to_vec())),
            6 => Self::Serve,
            7 => Self::Drain {
                reason: Reason::of(reader.u8()?)?,
                grace: reader.u32()?,
                shutdown: reader.u32()?,
            },
            8 => Self::Served(reader.u64()?),
            9 => Self::Complete,
            10 => Self::Stop,
            11 => Self::Has(reader.u64()?),
            12 => return Ok(Self::Ends(reader.rest().to_vec())),
            13 => Self::Leaving,
            14 => Self::Back,
            15 => return Ok(Self::Starts(reader.rest().to_vec())),
            16 => Self::Show,
            17 => Self::Fork { serial: reader.u64()? },
            18 => Self::Forked { serial: reader.u64()?, pid: reader.u32()? },
            19 => return Ok(Self::Unforkable(reader.rest().to_vec())),
            _ => return Err(Malformed("message")),
        };
        reader.end()?;
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_as_they_were() {
        for (index, (reason, _)) in REASONS.iter().enumerate() {
            assert_eq!(*reason as usize, index + 1);
        }
        let messages = [
            Message::Ready { failed: 2 },
            Message::Failed(b"why".to_vec()),
            Message::Replace { reason: Reason::Script, text: b"touched".to_vec() },
            Message::Log { level: 3, record: b"line".to_vec() },
            Message::Watch(b"/a\0/b".to_vec()),
            Message::Serve,
            Message::Drain { reason: Reason::Stop, grace: 1, shutdown: 2 },
            Message::Served(9),
            Message::Complete,
            Message::Stop,
            Message::Has(7),
            Message::Starts(b"/x.wsgi".to_vec()),
            Message::Ends(b"'/x.wsgi' called os._exit(7)".to_vec()),
            Message::Leaving,
            Message::Back,
            Message::Show,
            Message::Fork { serial: 3 },
            Message::Forked { serial: 3, pid: 4 },
            Message::Unforkable(b"a thread".to_vec()),
        ];
        for message in messages {
            assert_eq!(Message::parse(&message.bytes()), Ok(message));
        }
        assert!(Message::parse(b"").is_err());
        assert!(Message::parse(b"\x03\x00").is_err());
    }
}
