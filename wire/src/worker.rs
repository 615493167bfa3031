//! What a worker process is told when it is started: descriptors with fixed numbers, and its settings in one of them.

use crate::codec::{Malformed, Reader, Writer};
use crate::request::{Pairs, put_pairs};
use crate::scripts::Rules;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Raised whenever the settings change: supervisor and worker must be of one version.
pub const VERSION: u32 = 4;

/// A number that no user and no group has.
pub const NOBODY: u32 = u32::MAX;

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
    pub const CLAIMS: i32 = 7;
    /// The start board of the user's processes.
    pub const BOARD: i32 = 8;
    /// httpd's parent process, as a pidfd.
    pub const HTTPD: i32 = 9;
    /// What is said to the supervisor ([`crate::ring`]), a file in memory.
    pub const VOICE: i32 = 10;
    /// Has the supervisor look there, an eventfd.
    pub const BELL: i32 = 11;
    /// The first that is none of them.
    pub const END: i32 = 12;
}

const WHAT: &str = "settings";

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $type:ident,)*) => {
        /// What holds for a worker.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Settings {
            $($(#[$doc])* pub $name: settings!(@owned $type),)*
            /// Applications that start with the process.
            pub plans: Vec<Plan>,
        }

        impl Settings {
            /// As bytes.
            pub fn bytes(&self) -> Vec<u8> {
                let mut bytes = Vec::new();
                let mut w = Writer(&mut bytes);
                w.u32(VERSION);
                $(settings!(@put w, $type, self.$name);)*
                w.u32(self.plans.len() as u32);
                self.plans.iter().for_each(|plan| plan.put(&mut w));
                bytes
            }

            /// From bytes.
            pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
                let mut reader = Reader::new(bytes, WHAT);
                if reader.u32()? != VERSION {
                    return Err(Malformed("settings: mod_wsgi.so and _mod_wsgi.abi3.so are not of one version"));
                }
                $(let $name = settings!(@get reader, $type);)*
                let mut plans = Vec::new();
                for _ in 0..reader.u32()? {
                    plans.push(Plan::parse(&mut reader)?);
                }
                reader.end()?;
                Ok(Self { $($name,)* plans })
            }
        }
    };
    (@owned text) => { Vec<u8> };
    (@owned flag) => { bool };
    (@owned $number:ident) => { $number };
    (@put $w:ident, text, $value:expr) => { $w.text(&$value) };
    (@put $w:ident, $type:ident, $value:expr) => { $w.$type($value) };
    (@get $r:ident, text) => { $r.text()?.to_vec() };
    (@get $r:ident, $type:ident) => { $r.$type()? };
}

settings! {
    /// Name of the process group.
    group: text,
    /// What `ps` shows; empty: what it shows of a python.
    title: text,
    /// What only processes of the group know, 16 bytes.
    token: text,
    /// The user id of Apache's children, who alone (and root) may connect.
    peer: u32,
    /// Number of the supervisor.
    supervisor: u64,
    /// Request threads; 0: a service.
    threads: u32,
    /// Stack of each, bytes.
    stack: u64,
    /// `wsgi.multiprocess`
    multiprocess: flag,
    /// Directories, joined by colons.
    python_path: text,
    /// `home=`, which is put first on sys.path.
    home: text,
    /// `WSGIRestrictStdin`
    restrict_stdin: flag,
    /// `WSGIRestrictStdout`
    restrict_stdout: flag,
    /// `WSGIRestrictSignal`
    restrict_signal: flag,
    /// `WSGIRestrictExit`; see [`crate::exit_rule`].
    restrict_exit: u8,
    /// A process of the group serves beside this one.
    beside: flag,
    /// The process of the group that died last; 0: none has.
    died: u32,
    /// How it died.
    died_by: text,
    /// `WSGICaseSensitivity`
    case_sensitive: flag,
    /// `locale=`; empty: that of the environment.
    locale: text,
    /// `switch-interval=`, seconds; 0: as Python has it.
    switch_interval: f64,
    /// PYTHONHASHSEED was set for Python's start only.
    hide_hash_seed: flag,
    /// Version of httpd, `major << 32 | minor << 16 | patch`.
    apache_version: u64,
    /// httpd with all its module tokens.
    description: text,
    /// When httpd was built.
    build_date: text,
    /// Name of the MPM.
    mpm: text,
    /// Most processes of the MPM.
    mpm_processes: u32,
    /// Threads of each of those.
    mpm_threads: u32,
    /// Processes of the group.
    processes: u32,
    /// Most verbose level of the log.
    level: u8,
    /// `WSGIStartupLock`: slots; 0: off.
    slots: u32,
    /// Differs each time the server reads its configuration.
    generation: i64,
    /// When the process was forked, microseconds of the monotonic clock.
    begun: i64,
    /// Seconds an application may take to start.
    startup_timeout: f64,
    /// `WSGIStartupRequests`
    startup_requests: u32,
    /// `WSGIImportTimeout`, seconds; 0: off.
    import_timeout: f64,
    /// `maximum-requests=`, with its jitter; 0: no limit.
    maximum_requests: u64,
    /// `restart-interval=`, seconds; 0: off.
    restart_interval: f64,
    /// `inactivity-timeout=`, seconds; 0: off.
    inactivity_timeout: f64,
    /// `request-timeout=`, seconds, as it applies to one request; 0: off.
    request_timeout: f64,
    /// `interrupt-timeout=`, seconds; 0: off.
    interrupt_timeout: f64,
    /// `deadlock-timeout=`, seconds; 0: off.
    deadlock_timeout: f64,
    /// `graceful-timeout=`, seconds; 0: no bound.
    graceful_timeout: f64,
    /// `eviction-timeout=`, seconds; 0: as graceful_timeout.
    eviction_timeout: f64,
    /// `shutdown-timeout=`, seconds; 0: no bound.
    shutdown_timeout: f64,
    /// `send-buffer-size=`; 0: as the system has it.
    send_buffer: u32,
    /// `receive-buffer-size=`; 0: as the system has it.
    receive_buffer: u32,
    /// `reload-wait=`, seconds.
    reload_wait: f64,
    /// `reload=`: 0 off, 1 script, 2 imports.
    reload: u8,
    /// `wsgi.run_once`
    run_once: flag,
    /// `script-user=`; [`NOBODY`]: not given.
    script_user: u32,
    /// `script-group=`; [`NOBODY`]: not given.
    script_group: u32,
    /// `script-root=`, as the process sees it; empty: not given.
    script_root: text,
}

