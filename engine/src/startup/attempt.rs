//! One attempt to start an application: the startup lock, an interpreter, the script, the warm-up, and the verdict.

use super::app::{App, Place, State};
use super::board::{Claim, Slot};
use super::record::{Cause, Record, Verdict};
use super::script::Script;
use super::space::Space;
use super::{Runtime, lock, os, watch};
use crate::host;
use crate::python::{Obj, Py, Standing};
use crate::wsgi::{Call, RequestLog, warm_up};
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use wire::{Message, message as msg};

/// An attempt.
pub struct Attempt {
    /// What is started.
    pub app: Arc<App>,
    pub(super) runtime: &'static Runtime,
    /// Modification time of the script, microseconds.
    pub(super) modified: i64,
    /// Its number, from 1.
    pub number: u32,
    pub(super) claim: Mutex<Option<Claim>>,
    /// What the server knew before.
    pub(super) before: Record,
    pub(super) changed: bool,
    /// Log of the request that wants it; none when the process starts.
    pub(super) log: Option<Arc<RequestLog>>,
    pub(super) slot: Mutex<Option<Slot<'static>>>,
    /// Its verdict is given; the first counts.
    pub(super) settled: AtomicBool,
    /// Begin of the time that is limited, microseconds; 0: not yet.
    pub(super) begun: AtomicU64,
    /// Where its thread stands.
    pub standing: Standing,
    pub(super) times: Mutex<Times>,
}

/// How long the phases took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    pub(super) lock: Duration,
    pub(super) interpreter: Duration,
    pub(super) import: Duration,
    pub(super) warm_up: Duration,
}

/// Why it failed, and what that means for the next attempt.
pub struct Failure {
    /// Number of the message.
    pub number: Message,
    /// The first line, up to the id.
    pub what: String,
    /// Exception and traceback.
    pub cause: Cause,
    /// Files whose change may mend it.
    pub watched: Vec<String>,
    /// Where the next attempt is made.
    pub place: Place,
}

impl Attempt {
    /// An attempt that this process may make.
    pub fn new(
        app: &Arc<App>,
        runtime: &'static Runtime,
        modified: i64,
        claim: Claim,
        log: Option<Arc<RequestLog>>,
    ) -> Arc<Self> {
        let (before, changed) = (claim.record.clone(), claim.changed);
        let number = if before.verdict == Verdict::Failed { before.attempts + 1 } else { 1 };
        Arc::new(Self {
            app: app.clone(),
            runtime,
            modified,
            number,
            claim: Mutex::new(Some(claim)),
            before,
            changed,
            log,
            slot: Mutex::default(),
            settled: AtomicBool::new(false),
            begun: AtomicU64::new(0),
            standing: Standing::default(),
            times: Mutex::default(),
        })
    }

    pub(super) fn key(&self) -> u64 {
        self.app.key(self.modified, self.runtime.settings.generation)
    }

    pub(super) fn say(&self, number: Message, text: impl Display) {
        match &self.log {
            Some(log) => log.message(number, text),
            None => host::message(number, text),
        }
    }

    /// How long it has been made.
    pub fn age(&self) -> Duration {
        let begun = self.begun.load(Ordering::SeqCst) as i64;
        Duration::from_micros((os::now() - begun).max(0) as u64)
    }

    /// When it must have ended, microseconds; `None`: its time has not begun.
    pub fn deadline(&self) -> Option<i64> {
        let begun = self.begun.load(Ordering::SeqCst) as i64;
        (begun > 0).then(|| begun + self.runtime.settings.startup_timeout.as_micros() as i64)
    }

    /// Makes it. On a loader, not attached.
    pub fn run(self: &Arc<Self>) {
        if !self.take_slot() {
            return self.abandon();
        }
        self.begun.store(os::now() as u64, Ordering::SeqCst);
        watch::begin(self);
        let outcome = self.start();
        watch::end(self);
        drop(lock(&self.slot).take());
        let in_time = !self.settled.swap(true, Ordering::SeqCst);
        match outcome {
            Ok(space) => self.succeeded(&space, in_time),
            Err(failure) if in_time => self.failed(*failure),
            Err(failure) => self.failed_late(&failure),
        }
    }

    /// Waits for the startup lock. False: the process ends.
    fn take_slot(&self) -> bool {
        let begun = Instant::now();
        let mut told = Duration::from_secs(1);
        let slot = self.runtime.board.slot(&self.app.shown(), || {
            let waited = begun.elapsed();
            if waited >= told {
                told = waited + Duration::from_secs(10);
                let holders: Vec<String> = self
                    .runtime
                    .board
                    .holders()
                    .iter()
                    .map(|holder| {
                        let since = (os::now() - holder.since) as f64 / 1e6;
                        format!("pid {} is loading '{}' since {since:.0} s", holder.pid, holder.what)
                    })
                    .collect();
                let (script, waited) = (self.app.shown(), waited.as_secs_f64());
                let text = format!(
                    "'{script}' has waited {waited:.0} s for the startup lock: {}",
                    holders.join(", ")
                );
                self.say(msg::LOCK_WAIT, text);
            }
            !super::GATE.is_closed()
        });
        lock(&self.times).lock = begun.elapsed();
        let got = slot.is_some();
        *lock(&self.slot) = slot;
        got
    }

    /// The process ends before it could be made.
    fn abandon(&self) {
        if let Some(claim) = lock(&self.claim).take() {
            self.runtime.board.give_up(claim);
        }
        self.app.move_to(State::Empty);
    }

