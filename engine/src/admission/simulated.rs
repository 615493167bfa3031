//! Processes with a GIL, simulated: what the machine makes of a workload.

use super::{Admission, Sight, Thread as Seen};
use std::collections::VecDeque;

/// Steps of the simulation, microseconds.
const STEP: i64 = 100;
const SWITCH: i64 = 5_000;

/// What a request does next.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// Computes, with the GIL.
    Python(i64),
    /// Computes without.
    Native(i64),
    /// Sleeps.
    Sleep(i64),
}
use Part::{Native, Python, Sleep};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Gil {
    Has,
    Wants,
    Released,
}

#[derive(Debug)]
struct Thread {
    request: Option<(usize, VecDeque<Part>)>,
    taken: i64,
    ended: u64,
    computed: i64,
    gil: Gil,
    wanted: i64,
}

/// A process with so many threads, and clients who ask again at once.
struct Process {
    now: i64,
    threads: Vec<Thread>,
    waiting: VecDeque<usize>,
    clients: Vec<Vec<Part>>,
    ended: Vec<u64>,
    /// Who has the GIL, since when, and until when it is being handed over.
    holder: Option<usize>,
    held: i64,
    handed: i64,
    processors: i64,
    /// The system tells who sleeps.
    tells: bool,
    may_stay_together: bool,
    /// All threads are on one processor, and have been for so long.
    together: bool,
    stayed: i64,
}

impl Process {
    fn new(threads: usize, clients: &[&[Part]]) -> Self {
        let thread =
            || Thread { request: None, taken: 0, ended: 0, computed: 0, gil: Gil::Released, wanted: 0 };
        Self {
            now: 1_000_000,
            threads: (0..threads).map(|_| thread()).collect(),
            waiting: (0..clients.len()).collect(),
            clients: clients.iter().map(|parts| parts.to_vec()).collect(),
            ended: vec![0; clients.len()],
            holder: None,
            held: 0,
            handed: 0,
            processors: 2,
            tells: true,
            may_stay_together: false,
            together: false,
            stayed: 0,
        }
    }

    fn step(&mut self, places: u32) {
        self.now += STEP;
        self.stayed += if self.together { STEP } else { 0 };
        let inside = |threads: &[Thread]| threads.iter().filter(|thread| thread.request.is_some()).count();
        while inside(&self.threads) < places as usize && !self.waiting.is_empty() {
            let client = self.waiting.pop_front().unwrap();
            let now = self.now;
            let free = self.threads.iter_mut().find(|thread| thread.request.is_none()).unwrap();
            free.request = Some((client, self.clients[client].iter().copied().collect()));
            free.taken = now;
        }
        let mut processors = if self.together { 1 } else { self.processors };
        for index in 0..self.threads.len() {
            self.advance(index, &mut processors);
        }
        self.hand_over();
    }

    fn advance(&mut self, index: usize, processors: &mut i64) {
        let now = self.now;
        let thread = &mut self.threads[index];
        let Some((client, parts)) = &mut thread.request else { return };
        let Some(part) = parts.front_mut() else { unreachable!() };
        let left = match part {
            Sleep(left) => left,
            Native(left) => {
                if *processors == 0 {
                    return;
                }
                *processors -= 1;
                thread.computed += STEP;
                left
            }
            Python(left) => {
                if thread.gil == Gil::Released {
                    (thread.gil, thread.wanted) = (Gil::Wants, now);
                    if self.holder.is_none() {
                        thread.gil = Gil::Has;
                        (self.holder, self.held, self.handed) = (Some(index), now, now);
                    }
                }
                if thread.gil == Gil::Wants {
                    if (now - thread.wanted) % SWITCH == SWITCH - STEP {
                        thread.computed += 5;
                    }
                    return;
                }
                thread.computed += STEP;
                if now < self.handed {
                    return;
                }
                *processors -= 1;
                left
            }
        };
        *left -= STEP;
        if *left > 0 {
            return;
        }
        parts.pop_front();
        if thread.gil == Gil::Has {
            thread.gil = Gil::Released;
            self.holder = None;
        }
        if parts.is_empty() {
            self.ended[*client] += 1;
            thread.ended += 1;
            self.waiting.push_back(*client);
            thread.request = None;
        }
    }

