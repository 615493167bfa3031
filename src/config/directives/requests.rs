//! How a request is passed to an application, and its answer back.

use super::{flag, set, set_flag};
use crate::apache::command::Arguments::One;
use crate::apache::command::Context::{FileInfo, Global};
use crate::config::dir::MapHead;
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
];
