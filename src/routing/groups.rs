//! Which interpreter and which callable: configured names, and the tokens `%{…}` in them.

use crate::apache::{Request, Server};
use crate::config::{Alias, DirConfig, Kind};
use crate::config::{RequestExt, ServerExt};
use crate::process;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use wire::Stamp;

/// Where a request is to be served.
pub struct Route<'r> {
    /// Empty: embedded mode.
    pub process_group: Cow<'r, [u8]>,
    /// Empty: the main interpreter.
    pub application_group: Cow<'r, [u8]>,
    /// A client may have chosen that name.
    pub named_by_client: bool,
    /// Attribute of the script.
    pub callable: Cow<'r, [u8]>,
    /// WSGIPassAuthorization
    pub pass_authorization: bool,
    /// Names are lower-cased where they come from paths.
    pub case_sensitive: bool,
    /// The script of WSGIHandlerScript that handles the resource.
    pub handler_script: Option<&'r [u8]>,
}

impl<'r> Route<'r> {
    /// The route of a request: what its alias says, else its directory, else the default.
    pub fn of(r: Request<'r>, alias: Option<&'r Alias>) -> Self {
        let config = r.dir_config();
        let case_sensitive = main_config(r.server()).settings.process.case_sensitive;
        let process = alias.and_then(|a| a.process_group.as_deref()).or(config.process_group.as_deref());
        let application =
            alias.and_then(|a| a.application_group.as_deref()).or(config.application_group.as_deref());
        let named = application.unwrap_or(b"%{RESOURCE}");
        let callable = match alias.and_then(|a| a.callable.as_deref()) {
            Some(name) => Cow::Borrowed(name),
            None => callable(r, config.callable.as_deref()),
        };
        Self {
            process_group: group(r, process.unwrap_or(b""), case_sensitive, Named::Processes),
            application_group: group(r, named, case_sensitive, Named::Interpreter),
            named_by_client: is_of_client(named)
                || (named == b"%{RESOURCE}" && alias.is_some_and(Alias::has_any_number_of_urls)),
            callable,
            pass_authorization: alias.and_then(|a| a.pass_authorization).or(config.pass_authorization)
                == Some(true),
            case_sensitive,
            handler_script: alias.filter(|a| matches!(a.kind, Kind::Handler)).map(|a| &a.target[..]),
        }
    }

    /// The script that serves the request: that of its handler, or the file that it leads to.
    pub fn script(&self, r: Request<'r>) -> &'r [u8] {
        self.handler_script.unwrap_or_else(|| r.filename())
    }

    /// That script as it is now.
    pub fn stamp(&self, r: Request<'r>) -> Stamp {
        self.handler_script.map_or_else(|| r.stamp(), stamp)
    }

    /// What WSGIDispatchScript says instead; tokens are expanded as in the configuration.
    pub fn redirect(&mut self, r: Request<'r>, named: Redirection, name: &[u8]) {
        let name = r.pool().copy(name);
        match named {
            Redirection::Processes => {
                self.process_group = group(r, name, self.case_sensitive, Named::Processes);
            }
            Redirection::Interpreter => {
                self.application_group = group(r, name, self.case_sensitive, Named::Interpreter);
                self.named_by_client = is_of_client(name);
            }
            Redirection::Callable => self.callable = callable(r, Some(name)),
        }
    }
}

/// A file as it is now.
pub fn stamp(path: &[u8]) -> Stamp {
    std::fs::metadata(OsStr::from_bytes(path)).map_or(Stamp::UNKNOWN, |data| (&data).into())
}

/// What of a route a script may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirection {
    /// The process group.
    Processes,
    /// The interpreter.
    Interpreter,
    /// The callable.
    Callable,
}

/// A client may choose what stands for this name: which of the names that a pattern of ServerAlias covers, or a variable made
/// of its request.
fn is_of_client(name: &[u8]) -> bool {
    name.starts_with(b"%{ENV:") || name == b"%{HOST}"
}

/// The interpreter of a script that Apache asks: of the tokens those that do not tell of the resource. The answer is its name,
/// and whether a client may have chosen that.
pub fn hook_group<'r>(r: Request<'r>, name: &'r [u8]) -> (Cow<'r, [u8]>, bool) {
    match name {
        b"%{GLOBAL}" | b"%{SERVER}" | b"%{HOST}" => {
            (group(r, name, true, Named::Interpreter), is_of_client(name))
        }
        _ => (Cow::Borrowed(name), false),
    }
}

