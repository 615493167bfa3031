//! Whether the threads of a process gain by staying on one processor.
//!
//! Only one of them has the GIL. Whoever releases it for a moment, as each query does, wakes the next one on another processor;
//! both find caches cold, and the first one finds the GIL taken when it comes back. On one processor the next one runs when the
//! first one sleeps. That is tried where requests are inside together and compute most of the time, and stays if they need
//! clearly less time for it: extensions that compute without the GIL need more.
#![forbid(unsafe_code)]

use super::learn::{Figures, Pause};

/// It is tried with so many requests inside, computing for such a part of the time; below the latter figures it is of no use.
const WORTH: (f64, f64) = (1.5, 0.5);
const USELESS: (f64, f64) = (1.2, 0.3);
/// A request that computes for less than this has nothing to gain, seconds.
const SHORT: f64 = 0.0003;
/// What must be left of what requests need: one window shows it, or two.
const CLEARLY: f64 = 0.88;
const LESS: f64 = 0.96;
/// While nobody waits, a request needs processor time; this much more of other time is too much, and so much less would be better.
const LONGER: f64 = 1.15;
const SHORTER: f64 = 0.8;
/// So much more than before must be looked into.
const WORSE: f64 = 1.3;
/// A window takes so long at least while something is compared, microseconds: while somebody waits, and otherwise.
const LEAST: (i64, i64) = (250_000, 1_000_000);
/// Windows in which there may be nothing to compare.
const TRIES: u32 = 4;
/// Until what has failed is tried again, first and at most, and until what stays is checked.
const AGAIN: (i64, i64) = (2_000_000, 120_000_000);
const CHECK: (i64, i64) = (20_000_000, 60_000_000);
/// What is older than this is not believed.
const OLD: i64 = 60_000_000;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pace {
    /// Requests that end, per second.
    rate: f64,
    /// How long one is inside, and computes, seconds.
    time: f64,
    cpu: f64,
    /// Somebody waited: more could have ended.
    waiting: bool,
}

impl Pace {
    fn of(figures: Figures) -> Option<Self> {
        let Figures { rate, inside, cpu, waiting, .. } = figures;
        (rate > 0.0).then(|| Self { rate, time: inside / rate, cpu, waiting })
    }

    /// Whether requests need less than this part of what they needed. How many come changes nothing: while somebody waits, more
    /// would end, and otherwise it is the need of each. `None`: somebody waited in one of them only, and that is all it shows.
    fn is_better(self, part: f64, other: Self) -> Option<bool> {
        match (self.waiting, other.waiting) {
            (true, true) => Some(other.rate < self.rate * part),
            (false, false) => {
                let is_less = self.cpu < other.cpu * part && self.time < other.time * LONGER;
                Some(is_less || self.time < other.time * SHORTER)
            }
            _ => {
                let is_not_less = self.rate >= other.rate || self.time < other.time * LONGER;
                (self.cpu < other.cpu * part && is_not_less).then_some(true)
            }
        }
    }

    fn mean(self, later: Self) -> Self {
        let mean = |of: fn(Self) -> f64| f64::midpoint(of(self), of(later));
        Self {
            rate: mean(|pace| pace.rate),
            time: mean(|pace| pace.time),
            cpu: mean(|pace| pace.cpu),
            ..later
        }
    }
}

/// The state.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// They run wherever the system likes, and this was so in the windows before.
    Apart(Option<Pace>),
    /// The same, because few are there; they were together until then.
    Resting(Pace, i64),
    /// They stay together; this was so apart. Windows so far, and whether one has shown that it is better now.
    Trying(Pace, u32, bool),
    /// The last window was much worse.
    Together(Pace, bool),
    /// They are apart for a moment; this was so together.
    Checking(Pace),
}

/// Whether they do.
#[derive(Debug)]
pub struct Together {
    state: State,
    /// The part of the time in which somebody computed, lately.
    busy: f64,
    again: Pause,
    check: Pause,
}

impl Together {
    /// They do not.
    pub fn new() -> Self {
        Self {
            state: State::Apart(None),
            busy: 0.0,
            again: Pause::new(AGAIN, i64::MIN),
            check: Pause::new(CHECK, i64::MIN),
        }
    }

