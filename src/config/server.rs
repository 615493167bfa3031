//! What holds for a server or virtual host, and, in the main server, for Python.

use super::Alias;
use super::daemon::GroupOptions;
use super::interpreters::InterpreterOptions;
use crate::apache::Merge;
use std::sync::Arc;
use wire::Message;
use wire::settings::Settings;

/// Settings of the main server or of a virtual host.
#[derive(Default)]
pub struct ServerConfig {
    /// Aliases, and scripts to import, in the order in which aliases are tried: a virtual host's own first.
    pub aliases: Vec<Arc<Alias>>,
    /// Apache asks a script (WSGIAccessScript and its kind), which some section of it names.
    pub asks_scripts: bool,
    /// The process groups that it defines itself; see [`super::daemon::all`] for those of the whole configuration.
    pub groups: Vec<Arc<GroupOptions>>,
    /// Where the sockets of process groups are; only the main server's counts.
    pub socket: SocketConfig,
    /// What to say of directives that are accepted, but not as they are meant: message and text, with the place.
    pub notices: Vec<(Message, String)>,
    /// What every process that runs Python is told, but for what `interpreters` says; only the main server's counts.
    pub settings: Settings,
    /// What is set for interpreters; only the main server's counts.
    pub interpreters: InterpreterOptions,
    /// Which Python runs, and how it is started; only the main server's counts.
    pub python: PythonConfig,
    /// WSGILogFormat
    pub log_format: Option<LogFormat>,
}

/// WSGILogFormat: how records are written into the error log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// As httpd's lines.
    Lines,
    /// As JSON, one object a line.
    Json,
}

/// Where the sockets are; only the main server's counts.
#[derive(Clone, Debug, Default)]
pub struct SocketConfig {
    /// WSGISocketPrefix, absolute.
    pub prefix: Option<Vec<u8>>,
    /// WSGISocketRotation
    pub rotation: Option<bool>,
}

/// Which Python runs in this server, and how it is started.
#[derive(Default)]
pub struct PythonConfig {
    /// WSGIPythonHome
    pub home: Option<Vec<u8>>,
    /// `file:line` of it
    pub home_location: String,
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
    /// WSGIRestrictEmbedded
    pub restrict_embedded: Option<bool>,
    /// WSGIStartupLock: the number of permits, `Some(0)` when it is off; `None`: one for each processor, and more while they are idle.
    pub permits: Option<u32>,
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
        Self {
            aliases,
            asks_scripts: over.asks_scripts,
            groups: over.groups.clone(),
            log_format: over.log_format.or(self.log_format),
            ..Self::default()
        }
    }
}
