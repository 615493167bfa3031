//! The way into Python where each request comes on a thread of its own, as in Apache's children: a thread waits here until it has a
//! place. Who leaves wakes the one that has waited longest, but does not keep the place for it: a thread that runs already may
//! take it, instead of leaving Python idle until the other one runs.
#![forbid(unsafe_code)]

use super::bound::Stay;
use super::processor::{By, Contact, Processor};
use super::watch::{House, SILENT, seen};
use super::{Sight, Thread};
use os::{Meter, lock};
use std::cell::OnceCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// The places, and who has none.
pub struct Turnstile {
    state: Mutex<State>,
    /// Of all threads that have ever come; that of a thread that has ended is used again.
    seats: Mutex<Vec<Arc<Seat>>>,
    bell: AtomicU32,
}

#[derive(Default)]
struct State {
    places: u32,
    inside: u32,
    waiting: VecDeque<Arc<Seat>>,
    /// One that waited is awake, and has not looked yet.
    is_one_awake: bool,
    /// The next place is for the one that has waited longest.
    is_kept: bool,
}

/// So often somebody else may be quicker; then the next place is kept.
const OTHERS: u32 = 8;

/// A thread.
struct Seat {
    meter: Meter,
    thread: thread::Thread,
    /// Requests that have ended, of this thread and those that had the seat before.
    ended: AtomicU64,
    /// When it got the request that it has, microseconds; 0: it has none.
    taken: AtomicI64,
    /// It is to look whether there is a place.
    is_called: AtomicBool,
    /// The thread has ended.
    is_left: AtomicBool,
}

/// The seat of the calling thread.
struct Own(Arc<Seat>);

impl Drop for Own {
    fn drop(&mut self) {
        self.0.is_left.store(true, Ordering::SeqCst);
    }
}

thread_local!(static OWN: OnceCell<Own> = const { OnceCell::new() });

impl Turnstile {
    /// With so many places.
    pub fn new(places: u32) -> Self {
        Self {
            state: Mutex::new(State { places: places.max(1), ..State::default() }),
            seats: Mutex::default(),
            bell: AtomicU32::new(SILENT),
        }
    }

    /// Waits until the calling thread has a place; `waits` is told that it does, and when it does no longer. `None`: it has a place
    /// already, for the page that this request is a part of.
    pub fn enter(&self, mut waits: impl FnMut(bool)) -> Option<Place<'_>> {
        let seat = OWN.with(|own| own.get_or_init(|| Own(self.seat())).0.clone());
        if seat.taken.load(Ordering::Relaxed) != 0 {
            return None;
        }
        let mut state = lock(&self.state);
        if state.inside < state.places && !state.is_kept {
            state.inside += 1;
            let there = state.there();
            drop(state);
            self.ring(there);
        } else {
            state.waiting.push_back(seat.clone());
            let there = state.there();
            drop(state);
            self.ring(there);
            waits(true);
            self.wait(&seat);
            waits(false);
        }
        seat.taken.store(os::monotonic().max(1), Ordering::SeqCst);
        Some(Place { turnstile: self, seat, _stay: Stay::begin() })
    }

    /// Waits for a place; the seat is among those that wait.
    fn wait(&self, seat: &Arc<Seat>) {
        for turn in 1.. {
            while !seat.is_called.swap(false, Ordering::Acquire) {
                thread::park();
            }
            let mut state = lock(&self.state);
            state.is_one_awake = false;
            if state.inside < state.places {
                state.inside += 1;
                state.is_kept = false;
                state.call();
                return;
            }
            state.is_kept = turn >= OTHERS;
            state.waiting.push_front(seat.clone());
            let there = state.there();
            drop(state);
            // Whoever looks may have slept since then: there was one less.
            self.ring(there);
        }
    }

    fn seat(&self) -> Arc<Seat> {
        let seat = |ended| {
            Arc::new(Seat {
                meter: Meter::of_thread(),
                thread: thread::current(),
                ended: AtomicU64::new(ended),
                taken: AtomicI64::new(0),
                is_called: AtomicBool::new(false),
                is_left: AtomicBool::new(false),
            })
        };
        let mut seats = lock(&self.seats);
        match seats.iter_mut().find(|seat| seat.is_left.load(Ordering::SeqCst)) {
            Some(left) => {
                *left = seat(left.ended.load(Ordering::SeqCst));
                left.clone()
            }
            None => {
                seats.push(seat(0));
                seats[seats.len() - 1].clone()
            }
        }
    }

    /// So many are there: the one who looks is woken if it wants to know.
    fn ring(&self, there: u32) {
        let most = self.bell.load(Ordering::SeqCst);
        if there > most
            && self.bell.compare_exchange(most, SILENT, Ordering::SeqCst, Ordering::SeqCst).is_ok()
        {
            os::futex_wake(&self.bell);
        }
    }

    fn set_places(&self, places: u32) {
        let mut state = lock(&self.state);
        state.places = places;
        state.call();
    }
}

