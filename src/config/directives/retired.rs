//! Directives of earlier versions, which sites still have: none of them stops a site.

use super::values::set_flag;
use crate::apache::command::Arguments::{One, Raw};
use crate::apache::command::Context::{AuthConfig, FileInfo, Global, Server};
use crate::config::table::{Directive, Setter};

/// The directives.
pub const ALL: &[Directive] = &[
    Directive {
        name: c"WSGIVerboseDebugging",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "Off",
        help: c"Deprecated: use LogLevel wsgi:debug",
        doc: "Deprecated: accepted without effect, for existing configurations; a notice says so. Use `LogLevel wsgi:debug`.",
        set: Setter::Retired(is_flag, "use LogLevel wsgi:debug"),
    },
    Directive {
        name: c"WSGIGroupAuthoritative",
        arguments: One,
        context: AuthConfig,
        syntax: "On|Off",
        default: "Off",
        help: c"Deprecated: use AuthMerging and Require",
        doc: "Deprecated: accepted without effect, for existing configurations; httpd 2.4 has no such setting.",
        set: Setter::Retired(is_flag, "httpd 2.4 combines what AuthMerging, Require and RequireAny say"),
    },
    Directive {
        name: c"WSGIUserAuthoritative",
        arguments: One,
        context: AuthConfig,
        syntax: "On|Off",
        default: "Off",
        help: c"For mod_wsgi before 5.0: use AuthBasicProvider",
        doc: "For mod_wsgi before 5.0: accepted without effect, for existing configurations; a notice says so. A user whom the \
              script does not know is looked up by the next provider that AuthBasicProvider names.",
        set: Setter::Retired(
            is_flag,
            "the next provider of AuthBasicProvider is asked for users whom the script does not know",
        ),
    },
    Directive {
        name: c"WSGILazyInitialization",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "On",
        help: c"For mod_wsgi before 6.0: Python always starts in the children",
        doc: "For mod_wsgi before 6.0: accepted without effect, for existing configurations; a notice says so. Python always \
              starts in Apache's children and in processes of groups, never in Apache's parent.",
        set: Setter::Retired(is_flag, "Python always starts in Apache's children, never in its parent"),
    },
    Directive {
        name: c"WSGIPy3kWarningFlag",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "Off",
        help: c"For mod_wsgi before 6.0 with Python 2",
        doc: "For mod_wsgi before 6.0 with Python 2: accepted without effect, for existing configurations; a notice says so.",
        set: Setter::Retired(is_flag, "the directive was for Python 2"),
    },
    Directive {
        name: c"WSGIReloadMechanism",
        arguments: One,
        context: FileInfo,
        syntax: "Process|Module|Interpreter",
        default: "Process",
        help: c"For mod_wsgi before 3.0: WSGIScriptReloading is what there is",
        doc: "For mod_wsgi before 3.0: accepted without effect, for existing configurations; a notice says so. In a process group a \
              changed script replaces the processes; in embedded mode the script is loaded again.",
        set: Setter::Retired(
            is_something,
            "a changed script replaces the processes of its group; in embedded mode the script is loaded again",
        ),
    },
    Directive {
        name: c"WSGIOutputBuffering",
        arguments: One,
        context: FileInfo,
        syntax: "On|Off",
        default: "Off",
        help: c"For mod_wsgi before 3.0: answers are never held back",
        doc: "For mod_wsgi before 3.0: accepted without effect, for existing configurations; a notice says so. Each block of an \
              answer is sent as the application yields it.",
        set: Setter::Retired(is_flag, "each block of an answer is sent as the application yields it"),
    },
    Directive {
        name: c"WSGIPythonExecutable",
        arguments: One,
        context: Global,
        syntax: "file",
        default: "none",
        help: c"For mod_wsgi before 3.0: use WSGIPythonHome",
        doc: "For mod_wsgi before 3.0: accepted without effect, for existing configurations; a notice says so. WSGIPythonHome \
              names the Python to run.",
        set: Setter::Retired(is_something, "WSGIPythonHome names the Python to run"),
    },
    Directive {
        name: c"WSGINewRelicConfigFile",
        arguments: One,
        context: Server,
        syntax: "file",
        default: "none",
        help: c"For mod_wsgi before 5.0: start the agent in the script",
        doc: "For mod_wsgi before 5.0: accepted without effect, for existing configurations; a notice says so. Call \
              `newrelic.agent.initialize()` at the beginning of the script.",
        set: Setter::Retired(is_something, NEW_RELIC),
    },
    Directive {
        name: c"WSGINewRelicEnvironment",
        arguments: Raw,
        context: Server,
        syntax: "name",
        default: "none",
        help: c"For mod_wsgi before 5.0: start the agent in the script",
        doc: "For mod_wsgi before 5.0: accepted without effect, for existing configurations; a notice says so. Pass the \
              environment to `newrelic.agent.initialize()` at the beginning of the script.",
        set: Setter::Retired(is_something, NEW_RELIC),
    },
];

const NEW_RELIC: &str = "call newrelic.agent.initialize() at the beginning of the script";

fn is_flag(name: &str, value: &[u8]) -> Result<(), String> {
    set_flag(name, value, &mut None)
}

fn is_something(_: &str, _: &[u8]) -> Result<(), String> {
    Ok(())
}
