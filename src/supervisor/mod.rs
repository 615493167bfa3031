//! The supervisor: a process of its own, one for each configuration, that starts the processes of the groups, replaces
//! them one after another, and knows their fate. It runs no user code, and reacts at once: it sleeps on descriptors.
//!
//! It is a copy of httpd's parent, with that one's rights, so it never acts upon what processes of groups could have
//! written other than by their messages, and these may only ask for what costs nobody else anything.
#![deny(unsafe_code)]

mod death;
mod group;
mod launch;
mod output;
mod process;
mod registries;
mod session;
mod settings;
mod voice;

use crate::apache::{Server, log, mpm};
use crate::groups::{self, ProcessGroup};
use group::Group;
use registries::Registries;
use session::Sessions;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
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

/// What all parts of the supervisor know.
pub struct Context {
    /// The main server.
    pub main: Server<'static>,
    /// Number of this supervisor.
    pub serial: u64,
    /// The engine, open since this process began: an upgrade on disk never mixes versions.
    pub engine: OwnedFd,
    /// Pidfd of httpd's parent.
    pub httpd: OwnedFd,
    /// Channels of supervisors of earlier configurations.
    pub predecessors: Vec<RawFd>,
    /// Start registries of its processes.
    pub registries: Registries,
    /// What processes that have ended may have left behind.
    pub sessions: Sessions,
}

impl Context {
    /// Says something to earlier supervisors.
    pub fn send_to_predecessors(&self, message: &Message) {
        for channel in &self.predecessors {
            let _ = os::send_datagram(*channel, &message.bytes());
        }
    }

    /// The server whose log a group's lines go to.
    pub fn server(&self, live: &ProcessGroup) -> Server<'static> {
        self.main.all().nth(live.server).unwrap_or(self.main)
    }
}

struct Supervisor {
    context: Context,
    channel: OwnedFd,
    groups: Vec<Group>,
    /// Groups that a later supervisor has.
    taken: Vec<u64>,
    /// Whether a later supervisor has named its groups; or the module is gone, and no later one will come.
    superseded: bool,
    /// The module has left httpd's parent: when it is taken to be gone.
    alone: Option<Instant>,
    /// httpd's parent holds the other end of the channel.
    is_heard: bool,
    /// Files of all sockets that httpd's parent keeps.
    paths: Vec<Vec<u8>>,
    /// Everything ends: when at the latest.
    ending: Option<Instant>,
}

