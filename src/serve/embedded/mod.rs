//! Embedded mode: applications run in Apache's own children.
//!
//! Python starts once in each child ([`start`]); a request crosses the interface ([`abi`]) to the engine and its answer
//! comes back through the same [`RequestContext`]; the child's end takes Python down first ([`stop`]).
#![deny(unsafe_code)]

mod abi;
mod engine;
mod os;
mod preload;
pub mod scripts;
mod signals;
mod start;
mod stop;

pub use start::Start;
pub use stop::{AtPoolEnd, Stop};

use crate::apache::{Request, Status};
use crate::check;
use crate::config::{Alias, RequestExt};
use crate::ledger::{self, Stay};
use crate::logs;
use crate::process;
use crate::routing::{Environ, Route};
use crate::serve::context::RequestContext;
use crate::startup::plan;
use wire::abi::{self as table, End};
use wire::ledger::Phase;
use wire::{Lent, Slice, message};

/// The engine's answer to a line of the command `mod-wsgi`; `None`: there is no Python here.
pub fn inspect(line: &[u8]) -> Option<Lent> {
    let engine = engine::for_scripts().ok()?;
    Some((engine.inspect)(Slice::of(line)))
}

/// Serves a request in this process.
pub fn serve<'r>(r: Request<'r>, alias: Option<&Alias>, route: &'r Route<'r>) -> Status {
    signals::held(|| serve_now(r, alias, route))
}

fn serve_now<'r>(r: Request<'r>, alias: Option<&Alias>, route: &'r Route<'r>) -> Status {
    let environ = Environ::of(r, route);
    // The access log tells where a request belonged that is refused, too.
    environ.show();
    logs::show(r);
    r.serve_in(b"", process::pid());
    ledger::stay(r, Some(ledger::EMBEDDED), |stay| {
        let status = serve_in((r, alias, route), &environ, stay);
        r.served().iter().for_each(|served| served.set_times(stay.times()));
        status
    })
}

fn serve_in<'r>(
    (r, alias, route): (Request<'r>, Option<&Alias>, &'r Route<'r>),
    environ: &Environ<'r>,
    stay: &Stay,
) -> Status {
    let engine = match engine::get() {
        Ok(engine) => engine,
        Err(status) => return refuse(r, status),
    };
    let config = r.dir_config();
    let mut context = RequestContext::new(r, stay);
    stay.enter(Phase::Application);
    context.timing.begin(None, stay.begun());
    let request = table::Request {
        handle: abi::handle(&mut context),
        target: table::Target {
            script: Slice::of(route.script(r)),
            application_group: Slice::of(&route.application_group),
            named_by_client: route.named_by_client,
            callable: Slice::of(&route.callable),
            stamp: route.stamp(r),
            reload: config.script_reloading != Some(false),
            plan: Slice::of(plan::of(r.server(), r.listener().1, alias)),
        },
        environ: Slice::of(environ.entries()),
        https: environ.https(),
        head_only: r.head_only(),
        received: r.received(),
        own_pages: !r.has_error_document(503),
        own_error_page: !r.has_error_document(500),
        error_details: config.error_details == Some(true),
        request_rec: scripts::request_rec(r),
    };
    os::delete_states_at_thread_end();
    let outcome = (engine.serve)(request);
    if os::is_copy() {
        // The application forked, and its child came back here: it must not go on as a child of httpd.
        ::os::end(if outcome.end == End::Exit { outcome.status } else { 1 });
    }
    stay.served_here();
    match outcome.end {
        End::Complete => context.finish(),
        End::Truncated | End::Exit | End::Elsewhere => context.fail(),
        End::Short => context.end_short(),
        End::Error => context.refuse(outcome),
    }
}

/// No Python here: says so once a request.
fn refuse(r: Request<'_>, refusal: engine::Refusal) -> Status {
    match refusal {
        engine::Refusal::Restricted => {
            r.log(
                message::EMBEDDED_RESTRICTED,
                "Embedded mode of mod_wsgi disabled by runtime configuration: WSGIRestrictEmbedded is On",
            );
            Status(500)
        }
        engine::Refusal::Copies => {
            r.log(
                message::NO_EMBEDDED_IN_COPIES,
                format_args!("mpm_itk has no embedded mode: {}", check::copies::REMEDY),
            );
            Status(500)
        }
        engine::Refusal::Stopping => Status(503),
        engine::Refusal::Failed(why) => {
            r.log(message::PYTHON_NOT_RUNNING, format_args!("Python did not start in this process: {why}"));
            Status(500)
        }
        engine::Refusal::Unusable(why) => {
            r.log(message::PYTHON_NOT_RUNNING, format_args!("Python is not running in this process: {why}"));
            r.err_headers_out().set(c"Retry-After", c"10");
            Status(503)
        }
    }
}
