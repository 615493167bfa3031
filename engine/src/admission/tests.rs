//! Each rule by itself; what they come to is in [`super::simulated`].

use super::inside::Company;
use super::learn::{Figures, Learner};
use super::together::Together;
use super::*;

const MS: i64 = 1_000;

/// A thread with a request since `taken`, which has computed for so long.
fn thread(taken: i64, computed: i64) -> Thread {
    Thread { computed, taken: Some(taken), ..Thread::default() }
}

#[test]
fn who_stands_still_sleeps() {
    let mut company = Company::default();
    let mut look = |now: i64, threads: &[Thread]| {
        let seen = company.look(now * MS, threads);
        (seen.inside, seen.still, seen.asleep)
    };
    assert_eq!(look(0, &[thread(1, 0), thread(1, 0)]), (2, 0, 0));
    assert_eq!(look(2, &[thread(1, 2 * MS), thread(1, 0)]), (2, 1, 0), "it may wait for the GIL");
    assert_eq!(look(5, &[thread(1, 5 * MS), thread(1, 10)]), (2, 0, 0), "it did");
    assert_eq!(look(11, &[thread(1, 6 * MS), thread(1, 10)]), (2, 1, 0));
    assert_eq!(look(12, &[thread(1, 7 * MS), thread(1, 10)]), (2, 1, 1));
    assert_eq!(look(14, &[thread(1, 7 * MS), thread(1, 10)]), (2, 2, 2), "nobody computes");
    let runnable = Thread { runnable: true, ..thread(1, 7 * MS) };
    assert_eq!(look(16, &[runnable, thread(1, 10)]), (2, 1, 1), "it waits for a processor");
    assert_eq!(look(30, &[thread(1, 20 * MS), thread(29, 10)]), (2, 0, 0), "another request");
    assert_eq!(look(50, &[Thread::default(), thread(29, 10)]), (1, 1, 1));
}

/// Where the system tells, at once, and of one that has computed a little as well.
#[test]
fn who_is_seen_to_sleep_does() {
    let mut company = Company::default();
    let sleeps = |thread| Thread { sleeps: true, ..thread };
    let mut look = |now: i64, threads: &[Thread]| {
        let seen = company.look(now * MS, threads);
        (seen.inside, seen.still, seen.asleep)
    };
    assert_eq!(look(0, &[thread(1, 0), sleeps(thread(1, 0))]), (2, 1, 1));
    assert_eq!(look(2, &[thread(1, 2 * MS), sleeps(thread(1, 100))]), (2, 1, 1));
    assert_eq!(look(4, &[sleeps(thread(1, 3 * MS)), sleeps(thread(1, 100))]), (2, 2, 2));
    assert_eq!(look(6, &[thread(1, 4 * MS), thread(1, 200)]), (2, 0, 0));
}

#[test]
fn who_computes_for_longer_than_usual_is_long() {
    let mut company = Company::default();
    let ended = |ended, computed| Thread { ended, computed, ..Thread::default() };
    company.look(0, &[ended(0, 0)]);
    company.look(100 * MS, &[ended(100, 100 * MS)]);
    let patience = company.patience();
    assert!(patience < 10 * MS, "requests of 1 ms: {patience}");
    let mut long =
        |now, computed| company.look(now, &[Thread { ended: 100, ..thread(101 * MS, computed) }]).long;
    assert_eq!(long(102 * MS, 102 * MS), 0);
    assert_eq!(long(110 * MS, 101 * MS + patience - 1), 0);
    assert_eq!(long(111 * MS, 101 * MS + patience), 1);
    for request in 101..160 {
        company.look(request * 200 * MS, &[ended(request as u64, request * 50 * MS)]);
    }
    assert!(company.patience() > 100 * MS, "requests of 50 ms: {}", company.patience());
}

/// All places have a request.
fn figures(learner: &Learner, busy: f64, rate: f64, waiting: bool) -> Figures {
    Figures { busy, rate, inside: learner.places().into(), cpu: 0.001, waiting }
}