    fn start(self: &Arc<Self>) -> Result<Arc<Space>, Box<Failure>> {
        let begun = Instant::now();
        let space = self.runtime.spaces.place(&self.app).map_err(|text| {
            Box::new(Failure {
                number: msg::INTERPRETER_FAILED,
                what: format!("interpreter '{}' cannot be made", String::from_utf8_lossy(&self.app.group)),
                cause: Cause { class: "InterpreterError".into(), text, trace: Vec::new() },
                watched: Vec::new(),
                place: Place::Group,
            })
        })?;
        lock(&self.times).interpreter = begun.elapsed();
        let call = self.log.as_ref().map(|log| Call::of_start(space.clone(), &self.app.path, log.clone()));
        let done = Call::current_while(call.clone(), || {
            space.attach(|py| {
                let done = self.standing.inside(py, || self.load(py, &space));
                if let Some(call) = &call {
                    call.flush_streams(py);
                }
                done
            })
        });
        if let Some(call) = call {
            call.close();
        }
        done.map(|()| space)
    }

    /// Loads the script and warms it up. Attached.
    fn load(&self, py: Py<'_>, space: &Arc<Space>) -> Result<(), Box<Failure>> {
        let begun = Instant::now();
        let unprepared = |raised: crate::python::Raised| {
            Box::new(Failure {
                number: msg::INTERPRETER_FAILED,
                what: "an attempt could not be prepared".into(),
                cause: Cause { class: raised.class_name(py), ..Cause::default() },
                watched: Vec::new(),
                place: Place::Group,
            })
        };
        let limit = self.runtime.settings.startup_timeout + watch::LAST_RESORT;
        let before = space.begin_attempt(py, limit, watch::dump_descriptor()).map_err(unprepared)?;
        self.app.drop_module(py);
        let loaded = space.load_script(py, &self.app, self.modified);
        lock(&self.times).import = begun.elapsed();
        let result = match loaded {
            Ok(module) => {
                let warmed = self.warm(py, space, &module);
                if warmed.is_ok() && !self.settled.load(Ordering::SeqCst) {
                    self.app.set_module(py, space, module);
                } else if warmed.is_ok() {
                    self.keep_late(py, space, module);
                }
                warmed.map_err(|(path, status)| {
                    let text = format!("GET {path} answered {status}");
                    let cause = Cause { class: "warm-up".into(), text, trace: Vec::new() };
                    let what = format!("warm-up request {path} of '{}' answered {status}", self.app.shown());
                    (msg::WARM_UP_FAILED, what, cause, Vec::new(), None)
                })
            }
            Err((number, raised)) => {
                let class = raised.class_name(py);
                let exception = raised.take(py);
                let number = if self.log.is_some() { number } else { at_start(number) };
                let what = failure_text(number, &self.app, &class, &space.context());
                let (cause, watched) = space.examine(py, &before, &self.app.path, &exception);
                Err((number, what, cause, watched, Some(exception)))
            }
        };
        result
            .map_err(|(number, what, cause, watched, exception)| {
                drop(exception);
                let place = self.clean_up(py, space, &before);
                Box::new(Failure { number, what, cause, watched, place })
            })
            .inspect(|()| space.end_attempt(py))
            .inspect_err(|_| space.end_attempt(py))
    }

    /// A start that had timed out has ended well. It serves, unless there was another attempt since.
    fn keep_late(&self, py: Py<'_>, space: &Arc<Space>, module: Obj<'_>) {
        if self.app.inner().state == State::Failed
            && self.app.space().is_none_or(|serving| Arc::ptr_eq(&serving, space))
        {
            self.app.set_module(py, space, module);
        }
    }

    fn warm(&self, py: Py<'_>, space: &Arc<Space>, module: &Obj<'_>) -> Result<(), (String, i32)> {
        if self.app.plan.warm_ups.is_empty() || self.settled.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.app.move_to(State::Warming);
        let begun = Instant::now();
        let plan = &self.app.plan;
        let script = Script {
            path: &self.app.path,
            group: &self.app.group,
            callable: &plan.callable,
            modified: self.modified,
            reload: false,
        };
        let failed = plan.warm_ups.iter().find_map(|request| {
            let status = warm_up(py, space, &script, module, request, self.log.clone());
            (status >= 500).then(|| (request.path.clone(), status))
        });
        lock(&self.times).warm_up = begun.elapsed();
        failed.map_or(Ok(()), Err)
    }

    /// Nothing is built upon what a failed attempt left: what it imported is forgotten, and the next one gets a new
    /// interpreter if that can be. A new one is of no use where packages are loaded that allow one interpreter in a process,
    /// and those are extension modules.
    fn clean_up(&self, py: Py<'_>, space: &Arc<Space>, before: &Obj<'_>) -> Place {
        let fresh = !space.name().is_empty()
            && self.app.space().is_none()
            && !space.has_extensions(py)
            && self.runtime.spaces.may_make_more()
            && self.runtime.is_alone_in(&self.app, space);
        space.roll_back(py, before);
        if fresh { Place::Fresh } else { Place::Group }
    }
}

/// The number of the same message when the process starts.
fn at_start(number: Message) -> Message {
    match number {
        msg::SCRIPT_UNREADABLE => msg::PRELOAD_UNREADABLE,
        msg::SCRIPT_EXITED => msg::PRELOAD_EXITED,
        msg::SCRIPT_RAISED => msg::PRELOAD_RAISED,
        other => other,
    }
}

fn failure_text(number: Message, app: &App, class: &str, context: &str) -> String {
    let what = match &app.plan.django {
        Some(django) => format!("Django project '{}'", String::from_utf8_lossy(&django.project)),
        None => format!("WSGI script '{}'", app.shown()),
    };
    if matches!(number, msg::SCRIPT_UNREADABLE | msg::PRELOAD_UNREADABLE) {
        return format!("{what} could not be read or compiled for {context}");
    }
    format!("{what} raised {class} while it was loaded into {context}")
}
