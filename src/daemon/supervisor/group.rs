//! The processes of one group: each place has one that serves, and for a while its successor beside it.
//!
//! Whatever the reason, a replacement is the same move: the successor is started, it says that it is ready, it serves,
//! and the predecessor takes nothing more, finishes what it has, and ends; one place after another. A successor that
//! cannot serve is ended instead, and the predecessor serves on.

use super::process::Process;
use super::settings::{self, Plans};
use super::{Context, death, launch};
use crate::apache::log;
use crate::config::daemon::Reload;
use crate::daemon::groups::{self, Live};
use crate::daemon::os;
use std::collections::HashSet;
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use wire::Level;
use wire::claims::{Condition, Slot};
use wire::control::{Message, Reason};
use wire::message as msg;
use wire::worker::Plan;

/// A process that lived so long did not die of its start.
const GREW_OLD: Duration = Duration::from_secs(10);
/// A service that has ended is started again after this.
const SERVICE_PAUSE: Duration = Duration::from_secs(1);
/// Files of a group that are watched, at most: what processes say takes memory here.
const MOST_FILES: usize = 20_000;
/// Requests wait for a process that is started within that time.
const SOON: Duration = Duration::from_secs(3);
/// Files are often written in several steps.
const SETTLE: Duration = Duration::from_millis(100);