/// Where a request with this alias and configuration goes does not depend on the request itself.
pub fn is_known(alias: Option<&Alias>, config: &DirConfig) -> bool {
    let process = alias.and_then(|a| a.process_group.as_deref()).or(config.process_group.as_deref());
    let application =
        alias.and_then(|a| a.application_group.as_deref()).or(config.application_group.as_deref());
    let callable = alias.and_then(|a| a.callable.as_deref()).or(config.callable.as_deref());
    let names = [process, application, callable];
    !names.into_iter().flatten().any(is_of_client)
}

/// The main server's configuration: a vhost's merged one has no Python settings.
pub fn main_config(server: Server<'_>) -> &crate::config::ServerConfig {
    process::main_config().unwrap_or_else(|| server.config())
}

/// What is named after the host and the port of a request.
#[derive(Clone, Copy)]
enum Named {
    /// A process group. It is there only if it was configured, whatever the client says.
    Processes,
    /// An interpreter. One is made for each name: clients choose only among the names and ports that the server has.
    Interpreter,
}

impl Named {
    fn host(self, r: Request<'_>) -> &[u8] {
        let server = r.server();
        match (self, r.hostname()) {
            (_, b"") => server.name(),
            (Self::Interpreter, host) if !server.has_name(host) => server.name(),
            (_, host) => host,
        }
    }

    fn port(self, r: Request<'_>) -> u16 {
        let (port, real) = (r.server_port(), r.listener().1);
        match self {
            Self::Interpreter
                if port != real && real != 0 && !is_usual(port) && !r.server().has_port(port) =>
            {
                real
            }
            _ => port,
        }
    }

    /// The port is left out when it is that of HTTP or HTTPS.
    fn with_port(self, r: Request<'_>, name: &[u8]) -> Vec<u8> {
        let mut text = name.to_vec();
        let port = self.port(r);
        if !is_usual(port) {
            text.extend_from_slice(format!(":{port}").as_bytes());
        }
        text
    }
}

fn is_usual(port: u16) -> bool {
    matches!(port, 80 | 443)
}

/// Expands a group's name. A token must be the whole name; any other text is literal.
fn group<'r>(r: Request<'r>, name: &'r [u8], case_sensitive: bool, named: Named) -> Cow<'r, [u8]> {
    match name {
        b"%{GLOBAL}" => Cow::Borrowed(b""),
        b"%{SERVER}" => Cow::Owned(named.with_port(r, r.server().name())),
        b"%{HOST}" => Cow::Owned(named.with_port(r, named.host(r))),
        b"%{RESOURCE}" => Cow::Owned(resource(r, case_sensitive, named)),
        _ => match variable(r, name) {
            None => Cow::Borrowed(name),
            // A token found in a variable is expanded once more, but not a variable in a variable.
            Some(value) if value.starts_with(b"%{ENV:") => value,
            Some(Cow::Borrowed(value)) => group(r, value, case_sensitive, named),
            Some(value) => value,
        },
    }
}

fn callable<'r>(r: Request<'r>, name: Option<&'r [u8]>) -> Cow<'r, [u8]> {
    match name {
        Some(name) if name.starts_with(b"%") => variable(r, name).unwrap_or(Cow::Borrowed(b"application")),
        Some(name) => Cow::Borrowed(name),
        None => Cow::Borrowed(b"application"),
    }
}

/// The value of `%{ENV:name}`: from request notes, the request's environment, or the process's.
fn variable<'r>(r: Request<'r>, token: &[u8]) -> Option<Cow<'r, [u8]>> {
    let name = token.strip_prefix(b"%{ENV:")?.strip_suffix(b"}")?;
    let key = r.pool().c_string(name);
    let value = r.notes().get(key).or_else(|| r.environment().get(key)).or_else(|| process::variable(name));
    value.map(Cow::Borrowed)
}

fn resource(r: Request<'_>, case_sensitive: bool, named: Named) -> Vec<u8> {
    let mut text = named.with_port(r, r.server().name());
    text.push(b'|');
    let mut script = super::environ::script_name(r).into_owned();
    if !case_sensitive {
        script.make_ascii_lowercase();
    }
    text.extend_from_slice(&script);
    text
}
