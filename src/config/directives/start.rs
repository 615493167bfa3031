//! How applications start, and what a start may cost.

use super::values::{flag, number, seconds, set_flag};
use crate::apache::command::Arguments::{One, Raw};
use crate::apache::command::Context::{Directory, FileInfo, Global};
use crate::config::dir::Preload;
use crate::config::table::{Directive, Setter};
use wire::exit_rule;
use wire::words::Words;

/// The directives.
pub const ALL: &[Directive] = &[
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
        default: "On, with one slot for each CPU, and up to three more for each while CPUs are idle or starts wait",
        help: c"On or Off, and slots=number",
        doc: "How many processes of the server may start an application at the same time. The others wait, and the log says \
              for which process. `slots=1` starts them strictly one after another. Without a number, starts \
              that compute have one slot for each CPU; where they wait for a disk or another server, one more begins each time that \
              half a CPU has been idle for a third of a second, or none of those that have a slot has computed. A process that dies releases its slot.",
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
        help: c"On: visitors see why an application does not start or has failed",
        doc: "On: who asks for an application that cannot be started (503), or that raises an exception before it has sent anything \
              (500), sees what was raised, the line of the application with the source around it, the advice that the log has, and the \
              traceback. Off: the answer to a failed start has the id under which the error log has the cause, and nothing else of it; \
              for an exception Apache's own page is sent. Browsers get a page that is loaded again when the application serves, \
              programs that accept JSON get `application/problem+json` (RFC 9457), others text. `ErrorDocument 503` and \
              `ErrorDocument 500` replace these answers; the document of the first finds the id in `REDIRECT_WSGI_ERROR_ID`.",
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
];

/// `On|Off [slots=number]`; `None`: as many as there are CPUs, and more while they are idle.
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
