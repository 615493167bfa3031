//! What is measured, and what is said of requests that take long.

use super::values::set;
use crate::apache::command::Arguments::One;
use crate::apache::command::Context::Global;
use crate::config::table::{Directive, Setter};

/// The directives.
pub const ALL: &[Directive] = &[
    Directive {
        name: c"WSGIServerMetrics",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "Off",
        help: c"On: applications in Apache's children may ask what all children do",
        doc: "On: `mod_wsgi.server_metrics()` returns httpd's scoreboard in embedded mode: what each child and each of its threads does, \
              with client and request line if `ExtendedStatus On` is set. Off: it returns None. A process group has \
              `server-metrics=`.",
        set: Setter::Server(|place, value| {
            set(&mut place.server.settings.process.server_metrics, place.name, value)
        }),
    },
    Directive {
        name: c"WSGISlowRequests",
        arguments: One,
        context: Global,
        syntax: "seconds",
        default: "0",
        help: c"Seconds after which a request is named in the log",
        doc: "A request that lasts longer is named in the error log once while it still runs, with the stack of its thread (WSGI1080), \
              and once when it ends, with its duration (WSGI1081). The time begins when a thread takes the request to its \
              application. In both modes. 0: off.",
        set: Setter::Server(|place, value| {
            let text = std::str::from_utf8(value).unwrap_or_default();
            let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
            let seconds = seconds.ok_or_else(|| format!("{} must be a number of seconds", place.name))?;
            if seconds < 0.0 {
                return Err(format!("{} threshold must be non-negative", place.name));
            }
            place.server.settings.process.slow_requests = seconds;
            Ok(())
        }),
    },
];
