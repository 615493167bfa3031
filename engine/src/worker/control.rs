//! The supervisor's channel, signals, and the end of the process: one thread that never touches Python, so that nothing
//! an application does can stop it.

use super::limits::Limits;
use super::process::Worker;
use super::system;
use super::voice::Voice;
use crate::host::{self, Host};
use crate::runtime::{self, notices};
use crate::startup;
use crate::telemetry;
use os::Signal;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use wire::codec::Writer;
use wire::control::{LONGEST, Message, Reason};
use wire::httpd::Server;
use wire::starts::Took;
use wire::{Level, Origin, message as msg};

/// Signals that mean something here.
pub const SIGNALS: [Signal; 5] =
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGXCPU];

/// What Python's end may take when httpd has gone and everything must be over soon.
pub const HURRY: Duration = Duration::from_millis(1200);

/// Has the supervisor write a line.
pub fn log_to(voice: &Voice, level: Level, line: &[u8], origin: Origin<'_>) {
    // A message has room for that.
    const MOST: usize = LONGEST - Origin::ROOM - 8;
    for (text, origin) in origin.parts(line, MOST) {
        let mut record = Vec::new();
        origin.put(&mut Writer(&mut record), text);
        let message = Message::Log { level: level as i32 as u8, record };
        if !voice.say(&message.bytes(), false) {
            write_lines(level, text, origin);
        }
    }
}

/// Writes a record to the process's standard error, as lines.
fn write_lines(level: Level, text: &[u8], origin: Origin<'_>) {
    origin.lines(text).for_each(|line| system::write_stderr(level, &line));
}

/// What a signal means, and what the log says of it. `evicts`: eviction-timeout is set.
pub fn meaning(signal: Signal, evicts: bool) -> (Reason, &'static str) {
    match signal {
        Signal::SIGUSR1 if evicts => (Reason::Eviction, "SIGUSR1 received"),
        Signal::SIGUSR1 => (Reason::Graceful, "SIGUSR1 received"),
        Signal::SIGHUP => (Reason::Hangup, "SIGHUP received"),
        Signal::SIGXCPU => (Reason::CpuTime, "cpu-time-limit reached"),
        Signal::SIGINT => (Reason::Shutdown, "SIGINT received"),
        _ => (Reason::Shutdown, "SIGTERM received"),
    }
}

