//! Where each application runs, as far as the configuration alone says it.

use crate::apache::{FileKind, Pool, Server};
use crate::config::{Alias, Kind, RequestExt, ServerExt};
use crate::routing::{Route, is_known};
use crate::{config::daemon, groups, python};
use pythons::User;

/// An application, and where it runs.
pub struct Place<'c> {
    /// Its alias.
    pub alias: &'c Alias,
    /// Its script.
    pub script: Vec<u8>,
    /// Its process group; empty: Apache's children.
    pub process_group: Vec<u8>,
    /// Its interpreter.
    pub application_group: Vec<u8>,
    /// Whom it runs as.
    pub user: User,
}

/// All applications whose place is known, a place for each alias. Those in a group with a root of its own are left out: what is
/// there is not looked at.
pub fn all<'p>(pool: Pool<'p>, main: Server<'p>) -> Vec<Place<'p>> {
    let defined = daemon::all(main);
    let place = |server: Server<'p>, alias: &'p Alias| {
        let url = alias.sample()?;
        let entrance = *server.entrances().first()?;
        let file = alias.map(pool, url)?;
        let request = pool.synthetic_request(server, entrance, url, &file).ok()?;
        let known =
            is_known(Some(alias), request.dir_config()) && request.dir_config().dispatch_script.is_none();
        if !known || request.file() == FileKind::Directory || matches!(alias.kind, Kind::Files) {
            return None;
        }
        let route = Route::of(request, Some(alias));
        let (process_group, application_group) =
            (route.process_group.into_owned(), route.application_group.into_owned());
        let user = if process_group.is_empty() {
            python::apache_user()
        } else {
            let (group, _) = defined.iter().find(|(group, _)| group.name == process_group)?;
            if group.chroot.is_some() {
                return None;
            }
            let account = groups::identity(group);
            User { uid: account.uid, gid: account.gid, name: account.name }
        };
        Some(Place { alias, script: request.filename().to_vec(), process_group, application_group, user })
    };
    let of =
        |server: Server<'p>| server.config().aliases.iter().filter_map(move |alias| place(server, alias));
    main.in_order().into_iter().flat_map(of).collect()
}
