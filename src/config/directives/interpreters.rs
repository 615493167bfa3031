//! What applications may do in their interpreter.

use super::values::{set, set_flag};
use crate::apache::command::Arguments::One;
use crate::apache::command::Context::Global;
use crate::config::table::{Directive, Setter};

/// The directives.
pub const ALL: &[Directive] = &[
    Directive {
        name: c"WSGIDestroyInterpreter",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "On",
        help: c"Off: interpreters are not shut down when a process ends",
        doc: "Off: when a process ends, exit functions (`atexit`) of applications do not run, their threads are not waited for, \
              and no interpreter is shut down. For applications whose extension modules crash at the end of an interpreter.",
        set: Setter::Server(|place, value| {
            set(&mut place.server.settings.process.destroy_interpreters, place.name, value)
        }),
    },
    Directive {
        name: c"WSGIRestrictEmbedded",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "Off",
        help: c"On: no application runs in Apache's own children",
        doc: "On: Python is not started in Apache's children, and requests that would run there get 500.",
        set: Setter::Server(|place, value| {
            set_flag(place.name, value, &mut place.server.python.restrict_embedded)
        }),
    },
    Directive {
        name: c"WSGIRestrictStdin",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "Off",
        help: c"On: reading sys.stdin is an error",
        doc: "On: `sys.stdin` raises OSError when it is read.",
        set: Setter::Server(|place, value| {
            set(&mut place.server.settings.interpreter.restrict_stdin, place.name, value)
        }),
    },
    Directive {
        name: c"WSGIRestrictStdout",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "Off",
        help: c"On: writing sys.stdout is an error",
        doc: "On: `sys.stdout` raises OSError when it is written. Off: what is printed goes to the error log.",
        set: Setter::Server(|place, value| {
            set(&mut place.server.settings.interpreter.restrict_stdout, place.name, value)
        }),
    },
    Directive {
        name: c"WSGIRestrictSignal",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "On",
        help: c"On: applications install no signal handlers",
        doc: "On: `signal.signal()` installs nothing, which is logged at info; Apache's own handlers stay.",
        set: Setter::Server(|place, value| {
            set(&mut place.server.settings.interpreter.restrict_signal, place.name, value)
        }),
    },
];
