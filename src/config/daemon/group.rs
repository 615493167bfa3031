//! A process group as it was typed: the options of a WSGIDaemonProcess, with their defaults.

use super::processes::Processes;
use crate::apache::users::Account;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// A process group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupOptions {
    /// Name of the process group.
    pub name: Vec<u8>,
    /// Number of the group among all groups of the configuration, from 1, in the order in which they are defined.
    pub id: u32,
    /// `file:line` of its definition.
    pub location: String,
    /// The options as they were typed, the last one of each name.
    pub typed: BTreeMap<&'static str, String>,

    /// `processes=`. `None`: not given, so 1, and `wsgi.multiprocess` is False.
    pub processes: Option<Processes>,
    /// `scale-up=`, milliseconds.
    pub scale_up: u32,
    /// `scale-down=`, seconds.
    pub scale_down: f64,
    /// `threads=`. 0: it serves no requests.
    pub threads: u32,
    /// `user=`
    pub user: Option<Account>,
    /// `group=`, a gid.
    pub group: Option<u32>,
    /// `supplementary-groups=`, gids.
    pub supplementary: Option<Vec<u32>>,
    /// `concurrency=`
    pub concurrency: Concurrency,
    /// `interpreters=`
    pub interpreters: u32,
    /// `umask=`
    pub umask: Option<u32>,
    /// `home=`, absolute.
    pub home: Option<Vec<u8>>,
    /// `chroot=`, absolute.
    pub chroot: Option<Vec<u8>>,
    /// `lang=`
    pub lang: Option<Vec<u8>>,
    /// `locale=`
    pub locale: Option<Vec<u8>>,
    /// `display-name=`, with `%{GROUP}` put in.
    pub display_name: Option<Vec<u8>>,
    /// `stack-size=`, bytes.
    pub stack_size: Option<u64>,
    /// `cpu-priority=`
    pub cpu_priority: Option<i32>,
    /// `script-user=`, a uid.
    pub script_user: Option<u32>,
    /// `script-group=`, a gid.
    pub script_group: Option<u32>,
    /// `script-root=`, absolute.
    pub script_root: Option<Vec<u8>>,
    /// `socket-user=`, a uid.
    pub socket_user: Option<u32>,

    /// `python-home=`, absolute.
    pub python_home: Option<Vec<u8>>,
    /// `python-path=`
    pub python_path: Option<Vec<u8>>,
    /// `python-eggs=`
    pub python_eggs: Option<Vec<u8>>,
    /// `switch-interval=`, seconds.
    pub switch_interval: Option<f64>,
    /// `server-metrics=`
    pub server_metrics: bool,

    /// `maximum-requests=`. 0: no limit.
    pub maximum_requests: u64,
    /// `startup-timeout=`, seconds. 0: no limit.
    pub startup_timeout: Option<u32>,
    /// `shutdown-timeout=`, seconds. 0: no limit.
    pub shutdown_timeout: u32,
    /// `graceful-timeout=`, seconds. 0: no limit.
    pub graceful_timeout: u32,
    /// `eviction-timeout=`, seconds. 0: that of `graceful-timeout=`.
    pub eviction_timeout: u32,
    /// `deadlock-timeout=`, seconds. 0: off.
    pub deadlock_timeout: u32,
    /// `inactivity-timeout=`, seconds. 0: off.
    pub inactivity_timeout: u32,
    /// `request-timeout=`, seconds. 0: off.
    pub request_timeout: u32,
    /// `interrupt-timeout=`, seconds. 0: off.
    pub interrupt_timeout: u32,
    /// `restart-interval=`, seconds. 0: off.
    pub restart_interval: u32,
    /// `cpu-time-limit=`, seconds. 0: off.
    pub cpu_time_limit: u32,
    /// `memory-limit=`, bytes. 0: off.
    pub memory_limit: u64,
    /// `rss-limit=`, bytes. 0: off.
    pub rss_limit: u64,
    /// `virtual-memory-limit=`, bytes. 0: off.
    pub virtual_memory_limit: u64,

    /// `listen-backlog=`
    pub listen_backlog: u32,
    /// `connect-timeout=`, seconds.
    pub connect_timeout: u32,
    /// `socket-timeout=`, seconds. 0: the server's Timeout.
    pub socket_timeout: u32,
    /// `queue-timeout=`, seconds. 0: off.
    pub queue_timeout: u32,
    /// `send-buffer-size=`, bytes. 0: the system's.
    pub send_buffer_size: u32,
    /// `receive-buffer-size=`, bytes. 0: the system's.
    pub receive_buffer_size: u32,
    /// `header-buffer-size=`, bytes. 0: the default.
    pub header_buffer_size: u32,
    /// `request-buffer-size=`, bytes. 0: off.
    pub request_buffer_size: u32,
    /// `response-buffer-size=`, bytes. 0: the default.
    pub response_buffer_size: u32,
    /// `response-socket-timeout=`, seconds. 0: that of `socket-timeout=`.
    pub response_socket_timeout: u32,
    /// `response-flush-delay=`, milliseconds.
    pub response_flush_delay: u32,

    /// `reload=`
    pub reload: Reload,
    /// `reload-wait=`, seconds.
    pub reload_wait: f64,
    /// `spawn=`
    pub spawn: Spawn,
}

