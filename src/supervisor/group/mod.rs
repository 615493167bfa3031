//! The processes of one group. What happens to them goes to the decisions (`supervisor::state`), and what these ask for is
//! carried out here.

mod ends;
mod forks;
mod hear;
mod load;
mod shown;

use super::context::Context;
use super::events::{Source, Watched, WorkerId};
use super::launch::{self, Nascent};
use super::output::Output;
use super::process::Process;
use super::session::Remains;
use super::settings::{self, Plans};
use super::state::{self, Action, Capacity, Event, Line, Rules, Scale};
use crate::apache::log;
use crate::config::daemon::{Concurrency, Processes, Reload, Spawn};
use crate::groups::{self, ProcessGroup};
use shown::Shown;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use wire::control::Message;
use wire::ledger::Role;
use wire::scoreboard::WorkerSlot;
use wire::worker::Plan;
use wire::{Origin, Slice};

/// A start that takes so much longer than its applications may is over.
const BEYOND: f64 = 90.0;

/// The supervisor's end of a process group.
pub struct Group {
    /// The process group.
    pub live: &'static ProcessGroup,
    plans: Vec<Plan>,
    state: state::Group,
    processes: BTreeMap<WorkerId, Process>,
    /// Workers that templates were asked for.
    nascent: BTreeMap<WorkerId, Nascent>,
    /// Output of processes that have ended: copies of them may live.
    outputs: Vec<(WorkerId, Output)>,
    /// What processes that have ended have left behind.
    remains: BTreeMap<WorkerId, Remains>,
    /// What is shown of it.
    shown: Shown,
    /// Tells when a request comes to the queue.
    bell: Option<Watched<OwnedFd>>,
}

impl Group {
    /// A group without a process.
    pub fn new(live: &'static ProcessGroup, plans: &Plans) -> Self {
        groups::clear_dead(live);
        // After a graceful restart there are as many as before.
        let open = live.slots.iter().filter(|slot| slot.is_open()).count();
        let places = if live.python.is_ok() { live.processes() } else { 0 };
        Self {
            live,
            plans: settings::of_group(live, plans),
            state: state::Group::new(rules(live), places as usize).with_open(open),
            processes: BTreeMap::new(),
            nascent: BTreeMap::new(),
            outputs: Vec::new(),
            remains: BTreeMap::new(),
            shown: Shown::default(),
            bell: None,
        }
    }

    /// Nothing is left of it, and nothing will come.
    pub fn is_over(&self) -> bool {
        self.state.is_leaving() && self.state.is_gone() && self.remains.is_empty()
    }

    /// Something has happened; what follows is done.
    pub fn on(&mut self, context: &Context, event: Event) {
        for action in self.state.on(event, Instant::now()) {
            if let Some(answer) = self.perform(context, action) {
                self.on(context, answer);
            }
        }
    }

    /// Does what is due, and sees to it that this happens again in time.
    pub fn tick(&mut self, context: &Context) {
        self.on(context, Event::Tick);
        self.on(context, Event::Seen { open: self.is_open() });
        let due = self.state.wakes_at(Instant::now());
        context.events.wake_at(Source::Due(self.live.number), due);
    }

    /// A process of any generation takes requests.
    fn is_open(&self) -> bool {
        self.live.slots.iter().any(WorkerSlot::is_open)
    }

    fn log(&self, context: &Context, line: &Line) {
        let (message, name) = (line.message(), self.live.name());
        let text = line.text(&name);
        self.note(line, &text);
        let origin = Origin { group: Slice::of(name.as_bytes()), ..Origin::NONE };
        let line = message.line(text);
        log::server(Some(context.server(self.live)), message.level(), line.as_bytes(), origin);
    }