impl State {
    /// Requests that have a place or wait for one, awake or not.
    fn there(&self) -> u32 {
        self.inside + self.waiting.len() as u32 + u32::from(self.is_one_awake)
    }

    /// Wakes the one that has waited longest, if there is a place and nobody is awake for it.
    fn call(&mut self) {
        if self.inside < self.places
            && !self.is_one_awake
            && let Some(next) = self.waiting.pop_front()
        {
            self.is_one_awake = true;
            next.is_called.store(true, Ordering::Release);
            next.thread.unpark();
        }
    }
}

/// A thread has a place until this is dropped.
pub struct Place<'a> {
    turnstile: &'a Turnstile,
    seat: Arc<Seat>,
    _stay: Stay,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.seat.ended.fetch_add(1, Ordering::SeqCst);
        self.seat.taken.store(0, Ordering::SeqCst);
        let mut state = lock(&self.turnstile.state);
        state.inside -= 1;
        state.call();
    }
}

/// Who looks at the threads.
pub struct Eyes<'a> {
    turnstile: &'a Turnstile,
    known: Vec<Known>,
    processor: Processor,
}

/// A seat at the last look.
struct Known {
    seat: Arc<Seat>,
    /// What those who had the seat before had computed, and what all have.
    before: i64,
    computed: i64,
}

impl<'a> Eyes<'a> {
    /// Has seen nothing; `one_processor`: the threads may be kept on one.
    pub fn new(turnstile: &'a Turnstile, contact: Contact, one_processor: bool) -> Self {
        Self { turnstile, known: Vec::new(), processor: Processor::new(By::Threads, contact, one_processor) }
    }

    fn numbers(&self) -> Vec<u32> {
        let lives = |known: &&Known| !known.seat.is_left.load(Ordering::SeqCst);
        self.known.iter().filter(lives).map(|known| known.seat.meter.thread()).collect()
    }

    fn meet(&mut self) {
        let seats = lock(&self.turnstile.seats);
        for (at, seat) in seats.iter().enumerate() {
            match self.known.get_mut(at) {
                Some(known) if Arc::ptr_eq(&known.seat, seat) => {}
                Some(known) => {
                    (known.seat, known.before) = (seat.clone(), known.computed);
                }
                None => self.known.push(Known { seat: seat.clone(), before: 0, computed: 0 }),
            }
        }
    }
}

impl House for Eyes<'_> {
    fn is_open(&self) -> bool {
        true
    }

    fn clock(&self) -> i64 {
        os::monotonic()
    }

    fn look(&mut self) -> Sight {
        self.meet();
        let mut is_busy = false;
        let threads = self.known.iter_mut().map(|known| known.look(&mut is_busy)).collect();
        let numbers = self.numbers();
        let may_stay_together = self.processor.is_possible(self.clock(), &numbers);
        let least = self.processor.least();
        Sight { waiting: self.somebody_waits(self.places()), threads, may_stay_together, least }
    }

    fn keep_together(&mut self, together: bool) -> bool {
        let computed = self.known.iter().map(|known| known.computed).sum();
        let (now, numbers) = (self.clock(), self.numbers());
        self.processor.keep(together, now, (&numbers, computed))
    }

    fn let_in(&mut self, places: u32) {
        self.turnstile.set_places(places);
    }

    fn places(&self) -> u32 {
        lock(&self.turnstile.state).places
    }

    fn somebody_waits(&self, most: u32) -> bool {
        let state = lock(&self.turnstile.state);
        state.there() > most
    }

    fn bell(&self) -> &AtomicU32 {
        &self.turnstile.bell
    }
}

