//! What the ledger shows of a group: its processes, why they were replaced, and what has gone wrong. It is written here, and
//! nothing is decided by what stands there.

use super::Group;
use crate::apache;
use crate::ledger;
use crate::supervisor::context::Context;
use crate::supervisor::death;
use crate::supervisor::state::{Line, Stage};
use std::collections::{BTreeMap, BTreeSet};
use wire::ledger::{Process, Role};

/// What is shown of the processes that this supervisor has.
#[derive(Default)]
pub struct Shown {
    processes: BTreeMap<u32, (Role, Option<&'static Process>)>,
    /// The one that has ended last.
    last: Option<(u32, Role)>,
    /// Places at which it has started one.
    places: BTreeSet<u32>,
}

impl Shown {
    fn role(&self, pid: u32) -> Option<Role> {
        let running = self.processes.get(&pid).map(|(role, _)| *role);
        running.or(self.last.filter(|(last, _)| *last == pid).map(|(_, role)| role))
    }
}

impl Group {
    /// A process was started.
    pub(super) fn show(&mut self, context: &Context, pid: u32, role: Role) {
        let Some(row) = ledger::row(self.live.row) else { return };
        let process = row.process(pid, |other| !os::is_alive(other));
        process.iter().for_each(|process| process.begin(role, context.serial, os::monotonic()));
        self.shown.processes.insert(pid, (role, process));
        if let Role::Worker(at) = role
            && let Some(place) = row.places.get(at as usize)
        {
            if self.shown.places.insert(at) && place.is_open() {
                place.end(b"Apache was restarted", apache::now());
            }
            place.start();
        }
    }

    /// A process has ended.
    pub(super) fn hide(&mut self, pid: u32) {
        if let Some((role, process)) = self.shown.processes.remove(&pid) {
            process.iter().for_each(|process| process.end(pid));
            self.shown.last = Some((pid, role));
        }
    }

    /// The log says something about the group, in this text.
    pub(super) fn note(&self, line: &Line, text: &str) {
        let replaced = match line {
            Line::Replacing { pid, reason, text } => Some((*pid, format!("{}: {text}", reason.name()))),
            // One that finishes its requests has been replaced.
            Line::Died(death) if death.stage != Stage::Draining => {
                Some((death.pid, format!("died unexpectedly: {}", death::how(death.status))))
            }
            _ => None,
        };
        if let Some((pid, reason)) = replaced
            && let Some(Role::Worker(at)) = self.shown.role(pid)
            && let Some(place) = ledger::row(self.live.row).and_then(|row| row.places.get(at as usize))
        {
            place.end(reason.as_bytes(), apache::now());
        }
        if let Line::Shrinks { pid, .. } = line
            && let Some(Role::Worker(at)) = self.shown.role(*pid)
            && let Some(place) = ledger::row(self.live.row).and_then(|row| row.places.get(at as usize))
        {
            place.close();
        }
        let is_usual = matches!(
            line,
            Line::Started(_) | Line::Serves { .. } | Line::TemplateStarted(_) | Line::TemplateReady { .. }
        );
        if !is_usual {
            ledger::note(self.live.row, line.message(), std::process::id(), text.as_bytes());
        }
    }
}