/// `spawn=`: where processes come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spawn {
    /// Each executes the python, and loads the applications.
    #[default]
    Exec,
    /// Each is forked of one that has loaded the applications.
    Fork,
}

/// `concurrency=`: how many requests of a process run at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// As many as do not merely wait for the GIL.
    #[default]
    Auto,
    /// The same, and no thread is kept on one processor.
    Spread,
    /// So many.
    Number(u32),
    /// As many as it has threads.
    Off,
}

impl Concurrency {
    /// What its text may be.
    pub const WORDS: &str = "must be one of: auto | spread | off | a number from 1 to 65533";

    /// What the text says.
    pub fn parse(text: &[u8]) -> Option<Self> {
        match text.to_ascii_lowercase().as_slice() {
            b"auto" => Some(Self::Auto),
            b"spread" => Some(Self::Spread),
            b"off" => Some(Self::Off),
            digits if digits.iter().all(u8::is_ascii_digit) => {
                let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
                (1..=65_533).contains(&number).then_some(Self::Number(number))
            }
            _ => None,
        }
    }

    /// What a process is told: 0: it finds out how many.
    pub fn number(self) -> u32 {
        match self {
            Self::Auto | Self::Spread => 0,
            Self::Number(number) => number,
            Self::Off => u32::MAX,
        }
    }
}

/// `reload=`: a change of which files replaces the processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reload {
    /// No change replaces the processes.
    Off,
    /// A change of the script does.
    #[default]
    Script,
    /// A change of the script or of a file that the application imported does.
    Imports,
}

impl GroupOptions {
    /// Makes the options of a group with only this name; everything else has its default.
    pub(super) fn named(name: Vec<u8>) -> Self {
        Self {
            name,
            threads: 15,
            interpreters: 1,
            scale_up: 50,
            scale_down: 60.0,
            shutdown_timeout: 5,
            graceful_timeout: 15,
            deadlock_timeout: 300,
            listen_backlog: 100,
            connect_timeout: 15,
            request_buffer_size: 1 << 20,
            response_flush_delay: 5,
            reload_wait: 0.2,
            ..Self::default()
        }
    }

    /// Options that do not go together, or not with what is there.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.script_user.is_some() && self.script_group.is_some() {
            return Err("Only one of script-user and script-group allowed.".into());
        }
        self.check_range()?;
        if self.spawn == Spawn::Fork && self.threads == 0 {
            return Err("spawn=fork is for processes that serve requests; threads=0 makes a service. Remove one of the two.".into());
        }
        if self.interpreters > 1 {
            let other = if self.spawn == Spawn::Fork {
                Some(("spawn=fork", "a process with several interpreters cannot be forked"))
            } else {
                (self.threads == 0).then_some(("threads=0", "a service has no requests"))
            };
            if let Some((option, why)) = other {
                return Err(format!(
                    "interpreters={} does not go with {option}: {why}. Remove one of the two.",
                    self.interpreters
                ));
            }
        }
        let home = self.home.as_deref().filter(|_| self.chroot.is_none());
        for (thing, directory) in [("home directory", home), ("script root", self.script_root.as_deref())] {
            let Some(directory) = directory else { continue };
            let directory = Path::new(OsStr::from_bytes(directory));
            let wrong = match directory.metadata() {
                Ok(there) if !there.is_dir() => "is not a directory",
                Err(why) if why.kind() == std::io::ErrorKind::NotFound => "does not exist",
                // Those who may not look are told nothing.
                _ => continue,
            };
            return Err(format!(
                "Invalid {thing} for WSGI daemon process. '{}' {wrong}: create it, or name another one",
                directory.display()
            ));
        }
        Ok(())
    }

    /// What goes with a range of `processes=` only, and what does not go with one.
    fn check_range(&self) -> Result<(), String> {
        let is_range = matches!(self.processes, Some(Processes::Range(..)));
        for option in ["scale-up", "scale-down"] {
            if !is_range && self.typed.contains_key(option) {
                return Err(format!(
                    "{option}= needs a range of processes. Add one, such as processes=1..8, or remove {option}="
                ));
            }
        }
        if is_range && self.threads == 0 {
            return Err("threads=0 does not go with a range of processes: what serves no requests cannot follow them. \
                        Write processes= with one number"
                .into());
        }
        Ok(())
    }
}

/// A group that another server than the one being read defines.
#[derive(Clone)]
pub struct Elsewhere {
    /// The group's options.
    pub group: Arc<GroupOptions>,
    /// The ServerName of the virtual host that defines it, empty if it has none yet; `None`: the main server.
    pub host: Option<Vec<u8>>,
}