#[test]
fn room_is_used() {
    let mut learner = Learner::new(15);
    let mut rate = 1.0;
    let mut places = |busy, waiting| {
        rate *= 2.0;
        learner.learn(0, figures(&learner, busy, rate, waiting));
        learner.places()
    };
    assert_eq!(places(0.2, false), 1, "nobody waits");
    assert_eq!([places(0.2, true), places(0.4, true), places(0.5, true)], [2, 3, 5]);
    assert_eq!(places(0.9, true), 5, "it is neither");
    assert_eq!(
        [places(0.75, true), places(0.75, true), places(0.8, true)],
        [8, 8, 12],
        "little room is seen twice"
    );
    assert_eq!([places(0.5, true), places(0.5, true)], [15, 15], "no more than threads");
}

#[test]
fn room_that_brings_nothing_is_left_alone() {
    let mut learner = Learner::new(15);
    let mut now = 0;
    let mut places = |after, rate| {
        now += after * MS;
        learner.learn(now, figures(&learner, 0.2, rate, true));
        learner.places()
    };
    assert_eq!([places(0, 1000.0), places(100, 1000.0)], [2, 1]);
    assert_eq!((0..9).map(|_| places(100, 1000.0)).max(), Some(1), "not again so soon");
    assert_eq!([places(100, 1000.0), places(100, 1100.0)], [2, 2], "a little more must be seen twice");
    assert_eq!(places(100, 1000.0), 1);
    assert_eq!((0..19).map(|_| places(100, 1000.0)).max(), Some(1), "and later each time");
    assert_eq!([places(100, 1000.0), places(100, 1100.0), places(100, 1100.0)], [2, 2, 3]);
}

#[test]
fn places_that_end_the_waiting_stay() {
    let mut learner = Learner::new(15);
    for (window, waiting) in [true, false, false, false].into_iter().enumerate() {
        learner.learn(window as i64 * 100 * MS, figures(&learner, 0.4, 400.0, waiting));
        assert_eq!(learner.places(), 2);
    }
}

#[test]
fn a_place_that_is_free_needs_no_other() {
    let mut learner = Learner::new(15);
    for window in 1..20 {
        learner.learn(window * 100 * MS, Figures { inside: 0.5, ..figures(&learner, 0.3, 20_000.0, true) });
        assert_eq!(learner.places(), 1);
    }
}

/// One that has used room up to this many places, with 100 requests per second at the end.
fn grown() -> Learner {
    let mut learner = Learner::new(15);
    (0..7).for_each(|window| learner.learn(0, figures(&learner, 0.5, f64::from(1 << window), true)));
    learner.learn(0, figures(&learner, 0.9, 100.0, true));
    assert_eq!(learner.places(), 15);
    learner
}

/// The places of one that has [`grown()`], after each window in which threads compute all the time, at so many requests per second.
fn computing() -> impl FnMut(f64) -> u32 {
    let (mut learner, mut now) = (grown(), 0);
    move |rate| {
        now += 100 * MS;
        learner.learn(now, figures(&learner, 1.0, rate, true));
        learner.places()
    }
}

#[test]
fn company_that_brings_nothing_goes() {
    let mut places = computing();
    assert_eq!([places(100.0), places(80.0)], [1, 15], "one alone is not enough");
    assert_eq!((0..9).map(|_| places(100.0)).min(), Some(15), "not again so soon");
    assert_eq!([places(100.0), places(101.0), places(100.0)], [10, 10, 10], "two windows show it");
    assert_eq!([places(100.0), places(80.0)], [1, 10]);
    assert_eq!([places(110.0), places(110.0)], [11, 10], "not fewer so soon; one more brings nothing");
    assert_eq!((0..5).map(|_| places(110.0)).max(), Some(10));
    let later = (0..20).map(|_| places(110.0)).min();
    assert!(later < Some(10), "then fewer again: {later:?}");
}

