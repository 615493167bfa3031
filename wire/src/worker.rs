//! What a worker process is told when it is started: descriptors with fixed numbers, and its settings in one of them.

use crate::codec::{Malformed, Reader, Writer, hash};
use crate::plan::StartPlan;
use crate::settings::{self, OTHER_VERSION, WHAT};

/// Descriptors of a worker. The others are closed before its python is executed.
pub mod descriptor {
    /// The engine, opened by the supervisor.
    pub const ENGINE: i32 = 3;
    /// The settings, a file in memory.
    pub const SETTINGS: i32 = 4;
    /// What the supervisor says.
    pub const CONTROL: i32 = 5;
    /// The group's listening socket.
    pub const LISTENER: i32 = 6;
    /// The group's claims.
    pub const SCOREBOARD: i32 = 7;
    /// The start registry of the user's processes.
    pub const REGISTRY: i32 = 8;
    /// httpd's parent process, as a pidfd.
    pub const HTTPD: i32 = 9;
    /// What is said to the supervisor ([`crate::ring`]), a file in memory.
    pub const VOICE: i32 = 10;
    /// Has the supervisor look there, an eventfd.
    pub const BELL: i32 = 11;
    /// httpd's scoreboard ([`crate::window`]), where `server-metrics=` is On; else nothing (/dev/null).
    pub const WINDOW: i32 = 12;
    /// Where the command `mod-wsgi` asks, a listening socket; a template, and where there is none, has nothing (/dev/null).
    pub const DESK: i32 = 13;
    /// The first that is none of them.
    pub const END: i32 = 14;

    /// Those that a forked worker has of its own, in the order in which they come with [`crate::control::Message::Fork`]. Of the
    /// others it has those of its template.
    pub const FORKED: [i32; 8] = [1, 2, SETTINGS, CONTROL, REGISTRY, VOICE, BELL, DESK];
}

settings::settings! {
    /// What a worker alone is told.
    Worker {
        /// What `ps` shows; empty: what it shows of a python.
        title: text = *b"",
        /// What only processes of the group know, 16 bytes.
        token: text = *b"",
        /// The user id of Apache's children, who alone (and root) may connect.
        peer: u32 = settings::NOBODY,
        /// Number of the supervisor.
        supervisor: u64 = 0u64,
        /// Stack of each request thread, bytes.
        stack: u64 = 8u64 << 20,
        /// `locale=`; empty: that of the environment.
        locale: text = *b"",
        /// Most verbose level of the log.
        level: u8 = 0u8,
        /// `maximum-requests=`, with its jitter; 0: no limit.
        maximum_requests: u64 = 0u64,
        /// `restart-interval=`, seconds; 0: off.
        restart_interval: f64 = 0.0,
        /// `inactivity-timeout=`, seconds; 0: off.
        inactivity_timeout: f64 = 0.0,
        /// `request-timeout=`, seconds, as it applies to one request; 0: off.
        request_timeout: f64 = 0.0,
        /// `interrupt-timeout=`, seconds; 0: off.
        interrupt_timeout: f64 = 0.0,
        /// `deadlock-timeout=`, seconds; 0: off.
        deadlock_timeout: f64 = 0.0,
        /// `rss-limit=`, bytes; 0: off.
        rss_limit: u64 = 0u64,
        /// `graceful-timeout=`, seconds; 0: no bound.
        graceful_timeout: f64 = 0.0,
        /// `eviction-timeout=`, seconds; 0: as graceful_timeout.
        eviction_timeout: f64 = 0.0,
        /// `shutdown-timeout=`, seconds; 0: no bound.
        shutdown_timeout: f64 = 0.0,
        /// `send-buffer-size=`; 0: as the system has it.
        send_buffer: u32 = 0u32,
        /// `receive-buffer-size=`; 0: as the system has it.
        receive_buffer: u32 = 0u32,
        /// `reload-wait=`, seconds.
        reload_wait: f64 = 0.0,
        /// `reload=`: 0 off, 1 script, 2 imports.
        reload: u8 = 0u8,
        /// It serves nothing: workers are forked of it.
        template: flag = false,
    }
}

/// Everything that a worker is told when it is started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// What processes of either mode are told.
    pub common: settings::Settings,
    /// What it alone is told.
    pub worker: Worker,
    /// Applications that start with the process, or that requests may ask for.
    pub plans: Vec<Plan>,
}

impl Settings {
    /// The settings as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut w = Writer(&mut bytes);
        self.common.put(&mut w);
        w.u64(hash(Worker::SHAPE.as_bytes()));
        self.worker.put(&mut w);
        w.u32(self.plans.len() as u32);
        self.plans.iter().for_each(|plan| plan.put(&mut w));
        bytes
    }

    /// Parses the settings.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, WHAT);
        let common = settings::Settings::get(&mut reader)?;
        if reader.u64()? != hash(Worker::SHAPE.as_bytes()) {
            return Err(OTHER_VERSION);
        }
        let worker = Worker::get(&mut reader)?;
        let mut plans = Vec::new();
        for _ in 0..reader.u32()? {
            plans.push(Plan::get(&mut reader)?);
        }
        reader.end()?;
        Ok(Self { common, worker, plans })
    }
}

/// An application of the group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What requests name it by: the same in all processes of the server that read the same of it. 0: a script without
    /// warm-up.
    pub key: u64,
    /// Whether the application starts with the process; otherwise the plan waits for a request.
    pub preload: bool,
    /// Path of the script.
    pub script: Vec<u8>,
    /// Name of its interpreter.
    pub group: Vec<u8>,
    /// Name of its callable.
    pub callable: Vec<u8>,
    /// How the application starts.
    pub start: StartPlan,
}

impl Plan {
    fn put(&self, w: &mut Writer<'_>) {
        w.u64(self.key).flag(self.preload).text(&self.script).text(&self.group).text(&self.callable);
        self.start.put(w);
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            key: reader.u64()?,
            preload: reader.flag()?,
            script: reader.text()?.to_vec(),
            group: reader.text()?.to_vec(),
            callable: reader.text()?.to_vec(),
            start: StartPlan::get(reader)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_as_they_were() {
        let plan = Plan { script: b"/x.wsgi".to_vec(), preload: true, ..Plan::default() };
        let settings = Settings {
            worker: Worker { stack: 1, deadlock_timeout: 0.5, ..Worker::default() },
            plans: vec![plan, Plan::default()],
            ..Settings::default()
        };
        let bytes = settings.bytes();
        assert_eq!(Settings::parse(&bytes), Ok(settings));
        for end in 0..bytes.len() {
            assert!(Settings::parse(&bytes[..end]).is_err(), "cut at {end}");
        }
    }
}
