//! What is measured, and what is said of requests that take long.

use super::values::{number, set};
use crate::apache::command::Arguments::{One, Raw};
use crate::apache::command::Context::Global;
use crate::config::table::{Directive, Setter};
use wire::words::Words;

/// The directives.
pub const ALL: &[Directive] = &[
    Directive {
        name: c"WSGIServerMetrics",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "Off",
        help: c"On: applications in Apache's children may ask what all children do",
        doc: "On: `mod_wsgi.server_metrics()` returns httpd's scoreboard in embedded mode: what each child and each of its threads does, \
              with client and request line if `ExtendedStatus On` is set. Off: it returns None. A process group has \
              `server-metrics=`.",
        set: Setter::Server(|place, value| {
            set(&mut place.server.settings.process.server_metrics, place.name, value)
        }),
    },
    Directive {
        name: c"WSGISlowRequests",
        arguments: One,
        context: Global,
        syntax: "seconds",
        default: "0",
        help: c"Seconds after which a request is named in the log",
        doc: "A request that lasts longer is named in the error log once while it still runs, with the stack of its thread (WSGI1080), \
              and once when it ends, with its duration (WSGI1081). The time begins when a thread takes the request to its \
              application. In both modes. 0: off.",
        set: Setter::Server(|place, value| {
            let text = std::str::from_utf8(value).unwrap_or_default();
            let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
            let seconds = seconds.ok_or_else(|| format!("{} must be a number of seconds", place.name))?;
            if seconds < 0.0 {
                return Err(format!("{} threshold must be non-negative", place.name));
            }
            place.server.settings.process.slow_requests = seconds;
            Ok(())
        }),
    },
    Directive {
        name: c"WSGITelemetryService",
        arguments: Raw,
        context: Global,
        syntax: "unix:/path [interval=seconds]",
        default: "none",
        help: c"unix:/path of the socket of a telemetry service, and interval=seconds",
        doc: "Each process that runs applications sends what it measures to this UNIX socket, as datagrams, every `interval` (1 s, at \
              least 0.5 s). `mod_wsgi-telemetry` from PyPI receives them. Nothing waits for the service; if it does not listen, \
              what is sent is lost. `request_metrics()` and `process_metrics()` return None then.",
        set: Setter::Server(|place, line| {
            let (path, interval) = service(line)?;
            let process = &mut place.server.settings.process;
            (process.telemetry, process.telemetry_interval) = (path, interval);
            Ok(())
        }),
    },
    Directive {
        name: c"WSGITelemetryOptions",
        arguments: Raw,
        context: Global,
        syntax: "[+|-]CaptureUserAgent|None|All",
        default: "None",
        help: c"What is sent to the telemetry service beside the usual",
        doc: "CaptureUserAgent: what is sent of slow requests includes the User-Agent header. A name without sign sets exactly what the \
              line names; + adds, - removes.",
        set: Setter::Server(|place, line| {
            options(line, &mut place.server.settings.process.telemetry_user_agent)
        }),
    },
];

/// Path and interval of `unix:/path [interval=seconds]`.
fn service(line: &[u8]) -> Result<(Vec<u8>, f64), String> {
    const LEAST: f64 = 0.5;
    const LONGEST: usize = 107;
    let mut words = Words::of(line);
    let target = words.word().unwrap_or_default();
    let path = target.strip_prefix(b"unix:").filter(|path| path.starts_with(b"/"));
    let path = path.ok_or("WSGITelemetryService target must be 'unix:/path'")?;
    if path.len() > LONGEST {
        return Err(format!("WSGITelemetryService: the path is longer than {LONGEST} bytes"));
    }
    let complaint = "WSGITelemetryService second argument must be 'interval=N'";
    let interval = match words.word() {
        None => 1.0,
        Some(word) => {
            let value = word.strip_prefix(b"interval=").ok_or(complaint)?;
            number::<f64>(value)
                .filter(|seconds| (LEAST..=86_400.0).contains(seconds))
                .ok_or_else(|| format!("WSGITelemetryService interval must be at least {LEAST} seconds"))?
        }
    };
    if words.word().is_some() {
        return Err(complaint.to_owned());
    }
    Ok((path.to_vec(), interval))
}

/// Sets the one option there is, or what stands for all or none.
fn options(line: &[u8], user_agent: &mut bool) -> Result<(), String> {
    let mut words = Words::of(line);
    let mut signed = None;
    while let Some(word) = words.word() {
        let (sign, name) = match word.split_first() {
            Some((b'+', name)) => (Some(true), name),
            Some((b'-', name)) => (Some(false), name),
            _ => (None, &word[..]),
        };
        if name.is_empty() {
            return Err("WSGITelemetryOptions: bare '+' / '-' is not a flag".into());
        }
        if signed.is_some_and(|signed| signed != sign.is_some()) {
            return Err(
                "WSGITelemetryOptions: cannot mix +/- form with absolute names in a single directive".into(),
            );
        }
        if signed.is_none() && sign.is_none() {
            *user_agent = false;
        }
        signed = Some(sign.is_some());
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match sign {
            _ if is("CaptureUserAgent") => *user_agent = sign.unwrap_or(true),
            None if is("All") => *user_agent = true,
            None if is("None") => *user_agent = false,
            _ => return Err(format!("WSGITelemetryOptions: unknown flag '{}'", wire::shown(&word))),
        }
    }
    signed.map(drop).ok_or_else(|| "WSGITelemetryOptions: at least one flag required".into())
}
