//! From a URL to an application: which script, in which interpreter, and what it is told of the request.
#![forbid(unsafe_code)]

pub mod checks;
mod environ;
mod groups;
mod proxies;

pub use environ::Environ;
pub use groups::{Redirection, Route, hook_group, is_known, stamp};

use crate::apache::{Request, Status, hook};
use crate::config::ServerExt;
use crate::config::{Alias, Kind};
use std::ffi::CStr;

/// The handler name that WSGIScriptAlias sets, and that SetHandler and AddHandler may name.
pub const HANDLER: &[u8] = b"wsgi-script";
/// The handler's name in old configurations.
pub const OLD_HANDLER: &[u8] = b"application/x-httpd-wsgi";

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
pub fn alias_of(r: Request<'_>) -> Option<&Alias> {
    let number: usize = std::str::from_utf8(r.notes().get(ALIAS)?).ok()?.parse().ok()?;
    r.server().config().aliases.get(number).map(|alias| &**alias)
}
