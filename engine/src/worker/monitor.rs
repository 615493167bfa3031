//! What the monitor decides: which requests are interrupted, and when the process is to be replaced; without clocks, threads or
//! scoreboard.
#![forbid(unsafe_code)]

use std::time::Duration;
use wire::control::Reason;

/// Times that may not be exceeded; `None`: no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// request-timeout, as it applies to one request.
    pub request: Option<Duration>,
    /// interrupt-timeout
    pub interrupt: Option<Duration>,
    /// deadlock-timeout
    pub deadlock: Option<Duration>,
    /// restart-interval
    pub restart: Option<Duration>,
    /// inactivity-timeout
    pub inactivity: Option<Duration>,
    /// maximum-requests; 0: no limit.
    pub requests: u64,
}

/// rss-limit replaces no process that is younger: where the limit is too low for the first requests, each would be.
const YOUNG: Duration = Duration::from_secs(3);

/// A request that an application has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// Number of its thread.
    pub thread: usize,
    /// When the thread got it, microseconds: no other request of the thread has the same.
    pub taken: i64,
    /// How long the application has had it.
    pub age: Duration,
}

impl Running {
    fn is(&self, other: &Self) -> bool {
        (self.thread, self.taken) == (other.thread, other.taken)
    }
}

/// What the monitor remembers.
#[derive(Debug)]
pub struct Monitor {
    rules: Rules,
    /// Why a successor was asked for.
    asked: Option<Reason>,
    /// Requests that were interrupted, and when, on the clock of the process.
    interrupted: Vec<(Running, Duration)>,
}

/// What is to be done about requests that last too long.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// They are interrupted.
    pub interrupt: Vec<Running>,
    /// The process is to be replaced because of this one.
    pub replace: Option<Running>,
}

impl Rules {
    /// A request has lasted so long that it is not waited for any more.
    pub fn is_stale(&self, age: Duration) -> bool {
        self.request.is_some_and(|limit| age > limit + self.interrupt.unwrap_or_default())
    }

    /// The process has served enough.
    pub fn is_worn_out(&self, served: u64) -> bool {
        self.requests > 0 && served >= self.requests
    }
}

impl Monitor {
    /// Nothing has happened.
    pub fn new(rules: Rules) -> Self {
        Self { rules, asked: None, interrupted: Vec::new() }
    }

    /// The limits.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The supervisor has heard that the process is to be replaced.
    pub fn asked(&mut self, reason: Reason) {
        self.asked = Some(reason);
    }

    /// Looks at the requests: those beyond request-timeout are interrupted, if interrupt-timeout is set, and those that do not
    /// end then have the process replaced. `now`: how old the process is.
    pub fn requests(&mut self, running: &[Running], now: Duration) -> Verdict {
        let mut verdict = Verdict::default();
        let Some(limit) = self.rules.request else { return verdict };
        self.interrupted.retain(|(known, _)| running.iter().any(|other| known.is(other)));
        for request in running.iter().filter(|request| request.age > limit) {
            let known = self.interrupted.iter().find(|(known, _)| known.is(request));
            match (self.rules.interrupt, known) {
                (Some(_), None) => {
                    self.interrupted.push((*request, now));
                    verdict.interrupt.push(*request);
                }
                (Some(patience), Some((_, since))) if now.saturating_sub(*since) < patience => {}
                _ => verdict.replace = Some(*request),
            }
        }
        if matches!(self.asked, Some(Reason::RequestTimeout | Reason::Deadlock)) {
            verdict.replace = None;
        }
        verdict
    }

    /// Whether no thread has got the GIL for too long. True once, even if a successor was requested before for another reason:
    /// that one may fail to start.
    pub fn is_deadlocked(&mut self, since: Duration) -> bool {
        let found =
            self.rules.deadlock.is_some_and(|limit| since >= limit) && self.asked != Some(Reason::Deadlock);
        if found {
            // Also where nobody is there to hear it.
            self.asked = Some(Reason::Deadlock);
        }
        found
    }

    /// A process of this age that has more memory than it may is replaced.
    pub fn outgrows(&self, age: Duration) -> bool {
        self.asked.is_none() && age >= YOUNG
    }

