//! What a request does about an application that does not serve yet: have it started, wait, or be refused.

use super::app::{App, Seen, State};
use super::applications::{Applications, application};
use super::attempt::Attempt;
use super::claims::Advice;
use super::first::Waiting;
use super::record::Record;
use super::script::{Script, stamp};
use super::{applications, notices};
use crate::host::{self, Renewal, Renewed};
use crate::runtime::loader::Task;
use crate::runtime::{RequestLog, gate, lock};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use wire::plan::StartPlan;
use wire::{Stamp, message as msg};

/// A short line about an application is written once in this time: on one that is down by all processes together.
const BETWEEN_LINES: Duration = Duration::from_secs(10);
/// How long a refusal is repeated before files are looked at again.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// Attempts that hang cost a thread each, so no more are made in a process unless something has changed.
const MOST_HUNG: u32 = 3;
/// What a process waits for another one's attempt, beyond the time that a start may take, and at most.
const BEYOND: Duration = Duration::from_secs(30);
const FOR_OTHERS: Duration = Duration::from_secs(600);

/// Why a request cannot be served now.
#[derive(Debug)]
pub enum Refusal {
    /// The application failed to start.
    Failed(Box<Record>),
    /// The application is being started, and the request has waited long enough, or too many requests wait.
    Busy,
    /// The process ends.
    Stopping,
    /// Another process has taken the place of this one.
    Elsewhere,
}

impl Refusal {
    /// Seconds after which a client may try again.
    pub fn retry_after(&self) -> u32 {
        match self {
            Self::Failed(record) => {
                ((record.next - os::monotonic()).max(0) as u64).div_ceil(1_000_000).clamp(1, 60) as u32
            }
            Self::Busy => 2,
            Self::Stopping | Self::Elsewhere => 1,
        }
    }
}

/// Has an application started, or started again: `seen` is what the request found too old. Waits for it, but no longer
/// than a start may take, and not with too many other threads of the process; without a log, for a process that starts,
/// as long as it takes. Not attached.
pub fn start(app: &Arc<App>, seen: Seen, stamp: Stamp, log: Option<&Arc<RequestLog>>) -> Result<(), Refusal> {
    let applications = applications::get().ok_or(Refusal::Stopping)?;
    let runtime = applications.runtime;
    let patience =
        if log.is_some() { runtime.settings.startup_timeout() } else { Duration::from_secs(u32::MAX.into()) };
    let until = Instant::now() + patience;
    // An attempt of this process ends by itself; one of another is waited for as long as it may take.
    let others = until.min(Instant::now() + (runtime.settings.startup_timeout() + BEYOND).min(FOR_OTHERS));
    let key = app.key(stamp, runtime.settings.process.generation);
    let mut waiting = None;
    let mut mine = false;
    loop {
        let mut inner = app.inner();
        while inner.state.is_moving() {
            if gate().is_closed() {
                return Err(Refusal::Stopping);
            }
            let stalled = log.is_none() && runtime.loader.is_stalled();
            if stalled || Instant::now() >= until || !may_wait(&mut waiting, app, applications, log) {
                return Err(Refusal::Busy);
            }
            inner = app.wait(inner, until);
        }
        if inner.state == State::Ready && app.seen() != seen {
            return Ok(());
        }
        if mine && inner.state == State::Failed {
            drop(inner);
            return Err(refused(applications, key));
        }
        if let Some(record) = inner.refused(key, BETWEEN_LOOKS) {
            drop(inner);
            say_short(applications, app, key, &record);
            return Err(Refusal::Failed(Box::new(record)));
        }
        let hung = inner.hung;
        let (ticket, was) = inner.own();
        drop(inner);
        let mut wait = || may_wait(&mut waiting, app, applications, log);
        match consult(applications, app, key, (hung, applications.is_bold(log.is_none())), others, &mut wait)
        {
            // What failed here once is tried in a process that knows nothing of it.
            Ok(())
                if was == State::Failed
                    && let Some(renewal) = host::renewal() =>
            {
                app.leave(ticket, was);
                return Err(replaced(applications, app, key, renewal, until));
            }
            Ok(()) if wait() => {
                mine = true;
                let attempt = Attempt::new(app, applications, (ticket, was), stamp, log.cloned());
                runtime.loader.send(Task::Do(Box::new(move |task| attempt.run(task))));
            }
            Ok(()) => {
                app.leave(ticket, was);
                return Err(Refusal::Busy);
            }
            Err(refusal) => {
                let failed = if let Refusal::Failed(record) = &refusal {
                    app.inner().note_refusal(key, record);
                    true
                } else {
                    false
                };
                app.leave(ticket, if failed { State::Failed } else { was });
                return Err(refusal);
            }
        }
    }
}