/// The worker's own log goes to the supervisor, who writes it as httpd does.
pub struct SupervisorLog(pub &'static Worker);

impl Host for SupervisorLog {
    fn log(&self, level: Level, line: &[u8], origin: Origin<'_>) {
        match self.0.is_orphan() {
            true => write_lines(level, line, origin),
            false => log_to(&self.0.voice, level, line, origin),
        }
    }

    fn logs(&self, level: Level) -> bool {
        level as i32 as u8 <= self.0.settings.level
    }

    fn place(&self) -> String {
        format!("of daemon process '{}'", self.0.name())
    }

    fn starts(&self, script: Option<&[u8]>) {
        self.0.tell(&Message::Starts(script.unwrap_or_default().to_vec()));
    }

    fn started(&self, took: &Took) {
        self.0.reception.slot.starts.add(took);
    }

    fn ends(&self, text: &str) {
        if !self.0.tell(&Message::Ends(text.as_bytes().to_vec())) && !text.is_empty() {
            host::message(msg::APPLICATION_ENDS, text);
        }
    }

    fn scoreboard(&self) -> Option<Server> {
        self.0.httpd_scoreboard()
    }

    fn renewal(&self) -> Option<&dyn host::Renewal> {
        Some(self.0)
    }
}

impl Worker {
    /// Says something to the supervisor, if there is one.
    pub fn tell(&self, message: &Message) -> bool {
        !self.is_orphan() && self.voice.say(&message.bytes(), true)
    }

    /// Asks for a process in this one's place; false: nobody has heard it.
    pub fn ask_for_successor(&self, reason: Reason, text: &str) -> bool {
        self.tell(&Message::Replace { reason, text: text.as_bytes().to_vec() })
    }

    /// The supervisor has gone; another one starts others, for which this process makes way.
    pub fn is_orphan(&self) -> bool {
        self.orphan.load(Ordering::SeqCst)
    }

    /// The thread that sees to everything but requests. Ends the process.
    pub fn rule(&'static self) -> ! {
        let mut limits = Limits::new(self);
        loop {
            let control = (!self.is_orphan()).then(|| self.control.as_fd());
            let pause = if self.is_orphan() { Duration::from_millis(100) } else { limits.pause() };
            let fds = [control, Some(self.signals.as_fd()), Some(self.httpd.as_fd()), self.desk()];
            let [told, signalled, httpd_ended, asked] = os::poll_these(fds, pause);
            if httpd_ended {
                self.end(&mut limits, Reason::Stop, Duration::ZERO, HURRY);
            }
            if asked {
                self.attend();
            }
            if signalled {
                self.signals.silence();
                for signal in SIGNALS.into_iter().filter(|signal| os::has_come(*signal)) {
                    self.on_signal(&mut limits, signal);
                }
            }
            if told && let Some((reason, grace, shutdown)) = self.hear() {
                self.end(&mut limits, reason, grace, shutdown);
            }
            if self.is_orphan() && self.may_go() {
                self.end(&mut limits, Reason::Generation, self.grace(), self.shutdown());
            }
            limits.look();
        }
    }

    /// How long requests have when the process is replaced.
    pub fn grace(&self) -> Duration {
        limit(self.settings.graceful_timeout).unwrap_or(FOR_EVER)
    }

    /// How long those that are left have then, and exit functions.
    pub fn shutdown(&self) -> Duration {
        limit(self.settings.shutdown_timeout).unwrap_or(FOR_EVER)
    }

    /// A later supervisor's processes serve, or this one never did.
    fn may_go(&self) -> bool {
        let served_by = self.reception.board.group.served_by.load(Ordering::SeqCst);
        !self.serving.load(Ordering::SeqCst) || served_by > self.settings.supervisor
    }

    /// A message of the supervisor's; answers with what it is to end by, if it is to end.
    pub fn hear(&'static self) -> Option<(Reason, Duration, Duration)> {
        let mut bytes = vec![0; LONGEST];
        let Ok(count @ 1..) = os::receive(self.control.as_raw_fd(), &mut bytes) else {
            self.orphan.store(true, Ordering::SeqCst);
            return None;
        };
        match Message::parse(&bytes[..count]) {
            Ok(Message::Serve) => {
                // A service takes no requests.
                if self.threads() > 0
                    && !self.serving.swap(true, Ordering::SeqCst)
                    && let Err(error) = self.serve()
                {
                    self.fail(&format!("its request threads cannot be started: {error}"));
                }
            }
            Ok(Message::Drain { reason, grace, shutdown }) => {
                let time = |ms| if ms == u32::MAX { FOR_EVER } else { Duration::from_millis(u64::from(ms)) };
                return Some((reason, time(grace), time(shutdown)));
            }
            Ok(Message::Watch(files)) => self.watch_for_another(files),
            _ => {}
        }
        None
    }

    fn on_signal(&'static self, limits: &mut Limits, signal: Signal) {
        if signal == Signal::SIGHUP {
            notices::signal(signal);
            if runtime::are_signals_taken() {
                // The application has its own idea of what it means.
                return;
            }
        }
        let (reason, text) = meaning(signal, self.settings.eviction_timeout > 0.0);
        if self.is_orphan() {
            self.end(limits, reason, self.grace(), self.shutdown());
        }
        self.ask_for_successor(reason, text);
    }

    /// Ends the process, which cannot serve, and tells the supervisor why.
    pub fn fail(&self, why: &str) -> ! {
        if !self.tell(&Message::Failed(why.as_bytes().to_vec())) {
            system::write_stderr(Level::Critical, why.as_bytes());
        }
        system::end_process(1, false)
    }

    /// Takes nothing more, lets requests finish within `grace`, cuts those that are left after `shutdown`, runs exit
    /// functions, and ends the process.
    fn end(
        &'static self,
        limits: &mut Limits,
        reason: Reason,
        mut grace: Duration,
        mut shutdown: Duration,
    ) -> ! {
        let begun = Instant::now();
        telemetry::stopping(event_reason(reason));
        self.reception.close();
        self.changes.drain();
        while self.has_work(grace.is_zero()) && begun.elapsed() < grace {
            let control = (!self.is_orphan()).then(|| self.control.as_fd());
            let fds = [control, Some(self.httpd.as_fd()), self.desk()];
            let [told, httpd_ended, asked] = os::poll_these(fds, Duration::from_millis(10));
            if asked {
                self.attend();
            }
            if httpd_ended {
                (grace, shutdown) = (Duration::ZERO, HURRY);
            }
            if told && let Some((_, sooner, shorter)) = self.hear() {
                // It cannot be taken back, but there may be less time.
                (grace, shutdown) = (grace.min(begun.elapsed() + sooner), shutdown.min(shorter));
            }
            limits.look_at_requests();
        }
        self.reception.send_threads_home();
        let text = format!(
            "process {} of group '{}' ends ({}), after {} requests",
            std::process::id(),
            self.name(),
            reason.name(),
            self.counters().requests
        );
        host::message(msg::WORKER_ENDS, text);
        self.give_up_stale_requests();
        let ended = startup::stop(shutdown, event_reason(reason));
        telemetry::stopped(event_reason(reason));
        self.reception.slot.clear();
        system::end_process(0, ended.quiet)
    }

    /// Requests are served or on their way, but for those that have lasted longer than they may.
    fn has_work(&self, at_once: bool) -> bool {
        let busy = self.records().iter().filter(|record| record.is_busy()).count();
        let inside = busy.max(self.reception.slot.claimed() as usize);
        !at_once && inside > self.stale_requests()
    }
}

/// The reason as `process_stopping` names it: what mod_wsgi does not know is a signal of Apache's there.
fn event_reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Stop | Reason::Generation => Reason::Shutdown.name(),
        other => other.name(),
    }
}

/// A time that stands for no limit.
pub const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);

/// A time of the configuration, of which 0 is none.
pub fn limit(seconds: f64) -> Option<Duration> {
    (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(FOR_EVER))
}