    /// Why a process of this age is replaced. `idle`: how long nothing has happened, if something has before.
    pub fn replaces(&self, age: Duration, idle: Option<Duration>) -> Option<Reason> {
        let is_over = |limit: Option<Duration>, time: Duration| limit.is_some_and(|limit| time >= limit);
        match self.asked {
            Some(_) => None,
            None if is_over(self.rules.restart, age) => Some(Reason::Interval),
            None if idle.is_some_and(|idle| is_over(self.rules.inactivity, idle)) => Some(Reason::Inactivity),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn request(thread: usize, age: u64) -> Running {
        Running { thread, taken: 100 + thread as i64, age: s(age) }
    }

    fn interrupts(requests: &[Running]) -> Verdict {
        Verdict { interrupt: requests.to_vec(), replace: None }
    }

    fn replaces(request: Running) -> Verdict {
        Verdict { interrupt: vec![], replace: Some(request) }
    }

    #[test]
    fn without_a_limit_requests_may_last() {
        let mut monitor = Monitor::new(Rules::default());
        assert_eq!(monitor.requests(&[request(1, 1 << 30)], s(0)), Verdict::default());
        assert!(!monitor.rules().is_stale(s(1 << 30)));
    }

    #[test]
    fn without_interrupt_timeout_the_process_is_replaced() {
        let mut monitor = Monitor::new(Rules { request: Some(s(10)), ..Rules::default() });
        assert_eq!(monitor.requests(&[request(1, 10)], s(20)), Verdict::default(), "not yet");
        let (first, last) = (request(1, 11), request(2, 12));
        assert_eq!(monitor.requests(&[first, last], s(21)), replaces(last));
        assert_eq!(monitor.requests(&[first, last], s(22)), replaces(last), "until somebody has heard it");
        for (reason, expected) in [
            (Reason::Interval, replaces(last)),
            (Reason::RequestTimeout, Verdict::default()),
            (Reason::Deadlock, Verdict::default()),
        ] {
            monitor.asked(reason);
            assert_eq!(monitor.requests(&[first, last], s(23)), expected, "{reason:?}");
        }
    }

    #[test]
    fn with_interrupt_timeout_each_is_interrupted_once() {
        let rules = Rules { request: Some(s(10)), interrupt: Some(s(5)), ..Rules::default() };
        let mut monitor = Monitor::new(rules);
        let (first, second) = (request(1, 11), request(2, 8));
        assert_eq!(monitor.requests(&[first, second], s(20)), interrupts(&[first]));
        let (first, second) = (request(1, 14), request(2, 11));
        assert_eq!(monitor.requests(&[first, second], s(23)), interrupts(&[second]));
        assert_eq!(monitor.requests(&[first, second], s(24)), Verdict::default(), "both have time to end");
        let (first, second) = (request(1, 16), request(2, 13));
        assert_eq!(monitor.requests(&[first, second], s(25)), replaces(first));
        assert_eq!(monitor.requests(&[second], s(25)), Verdict::default(), "the first one has ended");
        let next = Running { taken: 900, ..first };
        assert_eq!(monitor.requests(&[next], s(26)), interrupts(&[next]), "another one of that thread");
        assert!(!rules.is_stale(s(15)) && rules.is_stale(s(16)));
    }

    #[test]
    fn a_deadlock_is_found_once() {
        let mut monitor = Monitor::new(Rules { deadlock: Some(s(10)), ..Rules::default() });
        assert!(!monitor.is_deadlocked(s(9)));
        monitor.asked(Reason::Interval);
        assert!(monitor.is_deadlocked(s(10)) && !monitor.is_deadlocked(s(11)));
        assert!(!Monitor::new(Rules::default()).is_deadlocked(s(1 << 30)));
    }

    #[test]
    fn age_and_inactivity() {
        let rules = Rules { restart: Some(s(100)), inactivity: Some(s(10)), ..Rules::default() };
        let mut monitor = Monitor::new(rules);
        for (age, idle, expected) in [
            (99, None, None),
            (99, Some(9), None),
            (99, Some(10), Some(Reason::Inactivity)),
            (100, None, Some(Reason::Interval)),
            (100, Some(10), Some(Reason::Interval)),
        ] {
            assert_eq!(monitor.replaces(s(age), idle.map(s)), expected, "{age} {idle:?}");
        }
        monitor.asked(Reason::Requests);
        assert_eq!(monitor.replaces(s(100), Some(s(10))), None, "it was asked for another reason");
        assert_eq!(Monitor::new(Rules::default()).replaces(s(1 << 30), Some(s(1 << 30))), None);
    }

    #[test]
    fn one_that_has_grown_is_replaced_when_it_is_not_young() {
        let mut monitor = Monitor::new(Rules::default());
        assert!(!monitor.outgrows(s(2)) && monitor.outgrows(s(3)));
        monitor.asked(Reason::Interval);
        assert!(!monitor.outgrows(s(4)), "it was asked for another reason");
    }

    #[test]
    fn a_process_serves_so_many_requests() {
        let rules = Rules { requests: 3, ..Rules::default() };
        assert_eq!([2, 3, 4].map(|served| rules.is_worn_out(served)), [false, true, true]);
        assert!(!Rules::default().is_worn_out(u64::MAX));
    }
}
