//! The watchdog: a thread that ends what hangs and says where.
//!
//! It looks at four things: an attempt beyond its deadline, requests that wait for each other's imports or take long, and SIGUSR2,
//! at which it writes the report alone. It never waits for the GIL itself: another thread does, and if that does not get
//! it, the stacks are had without it ([`blocked`]).

use super::imports::FIRST_LOOK;
use super::{blocked, gil, imports, report, slow};
use crate::host;
use crate::requests::ActiveRequest;
use crate::runtime::alarm::{self, Alarm};
use crate::runtime::{self, Runtime, forks, notices};
use crate::startup::{Attempt, current, end_attempt};
use once_cell::sync::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use wire::{Message, message as msg};

/// How long the report may wait for the GIL.
const FOR_THE_GIL: Duration = Duration::from_secs(2);
/// How often requests are looked at, at most.
const SHORTEST_LOOK: Duration = Duration::from_millis(250);
/// Until something wakes it.
const FOR_EVER: Duration = Duration::from_secs(3600);

struct Watch {
    runtime: &'static Runtime,
    alarm: &'static Alarm,
}

static WATCH: OnceCell<Watch> = OnceCell::new();
static STOPPED: AtomicBool = AtomicBool::new(false);
static THREAD: Mutex<Option<JoinHandle<()>>> = Mutex::new(None);

/// Starts the watchdog.
pub fn start() -> Result<(), String> {
    let runtime = runtime::get().ok_or("Python was not started")?;
    let failed = |e: std::io::Error| format!("no watchdog: {e}");
    let watch = Watch { runtime, alarm: alarm::make().map_err(failed)? };
    let watch = WATCH.get_or_init(|| watch);
    STOPPED.store(false, Ordering::SeqCst);
    let thread = std::thread::Builder::new().name("wsgi-watchdog".into()).spawn(|| {
        forks::report_at_signal(&watch.alarm.wake);
        while !STOPPED.load(Ordering::SeqCst) {
            // What panics is logged, and does not end the watchdog.
            let _ = catch_unwind(AssertUnwindSafe(|| watch.run()));
        }
    });
    *os::lock(&THREAD) = Some(thread.map_err(failed)?);
    Ok(())
}

/// Ends the watchdog, for this process is to be forked; its copies start their own. Not attached.
pub fn stop() {
    STOPPED.store(true, Ordering::SeqCst);
    alarm::ring();
    if let Some(thread) = os::lock(&THREAD).take() {
        let _ = thread.join();
    }
}

/// Writes the stacks of all threads to the log, below a message.
pub fn report_now(number: Message, text: &str) {
    match WATCH.get() {
        Some(watch) => watch.report(number, text, None),
        None => host::message(number, text),
    }
}

impl Watch {
    fn run(&'static self) {
        // Requests are looked at a few times within the time that they may wait for an import.
        let between = (self.runtime.settings.import_timeout() / 8).clamp(SHORTEST_LOOK, FIRST_LOOK);
        loop {
            let deadline = current().and_then(|attempt| attempt.deadline());
            let rest = deadline.map(|at| Duration::from_micros((at - os::monotonic()).max(0) as u64 + 1000));
            let requests = imports::may_hang(self.runtime);
            let pause = match requests {
                true => between,
                false if ActiveRequest::none_runs() => FOR_EVER,
                false => FIRST_LOOK,
            };
            gil::requests_run(pause < FOR_EVER);
            let pause =
                slow::pause(self.runtime).filter(|_| pause < FOR_EVER).map_or(pause, |slow| pause.min(slow));
            self.alarm.wake.sleep(rest.unwrap_or(pause).min(pause));
            if STOPPED.load(Ordering::SeqCst) {
                return;
            }
            if forks::report_is_asked_for() {
                self.report(msg::REPORT, "the stacks of all threads, requested by SIGUSR2:", None);
                let process = &self.runtime.settings.process;
                if process.daemon && !process.is_service() {
                    notices::signal(os::Signal::SIGUSR2);
                }
            }
            if let Some(attempt) = current()
                && attempt.deadline().is_some_and(|at| os::monotonic() >= at)
                && attempt.time_out()
            {
                end_attempt(&attempt);
                self.report_late(&attempt);
            }
            if requests {
                imports::look(self.runtime);
            }
            slow::look(self.runtime);
        }
    }

    fn report_late(&'static self, attempt: &Arc<Attempt>) {
        // The line that says so is written.
        self.report(msg::START_TIMEOUT, "", Some(attempt.clone()));
    }

    /// Writes the report to the log.
    fn report(&'static self, number: Message, text: &str, attempt: Option<Arc<Attempt>>) {
        let late = attempt.is_some();
        let (send, receive) = channel();
        let attempt = attempt.or_else(current);
        let spawned = std::thread::Builder::new().name("wsgi-report".into()).spawn(move || {
            let _ = send.send(report::lines(self.runtime, attempt.as_ref()));
            if late && let Some(files) = attempt.as_ref().and_then(|attempt| attempt.own_files()) {
                attempt.iter().for_each(|attempt| attempt.watch(files.clone()));
            }
            crate::python::delete_states_of_this_thread();
        });
        let lines = match spawned.map(|_| receive.recv_timeout(FOR_THE_GIL)) {
            Ok(Ok(lines)) if lines.is_empty() => {
                vec!["no thread runs Python code: loading has not begun yet".to_owned()]
            }
            Ok(Ok(lines)) => lines,
            Ok(Err(RecvTimeoutError::Timeout)) => {
                let who = match self.runtime.interpreters.gils() {
                    1 => {
                        "all Python threads are blocked: an extension module holds the GIL and does not release it"
                    }
                    _ => {
                        "threads are blocked: an extension module holds the GIL of an interpreter and does not release it"
                    }
                };
                let mut lines = vec![who.to_owned()];
                lines.extend(blocked::lines());
                lines
            }
            _ => vec!["the stacks cannot be shown: no thread can be started".to_owned()],
        };
        if !text.is_empty() {
            host::message(number, text);
        }
        lines.iter().for_each(|line| host::log(number.level(), line.as_bytes()));
    }
}
