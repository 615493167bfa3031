//! How a request is passed to an application, and its answer back.

use super::values::{flag, set, set_flag};
use crate::apache::command::Arguments::{One, Raw};
use crate::apache::command::Context::{Directory, FileInfo, Global};
use crate::config::daemon::Concurrency;
use crate::config::dir::MapHead;
use crate::config::proxies;
use crate::config::table::{Directive, Setter};

/// The directives.
pub const ALL: &[Directive] = &[
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
              themselves. Off: they do not get it. If such an application then answers 401 to a client that has sent \
              credentials, and Apache checks none for that URL, WSGI1057 says so.",
        set: Setter::Section(|name, section, value| set_flag(name, value, &mut section.pass_authorization)),
    },
    Directive {
        name: c"WSGIPassApacheRequest",
        arguments: One,
        context: Directory,
        syntax: "On|Off",
        default: "Off",
        help: c"On: applications in embedded mode get Apache's request_rec",
        doc: "On: `environ['apache.request_rec']` is a PyCapsule without a name that holds the address of Apache's `request_rec`, for \
              extension modules that call Apache's C functions. The environ of WSGIAccessScript and its kind has it too. \
              The address is valid until the request ends. It has no effect on applications in process groups, which run in \
              other processes.",
        set: Setter::Section(|name, section, value| set_flag(name, value, &mut section.pass_apache_request)),
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
        name: c"WSGIConcurrency",
        arguments: One,
        context: Global,
        syntax: "auto|spread|number|off",
        default: "auto",
        help: c"How many requests run at the same time in a process of Apache",
        doc: "How many requests run at the same time in each of Apache's processes; the others wait before Python. `auto`: as many as \
              do not merely wait for the GIL, and one more for each that sleeps; their threads stay on one processor while requests gain \
              by that (docs/daemon-mode.md, \"On one processor\"). `spread`: the same on all processors. `off`: all. It has no effect in prefork, whose \
              processes have one request at a time; process groups have `concurrency=`.",
        set: Setter::Server(|place, value| {
            let concurrency = Concurrency::parse(value);
            let complaint = || format!("{} {}.", place.name, Concurrency::WORDS);
            let concurrency = concurrency.ok_or_else(complaint)?;
            let process = &mut place.server.settings.process;
            (process.concurrency, process.one_processor) =
                (concurrency.number(), concurrency == Concurrency::Auto);
            Ok(())
        }),
    },
    Directive {
        name: c"WSGITrustedProxyHeaders",
        arguments: Raw,
        context: FileInfo,
        syntax: "header …",
        default: "none",
        help: c"Names of headers by which trusted proxies tell of their clients",
        doc: "Headers by which a proxy in front of Apache tells who its client is and what it asked for. \
              X-Forwarded-For, X-Client-IP and X-Real-IP set REMOTE_ADDR; X-Forwarded-Host and X-Host HTTP_HOST; X-Forwarded-Server \
              SERVER_NAME; X-Forwarded-Port SERVER_PORT; X-Script-Name and X-Forwarded-Script-Name SCRIPT_NAME (and \
              `mod_wsgi.mount_point`); X-Forwarded-Proto, X-Forwarded-Scheme and X-Scheme (`http`, `https`), X-Forwarded-HTTPS, \
              X-Forwarded-SSL and X-HTTPS (`On`, `Off`) `wsgi.url_scheme`. Other names have no effect. Of \
              several headers for the same thing the last one that is named here and that the request has counts; the others are removed from the \
              environ, all of them if the request does not come from a trusted proxy. Lines of one section add up; a \
              section inside another replaces the list. Name only headers that your proxy sets or removes: a client can send the others \
              itself.",
        set: Setter::Section(proxies::set_headers),
    },
    Directive {
        name: c"WSGITrustedProxies",
        arguments: Raw,
        context: FileInfo,
        syntax: "address|network …",
        default: "every peer is trusted",
        help: c"Addresses and networks of trusted proxies",
        doc: "Proxies whose headers (WSGITrustedProxyHeaders) are believed: IPv4 and IPv6 addresses, and networks such as `10.0.0.0/8`, \
              `10.1` or `2001:db8::/32`. The address is the one that Apache has for the client, after mod_remoteip. In X-Forwarded-For the \
              last address that is not that of a trusted proxy is the client. Names are not looked up. Without the \
              directive every peer is trusted, and the first address counts. Lines of one section add up; a section inside another replaces \
              the list.",
        set: Setter::Section(proxies::set_proxies),
    },
];