/// Starts an application before any request asks for it; what goes wrong is logged. False: it does not serve.
pub fn preload(script: &Script<'_>, plan: impl FnOnce() -> StartPlan) -> bool {
    let app = application(script, plan);
    app.is_some_and(|app| start(&app, Seen::NOTHING, stamp(script.path), None).is_ok())
}

/// The application failed here: another process tries it again, which is waited for.
fn replaced(
    applications: &Applications,
    app: &App,
    key: u64,
    renewal: &dyn Renewal,
    until: Instant,
) -> Refusal {
    let attempts = |record: Option<Record>| record.map_or(0, |record| record.attempts);
    let before = attempts(applications.registry.record(key));
    let failed_again = || gate().is_closed() || attempts(applications.registry.record(key)) != before;
    match renewal.failed(&app.path, until, &failed_again) {
        Renewed::Elsewhere => Refusal::Elsewhere,
        Renewed::Here => refused(applications, key),
    }
}

/// Counts the thread among those that wait, once; false if too many do. Without a log it is one of a process that
/// starts, and nobody else's.
fn may_wait(
    waiting: &mut Option<Waiting>,
    app: &App,
    applications: &Applications,
    log: Option<&Arc<RequestLog>>,
) -> bool {
    let Some(log) = log else { return true };
    if waiting.is_none() {
        *waiting = Waiting::begin(applications.runtime.settings.may_wait());
        if waiting.is_none() {
            say_busy(app, applications, log);
        }
    }
    waiting.is_some()
}

/// Asks the registry until it advises something else than waiting. Whoever makes the attempt asks it once more: nothing is
/// claimed for a task that waits in a queue.
fn consult(
    applications: &Applications,
    app: &App,
    key: u64,
    (hung, bold): (u32, bool),
    until: Instant,
    may_wait: &mut dyn FnMut() -> bool,
) -> Result<(), Refusal> {
    loop {
        applications.bury(app, key);
        match applications.registry.consult(key, bold) {
            Advice::Refuse(record) => {
                say_short(applications, app, key, &record);
                return Err(Refusal::Failed(Box::new(record)));
            }
            Advice::Start(claim) if hung >= MOST_HUNG && !claim.changed && claim.failed() => {
                let record = claim.record.clone();
                applications.registry.give_up(claim);
                say_short(applications, app, key, &record);
                return Err(Refusal::Failed(Box::new(record)));
            }
            Advice::Start(claim) => {
                applications.registry.give_up(claim);
                return Ok(());
            }
            Advice::Wait if gate().is_closed() => return Err(Refusal::Stopping),
            Advice::Wait if Instant::now() >= until || !may_wait() => return Err(Refusal::Busy),
            Advice::Wait => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn say_short(applications: &Applications, app: &App, key: u64, record: &Record) {
    if applications.registry.may_say(key, BETWEEN_LINES) {
        notices::say_short(app, record);
    }
}

/// Too many threads wait for applications that start.
fn say_busy(app: &App, applications: &Applications, log: &RequestLog) {
    static SAID: Mutex<Option<Instant>> = Mutex::new(None);
    let mut said = lock(&SAID);
    if said.is_none_or(|said| said.elapsed() >= BETWEEN_LINES) {
        *said = Some(Instant::now());
        let text = format!(
            "'{}' is being started, and {} threads of this process already wait for applications that start: this request gets 503",
            app.shown(),
            applications.runtime.settings.may_wait()
        );
        log.message(msg::TOO_MANY_WAIT, text);
    }
}

/// The attempt that this request wanted has failed.
fn refused(applications: &Applications, key: u64) -> Refusal {
    applications.registry.record(key).map_or(Refusal::Busy, |record| Refusal::Failed(Box::new(record)))
}