impl Known {
    fn look(&mut self, is_busy: &mut bool) -> Thread {
        // The request first: what the thread computes meanwhile may not be counted for the one before.
        let (taken, ended) = (self.seat.taken.load(Ordering::SeqCst), self.seat.ended.load(Ordering::SeqCst));
        let taken = (taken != 0).then_some(taken);
        seen(
            Thread { taken, ended, ..Thread::default() },
            &self.seat.meter,
            (self.before, &mut self.computed),
            is_busy,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::time::{Duration, Instant};

    const NOBODY: Contact = Contact { listen: || (), say: |_| (), gils: || 1 };

    /// All threads come again and again, and all get in; never more than there are places.
    #[test]
    fn everybody_gets_in_and_never_too_many() {
        for places in [1, 3] {
            let turnstile = Turnstile::new(places);
            let (inside, most) = (AtomicU32::new(0), AtomicU32::new(0));
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        for _ in 0..2000 {
                            let place = turnstile.enter(|_| ());
                            most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                            thread::yield_now();
                            inside.fetch_sub(1, Ordering::SeqCst);
                            drop(place);
                        }
                    });
                }
            });
            assert!((1..=places).contains(&most.into_inner()));
            let mut eyes = Eyes::new(&turnstile, NOBODY, true);
            assert_eq!(eyes.look().threads.iter().map(|thread| thread.ended).sum::<u64>(), 16_000);
            assert!(!eyes.somebody_waits(0));
        }
    }

    /// More are let in as soon as there are more places.
    #[test]
    fn more_places_let_more_in() {
        let turnstile = Turnstile::new(1);
        let all = Barrier::new(6);
        thread::scope(|scope| {
            for _ in 0..5 {
                scope.spawn(|| {
                    let _place = turnstile.enter(|_| ());
                    all.wait();
                });
            }
            let mut eyes = Eyes::new(&turnstile, NOBODY, true);
            let until = Instant::now() + Duration::from_secs(20);
            while !eyes.somebody_waits(4) {
                assert!(Instant::now() < until, "they do not come");
                thread::yield_now();
            }
            eyes.let_in(5);
            all.wait();
        });
    }

    #[test]
    fn a_part_of_a_page_has_the_place_of_the_page() {
        let turnstile = Turnstile::new(1);
        let page = turnstile.enter(|_| ());
        assert!(page.is_some() && turnstile.enter(|_| ()).is_none());
        drop(page);
        assert!(turnstile.enter(|_| ()).is_some());
    }

    /// A thread that comes later goes on where the one before has ended.
    #[test]
    fn a_seat_is_used_again() {
        let turnstile = Turnstile::new(1);
        for _ in 0..3 {
            thread::scope(|scope| scope.spawn(|| drop(turnstile.enter(|_| ()))).join()).expect("a thread");
        }
        let threads = Eyes::new(&turnstile, NOBODY, true).look().threads;
        assert_eq!(threads.iter().map(|thread| thread.ended).collect::<Vec<_>>(), [3]);
    }

    /// Who comes as one too many wakes the one who looks.
    #[test]
    fn the_bell_is_rung() {
        let turnstile = Turnstile::new(1);
        turnstile.bell.store(1, Ordering::SeqCst);
        thread::scope(|scope| {
            let place = turnstile.enter(|_| ());
            assert_eq!(turnstile.bell.load(Ordering::SeqCst), 1);
            scope.spawn(|| drop(turnstile.enter(|_| ())));
            while turnstile.bell.load(Ordering::SeqCst) == 1 {
                os::futex_wait(&turnstile.bell, 1, Some(Duration::from_secs(1)));
            }
            drop(place);
        });
        assert_eq!(turnstile.bell.load(Ordering::SeqCst), SILENT);
    }
}
