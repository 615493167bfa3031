//! The table of directives. `docs/directives.md` is written from it.

use super::dir::{DirConfig, MapHead, Name, Preload, flag};
use super::server::HashSeed;
use super::table::{Directive, Place, Setter};
use super::words::Words;
use super::{daemon, django, import, script_alias, socket};
use crate::apache::command;
use crate::apache::command::Arguments::{One, Raw};
use crate::apache::command::Context::{AuthConfig, Directory, FileInfo, Global, Server};
use wire::exit_rule;

/// Every directive, in the order in which the documentation shows them.
pub static ALL: [Directive; 44] = [
    Directive {
        name: c"WSGIScriptAlias",
        arguments: Raw,
        context: Server,
        syntax: "URL-path file-path [process-group=name] [application-group=name] [callable-object=name] [pass-authorization=On|Off] [preload=On|Off] [warmup=/path[,/path…]]",
        default: "none",
        help: c"URL path, script file, and options name=value",
        doc: "Mounts the application of a script file at a URL path. The path matches whole segments; repeated `/` \
              count as one. The first alias that matches is used; aliases of the virtual host come before those of the \
              main server, so put longer paths first. `Alias` and `AliasMatch` come before both. What follows the path \
              becomes PATH_INFO; if URL path and file path both end in `/`, it names a script file in the directory instead. An option \
              overrides the directive of the same name. `preload=` says whether the script is loaded when a process starts \
              (see WSGIPreload). If both `process-group=` and `application-group=` are given, the script is loaded then, unless preloading \
              is off; the process group must be defined above, as for WSGIImportScript. `warmup=` \
              names URL paths at or below this one, as visitors use them. The application answers a GET request for \
              each of them before it serves; a status of 500 or more, or an exception, makes the start fail. The environ of such \
              a request contains `mod_wsgi.warmup` with the value True.",
        set: Setter::Server(|place, line| script_alias::set(place, line, false)),
    },
    Directive {
        name: c"WSGIScriptAliasMatch",
        arguments: Raw,
        context: Server,
        syntax: "regex file-path [process-group=name] [application-group=name] [callable-object=name] [pass-authorization=On|Off]",
        default: "none",
        help: c"Regular expression, script file, and options name=value",
        doc: "As WSGIScriptAlias, for URLs that match a regular expression (not anchored; use `^`). `$1` … in the \
              file path stand for its groups; the rest of the URL after the match is appended.",
        set: Setter::Server(|place, line| script_alias::set(place, line, true)),
    },
    Directive {
        name: c"WSGIDjangoAlias",
        arguments: Raw,
        context: Server,
        syntax: "URL-path project-directory [settings=module] [checks=error|warning|off] [static=URL-path:directory|static=finders] [options of WSGIScriptAlias]",
        default: "none",
        help: c"URL path, directory with manage.py, and options name=value",
        doc: "Mounts a Django project at a URL path, without a script file, and starts it as `manage.py runserver` does: \
              the project's directory is on `sys.path`, `DJANGO_SETTINGS_MODULE` is set (to `settings=`, otherwise to the value in \
              manage.py), Django is set up, its system checks run (the log has their text; errors make the \
              start fail, with `checks=warning` warnings too; `checks=off` skips the checks), the language is \
              activated, the log warns of unapplied migrations, and the URL configuration is loaded. With `static=/static:/srv/static` \
              Apache serves the files that `collectstatic` collected (grant access to that directory); \
              with `static=finders` Django serves them, as runserver does. Grant access to the project's directory, too: \
              for Apache the application is the file manage.py in it.",
        set: Setter::Server(django::set),
    },
    Directive {
        name: c"WSGIImportScript",
        arguments: Raw,
        context: Server,
        syntax: "file-path process-group=name|%{GLOBAL} application-group=name|%{GLOBAL}",
        default: "none",
        help: c"Script file, process-group=name and application-group=name",
        doc: "Loads a script when a process of the process group starts (`%{GLOBAL}`: an Apache child), in the \
              interpreter of the application group, even if no URL leads to it. The process group must be \
              defined above, in the main server or in a virtual host with the same ServerName.",
        set: Setter::Server(import::set),
    },
    Directive {
        name: c"WSGIPreload",
        arguments: One,
        context: Directory,
        syntax: "On|Off|Auto",
        default: "Auto",
        help: c"Which applications start with the process",
        doc: "Whether applications of WSGIScriptAlias and WSGIDjangoAlias are started when an Apache child starts, \
              before it takes requests, in the order of the configuration. This concerns applications whose script and groups are known \
              without a request (`%{ENV:name}` and `%{HOST}` are not). Auto: the first 8, for at most 10 s \
              in total; the others start with their first request, and one notice names them. On: all, without these limits. \
              Off: all start with their first request.",
        set: Setter::Section(|name, section, value| {
            section.preload = Some(match flag(value) {
                Some(true) => Preload::On,
                Some(false) => Preload::Off,
                None if value.eq_ignore_ascii_case(b"auto") => Preload::Auto,
                None => return Err(format!("{name} must be one of: Off | On | Auto")),
            });
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIStartupTimeout",
        arguments: One,
        context: Global,
        syntax: "seconds",
        default: "60",
        help: c"Seconds an application may take to start",
        doc: "How long the start of an application may take, warm-up requests included. The time begins when the application gets \
              the startup lock. At its end the start has failed, the stacks of all threads are in the log, and \
              other applications start on another thread. Requests wait at most this long for an application that starts.",
        set: Setter::Server(|place, value| {
            place.server.settings.process.startup_timeout = seconds(place.name, value, false)?;
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIStartupLock",
        arguments: Raw,
        context: Global,
        syntax: "On|Off [slots=number]",
        default: "On, with one slot for each CPU",
        help: c"On or Off, and slots=number",
        doc: "How many processes of the server may start an application at the same time. The others wait, and the log says \
              for which process. `slots=1` starts them strictly one after another. A process that dies releases its slot.",
        set: Setter::Server(|place, line| {
            place.server.python.permits = startup_lock(line)?;
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIStartupRequests",
        arguments: One,
        context: Global,
        syntax: "number",
        default: "3",
        help: c"First requests run one at a time until this many in a row imported nothing",
        doc: "The first requests of an application run one at a time in each process, until this many in a row have \
              imported nothing new. So two requests that import for the first time cannot wait for each other. The \
              next request starts as soon as the current one has sent its headers or waits for its body, at the latest after 10 s. 0: \
              all requests run immediately.",
        set: Setter::Server(|place, value| {
            let complaint = "WSGIStartupRequests must be a number from 0 to 1000.";
            let number = number(value).filter(|number| *number <= 1000).ok_or(complaint)?;
            place.server.settings.process.startup_requests = number;
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIImportTimeout",
        arguments: One,
        context: Global,
        syntax: "seconds",
        default: "10",
        help: c"Seconds a request may wait for a blocked import",
        doc: "How long a request may wait for a module that another thread imports, while that thread makes no \
              progress. Usually both wait for each other. The log names both with their stacks; the waiting request \
              is interrupted by `mod_wsgi.ImportDeadlock` and answered 503, and the other one continues. 0: no limit.",
        set: Setter::Server(|place, value| {
            place.server.settings.process.import_timeout = seconds(place.name, value, true)?;
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIErrorDetails",
        arguments: One,
        context: FileInfo,
        syntax: "On|Off",
        default: "Off",
        help: c"On: visitors see why an application does not start",
        doc: "On: the page that visitors get while an application cannot be started (503) shows the traceback. Off: the page shows \
              the id under which the error log has the traceback. `ErrorDocument 503` replaces the page; the document \
              finds the id in `REDIRECT_WSGI_ERROR_ID`.",
        set: Setter::Section(|name, section, value| set_flag(name, value, &mut section.error_details)),
    },
    Directive {
        name: c"WSGIRestrictExit",
        arguments: One,
        context: Global,
        syntax: "On|Off|Auto",
        default: "Auto",
        help: c"Auto: an application may end its process only if that process serves no other application",
        doc: "Whether an application may end the process that it runs in: by `os._exit()`, `os.abort()`, `os.exec…()`, a \
              signal to its own process that ends it, or one of faulthandler's ways to crash. On: never; the call raises \
              `mod_wsgi.ExitRefused`, and the log shows the caller. Auto: only in a process group with one \
              application, after it has started; never in an Apache child, which always serves other requests too. Off: \
              always. If the call is allowed, the log names the application and the place of the call. SIGTERM, SIGINT, SIGHUP and \
              SIGUSR1 make the supervisor replace a process of a process group without losing requests; they are refused only to a script that \
              is being loaded. Processes that an application forks are not restricted.",
        set: Setter::Server(|place, value| {
            place.server.settings.process.restrict_exit = match flag(value) {
                Some(true) => exit_rule::ON,
                Some(false) => exit_rule::OFF,
                None if value.eq_ignore_ascii_case(b"auto") => exit_rule::AUTO,
                None => return Err(format!("{} must be one of: Off | On | Auto", place.name)),
            };
            Ok(())
        }),
    },
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
            place.server.settings.interpreter.python_path = value.to_vec();
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
            place.server.settings.interpreter.switch_interval = seconds.ok_or(complaint)?;
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
        doc: "On: a request for a script whose modification time has changed (in either direction), or whose path now leads to another \
              file (through a symbolic link), makes the server load the script again, in the same interpreter; \
              imported modules stay. The script may also define \
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
        help: c"On: Apache's error pages replace those of applications in process groups",
        doc: "On: if an application in a process group answers with a status of 400 or more, Apache's \
              ErrorDocument replaces the answer; only the header WWW-Authenticate is kept. In embedded mode the application's own error \
              pages are always sent.",
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
              for files on network file systems. Off: they are read, or mapped into memory where only root can \
              write them.",
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
        doc: "Off: for file systems that ignore case. Script paths are converted to lower case for the names of modules \
              and interpreters.",
        set: Setter::Server(|place, value| {
            set(&mut place.server.settings.process.case_sensitive, place.name, value)
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
    Directive {
        name: c"WSGIVerboseDebugging",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "Off",
        help: c"Deprecated: use LogLevel wsgi:debug",
        doc: "Deprecated: accepted without effect, for existing configurations; a notice says so. Use `LogLevel wsgi:debug`.",
        set: Setter::Server(|place, value| without_effect(place, value, "use LogLevel wsgi:debug")),
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
        set: Setter::Server(|place, value| {
            without_effect(place, value, "Python always starts in Apache's children, never in its parent")
        }),
    },
    Directive {
        name: c"WSGIPy3kWarningFlag",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "Off",
        help: c"For mod_wsgi before 6.0 with Python 2",
        doc: "For mod_wsgi before 6.0 with Python 2: accepted without effect, for existing configurations; a notice says so.",
        set: Setter::Server(|place, value| without_effect(place, value, "the directive was for Python 2")),
    },
    Directive {
        name: c"WSGIGroupAuthoritative",
        arguments: One,
        context: AuthConfig,
        syntax: "On|Off",
        default: "Off",
        help: c"Deprecated: use AuthMerging and Require",
        doc: "Deprecated: accepted without effect, for existing configurations; httpd 2.4 has no such setting.",
        set: Setter::Section(|name, _, value| set_flag(name, value, &mut None)),
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

/// A time in seconds, with decimals.
fn seconds(name: &str, value: &[u8], zero: bool) -> Result<f64, String> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let most = 86_400.0;
    let valid = |seconds: &f64| (*seconds > 0.0 || (zero && *seconds == 0.0)) && *seconds <= most;
    let from = if zero { "from 0" } else { "above 0" };
    text.parse::<f64>()
        .ok()
        .filter(valid)
        .ok_or_else(|| format!("{name} must be a number of seconds {from} and up to {most}."))
}

/// `On|Off [slots=number]`; `None`: as many as there are CPUs.
fn startup_lock(line: &[u8]) -> Result<Option<u32>, String> {
    let complaint = "WSGIStartupLock must be one of: Off | On | On slots=number, with a number from 1 to 256";
    let mut words = Words::of(line);
    let on = words.word().and_then(|word| flag(&word)).ok_or(complaint)?;
    let slots = match words.setting() {
        None => return Ok(if on { None } else { Some(0) }),
        Some(Ok(setting)) if on && setting.name == b"slots" => number::<u32>(&setting.value),
        Some(_) => None,
    };
    let slots = slots.filter(|slots| (1..=256).contains(slots) && words.word().is_none());
    slots.map(Some).ok_or_else(|| complaint.to_owned())
}

/// A flag that sites still have and nothing needs any more.
fn without_effect(place: &mut Place<'_>, value: &[u8], why: &str) -> Result<(), String> {
    set_flag(place.name, value, &mut None)?;
    place.server.without_effect.push(format!("{}: {} has no effect: {why}", place.location, place.name));
    Ok(())
}

/// Sets a flag of a server's settings.
fn set(field: &mut bool, name: &str, value: &[u8]) -> Result<(), String> {
    *field = flag(value).ok_or_else(|| format!("{name} must be one of: Off | On"))?;
    Ok(())
}

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
