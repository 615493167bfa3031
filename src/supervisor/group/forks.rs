//! Templates, and the workers that are forked of them (`spawn=fork`).

use super::Group;
use crate::supervisor::context::Context;
use crate::supervisor::events::WorkerId;
use crate::supervisor::launch::{self, Nascent};
use crate::supervisor::settings::{self, Past};
use crate::supervisor::state::Event;
use wire::ledger::Role;

impl Group {
    /// Executes a template.
    pub(super) fn start_template(
        &mut self,
        context: &Context,
        beside: bool,
        died: Option<(u32, String)>,
    ) -> Event {
        let past = Past { beside: beside || self.is_open(), died };
        let mut settings = settings::settings(context, self.live, &self.plans, past);
        settings.worker.template = true;
        let id = context.next_worker(self.live.number);
        match launch::launch(context, id, self.live, &settings) {
            Ok(process) => {
                let pid = process.pid;
                self.processes.insert(id, process);
                self.show(context, pid, Role::Template);
                Event::TemplateStarted { pid, limit: self.start_limit(context) }
            }
            Err(why) => Event::TemplateNotStarted { why },
        }
    }

    /// Has a template fork a worker for a place. `None`: it will answer.
    pub(super) fn fork(&mut self, context: &Context, place: usize, template: u32) -> Option<Event> {
        crate::groups::clear_dead(self.live);
        let past = Past { beside: self.is_open(), died: None };
        let settings = settings::settings(context, self.live, &self.plans, past);
        let id = context.next_worker(self.live.number);
        let process = self.processes.values().find(|process| process.pid == template)?;
        match Nascent::ask(context, id, self.live, &settings, (process, place)) {
            Ok(nascent) => {
                self.nascent.insert(id, nascent);
                None
            }
            Err(why) => Some(Event::StartFailed { place, why }),
        }
    }

    /// A template says that it has forked a worker.
    pub(super) fn forked(&mut self, context: &Context, template: u32, serial: u64, pid: u32) {
        let id = WorkerId { group: self.live.number, serial };
        if self.nascent.get(&id).is_none_or(|nascent| nascent.template != template) {
            return;
        }
        let Some(nascent) = self.nascent.remove(&id) else { return };
        let place = nascent.place;
        match nascent.adopt(context, pid, self.live.identity.uid) {
            Ok(process) => {
                self.processes.insert(id, process);
                self.show(context, pid, Role::Worker(place as u32));
                self.on(context, Event::Started { place, pid, limit: self.start_limit(context) });
                // What it has said until now.
                self.on_bell(context, id);
            }
            Err(why) => self.on(context, Event::StartFailed { place, why }),
        }
    }
}