#[test]
fn who_is_faster_alone_stays_alone() {
    let mut places = computing();
    assert_eq!([places(100.0), places(150.0)], [1, 1]);
    assert_eq!((0..19).map(|_| places(150.0)).max(), Some(2), "one more is tried");
    assert_eq!(places(150.0), 1);
}

#[test]
fn company_that_brings_more_stays() {
    let mut learner = Learner::new(15);
    learner.learn(0, figures(&learner, 1.0, 100.0, true));
    assert_eq!(learner.places(), 2);
    for (now, rate, places) in [(1, 190.0, 2), (2, 190.0, 2), (3, 190.0, 3), (4, 195.0, 2)] {
        learner.learn(now * 100 * MS, figures(&learner, 1.0, rate, true));
        assert_eq!(learner.places(), places, "two windows show it; for two processors");
    }
}

#[test]
fn what_is_not_used_is_forgotten() {
    let mut learner = grown();
    learner.forget(20);
    assert_eq!(learner.places(), 15);
    learner.forget(4);
    assert_eq!(learner.places(), 4);
    learner.forget(0);
    assert_eq!(learner.places(), 1);
}

/// A process whose requests compute, or sleep, at moments of the test.
struct Process {
    admission: Admission,
    now: i64,
}

impl Process {
    fn new() -> Self {
        Self { admission: Admission::new(15), now: 1_000 * MS }
    }

    /// So many milliseconds later; answers the places and when to look again.
    fn look(&mut self, after: i64, waiting: bool, threads: &[Thread]) -> (u32, Option<u64>) {
        self.now += after * MS;
        let verdict = self.admission.look(
            self.now,
            &Sight { waiting, threads: threads.to_vec(), may_stay_together: false, least: 1 },
        );
        (verdict.places, verdict.next.map(|next| next.as_millis() as u64))
    }
}

#[test]
fn nobody_looks_where_nobody_waits() {
    let mut process = Process::new();
    assert_eq!(process.look(0, false, &[Thread::default(); 15]), (1, None));
    assert_eq!(process.look(0, false, &[thread(5, 0)]), (1, None));
    assert_eq!(
        process.look(9_000, true, &[thread(5, 0)]),
        (2, Some(2)),
        "the clock has stood still all the time"
    );
}

#[test]
fn one_more_for_each_that_sleeps() {
    let mut process = Process::new();
    let sleepers = |count| vec![thread(5, 0); count];
    assert_eq!(process.look(0, true, &sleepers(1)), (1, Some(2)));
    assert_eq!(process.look(2, true, &sleepers(1)), (2, Some(2)));
    assert_eq!(process.look(2, true, &sleepers(2)).0, 1, "the second one has just begun");
    assert_eq!(process.look(2, true, &sleepers(2)).0, 4);
    process.look(2, true, &sleepers(15));
    assert_eq!(process.look(2, true, &sleepers(15)), (15, Some(20)), "nobody can be let in");
}

#[test]
fn all_beside_one_that_computes_for_long() {
    let mut process = Process::new();
    let long = |computed| [thread(1_000 * MS, computed)];
    assert_eq!(process.look(0, true, &long(0)), (1, Some(2)));
    assert_eq!(process.look(15, true, &long(15 * MS)), (1, Some(2)), "not yet longer than usual");
    assert_eq!(process.look(10, true, &long(25 * MS)), (15, Some(5)));
    assert_eq!(process.look(5, false, &long(30 * MS)), (15, Some(50)), "they are in");
    assert_eq!(process.look(50, false, &long(30 * MS)), (2, None), "it sleeps: it is no longer long");
    assert_eq!(process.look(50, false, &long(80 * MS)), (15, Some(50)));
    let ended = [Thread { ended: 1, computed: 30 * MS, ..Thread::default() }];
    assert_eq!(process.look(5, false, &ended), (1, None));
}

