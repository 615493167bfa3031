//! How a directive of this module is run.

use super::daemon::{Elsewhere, GroupOptions};
use super::scripts::ScriptPlace;
use super::{DirConfig, ServerConfig, Wsgi};
use crate::apache::command::{self, Command, Context, Line, Place as Site, Regex};
use crate::apache::root_relative;
use crate::apache::users::{self, Account};
use std::sync::Arc;
use wire::{Message, message};

/// What takes the arguments of a directive in.
pub enum Setter {
    /// A directive of a server: read with the configuration, by one thread.
    Server(fn(&mut Place<'_>, &[u8]) -> Result<(), String>),
    /// A directive of a section: read from `.htaccess` too, by threads that serve requests, so it sees no server. The
    /// first argument is the directive's name.
    Section(fn(&str, &mut DirConfig, &[u8]) -> Result<(), String>),
    /// A script of a section. What starts with a process is the server's, unless a `.htaccess` names it.
    Script(fn(&mut ScriptPlace<'_>, &mut DirConfig, &[u8]) -> Result<(), String>),
    /// A container: takes its arguments in; what stands in it is read; then it ends.
    Container(fn(&mut ServerConfig, &[u8]) -> Result<(), String>, fn(&mut ServerConfig)),
    /// A directive that existing sites have and that changes nothing: what its arguments may be, and what holds instead.
    Retired(fn(&str, &[u8]) -> Result<(), String>, &'static str),
}

/// A directive of this module.
pub type Directive = command::Directive<Setter>;

/// What a setter may write to and ask.
pub struct Place<'a> {
    /// Name of the directive, for messages.
    pub name: &'static str,
    /// `file:line`, for what can be told only later.
    pub location: String,
    /// The server or virtual host.
    pub server: &'a mut ServerConfig,
    /// What only httpd can do.
    pub httpd: &'a dyn Httpd,
}

impl Place<'_> {
    /// Has something said of the directive at `configtest` and in the log, with its place, but once for each message.
    pub fn notice_once(&mut self, message: Message, text: &str) {
        let notices = &mut self.server.notices;
        if notices.iter().all(|(said, _)| *said != message) {
            notices.push((message, format!("{}: {text}", self.location)));
        }
    }
}

/// What setters need of httpd and of the system; a trait, so that setters can be tested without a running httpd.
pub trait Httpd {
    /// Compiles a regular expression.
    fn regex(&self, pattern: &[u8]) -> Option<Regex>;
    /// Puts a relative path under ServerRoot.
    fn absolute(&self, path: &[u8]) -> Option<Vec<u8>>;
    /// The ServerName of the server being read, as far as it is known; empty if it is not.
    fn server_name(&self) -> Vec<u8>;
    /// The same, where the server being read is a virtual host.
    fn virtual_host(&self) -> Option<Vec<u8>>;
    /// The process groups that other servers have defined so far.
    fn groups_elsewhere(&self) -> Vec<Elsewhere>;
    /// The user of this name.
    fn user(&self, name: &[u8]) -> Option<Account> {
        users::user(name)
    }
    /// The user of this number.
    fn user_numbered(&self, uid: u32) -> Option<Account> {
        users::user_numbered(uid)
    }
    /// The number of the group of this name.
    fn group(&self, name: &[u8]) -> Option<u32> {
        users::group(name)
    }
    /// Apache is started by root.
    fn is_root(&self) -> bool {
        users::is_root()
    }
}

impl Httpd for Site<'_> {
    fn regex(&self, pattern: &[u8]) -> Option<Regex> {
        Site::regex(*self, pattern)
    }

    fn absolute(&self, path: &[u8]) -> Option<Vec<u8>> {
        let pool = self.pool();
        root_relative(pool, pool.c_string(path)).map(|path| path.to_bytes().to_vec())
    }

    fn server_name(&self) -> Vec<u8> {
        self.server().name().to_vec()
    }

    fn virtual_host(&self) -> Option<Vec<u8>> {
        self.server().is_virtual().then(|| self.server().name().to_vec())
    }

    fn groups_elsewhere(&self) -> Vec<Elsewhere> {
        let mut groups = Vec::new();
        for (server, config) in self.elsewhere::<Wsgi>() {
            let host = server.is_virtual().then(|| server.name().to_vec());
            let of = |group: &Arc<GroupOptions>| Elsewhere { group: group.clone(), host: host.clone() };
            groups.extend(config.groups.iter().map(of));
        }
        groups
    }
}

impl Command for Directive {
    fn run(&self, line: &mut Line<'_>) -> Result<(), String> {
        if self.context == Context::Global {
            line.place().global_only()?;
        }
        let (args, site) = (line.args(), line.place());
        let name = self.name.to_str().unwrap_or_default();
        match self.set {
            Setter::Section(set) => set(name, line.dir_config::<Wsgi>(), args),
            Setter::Script(set) => {
                let absolute = |path: &[u8]| site.absolute(path).unwrap_or_else(|| path.to_vec());
                let mut place = ScriptPlace { absolute: &absolute, imports: Vec::new(), is_asked: false };
                set(&mut place, line.dir_config::<Wsgi>(), args)?;
                let (imports, is_asked) = (place.imports, place.is_asked);
                if !site.is_htaccess() {
                    let server = line.server_config::<Wsgi>();
                    server.aliases.extend(imports.into_iter().map(Arc::new));
                    server.asks_scripts |= is_asked;
                }
                Ok(())
            }
            Setter::Container(begin, end) => {
                let [words @ .., b'>'] = args.trim_ascii_end() else {
                    return Err(format!("{name}> directive missing closing '>'"));
                };
                begin(line.server_config::<Wsgi>(), words)?;
                line.read_contents()?;
                end(line.server_config::<Wsgi>());
                Ok(())
            }
            Setter::Retired(check, why) => {
                check(name, args)?;
                // Of a `.htaccess` each request would say it.
                if !site.is_htaccess() {
                    let text = format!("{}: {name} has no effect: {why}", site.location());
                    line.server_config::<Wsgi>().notices.push((message::WITHOUT_EFFECT, text));
                }
                Ok(())
            }
            Setter::Server(set) => {
                let (server, location) = (line.server_config::<Wsgi>(), site.location());
                set(&mut Place { name, location, server, httpd: &site }, args)
            }
        }
    }
}
