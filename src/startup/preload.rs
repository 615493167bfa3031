//! Which applications start with the process: all that are known from the configuration alone.

use super::plan;
use crate::apache::{Entrance, FileKind, Pool, Server};
use crate::config::{Alias, Kind, Preload};
use crate::config::{RequestExt, ServerExt};
use crate::routing::{Route, is_known};
use std::collections::HashSet;

/// An application to start.
pub struct Candidate {
    /// Path of its script.
    pub script: &'static [u8],
    /// Name of its process group; empty: embedded mode.
    pub process_group: Vec<u8>,
    /// Name of its interpreter.
    pub group: Vec<u8>,
    /// Name of its callable.
    pub callable: Vec<u8>,
    /// How it starts, for a process of a process group.
    pub told: Option<wire::worker::Plan>,
    /// How it starts, encoded, for an Apache child.
    pub plan: &'static [u8],
    /// Whether preloading is requested explicitly, so that the budget does not apply.
    pub wanted: bool,
}

/// All applications that are known, of embedded mode and of process groups, in the order of the configuration.
pub fn candidates(pool: Pool<'static>, main: Server<'static>) -> Vec<Candidate> {
    let mut seen = HashSet::new();
    let mut candidates = Vec::new();
    for server in main.in_order() {
        let (entrances, any) = (server.entrances(), plan::entrances(server)[0]);
        let found = server.config().aliases.iter().flat_map(|alias| match alias.sample() {
            // Each port may lead to a group of its own.
            Some(url) => entrances
                .iter()
                .filter_map(|&entrance| candidate(pool, server, entrance, alias, url))
                .collect(),
            None => Vec::from_iter(fixed(server, any, alias)),
        });
        for candidate in found {
            let place = (candidate.process_group.clone(), candidate.group.clone());
            if seen.insert((place, candidate.script.to_vec())) {
                candidates.push(candidate);
            }
        }
    }
    candidates
}

/// An application that no URL is needed for.
fn fixed(server: Server<'static>, entrance: Entrance, alias: &'static Alias) -> Option<Candidate> {
    let by_server = server.dir_config().preload == Some(Preload::Off) && !matches!(alias.kind, Kind::Import);
    let off = alias.preload.map_or(by_server, |preload| !preload);
    let (process_group, group) =
        alias.fixed_groups().filter(|_| !off && !matches!(alias.kind, Kind::Files))?;
    Some(Candidate {
        script: &alias.target,
        process_group: if process_group == b"%{GLOBAL}" { Vec::new() } else { process_group.to_vec() },
        group: group.to_vec(),
        told: (process_group != b"%{GLOBAL}").then(|| plan::for_worker(server, entrance.local, Some(alias))),
        callable: alias.callable.clone().unwrap_or_else(|| b"application".to_vec()),
        plan: plan::of(server, entrance.local, Some(alias)),
        wanted: true,
    })
}

fn candidate(
    pool: Pool<'static>,
    server: Server<'static>,
    entrance: Entrance,
    alias: &'static Alias,
    url: &[u8],
) -> Option<Candidate> {
    let request = pool.synthetic_request(server, entrance, url, &alias.map(pool, url)?).ok()?;
    let config = request.dir_config();
    let both = alias.process_group.is_some() && alias.application_group.is_some();
    let wanted = match (alias.preload, config.preload.unwrap_or(Preload::Auto)) {
        (Some(false), _) | (None, Preload::Off) => return None,
        (Some(true), _) | (None, Preload::On) => true,
        (None, Preload::Auto) => both,
    };
    // A directory of scripts: which of them, only requests can tell. A script that is not there is worth a line only if
    // it was asked for.
    let there = match request.file() {
        FileKind::File => true,
        FileKind::Missing => wanted,
        FileKind::Directory => false,
    };
    if !there || !is_known(Some(alias), config) {
        return None;
    }
    let route = Route::of(request, Some(alias));
    Some(Candidate {
        script: request.filename(),
        told: (!route.process_group.is_empty())
            .then(|| plan::for_worker(server, entrance.local, Some(alias))),
        process_group: route.process_group.into_owned(),
        group: route.application_group.into_owned(),
        callable: route.callable.into_owned(),
        plan: plan::of(server, entrance.local, Some(alias)),
        wanted,
    })
}
