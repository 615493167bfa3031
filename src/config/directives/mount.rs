//! Where applications are mounted, and scripts that are loaded without a URL.

use crate::apache::command::Arguments::Raw;
use crate::apache::command::Context::Server;
use crate::config::table::{Directive, Setter};
use crate::config::{django, import, script_alias};

/// The directives.
pub const ALL: &[Directive] = &[
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
];