/// It may compute without the GIL.
#[test]
fn threads_part_beside_one_that_computes_for_long() {
    let mut process = Process::new();
    process.admission.together = tried(CROWD);
    let mut look = |after: i64, threads: &[Thread]| {
        process.now += after * MS;
        let sight = Sight { waiting: true, threads: threads.to_vec(), may_stay_together: true, least: 1 };
        process.admission.look(process.now, &sight).together
    };
    let long = |computed| [thread(1_000 * MS, computed)];
    assert!(look(0, &long(0)) && look(15, &long(15 * MS)));
    assert!(!look(10, &long(25 * MS)));
    let another = [thread(1_026 * MS, 25 * MS)];
    assert!(!look(5, &another), "others like it may follow");
    assert!(look(260, &another));
}

#[test]
fn nobody_waits_long_for_one_that_does_not_end() {
    let mut process = Process::new();
    // It neither sleeps nor computes much: it has company that this process does not see.
    let mut places = Vec::new();
    for look in 0..40 {
        places.push(process.look(2, true, &[thread(1_000 * MS, look * 100)]).0);
    }
    assert!(places[0] == 1 && places[39] > 3, "{places:?}");
    assert!(places.is_sorted(), "{places:?}");
}

/// What a window shows of requests that compute most of the time, several at a time.
fn window(rate: f64, inside: f64, waiting: bool) -> Figures {
    Figures { busy: 0.8, rate, inside, cpu: 0.01, waiting }
}

/// The same while nobody waits, at 100 requests per second: how long each is inside and computes, milliseconds.
fn quiet(time: f64, cpu: f64) -> Figures {
    Figures { inside: time / 10.0, cpu: cpu / 1000.0, ..window(100.0, 5.0, false) }
}

/// One whose threads have been apart for two windows, at 100 requests per second, and are tried together now.
fn tried(figures: Figures) -> Together {
    let mut together = Together::new();
    together.learn(0, figures, true);
    assert!(!together.is_wanted(), "one window");
    together.learn(MS, figures, true);
    assert!(together.is_wanted() && together.is_trying());
    together
}

/// `(wanted, trying)` after each window.
fn learnt(together: &mut Together, now: i64, figures: Figures) -> (bool, bool) {
    together.learn(now * MS, figures, true);
    (together.is_wanted(), together.is_trying())
}

const CROWD: Figures = Figures { busy: 0.8, rate: 100.0, inside: 5.0, cpu: 0.01, waiting: true };

#[test]
fn threads_stay_together_if_requests_gain() {
    let mut together = tried(CROWD);
    assert_eq!(learnt(&mut together, 2, window(120.0, 5.0, true)), (true, false), "clearly more");
    let mut together = tried(CROWD);
    assert_eq!(learnt(&mut together, 2, window(107.0, 5.0, true)), (true, true), "that must be seen twice");
    assert_eq!(learnt(&mut together, 3, window(107.0, 5.0, true)), (true, false));
    let mut together = tried(quiet(50.0, 10.0));
    assert_eq!(learnt(&mut together, 2, quiet(50.0, 7.0)), (true, false), "they compute for less");
    let mut together = tried(quiet(50.0, 10.0));
    assert_eq!(learnt(&mut together, 2, quiet(30.0, 10.0)), (true, false), "they take less time");
}

#[test]
fn threads_part_if_requests_do_not_gain() {
    for figures in [window(101.0, 4.0, true), window(60.0, 2.0, true)] {
        let mut together = tried(CROWD);
        assert_eq!(learnt(&mut together, 2, figures), (false, false));
        for now in 3..2_000 {
            assert!(!learnt(&mut together, now, CROWD).0, "not again so soon");
        }
        assert_eq!(learnt(&mut together, 2_002, CROWD), (true, true));
    }
    for figures in [quiet(50.0, 9.9), quiet(70.0, 7.0), quiet(100.0, 10.0)] {
        assert_eq!(learnt(&mut tried(quiet(50.0, 10.0)), 2, figures), (false, false), "{figures:?}");
    }
}