/// A group.
pub struct Group {
    /// It.
    pub live: &'static Live,
    plans: Vec<Plan>,
    places: Vec<Place>,
    /// Processes that finish what they have.
    leaving: Vec<Process>,
    /// No process is started any more.
    is_leaving: bool,
    /// Files that its applications are made of, where a change of them counts.
    files: HashSet<PathBuf>,
    /// When one of them, or a script, was last found changed.
    changed: Option<Instant>,
    /// Earlier supervisors know that it serves.
    told: bool,
    /// It was said that a file is not watched.
    unwatched: bool,
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
    /// That was said.
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
    pub fn new(live: &'static Live, plans: &Plans) -> Self {
        groups::clear_dead(live);
        let places = if live.python.is_ok() { live.processes() } else { 0 };
        Self {
            live,
            plans: settings::of_group(live, plans),
            places: (0..places).map(|_| Place::default()).collect(),
            leaving: Vec::new(),
            is_leaving: false,
            files: HashSet::new(),
            changed: None,
            told: false,
            unwatched: false,
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

    fn say(&self, context: &Context, message: wire::Message, text: &str) {
        log::server_message(Some(context.server(self.live)), message, text);
    }

    /// Starts what is to be started, kills what is to be killed; answers when there is something to do again.
    pub fn act(&mut self, context: &Context, now: Instant) -> Instant {
        let mut next = now + Duration::from_secs(3600);
        for process in &mut self.leaving {
            match process.kill_at {
                Some(at) if at <= now => process.kill(),
                Some(at) => next = next.min(at),
                None => {}
            }
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

    /// Says in the claims whether it serves.
    fn tell_condition(&self, now: Instant) {
        let claims = self.live.claims;
        let serves = self.places.iter().any(|place| place.current.is_some())
            || self.live.slots.iter().any(Slot::is_open);
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
        claims.next_start.store(os::clock() + rest.as_micros() as i64, Ordering::SeqCst);
        claims.set_condition(condition);
    }

    fn start(&mut self, context: &Context, index: usize) {
        // Processes of a supervisor that has died are nobody's children: what they held is found here.
        groups::clear_dead(self.live);
        let service = self.live.threads() == 0;
        if service && let Some(current) = self.places[index].current.take() {
            // Two of a service at a time are not wanted: it ends before its successor starts.
            self.retire(current, Reason::Script);
        }
        let others = || self.live.slots.iter().any(|slot| slot.pid.load(Ordering::SeqCst) != 0);
        if service && (!self.leaving.is_empty() || others()) {
            // One whose supervisor has died hears it from here that it is to end.
            self.live.claims.served_by.fetch_max(context.serial, Ordering::SeqCst);
            self.places[index].next = Some(Instant::now() + Duration::from_millis(50));
            return;
        }
        let settings = settings::settings(context, self.live, &self.plans);
        match launch::launch(context, self.live, &settings) {
            Ok(mut process) => {
                let text = format!("process {} of group '{}' is started", process.pid, self.live.name());
                self.say(context, msg::WORKER_STARTED, &text);
                let count = self.plans.iter().filter(|plan| plan.preload).count() as f64;
                let limit = settings.startup_timeout * count.max(1.0) + 90.0;
                process.kill_at = Instant::now().checked_add(Duration::from_secs_f64(limit.min(1e9)));
                self.places[index].successor = Some(process);
            }
            Err(why) => {
                let text = format!("no process of group '{}' can be started: {why}", self.live.name());
                self.say(context, msg::FORK_FAILED, &text);
                self.failed(index);
            }
        }
    }

    /// A start in this place has failed: the next one, here and in the other places that wait for one, comes more slowly.
    fn failed(&mut self, index: usize) {
        let failures = self.places[index].failures + 1;
        let next = Some(Instant::now() + death::delay(failures));
        for (at, place) in self.places.iter_mut().enumerate() {
            let waits = place.current.as_ref().is_some_and(|process| process.replace.is_some());
            if at == index || (waits && place.successor.is_none()) {
                (place.failures, place.next) = (failures, next);
            }
        }
    }

    /// It is held: whether that is news.
    fn hold(&mut self) -> bool {
        let said = self.places.iter().any(|place| place.held);
        self.places.iter_mut().for_each(|place| place.held = true);
        !said
    }

    /// The descriptors of its processes.
    pub fn descriptors(&self, into: &mut Vec<RawFd>) {
        let of = |place: &Place, into: &mut Vec<RawFd>| {
            for process in [&place.current, &place.successor].into_iter().flatten() {
                process.descriptors(into);
            }
        };
        self.places.iter().for_each(|place| of(place, into));
        self.leaving.iter().for_each(|process| process.descriptors(into));
    }

    /// Some of its processes may have said something, or ended.
    pub fn look(&mut self, context: &Context, ready: &[RawFd]) {
        let is_ready = |fd: RawFd| ready.contains(&fd);
        for index in 0..self.places.len() {
            for successor in [false, true] {
                let Some(process) = self.places[index].process(successor) else { continue };
                let ended = is_ready(process.ended.as_raw_fd());
                if ended || is_ready(process.control.as_raw_fd()) {
                    for message in process.hear() {
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
        for process in std::mem::take(&mut self.leaving) {
            let (ended, spoke) = (is_ready(process.ended.as_raw_fd()), is_ready(process.control.as_raw_fd()));
            if ended || spoke {
                for message in process.hear() {
                    self.log_of(context, message);
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
                self.say(context, msg::PROCESS_SETUP, &text);
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
            Message::Watch(files) if self.live.group.reload == Reload::Imports => {
                use std::os::unix::ffi::OsStrExt;
                for file in files.split(|byte| *byte == 0).filter(|file| file.starts_with(b"/")) {
                    if self.files.len() >= MOST_FILES {
                        break;
                    }
                    let file = PathBuf::from(std::ffi::OsStr::from_bytes(file));
                    let watched = context.watch.borrow_mut().add(&file);
                    if let Err(error) = watched
                        && !std::mem::replace(&mut self.unwatched, true)
                    {
                        let (name, place) = (self.live.name(), file.display());
                        let text = format!(
                            "the directory of '{place}', for group '{name}', cannot be watched: {error}"
                        );
                        self.say(context, msg::WATCH_FAILED, &text);
                    }
                    self.files.insert(file);
                }
            }
            message => self.log_of(context, message),
        }
    }

    /// A successor has started its applications, but for so many.
    fn is_ready(&mut self, context: &Context, index: usize, failed: u32) {
        let place = &mut self.places[index];
        let Some(mut process) = place.successor.take() else { return };
        process.failed = Some(failed);
        process.kill_at = None;
        // Beside it those of an earlier configuration may serve: they hold, as one of this would.
        groups::clear_dead(self.live);
        let others = self.live.slots.iter().filter(|slot| slot.is_open()).map(Slot::failed).min();
        let better = match &place.current {
            Some(current) => failed == 0 || Some(failed) < current.failed,
            None => failed == 0 || others.is_none_or(|others| failed <= others),
        };
        if !better {
            let news = self.hold();
            self.failed(index);
            if news {
                self.say_holding(context, index, process.pid);
            }
            self.retire(process, Reason::FailedStart);
            return;
        }
        process.tell(&Message::Serve);
        let took = process.begun.elapsed().as_millis();
        let outdated = self.changed.is_some_and(|changed| process.begun < changed);
        let outdated = outdated && self.live.group.reload == Reload::Imports;
        if outdated {
            // It may have imported what was there before the last change: once more.
            process.replace = Some(Reason::Imports);
        }
        let text = format!("process {} of group '{}' serves, after {took} ms", process.pid, self.live.name());
        let old = place.current.replace(process);
        if failed == 0 {
            place.failures = 0;
            place.next = outdated.then(|| Instant::now() + SETTLE);
        } else {
            // Some of its applications do not start: another process tries again.
            if let Some(current) = &mut place.current {
                current.replace = Some(Reason::FailedStart);
            }
            self.failed(index);
        }
        if failed == 0 {
            self.places.iter_mut().for_each(|place| place.held = false);
        }
        self.say(context, msg::WORKER_STARTED, &text);
        if let Some(old) = old {
            if old.begun.elapsed() >= GREW_OLD {
                self.places[index].deaths = 0;
            }
            let reason = old.replace.unwrap_or(Reason::Generation);
            self.retire(old, reason);
        }
        self.tell_condition(Instant::now());
        if !self.told && self.places.iter().all(|place| place.current.is_some()) {
            self.told = true;
            self.live.claims.served_by.fetch_max(context.serial, Ordering::SeqCst);
            context.tell_predecessors(&Message::Served(self.live.key));
        }
    }

    fn say_holding(&self, context: &Context, index: usize, pid: u32) {
        let next =
            self.places[index].next.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
        let text = format!(
            "the successor (pid {pid}) of a process of group '{}' cannot serve, for the reason above; the processes that \
             there are serve on with the old code, and the next one is tried in {} s, or as soon as the script changes",
            self.live.name(),
            next.as_secs_f64().ceil()
        );
        self.say(context, msg::HOLDING, &text);
    }

    /// A process is to be replaced.
    fn replace(&mut self, context: &Context, index: usize, reason: Reason, text: &str) {
        let Some(process) = &mut self.places[index].current else { return };
        let fresh = process.replace != Some(reason);
        let (pid, name) = (process.pid, self.live.name());
        if fresh {
            let text = format!("process {pid} of group '{name}' is replaced ({}): {text}", reason.name());
            self.say(context, msg::REPLACING, &text);
        }
        let now = Instant::now();
        if matches!(reason, Reason::Script | Reason::Imports) {
            self.changed = Some(now);
        }
        for (at, place) in self.places.iter_mut().enumerate() {
            if at != index && !reason.concerns_group() {
                continue;
            }
            if let Some(process) = &mut place.current {
                process.replace = Some(reason);
            }
            match reason {
                // What has changed may be better: it is tried at once.
                Reason::Script | Reason::Imports => {
                    (place.failures, place.held) = (0, false);
                    place.next = Some(now);
                }
                Reason::FailedStart => {
                    let soon = now + Duration::from_millis(200);
                    place.next = Some(place.next.map_or(soon, |next| next.min(soon)));
                }
                _ => {}
            }
        }
    }

    /// A file has changed of which its applications may be made.
    pub fn file_changed(&mut self, context: &Context, file: &Path) {
        // A directory that was replaced counts for all files in it, and is watched anew.
        let below = self.files.iter().find(|known| known.parent() == Some(file)).cloned();
        if let Some(below) = &below {
            // If it has gone there is nothing to watch.
            let _ = context.watch.borrow_mut().add(below);
        }
        if self.is_leaving || (below.is_none() && !self.files.contains(file)) {
            return;
        }
        let first = self.places.iter().position(|place| place.current.is_some());
        if let Some(index) = first {
            self.replace(context, index, Reason::Imports, &format!("'{}' has changed", file.display()));
        }
        for place in &mut self.places {
            place.next = Some(Instant::now() + SETTLE);
        }
    }

    /// Has a process finish what it has.
    fn retire(&mut self, mut process: Process, reason: Reason) {
        let (grace, shutdown) = self.times(reason);
        process.drain(reason, grace, shutdown);
        self.leaving.push(process);
    }

    /// How long requests have, and how long those that are left and exit functions have then; `None` is no bound.
    fn times(&self, reason: Reason) -> (Option<Duration>, Option<Duration>) {
        let group = &self.live.group;
        let bound = |seconds: u32| (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        let shutdown = bound(group.shutdown_timeout);
        match reason {
            Reason::Stop | Reason::FailedStart => (Some(Duration::ZERO), shutdown),
            Reason::Deadlock => (Some(Duration::ZERO), Some(Duration::from_millis(500))),
            Reason::Shutdown => (shutdown, Some(Duration::from_secs(2))),
            Reason::Eviction => (bound(group.eviction_timeout), shutdown),
            _ => (bound(group.graceful_timeout), shutdown),
        }
    }

    /// A later supervisor has it: all its processes finish what they have.
    pub fn leave(&mut self) {
        if !self.is_leaving {
            self.drain_all(Reason::Generation, self.times(Reason::Generation));
        }
    }

    /// The server stops; with a `limit`, at once.
    pub fn stop(&mut self, limit: Option<Duration>) {
        let (grace, shutdown) = self.times(Reason::Stop);
        self.drain_all(Reason::Stop, (grace, limit.or(shutdown)));
    }

    fn drain_all(&mut self, reason: Reason, (grace, shutdown): (Option<Duration>, Option<Duration>)) {
        self.is_leaving = true;
        self.empty_places();
        for process in &mut self.leaving {
            process.drain(reason, grace, shutdown);
        }
    }

    fn empty_places(&mut self) {
        for place in &mut self.places {
            self.leaving.extend(place.current.take());
            self.leaving.extend(place.successor.take());
        }
    }

    /// No process of it serves any more, nor will: those of a supervisor that has died go as well.
    pub fn say_down(&self, context: &Context) {
        self.live.claims.served_by.fetch_max(context.serial, Ordering::SeqCst);
        self.live.claims.set_condition(Condition::Down);
    }

    /// Ends what is left.
    pub fn kill_all(&mut self) {
        self.empty_places();
        self.leaving.iter_mut().for_each(Process::kill);
    }

    /// A process has ended: one of this place (true: as a successor), or one that was to.
    fn died(&mut self, context: &Context, place: Option<(usize, bool)>, process: Process) {
        let Some((status, most)) = os::reap(process.pid) else { return };
        let mut claimed = 0;
        for slot in self.live.slots.iter().filter(|slot| slot.pid.load(Ordering::SeqCst) == process.pid) {
            claimed += slot.claimed();
            slot.clear_dead(process.pid);
        }
        let age = process.begun.elapsed();
        let phase = match place {
            _ if self.live.threads() == 0 => "running as a service",
            Some((_, true)) => "starting",
            Some((_, false)) => "serving",
            None => "finishing its requests",
        };
        let service_ended = self.live.threads() == 0 && death::is_clean(status);
        let unasked = place.is_some() || !death::is_clean(status);
        if unasked && !service_ended {
            let requests = if claimed == 1 { "request" } else { "requests" };
            let text = format!(
                "process {} of group '{}' has ended unasked: {}; it was {phase}, {:.1} s old, had {} MiB at most, and \
                 {claimed} {requests} in flight; {}",
                process.pid,
                self.live.name(),
                death::how(status),
                age.as_secs_f64(),
                most / 1024,
                match (process.killed, place) {
                    (true, Some(_)) => "it was killed, for its start took too long (startup-timeout)",
                    (true, None) => "it was killed, for it had not ended within shutdown-timeout",
                    _ if process.gave_up => "why stands above",
                    _ => death::hint(status),
                },
            );
            self.say(context, msg::WORKER_DIED, &text);
        }
        let Some((index, successor)) = place else { return };
        if service_ended {
            self.places[index].failures = 0;
            self.places[index].next = Some(Instant::now() + SERVICE_PAUSE);
        } else if successor {
            let news = self.hold();
            self.failed(index);
            if news && self.places[index].current.is_some() {
                self.say_holding(context, index, process.pid);
            }
        } else if age >= GREW_OLD {
            let place = &mut self.places[index];
            (place.failures, place.deaths, place.next) = (0, 0, None);
        } else {
            // The first time it is replaced at once.
            let place = &mut self.places[index];
            place.next = Some(Instant::now() + death::delay(place.deaths));
            place.deaths += 1;
        }
        self.tell_condition(Instant::now());
    }
}
