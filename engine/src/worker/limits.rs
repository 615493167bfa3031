//! The monitor: what has a time or a number that it may not exceed. Each says what it saw before it acts.

use super::control::limit as seconds;
use super::process::Worker;
use super::system;
use crate::host;
use crate::requests::{ActiveRequest, Interrupt};
use crate::runtime;
use crate::watchdog;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use wire::control::Reason;
use wire::message as msg;

/// How often requests are looked at while one of their limits is set, and everything else.
const LOOKS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(250));

/// What the monitor knows.
pub struct Limits {
    worker: &'static Worker,
    begun: Instant,
    /// Why a successor was asked for.
    asked: Option<Reason>,
    interrupted: Vec<(Arc<ActiveRequest>, Instant)>,
    /// When the helper got the GIL last, milliseconds since the beginning.
    alive: Arc<AtomicI64>,
}

impl Limits {
    /// Begins to watch the limits.
    pub fn new(worker: &'static Worker) -> Self {
        let limits = Self {
            worker,
            begun: Instant::now(),
            asked: None,
            interrupted: Vec::new(),
            alive: Arc::new(AtomicI64::new(0)),
        };
        if worker.settings.deadlock_timeout > 0.0 {
            limits.watch_gil();
        }
        limits
    }

    /// A helper takes the GIL of the main interpreter again and again.
    fn watch_gil(&self) {
        let (alive, begun) = (self.alive.clone(), self.begun);
        let often = Duration::from_secs_f64((self.worker.settings.deadlock_timeout / 4.0).clamp(0.05, 1.0));
        let body = move || {
            loop {
                runtime::visit_main();
                alive.store(begun.elapsed().as_millis() as i64, Ordering::SeqCst);
                std::thread::sleep(often);
            }
        };
        let _ = std::thread::Builder::new().name("wsgi-gil".into()).spawn(body);
    }

    /// Until the next look.
    pub fn pause(&self) -> Duration {
        if self.worker.settings.request_timeout > 0.0 { LOOKS.0 } else { LOOKS.1 }
    }

    /// Looks at all limits, and asks for a successor where one is reached.
    pub fn look(&mut self) {
        if !self.worker.serving.load(Ordering::SeqCst) {
            return;
        }
        self.look_at_requests();
        self.worker.look_at_imports();
        self.look_at_gil();
        if self.asked.is_some() {
            return;
        }
        let settings = &self.worker.settings;
        if seconds(settings.restart_interval).is_some_and(|limit| self.begun.elapsed() >= limit) {
            self.ask(Reason::Interval, format!("it has run for {} s", settings.restart_interval));
        } else if let Some(idle) = seconds(settings.inactivity_timeout).and_then(|limit| self.is_idle(limit))
        {
            self.ask(Reason::Inactivity, format!("no requests for {:.1} s", idle.as_secs_f64()));
        }
    }

    /// Checks whether a thread can get the GIL. A deadlock is reported once, even if a successor was requested before
    /// for another reason: that one may fail to start.
    fn look_at_gil(&mut self) {
        let Some(limit) = seconds(self.worker.settings.deadlock_timeout) else { return };
        let since = self.begun.elapsed().as_millis() as i64 - self.alive.load(Ordering::SeqCst);
        let since = Duration::from_millis(since.max(0) as u64);
        if since >= limit && self.asked != Some(Reason::Deadlock) {
            let text = format!("no thread got the GIL for {:.1} s", since.as_secs_f64());
            host::message(msg::DEADLOCK, format!("{text}; the stacks:"));
            system::dump_stacks();
            self.ask(Reason::Deadlock, text);
            // Also where nobody is there to hear it.
            self.asked = Some(Reason::Deadlock);
        }
    }

    fn ask(&mut self, reason: Reason, text: String) {
        if self.worker.ask_for_successor(reason, &text) {
            self.asked = Some(reason);
        }
    }

    /// How long nothing has happened, if that is too long; only once something has.
    fn is_idle(&self, limit: Duration) -> Option<Duration> {
        let last = self.worker.activity.load(Ordering::SeqCst);
        let idle = Duration::from_micros((runtime::clock() - last).max(0) as u64);
        let busy = self.worker.slot.claimed() as usize > self.worker.stale_requests();
        (last > 0 && !busy && idle >= limit).then_some(idle)
    }

    /// Requests beyond request-timeout are interrupted, if interrupt-timeout is set, and those that do not end then have
    /// the process replaced.
    pub fn look_at_requests(&mut self) {
        let Some(limit) = seconds(self.worker.settings.request_timeout) else { return };
        let interrupt = seconds(self.worker.settings.interrupt_timeout);
        let running = ActiveRequest::running();
        self.interrupted.retain(|(call, _)| running.iter().any(|other| Arc::ptr_eq(call, other)));
        let mut escalate = None;
        for call in running.iter().filter(|call| call.age() > limit) {
            let known = self.interrupted.iter().find(|(known, _)| Arc::ptr_eq(known, call));
            match (interrupt, known) {
                (Some(_), None) => {
                    self.interrupted.push((call.clone(), Instant::now()));
                    let call = call.clone();
                    let body = move || {
                        watchdog::interrupt_request(&call, Interrupt::Timeout);
                        runtime::thread_exit();
                    };
                    let _ = std::thread::Builder::new().name("wsgi-interrupt".into()).spawn(body);
                }
                (Some(patience), Some((_, since))) if since.elapsed() < patience => {}
                _ => escalate = Some(call.clone()),
            }
        }
        if let Some(call) = escalate
            && !matches!(self.asked, Some(Reason::RequestTimeout | Reason::Deadlock))
        {
            let script = String::from_utf8_lossy(call.script()).into_owned();
            let text = format!(
                "a request of '{script}' has run for {:.1} s; the limit is {:.1} s",
                call.age().as_secs_f64(),
                limit.as_secs_f64()
            );
            watchdog::report(msg::REQUEST_TIMEOUT, &format!("{text}; the stacks of all threads:"));
            self.ask(Reason::RequestTimeout, text);
        }
    }
}

impl Worker {
    /// Requests that have lasted longer than they may, and are not waited for any more.
    pub fn stale_requests(&self) -> usize {
        self.stale().len()
    }

    /// Their clients are told so.
    pub fn give_up_stale_requests(&self) {
        self.stale().iter().for_each(|call| call.give_up());
    }

    fn stale(&self) -> Vec<Arc<ActiveRequest>> {
        let Some(limit) = seconds(self.settings.request_timeout) else { return Vec::new() };
        let limit = limit + seconds(self.settings.interrupt_timeout).unwrap_or_default();
        ActiveRequest::running().into_iter().filter(|call| call.age() > limit).collect()
    }
}
