//! Process groups that nothing selects, and those that are named where they cannot be used.

use super::lines::{Finding, Lines, section_name};
use crate::apache::Server;
use crate::config::daemon;
use wire::message as msg;

/// A name that says nothing about the request, and is none of embedded mode.
fn is_plain(name: &[u8]) -> bool {
    !name.is_empty() && !name.starts_with(b"%{")
}

/// Groups that no directive selects, or only one in a section that applies to nothing.
pub fn unused(main: Server<'_>, lines: &Lines<'_>) -> Vec<Finding> {
    let by_request = |name: &Vec<u8>| name.starts_with(b"%{") && name != b"%{GLOBAL}";
    if lines.have("WSGIDispatchScript") || lines.iter().any(|line| line.groups().iter().any(by_request)) {
        return Vec::new();
    }
    let finding = |group: &daemon::GroupOptions| {
        let name = wire::shown(&group.name);
        let mut selecting = lines.iter().filter(|line| line.groups().contains(&group.name)).peekable();
        let Some(first) = selecting.peek() else {
            let remedy = if group.threads == 0 {
                format!("add WSGIImportScript with process-group={name}")
            } else {
                format!("add process-group={name} to the WSGIScriptAlias of its application")
            };
            return Some(format!(
                "{}: nothing selects process group '{name}', so its processes do nothing: {remedy}, or remove this line",
                group.location
            ));
        };
        let section = first.dead?;
        if selecting.any(|line| line.dead.is_none()) {
            return None;
        }
        let kind = wire::shown(section.name()).trim_start_matches('<').to_owned();
        let path = section_name(section);
        let path = wire::shown(&path);
        let remedy = if section.is(b"<Location") {
            format!("write /{path}")
        } else {
            "write the whole path, which begins with /".to_owned()
        };
        Some(format!(
            "{}: <{kind} {path}> applies to nothing, so nothing selects process group '{name}' ({}), and its application runs \
             elsewhere: {remedy}",
            section.location(),
            group.location
        ))
    };
    let groups = daemon::all(main);
    groups.into_iter().filter_map(|(group, _)| Some((msg::UNUSED_GROUP, finding(group)?))).collect()
}

/// Directives that name a group which does not exist, or which their virtual host may not use.
pub fn out_of_reach(main: Server<'_>, lines: &Lines<'_>) -> Vec<Finding> {
    let groups = daemon::all(main);
    let servers = main.in_order();
    let mut findings = Vec::new();
    for line in lines.iter().filter(|line| line.dead.is_none()) {
        for name in line.groups().iter().filter(|name| is_plain(name)) {
            let (place, shown) = (line.node.location(), wire::shown(name));
            let Some((group, owner)) = groups.iter().find(|(group, _)| group.name == *name) else {
                let text = format!(
                    "{place}: there is no WSGIDaemonProcess '{shown}', so requests get 500: correct the name, or define the group"
                );
                findings.push((msg::GROUP_OUT_OF_REACH, text));
                continue;
            };
            // What stands outside of all virtual hosts is for those that may use it.
            let user =
                servers.iter().find(|server| line.host == Some(server.defined_at()) && server.is_virtual());
            let Some(user) = user.filter(|user| !daemon::reaches(*owner, **user)) else { continue };
            let text = format!(
                "{place}: process group '{shown}' is defined in another virtual host, at {}, for the ServerName '{}'; this one is '{}', \
                 so its requests get 500: define the group outside of virtual hosts",
                group.location,
                wire::shown(owner.name()),
                wire::shown(user.name())
            );
            findings.push((msg::GROUP_OUT_OF_REACH, text));
        }
    }
    findings
}