    /// Who has waited longest gets the GIL, at some cost if it was another one's.
    fn hand_over(&mut self) {
        let wants = |thread: &Thread| thread.gil == Gil::Wants;
        let next = (0..self.threads.len())
            .filter(|at| wants(&self.threads[*at]))
            .min_by_key(|at| self.threads[*at].wanted);
        let Some(next) = next else { return };
        if let Some(holder) = self.holder {
            if self.now - self.held < SWITCH {
                return;
            }
            (self.threads[holder].gil, self.threads[holder].wanted) = (Gil::Wants, self.now);
        }
        // Who found it taken was asleep, and has cold caches.
        let was_taken = self.threads[next].wanted < self.now;
        self.handed = self.now + if was_taken && !self.together { 4 * STEP } else { 0 };
        self.threads[next].gil = Gil::Has;
        (self.holder, self.held) = (Some(next), self.now);
    }

    fn sight(&self, places: u32) -> Sight {
        let seen = |thread: &Thread| Seen {
            ended: thread.ended,
            computed: thread.computed,
            taken: thread.request.as_ref().map(|_| thread.taken),
            runnable: thread.gil == Gil::Has
                || matches!(&thread.request, Some((_, parts)) if matches!(parts[0], Native(_))),
            sleeps: self.tells && matches!(&thread.request, Some((_, parts)) if matches!(parts[0], Sleep(_))),
        };
        let inside = self.threads.iter().filter(|thread| thread.request.is_some()).count();
        Sight {
            waiting: self.waiting.len() + inside > places as usize,
            may_stay_together: self.may_stay_together,
            least: 1,
            threads: self.threads.iter().map(seen).collect(),
        }
    }

    /// Requests of each client in so many seconds, after as many as the first number, and the places in the end.
    fn run(&mut self, before: i64, seconds: i64, fixed: Option<u32>) -> (Vec<u64>, u32) {
        let begun = self.now;
        let (mut look, mut places) = (begun, fixed.unwrap_or(1));
        let mut admission = Admission::new(self.threads.len() as u32);
        let mut ended = Vec::new();
        while self.now < begun + (before + seconds) * 1_000_000 {
            self.step(places);
            if self.now >= look && fixed.is_none() {
                let verdict = admission.look(self.now, &self.sight(places));
                (places, self.together) = (verdict.places, verdict.together);
                look = self.now + verdict.next.map_or(STEP, |next| next.as_micros() as i64);
            }
            if self.now - begun == before * 1_000_000 {
                ended.clone_from(&self.ended);
            }
        }
        let counts = self.ended.iter().zip(&ended).map(|(after, before)| after - before);
        (counts.collect(), places)
    }
}

/// Requests per second with what is learnt, and with a fixed number of places; of two systems, one of which tells who sleeps, what
/// is less.
fn rates(threads: usize, clients: &[&[Part]], fixed: u32) -> (f64, f64, u32) {
    const SECONDS: i64 = 5;
    let rate = |counts: &[u64]| counts.iter().sum::<u64>() as f64 / SECONDS as f64;
    let learnt = [true, false].map(|tells| {
        let mut process = Process { tells, ..Process::new(threads, clients) };
        let (counts, places) = process.run(2, SECONDS, None);
        (rate(&counts), places)
    });
    let (others, _) = Process::new(threads, clients).run(2, SECONDS, Some(fixed));
    let [(told, places), (guessed, others_places)] = learnt;
    (told.min(guessed), rate(&others), places.max(others_places))
}

/// 1.2 ms with three moments without the GIL.
const PAGE: [Part; 7] =
    [Python(300), Native(100), Python(200), Native(100), Python(200), Native(100), Python(200)];