    /// They are to be on one processor.
    pub fn is_wanted(&self) -> bool {
        matches!(self.state, State::Trying(..) | State::Together(..))
    }

    /// Something is being tried, and nothing else is to change.
    pub fn is_trying(&self) -> bool {
        matches!(self.state, State::Trying(..) | State::Checking(_))
    }

    /// What is seen now will be compared.
    pub fn is_comparing(&self, now: i64) -> bool {
        self.is_trying() || (matches!(self.state, State::Apart(Some(_))) && now >= self.again.until)
    }

    /// How long a window takes at least.
    pub fn least(&self, now: i64, waiting: bool) -> i64 {
        match (self.is_comparing(now), waiting) {
            (false, _) => 0,
            (true, true) => LEAST.0,
            (true, false) => LEAST.1,
        }
    }

    /// So many requests were inside at most, for a while: one alone may run anywhere.
    pub fn part_if_alone(&mut self, now: i64, most: u32) {
        if most <= 1 {
            self.rest(now);
        }
    }

    fn rest(&mut self, now: i64) {
        self.busy = 0.0;
        self.state = match self.state {
            State::Together(pace, _) | State::Checking(pace) => State::Resting(pace, now),
            State::Resting(..) => self.state,
            State::Apart(_) | State::Trying(..) => State::Apart(None),
        };
    }

    /// A window has shown this. `is_possible`: the process may do it.
    pub fn learn(&mut self, now: i64, figures: Figures, is_possible: bool) {
        let Figures { busy, inside, waiting, .. } = figures;
        // While nobody waits, a window has few looks.
        self.busy = if self.busy == 0.0 { busy } else { self.busy * 0.75 + busy * 0.25 };
        if !is_possible {
            self.state = State::Apart(None);
            return;
        }
        if (inside < USELESS.0 && !waiting) || self.busy < USELESS.1 {
            return self.rest(now);
        }
        let Some(pace) = Pace::of(figures) else { return };
        let is_worth = (inside >= WORTH.0 || waiting) && self.busy >= WORTH.1 && pace.cpu >= SHORT;
        self.state = match self.state {
            State::Resting(before, since) if is_worth && now - since < OLD => State::Together(before, false),
            State::Resting(_, since) if now - since >= OLD => State::Apart(None),
            State::Resting(..) => self.state,
            State::Apart(Some(before)) if is_worth && now >= self.again.until => {
                State::Trying(before.mean(pace), 0, false)
            }
            State::Apart(before) => {
                State::Apart(is_worth.then(|| before.map_or(pace, |before| before.mean(pace))))
            }
            State::Trying(before, windows, confirmed) => self.tried(now, pace, (before, windows, confirmed)),
            State::Together(before, was_worse) => {
                let is_worse = before.is_better(1.0 / WORSE, pace) == Some(true);
                if now >= self.check.until || (is_worse && was_worse) {
                    State::Checking(if is_worse { pace } else { before.mean(pace) })
                } else {
                    State::Together(if is_worse { before } else { before.mean(pace) }, is_worse)
                }
            }
            State::Checking(before) if pace.is_better(LESS, before) == Some(true) => self.failed(now),
            State::Checking(before) => {
                self.check.failed(now);
                State::Together(before, false)
            }
        };
    }

    /// After a window of trying.
    fn tried(&mut self, now: i64, pace: Pace, (before, windows, confirmed): (Pace, u32, bool)) -> State {
        let [clearly, less] = [CLEARLY, LESS].map(|part| pace.is_better(part, before));
        match less {
            Some(true) if clearly == Some(true) || confirmed => {
                (self.again, self.check) = (Pause::new(AGAIN, now), Pause::new(CHECK, now));
                self.check.failed(now);
                State::Together(pace, false)
            }
            Some(true) => State::Trying(before, windows + 1, true),
            None if windows < TRIES => State::Trying(before, windows + 1, confirmed),
            _ => self.failed(now),
        }
    }

    fn failed(&mut self, now: i64) -> State {
        self.again.failed(now);
        State::Apart(None)
    }
}