    /// Does one thing; answers what came of it.
    fn perform(&mut self, context: &Context, action: Action) -> Option<Event> {
        let scoreboard = self.live.scoreboard;
        match action {
            Action::Start { place, alone, beside, died } => {
                return Some(self.start(context, place, alone, (beside, died)));
            }
            Action::StartTemplate { beside, died } => {
                return Some(self.start_template(context, beside, died));
            }
            Action::Fork { place, template } => return self.fork(context, place, template),
            Action::Reap(pid) => return self.reap(context, pid),
            Action::Tell(pid, message) => {
                self.processes
                    .values()
                    .filter(|process| process.pid == pid)
                    .for_each(|process| process.tell(&message));
            }
            Action::Kill(pid) => os::kill(pid),
            Action::Log(line) => self.log(context, &line),
            Action::SetNextStart(rest) => {
                let at = os::monotonic() + rest.as_micros() as i64;
                scoreboard.next_start.store(at, Ordering::SeqCst);
            }
            Action::SetCondition(condition) => scoreboard.set_condition(condition),
            Action::SetServedBy => {
                scoreboard.served_by.fetch_max(context.serial, Ordering::SeqCst);
            }
            Action::SendServed => context.send_to_predecessors(&Message::Served(self.live.key)),
            Action::KillSession(pid) => self.say_killed(context, context.sessions.kill(pid)),
            Action::RememberSession(pid) => self.remember_session(context, pid),
            Action::EndRemains => self.end_remains(context),
            // Without a bell it is as if it rang at once.
            Action::Listen => return self.listen(context).is_err().then_some(Event::Rung),
            Action::Look => return Some(Event::Load(self.load())),
        }
        None
    }

    /// Forks a process for a place. `alone`: only if no other one is in the scoreboard.
    fn start(
        &mut self,
        context: &Context,
        place: usize,
        alone: bool,
        (beside, died): (bool, Option<(u32, String)>),
    ) -> Event {
        // Processes of a supervisor that has died are nobody's children: what they held is found here.
        groups::clear_dead(self.live);
        if alone && self.live.slots.iter().any(|slot| slot.pid.load(Ordering::SeqCst) != 0) {
            return Event::Occupied { place };
        }
        let past = settings::Past { beside: beside || self.is_open(), died };
        let settings = settings::settings(context, self.live, &self.plans, past);
        let id = context.next_worker(self.live.number);
        match launch::launch(context, id, self.live, &settings) {
            Ok(process) => {
                let pid = process.pid;
                self.processes.insert(id, process);
                self.show(context, pid, Role::Worker(place as u32));
                Event::Started { place, pid, limit: self.start_limit(context) }
            }
            Err(why) => Event::StartFailed { place, why },
        }
    }

    /// How long the start of a process may take.
    fn start_limit(&self, context: &Context) -> Duration {
        // One interpreter after another; there is one main one.
        let interpreters = |plan: &Plan| if plan.group.is_empty() { 1 } else { self.live.group.interpreters };
        let started = self.plans.iter().filter(|plan| plan.preload);
        let count = f64::from(started.map(interpreters).sum::<u32>());
        let limit = settings::startup_timeout(context, self.live) * count.max(1.0) + BEYOND;
        Duration::from_secs_f64(limit.min(1e9))
    }
}

/// What the options of a group say about its processes.
fn rules(live: &ProcessGroup) -> Rules {
    let bound = |seconds: u32| (seconds > 0).then(|| Duration::from_secs(seconds.into()));
    let group = &live.group;
    Rules {
        capacity: Capacity { threads: live.threads(), concurrency: group.concurrency },
        service: live.threads() == 0,
        scale: scale(live),
        reload_imports: group.reload == Reload::Imports,
        fork: group.spawn == Spawn::Fork,
        graceful: bound(group.graceful_timeout),
        eviction: bound(group.eviction_timeout),
        shutdown: bound(group.shutdown_timeout),
    }
}

/// What follows the load, if anything does.
fn scale(live: &ProcessGroup) -> Option<Scale> {
    let group = &live.group;
    let least = group.processes.map_or(1, Processes::least);
    (least < live.processes()).then(|| Scale {
        least: least as usize,
        up: Duration::from_millis(group.scale_up.into()),
        down: Duration::from_secs_f64(group.scale_down),
        threads: match group.concurrency {
            Concurrency::Number(number) => number.min(live.threads()),
            Concurrency::Auto | Concurrency::Spread | Concurrency::Off => live.threads(),
        },
    })
}
