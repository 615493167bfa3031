//! A worker that a template forks (`spawn=fork`): what it gets of its own, and the proof that it is what it was asked for.
//!
//! The template is the group's user, as a worker is, so what it says is believed as far as it can be checked: the process that it
//! names must be a child of the supervisor, of the group's user, and nobody that is known already.

use super::failed;
use crate::groups::ProcessGroup;
use crate::questions::{self, Name};
use crate::supervisor::context::Context;
use crate::supervisor::events::{Source, WorkerId};
use crate::supervisor::output::Output;
use crate::supervisor::process::Process;
use crate::supervisor::voice::Voice;
use std::os::fd::{AsFd, OwnedFd};
use wire::control::Message;
use wire::worker::{Settings, descriptor};

/// A worker that a template was asked for.
pub struct Nascent {
    id: WorkerId,
    /// Pid of the template.
    pub template: u32,
    /// Index of the place that it is for.
    pub place: usize,
    control: OwnedFd,
    voice: Voice,
    output: Option<Output>,
    desk: Option<Name>,
}

impl Nascent {
    /// Has a template fork a worker for a place.
    pub fn ask(
        context: &Context,
        id: WorkerId,
        live: &'static ProcessGroup,
        settings: &Settings,
        (template, place): (&Process, usize),
    ) -> Result<Self, String> {
        let events = &context.events;
        let (ours, theirs) = os::one_way().map_err(failed("socketpair"))?;
        let (voice, memory) = Voice::new(events, Source::Bell(id)).map_err(failed("memfd or eventfd"))?;
        let file = os::memory(c"mod_wsgi settings", &settings.bytes()).map_err(failed("memfd"))?;
        let board = context.registries.of(live.identity.uid).map_err(failed("start registry"))?;
        let log = context.server(live).log_descriptor().unwrap_or(2);
        let (output, written) = Output::new(log, events, Source::Output(id)).map_err(failed("pipe"))?;
        let (desk, name) = questions::for_worker(context.serial, id.serial).unzip();
        let desk = desk.map_or_else(|| std::fs::File::open("/dev/null").map(OwnedFd::from), Ok);
        let desk = desk.map_err(failed("/dev/null"))?;
        let files = descriptor::FORKED.map(|number| match number {
            descriptor::SETTINGS => file.as_fd(),
            descriptor::CONTROL => theirs.as_fd(),
            descriptor::REGISTRY => board.as_fd(),
            descriptor::VOICE => memory.as_fd(),
            descriptor::BELL => voice.bell_file(),
            descriptor::DESK => desk.as_fd(),
            _ => written.as_fd(),
        });
        let asked = template.tell_with(&Message::Fork { serial: id.serial }, &files);
        asked.map_err(|error| format!("its template (pid {}) cannot be asked: {error}", template.pid))?;
        Ok(Self { id, template: template.pid, place, control: ours, voice, output: Some(output), desk: name })
    }

    /// It was forked and has this pid, says its template.
    pub fn adopt(mut self, context: &Context, pid: u32, uid: u32) -> Result<Process, String> {
        if pid == 0 {
            return Err(format!("its template (pid {}) cannot fork", self.template));
        }
        // A child that nobody has reaped keeps its number.
        let is_ours = os::is_child(pid) && !context.children.borrow().contains(&pid);
        if !is_ours || (os::user_of(pid) != Some(uid) && os::unistd::geteuid().is_root()) {
            return Err(format!(
                "its template (pid {}) names a process that it has not forked ({pid})",
                self.template
            ));
        }
        let ended =
            os::process(pid).and_then(|process| context.events.watch(process, Source::Ended(self.id)));
        let ended = ended.map_err(failed("pidfd_open"))?;
        context.children.borrow_mut().insert(pid);
        self.desk.iter_mut().for_each(|name| name.give_to(pid));
        Ok(Process::new(pid, ended, self.control, self.voice, (self.output, self.desk)))
    }

    /// It has rung the bell before its template has said who it is: it is heard then.
    pub fn wait(&self) {
        self.voice.silence();
    }

    /// Writes what it has written into the log.
    pub fn pass_on_output(&mut self) {
        self.output.take_if(|output| !output.pass_on());
    }
}
