//! The call of a function that says who may see something.

use crate::apache::Request;
use crate::config::HookScript;
use crate::routing::{Environ, hook_group};
use crate::serve::context::Returned;
use crate::serve::embedded::scripts::{self, Function};
use wire::Message;

/// A function of a script, and what the log says where the script has none of that name.
pub struct Asked<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is called with behind the environ.
    pub texts: &'a [&'a [u8]],
    /// It returns an iterable.
    pub items: bool,
    /// The message where it is missing, and what the script is for.
    pub missing: (Message, &'a str),
}

/// Calls a function of a script with the environ of the request. `None`: it returned nothing, which is logged.
pub fn ask(r: Request<'_>, script: &HookScript, asked: &Asked<'_>) -> Option<Returned> {
    let (group, named_by_client) = hook_group(r, &script.application_group);
    let environ = Environ::of_check(r, &group);
    let function = Function { name: asked.name, arguments: asked.texts, items: asked.items };
    let group = (&group[..], named_by_client);
    let returned = scripts::call(r, &script.path, group, &environ, &[function]).ok()?.pop()?;
    match returned {
        Returned::Raised => None,
        Returned::Missing => {
            let (message, what) = asked.missing;
            let path = wire::shown(&script.path);
            r.log(
                message,
                format_args!("Target WSGI {what} script '{path}' does not provide {}()", asked.name),
            );
            None
        }
        returned => Some(returned),
    }
}
