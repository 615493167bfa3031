//! Directives of earlier versions, which sites still have.

use super::set_flag;
use crate::apache::command::Arguments::One;
use crate::apache::command::Context::{AuthConfig, Global};
use crate::config::table::{Directive, Place, Setter};

/// The directives.
pub const ALL: &[Directive] = &[
    Directive {
        name: c"WSGIVerboseDebugging",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "Off",
        help: c"Deprecated: use LogLevel wsgi:debug",
        doc: "Deprecated: accepted without effect, for existing configurations; a notice says so. Use `LogLevel wsgi:debug`.",
        set: Setter::Server(|place, value| without_effect(place, value, "use LogLevel wsgi:debug")),
    },
    Directive {
        name: c"WSGILazyInitialization",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "On",
        help: c"For mod_wsgi before 6.0: Python always starts in the children",
        doc: "For mod_wsgi before 6.0: accepted without effect, for existing configurations; a notice says so. Python always \
              starts in Apache's children and in processes of groups, never in Apache's parent.",
        set: Setter::Server(|place, value| {
            without_effect(place, value, "Python always starts in Apache's children, never in its parent")
        }),
    },
    Directive {
        name: c"WSGIPy3kWarningFlag",
        arguments: One,
        context: Global,
        syntax: "On|Off",
        default: "Off",
        help: c"For mod_wsgi before 6.0 with Python 2",
        doc: "For mod_wsgi before 6.0 with Python 2: accepted without effect, for existing configurations; a notice says so.",
        set: Setter::Server(|place, value| without_effect(place, value, "the directive was for Python 2")),
    },
    Directive {
        name: c"WSGIGroupAuthoritative",
        arguments: One,
        context: AuthConfig,
        syntax: "On|Off",
        default: "Off",
        help: c"Deprecated: use AuthMerging and Require",
        doc: "Deprecated: accepted without effect, for existing configurations; httpd 2.4 has no such setting.",
        set: Setter::Section(|name, _, value| set_flag(name, value, &mut None)),
    },
];

/// A flag that sites still have and nothing needs any more.
fn without_effect(place: &mut Place<'_>, value: &[u8], why: &str) -> Result<(), String> {
    set_flag(place.name, value, &mut None)?;
    place.server.without_effect.push(format!("{}: {} has no effect: {why}", place.location, place.name));
    Ok(())
}
