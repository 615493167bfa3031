//! Aliases that never get a request.

use super::lines::Finding;
use crate::apache::Server;
use crate::config::{Alias, ServerExt, Url};
use std::sync::Arc;
use wire::message as msg;

/// Aliases all of whose URLs an earlier alias of the same server has.
pub fn shadowed(main: Server<'_>) -> Vec<Finding> {
    let mains = &main.config().aliases;
    let mut findings = Vec::new();
    for server in main.in_order() {
        let is_mains = |alias: &Arc<Alias>| mains.iter().any(|other| Arc::ptr_eq(alias, other));
        let own = server.config().aliases.iter().filter(|alias| !server.is_virtual() || !is_mains(alias));
        let own: Vec<&Arc<Alias>> = own.collect();
        for (at, alias) in own.iter().enumerate() {
            let Url::Prefix(url) = &alias.url else { continue };
            let Some((earlier, other)) = own[..at].iter().find_map(|earlier| match &earlier.url {
                Url::Prefix(other) if earlier.covers(url) => Some((earlier, other)),
                _ => None,
            }) else {
                continue;
            };
            let (url, other) = (wire::shown(url), wire::shown(other));
            let remedy = if alias.covers(other.as_bytes()) {
                "remove one of them".to_owned()
            } else {
                format!("put it above the line of '{other}'")
            };
            let text = format!(
                "{}: '{url}' never gets a request, because '{other}' at {} matches its URLs first: {remedy}",
                alias.location, earlier.location
            );
            findings.push((msg::SHADOWED_ALIAS, text));
        }
    }
    findings
}
