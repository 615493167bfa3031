//! How many requests of a process are let into Python at the same time: the decisions ([`Admission`]), without clocks, threads or
//! sockets, and who carries them out ([`watch()`]), in a worker and where each request has a thread of its own ([`Turnstile`]).
//!
//! Requests that compute gain nothing from company: whoever releases the GIL for a moment finds it taken, sleeps, and is woken on
//! another processor with cold caches. Requests that wait for something else should all be inside. So the process learns a number
//! of places ([`learn`]), and lets more in while those inside sleep, or while one of them computes for so long that short ones
//! would stand behind it ([`Admission::look`]). Times are microseconds.
#![forbid(unsafe_code)]

mod bound;
mod inside;
mod learn;
mod processor;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
mod together;
mod turnstile;
mod watch;

pub use bound::{free, heard, set_listening};
pub use inside::Thread;
use inside::{Company, Seen};
use learn::{Learner, Window};
pub use processor::{By, Change, Contact, Processor};
use std::time::Duration;
use together::Together;
pub use turnstile::{Eyes, Turnstile};
pub use watch::{House, seen, watch};

/// Between two looks while somebody waits: when something may change at once, while requests end, and when nobody can be let in.
const LOOKS: [i64; 3] = [2_000, 5_000, 20_000];
/// Between two looks while nobody waits, as long as there are several requests.
const QUIET: i64 = 50_000;
/// After this time with requests of which none waits, what was learnt is reduced to what is used.
const FORGET: i64 = 1_000_000;

/// For so long the threads run on all processors after a request has computed for long.
const APART: i64 = 250_000;

/// What is seen of the process.
#[derive(Clone, Debug, Default)]
pub struct Sight {
    /// A request has no place.
    pub waiting: bool,
    /// All threads.
    pub threads: Vec<Thread>,
    /// The threads may be kept on one processor.
    pub may_stay_together: bool,
    /// So many may run at the same time in any case.
    pub least: u32,
}

impl Sight {
    /// How long the threads have computed so far.
    fn computed(&self) -> i64 {
        self.threads.iter().map(|thread| thread.computed).sum()
    }

    /// Requests that have ended so far.
    fn ended(&self) -> u64 {
        self.threads.iter().map(|thread| thread.ended).sum()
    }
}

/// What follows from a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// So many places there are.
    pub places: u32,
    /// The threads stay on one processor.
    pub together: bool,
    /// When to look again; `None`: when somebody finds no place.
    pub next: Option<Duration>,
}

/// The state of a process.
#[derive(Debug)]
pub struct Admission {
    threads: u32,
    learner: Learner,
    together: Together,
    /// Until then a request that computes for long has parted the threads.
    apart_until: i64,
    window: Option<Window>,
    company: Company,
    /// Requests that had ended at the last look, and when that number has changed last.
    ended: (u64, i64),
    /// When somebody has waited last, and since when somebody does.
    waited: i64,
    waiting_since: Option<i64>,
    /// The last look.
    looked: i64,
    /// Most requests inside since somebody has waited last.
    most: u32,
}

impl Admission {
    /// Nothing is known of the process.
    pub fn new(threads: u32) -> Self {
        Self {
            threads: threads.max(1),
            learner: Learner::new(threads.max(1)),
            together: Together::new(),
            apart_until: 0,
            window: None,
            company: Company::default(),
            ended: (0, 0),
            waited: 0,
            waiting_since: None,
            looked: 0,
            most: 0,
        }
    }

    /// What it has learnt.
    pub fn learnt(&self) -> u32 {
        self.learner.places()
    }

    /// Looks at the process.
    pub fn look(&mut self, now: i64, sight: &Sight) -> Verdict {
        // HTTP/2 has threads of its own beside those that were announced.
        self.threads = self.threads.max(u32::try_from(sight.threads.len()).unwrap_or(u32::MAX));
        let (had_ended, ended) = (self.ended.0, sight.ended());
        if ended != had_ended {
            self.ended = (ended, now);
        }
        let seen = self.company.look(now, &sight.threads);
        self.note_waiting(now, sight.waiting, seen.inside);
        self.looked = now;
        self.learn(now, sight, seen);
        let learnt = self.learner.places();
        let places = if seen.long > 0 {
            // Each that is short gets the GIL for a moment only: the more there are, the more of them do.
            self.threads
        } else {
            let since = self.ended.1.max(self.waiting_since.unwrap_or(now));
            let stuck = if sight.waiting { (now - since) / self.company.patience() } else { 0 };
            let stuck = u32::try_from(stuck).unwrap_or(0);
            // One that computes now may be about to sleep.
            let beside = match seen.asleep {
                0 => 0,
                1 => 2,
                asleep => asleep + 2 + asleep / 4,
            };
            learnt.max(beside).saturating_add(stuck)
        };
        let places = places.max(sight.least).clamp(1, self.threads);
        let next = match sight.waiting {
            true if seen.long > 0 => Some(LOOKS[1]),
            true if places == self.threads => Some(LOOKS[2]),
            true if ended > had_ended && seen.still == 0 => Some(LOOKS[1]),
            true => Some(LOOKS[0]),
            false if self.together.is_comparing(now) => Some(LOOKS[1]),
            false if seen.inside > 1 || seen.long > 0 || self.window.is_some() => Some(QUIET),
            false if self.together.is_wanted() => Some(QUIET),
            false => None,
        };
        // One that computes for long may do so without the GIL, and others like it may follow.
        if seen.surely_long > 0 {
            self.apart_until = now + APART;
        }
        let together = self.together.is_wanted() && now >= self.apart_until;
        Verdict { places, together, next: next.map(|micros| Duration::from_micros(micros.unsigned_abs())) }
    }

    fn note_waiting(&mut self, now: i64, waiting: bool, inside: u32) {
        if waiting {
            self.waited = now;
            self.waiting_since.get_or_insert(now);
            self.most = inside;
        } else {
            self.waiting_since = None;
            self.most = self.most.max(inside);
            if now - self.looked >= FORGET {
                // Nobody was there.
                self.waited = now;
            }
            if now - self.waited >= FORGET {
                self.learner.forget(self.most);
                self.together.part_if_alone(now, self.most);
                (self.waited, self.most) = (now, inside);
            }
        }
    }

    /// Gathers what one window shows, while requests could gain from company or from being alone.
    fn learn(&mut self, now: i64, sight: &Sight, seen: Seen) {
        let matters = sight.waiting || seen.inside > 1;
        self.window = match self.window.take() {
            _ if seen.long > 0 => None,
            Some(window) if window.is_fresh(now) => Some(window),
            _ => matters.then(|| Window::new(now, sight)),
        };
        let least = self.learner.least().max(self.together.least(now, sight.waiting));
        let Some(window) = &mut self.window else { return };
        let Some(figures) = window.look(now, sight, seen, least) else { return };
        if !self.learner.is_trying() {
            let was = self.together.is_wanted();
            self.together.learn(now, figures, sight.may_stay_together);
            if self.together.is_wanted() != was {
                self.learner.begin_anew(now);
            }
        }
        if !self.together.is_trying() && (figures.waiting || figures.inside > 1.5) {
            self.learner.learn(now, figures);
        }
        self.window = matters.then(|| Window::new(now, sight));
    }
}
