//! Which interpreter and callable runs, and how its Python is set up.

use super::values::{number, set_flag};
use crate::apache::command::Arguments::One;
use crate::apache::command::Context::{Directory, FileInfo, Global};
use crate::config::server::HashSeed;
use crate::config::table::{Directive, Setter};

/// The directives.
pub const ALL: &[Directive] = &[
    Directive {
        name: c"WSGIApplicationGroup",
        arguments: One,
        context: Directory,
        syntax: "name|%{GLOBAL}|%{SERVER}|%{HOST}|%{RESOURCE}|%{ENV:name}",
        default: "%{RESOURCE}",
        help: c"Interpreter that runs applications",
        doc: "Names the Python interpreter that runs an application; applications with the same name share an \
              interpreter. `%{GLOBAL}` is the main interpreter, which some extension packages need. `%{SERVER}` is \
              the ServerName (with a port other than 80 and 443), `%{HOST}` the host of the request (the ServerName, \
              if neither ServerName nor ServerAlias has that name), `%{RESOURCE}` the server and the URL path of the script, \
              `%{ENV:name}` a variable set by SetEnv, SetEnvIf or RewriteRule. UseCanonicalName \
              chooses the port. If the client names a port that the server does not have, the port that the \
              request came through counts.",
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
        default: "/usr/bin/python3, else /usr/local/bin/python3",
        help: c"Virtual environment or prefix of the Python to run",
        doc: "The Python to run: the root of a virtual environment, or the prefix of an installation. Its `bin` \
              directory and the python itself are accepted as well. It must be CPython 3.11 or later with a \
              shared library, and the Apache user must be able to run it. All this is checked when Apache reads the \
              configuration.",
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
        doc: "Directories at the beginning of `sys.path`. Each is a site directory: its `.pth` files are processed.",
        set: Setter::Server(|place, value| {
            place.server.interpreters.here().python_path = Some(value.to_vec());
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIPythonEggs",
        arguments: One,
        context: Global,
        syntax: "directory",
        default: "none",
        help: c"Directory for PYTHON_EGG_CACHE",
        doc: "The variable PYTHON_EGG_CACHE in Apache's children: where setuptools unpacks files of zipped packages. A process \
              group has `python-eggs=`.",
        set: Setter::Server(|place, value| {
            place.server.python.eggs = Some(value.to_vec());
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
        doc: "A warning filter, as `python -W` takes it. Repeat the directive for more filters; the last one is checked first.",
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
        doc: "Seed for the hashes of strings. 0 turns randomisation off. The seed is not visible in `os.environ`, so \
              programs that the application runs use their own.",
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
        doc: "The value for `sys.setswitchinterval()`.",
        set: Setter::Server(|place, value| {
            let text = std::str::from_utf8(value).unwrap_or_default();
            let seconds = text.parse::<f64>().ok().filter(|s| s.is_finite() && *s > 0.0);
            let complaint = "WSGISwitchInterval must be a positive number of seconds.";
            place.server.interpreters.here().switch_interval = Some(seconds.ok_or(complaint)?);
            Ok(())
        }),
    },
];
