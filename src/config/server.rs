//! What holds for a server or virtual host, and, in the main server, for Python.

use super::Alias;
use super::daemon::GroupOptions;
use crate::apache::Merge;
use std::sync::Arc;

/// Settings of the main server or of a virtual host.
#[derive(Default)]
pub struct ServerConfig {
    /// Aliases, and scripts to import, in the order in which aliases are tried: a virtual host's own first.
    pub aliases: Vec<Arc<Alias>>,
    /// The process groups that it defines itself; see [`super::daemon::all`] for those of the whole configuration.
    pub groups: Vec<Arc<GroupOptions>>,
    /// Where the sockets of process groups are; only the main server's counts.
    pub socket: SocketConfig,
    /// What to say of directives that are accepted without effect; only the main server has any.
    pub without_effect: Vec<String>,
    /// Settings of Python; only the main server's count.
    pub python: PythonConfig,
}

/// Where the sockets are; only the main server's counts.
#[derive(Clone, Debug, Default)]
pub struct SocketConfig {
    /// WSGISocketPrefix, absolute.
    pub prefix: Option<Vec<u8>>,
    /// WSGISocketRotation
    pub rotation: Option<bool>,
}

/// How Python runs in this server.
#[derive(Default)]
pub struct PythonConfig {
    /// WSGIPythonHome
    pub home: Option<Vec<u8>>,
    /// `file:line` of it
    pub home_location: String,
    /// WSGIPythonPath
    pub path: Option<Vec<u8>>,
    /// WSGIPythonEggs
    pub eggs: Option<Vec<u8>>,
    /// WSGIPythonWarnings, in order
    pub warnings: Vec<Vec<u8>>,
    /// WSGIPythonOptimize
    pub optimize: u8,
    /// WSGIDontWriteBytecode
    pub dont_write_bytecode: Option<bool>,
    /// WSGIPythonHashSeed
    pub hash_seed: Option<HashSeed>,
    /// WSGISwitchInterval, seconds
    pub switch_interval: Option<f64>,
    /// WSGIRestrictEmbedded
    pub restrict_embedded: Option<bool>,
    /// WSGIRestrictStdin
    pub restrict_stdin: Option<bool>,
    /// WSGIRestrictStdout
    pub restrict_stdout: Option<bool>,
    /// WSGIRestrictSignal
    pub restrict_signal: Option<bool>,
    /// WSGICaseSensitivity
    pub case_sensitivity: Option<bool>,
    /// WSGIRestrictExit
    pub restrict_exit: Option<RestrictExit>,
    /// How applications start.
    pub startup: StartupConfig,
}

/// How applications start in this server.
#[derive(Clone, Copy, Debug, Default)]
pub struct StartupConfig {
    /// WSGIStartupTimeout, seconds
    pub timeout: Option<f64>,
    /// WSGIStartupLock: the number of slots, `Some(0)` when it is off
    pub slots: Option<u32>,
    /// WSGIStartupRequests
    pub requests: Option<u32>,
    /// WSGIImportTimeout, seconds
    pub import_timeout: Option<f64>,
}

/// WSGIRestrictExit: whether an application may end its process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestrictExit {
    /// It may.
    Off,
    /// It may not.
    On,
    /// It may, where the process serves nobody else and nothing starts.
    #[default]
    Auto,
}

impl RestrictExit {
    /// As processes are told.
    pub fn number(self) -> u8 {
        match self {
            Self::Off => wire::exit_rule::OFF,
            Self::On => wire::exit_rule::ON,
            Self::Auto => wire::exit_rule::AUTO,
        }
    }
}

/// WSGIPythonHashSeed
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashSeed {
    /// Another one at each start.
    Random,
    /// Always this one.
    Fixed(u32),
}

impl Merge for ServerConfig {
    fn merge(&self, over: &Self) -> Self {
        let aliases = over.aliases.iter().chain(&self.aliases).cloned().collect();
        // Each group has one definition, which is not the merged server's again.
        Self { aliases, groups: over.groups.clone(), ..Self::default() }
    }
}
