//! What is left when a process has ended: its output, its place in the scoreboard, and what it has started.

use super::Group;
use crate::supervisor::context::Context;
use crate::supervisor::events::WorkerId;
use crate::supervisor::output::Output;
use crate::supervisor::session::{self, Remains};
use crate::supervisor::state::{End, Event, Line};
use std::sync::atomic::Ordering;
use wire::scoreboard::{RequestRecord, Seen};

/// Of so many processes that have ended a group keeps the output open, for copies that live on.
const MOST_OUTPUTS: usize = 64;
/// Requests that a process had when it died, and that are named.
const MOST_NAMED: usize = 3;
/// Processes that are known to have left something behind, at most.
const MOST_REMAINS: usize = 64;

impl Group {
    /// Reaps a process that has ended, and takes care of what it leaves.
    pub(super) fn reap(&mut self, context: &Context, pid: u32) -> Option<Event> {
        let id = self.id_of(pid)?;
        let mut process = self.processes.remove(&id)?;
        self.nascent.retain(|_, nascent| nascent.template != pid);
        context.children.borrow_mut().remove(&pid);
        self.hide(pid);
        let end = os::reap(pid).map(|(status, memory)| {
            self.keep_output(id, process.output.take());
            let (mut claimed, mut requests) = (0, Vec::new());
            let slots = self.live.slots.iter().enumerate();
            for (at, slot) in slots.filter(|(_, slot)| slot.pid.load(Ordering::SeqCst) == pid) {
                claimed += slot.claimed();
                requests.extend(self.requests(at));
                slot.clear_dead(pid);
            }
            End { status, memory, claimed, requests }
        });
        Some(Event::Died { pid, end, open: self.is_open() })
    }

    /// What the oldest requests are called that the worker of this slot has.
    fn requests(&self, slot: usize) -> Vec<String> {
        let records = self.live.board.records(slot).iter().take(self.live.threads() as usize);
        let mut seen: Vec<Seen> =
            records.filter(|record| record.is_busy()).filter_map(RequestRecord::read).collect();
        seen.sort_by_key(|seen| seen.taken);
        seen.truncate(MOST_NAMED);
        seen.iter().map(|seen| format!("{} {}, id {}", seen.method, seen.path, seen.id)).collect()
    }

    fn id_of(&self, pid: u32) -> Option<WorkerId> {
        self.processes.iter().find(|(_, process)| process.pid == pid).map(|(id, _)| *id)
    }

    /// What a process that has ended had to say goes into the log; copies of it may have more.
    fn keep_output(&mut self, id: WorkerId, output: Option<Output>) {
        let Some(mut output) = output else { return };
        if output.pass_on_last() {
            self.outputs.push((id, output));
            let more = self.outputs.len().saturating_sub(MOST_OUTPUTS);
            self.outputs.drain(..more);
        }
    }

    pub(super) fn remember_session(&mut self, context: &Context, pid: u32) {
        let Some(id) = self.id_of(pid).filter(|_| self.remains.len() < MOST_REMAINS) else { return };
        if let Some(remains) = Remains::of(id, pid, &context.sessions, &context.events) {
            self.remains.insert(id, remains);
        }
    }

    /// Ends what its processes have left behind.
    pub(super) fn end_remains(&mut self, context: &Context) {
        let count = std::mem::take(&mut self.remains).values().map(Remains::kill).sum();
        self.say_killed(context, count);
    }

    pub(super) fn say_killed(&self, context: &Context, count: usize) {
        if count > 0 {
            self.log(context, &Line::LeftBehind(count));
        }
    }

    /// Ends what is left.
    pub fn kill_all(&mut self, context: &Context) {
        self.on(context, Event::Over);
        let count = self.processes.values().map(|process| session::kill(process.pid)).sum();
        self.say_killed(context, count);
        self.end_remains(context);
        let outputs = self.processes.values_mut().filter_map(|process| process.output.as_mut());
        for output in outputs.chain(self.outputs.iter_mut().map(|(_, output)| output)) {
            output.pass_on_last();
        }
    }
}
