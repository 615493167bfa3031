//! What has happened to the processes of a group, and what they say.

use super::Group;
use crate::apache::log;
use crate::supervisor::context::Context;
use crate::supervisor::events::{Source, WorkerId};
use crate::supervisor::state::Event;
use crate::{groups, ledger};
use wire::control::Message;
use wire::scoreboard::WorkerSlot;
use wire::{Level, Origin, Slice};

impl Group {
    /// A source of one of its workers has happened.
    pub fn on_source(&mut self, context: &Context, source: Source) {
        match source {
            Source::Output(id) => match self.processes.get_mut(&id) {
                Some(process) => process.pass_on_output(),
                None => match self.nascent.get_mut(&id) {
                    Some(nascent) => nascent.pass_on_output(),
                    None => self.outputs.retain_mut(|(of, output)| *of != id || output.pass_on()),
                },
            },
            Source::Bell(id) => self.on_bell(context, id),
            Source::Ended(id) => {
                // It may have said why.
                self.on_bell(context, id);
                if let Some(pid) = self.processes.get(&id).map(|process| process.pid) {
                    self.on(context, Event::Ended { pid });
                }
            }
            Source::Remains(id, pid) => {
                if self.remains.get_mut(&id).is_some_and(|remains| !remains.are_left_without(pid)) {
                    self.remains.remove(&id);
                }
            }
            Source::Httpd | Source::Channel | Source::Alone | Source::Over | Source::Show => {}
            Source::Due(_) | Source::Queue(_) => {}
        }
    }

    /// A worker may have said something.
    pub(super) fn on_bell(&mut self, context: &Context, id: WorkerId) {
        self.nascent.get(&id).iter().for_each(|nascent| nascent.wait());
        let Some(process) = self.processes.get_mut(&id) else { return };
        let pid = process.pid;
        let (messages, more) = process.on_message();
        if more {
            context.events.repeat(Source::Bell(id));
        }
        for message in messages {
            self.on_message(context, pid, message);
        }
    }

    fn on_message(&mut self, context: &Context, pid: u32, message: Message) {
        let text = |text: Vec<u8>| wire::shown(&text).into_owned();
        let event = match message {
            Message::Log { level, record } => {
                let Ok((text, origin)) = Origin::parse(&record) else { return };
                ledger::note_failed_start(self.live.row, pid, text, &origin);
                let name = self.live.name();
                let origin = Origin { pid, group: Slice::of(name.as_bytes()), ..origin };
                return log::server(Some(context.server(self.live)), Level::of(level), text, origin);
            }
            Message::Ready { failed } if self.state.is_starting(pid) => {
                groups::clear_dead(self.live);
                let open = self.live.slots.iter().filter(|slot| slot.is_open());
                Event::Ready { pid, failed, others: open.map(WorkerSlot::failed).min() }
            }
            Message::Forked { serial, pid: worker } => return self.forked(context, pid, serial, worker),
            Message::Unforkable(why) => Event::Unforkable { pid, why: one_line(&why).unwrap_or_default() },
            Message::Failed(why) => Event::GaveUp { pid, why: text(why) },
            Message::Ends(words) => Event::Ends { pid, words: one_line(&words) },
            Message::Starts(script) => Event::Starts { pid, script: one_line(&script) },
            Message::Replace { reason, text: why } => Event::ReplaceAsked { pid, reason, text: text(why) },
            Message::Show if self.live.group.server_metrics => {
                return context.show.iter().for_each(|show| show.ask(&context.events));
            }
            Message::Watch(files) => Event::Watch { pid, files },
            _ => return,
        };
        self.on(context, event);
    }
}

/// Any code of the process may have said it: the log gets one line of it, and not a long one.
fn one_line(text: &[u8]) -> Option<String> {
    const LONGEST: usize = 400;
    let text = wire::shown(text);
    let line: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    Some(line).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_process_are_one_line() {
        assert_eq!(one_line(b"a\nb\x1b"), Some("a b ".into()));
        assert_eq!(one_line(b""), None);
        assert_eq!(one_line(&[b'x'; 500]).map(|line| line.len()), Some(400));
    }
}
