//! In an Apache child: a request for a process group.
//!
//! [`pool`] finds a connection with an idle thread behind it, or waits in the group's queue; [`relay`] then does what the
//! process asks for: reads the client's body, passes the answer on, writes log lines. A process that goes before it has
//! called the application, or that says so, has the request given to another one.
#![deny(unsafe_code)]

mod ahead;
mod asked;
mod block;
mod client;
mod closing;
mod eager;
mod pool;
mod relay;
mod stop;
mod stream;
#[cfg(test)]
mod tests;

pub use pool::Pool;
pub use stop::Stop;

use crate::apache::{Request, Status, mpm};
use crate::config::{Alias, RequestExt};
use crate::groups::{self, ProcessGroup, scripts};
use crate::ledger::{self, Stay};
use crate::logs;
use crate::routing::{Environ, Route};
use crate::serve::context::RequestContext;
use crate::startup::plan;
use ahead::Ahead;
use asked::Asked;
use client::Visitor;
use pool::{Problem, Tries};
use relay::{Relay, Relayed};
use std::borrow::Cow;
use std::time::{Duration, Instant};
use wire::abi::ReadError;
use wire::{message as msg, request};

/// Serves a request in a process of its group.
pub fn serve<'r>(r: Request<'r>, alias: Option<&Alias>, route: &'r Route<'r>) -> Status {
    let environ = Environ::of(r, route);
    // The access log tells where a request belonged that is refused, too.
    environ.show();
    logs::show(r);
    r.serve_in(&route.process_group, 0);
    match find(r, &route.process_group) {
        Ok(live) => ledger::stay(r, live.row, |stay| {
            let status = serve_in(live, (r, alias, route), &environ, stay);
            r.served().iter().for_each(|served| served.set_times(stay.times()));
            status
        }),
        Err(status) => status,
    }
}

/// Serves it in this group.
fn serve_in<'r>(
    live: &'static ProcessGroup,
    (r, alias, route): (Request<'r>, Option<&Alias>, &'r Route<'r>),
    environ: &Environ<'r>,
    stay: &Stay,
) -> Status {
    let file = route.script(r);
    if let Err(status) = scripts::check(r, live, file) {
        return status;
    }
    let Some(script) = inside(live, file) else {
        let text = format!("'{}' lies outside chroot= of process group '{}'", wire::shown(file), live.name());
        r.log(msg::OUTSIDE_CHROOT, text);
        return Status(500);
    };
    let mut context = RequestContext::new(r, stay);
    let config = r.dir_config();
    let begun = Instant::now();
    let Ok(mut ahead) = Ahead::read(&mut context, live.group.request_buffer_size) else {
        return gone(r);
    };
    let reading = begun.elapsed();
    let first = ahead.first();
    let head = request::Head {
        https: environ.https(),
        head_only: r.head_only(),
        reload: config.script_reloading != Some(false),
        own_pages: !r.has_error_document(503),
        own_error_page: !r.has_error_document(500),
        error_details: config.error_details == Some(true),
        ignore_activity: config.ignore_activity == Some(true),
        body_follows: first.is_some(),
        named_by_client: route.named_by_client,
        level: r.log_level(),
        received: r.received(),
        queued: crate::apache::now(),
        stamp: route.stamp(r),
        plan: plan::plan_key(r.server(), r.listener().1, alias),
        script: &script,
        group: &route.application_group,
        callable: &route.callable,
    };
    let chroot = live.group.chroot.as_deref();
    let pairs = environ.pairs().map(|(name, value)| (name, in_chroot(chroot, name, value)));
    let asked = Asked::new(&head, pairs, first);
    dispatch(&mut context, &mut ahead, live, asked, reading)
}

/// Gives the request to one process after another until one has called the application. `reading`: the time that the client
/// took for its body, which does not count as waiting.
fn dispatch<'r>(
    context: &mut RequestContext<'r>,
    ahead: &mut Ahead<'r>,
    live: &'static ProcessGroup,
    mut request: Asked,
    reading: Duration,
) -> Status {
    let r = context.request;
    let begun = Instant::now();
    let queue_until = match live.group.queue_timeout {
        0 => None,
        seconds => Some(begun + (Duration::from_secs(seconds.into()) + reading).saturating_sub(r.age())),
    };
    let patience = pool::patience(live, r.server().timeout());
    let until = begun + Duration::from_secs(live.group.connect_timeout.max(1).into()) + patience;
    let mut tries = Tries::new(until, live.processes());
    while let Some(as_it_is) = tries.next(Instant::now()) {
        if as_it_is {
            request.as_it_is();
        }
        let pool = pool::of(live);
        context.stay.wait();
        let conn = match pool.take(live, patience, queue_until) {
            Ok(conn) => conn,
            Err(problem) => {
                context.stay.refused();
                return refuse(r, live, problem);
            }
        };
        ahead.rewind();
        let mut visitor = Visitor { context, ahead };
        if let Relayed::Done(status) = Relay::new(&mut visitor, pool, live, conn).run(&mut request) {
            return status;
        }
    }
    context.stay.refused();
    refuse(r, live, Problem::Down)
}

