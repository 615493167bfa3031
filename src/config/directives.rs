//! The table of directives. `docs/directives.md` is written from it.

use super::alias;
use super::dir::{MapHead, flag, refuse_daemon};
use super::server::HashSeed;
use super::table::{Directive, Setter};
use crate::apache::command;
use crate::apache::command::Arguments::{One, Raw};
use crate::apache::command::Context::{AuthConfig, Directory, FileInfo, Global, Server};

/// Every directive, in the order in which the documentation shows them.
pub static ALL: [Directive; 26] = [
    Directive {
        name: c"WSGIScriptAlias",
        arguments: Raw,
        context: Server,
        syntax: "URL-path file-path [process-group=name] [application-group=name] [callable-object=name] [pass-authorization=On|Off]",
        default: "none",
        help: c"URL path, script file, and options name=value",
        doc: "Mounts the application of a script file at a URL path. The path matches whole segments; runs of `/` \
              count as one. The first alias that matches is taken, those of the virtual host before those of the \
              main server, so put longer paths first. `Alias` and `AliasMatch` go before. What follows the path \
              becomes PATH_INFO; if both end in `/`, it names a script file in the directory instead. An option \
              wins over the directive of its name. With both `process-group=` and `application-group=` given \
              without request-dependent parts, the script is loaded when a process starts.",
        set: Setter::Server(|place, line| alias::set(place, line, false)),
    },
    Directive {
        name: c"WSGIScriptAliasMatch",
        arguments: Raw,
        context: Server,
        syntax: "regex file-path [process-group=name] [application-group=name] [callable-object=name] [pass-authorization=On|Off]",
        default: "none",
        help: c"Regular expression, script file, and options name=value",
        doc: "As WSGIScriptAlias, for URLs that match a regular expression (not anchored; use `^`). `$1` … in the \
              file path stand for its groups; what follows the match is appended.",
        set: Setter::Server(|place, line| alias::set(place, line, true)),
    },
    Directive {
        name: c"WSGIProcessGroup",
        arguments: One,
        context: Directory,
        syntax: "%{GLOBAL}|%{ENV:name}",
        default: "%{GLOBAL}",
        help: c"Process group that runs applications",
        doc: "Where applications run. `%{GLOBAL}` is embedded mode, in Apache's own child processes; it is the \
              only one that this version offers, and the name of a daemon process group is refused.",
        set: Setter::Section(|_, section, value| {
            refuse_daemon(value)?;
            section.process_group = Some(value.into());
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIApplicationGroup",
        arguments: One,
        context: Directory,
        syntax: "name|%{GLOBAL}|%{SERVER}|%{HOST}|%{RESOURCE}|%{ENV:name}",
        default: "%{RESOURCE}",
        help: c"Interpreter that runs applications",
        doc: "Names the Python interpreter that runs an application; applications of one name share an \
              interpreter. `%{GLOBAL}` is the main interpreter, which some extension packages need. `%{SERVER}` is \
              the ServerName (with a port other than 80 and 443), `%{HOST}` the host of the request (clients \
              choose it: prefer `%{SERVER}`), `%{RESOURCE}` the server and the URL path of the script, \
              `%{ENV:name}` a variable set by SetEnv, SetEnvIf or RewriteRule.",
        set: Setter::Section(|_, section, value| {
            section.application_group = Some(value.into());
            Ok(())
        }),
    },
    Directive {
        name: c"WSGICallableObject",
        arguments: One,
        context: FileInfo,
        syntax: "name|%{ENV:name}",
        default: "application",
        help: c"Name of the callable in the script",
        doc: "The attribute of the script that is the WSGI application.",
        set: Setter::Section(|_, section, value| {
            section.callable = Some(value.into());
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIPythonHome",
        arguments: One,
        context: Global,
        syntax: "directory",
        default: "the first python3 on PATH",
        help: c"Virtual environment or prefix of the Python to run",
        doc: "The Python to run: the root of a virtual environment, or the prefix of an installation. Its `bin` \
              directory or the python itself are understood as well. It must be CPython 3.11 or later with a \
              shared library, and the Apache user must be able to run it; all this is checked when the \
              configuration is read.",
        set: Setter::Server(|place, value| {
            place.server.python.home = Some(place.httpd.absolute(value).unwrap_or_else(|| value.to_vec()));
            place.server.python.home_location = std::mem::take(&mut place.location);
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIPythonPath",
        arguments: One,
        context: Global,
        syntax: "directory[:directory …]",
        default: "none",
        help: c"Directories for sys.path, joined by colons",
        doc: "Directories put in front of `sys.path`, each as a site directory: its `.pth` files count.",
        set: Setter::Server(|place, value| {
            place.server.python.path = Some(value.to_vec());
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIPythonWarnings",
        arguments: One,
        context: Global,
        syntax: "action[:message[:category[:module[:line]]]]",
        default: "none",
        help: c"Warning filter, as python -W takes it",
        doc: "A warning filter, as `python -W` takes it. Repeat it for more; the last one is asked first.",
        set: Setter::Server(|place, value| {
            place.server.python.warnings.push(value.to_vec());
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIPythonOptimize",
        arguments: One,
        context: Global,
        syntax: "0|1|2",
        default: "0",
        help: c"Level of optimisation: 1 is python -O, 2 is -OO",
        doc: "1 removes assertions (`python -O`), 2 docstrings as well (`-OO`). PYTHONOPTIMIZE in Apache's \
              environment counts too; the larger wins.",
        set: Setter::Server(|place, value| {
            let level: i64 = number(value).ok_or("WSGIPythonOptimize must be 0, 1 or 2.")?;
            place.server.python.optimize = level.clamp(0, 2) as u8;
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIDontWriteBytecode",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "Off",
        help: c"On: Python writes no .pyc files",
        doc: "On: Python writes no `.pyc` files (`python -B`). Off leaves it to PYTHONDONTWRITEBYTECODE.",
        set: Setter::Server(|place, value| {
            set_flag(place.name, value, &mut place.server.python.dont_write_bytecode)
        }),
    },
    Directive {
        name: c"WSGIPythonHashSeed",
        arguments: One,
        context: Global,
        syntax: "random|0…4294967295",
        default: "random",
        help: c"Seed of the hashes of str and bytes",
        doc: "Seed for the hashes of strings. 0 turns randomisation off. It is not visible in `os.environ`, so \
              programs that the application runs have their own.",
        set: Setter::Server(|place, value| {
            place.server.python.hash_seed =
                Some(if value == b"random" {
                    HashSeed::Random
                } else {
                    HashSeed::Fixed(number(value).ok_or(
                        "WSGIPythonHashSeed must be \"random\" or an integer in range [0; 4294967295]",
                    )?)
                });
            Ok(())
        }),
    },
    Directive {
        name: c"WSGISwitchInterval",
        arguments: One,
        context: Global,
        syntax: "seconds",
        default: "0.005",
        help: c"Seconds a thread may run before another may ask for the GIL",
        doc: "What `sys.setswitchinterval()` is given.",
        set: Setter::Server(|place, value| {
            let text = std::str::from_utf8(value).unwrap_or_default();
            let seconds = text.parse::<f64>().ok().filter(|s| s.is_finite() && *s > 0.0);
            let complaint = "WSGISwitchInterval must be a positive number of seconds.";
            place.server.python.switch_interval = Some(seconds.ok_or(complaint)?);
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIScriptReloading",
        arguments: One,
        context: FileInfo,
        syntax: "On|Off",
        default: "On",
        help: c"On: a script that has changed is loaded again",
        doc: "On: a request for a script whose modification time has changed (in either direction) has it loaded \
              again, in the same interpreter; modules it imported stay. The script may also define \
              `reload_required(path)`. Off: scripts are loaded once.",
        set: Setter::Section(|name, section, value| set_flag(name, value, &mut section.script_reloading)),
    },
    Directive {
        name: c"WSGIPassAuthorization",
        arguments: One,
        context: FileInfo,
        syntax: "On|Off",
        default: "Off",
        help: c"On: the application sees the Authorization header",
        doc: "On: `HTTP_AUTHORIZATION` is in the environ, for applications that check passwords or tokens \
              themselves.",
        set: Setter::Section(|name, section, value| set_flag(name, value, &mut section.pass_authorization)),
    },
    Directive {
        name: c"WSGIChunkedRequest",
        arguments: One,
        context: FileInfo,
        syntax: "On|Off",
        default: "Off",
        help: c"On: request bodies of unknown length are accepted",
        doc: "On: a chunked request reaches the application, without CONTENT_LENGTH; `wsgi.input` ends where the \
              body ends (`wsgi.input_terminated`). Off: it gets 411.",
        set: Setter::Section(|name, section, value| set_flag(name, value, &mut section.chunked_request)),
    },
    Directive {
        name: c"WSGIMapHEADToGET",
        arguments: One,
        context: FileInfo,
        syntax: "On|Off|Auto",
        default: "Auto",
        help: c"What an application sees of a HEAD request",
        doc: "On: REQUEST_METHOD is `GET` for HEAD requests. Off: it is `HEAD`. Auto: `GET` if a filter that needs \
              the content (mod_deflate, mod_include) is installed. The client gets no body in any case.",
        set: Setter::Section(|name, section, value| {
            section.map_head = Some(match flag(value) {
                Some(true) => MapHead::On,
                Some(false) => MapHead::Off,
                None if value.eq_ignore_ascii_case(b"auto") => MapHead::Auto,
                None => return Err(format!("{} must be one of: Off | On | Auto", name)),
            });
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIErrorOverride",
        arguments: One,
        context: FileInfo,
        syntax: "On|Off",
        default: "Off",
        help: c"Error pages of daemon processes' applications are replaced by Apache's",
        doc: "Acts on applications in daemon processes only; in embedded mode the application's own error pages \
              are sent.",
        set: Setter::Section(|name, section, value| set_flag(name, value, &mut section.error_override)),
    },
    Directive {
        name: c"WSGIEnableSendfile",
        arguments: One,
        context: FileInfo,
        syntax: "On|Off",
        default: "Off",
        help: c"On: files of wsgi.file_wrapper may be sent by sendfile(2)",
        doc: "On: files given to `wsgi.file_wrapper` are sent by the kernel where filters allow it. Leave it off \
              for files on network file systems. Off: they are mapped into memory.",
        set: Setter::Section(|name, section, value| set_flag(name, value, &mut section.enable_sendfile)),
    },
    Directive {
        name: c"WSGIIgnoreActivity",
        arguments: One,
        context: FileInfo,
        syntax: "On|Off",
        default: "Off",
        help: c"On: such requests do not count as activity",
        doc: "On: requests here do not reset the inactivity timer of a daemon process. It has no effect in \
              embedded mode, which has no such timer.",
        set: Setter::Section(|name, section, value| set_flag(name, value, &mut section.ignore_activity)),
    },
    Directive {
        name: c"WSGICaseSensitivity",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "On",
        help: c"Off: script paths that differ in case are one script",
        doc: "Off: for file systems where case does not count; script paths are lower-cased for names of modules \
              and of interpreters.",
        set: Setter::Server(|place, value| {
            set_flag(place.name, value, &mut place.server.python.case_sensitivity)
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
            set_flag(place.name, value, &mut place.server.python.restrict_stdin)
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
            set_flag(place.name, value, &mut place.server.python.restrict_stdout)
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
            set_flag(place.name, value, &mut place.server.python.restrict_signal)
        }),
    },
    Directive {
        name: c"WSGIVerboseDebugging",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "Off",
        help: c"Deprecated: use LogLevel wsgi:debug",
        doc: "Deprecated: accepted without effect, for existing configurations. Use `LogLevel wsgi:debug`.",
        set: Setter::Server(|place, value| set_flag(place.name, value, &mut None)),
    },
    Directive {
        name: c"WSGIGroupAuthoritative",
        arguments: One,
        context: AuthConfig,
        syntax: "On|Off",
        default: "Off",
        help: c"Deprecated: use AuthMerging and Require",
        doc: "Deprecated: accepted without effect, for existing configurations; httpd 2.4 has no notion of it.",
        set: Setter::Section(|name, _, value| set_flag(name, value, &mut None)),
    },
];

fn set_flag(name: &str, value: &[u8], field: &mut Option<bool>) -> Result<(), String> {
    *field = Some(flag(value).ok_or_else(|| format!("{name} must be one of: Off | On"))?);
    Ok(())
}

fn number<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The table as httpd reads it.
pub static RECORDS: command::Records<{ ALL.len() + 1 }> = command::Records::of(&ALL);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_well_formed_unique_and_documented() {
        let mut seen = std::collections::HashSet::new();
        for directive in &ALL {
            let name = directive.name.to_str().unwrap();
            assert!(name.starts_with("WSGI") && seen.insert(name), "{name}");
            assert!(directive.doc.ends_with('.') && directive.doc.len() > 30, "{name} lacks its text");
            assert!(!directive.syntax.is_empty() && !directive.default.is_empty(), "{name}");
        }
    }
}
