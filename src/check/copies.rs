//! Where httpd serves each connection in a copy of a child (mpm_itk) there is no embedded mode: a copy has none of the
//! child's threads, and Python is started, and loads applications, in one of these.

use crate::apache::{Pool, Server};
use crate::config::{Alias, Kind};
use crate::config::{RequestExt, ServerExt};
use crate::routing::{Route, is_known};

/// What to do, where a request or an alias asks for it.
pub const REMEDY: &str =
    "give the application a process group (WSGIDaemonProcess and WSGIProcessGroup), or disable mpm_itk";

/// What is wrong with a configuration that has applications in Apache's children.
pub fn refusal(pool: Pool<'_>, main: Server<'_>) -> Option<String> {
    let servers = main.in_order();
    let (server, alias) = servers
        .iter()
        .flat_map(|server| server.config().aliases.iter().map(move |alias| (*server, alias)))
        .find(|(server, alias)| is_embedded(pool, *server, alias))?;
    let place = match alias.sample() {
        Some(url) => {
            format!("'{}' of {}", wire::shown(url), wire::shown(server.name()))
        }
        None => format!("'{}'", wire::shown(&alias.target)),
    };
    Some(format!(
        "mpm_itk serves each connection in a forked copy of an Apache child, where Python cannot run; {place} would run there \
         (embedded mode); {REMEDY}"
    ))
}

/// The configuration alone says that it runs in Apache's children.
fn is_embedded<'p>(pool: Pool<'p>, server: Server<'p>, alias: &'p Alias) -> bool {
    if matches!(alias.kind, Kind::Files) {
        return false;
    }
    match alias.process_group.as_deref() {
        Some(b"" | b"%{GLOBAL}") => return true,
        Some(name) if !name.starts_with(b"%{") => return false,
        _ => {}
    }
    let Some(url) = alias.sample() else { return false };
    server.entrances().into_iter().any(|entrance| {
        let file = alias.map(pool, url);
        let request = file.and_then(|file| pool.synthetic_request(server, entrance, url, &file).ok());
        request.is_some_and(|request| {
            is_known(Some(alias), request.dir_config())
                && Route::of(request, Some(alias)).process_group.is_empty()
        })
    })
}
