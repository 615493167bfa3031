//! The processes of one group: each place has one that serves, and for a while its successor beside it.
//!
//! Whatever the reason, a replacement is the same move: the successor is started, it says that it is ready, it serves,
//! and the predecessor takes nothing more, finishes what it has, and ends; one place after another. A successor that
//! cannot serve is ended instead, and the predecessor keeps serving.

mod change;
mod end;
mod start;

use super::Context;
use super::output::Output;
use super::process::Process;
use super::session::Remains;
use super::settings::{self, Plans};
use crate::apache::log;
use crate::groups::{self, ProcessGroup};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use wire::Level;
use wire::control::Message;
use wire::message as msg;
use wire::scoreboard::{Condition, WorkerSlot};
use wire::worker::Plan;

/// A process that lived so long did not die of its start.
const GREW_OLD: Duration = Duration::from_secs(10);
/// Requests wait for a process that is started within that time.
const SOON: Duration = Duration::from_secs(3);
/// Files are often written in several steps.
const SETTLE: Duration = Duration::from_millis(100);

/// The supervisor's state of a process group: its places and their processes.
pub struct Group {
    /// The process group.
    pub live: &'static ProcessGroup,
    plans: Vec<Plan>,
    places: Vec<Place>,
    /// Processes that finish what they have.
    leaving: Vec<Process>,
    /// Output of processes that have ended: copies of them may live.
    outputs: Vec<Output>,
    /// No process is started any more.
    is_leaving: bool,
    /// When a script, or a file that was imported, was last found changed.
    changed: Option<Instant>,
    /// Whether the group ends for good, with everything that its processes have started.
    for_good: bool,
    /// What processes that have ended have left behind.
    remains: Vec<Remains>,
    /// Earlier supervisors know that it serves.
    told: bool,
    /// The process that died last, and how.
    died: Option<(u32, String)>,
    /// The application that processes died at, and how many in a row.
    died_at: Option<(String, u32)>,
}

/// A place for a process.
#[derive(Default)]
struct Place {
    current: Option<Process>,
    successor: Option<Process>,
    /// When the next process may be started.
    next: Option<Instant>,
    /// Starts that failed in a row.
    failures: u32,
    /// Processes that died young in a row.
    deaths: u32,
    /// Whether the log line WSGI1031 was written.
    held: bool,
}

impl Place {
    /// The process that serves, or its successor.
    fn process(&mut self, successor: bool) -> &mut Option<Process> {
        if successor { &mut self.successor } else { &mut self.current }
    }
}

impl Group {
    /// A group without a process.
    pub fn new(live: &'static ProcessGroup, plans: &Plans) -> Self {
        groups::clear_dead(live);
        let places = if live.python.is_ok() { live.processes() } else { 0 };
        Self {
            live,
            plans: settings::of_group(live, plans),
            places: (0..places).map(|_| Place::default()).collect(),
            leaving: Vec::new(),
            outputs: Vec::new(),
            is_leaving: false,
            changed: None,
            for_good: false,
            remains: Vec::new(),
            told: false,
            died: None,
            died_at: None,
        }
    }

    /// No process is left.
    pub fn is_gone(&self) -> bool {
        let none = |place: &Place| place.current.is_none() && place.successor.is_none();
        self.leaving.is_empty() && self.places.iter().all(none)
    }

    /// No process is started any more.
    pub fn is_leaving(&self) -> bool {
        self.is_leaving
    }

    fn log(&self, context: &Context, message: wire::Message, text: &str) {
        log::server_message(Some(context.server(self.live)), message, text);
    }

    /// Starts what is to be started, kills what is to be killed; answers when there is something to do again.
    pub fn tick(&mut self, context: &Context, now: Instant) -> Instant {
        let mut next = now + Duration::from_secs(3600);
        if self.processes().any(Process::has_more) {
            next = now;
        }
        for process in &mut self.leaving {
            match process.kill_at {
                Some(at) if at <= now => process.kill(),
                Some(at) => next = next.min(at),
                None => {}
            }
        }
        if self.for_good && self.is_gone() {
            self.end_remains(context);
        }
        if self.is_leaving {
            return next;
        }
        for index in 0..self.places.len() {
            if let Some(process) = &mut self.places[index].successor
                && let Some(at) = process.kill_at
            {
                if at <= now {
                    process.kill();
                } else {
                    next = next.min(at);
                }
            }
            let starting = self.places.iter().any(|place| place.successor.is_some());
            let place = &self.places[index];
            let empty = place.current.is_none();
            let wanted = empty || place.current.as_ref().is_some_and(|process| process.replace.is_some());
            // Where there are processes, one is replaced after another.
            if !wanted || place.successor.is_some() || (starting && !empty) {
                continue;
            }
            match place.next {
                Some(at) if at > now => next = next.min(at),
                _ => {
                    self.start(context, index);
                    next = next.min(now + Duration::from_millis(20));
                }
            }
        }
        self.tell_condition(now);
        next
    }

