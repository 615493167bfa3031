//! The one processor on which the threads of a process stay ([`super::together`]): who chooses it, and who looks after it.
//!
//! A process whose requests start processes is left alone from then on, and so is one that may not do this, or whose application
//! has chosen processors itself.
#![forbid(unsafe_code)]

use super::bound;
use super::learn::Pause;
use os::{Idle, Processors, children_of};

/// After a request has loaded a library, which may start threads, the threads are left alone for so long, microseconds: first,
/// and at most.
const LOADING: (i64, i64) = (10_000_000, 600_000_000);
/// They are not bound so soon after Python has told that something starts.
const STARTING: i64 = 1_000_000;
/// What was started by threads that were bound is looked for once more after this time.
const LATE: i64 = 1_000_000;
/// Between two looks at the processors.
const LOOK: i64 = 200_000;
/// Others that use so much of the processor are left to it, if so much of another one is idle.
const OTHERS: f64 = 0.3;
const IDLE: f64 = 0.5;
/// Until the next move, first and at most.
const MOVES: (i64, i64) = (1_000_000, 60_000_000);

/// What changes for the threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// They stay on a processor, this one at first; told once.
    Kept(usize),
    /// A process was started: they are left alone for good.
    Starts,
}

/// What the one who looks needs of others.
#[derive(Clone, Copy)]
pub struct Contact {
    /// Is to have Python tell [`bound::heard()`] what it does, some time, and then to call [`bound::set_listening()`].
    pub listen: fn(),
    /// Says what changes.
    pub say: fn(Change),
    /// How many GILs there are.
    pub gils: fn() -> u32,
}

/// Who binds the threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The one who looks.
    Watcher,
    /// Each thread itself, with [`bound::Stay`].
    Threads,
}

/// The one who looks.
pub struct Processor {
    by: By,
    contact: Contact,
    idle: Idle,
    /// How much of the time each processor was idle lately.
    parts: Vec<f64>,
    /// When was looked last, and how long the threads had computed.
    looked: (i64, i64),
    /// Until then the threads are left alone.
    until: i64,
    loading: Pause,
    moves: Pause,
    is_asked: bool,
    /// So many there are for the process.
    processors: u32,
    /// When to look once more for what was started.
    late: Option<i64>,
    said: Option<Change>,
}

impl Processor {
    /// Of threads that are bound like this, if that is wanted at all.
    pub fn new(by: By, contact: Contact, is_wanted: bool) -> Self {
        Self {
            by,
            contact,
            idle: Idle::default(),
            parts: Vec::new(),
            looked: (0, 0),
            until: if is_wanted { 0 } else { i64::MAX },
            loading: Pause::new(LOADING, 0),
            moves: Pause::new(MOVES, 0),
            is_asked: false,
            processors: std::thread::available_parallelism().map_or(1, |count| count.get() as u32),
            late: None,
            said: None,
        }
    }

    /// Whether the threads may be kept on one: there are several, the system tells what must be known, and nothing speaks
    /// against it.
    pub fn is_possible(&mut self, now: i64, threads: &[u32]) -> bool {
        let Some(thread) = threads.first() else { return false };
        if self.is_left_alone(now) {
            return false;
        }
        if bound::all().is_none() {
            let all = Processors::of(*thread).filter(|all| all.numbers().nth(1).is_some());
            match all.filter(|_| children_of(std::process::id(), *thread).is_some()) {
                Some(all) => bound::set_all(all),
                None => self.until = i64::MAX,
            }
        }
        if bound::kept().is_none() && now - self.looked.0 >= LOOK {
            self.looked.0 = now;
            self.see();
        }
        !self.parts.is_empty()
    }

    /// Something speaks against it, for a while or for good.
    fn is_left_alone(&self, now: i64) -> bool {
        now < self.until || bound::has_started() || (self.contact.gils)() > 1
    }

    /// So many requests may run at the same time in any case: each with a GIL and a processor.
    pub fn least(&self) -> u32 {
        (self.contact.gils)().clamp(1, self.processors)
    }

    fn see(&mut self) {
        if let Some(parts) = self.idle.each() {
            self.parts = parts;
        }
    }

    /// How much of the time this processor was idle.
    fn part(&self, number: usize) -> f64 {
        self.parts.get(number).copied().unwrap_or(0.0)
    }

