//! From a URL to an application: which script, in which interpreter, and what it is told of the request.
#![deny(unsafe_code)]

mod checks;
mod environ;
mod groups;

pub use environ::Environ;
pub use groups::{Route, is_known};

use crate::apache::{Request, Status, hook};
use crate::config::{Alias, Kind};
use crate::{daemon, embedded};
use std::ffi::CStr;

/// The handler name that WSGIScriptAlias sets, and that SetHandler and AddHandler may name.
const HANDLER: &[u8] = b"wsgi-script";
/// Its name in old configurations.
const OLD_HANDLER: &[u8] = b"application/x-httpd-wsgi";

/// The note of a request that says which of its server's aliases led to it, by number.
///
/// A note, not httpd's `request_config`: where a module looks a URL up by a subrequest and takes over what it finds
/// (FallbackResource, DirectoryIndex), httpd carries the notes to the request, and the handler, and nothing else of ours.
const ALIAS: &CStr = c"mod_wsgi.alias";

/// The translate-name hook: the first alias that matches names the script.
pub struct Translate;

impl hook::Translate for Translate {
    fn run(r: Request<'_>) -> Status {
        let uri = r.uri();
        if !uri.starts_with(b"/") {
            return Status::DECLINED;
        }
        for (number, alias) in r.server().config().aliases.iter().enumerate() {
            if let Some(file) = alias.map(r.pool(), uri) {
                r.set_filename(&file);
                if matches!(alias.kind, Kind::Files) {
                    return Status::OK;
                }
                r.set_handler(c"wsgi-script");
                r.notes().set(c"alias-forced-type", c"wsgi-script");
                r.notes().set(ALIAS, r.pool().c_string(number.to_string().as_bytes()));
                return Status::OK;
            }
        }
        Status::DECLINED
    }
}

/// The alias that led to this request.
fn alias_of(r: Request<'_>) -> Option<&Alias> {
    let number: usize = std::str::from_utf8(r.notes().get(ALIAS)?).ok()?.parse().ok()?;
    r.server().config().aliases.get(number).map(|alias| &**alias)
}

/// The handler: checks, routes and serves.
pub struct Handler;

impl hook::Handle for Handler {
    fn run(r: Request<'_>) -> Status {
        if r.handler() != HANDLER && r.handler() != OLD_HANDLER {
            return Status::DECLINED;
        }
        // The alias counts only where it set the handler: SetHandler on another resource is not its business.
        let alias = if r.handler() == HANDLER { alias_of(r) } else { None };
        if let Err(status) = checks::run(r, alias) {
            return status;
        }
        let route = Route::of(r, alias);
        if let Some(allowed) = &r.dir_config().restrict_process
            && !allowed.iter().any(|name| **name == *route.process_group)
        {
            let group = String::from_utf8_lossy(&route.process_group);
            let text = format!(
                "Daemon process called '{group}' cannot be accessed by this WSGI application: see WSGIRestrictProcess"
            );
            r.log(wire::message::GROUP_FORBIDDEN, text);
            return Status(500);
        }
        if route.process_group.is_empty() {
            embedded::serve(r, alias, &route)
        } else {
            daemon::serve(r, alias, &route)
        }
    }
}
