//! One attempt to start an application: the startup lock, an interpreter, the script, the warm-up, and the verdict.

use super::app::App;
use super::applications::Applications;
use super::claims::{Advice, Claim};
use super::current;
use super::failure::Failure;
use super::load::Settled;
use super::permits::Permit;
use super::record::{Record, Watched};
use super::state::{Counts, Event, NextInterpreter, Ticket};
use crate::host;
use crate::python::Standing;
use crate::runtime::{Interpreter, RequestLog, exits, gate};
use once_cell::sync::OnceCell;
use os::lock;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use wire::{Message, Stamp, message as msg};

/// One attempt to start an application, from the request that wants it to its verdict.
pub struct Attempt {
    /// What is started.
    pub app: Arc<App>,
    pub(super) applications: &'static Applications,
    /// What it is known by to the application.
    pub(super) ticket: Ticket,
    /// The script as it was seen.
    pub(super) stamp: Stamp,
    pub(super) claim: Mutex<Option<Claim>>,
    /// What the server knew before, and whether a file has changed since.
    pub(super) before: OnceCell<(Record, bool)>,
    /// Log of the request that wants it; none when the process starts.
    pub(super) log: Option<Arc<RequestLog>>,
    pub(super) permit: Mutex<Option<Permit<'static>>>,
    /// When the time began that is limited, microseconds of the monotonic clock.
    begun: OnceCell<i64>,
    /// Which loader makes it, and which of the queue's tasks it is.
    task: OnceCell<(u64, u64)>,
    /// The interpreter it is made in.
    pub(super) interpreter: OnceCell<Arc<Interpreter>>,
    /// Where its thread stands.
    pub standing: Standing,
    pub(super) times: Mutex<Times>,
    /// Packages that its interpreter has, once the script is loaded.
    pub(super) packages: Mutex<Vec<String>>,
}

/// How long the phases took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    pub(super) lock: Duration,
    pub(super) interpreter: Duration,
    pub(super) import: Duration,
    pub(super) warm_up: Duration,
}

impl Attempt {
    /// An attempt for the owner of this ticket.
    pub fn new(
        app: &Arc<App>,
        applications: &'static Applications,
        ticket: Ticket,
        stamp: Stamp,
        log: Option<Arc<RequestLog>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            app: app.clone(),
            applications,
            ticket,
            stamp,
            claim: Mutex::default(),
            before: OnceCell::new(),
            log,
            permit: Mutex::default(),
            begun: OnceCell::new(),
            task: OnceCell::new(),
            interpreter: OnceCell::new(),
            standing: Standing::default(),
            times: Mutex::default(),
            packages: Mutex::default(),
        })
    }

    pub(super) fn key(&self) -> u64 {
        self.app.key(self.stamp, self.applications.runtime.settings.process.generation)
    }

    pub(super) fn say(&self, number: Message, text: impl Display) {
        match &self.log {
            Some(log) => log.message(number, text),
            None => host::message(number, text),
        }
    }

    /// How long it has been made.
    pub fn age(&self) -> Duration {
        let begun = self.begun.get().copied().unwrap_or_else(os::monotonic);
        Duration::from_micros((os::monotonic() - begun).max(0) as u64)
    }

    /// When the attempt must have ended, microseconds of the monotonic clock; `None`: its time has not begun.
    pub fn deadline(&self) -> Option<i64> {
        let limit = self.applications.runtime.settings.startup_timeout().as_micros() as i64;
        self.begun.get().map(|begun| begun + limit)
    }

    /// Ends the attempt because its time is over. True: another loader continues; false: the attempt ended in the last
    /// moment.
    pub fn time_out(&self) -> bool {
        let next = self.next_after_time_out();
        if self.app.on(self.ticket, Event::TimedOut { next }) != Counts::Yes {
            return false;
        }
        drop(lock(&self.permit).take());
        if let Some(task) = self.task.get() {
            self.applications.runtime.loader.replace(*task, self.applications.runtime.interpreters.main());
        }
        let record = self.timed_out();
        self.app.on(self.ticket, Event::TimeOutKnown);
        self.say_timed_out(&record);
        true
    }

    /// A thread hangs in its interpreter: the next attempt is made in another, if that can be.
    fn next_after_time_out(&self) -> NextInterpreter {
        let fresh = !self.app.interpreter.group().is_empty()
            && self.applications.runtime.interpreters.may_make_more();
        if fresh { NextInterpreter::Fresh } else { NextInterpreter::Group }
    }

    /// Files of the application, as far as it has come. Not attached.
    pub fn own_files(&self) -> Option<Vec<String>> {
        let interpreter = self.interpreter.get()?;
        interpreter.visit(|py| interpreter.own_files(py, &self.app.path))
    }

    /// Has files watched whose change makes another attempt due.
    pub fn watch(&self, files: Vec<String>) {
        self.applications.registry.watch(self.key(), files.into_iter().map(Watched::new).collect());
    }

    /// Makes the attempt, as this task (loader, number) of the loader's queue. Not attached.
    pub fn run(self: &Arc<Self>, task: (u64, u64)) {
        let _ = self.task.set(task);
        if gate().is_closed() || !self.take_permit() || !self.take_claim() {
            drop(lock(&self.permit).take());
            return;
        }
        let _ = self.begun.set(os::monotonic());
        // A service does not start, it runs.
        let told = !self.applications.runtime.settings.process.is_service();
        if told {
            self.applications.registry.begin(self.key());
            host::starts(Some(&self.app.path));
        }
        current::begin(self);
        let made =
            catch_unwind(AssertUnwindSafe(|| exits::while_starting(&self.app.shown(), || self.make())));
        current::end(self);
        if told {
            host::starts(None);
        }
        drop(lock(&self.permit).take());
        match made {
            Ok((Settled::InTime, done)) => self.end(done),
            Ok((Settled::Late(counts), done)) => self.end_late(done, counts),
            // The panic has been logged where it happened.
            Err(_) if self.app.on(self.ticket, Event::Broken) == Counts::Yes => {
                self.end(Err(Failure::new(msg::PANIC, &self.app, "a fault in mod_wsgi itself")));
            }
            Err(_) => {}
        }
        if let Some(claim) = lock(&self.claim).take() {
            self.applications.registry.give_up(claim);
        }
        self.applications.registry.finish(self.key());
    }

    /// Takes the claim to the application. False: another process has it, or it has failed there: whoever wants it looks
    /// again.
    fn take_claim(&self) -> bool {
        self.applications.bury(&self.app, self.key());
        match self.applications.registry.consult(self.key(), self.applications.is_bold(self.log.is_none())) {
            Advice::Start(claim) => {
                let _ = self.before.set((claim.record.clone(), claim.changed));
                *lock(&self.claim) = Some(claim);
                self.app.on(self.ticket, Event::Begun);
                true
            }
            Advice::Refuse(_) => {
                self.app.on(self.ticket, Event::Refused(None));
                false
            }
            Advice::Wait => {
                self.app.on(self.ticket, Event::LetGo);
                false
            }
        }
    }

    /// Waits for the startup lock. False: the process ends.
    fn take_permit(&self) -> bool {
        let begun = Instant::now();
        let mut told = Duration::from_secs(1);
        let permit = self.applications.registry.permit(&self.app.shown(), || {
            if begun.elapsed() >= told {
                told = begun.elapsed() + Duration::from_secs(10);
                self.say_waiting(begun.elapsed());
            }
            !gate().is_closed()
        });
        lock(&self.times).lock = begun.elapsed();
        let got = permit.is_some();
        *lock(&self.permit) = permit;
        got
    }
}
