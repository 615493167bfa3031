//! Who may use which process group: one of the main server is everybody's, one of a virtual host is for those of its
//! ServerName.

use super::super::ServerConfig;
use super::super::table::Place;
use super::Group;
use crate::apache::Server;
use std::sync::Arc;

/// A group that another server than the one being read defines.
#[derive(Clone)]
pub struct Elsewhere {
    /// It.
    pub group: Arc<Group>,
    /// The ServerName of the virtual host that defines it, empty if it has none yet; `None`: the main server.
    pub host: Option<Vec<u8>>,
}

/// All groups of a configuration, each with the server that defines it, in the order of their definitions.
pub fn all<'c>(main: Server<'c>) -> Vec<(&'c Arc<Group>, Server<'c>)> {
    let of = |server: Server<'c>| {
        let config: &'c ServerConfig = server.config();
        config.groups.iter().map(move |group| (group, server))
    };
    let mut groups: Vec<_> = main.all().flat_map(of).collect();
    groups.sort_by_key(|(group, _)| group.id);
    // A virtual host without a directive of ours shares the main server's configuration, which comes first.
    groups.dedup_by_key(|(group, _)| group.id);
    groups
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
    let text = String::from_utf8_lossy(name);
    let elsewhere = place.httpd.groups_elsewhere();
    let Some(found) = elsewhere.iter().find(|there| there.group.name == name) else {
        return Err(format!(
            "WSGI process group not yet configured. There is no WSGIDaemonProcess '{text}' above this line: define it \
             there, or use %{{GLOBAL}} for embedded mode"
        ));
    };
    let (Some(owner), user) = (&found.host, place.httpd.server_name()) else { return Ok(()) };
    let there = &found.group.location;
    if *owner == user {
        Ok(())
    } else if owner.is_empty() || user.is_empty() {
        Err(format!(
            "WSGI process group not matchable. '{text}' is defined in a virtual host, at {there}, and can be used by those \
             of its ServerName; put ServerName above this line, in both"
        ))
    } else {
        let (owner, user) = (String::from_utf8_lossy(owner), String::from_utf8_lossy(&user));
        Err(format!(
            "WSGI process group not accessible. '{text}' is defined at {there}, for the ServerName '{owner}', and this is \
             '{user}': define it outside of virtual hosts to share it"
        ))
    }
}
