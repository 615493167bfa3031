//! What a process learns of its requests: how many at the same time keep Python busy.
//!
//! While somebody waits, requests are in all places, and their threads do not compute all the time, more are let in, and stay if
//! more requests end. While the threads do compute, one alone may do as well, or fewer: that is tried, and kept if as many requests
//! end as before. One more is tried seldom, and kept only if clearly more requests end: so it is where extensions compute without
//! the GIL.
#![forbid(unsafe_code)]

use super::Sight;
use super::inside::Seen;

/// A window shows something after so many requests and looks, or after so long in any case.
const WINDOW: (u64, u32, i64) = (20, 40, 500_000);
/// So many looks show that there is much room.
const CLEAR: u32 = 15;
/// It takes so long at least: while something is tried that may bring little, the longer time.
const LEAST: (i64, i64) = (100_000, 250_000);
/// A window in which nobody has looked for so long shows nothing.
const GAP: i64 = 300_000;
/// The share of the time in which a thread computes: below the first, there is room for more, which need not be seen twice; nor
/// is there above the last.
const MUCH_ROOM: f64 = 0.6;
const ROOM: f64 = 0.85;
const FULL: f64 = 0.93;
/// The share of the places in which a request is, where another place may be of use.
const FILLED: f64 = 0.8;

/// What must be left of the requests that ended per second when there are fewer places, what one place more must bring, and what more
/// of them must bring where there was room: the last in one window shows it, the first in two.
const KEPT: f64 = 0.97;
const GAIN: f64 = 1.1;
const USED: [f64; 2] = [1.05, 1.3];
/// Until what has failed is tried again, first and at most.
const DOWN: (i64, i64) = (1_000_000, 60_000_000);
const UP: (i64, i64) = (8_000_000, 120_000_000);
const INTO_ROOM: (i64, i64) = (1_000_000, 10_000_000);

/// What is gathered.
#[derive(Debug)]
pub struct Window {
    begun: i64,
    ended: u64,
    last: i64,
    looks: u32,
    busy: u32,
    waiting: u32,
    inside: u64,
    computed: i64,
}

/// What a window has shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// The share of the looks at which a thread computed.
    pub busy: f64,
    /// Requests that ended per second.
    pub rate: f64,
    /// Requests that were inside.
    pub inside: f64,
    /// How long each has computed, seconds; 0: none has ended.
    pub cpu: f64,
    /// Somebody waited, most of the time.
    pub waiting: bool,
}

impl Window {
    /// Begins.
    pub fn new(now: i64, sight: &Sight) -> Self {
        Self {
            begun: now,
            ended: sight.ended(),
            last: now,
            looks: 0,
            busy: 0,
            waiting: 0,
            inside: 0,
            computed: sight.computed(),
        }
    }

    /// It was looked at not long ago.
    pub fn is_fresh(&self, now: i64) -> bool {
        now - self.last < GAP
    }

    /// Takes in what is seen; answers when that is enough.
    pub fn look(&mut self, now: i64, sight: &Sight, seen: Seen, enough: i64) -> Option<Figures> {
        self.last = now;
        self.looks += 1;
        self.waiting += u32::from(sight.waiting);
        self.busy += u32::from(seen.busy);
        self.inside += u64::from(seen.inside);
        let (time, ended) = (now - self.begun, sight.ended().saturating_sub(self.ended));
        let (many, looks, at_most) = WINDOW;
        let busy = f64::from(self.busy) / f64::from(self.looks);
        let waiting = self.waiting * 2 > self.looks;
        let is_clear = waiting && busy < MUCH_ROOM && self.looks >= CLEAR;
        let is_long = time >= enough && ((ended >= many && self.looks >= looks) || time >= at_most);
        if !is_clear && !is_long {
            return None;
        }
        Some(Figures {
            busy,
            rate: ended as f64 * 1e6 / time as f64,
            inside: self.inside as f64 / f64::from(self.looks),
            cpu: if ended == 0 {
                0.0
            } else {
                (sight.computed() - self.computed) as f64 / 1e6 / ended as f64
            },
            waiting,
        })
    }
}

/// What is being tried: the places before, the requests per second with them, and whether one window has shown that it is right:
/// two must.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trial {
    Fewer(u32, f64, bool),
    More(u32, f64, bool),
    IntoRoom(u32, f64, bool),
}

/// A moment before which nothing is tried, and how long the next wait is.
#[derive(Clone, Copy, Debug)]
pub struct Pause {
    /// Then.
    pub until: i64,
    next: i64,
    limits: (i64, i64),
}

impl Pause {
    /// Nothing has failed yet.
    pub fn new(limits: (i64, i64), until: i64) -> Self {
        Self { until, next: limits.0, limits }
    }

    fn has_failed(&self) -> bool {
        self.next > self.limits.0
    }

    /// What was tried has failed: it takes longer each time.
    pub fn failed(&mut self, now: i64) {
        self.until = now + self.next;
        self.next = (self.next * 2).min(self.limits.1);
    }
}