/// The group of this name, if this request may use it.
fn find(r: Request<'_>, name: &[u8]) -> Result<&'static ProcessGroup, Status> {
    let shown = || wire::shown(name);
    if groups::none() {
        r.log(
            msg::NO_PROCESS_GROUP,
            format_args!("No WSGI daemon process called '{}' has been configured.", shown()),
        );
        return Err(Status(500));
    }
    let Some(live) = groups::find(name) else {
        let text = format!("No WSGI daemon process called '{}' has been configured.", shown());
        r.log(msg::UNKNOWN_GROUP, text);
        return Err(Status(500));
    };
    if live.host.as_ref().is_some_and(|host| *host != r.server().name()) {
        let text = format!(
            "Daemon process called '{}' cannot be accessed by this WSGI application as it belongs to a virtual host with \
             another ServerName.",
            shown()
        );
        r.log(msg::OTHER_HOSTS_GROUP, text);
        return Err(Status(500));
    }
    Ok(live)
}

/// The script as the group's processes see it; `None`: they do not.
fn inside<'a>(live: &ProcessGroup, script: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    let Some(chroot) = &live.group.chroot else { return Some(Cow::Borrowed(script)) };
    let rest = script.strip_prefix(&chroot[..])?;
    rest.starts_with(b"/").then(|| Cow::Owned(rest.to_vec()))
}

/// A value of the environ as the group's processes see it.
fn in_chroot<'a>(chroot: Option<&[u8]>, name: &[u8], value: &'a [u8]) -> &'a [u8] {
    match chroot {
        Some(chroot)
            if matches!(name, b"SCRIPT_FILENAME" | b"DOCUMENT_ROOT" | b"mod_wsgi.handler_script") =>
        {
            value.strip_prefix(chroot).filter(|rest| rest.starts_with(b"/")).unwrap_or(value)
        }
        _ => value,
    }
}

/// The client has gone before its body was there: no process hears of it.
fn gone(r: Request<'_>) -> Status {
    r.log(msg::CLIENT_GONE, "the client closed the connection before the whole body of its request arrived");
    Status(ReadError::Disconnected.status())
}

/// No process took the request.
fn refuse(r: Request<'_>, live: &ProcessGroup, problem: Problem) -> Status {
    let name = live.name();
    match problem {
        Problem::Late => {
            let (limit, seconds) = match live.group.queue_timeout {
                0 => ("socket-timeout", pool::patience(live, r.server().timeout()).as_secs()),
                seconds => ("queue-timeout", seconds.into()),
            };
            let text = format!("no thread of process group '{name}' was idle within {limit} ({seconds} s)");
            r.log(msg::QUEUE_TIMEOUT, text);
            r.retry_after(2);
            Status(504)
        }
        Problem::Full => {
            let text = format!(
                "the queue of process group '{name}' was full (listen-backlog) for {} s (connect-timeout)",
                live.group.connect_timeout
            );
            r.log(msg::QUEUE_FULL, text);
            r.retry_after(2);
            Status(503)
        }
        Problem::Socket(error) => {
            let path = wire::shown(&live.path).into_owned();
            let remedy = match error.kind() {
                _ if error.raw_os_error() == Some(libc::EMFILE) => {
                    "this Apache process has reached its limit of open files: see whether an application in it leaks them (ls -l \
                     /proc/PID/fd), or raise its limit ('ulimit -n'; LimitNOFILE= of Apache's systemd unit, or \
                     APACHE_ULIMIT_MAX_FILES in envvars)"
                }
                _ if error.raw_os_error() == Some(libc::ENFILE) => {
                    "the system has reached its limit of open files: raise fs.file-max (sysctl)"
                }
                std::io::ErrorKind::NotFound => {
                    "the file, or its directory, was removed: restart Apache, and see WSGISocketPrefix"
                }
                std::io::ErrorKind::PermissionDenied if mpm::serves_in_copies() => {
                    "this request runs as another user (AssignUserID of mpm_itk): name that user with socket-user= in \
                     WSGIDaemonProcess, and give each such user a process group"
                }
                std::io::ErrorKind::PermissionDenied => {
                    "the Apache user may not reach it: move it with WSGISocketPrefix to a directory that this user can enter"
                }
                std::io::ErrorKind::ConnectionReset => {
                    "its processes close connections immediately: see their lines above"
                }
                _ => "restart Apache",
            };
            let text = format!(
                "the socket '{path}' of process group '{name}' cannot be connected to: {error}; {remedy}"
            );
            r.log(msg::CONNECT_FAILED, text);
            r.retry_after(10);
            Status(503)
        }
        Problem::Down => {
            let next = live.scoreboard.next_start.load(std::sync::atomic::Ordering::SeqCst) - os::monotonic();
            let seconds = (next.max(0) as u64).div_ceil(1_000_000).clamp(1, 60) as u32;
            let why = match &live.python {
                Err(why) => why.clone(),
                Ok(_) => "see the lines about its processes above".into(),
            };
            r.log(msg::GROUP_DOWN, format_args!("no process of group '{name}' serves: {why}"));
            r.retry_after(seconds);
            Status(503)
        }
    }
}
