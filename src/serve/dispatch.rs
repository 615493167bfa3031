//! WSGIDispatchScript: a script chooses where a request is served.

use super::context::Returned;
use super::embedded::scripts::{self, Function};
use crate::apache::{Request, Status};
use crate::config::RequestExt;
use crate::routing::{Environ, Redirection, Route, hook_group};
use wire::message as msg;

/// The functions of the script, none of which it must have.
const FUNCTIONS: [(&str, Redirection); 3] = [
    ("process_group", Redirection::Processes),
    ("application_group", Redirection::Interpreter),
    ("callable_object", Redirection::Callable),
];

/// Has the script, if there is one, change the route. Whatever goes wrong, the request is not served: it might be where it
/// must not be.
pub fn run<'r>(r: Request<'r>, route: &mut Route<'r>) -> Result<(), Status> {
    let Some(script) = &r.dir_config().dispatch_script else { return Ok(()) };
    let (group, named_by_client) = hook_group(r, &script.application_group);
    let returned = {
        let environ = Environ::of(r, route);
        let functions = FUNCTIONS.map(|(name, _)| Function { name, arguments: &[], items: false });
        scripts::call(r, &script.path, (&group, named_by_client), &environ, &functions)?
    };
    for ((function, redirection), returned) in FUNCTIONS.into_iter().zip(returned) {
        match returned {
            Returned::Missing | Returned::None => {}
            Returned::Text(name) | Returned::Bytes(name) => route.redirect(r, redirection, &name),
            Returned::Raised => return Err(Status(500)),
            other => {
                let text = format!(
                    "{function}() of dispatch script '{}' must return a name as string, or None, not {}",
                    wire::shown(&script.path),
                    other.kind()
                );
                r.log(msg::DISPATCH_RESULT, text);
                return Err(Status(500));
            }
        }
    }
    Ok(())
}
