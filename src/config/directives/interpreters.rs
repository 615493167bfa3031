//! What applications may do in their interpreter, and settings for some interpreters alone.

use super::values::{number, set, set_flag, wanted};
use crate::apache::command::Arguments::{Container, One};
use crate::apache::command::Context::Global;
use crate::config::interpreters;
use crate::config::table::{Directive, Setter};
use wire::message;

/// The directives.
pub const ALL: &[Directive] = &[
    Directive {
        name: c"<WSGIInterpreterOptions",
        arguments: Container,
        context: Global,
        syntax: "[process-group=name] [application-group=name]",
        default: "none",
        help: c"Settings for the interpreters of a process group, an application group, or both",
        doc: "A container. WSGIPythonPath, WSGIPerInterpreterGIL, WSGISwitchInterval, WSGIRestrictStdin, WSGIRestrictStdout and WSGIRestrictSignal \
              in it are for the interpreters of this process group (`%{GLOBAL}`: embedded mode) and this application group \
              (`%{GLOBAL}`: the main interpreter); without a selector, for all. Names are literal, tokens are not expanded. \
              Where several containers set the same thing for an interpreter, the one with more selectors counts, and of \
              those with the same number the later one; what stands outside of containers counts least. Paths add up: the \
              directories of the container that counts most come first in `sys.path`. The switch interval is that of a \
              GIL: an interpreter with a GIL of its own has its own one, a container with the application group of another one does not \
              change that of the process (WSGI0199), and `switch-interval=` of a process group counts more. Other directives mean in \
              a container what they mean outside of it.",
        set: Setter::Container(
            |server, words| {
                server.interpreters.open(interpreters::Container::parse(words)?);
                Ok(())
            },
            |server| server.interpreters.close(),
        ),
    },
    Directive {
        name: c"WSGIPerInterpreterGIL",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "Off",
        help: c"On: sub-interpreters have a GIL of their own",
        doc: "On: each sub-interpreter has a GIL of its own (Python 3.12 and later), so applications of one process compute on \
              several processors at the same time. The main interpreter (`WSGIApplicationGroup %{GLOBAL}`) has that of the process. \
              An extension module must say that it can run there: one that does not raises ImportError, and the line about the failed \
              start names it and the remedy. In a `<WSGIInterpreterOptions>` it is for the interpreters that the container is \
              for. With an older Python interpreters share one GIL (WSGI0198).",
        set: Setter::Server(|place, value| {
            set_flag(place.name, value, &mut place.server.interpreters.here().own_gil)
        }),
    },
    Directive {
        name: c"WSGIFreeThreading",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "Off",
        help: c"On: a free-threaded Python runs without its GIL (not available yet)",
        doc: "On is accepted, but Python runs with its GIL: builds of CPython without one (PEP 703) are not supported yet. \
              WSGI0200 says so at `configtest` and in the log. In a `<WSGIInterpreterOptions>` with application-group= it is \
              ignored (WSGI0201), for it is a setting of a process.",
        set: Setter::Server(|place, value| {
            if !wanted(place.name, value)? {
                return Ok(());
            }
            if place.server.interpreters.is_of_application_group() {
                place.notice_once(
                    message::FREE_THREADING_OF_GROUP,
                    "WSGIFreeThreading is ignored in a <WSGIInterpreterOptions> with application-group=: it is a setting of \
                     a process",
                );
            }
            place.notice_once(
                message::NO_FREE_THREADING,
                "WSGIFreeThreading On has no effect: builds of Python without a GIL are not supported yet",
            );
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIInterpreterLimit",
        arguments: One,
        context: Global,
        syntax: "number",
        default: "64",
        help: c"Most interpreters of a process whose names clients may choose; 0: any number",
        doc: "Most interpreters that a process makes for application groups whose names a client may choose: those of `%{HOST}` \
              and `%{ENV:name}`, and of `%{RESOURCE}` where a WSGIScriptAliasMatch leads all its URLs to one script. A request \
              that needs one more gets 503 (WSGI1051). Interpreters that the configuration names do not count. 0: no limit.",
        set: Setter::Server(|place, value| {
            let number =
                number(value).ok_or("WSGIInterpreterLimit must be a whole number, or 0 for no limit.")?;
            place.server.settings.process.interpreter_limit = number;
            Ok(())
        }),
    },
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
            set_flag(place.name, value, &mut place.server.interpreters.here().restrict_stdin)
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
            set_flag(place.name, value, &mut place.server.interpreters.here().restrict_stdout)
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
            set_flag(place.name, value, &mut place.server.interpreters.here().restrict_signal)
        }),
    },
];
