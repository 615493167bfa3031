//! Which virtual hosts may use a process group: a group of the main server is for all, a group of a virtual host for
//! those with its ServerName.

use super::super::ServerConfig;
use super::super::table::Place;
use super::group::{Elsewhere, GroupOptions};
use crate::apache::Server;
use crate::config::ServerExt;
use std::sync::Arc;
use wire::message;

/// All groups of a configuration, each with the server that defines it, in the order of their definitions.
pub fn all<'c>(main: Server<'c>) -> Vec<(&'c Arc<GroupOptions>, Server<'c>)> {
    let of = |server: Server<'c>| {
        let config: &'c ServerConfig = server.config();
        config.groups.iter().map(move |group| (group, server))
    };
    let mut groups: Vec<_> = main.in_order().into_iter().flat_map(of).collect();
    groups.sort_by_key(|(group, _)| group.id);
    // A virtual host without a directive of ours shares the main server's configuration, which comes first; and one may
    // define a group again.
    groups.dedup_by_key(|(group, _)| group.id);
    groups
}

/// A name stands for one group. It may be defined again, with the same options, by virtual hosts of the ServerName of the
/// first that did: they are one site, as certbot copies one for HTTPS, and the group is one, which is noted. `group` becomes that one.
pub(super) fn only_definition(
    place: &mut Place<'_>,
    elsewhere: &[Elsewhere],
    group: &mut GroupOptions,
) -> Result<(), String> {
    if let Some(here) = place.server.groups.iter().find(|known| known.name == group.name) {
        return Err(duplicate(group, here, UNIQUE));
    }
    let Some(there) = elsewhere.iter().find(|known| known.group.name == group.name) else { return Ok(()) };
    let first = &there.group;
    let Some(user) = place.httpd.virtual_host() else {
        return Err(duplicate(group, first, UNIQUE));
    };
    // A ServerName below is seen by `misplaced`.
    let one_site =
        there.host.as_ref().is_some_and(|owner| *owner == user || owner.is_empty() || user.is_empty());
    if !one_site {
        return Err(duplicate(group, first, ONE_SITE));
    }
    let again = GroupOptions {
        id: first.id,
        location: first.location.clone(),
        typed: first.typed.clone(),
        ..group.clone()
    };
    if again != **first {
        let rule = format!("{SAME_OPTIONS}; {}", difference(first, group));
        return Err(duplicate(group, first, &rule));
    }
    group.id = first.id;
    let text = format!(
        "{}: process group '{}' is defined again, with the options of {}: the virtual hosts share its processes",
        group.location,
        wire::shown(&group.name),
        first.location
    );
    place.server.notices.push((message::GROUP_SHARED, text));
    Ok(())
}

/// Why the first definition that is no second one of its site cannot stand, once the whole configuration is read.
pub fn misplaced(main: Server<'_>) -> Option<String> {
    let owners = all(main);
    let wrong = |server: Server<'_>| {
        server.config().groups.iter().find_map(|group| {
            let (first, owner) = owners.iter().find(|(first, _)| first.id == group.id)?;
            let again = !Arc::ptr_eq(first, group) && owner.name() != server.name();
            again.then(|| format!("{}: {}", group.location, duplicate(group, first, ONE_SITE)))
        })
    };
    main.all().find_map(wrong)
}

const UNIQUE: &str = "names must be unique in the whole server, across all virtual hosts";
const ONE_SITE: &str = "names must be unique in the whole server; only virtual hosts with the same ServerName may define the same group";
const SAME_OPTIONS: &str = "another virtual host with the same ServerName must give the same options";

/// The first option in which two definitions differ, as they were typed.
fn difference(first: &GroupOptions, again: &GroupOptions) -> String {
    let mut names = first.typed.keys().chain(again.typed.keys());
    let name = names.find(|name| first.typed.get(*name) != again.typed.get(*name));
    let shown = |group: &GroupOptions, name: &str| match group.typed.get(name) {
        Some(value) => format!("{name}={value}"),
        None => format!("no {name}="),
    };
    name.map_or_else(String::new, |name| {
        format!("there is {} there and {} here", shown(first, name), shown(again, name))
    })
}

fn duplicate(group: &GroupOptions, first: &GroupOptions, rule: &str) -> String {
    format!(
        "Name duplicates previous WSGI daemon definition. '{}' is defined at {}: {rule}",
        wire::shown(&group.name),
        first.location
    )
}

/// Requests of `user` may use the groups that `owner` defines, once the whole configuration is read.
pub fn reaches(owner: Server<'_>, user: Server<'_>) -> bool {
    !owner.is_virtual() || owner.raw() == user.raw() || owner.name() == user.name()
}

/// A process group is named for something that is loaded when a process starts: it must be defined above, where this
/// server may use it. Only servers read so far are known, and only what they say so far.
pub fn require(place: &Place<'_>, name: &[u8]) -> Result<(), String> {
    if name == b"%{GLOBAL}" || place.server.groups.iter().any(|group| group.name == name) {
        return Ok(());
    }
    let text = wire::shown(name);
    let elsewhere = place.httpd.groups_elsewhere();
    let user = place.httpd.server_name();
    let mut definitions = elsewhere.iter().filter(|there| there.group.name == name);
    if definitions.clone().any(|there| there.host.as_ref().is_none_or(|owner| *owner == user)) {
        return Ok(());
    }
    let Some(Elsewhere { group, host: Some(owner) }) = definitions.next() else {
        return Err(format!(
            "WSGI process group not yet configured. There is no WSGIDaemonProcess '{text}' above this line: define it \
             there, or use %{{GLOBAL}} for embedded mode"
        ));
    };
    let there = &group.location;
    if owner.is_empty() || user.is_empty() {
        Err(format!(
            "WSGI process group not matchable. '{text}' is defined in a virtual host, at {there}, and only virtual hosts \
             with the same ServerName can use it; put ServerName above this line, in both"
        ))
    } else {
        let (owner, user) = (wire::shown(owner), wire::shown(&user));
        Err(format!(
            "WSGI process group not accessible. '{text}' is defined at {there}, for the ServerName '{owner}', and this host \
             is '{user}': define it outside virtual hosts to share it"
        ))
    }
}
