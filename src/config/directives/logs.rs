//! What is told of requests, and in which form.

use super::values::set_flag;
use crate::apache::command::Arguments::One;
use crate::apache::command::Context::{FileInfo, Server};
use crate::config::LogFormat;
use crate::config::table::{Directive, Setter};

/// The directives.
pub const ALL: &[Directive] = &[
    Directive {
        name: c"WSGILogFormat",
        arguments: One,
        context: Server,
        syntax: "lines|json",
        default: "lines",
        help: c"json: one JSON object a line for what applications and the module log",
        doc: "In which form the error log of the server gets what applications and the module log. lines: as ErrorLogFormat says, each \
              line of a text for itself. json: one JSON object a line for each record, however many lines it has, with the keys `time`, \
              `level`, `id` (of the request), `group`, `pid`, `logger`, `message`, `exception` and others (docs/logging.md). The log \
              is that of ErrorLog: a file, a program (`ErrorLog \"|program\"`) or the system's log. Apache's own lines stay as they are. \
              LogLevel decides what is written in either form. A virtual host has the form of the main server unless it names one.",
        set: Setter::Server(|place, value| {
            place.server.log_format = Some(match value {
                _ if value.eq_ignore_ascii_case(b"lines") => LogFormat::Lines,
                _ if value.eq_ignore_ascii_case(b"json") => LogFormat::Json,
                _ => return Err(format!("{} must be one of: lines | json", place.name)),
            });
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIServerTiming",
        arguments: One,
        context: FileInfo,
        syntax: "On|Off",
        default: "Off",
        help: c"On: clients are told how long a request waited and how long its application took",
        doc: "On: answers of applications have a header `Server-Timing: queue;dur=0.1, app;dur=12.3`, which the developer tools of \
              browsers show: the milliseconds that the request waited for a thread of its process group, and those that its application had \
              had it when the answer began. Without `queue` in embedded mode, where no request waits. It is added to one that the application \
              itself sets. Everybody can read it: leave it off where times tell what they should not.",
        set: Setter::Section(|name, section, value| set_flag(name, value, &mut section.server_timing)),
    },
];
