//! Scripts of the server itself, and who may see what.

use crate::apache::command::Arguments::Raw;
use crate::apache::command::Context::{AuthConfig, Directory};
use crate::config::scripts;
use crate::config::table::{Directive, Setter};

/// The directives.
pub const ALL: &[Directive] = &[
    Directive {
        name: c"WSGIAccessScript",
        arguments: Raw,
        context: AuthConfig,
        syntax: "file-path [application-group=name|%{GLOBAL}|%{SERVER}|%{HOST}]",
        default: "none",
        help: c"Script that says which hosts may come in, and application-group=name",
        doc: "A script whose `allow_access(environ, host)` says whether a client may come in: True allows, False denies (403), \
              None leaves it to the rest of the configuration. Anything else, an exception, and a script that cannot be loaded deny. `host` is the \
              name of the client's host if Apache has looked it up, else its address. The script runs in Apache's \
              children, by default in the main interpreter, whichever process group serves the request, and starts with them as an application does. \
              `environ` has the CGI variables, `wsgi.errors`, `mod_ssl.is_https` and `mod_ssl.var_lookup`.",
        set: Setter::Script(|place, section, line| {
            section.access_script = Some(scripts::hook("access", place, line)?);
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIAuthUserScript",
        arguments: Raw,
        context: AuthConfig,
        syntax: "file-path [application-group=name|%{GLOBAL}|%{SERVER}|%{HOST}]",
        default: "none",
        help: c"Script that knows users and passwords, and application-group=name",
        doc: "The script of `AuthBasicProvider wsgi` and `AuthDigestProvider wsgi`. `check_password(environ, user, password)` returns True or \
              False, None for a user whom the next provider may know, or another name for the user, which becomes REMOTE_USER. \
              `get_realm_hash(environ, user, realm)` returns the MD5 of `user:realm:password` in hexadecimal, or None. Anything else, an \
              exception, and a script that cannot be loaded give 500. See WSGIAccessScript for where it runs.",
        set: Setter::Script(|place, section, line| {
            section.auth_user_script = Some(scripts::hook("auth user", place, line)?);
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIAuthGroupScript",
        arguments: Raw,
        context: AuthConfig,
        syntax: "file-path [application-group=name|%{GLOBAL}|%{SERVER}|%{HOST}]",
        default: "none",
        help: c"Script that knows the groups of users, and application-group=name",
        doc: "The script of `Require wsgi-group name …`. `groups_for_user(environ, user)` returns the names of the user's groups; one of \
              them must be named by Require, in any case of letters. Anything else, an exception, and a script that cannot be loaded give 500: \
              with `Require not wsgi-group` a refusal would let everybody in. \
              See WSGIAccessScript for where it runs.",
        set: Setter::Script(|place, section, line| {
            section.auth_group_script = Some(scripts::hook("auth group", place, line)?);
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIDispatchScript",
        arguments: Raw,
        context: Directory,
        syntax: "file-path [application-group=name|%{GLOBAL}|%{SERVER}|%{HOST}]",
        default: "none",
        help: c"Script that chooses where a request is served, and application-group=name",
        doc: "A script that is asked for each request where it is served. Its functions `process_group(environ)`, \
              `application_group(environ)` and `callable_object(environ)`, of which it need not have all, return a name, which may be a token such as `%{GLOBAL}`, or \
              None for what the configuration says. Anything else, an exception, and a script that cannot be loaded give 500. See \
              WSGIAccessScript for where it runs.",
        set: Setter::Script(|place, section, line| {
            section.dispatch_script = Some(scripts::hook("dispatch", place, line)?);
            Ok(())
        }),
    },
    Directive {
        name: c"WSGIHandlerScript",
        arguments: Raw,
        context: Directory,
        syntax: "name file-path [process-group=name] [application-group=name] [pass-authorization=On|Off]",
        default: "none",
        help: c"Name of a handler, script file, and options name=value",
        doc: "Registers a script as a handler of Apache, for SetHandler, AddHandler and RewriteRule (`[H=name]`). Its \
              `handle_request(environ, start_response)` is called for each resource that has the handler; SCRIPT_FILENAME and PATH_INFO tell of \
              the resource, which need not exist, and `mod_wsgi.handler_script` of the script. `Options ExecCGI` is not needed. Without options the \
              groups are those of the resource. If both groups are given, the script is loaded when a process starts.",
        set: Setter::Script(scripts::handler),
    },
];
