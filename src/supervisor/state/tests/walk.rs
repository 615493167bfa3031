//! Random walks: whatever happens in whatever order, some things are always true.

use super::*;
use crate::supervisor::state::place::Seat;
use crate::supervisor::state::worker::Deadline;
use std::collections::BTreeSet;

/// Numbers that are the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

/// What is outside of the decisions: processes that live, and those that were asked for.
struct World {
    group: Group,
    random: Random,
    now: f64,
    last_pid: u32,
    asked: BTreeSet<usize>,
    template_asked: bool,
    alive: BTreeSet<u32>,
    killed: BTreeSet<u32>,
    /// They have ended, and are to be reaped.
    ended: BTreeSet<u32>,
    service: bool,
    /// Places that were open before the last event.
    open: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let service = random.below(5) == 0;
        let places = 1 + random.below(3) as usize;
        let scale = (!service && random.below(2) == 0).then(|| Scale {
            least: random.below(places as u64) as usize,
            up: Duration::from_millis(50),
            down: Duration::from_secs(6),
            threads: 2,
        });
        let fork = !service && random.below(2) == 0;
        let rules = Rules { service, scale, reload_imports: random.below(2) == 0, fork, ..rules() };
        let group = Group::new(rules, places).with_open(random.below(3) as usize);
        let none = BTreeSet::new();
        let (asked, alive, killed, ended) = (BTreeSet::new(), none.clone(), none.clone(), none);
        let (open, template_asked) = (0, false);
        Self {
            group,
            random,
            now: 0.0,
            last_pid: 0,
            asked,
            template_asked,
            alive,
            killed,
            ended,
            service,
            open,
        }
    }

    fn feed(&mut self, event: Event) {
        let is_tick = event == Event::Tick;
        self.open = self.group.places.iter().filter(|place| !place.is_closed).count();
        let actions = self.group.on(event.clone(), at(self.now));
        for action in &actions {
            self.perform(action, &event);
        }
        self.check(&event);
        if is_tick {
            let wakes_at = self.group.wakes_at(at(self.now));
            assert!(
                wakes_at.is_none_or(|time| time > at(self.now)),
                "due at once after a tick: {}",
                self.show()
            );
        }
    }

    fn perform(&mut self, action: &Action, event: &Event) {
        match action {
            Action::Start { place, .. } => {
                assert!(self.asked.insert(*place), "asked twice after {event:?}: {}", self.show());
            }
            Action::StartTemplate { .. } => {
                assert!(!self.template_asked, "asked twice after {event:?}: {}", self.show());
                self.template_asked = true;
            }
            Action::Fork { template, .. } => {
                assert!(self.alive.contains(template), "of nobody after {event:?}: {}", self.show());
                assert!(!self.killed.contains(template), "of a killed one after {event:?}: {}", self.show());
            }
            Action::Tell(pid, _) | Action::RememberSession(pid) | Action::KillSession(pid) => {
                assert!(self.alive.contains(pid) || self.ended.contains(pid), "{action:?}: {}", self.show());
            }
            Action::Kill(pid) => {
                assert!(self.alive.contains(pid) || self.ended.contains(pid), "{action:?}: {}", self.show());
                assert!(self.killed.insert(*pid), "killed twice: {}", self.show());
            }
            Action::Reap(pid) => assert!(self.ended.contains(pid), "{action:?}: {}", self.show()),
            _ => {}
        }
    }

    /// What is always true.
    fn check(&self, event: &Event) {
        let known = pids(&self.group);
        let all: BTreeSet<u32> = known.iter().copied().collect();
        assert_eq!(known.len(), all.len(), "twice after {event:?}: {}", self.show());
        let real: BTreeSet<u32> = self.alive.union(&self.ended).copied().collect();
        assert_eq!(all, real, "processes after {event:?}: {}", self.show());
        let forks = self.forks().len();
        let is_gone = real.is_empty() && self.asked.is_empty() && forks == 0 && !self.template_asked;
        assert_eq!(self.group.is_gone(), is_gone, "{}", self.show());
        let replaced = self
            .group
            .places
            .iter()
            .filter(|place| place.seat.current().is_some() && place.seat.has_successor());
        let is_asked = |place: &&Place| place.seat.has_successor() && place.seat.starting().is_none();
        let asked = self.group.places.iter().filter(is_asked).count();
        assert_eq!(asked, self.asked.len() + forks, "asked after {event:?}: {}", self.show());
        assert!(replaced.count() <= 1, "two replaced after {event:?}: {}", self.show());
        if self.service {
            let two = self
                .group
                .places
                .iter()
                .any(|place| place.seat.current().is_some() && place.seat.has_successor());
            assert!(!two, "a service beside its successor after {event:?}: {}", self.show());
        }
        let open = self.group.places.iter().filter(|place| !place.is_closed).count();
        let least = self.group.rules.scale.map_or(self.group.places.len(), |scale| scale.least);
        assert!(open >= least, "too few after {event:?}: {}", self.show());
        let closed = self.group.places.iter().filter(|place| place.is_closed);
        assert!(closed.map(|place| &place.seat).all(|seat| *seat == Seat::Empty), "{}", self.show());
        if matches!(event, Event::Rung | Event::Load(_)) {
            let added = open.saturating_sub(self.open);
            assert!(added <= 1, "two at once after {event:?}: {}", self.show());
            let fails =
                self.group.places.iter().any(|place| place.next.is_some_and(|at| at > self::at(self.now)));
            assert!(added == 0 || !fails, "more of what fails to start after {event:?}: {}", self.show());
        }
        let deadlines = self.group.draining.iter().map(|process| (process.worker.pid, process.deadline));
        for (pid, deadline) in deadlines {
            assert_eq!(deadline == Deadline::Killed, self.killed.contains(&pid), "{}", self.show());
        }
    }

    /// Places that templates were asked to fork for.
    fn forks(&self) -> Vec<usize> {
        let template = self.group.template.iter();
        template.flat_map(|template| template.asked.iter().map(|asked| asked.place)).collect()
    }

    fn show(&self) -> String {
        show_group(&self.group)
    }

    /// One of the processes, or one that nobody knows.
    fn anybody(&mut self) -> u32 {
        let mut pids: Vec<u32> = self.alive.iter().copied().collect();
        pids.push(u32::MAX);
        self.random.of(&pids)
    }

    fn step(&mut self) {
        self.now += self.random.of(&[0.0, 0.001, 0.05, 0.3, 1.0, 7.0, 70.0]);
        let pid = self.anybody();
        match self.random.below(24) {
            0..4 => self.feed(Event::Tick),
            4..8 => self.answer(),
            8..10 => {
                let failed = self.random.of(&[0, 0, 1, 2]);
                let others = self.random.of(&[None, Some(0), Some(1)]);
                self.feed(Event::Ready { pid, failed, others });
            }
            10..12 => {
                let reasons = [
                    Reason::Script,
                    Reason::Imports,
                    Reason::FailedStart,
                    Reason::Requests,
                    Reason::Deadlock,
                ];
                let reason = self.random.of(&reasons);
                self.feed(ask(pid, reason));
            }
            12..14 => self.end(pid),
            14 => self.feed(starts(pid)),
            15 => self.feed(Event::GaveUp { pid, why: String::new() }),
            16 if self.random.below(4) == 0 => self.feed(Event::Unforkable { pid, why: String::new() }),
            16 => self.feed(Event::Watch { pid, files: Vec::new() }),
            17..20 => self.feed(Event::Rung),
            20..23 => self.load(),
            _ => self.rare(),
        }
    }

    /// The load was looked at, asked for or not.
    fn load(&mut self) {
        let waits = self.random.of(&[None, Some(0), Some(60), Some(7000)]).map(Duration::from_millis);
        let alive: Vec<u32> = self.alive.iter().copied().collect();
        let claims = alive.into_iter().map(|pid| (pid, self.random.of(&[0, 0, 0, 1, 2]))).collect();
        let served = self.random.below(3);
        self.feed(Event::Load(Load { waits, claims, served }));
    }

    /// What happens seldom.
    fn rare(&mut self) {
        let limit = self.random.of(&[None, Some(Duration::from_millis(900))]);
        match self.random.below(40) {
            0..2 => self.feed(Event::Leave),
            2 => self.feed(Event::EndForGood),
            3 => self.feed(Event::Stop { limit }),
            4 => self.feed(Event::Over),
            _ => self.feed(Event::Seen { open: limit.is_none() }),
        }
    }

    /// The answer to a start that was asked for.
    fn answer(&mut self) {
        if self.template_asked && self.random.below(2) == 0 {
            self.template_asked = false;
            if self.random.below(4) == 0 {
                return self.feed(Event::TemplateNotStarted { why: String::new() });
            }
            self.last_pid += 1;
            self.alive.insert(self.last_pid);
            return self.feed(Event::TemplateStarted { pid: self.last_pid, limit: START });
        }
        let Some(place) = self.asked.pop_first().or_else(|| self.forks().first().copied()) else { return };
        match self.random.below(6) {
            0 => self.feed(Event::StartFailed { place, why: String::new() }),
            1 if self.forks().is_empty() => self.feed(Event::Occupied { place }),
            _ => {
                self.last_pid += 1;
                self.alive.insert(self.last_pid);
                self.feed(started(place, self.last_pid));
            }
        }
    }

    /// A process ends, and is reaped.
    fn end(&mut self, pid: u32) {
        if self.alive.remove(&pid) {
            self.ended.insert(pid);
        }
        let status = self.random.of(&[CLEAN, SIGKILL, 11]);
        self.feed(Event::Ended { pid });
        self.ended.remove(&pid);
        let is_known = self.random.below(10) > 0;
        let event = died(pid, status);
        self.feed(if is_known { event } else { Event::Died { pid, end: None, open: false } });
    }

    /// Nothing comes from outside any more: what was killed ends, and whatever is due is done, until nothing is left.
    fn finish(&mut self) {
        self.feed(Event::Stop { limit: None });
        while !self.asked.is_empty() || self.template_asked || !self.forks().is_empty() {
            self.answer();
        }
        for _ in 0..1000 {
            self.feed(Event::Tick);
            let killed: Vec<u32> = self.killed.intersection(&self.alive).copied().collect();
            killed.into_iter().for_each(|pid| self.end(pid));
            if self.group.is_gone() {
                return;
            }
            let due = self.group.wakes_at(at(self.now)).expect("nobody waits for what is left");
            self.now = due.duration_since(at(0.0)).as_secs_f64() + 0.001;
        }
        panic!("something is left: {}", self.show());
    }
}

#[test]
fn what_must_be_true_is_true_on_every_walk() {
    for seed in 1..=2000 {
        let mut world = World::new(0x9e37_79b9_7f4a_7c15u64.wrapping_mul(seed));
        for _ in 0..150 {
            world.step();
        }
        world.finish();
    }
}

#[test]
fn a_group_left_alone_comes_to_serve_and_then_to_rest() {
    for seed in 1..=50 {
        let mut world = World::new(seed);
        let mut wakes = 0;
        while let Some(due) = world.group.wakes_at(at(world.now)) {
            world.now = world.now.max(due.duration_since(at(0.0)).as_secs_f64());
            world.feed(Event::Tick);
            while !world.asked.is_empty() || world.template_asked || !world.forks().is_empty() {
                world.answer();
            }
            let starting: Vec<u32> = world.alive.iter().copied().collect();
            starting.into_iter().for_each(|pid| world.feed(ready(pid, 0)));
            wakes += 1;
            assert!(wakes < 1000, "a busy loop: {}", world.show());
        }
        assert!(world.group.is_complete(), "{}", world.show());
    }
}
