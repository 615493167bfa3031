//! Functions of scripts that the server itself asks, called in this process.

use super::{abi, engine, os, signals};
use crate::apache::{Request, Status};
use crate::config::RequestExt;
use crate::ledger::Stay;
use crate::routing::{Environ, stamp};
use crate::serve::context::{RequestContext, Returned};
use wire::Slice;
use wire::abi::{self as table, End};

/// A function to call.
pub struct Function<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is called with behind the environ.
    pub arguments: &'a [&'a [u8]],
    /// It returns an iterable.
    pub items: bool,
}

/// Calls functions of a script in an interpreter of this process, given its name and whether a client may have chosen that; answers what each returned. `Err`: the script does not
/// run, which is logged.
pub fn call<'r>(
    r: Request<'r>,
    script: &[u8],
    (application_group, named_by_client): (&[u8], bool),
    environ: &Environ<'r>,
    functions: &[Function<'_>],
) -> Result<Vec<Returned>, Status> {
    let engine = engine::for_scripts().map_err(|refusal| super::refuse(r, refusal))?;
    let arguments: Vec<Vec<Slice<'_>>> = functions
        .iter()
        .map(|function| function.arguments.iter().map(|text| Slice::of(text)).collect())
        .collect();
    let told: Vec<table::Function<'_>> = functions
        .iter()
        .zip(&arguments)
        .map(|(function, arguments)| table::Function {
            name: Slice::of(function.name.as_bytes()),
            arguments: Slice::of(arguments),
            items: function.items,
        })
        .collect();
    let stay = Stay::default();
    let mut context = RequestContext::new(r, &stay);
    let outcome = signals::held(|| {
        os::delete_states_at_thread_end();
        (engine.ask)(table::Ask {
            handle: abi::handle(&mut context),
            target: table::Target {
                script: Slice::of(script),
                application_group: Slice::of(application_group),
                named_by_client,
                callable: Slice::EMPTY,
                stamp: stamp(script),
                reload: r.dir_config().script_reloading != Some(false),
                plan: Slice::EMPTY,
            },
            environ: Slice::of(environ.entries()),
            https: environ.https(),
            functions: Slice::of(&told),
            request_rec: request_rec(r),
        })
    });
    if os::is_copy() {
        // The script forked, and its child came back here: it must not go on as a child of httpd.
        ::os::end(if outcome.end == End::Exit { outcome.status } else { 1 });
    }
    if outcome.end == End::Complete && context.returned.len() == functions.len() {
        return Ok(context.returned);
    }
    Err(Status(500))
}

/// The address that extension modules get of the request (WSGIPassApacheRequest); 0: they do not get it.
pub fn request_rec(r: Request<'_>) -> usize {
    if r.dir_config().pass_apache_request == Some(true) { r.raw().expose_provenance() } else { 0 }
}
