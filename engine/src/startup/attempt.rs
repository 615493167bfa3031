//! One attempt to start an application: the startup lock, an interpreter, the script, the warm-up, and the verdict.

use super::app::{App, NextInterpreter, State};
use super::failure::{Failure, at_start, failure_text, is_of_rules};
use super::interpreter::Interpreter;
use super::permits::Permit;
use super::record::{Record, Watched};
use super::registry::{Advice, Claim};
use super::script::Script;
use super::{Runtime, exits, lock, os, watch};
use crate::host;
use crate::python::{Bound, Py, Raised, Standing};
use crate::wsgi::{Call, RequestLog, warm_up};
use once_cell::sync::OnceCell;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use wire::{Message, Stamp, message as msg};

/// An attempt.
pub struct Attempt {
    /// What is started.
    pub app: Arc<App>,
    pub(super) runtime: &'static Runtime,
    /// The ticket of its owner.
    pub(super) serial: u64,
    /// Where the application stood.
    was: State,
    /// The script as it was seen.
    stamp: Stamp,
    pub(super) claim: Mutex<Option<Claim>>,
    /// What the server knew before, and whether a file has changed since.
    pub(super) before: OnceCell<(Record, bool)>,
    /// Log of the request that wants it; none when the process starts.
    pub(super) log: Option<Arc<RequestLog>>,
    pub(super) permit: Mutex<Option<Permit<'static>>>,
    /// Begin of the time that is limited, microseconds; 0: not yet.
    begun: AtomicI64,
    /// Which loader makes it, and which of the queue's tasks it is.
    task: OnceCell<(u64, u64)>,
    /// Where it is made.
    interpreter: OnceCell<Arc<Interpreter>>,
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

impl Attempt {
    /// An attempt for the owner of this ticket.
    pub fn new(
        app: &Arc<App>,
        runtime: &'static Runtime,
        (serial, was): (u64, State),
        stamp: Stamp,
        log: Option<Arc<RequestLog>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            app: app.clone(),
            runtime,
            serial,
            was,
            stamp,
            claim: Mutex::default(),
            before: OnceCell::new(),
            log,
            permit: Mutex::default(),
            begun: AtomicI64::new(0),
            task: OnceCell::new(),
            interpreter: OnceCell::new(),
            standing: Standing::default(),
            times: Mutex::default(),
        })
    }

    pub(super) fn key(&self) -> u64 {
        self.app.key(self.stamp, self.runtime.settings.generation)
    }

    pub(super) fn say(&self, number: Message, text: impl Display) {
        match &self.log {
            Some(log) => log.message(number, text),
            None => host::message(number, text),
        }
    }

    /// How long it has been made.
    pub fn age(&self) -> Duration {
        Duration::from_micros((os::now() - self.begun.load(Ordering::SeqCst)).max(0) as u64)
    }

    /// When it must have ended, microseconds; `None`: its time has not begun.
    pub fn deadline(&self) -> Option<i64> {
        let begun = self.begun.load(Ordering::SeqCst);
        (begun > 0).then(|| begun + self.runtime.settings.startup_timeout.as_micros() as i64)
    }

    /// Its time is over, says the watchdog. True: another loader goes on; false: it has ended in the last moment.
    pub fn time_out(&self) -> bool {
        if !self.app.time_out(self.serial, self.next_after_time_out()) {
            return false;
        }
        drop(lock(&self.permit).take());
        if let Some(task) = self.task.get() {
            self.runtime.loader.replace(*task, self.runtime.interpreters.main());
        }
        let record = self.timed_out();
        self.app.leave_timed_out(self.serial);
        self.say_timed_out(&record);
        true
    }

    /// A thread hangs in its interpreter: the next attempt is made in another, if that can be.
    fn next_after_time_out(&self) -> NextInterpreter {
        let fresh = !self.app.group.is_empty() && self.runtime.interpreters.may_make_more();
        if fresh { NextInterpreter::Fresh } else { NextInterpreter::Group }
    }

    /// Files of the application, as far as it has come. Not attached.
    pub fn own_files(&self) -> Option<Vec<String>> {
        let interpreter = self.interpreter.get()?;
        interpreter.visit(|py| interpreter.own_files(py, &self.app.path))
    }

    /// Has files watched whose change makes another attempt due.
    pub fn watch(&self, files: Vec<String>) {
        self.runtime.registry.watch(self.key(), files.into_iter().map(Watched::new).collect());
    }

    /// Makes it, as this task of this loader. Not attached.
    pub fn run(self: &Arc<Self>, task: (u64, u64)) {
        let _ = self.task.set(task);
        if super::GATE.is_closed() || !self.take_permit() || !self.take_claim() {
            drop(lock(&self.permit).take());
            return;
        }
        self.begun.store(os::now(), Ordering::SeqCst);
        // A service does not start, it runs.
        let told = !self.runtime.is_service();
        if told {
            self.runtime.registry.begin(self.key());
            host::starts(Some(&self.app.path));
        }
        watch::begin(self);
        let made = catch_unwind(AssertUnwindSafe(|| exits::while_starting(&self.app, || self.make())));
        watch::end(self);
        if told {
            host::starts(None);
        }
        drop(lock(&self.permit).take());
        match made {
            Ok((Settled::InTime, done)) => self.end(done),
            Ok((Settled::Late(counts), done)) => self.end_late(done, counts),
            // The panic has been logged where it happened.
            Err(_) if self.app.is_owned_by(self.serial) => {
                self.end(Err(Failure::new(msg::PANIC, &self.app, "a fault in mod_wsgi itself")));
            }
            Err(_) => {}
        }
        if let Some(claim) = lock(&self.claim).take() {
            self.runtime.registry.give_up(claim);
        }
        self.runtime.registry.finish(self.key());
    }

    /// Takes the claim to the application. False: another process has it, or it has failed there: whoever wants it looks
    /// again.
    fn take_claim(&self) -> bool {
        self.runtime.bury(&self.app, self.key());
        match self.runtime.registry.consult(self.key(), self.runtime.is_bold(self.log.is_none())) {
            Advice::Start(claim) => {
                let _ = self.before.set((claim.record.clone(), claim.changed));
                *lock(&self.claim) = Some(claim);
                self.app.begin(self.serial);
                true
            }
            Advice::Refuse(_) => {
                self.app.leave(self.serial, State::Failed);
                false
            }
            Advice::Wait => {
                self.app.leave(self.serial, self.was);
                false
            }
        }
    }

    /// Waits for the startup lock. False: the process ends.
    fn take_permit(&self) -> bool {
        let begun = Instant::now();
        let mut told = Duration::from_secs(1);
        let permit = self.runtime.registry.permit(&self.app.shown(), || {
            if begun.elapsed() >= told {
                told = begun.elapsed() + Duration::from_secs(10);
                self.say_waiting(begun.elapsed());
            }
            !super::GATE.is_closed()
        });
        lock(&self.times).lock = begun.elapsed();
        let got = permit.is_some();
        *lock(&self.permit) = permit;
        got
    }

    fn make(self: &Arc<Self>) -> (Settled, Result<(), Box<Failure>>) {
        let begun = Instant::now();
        let interpreter = match self.runtime.interpreters.place(&self.app) {
            Ok(interpreter) => interpreter,
            Err(why) => {
                let what =
                    format!("interpreter '{}' cannot be made", String::from_utf8_lossy(&self.app.group));
                let mut failure = Failure::new(msg::INTERPRETER_FAILED, &self.app, &why);
                failure.what = what;
                return (self.settle(false, || ()), Err(failure));
            }
        };
        let _ = self.interpreter.set(interpreter.clone());
        lock(&self.times).interpreter = begun.elapsed();
        let call =
            self.log.as_ref().map(|log| Call::of_start(interpreter.clone(), &self.app.path, log.clone()));
        let done = Call::current_while(call.clone(), || {
            interpreter.attach(|py| {
                let done = self.standing.inside(py, || self.load(py, &interpreter));
                if let Some(call) = &call {
                    call.flush_streams(py);
                }
                done
            })
        });
        if let Some(call) = call {
            call.close();
        }
        done
    }

    /// Whether its outcome counts. The last step: until then the watchdog sees to it.
    fn settle(&self, well: bool, pause: impl Fn()) -> Settled {
        if self.app.settle(self.serial) {
            return Settled::InTime;
        }
        self.app.let_go();
        // Requests look into a start for moments only.
        let mut tries = if well { 400 } else { 0 };
        while tries > 0 {
            match self.app.come_back(self.serial) {
                Some(counts) => return Settled::Late(counts),
                None => pause(),
            }
            tries -= 1;
        }
        Settled::Late(false)
    }

    /// Loads the script and warms it up. Attached.
    fn load(&self, py: Py<'_>, interpreter: &Arc<Interpreter>) -> (Settled, Result<(), Box<Failure>>) {
        let begun = Instant::now();
        let limit = self.runtime.settings.startup_timeout + watch::LAST_RESORT;
        let before = match interpreter.begin_attempt(py, limit, watch::dump_descriptor()) {
            Ok(before) => before,
            Err(raised) => {
                let class = raised.class_name(py);
                raised.forget(py);
                return (
                    self.settle(false, || ()),
                    Err(Failure::new(msg::INTERPRETER_FAILED, &self.app, &class)),
                );
            }
        };
        self.say_loading(interpreter);
        let loaded =
            interpreter.load_script(py, &self.app, self.runtime.settings.rules(), self.stamp.modified);
        leave_if_copy(py, &loaded);
        lock(&self.times).import = begun.elapsed();
        let warmed = match loaded {
            Ok(module) => self.warm(py, interpreter, &module).map(|()| module),
            Err((number, raised)) => Err(self.raised(py, interpreter, number, raised)),
        };
        let done = warmed.map_err(|mut failure| {
            if self.app.is_owned_by(self.serial) {
                failure.next_interpreter = self.clean_up(py, interpreter, &before);
            }
            failure
        });
        interpreter.end_attempt(py, &before);
        let pause = || py.detached(|| std::thread::sleep(Duration::from_millis(5)));
        let outcome = self.settle(done.is_ok(), pause);
        let done = done.map(|module| {
            if outcome.counts() {
                self.app.serve(interpreter, module.keep(), self.stamp);
            }
        });
        (outcome, done)
    }

    fn raised(
        &self,
        py: Py<'_>,
        interpreter: &Arc<Interpreter>,
        number: Message,
        raised: Raised,
    ) -> Box<Failure> {
        let class = raised.class_name(py);
        let exception = raised.take(py);
        let number = if self.log.is_some() { number } else { at_start(number) };
        let (mut cause, watched) = interpreter.examine(py, &self.app.path, &exception);
        let what = if is_of_rules(number) {
            cause.trace.clear();
            format!("WSGI script '{}' was not run: {}", self.app.shown(), cause.text)
        } else {
            failure_text(number, &self.app, &class, &interpreter.context())
        };
        Box::new(Failure { number, what, cause, watched, next_interpreter: NextInterpreter::Group })
    }

    fn warm(
        &self,
        py: Py<'_>,
        interpreter: &Arc<Interpreter>,
        module: &Bound<'_>,
    ) -> Result<(), Box<Failure>> {
        let plan = &self.app.plan;
        if plan.warm_ups.is_empty() || !self.app.warm(self.serial) {
            return Ok(());
        }
        let begun = Instant::now();
        let script = Script {
            path: &self.app.path,
            group: &self.app.group,
            callable: &plan.callable,
            stamp: self.stamp,
            reload: false,
        };
        let failed = plan.warm_ups.iter().find_map(|request| {
            let status = warm_up(py, interpreter, &script, module, request, self.log.clone());
            leave_if_copy(py, &Ok(Bound::none(py)));
            (status >= 500).then_some((&request.path, status))
        });
        lock(&self.times).warm_up = begun.elapsed();
        let Some((path, status)) = failed else { return Ok(()) };
        let mut failure =
            Failure::new(msg::WARM_UP_FAILED, &self.app, &format!("GET {path} answered {status}"));
        failure.what = format!("warm-up request {path} of '{}' answered {status}", self.app.shown());
        failure.watched = interpreter.own_files(py, &self.app.path);
        Err(failure)
    }

    /// Nothing is built upon what a failed attempt left: what it imported is forgotten, and the next one gets a new
    /// interpreter if that can be. A new one is of no use where packages are loaded that allow one interpreter in a
    /// process, and those are extension modules.
    fn clean_up(&self, py: Py<'_>, interpreter: &Arc<Interpreter>, before: &Bound<'_>) -> NextInterpreter {
        let alone = self.app.serving().is_none() && self.runtime.is_alone_in(&self.app, interpreter);
        let fresh = alone
            && !interpreter.name().is_empty()
            && !interpreter.has_extensions(py)
            && self.runtime.interpreters.may_make_more();
        interpreter.roll_back(py, before, alone);
        if fresh { NextInterpreter::Fresh } else { NextInterpreter::Group }
    }
}

/// Whether the outcome of an attempt counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    /// It has ended in time.
    InTime,
    /// It had timed out; true: no other attempt was made since.
    Late(bool),
}

impl Settled {
    fn counts(self) -> bool {
        self != Self::Late(false)
    }
}

/// A process that the script has forked comes here too: it ends, as it would have ended behind its script.
fn leave_if_copy(py: Py<'_>, loaded: &Result<Bound<'_>, (Message, Raised)>) {
    if !super::is_copy() {
        return;
    }
    let status = match loaded {
        Ok(_) => 0,
        Err((msg::SCRIPT_EXITED, _)) => Raised.exit_status(py),
        Err(_) => {
            Raised.print(py);
            1
        }
    };
    os::end_process(status)
}