    /// Keeps the threads on one, or no longer; `computed`: how long they have, all together. They are kept when Python tells
    /// what it does, which is asked for once. True: there is something to look after.
    pub fn keep(&mut self, together: bool, now: i64, (threads, computed): (&[u32], i64)) -> bool {
        match (bound::kept(), together) {
            (None, false) => {}
            (None, true) if self.is_left_alone(now) || bound::was_told_since(now - STARTING) => {}
            (None, true) if bound::is_listening() => self.begin(now, threads, computed),
            (None, true) if self.is_asked => {}
            (None, true) => {
                self.is_asked = true;
                (self.contact.listen)();
            }
            (Some(_), false) => self.end(now),
            (Some(number), true) => self.look(number, now, threads, computed),
        }
        if bound::kept().is_none() && self.late.is_some_and(|late| now >= late) {
            self.late = None;
            free(&[]);
        }
        if bound::has_started() {
            self.say(Change::Starts);
        }
        bound::kept().is_some() || self.late.is_some()
    }

    fn say(&mut self, change: Change) {
        if self.said.is_none() || (change == Change::Starts && self.said != Some(change)) {
            self.said = Some(change);
            (self.contact.say)(change);
        }
    }

    /// All of them, or none: an application that has chosen processors for one of them has its reasons.
    fn begin(&mut self, now: i64, threads: &[u32], computed: i64) {
        let Some(all) = bound::all() else { return };
        if self.by == By::Watcher && threads.iter().any(|thread| Processors::of(*thread) != Some(all)) {
            self.until = i64::MAX;
            return;
        }
        let thirds = |number: &usize| (self.part(*number) * 3.0).round() as i64;
        // Processes that choose at the same moment choose differently.
        let numbers: Vec<usize> = all.numbers().collect();
        let turned = (0..numbers.len()).map(|at| numbers[(at + std::process::id() as usize) % numbers.len()]);
        if let Some(number) = turned.max_by_key(thirds) {
            self.looked = (now, computed);
            bound::forget_libraries();
            self.go(number, None, now, threads);
        }
    }

    /// To this processor, from another one or from all.
    fn go(&mut self, number: usize, from: Option<usize>, now: i64, threads: &[u32]) {
        let Some(one) = Processors::only(number) else { return };
        let from = from.and_then(Processors::only);
        bound::set_kept(Some(number));
        if self.by == By::Watcher {
            let mut theirs = threads
                .iter()
                .filter(|thread| from.is_none_or(|from| Processors::of(**thread) == Some(from)));
            if !theirs.all(|thread| one.keep(*thread)) {
                self.until = i64::MAX;
                return self.end(now);
            }
        }
        // A thread that has told something meanwhile had nothing to undo yet.
        if bound::has_started() || bound::has_loaded() {
            self.until = self.until.max(now + STARTING);
            return self.end(now);
        }
        self.say(Change::Kept(number));
    }

    /// All run on all, and so does what they have started.
    fn end(&mut self, now: i64) {
        bound::set_kept(None);
        free(&[]);
        self.late = Some(now + LATE);
    }

    fn look(&mut self, number: usize, now: i64, threads: &[u32], computed: i64) {
        let (then, had) = self.looked;
        if now - then < LOOK {
            return;
        }
        self.looked = (now, computed);
        free(threads);
        if bound::has_started() {
            self.until = i64::MAX;
            return self.end(now);
        }
        if bound::has_loaded() {
            self.loading.failed(now);
            self.until = self.loading.until;
            return self.end(now);
        }
        self.see();
        let own = (computed - had) as f64 / (now - then) as f64;
        let others = 1.0 - self.part(number) - own;
        let Some(all) = bound::all() else { return };
        let other = all.numbers().max_by(|one, other| self.part(*one).total_cmp(&self.part(*other)));
        if let Some(other) = other
            && others > OTHERS
            && self.part(other) > IDLE
            && now >= self.moves.until
        {
            // Two that go at the same moment meet again: each waits for another time.
            self.moves.failed(now + i64::from(std::process::id()).wrapping_mul(7_919) % MOVES.0);
            self.go(other, Some(number), now, threads);
        }
    }
}

/// All that is bound runs on all processors again, but for these threads.
fn free(but: &[u32]) {
    if bound::free_others(but) {
        bound::set_started();
    }
}
