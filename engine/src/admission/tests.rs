//! Each rule by itself; what they come to is in [`super::simulated`].

use super::inside::Company;
use super::learn::{Figures, Learner};
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

fn figures(busy: f64, rate: f64, waiting: bool) -> Figures {
    Figures { busy, rate, inside: 1.0, waiting }
}

#[test]
fn room_is_used() {
    let mut learner = Learner::new(15);
    let mut places = |busy, waiting| {
        learner.learn(0, figures(busy, 100.0, waiting));
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
fn company_that_brings_nothing_goes() {
    let mut learner = Learner::new(15);
    (0..6).for_each(|_| learner.learn(0, figures(0.5, 100.0, true)));
    assert_eq!(learner.places(), 15);
    let mut now = 0;
    let mut places = |rate| {
        now += 100 * MS;
        learner.learn(now, figures(1.0, rate, true));
        learner.places()
    };
    assert_eq!([places(100.0), places(110.0), places(100.0)], [10, 10, 10], "two windows show it");
    assert_eq!([places(110.0), places(80.0)], [6, 10]);
    assert_eq!([places(110.0), places(110.0)], [11, 10], "not fewer so soon; one more brings nothing");
    assert_eq!((0..5).map(|_| places(110.0)).max(), Some(10));
    let later = (0..20).map(|_| places(110.0)).min();
    assert!(later < Some(10), "then fewer again: {later:?}");
}

#[test]
fn company_that_brings_more_stays() {
    let mut learner = Learner::new(15);
    learner.learn(0, figures(1.0, 100.0, true));
    assert_eq!(learner.places(), 2);
    for (now, rate, places) in [(1, 190.0, 2), (2, 190.0, 2), (3, 190.0, 3), (4, 195.0, 2)] {
        learner.learn(now * 100 * MS, figures(1.0, rate, true));
        assert_eq!(learner.places(), places, "two windows show it; for two processors");
    }
}

#[test]
fn what_is_not_used_is_forgotten() {
    let mut learner = Learner::new(15);
    (0..6).for_each(|_| learner.learn(0, figures(0.5, 100.0, true)));
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
        let verdict = self.admission.look(self.now, &Sight { waiting, threads: threads.to_vec() });
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
    assert_eq!(process.look(2, true, &sleepers(2)).0, 3);
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
    assert_eq!(process.look(5, false, &long(30 * MS)), (15, Some(5)), "they are in");
    let ended = [Thread { ended: 1, computed: 30 * MS, ..Thread::default() }];
    assert_eq!(process.look(5, false, &ended), (1, None));
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