impl Settings {
    /// Which scripts the process runs.
    pub fn rules(&self) -> Rules<'_> {
        let given = |id: u32| Some(id).filter(|id| *id != NOBODY);
        let root = Path::new(OsStr::from_bytes(&self.script_root));
        Rules {
            user: given(self.script_user),
            group: given(self.script_group),
            root: Some(root).filter(|_| !self.script_root.is_empty()),
        }
    }
}

/// An application, and how it starts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What requests name it by: the same in all processes of the server that read the same of it. 0: a script without
    /// warm-up.
    pub key: u64,
    /// Starts with the process; else it is only known.
    pub preload: bool,
    /// Path of the script.
    pub script: Vec<u8>,
    /// Name of its interpreter.
    pub group: Vec<u8>,
    /// Name of its callable.
    pub callable: Vec<u8>,
    /// It is a Django project.
    pub django: Option<Django>,
    /// Requests that it must answer before it serves.
    pub warm_ups: Vec<WarmUp>,
}

/// `WSGIDjangoAlias`; see [`crate::door::Django`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Django {
    /// The project's directory.
    pub project: Vec<u8>,
    /// The URL path it is served below.
    pub url: Vec<u8>,
    /// Name of the settings module; empty: what manage.py says.
    pub settings: Vec<u8>,
    /// `error`, `warning` or `off`.
    pub checks: Vec<u8>,
    /// Static files are served by Django's own handler.
    pub finders: bool,
}

/// A warm-up request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WarmUp {
    /// The path, for messages.
    pub path: Vec<u8>,
    /// The environ's text entries.
    pub environ: Vec<(Vec<u8>, Vec<u8>)>,
    /// `wsgi.url_scheme` is `https`.
    pub https: bool,
}

impl Plan {
    fn put(&self, w: &mut Writer<'_>) {
        w.u64(self.key).flag(self.preload).text(&self.script).text(&self.group).text(&self.callable);
        w.flag(self.django.is_some());
        if let Some(django) = &self.django {
            w.text(&django.project).text(&django.url).text(&django.settings).text(&django.checks);
            w.flag(django.finders);
        }
        w.u32(self.warm_ups.len() as u32);
        for request in &self.warm_ups {
            w.text(&request.path).flag(request.https);
            put_pairs(w, request.environ.iter().map(|(name, value)| (&name[..], &value[..])));
        }
    }

    fn parse(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut plan = Self {
            key: reader.u64()?,
            preload: reader.flag()?,
            script: reader.text()?.to_vec(),
            group: reader.text()?.to_vec(),
            callable: reader.text()?.to_vec(),
            ..Self::default()
        };
        if reader.flag()? {
            plan.django = Some(Django {
                project: reader.text()?.to_vec(),
                url: reader.text()?.to_vec(),
                settings: reader.text()?.to_vec(),
                checks: reader.text()?.to_vec(),
                finders: reader.flag()?,
            });
        }
        for _ in 0..reader.u32()? {
            let (path, https) = (reader.text()?.to_vec(), reader.flag()?);
            let pairs = Pairs::parse(reader)?;
            let environ = pairs.map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
            plan.warm_ups.push(WarmUp { path, environ, https });
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_as_they_were() {
        let plan = Plan {
            script: b"/x.wsgi".to_vec(),
            django: Some(Django { project: b"/site".to_vec(), ..Django::default() }),
            warm_ups: vec![WarmUp {
                path: b"/".to_vec(),
                environ: vec![(b"A".to_vec(), b"1".to_vec())],
                https: true,
            }],
            ..Plan::default()
        };
        let settings = Settings {
            group: b"site".to_vec(),
            threads: 15,
            switch_interval: 0.5,
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