/// Whether somebody waits, or how many do, says nothing.
#[test]
fn different_windows_are_not_compared() {
    let mut together = tried(CROWD);
    for now in 2..6 {
        assert_eq!(learnt(&mut together, now, window(90.0, 1.5, false)), (true, true));
    }
    assert_eq!(learnt(&mut together, 6, window(90.0, 1.5, false)), (false, false), "it takes too long");
    let mut together = tried(CROWD);
    assert_eq!(learnt(&mut together, 2, window(90.0, 1.5, false)), (true, true));
    assert_eq!(learnt(&mut together, 3, window(150.0, 5.0, true)), (true, false));
    let less = Figures { cpu: 0.006, ..window(110.0, 4.0, false) };
    assert_eq!(learnt(&mut tried(CROWD), 2, less), (true, false), "all are served, with less work");
}

#[test]
fn what_was_found_is_checked() {
    let fast = window(150.0, 5.0, true);
    let mut together = tried(CROWD);
    learnt(&mut together, 2, fast);
    assert_eq!(learnt(&mut together, 19_000, fast), (true, false));
    assert_eq!(learnt(&mut together, 21_000, fast), (false, true), "apart, to compare");
    assert_eq!(learnt(&mut together, 21_100, CROWD), (true, false));
    assert_eq!(learnt(&mut together, 60_000, fast), (true, false), "later the next time");
    assert_eq!(learnt(&mut together, 62_000, fast), (false, true));
    assert_eq!(
        learnt(&mut together, 62_100, window(170.0, 5.0, true)),
        (false, false),
        "it is better apart now"
    );
}

#[test]
fn what_becomes_much_worse_is_checked_at_once() {
    let mut together = tried(CROWD);
    learnt(&mut together, 2, window(150.0, 5.0, true));
    assert_eq!(learnt(&mut together, 100, window(80.0, 5.0, true)), (true, false), "once is nothing");
    assert_eq!(learnt(&mut together, 200, window(80.0, 5.0, true)), (false, true));
    assert_eq!(learnt(&mut together, 300, window(160.0, 5.0, true)), (false, false));
}

#[test]
fn threads_part_while_few_are_there() {
    let mut together = tried(CROWD);
    learnt(&mut together, 2, window(150.0, 5.0, true));
    assert!(!learnt(&mut together, 3, window(50.0, 1.0, false)).0);
    assert!(learnt(&mut together, 4, CROWD).0, "that need not be tried again");
    together.part_if_alone(5 * MS, 2);
    assert!(together.is_wanted());
    together.part_if_alone(6 * MS, 1);
    assert!(!together.is_wanted());
    assert!(!learnt(&mut together, 61_000, CROWD).0, "it is too long ago");
    assert!(!learnt(&mut together, 61_100, CROWD).0);
    assert_eq!(learnt(&mut together, 61_200, CROWD), (true, true));
}

#[test]
fn threads_do_not_stay_where_that_is_of_no_use_or_not_possible() {
    let cases = [
        (Figures { busy: 0.3, ..CROWD }, "they wait most of the time"),
        (window(100.0, 1.2, false), "there is one at a time"),
        (Figures { cpu: 0.0002, ..CROWD }, "they are very short"),
        (window(0.0, 5.0, true), "none ends"),
    ];
    for (figures, why) in cases {
        let mut together = Together::new();
        (0..9).for_each(|now| assert!(!learnt(&mut together, now, figures).0, "{why}"));
    }
    let mut together = tried(CROWD);
    together.learn(2 * MS, window(150.0, 5.0, true), false);
    assert!(!together.is_wanted());
    let mut together = tried(CROWD);
    learnt(&mut together, 2, Figures { busy: 0.0, ..window(0.0, 5.0, true) });
    assert!((3..9).any(|now| !learnt(&mut together, now, Figures { busy: 0.0, ..window(0.0, 5.0, true) }).0));
}
