//! Whether those who need a file can reach it.

use super::pythons::{Group, apaches_user};
use super::{Findings, Site};
use crate::reach::sentence;
use pythons::{User, obstacle, unreadable};
use std::path::Path;

/// Looks at the script of each application, the working directory of each group, and the directory of the sockets.
pub fn look(site: &Site, groups: &[Group], findings: &mut Findings) {
    let apache = apaches_user(site);
    for group in groups {
        for application in &group.applications {
            let script = &application.script;
            if !script.exists() && obstacle(script, &group.user).is_none() {
                findings.error(
                    "access",
                    format!("{} is not there; correct the alias, or create it", script.display()),
                );
                continue;
            }
            let mut users = vec![&group.user];
            if group.user != apache {
                // It looks at the script for each request.
                users.push(&apache);
            }
            let closed = users.iter().find_map(|user| Some((user, unreadable(script, user)?)));
            match closed {
                Some((user, closed)) => findings.error("access", sentence(user, &closed, script)),
                None => findings.fact("access", format!("{} can read {}", names(&users), script.display())),
            }
        }
        if let Some(directory) = &group.directory {
            match obstacle(&directory.join("."), &group.user) {
                Some(what) => {
                    findings.error("access", what.or(&format!("give {} another home=", group.shown())))
                }
                None if !directory.is_dir() => findings.error(
                    "access",
                    format!("home={} of {} is not there; create it", directory.display(), group.shown()),
                ),
                None => {}
            }
        }
    }
    if groups.iter().any(|group| group.name.is_some()) {
        sockets(site, &apache, findings);
    }
}

fn sockets(site: &Site, apache: &User, findings: &mut Findings) {
    let word = |name: &str| site.conf.server(name)?.arguments.first().cloned();
    let prefix = match (word("wsgisocketprefix"), word("defaultruntimedir")) {
        (Some(prefix), _) => site.conf.path(&prefix),
        (None, Some(directory)) => site.conf.path(&directory).join("wsgi"),
        (None, None) => site.conf.path("logs/wsgi"),
    };
    let directory = prefix.parent().unwrap_or(Path::new("/")).to_path_buf();
    if !directory.is_dir() && word("wsgisocketprefix").is_none() {
        // Apache's directory for its running state, which `apache` has looked for.
        return;
    }
    if !directory.is_dir() {
        findings.error(
            "access",
            format!(
                "the directory of the sockets, {}, is not there; start Apache, which may make it, or create it",
                directory.display()
            ),
        );
        return;
    }
    match obstacle(&directory.join("."), apache) {
        Some(what) => findings.error("access", what.or("name another place with WSGISocketPrefix")),
        None => findings
            .fact("access", format!("{apache} can enter {}, where the sockets are", directory.display())),
    }
}

fn names(users: &[&User]) -> String {
    users.iter().map(|user| user.to_string()).collect::<Vec<_>>().join(" and ")
}