    /// Says on the scoreboard whether it serves.
    fn tell_condition(&self, now: Instant) {
        let scoreboard = self.live.scoreboard;
        let serves = self.places.iter().any(|place| place.current.is_some())
            || self.live.slots.iter().any(WorkerSlot::is_open);
        // A process that has died is replaced soon; one that does not start may never do.
        let soon = |place: &Place| place.failures == 0 && place.next.is_none_or(|at| at <= now + SOON);
        let starts = self.places.iter().any(soon);
        let condition = match (serves, starts) {
            (true, _) => Condition::Serving,
            (false, true) => Condition::Starting,
            (false, false) => Condition::Down,
        };
        let next = self.places.iter().filter_map(|place| place.next).min();
        let rest = next.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        scoreboard.next_start.store(os::monotonic() + rest.as_micros() as i64, Ordering::SeqCst);
        scoreboard.set_condition(condition);
    }

    /// The descriptors of its processes.
    pub fn descriptors(&self, into: &mut Vec<RawFd>) {
        self.processes().for_each(|process| process.descriptors(into));
        into.extend(self.outputs.iter().map(Output::fd));
        self.remains.iter().for_each(|remains| remains.descriptors(into));
    }

    /// All processes of the group.
    fn processes(&self) -> impl Iterator<Item = &Process> {
        let placed = self.places.iter().flat_map(|place| [&place.current, &place.successor]).flatten();
        placed.chain(&self.leaving)
    }

    /// Some of its processes may have said something, or ended.
    pub fn on_event(&mut self, context: &Context, ready: &[RawFd]) {
        let is_ready = |fd: RawFd| ready.contains(&fd);
        self.outputs.retain_mut(|output| !is_ready(output.fd()) || output.pass_on());
        for index in 0..self.places.len() {
            for successor in [false, true] {
                let Some(process) = self.places[index].process(successor) else { continue };
                process.pass_on_output(is_ready);
                let ended = is_ready(process.ended.as_raw_fd());
                if ended || process.speaks(is_ready) {
                    for message in process.on_message() {
                        self.heard(context, index, successor, message);
                    }
                }
                if ended {
                    let process = self.places[index].process(successor);
                    if let Some(process) = process.take_if(|process| is_ready(process.ended.as_raw_fd())) {
                        self.died(context, Some((index, successor)), process);
                    }
                }
            }
        }
        self.remains.retain_mut(|remains| remains.are_left(is_ready));
        for mut process in std::mem::take(&mut self.leaving) {
            process.pass_on_output(is_ready);
            let ended = is_ready(process.ended.as_raw_fd());
            if ended || process.speaks(is_ready) {
                for message in process.on_message() {
                    if !process.note(&message) {
                        self.log_of(context, message);
                    }
                }
            }
            if ended {
                self.died(context, None, process);
            } else {
                self.leaving.push(process);
            }
        }
    }

    /// A line for the log, if that is what it is.
    fn log_of(&self, context: &Context, message: Message) {
        if let Message::Log { level, line } = message {
            log::server(Some(context.server(self.live)), Level::of(level), &line);
        }
    }

    fn heard(&mut self, context: &Context, index: usize, successor: bool, message: Message) {
        match message {
            Message::Ready { failed } if successor => self.is_ready(context, index, failed),
            Message::Failed(why) => {
                if let Some(process) = self.places[index].process(successor) {
                    process.gave_up = true;
                }
                let why = String::from_utf8_lossy(&why);
                let text = format!("a process of group '{}' cannot serve: {why}", self.live.name());
                self.log(context, msg::PROCESS_SETUP, &text);
            }
            message @ (Message::Ends(_) | Message::Starts(_)) => {
                if let Some(process) = self.places[index].process(successor) {
                    process.note(&message);
                }
            }
            Message::Replace { reason, .. } if successor && !reason.concerns_group() => {
                // A signal that came while it starts: it is obeyed when it serves.
                if let Some(process) = &mut self.places[index].successor {
                    process.replace = Some(reason);
                }
            }
            Message::Replace { reason, text } if !successor => {
                let text = String::from_utf8_lossy(&text).into_owned();
                self.replace(context, index, reason, &text);
            }
            // Serving processes watch what a failed successor has imported: a change may fix it.
            message @ Message::Watch(_) if successor => {
                self.places
                    .iter()
                    .filter_map(|place| place.current.as_ref())
                    .for_each(|other| other.tell(&message));
            }
            message => self.log_of(context, message),
        }
    }
}
