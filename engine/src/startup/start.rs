//! What a request does about an application that does not serve yet: have it started, wait, or be refused.

use super::app::{App, Seen};
use super::applications::{Applications, application};
use super::attempt::Attempt;
use super::claims::Advice;
use super::decision::{Advised, Limits, Situation, Step};
use super::first::Waiting;
use super::progress::Wanted;
use super::record::Record;
use super::script::{Script, stamp};
use super::several::start_others;
use super::state::Event;
use super::{applications, notices};
use crate::host::{self, Renewed};
use crate::runtime::loader::Task;
use crate::runtime::{RequestLog, gate};
use os::lock;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use wire::plan::StartPlan;
use wire::{Stamp, message as msg};

/// A short line about an application is written once in this time: on one that is down by all processes together.
const BETWEEN_LINES: Duration = Duration::from_secs(10);
/// How often a request asks about the attempt of another process.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(20);

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
    let longest = i64::try_from(runtime.settings.startup_timeout().as_micros()).unwrap_or(i64::MAX);
    let limits = Limits::new(os::monotonic(), longest, log.map(|_| longest));
    let key = app.key(stamp, runtime.settings.process.generation);
    let mut waiting = None;
    let mut may_wait = || may_wait(&mut waiting, app, applications, log);
    let mut has_tried = false;
    loop {
        let (ticket, situation) = match app.want(seen, has_tried, key) {
            Wanted::Moves => {
                let stalled = log.is_none() && runtime.loader.is_stalled();
                match limits.while_moving(os::monotonic(), gate().is_closed(), stalled) {
                    Step::Stop => return Err(Refusal::Stopping),
                    Step::Wait if may_wait() => app.wait(limits.own),
                    _ => return Err(Refusal::Busy),
                }
                continue;
            }
            Wanted::Serves => return Ok(()),
            Wanted::Failed => return Err(refused(applications, key)),
            Wanted::Refused(record) => {
                say_short(applications, app, key, &record);
                return Err(Refusal::Failed(Box::new(record)));
            }
            Wanted::Yours { ticket, failed, hung } => {
                (ticket, Situation { failed_here: failed, hung, ..Situation::default() })
            }
        };
        let is_bold = applications.is_bold(log.is_none());
        match consult(applications, app, (key, is_bold), &limits, situation, &mut may_wait) {
            Asked::Start => {
                has_tried = true;
                app.on(ticket, Event::Queued);
                let attempt = Attempt::new(app, applications, ticket, stamp, log.cloned());
                runtime.loader.send(Task::Do(Box::new(move |task| attempt.run(task))));
            }
            Asked::Renew => {
                app.on(ticket, Event::LetGo);
                return Err(replaced(applications, app, key, &limits));
            }
            Asked::Failed(record) => {
                app.on(ticket, Event::Refused(Some((key, record.clone()))));
                return Err(Refusal::Failed(Box::new(record)));
            }
            Asked::Refused(refusal) => {
                app.on(ticket, Event::LetGo);
                return Err(refusal);
            }
        }
    }
}

/// Starts an application before any request asks for it; what goes wrong is logged. False: it does not serve.
pub fn preload(script: &Script<'_>, plan: impl FnOnce() -> StartPlan) -> bool {
    let app = application(script, plan);
    let is_up = |app: &Arc<App>| start(app, Seen::NOTHING, stamp(script.path), None).is_ok();
    app.is_some_and(|app| is_up(&app) && start_others(&app))
}

/// The application failed here: another process tries it again, which is waited for.
fn replaced(applications: &Applications, app: &App, key: u64, limits: &Limits) -> Refusal {
    let Some(renewal) = host::renewal() else { return refused(applications, key) };
    let attempts = |record: Option<Record>| record.map_or(0, |record| record.attempts);
    let before = attempts(applications.registry.record(key));
    let failed_again = || gate().is_closed() || attempts(applications.registry.record(key)) != before;
    let rest = limits.own.saturating_sub(os::monotonic()).max(0) as u64;
    match renewal.failed(&app.path, Instant::now() + Duration::from_micros(rest), &failed_again) {
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

/// What a request has found out about the start of an application.
enum Asked {
    /// It has an attempt made.
    Start,
    /// Another process is to take the place of this one.
    Renew,
    /// The application is known to fail.
    Failed(Record),
    /// Nothing is known of the application, but the request cannot wait.
    Refused(Refusal),
}

/// Asks the registry until it advises something else than waiting. Whoever makes the attempt asks it once more: nothing is
/// claimed for a task that waits in a queue.
fn consult(
    applications: &Applications,
    app: &App,
    (key, is_bold): (u64, bool),
    limits: &Limits,
    mut situation: Situation,
    may_wait: &mut dyn FnMut() -> bool,
) -> Asked {
    situation.renewable = host::renewal().is_some();
    loop {
        applications.bury(app, key);
        let (advised, record) = match applications.registry.consult(key, is_bold) {
            Advice::Refuse(record) => (Advised::Refuse, record),
            Advice::Wait => (Advised::Wait, Record::default()),
            Advice::Start(claim) => {
                let (again, record) = (claim.failed() && !claim.changed, claim.record.clone());
                applications.registry.give_up(claim);
                (Advised::Start { again }, record)
            }
        };
        situation.stopping = gate().is_closed();
        match limits.when_advised(os::monotonic(), advised, &situation) {
            Step::Refuse => {
                say_short(applications, app, key, &record);
                return Asked::Failed(record);
            }
            Step::Renew => return Asked::Renew,
            Step::Start if may_wait() => return Asked::Start,
            Step::Wait if may_wait() => std::thread::sleep(BETWEEN_QUESTIONS),
            Step::Stop => return Asked::Refused(Refusal::Stopping),
            Step::Start | Step::Wait | Step::GiveUp => return Asked::Refused(Refusal::Busy),
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
