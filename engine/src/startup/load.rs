//! What an attempt does on its loader: an interpreter, the script, the warm-up; and who settles its outcome.

use super::attempt::Attempt;
use super::failure::{Failure, at_start, failure_text, is_of_rules};
use super::script::Script;
use super::state::{Counts, Event, NextInterpreter};
use crate::python::{Bound, Py, Raised};
use crate::runtime::{Interpreter, Output, forks};
use os::lock;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::{Message, message as msg};

impl Attempt {
    /// Makes the interpreter if need be, loads the script there and warms it up. On a loader, not attached.
    pub(super) fn make(self: &Arc<Self>) -> (Settled, Result<(), Box<Failure>>) {
        let begun = Instant::now();
        let interpreter = match self.applications.interpreter_for(&self.app, self.ticket) {
            Ok(interpreter) => interpreter,
            Err(why) => {
                let what =
                    format!("interpreter '{}' cannot be created", wire::shown(&self.app.interpreter.label()));
                let mut failure = Failure::new(msg::INTERPRETER_FAILED, &self.app, &why);
                failure.what = what;
                return (self.settle(false, || ()), Err(failure));
            }
        };
        let _ = self.interpreter.set(interpreter.clone());
        lock(&self.times).interpreter = begun.elapsed();
        let output = self.log.as_ref().map(|log| Output::new(&self.app.path, log.clone()));
        let done = Output::current_while(output.clone(), || {
            interpreter.attach(|py| {
                let done = interpreter.inside(py, &self.standing, || self.load(py, &interpreter));
                if let Some(output) = &output {
                    output.flush();
                }
                done
            })
        });
        if let Some(output) = output {
            output.close();
        }
        done
    }

    /// Whether its outcome counts. The last step: until then the watchdog sees to it.
    fn settle(&self, well: bool, pause: impl Fn()) -> Settled {
        if self.app.on(self.ticket, Event::Ended { well }) == Counts::Yes {
            return Settled::InTime;
        }
        // Requests look into a start for moments only.
        let mut tries = if well { 400 } else { 0 };
        while tries > 0 {
            match self.app.on(self.ticket, Event::CameBack) {
                Counts::Yes => return Settled::Late(true),
                Counts::No => return Settled::Late(false),
                Counts::NotYet => pause(),
            }
            tries -= 1;
        }
        Settled::Late(false)
    }

    /// Loads the script and warms it up. Attached.
    fn load(&self, py: Py<'_>, interpreter: &Arc<Interpreter>) -> (Settled, Result<(), Box<Failure>>) {
        let begun = Instant::now();
        let before = match interpreter.begin_attempt(py) {
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
        let loaded = interpreter.load_script(
            py,
            &self.app,
            self.applications.runtime.settings.process.rules(),
            self.stamp.modified,
        );
        leave_if_copy(py, &loaded);
        lock(&self.times).import = begun.elapsed();
        let warmed = match loaded {
            Ok(module) => self.warm(py, interpreter, &module).map(|()| module),
            Err((number, raised)) => Err(self.raised(py, interpreter, number, raised)),
        };
        let done = warmed.map_err(|mut failure| {
            if self.app.is_made(self.ticket) {
                failure.next_interpreter = self.clean_up(py, interpreter, &before);
            }
            failure
        });
        interpreter.end_attempt(py, &before);
        let pause = || py.detached(|| std::thread::sleep(Duration::from_millis(5)));
        let outcome = self.settle(done.is_ok(), pause);
        let done = done.map(|module| {
            if outcome.counts() {
                *lock(&self.packages) = interpreter.packages(py);
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
        if plan.warm_ups.is_empty() || self.app.on(self.ticket, Event::Warms) != Counts::Yes {
            return Ok(());
        }
        let warm_up = self.applications.protocol.warm_up;
        let begun = Instant::now();
        let script = Script {
            path: &self.app.path,
            resource: &self.app.path,
            group: self.app.interpreter.group(),
            named_by_client: false,
            callable: &self.app.callable,
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
        let path = wire::shown(path);
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
        let alone = self.app.serving().is_none() && self.applications.is_alone_in(&self.app, interpreter);
        let fresh = alone
            && !interpreter.name().is_empty()
            && !interpreter.has_extensions(py)
            && self.applications.runtime.interpreters.may_make_more();
        interpreter.roll_back(py, before, alone);
        if fresh { NextInterpreter::Fresh } else { NextInterpreter::Group }
    }
}

/// Whether the outcome of an attempt counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// The attempt has ended in time.
    InTime,
    /// The attempt had timed out; true: no other was made since.
    Late(bool),
}

impl Settled {
    fn counts(self) -> bool {
        self != Self::Late(false)
    }
}

/// A process that the script has forked comes here too: it ends, as it would have ended behind its script.
fn leave_if_copy(py: Py<'_>, loaded: &Result<Bound<'_>, (Message, Raised)>) {
    if !forks::is_copy() {
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
    os::end(status)
}