/// The page, with a sleep in it.
fn page(sleep: i64) -> Vec<Part> {
    [&PAGE[..4], &[Sleep(sleep)], &PAGE[4..]].concat()
}

#[test]
fn who_computes_is_alone() {
    let (auto, all, places) = rates(15, &[&PAGE[..]; 8], 15);
    assert!(auto > 1.2 * all && places <= 2, "{auto} {all} {places}");
}

#[test]
fn who_sleeps_has_company() {
    for (connections, sleep) in [(15, 50_000), (15, 20_000), (8, 5_000)] {
        let page = page(sleep);
        let (auto, all, places) = rates(15, &vec![&page[..]; connections], 15);
        assert!(auto > 0.97 * all, "{sleep}: {auto} {all} {places}");
    }
}

#[test]
fn who_computes_without_the_gil_has_company() {
    let (auto, one, places) = rates(15, &[&[Python(200), Native(4_000)][..]; 8], 1);
    assert!(auto > 1.7 * one && places > 1, "{auto} {one} {places}");
}

#[test]
fn short_requests_beside_a_long_one() {
    let mut clients: Vec<&[Part]> = vec![&PAGE; 7];
    clients.push(&[Python(200_000)]);
    let [auto, all] = [None, Some(15)].map(|fixed| Process::new(15, &clients).run(2, 20, fixed).0);
    let short = |counts: &[u64]| counts[..7].iter().sum::<u64>() as f64;
    let computed = |counts: &[u64]| 1.2 * short(counts) + 200.0 * counts[7] as f64;
    assert!(short(&auto) > 0.85 * short(&all) && computed(&auto) > computed(&all), "{auto:?} {all:?}");
}

#[test]
fn heavy_pages_are_alone_too() {
    let heavy: Vec<Part> = PAGE.repeat(30);
    let (auto, all, places) = rates(15, &[&heavy[..]; 8], 15);
    assert!(auto > 1.1 * all && places <= 3, "{auto} {all} {places}");
}

#[test]
fn a_process_that_has_learnt_to_sleep_learns_to_compute() {
    let page = page(50_000);
    let mut process = Process::new(15, &[&page[..]; 15]);
    let mut admission = Admission::new(15);
    let (mut places, mut look) = (1, 0);
    for second in 0..12 {
        if second == 3 {
            process.clients = vec![PAGE.to_vec(); 15];
        }
        for _ in 0..1_000_000 / STEP {
            process.step(places);
            if process.now >= look {
                let verdict = admission.look(process.now, &process.sight(places));
                places = verdict.places;
                look = process.now + verdict.next.map_or(STEP, |next| next.as_micros() as i64);
            }
        }
        if second == 2 {
            assert!(places > 10, "{places}");
        }
    }
    assert!(places <= 2, "{places}");
}

/// Requests per second of a process that may stay on one processor, of one that may not, and whether it does most of the time.
fn rates_together(clients: &[&[Part]]) -> (f64, f64, bool) {
    let run = |may_stay_together| {
        let mut process = Process { may_stay_together, ..Process::new(15, clients) };
        let rate = process.run(4, 5, None).0.iter().sum::<u64>() as f64 / 5.0;
        (rate, process.stayed > 5_000_000)
    };
    let ((rate, together), (apart, _)) = (run(true), run(false));
    (rate, apart, together)
}

#[test]
fn who_sleeps_and_computes_stays_together() {
    for (connections, sleep) in [(15, 20_000), (8, 5_000)] {
        let page = page(sleep);
        let (rate, apart, together) = rates_together(&vec![&page[..]; connections]);
        assert!(together && rate > 1.1 * apart, "{connections} {sleep}: {rate} {apart} {together}");
    }
}

#[test]
fn who_computes_without_the_gil_does_not_stay_together() {
    let (rate, apart, together) = rates_together(&[&[Python(200), Native(4_000)][..]; 8]);
    assert!(!together && rate > 0.95 * apart, "{rate} {apart} {together}");
}
