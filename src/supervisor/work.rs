//! The supervisor's work: what happens goes to the groups, until all of them are over.

use super::context::Context;
use super::events::{Source, Watched};
use super::group::Group;
use super::session::Sessions;
use super::state::Event;
use super::window::Show;
use crate::apache::log;
use crate::groups;
use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};
use wire::control::Message;
use wire::message as msg;

/// How long httpd may take from the end of a configuration to the LoadModule of the next one, if that has it: it reads files
/// meanwhile, and does nothing else.
const RELOAD: Duration = Duration::from_secs(10);
/// When httpd has gone, everything is over after this.
const HURRY: Duration = Duration::from_millis(1400);
/// Of that, processes have so much.
const FOR_PROCESSES: Duration = Duration::from_millis(900);

/// A supervisor.
pub struct Supervisor {
    context: Context,
    channel: Watched<OwnedFd>,
    groups: Vec<Group>,
    /// Groups to which something has happened.
    touched: BTreeSet<usize>,
    /// The groups that may not be over yet, for the end to wait for the last one of them.
    awaited: Vec<usize>,
    /// Groups that a later supervisor has.
    taken: Vec<u64>,
    /// Whether a later supervisor has named its groups; or the module is gone, and no later one will come.
    superseded: bool,
    /// The module has left httpd's parent: when it is taken to be gone.
    alone: Option<Instant>,
    /// Files of all sockets that httpd's parent keeps.
    paths: Vec<Vec<u8>>,
    /// Everything ends: when at the latest.
    ending: Option<Instant>,
}

impl Supervisor {
    /// One for these groups, which it hears about by the channel.
    pub fn new(context: Context, channel: Watched<OwnedFd>, groups: Vec<Group>, paths: Vec<Vec<u8>>) -> Self {
        let all = 0..groups.len();
        Self {
            context,
            channel,
            groups,
            touched: all.clone().collect(),
            awaited: all.collect(),
            taken: Vec::new(),
            superseded: false,
            alone: None,
            paths,
            ending: None,
        }
    }

    /// Works until the end.
    pub fn work(&mut self) -> ! {
        let text = format!("supervisor {} of {} process groups", std::process::id(), self.groups.len());
        log::server_message(Some(self.context.main), msg::SUPERVISOR_STARTED, text);
        for group in &self.groups {
            self.context.send_to_predecessors(&Message::Has(group.live.key));
        }
        self.context.send_to_predecessors(&Message::Complete);
        loop {
            for index in std::mem::take(&mut self.touched) {
                self.groups[index].tick(&self.context);
            }
            if self.may_end(Instant::now()) {
                self.end();
            }
            let happened = self.context.events.wait();
            // Those that have ended by now: what is listed from now on is all that they have left.
            self.context.sessions = Sessions::default();
            happened.into_iter().for_each(|source| self.on_source(source));
        }
    }

    fn on_source(&mut self, source: Source) {
        match source {
            Source::Httpd => self.on_httpd_end(),
            Source::Channel => self.on_message(),
            Source::Alone => {
                // It may have come back just now.
                if self.alone.is_some_and(|until| until <= Instant::now()) {
                    self.supersede();
                }
            }
            // Whether it may end is looked at after all that happens.
            Source::Over => {}
            Source::Show => self.context.show.iter().for_each(Show::show),
            Source::Due(index) => {
                self.touched.insert(index);
            }
            Source::Queue(index) => {
                self.groups[index].on(&self.context, Event::Rung);
                self.touched.insert(index);
            }
            // Nothing is decided about what goes into the log.
            Source::Output(id) => self.groups[id.group].on_source(&self.context, source),
            Source::Bell(id) | Source::Ended(id) | Source::Remains(id, _) => {
                self.groups[id.group].on_source(&self.context, source);
                self.touched.insert(id.group);
                if matches!(source, Source::Ended(_)) {
                    // Children that processes have made for the supervisor (CLONE_PARENT), unasked.
                    let known = self.context.children.borrow();
                    os::reap_strangers(|pid| known.contains(&pid));
                }
            }
        }
    }

    fn on_httpd_end(&mut self) {
        self.context.httpd.ignore();
        if self.ending.is_none_or(|until| until > Instant::now() + HURRY) {
            self.stop(HURRY, Some(FOR_PROCESSES));
        }
    }

    /// Messages of httpd's parent, and of later supervisors.
    fn on_message(&mut self) {
        let mut bytes = Vec::new();
        while os::receive_datagram(self.channel.as_raw_fd(), wire::control::LONGEST, &mut bytes).is_ok() {
            if bytes.is_empty() {
                // Everybody has closed it.
                self.channel.ignore();
                return;
            }
            match Message::parse(&bytes) {
                Ok(Message::Has(key)) => {
                    self.taken.push(key);
                    // Of a service there is one: it ends here before it is started there.
                    self.leave(|group| group.live.key == key && group.live.threads() == 0);
                }
                Ok(Message::Complete) => self.supersede(),
                Ok(Message::Leaving) => self.set_alone(Some(Instant::now() + RELOAD)),
                Ok(Message::Back) => self.set_alone(None),
                Ok(Message::Served(key)) => self.leave(|group| group.live.key == key),
                Ok(Message::Stop) => self.stop(groups::longest_shutdown() + HURRY, None),
                _ => {}
            }
        }
    }

    fn set_alone(&mut self, until: Option<Instant>) {
        self.alone = until;
        self.context.events.wake_at(Source::Alone, until);
    }

    /// A later supervisor has these groups.
    fn leave(&mut self, which: impl Fn(&Group) -> bool) {
        self.each(|group| which(group).then_some(Event::Leave));
    }

    /// The event that each group gets, if any.
    fn each(&mut self, event: impl Fn(&Group) -> Option<Event>) {
        for (index, group) in self.groups.iter_mut().enumerate() {
            if let Some(event) = event(group) {
                group.on(&self.context, event);
                self.touched.insert(index);
            }
        }
    }

    /// What no later supervisor has ends. A group that it has and that has no processes here has nothing to wait for: where
    /// its python cannot be used, no later process will say that it serves.
    fn supersede(&mut self) {
        self.superseded = true;
        self.set_alone(None);
        let taken = std::mem::take(&mut self.taken);
        self.each(|group| {
            if !taken.contains(&group.live.key) {
                Some(Event::EndForGood)
            } else {
                group.live.python.is_err().then_some(Event::Leave)
            }
        });
    }

    /// Everything ends `within` that time; with a `limit`, processes at once.
    fn stop(&mut self, within: Duration, limit: Option<Duration>) {
        self.ending = Some(Instant::now() + within);
        self.context.events.wake_at(Source::Over, self.ending);
        self.each(|_| Some(Event::Stop { limit }));
    }

    fn may_end(&mut self, now: Instant) -> bool {
        // Where all groups are a later supervisor's, what processes have left behind is ended with the server, from here.
        if self.ending.is_none() && !self.superseded {
            return false;
        }
        // What is over stays so.
        while self.awaited.last().is_some_and(|index| self.groups[*index].is_over()) {
            self.awaited.pop();
        }
        self.awaited.is_empty() || self.ending.is_some_and(|until| now >= until)
    }

    fn end(&mut self) -> ! {
        for group in &mut self.groups {
            group.kill_all(&self.context);
        }
        if self.ending.is_some() {
            for path in &self.paths {
                use std::os::unix::ffi::OsStrExt;
                let _ = std::fs::remove_file(std::ffi::OsStr::from_bytes(path));
            }
            crate::questions::remove(|| None);
        }
        os::end(0)
    }
}