/// The state.
#[derive(Debug)]
pub struct Learner {
    threads: u32,
    places: u32,
    /// Requests per second that there were with so many.
    rate: Option<f64>,
    /// How busy it was in the window before, with so many.
    busy: Option<f64>,
    trial: Option<Trial>,
    down: Pause,
    up: Pause,
    into_room: Pause,
}

impl Learner {
    /// Nothing is known.
    pub fn new(threads: u32) -> Self {
        Self {
            threads,
            places: 1,
            rate: None,
            busy: None,
            trial: None,
            down: Pause::new(DOWN, i64::MIN),
            up: Pause::new(UP, i64::MIN),
            into_room: Pause::new(INTO_ROOM, i64::MIN),
        }
    }

    /// So many places are right, as far as is known.
    pub fn places(&self) -> u32 {
        self.places
    }

    /// Something is being tried.
    pub fn is_trying(&self) -> bool {
        self.trial.is_some()
    }

    /// What was seen before says nothing of what comes.
    pub fn begin_anew(&mut self, now: i64) {
        (self.rate, self.busy) = (None, None);
        (self.down, self.up) = (Pause::new(DOWN, now + DOWN.0), Pause::new(UP, now + UP.0));
        self.into_room = Pause::new(INTO_ROOM, now);
    }

    /// How long a window takes at least.
    pub fn least(&self) -> i64 {
        // What room brings shows soon.
        if matches!(self.trial, Some(Trial::Fewer(..) | Trial::More(..))) { LEAST.1 } else { LEAST.0 }
    }

    /// Nobody has waited for long, and never were more than these inside.
    pub fn forget(&mut self, most: u32) {
        self.places = self.places.min(most.max(1));
        self.trial = None;
    }

    /// A window has shown this.
    pub fn learn(&mut self, now: i64, figures: Figures) {
        let Figures { busy, rate, inside, waiting, .. } = figures;
        let (was, usual_rate) = (self.places, self.rate.map_or(rate, |before| (before + rate) / 2.0));
        let has_room = busy < MUCH_ROOM || self.busy.is_some_and(|before| before + busy < 2.0 * ROOM);
        // Else a place is free, for the next request is on its way.
        let is_filled = inside >= f64::from(self.places) * FILLED;
        match self.trial.take() {
            Some(Trial::Fewer(from, before, confirmed)) => {
                let is_right = rate >= before || (rate >= before * KEPT && busy >= ROOM);
                if is_right && !confirmed && rate < before * GAIN {
                    self.trial = Some(Trial::Fewer(from, before, true));
                } else if is_right {
                    self.down = Pause::new(DOWN, now);
                } else {
                    self.places = from;
                    self.down.failed(now);
                }
            }
            Some(Trial::More(from, before, confirmed)) => {
                let is_right = rate > before * GAIN;
                if is_right && !confirmed {
                    self.trial = Some(Trial::More(from, before, true));
                } else if is_right {
                    self.up = Pause::new(UP, now);
                    self.down.failed(now);
                } else {
                    self.places = from;
                    self.up.failed(now);
                }
            }
            Some(Trial::IntoRoom(from, before, confirmed)) => {
                let [little, clear] = USED.map(|gain| rate > before * gain);
                // Where none ended, that says nothing. Where nobody waits any more, no more could end.
                if little && !clear && !confirmed && waiting {
                    self.trial = Some(Trial::IntoRoom(from, before, true));
                } else if little || !waiting || rate == 0.0 {
                    self.into_room = Pause::new(INTO_ROOM, now);
                    if waiting && has_room && is_filled {
                        self.go_into_room(rate, inside);
                    }
                } else {
                    self.places = from;
                    self.into_room.failed(now);
                }
            }
            None if waiting && has_room && is_filled && now >= self.into_room.until => {
                self.go_into_room(usual_rate, inside);
            }
            None if busy >= FULL && self.places > 1 && now >= self.down.until => {
                self.trial = Some(Trial::Fewer(self.places, usual_rate, false));
                // Alone, if that has not failed: nearly all applications compute with the GIL.
                self.places = if self.down.has_failed() { (self.places * 2 / 3).max(1) } else { 1 };
            }
            None if busy >= FULL && waiting && self.places < self.threads && now >= self.up.until => {
                self.trial = Some(Trial::More(self.places, usual_rate, false));
                self.places += 1;
            }
            None => {}
        }
        self.rate = (self.places == was).then_some(usual_rate);
        self.busy = (self.places == was).then_some(busy);
    }

    /// There is room, at so many requests per second with so many inside: more places are tried.
    fn go_into_room(&mut self, rate: f64, inside: f64) {
        let more = self.places + self.places.div_ceil(2);
        let more = more.max((inside * 1.25).ceil() as u32).min(self.threads);
        if more > self.places {
            self.trial = Some(Trial::IntoRoom(self.places, rate, false));
            self.places = more;
        }
    }
}
