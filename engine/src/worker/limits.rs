//! The monitor at work: it looks at the scoreboard and the clock, and does what [`super::monitor`] decides. Each action says
//! what it saw first.

use super::control::limit as seconds;
use super::monitor::{Monitor, Rules, Running};
use super::process::Worker;
use crate::host;
use crate::requests::{ActiveRequest, Interrupt};
use crate::runtime;
use crate::watchdog;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use wire::control::Reason;
use wire::message as msg;
use wire::scoreboard::State;

/// How often requests are looked at while one of their limits is set, and everything else.
const LOOKS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(250));

/// The monitor of this process.
pub struct Limits {
    worker: &'static Worker,
    begun: Instant,
    monitor: Monitor,
}

impl Limits {
    /// Begins to watch the limits.
    pub fn new(worker: &'static Worker) -> Self {
        let monitor = Monitor::new(worker.rules());
        let reception = &worker.reception;
        watchdog::watch_gil(&reception.board.gils[reception.place], monitor.rules().deadlock);
        Self { worker, begun: Instant::now(), monitor }
    }

    /// Until the next look.
    pub fn pause(&self) -> Duration {
        if self.monitor.rules().request.is_some() { LOOKS.0 } else { LOOKS.1 }
    }

    /// Looks at all limits, and asks for a successor where one is reached.
    pub fn look(&mut self) {
        if !self.worker.serving.load(Ordering::SeqCst) {
            return;
        }
        self.look_at_requests();
        self.worker.look_at_imports();
        self.look_at_gil();
        let age = self.begun.elapsed();
        if let Some(text) = self.worker.weigh(|| self.monitor.outgrows(age)) {
            self.ask(Reason::Memory, &text);
        }
        let idle = self.worker.idle();
        match self.monitor.replaces(self.begun.elapsed(), idle) {
            Some(reason @ Reason::Inactivity) => {
                let text = format!("no requests for {:.1} s", idle.unwrap_or_default().as_secs_f64());
                self.ask(reason, &text);
            }
            Some(reason) => {
                let text = format!("it has run for {} s", self.worker.settings.restart_interval);
                self.ask(reason, &text);
            }
            None => {}
        }
    }

    fn look_at_gil(&mut self) {
        let since = watchdog::waited_for_gil();
        if self.monitor.is_deadlocked(since) {
            let gil = watchdog::awaited_gil();
            let text = format!("no thread got {gil} for {:.1} s", since.as_secs_f64());
            host::message(msg::DEADLOCK, format!("{text}; the stacks:"));
            let level = msg::DEADLOCK.level();
            watchdog::blocked().iter().for_each(|line| host::log(level, line.as_bytes()));
            self.ask(Reason::Deadlock, &text);
        }
    }

    fn ask(&mut self, reason: Reason, text: &str) {
        if self.worker.ask_for_successor(reason, text) {
            self.monitor.asked(reason);
        }
    }

    /// Looks at the requests that are running.
    pub fn look_at_requests(&mut self) {
        let Some(limit) = self.monitor.rules().request else { return };
        let verdict = self.monitor.requests(&self.worker.running(), self.begun.elapsed());
        for call in verdict.interrupt.iter().filter_map(|request| active(request, limit)) {
            let body = move || {
                watchdog::interrupt_request(&call, Interrupt::Timeout);
                runtime::thread_exit();
            };
            let _ = std::thread::Builder::new().name("wsgi-interrupt".into()).spawn(body);
        }
        if let Some(call) = verdict.replace.and_then(|request| active(&request, limit)) {
            let script = wire::shown(call.script()).into_owned();
            let text = format!(
                "a request of '{script}' has run for {:.1} s; the limit is {:.1} s",
                call.age().as_secs_f64(),
                limit.as_secs_f64()
            );
            watchdog::report(msg::REQUEST_TIMEOUT, &format!("{text}; the stacks of all threads:"));
            self.ask(Reason::RequestTimeout, &text);
        }
    }
}

/// The request that was seen, unless the thread has another one by now, which is younger than `limit`.
fn active(request: &Running, limit: Duration) -> Option<Arc<ActiveRequest>> {
    ActiveRequest::of_thread(request.thread).filter(|call| call.age() > limit)
}

impl Worker {
    /// Its limits.
    pub(super) fn rules(&self) -> Rules {
        let settings = &self.settings;
        Rules {
            request: seconds(settings.request_timeout),
            interrupt: seconds(settings.interrupt_timeout),
            deadlock: seconds(settings.deadlock_timeout),
            restart: seconds(settings.restart_interval),
            inactivity: seconds(settings.inactivity_timeout),
            requests: settings.maximum_requests,
        }
    }

    /// The requests that applications have, as the scoreboard says.
    fn running(&self) -> Vec<Running> {
        let now = runtime::clock();
        let busy = self.records().iter().enumerate().filter(|(_, record)| record.is_busy());
        let seen = busy.filter_map(|(index, record)| Some((index + 1, record.read()?)));
        let running = seen.filter(|(_, seen)| seen.state == State::Running);
        let running = running.map(|(thread, seen)| {
            let age = Duration::from_micros(now.saturating_sub(seen.since).max(0) as u64);
            Running { thread, taken: seen.taken, age }
        });
        running.collect()
    }

    /// How long nothing has happened; only once something has, and while nothing does.
    fn idle(&self) -> Option<Duration> {
        let last = self.activity.load(Ordering::SeqCst);
        let is_idle = last > 0 && self.reception.slot.claimed() as usize <= self.stale_requests();
        is_idle.then(|| Duration::from_micros((runtime::clock() - last).max(0) as u64))
    }

    /// Requests that have lasted longer than they may, and are not waited for any more.
    pub fn stale_requests(&self) -> usize {
        self.stale().count()
    }

    /// Their clients are told so.
    pub fn give_up_stale_requests(&self) {
        let limit = self.rules().request.unwrap_or_default();
        self.stale().filter_map(|request| active(&request, limit)).for_each(|call| call.give_up());
    }

    fn stale(&self) -> impl Iterator<Item = Running> {
        let rules = self.rules();
        let running = if rules.request.is_some() { self.running() } else { Vec::new() };
        running.into_iter().filter(move |request| rules.is_stale(request.age))
    }
}