/// What the process does that `start` has forked.
pub fn run(
    main: Server<'static>,
    serial: u64,
    channel: OwnedFd,
    predecessors: Vec<RawFd>,
    paths: Vec<Vec<u8>>,
) -> ! {
    let httpd_pid = os::parent();
    os::become_supervisor();
    mpm::close_listeners();
    crate::startup::registry::leave();
    let begun = || -> Result<Supervisor, String> {
        let httpd = os::process(httpd_pid).map_err(|e| format!("httpd's parent: {e}"))?;
        let file = crate::process::engine_file();
        let engine = std::fs::File::open(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let context = Context {
            main,
            serial,
            engine: engine.into(),
            httpd,
            predecessors,
            registries: Registries::default(),
            sessions: Sessions::default(),
        };
        crate::process::remember(main);
        let plans = settings::plans(main);
        let groups = groups::all().into_iter().map(|live| Group::new(live, &plans)).collect();
        Ok(Supervisor {
            context,
            channel,
            groups,
            taken: Vec::new(),
            superseded: false,
            alone: None,
            is_heard: true,
            paths,
            ending: None,
        })
    };
    match begun() {
        Ok(mut supervisor) => supervisor.work(),
        Err(why) => {
            let text = format!("the supervisor of the process groups cannot run: {why}");
            log::server_message(Some(main), msg::PROCESS_SETUP, text);
            // httpd starts another one at once, which would fail as well.
            std::thread::sleep(Duration::from_secs(5));
            os::end(1)
        }
    }
}

impl Supervisor {
    fn work(&mut self) -> ! {
        let text = format!("supervisor {} of {} process groups", std::process::id(), self.groups.len());
        log::server_message(Some(self.context.main), msg::SUPERVISOR_STARTED, text);
        for group in &self.groups {
            self.context.send_to_predecessors(&Message::Has(group.live.key));
        }
        self.context.send_to_predecessors(&Message::Complete);
        loop {
            let now = Instant::now();
            let mut next = now + Duration::from_secs(3600);
            for group in &mut self.groups {
                next = next.min(group.tick(&self.context, now));
            }
            if self.alone.is_some_and(|until| until <= now) {
                self.supersede();
            }
            for until in [self.ending, self.alone].into_iter().flatten() {
                next = next.min(until);
            }
            if self.may_end(now) {
                self.end();
            }
            self.wait(next.saturating_duration_since(Instant::now()));
        }
    }

    /// Sleeps until something happens, and sees to it.
    fn wait(&mut self, most: Duration) {
        let mut fds = vec![self.context.httpd.as_raw_fd(), self.channel.as_raw_fd()];
        if self.ending.is_some_and(|until| until <= Instant::now() + HURRY) {
            fds[0] = -1;
        }
        if !self.is_heard {
            fds[1] = -1;
        }
        for group in &self.groups {
            group.descriptors(&mut fds);
        }
        // A moment more: what was due at that time is due then.
        let ready = os::poll(&fds, most + Duration::from_millis(1));
        // Those that are ready have ended by now: what is listed from now on is all that they have left.
        self.context.sessions = Sessions::default();
        if ready[0] {
            self.stop(HURRY, Some(FOR_PROCESSES));
        }
        if ready[1] {
            self.on_message();
        }
        let ready: Vec<RawFd> =
            fds.into_iter().zip(ready).filter(|(_, ready)| *ready).map(|(fd, _)| fd).collect();
        for group in &mut self.groups {
            group.on_event(&self.context, &ready);
        }
    }

    /// Messages of httpd's parent, and of later supervisors.
    fn on_message(&mut self) {
        let mut bytes = Vec::new();
        while os::receive_datagram(self.channel.as_raw_fd(), wire::control::LONGEST, &mut bytes).is_ok() {
            if bytes.is_empty() {
                self.is_heard = false;
                return;
            }
            match Message::parse(&bytes) {
                Ok(Message::Has(key)) => {
                    self.taken.push(key);
                    // Of a service there is one: it ends here before it is started there.
                    let services = |group: &&mut Group| group.live.key == key && group.live.threads() == 0;
                    for group in self.groups.iter_mut().filter(services) {
                        group.leave();
                    }
                }
                Ok(Message::Complete) => self.supersede(),
                Ok(Message::Leaving) => self.alone = Some(Instant::now() + RELOAD),
                Ok(Message::Back) => self.alone = None,
                Ok(Message::Served(key)) => {
                    for group in self.groups.iter_mut().filter(|group| group.live.key == key) {
                        group.leave();
                    }
                }
                Ok(Message::Stop) => {
                    self.stop(groups::longest_shutdown() + HURRY, None);
                }
                _ => {}
            }
        }
    }

    /// What no later supervisor has ends. A group that it has and that has no processes here has nothing to wait for: where
    /// its python cannot be used, no later process will say that it serves.
    fn supersede(&mut self) {
        self.superseded = true;
        self.alone = None;
        let taken = std::mem::take(&mut self.taken);
        for group in &mut self.groups {
            if !taken.contains(&group.live.key) {
                group.leave();
                group.ends_for_good();
                group.say_down(&self.context);
            } else if group.live.python.is_err() {
                group.leave();
            }
        }
    }

    /// Everything ends `within` that time; with a `limit`, processes at once.
    fn stop(&mut self, within: Duration, limit: Option<Duration>) {
        self.ending = Some(Instant::now() + within);
        self.groups.iter_mut().for_each(|group| group.stop(limit));
    }

    fn may_end(&self, now: Instant) -> bool {
        let gone = self.groups.iter().all(Group::is_gone);
        match self.ending {
            Some(until) => gone || now >= until,
            // All groups are a later supervisor's. What processes have left behind is ended with the server, from here.
            None => {
                gone && !self.groups.iter().any(Group::has_remains)
                    && self.superseded
                    && self.groups.iter().all(Group::is_leaving)
            }
        }
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
        }
        os::end(0)
    }
}
