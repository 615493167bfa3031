//! A request for a script, or for a resource that a script handles: it is checked and routed, and served in this process ([`embedded`]) or in one of a process group
//! ([`daemon`]); its answer goes out the same way from both ([`context`]).
#![deny(unsafe_code)]

pub mod context;
mod credentials;
pub mod daemon;
mod dispatch;
pub mod embedded;

use crate::apache::{Request, Status, hook};
use crate::config::{Alias, RequestExt};
use crate::logs;
use crate::routing::{HANDLER, OLD_HANDLER, Route, alias_of, checks};

/// The handler: checks, routes and serves.
pub struct Handler;

impl hook::Handle for Handler {
    fn run(r: Request<'_>) -> Status {
        let is_script = r.handler() == HANDLER || r.handler() == OLD_HANDLER;
        let config = r.dir_config();
        let mut handlers = config.handlers.iter().flat_map(|handlers| handlers.iter());
        let (alias, checked) = if is_script {
            // The alias counts only where it set the handler: SetHandler on another resource is not its business.
            let alias = if r.handler() == HANDLER { alias_of(r) } else { None };
            (alias, checks::run(r, alias))
        } else if let Some((_, handler)) = handlers.find(|(name, _)| **name == *r.handler()) {
            (Some(&**handler), checks::of_handler(r))
        } else {
            return Status::DECLINED;
        };
        let answer = match checked {
            Ok(()) => route(r, alias),
            Err(status) => status,
        };
        if answer.0 >= 400 {
            // Whatever refused it: pages and logs have its id.
            logs::show(r);
        }
        answer
    }
}

/// Finds out where the request is served, and has it served there.
fn route(r: Request<'_>, alias: Option<&Alias>) -> Status {
    let mut route = Route::of(r, alias);
    if let Err(status) = dispatch::run(r, &mut route) {
        return status;
    }
    let config = r.dir_config();
    if let Some(allowed) = &config.restrict_process
        && !allowed.iter().any(|name| **name == *route.process_group)
    {
        let group = wire::shown(&route.process_group);
        let text = format!(
            "Daemon process called '{group}' cannot be accessed by this WSGI application: see WSGIRestrictProcess"
        );
        r.log(wire::message::GROUP_FORBIDDEN, text);
        return Status(500);
    }
    let answer = if route.process_group.is_empty() {
        embedded::serve(r, alias, &route)
    } else {
        daemon::serve(r, alias, &route)
    };
    credentials::check(r, &route, answer);
    answer
}
