//! A request for a script: it is checked and routed, and served in this process ([`embedded`]) or in one of a process group
//! ([`daemon`]); its answer goes out the same way from both ([`context`]).
#![deny(unsafe_code)]

pub mod context;
pub mod daemon;
pub mod embedded;

use crate::apache::{Request, Status, hook};
use crate::config::RequestExt;
use crate::routing::{HANDLER, OLD_HANDLER, Route, alias_of, checks};

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
