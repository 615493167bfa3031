//! Process groups: what they are, who uses them, and their sockets.

use super::values::set_flag;
use crate::apache::command::Arguments::{One, Raw};
use crate::apache::command::Context::{Directory, Global, Server};
use crate::config::dir::{DirConfig, Name};
use crate::config::table::{Directive, Setter};
use crate::config::{daemon, socket};
use wire::words::Words;

/// The directives.
pub const ALL: &[Directive] = &[
    Directive {
        name: c"WSGIDaemonProcess",
        arguments: Raw,
        context: Server,
        syntax: "name [option=value …]",
        default: "none",
        help: c"Name of a process group, and options name=value",
        doc: "Defines a process group: separate processes that run applications, with their own user. They \
              can be replaced without a restart of Apache. The name must be unique in the whole server; only virtual hosts with the same ServerName may define the same group, with \
              the same options. A group of the \
              main server can be used everywhere; a group of a virtual host can be used there and in virtual hosts with the same \
              ServerName. WSGIProcessGroup, or `process-group=` of an alias, selects the group for requests.",
        set: Setter::Server(daemon::set),
    },
    Directive {
        name: c"WSGIProcessGroup",
        arguments: One,
        context: Directory,
        syntax: "name|%{GLOBAL}|%{SERVER}|%{HOST}|%{RESOURCE}|%{ENV:name}",
        default: "%{GLOBAL}",
        help: c"Process group that runs applications",
        doc: "Where applications run: in the processes of a WSGIDaemonProcess, or, with `%{GLOBAL}`, in embedded mode, \
              that is, in Apache's own child processes. The other tokens are those of WSGIApplicationGroup. A request \
              for a group that is not defined, or that this virtual host may not use, gets 500.",
        set: Setter::Section(|_, section, value| {
            section.process_group = Some(value.into());
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIRestrictProcess",
        arguments: Raw,
        context: Directory,
        syntax: "name|%{GLOBAL} …",
        default: "all",
        help: c"Names of the process groups that may be chosen",
        doc: "Process groups that may be selected here; `%{GLOBAL}` stands for embedded mode. A request for another group \
              (for example by a variable) gets 500. Names are case-sensitive. A list replaces the list of an outer \
              section, and an earlier list of the same section.",
        set: Setter::Section(restrict_process),
    },
    Directive {
        name: c"WSGISocketPrefix",
        arguments: One,
        context: Global,
        syntax: "path",
        default: "wsgi in DefaultRuntimeDir",
        help: c"Beginning of the paths of the sockets of process groups",
        doc: "The beginning of the paths of the sockets between Apache and the process groups. A relative path is below \
              ServerRoot. Apache's User must be able to enter that directory.",
        set: Setter::Server(socket::set_prefix),
    },
    Directive {
        name: c"WSGISocketRotation",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "On",
        help: c"On: sockets may have new names after each restart",
        doc: "On: the name of a socket contains the generation of Apache in which it was created, \
              `<prefix>.<pid of Apache>.<generation>.<number of the group>.sock`. Off: the name contains the uid of the group and \
              stays the same over restarts, `<prefix>.<pid of Apache>.u<uid>.<number of the group>.sock`.",
        set: Setter::Server(|place, value| set_flag(place.name, value, &mut place.server.socket.rotation)),
    },
    Directive {
        name: c"WSGIAcceptMutex",
        arguments: One,
        context: Global,
        syntax: "default|flock|fcntl|sysvsem|posixsem|pthread",
        default: "none",
        help: c"Not needed: accepted for existing configurations",
        doc: "Accepted without effect, for existing configurations. The processes of a group share one queue of the \
              kernel, which hands each connection to one of them, so no mutex is needed.",
        set: Setter::Server(|_, value| socket::check_mutex(value)),
    },
];

/// Names of process groups.
fn restrict_process(name: &str, section: &mut DirConfig, line: &[u8]) -> Result<(), String> {
    let mut words = Words::of(line);
    let names = std::iter::from_fn(|| words.word());
    // Embedded mode has no name.
    let names = names.map(|name| if name == b"%{GLOBAL}" { Name::default() } else { name.into() });
    let names: Vec<Name> = names.collect();
    if names.is_empty() {
        return Err(format!("{name} requires at least one argument, names of process groups"));
    }
    section.restrict_process = Some(names.into());
    Ok(())
}
