//! What processes say, and what is said of processes and places that nobody knows.

use super::one::serving;
use super::successor::replacing;
use super::*;

fn all_words(group: &Group) -> Vec<Event> {
    let seen = [Event::Seen { open: false }, Event::Seen { open: true }];
    seen.into_iter().chain(pids(group).into_iter().flat_map(words)).collect()
}

#[track_caller]
fn check_words(group: &Group, table: &str) {
    check_these(group, 21.0, all_words(group), table);
}

#[test]
fn words_of_processes_that_serve_and_start() {
    check_words(
        &replacing(),
        "
        [serving 1 but script_reload + starting 2 until 80, next 20]
        seen shut | [serving 1 but script_reload + starting 2 until 80, next 20] | next in 0; Serving
        seen open | [serving 1 but script_reload + starting 2 until 80, next 20] | next in 0; Serving
        gave up 1 | [serving 1 gave up but script_reload + starting 2 until 80, next 20] | log cannot serve
        ends 1 | [serving 1 with words but script_reload + starting 2 until 80, next 20]
        starts 1 | [serving 1 at script but script_reload + starting 2 until 80, next 20]
        ended 1 | [serving 1 but script_reload + starting 2 until 80, next 20] | remember session 1; reap 1
        gave up 2 | [serving 1 but script_reload + starting 2 gave up until 80, next 20] | log cannot serve
        ends 2 | [serving 1 but script_reload + starting 2 with words until 80, next 20]
        starts 2 | [serving 1 but script_reload + starting 2 at script until 80, next 20]
        watch 2 | [serving 1 but script_reload + starting 2 until 80, next 20] | watch 1
        ended 2 | [serving 1 but script_reload + starting 2 until 80, next 20] | remember session 2; reap 2
    ",
    );
}

#[test]
fn words_of_processes_that_finish() {
    check_words(
        &after(replacing(), &[(21.0, Event::Leave)]),
        "
        leaving [empty, next 20] draining 1 until 41.5 draining 2 until 41.5
        ends 1 | leaving [empty, next 20] draining 1 with words until 41.5 draining 2 until 41.5
        starts 1 | leaving [empty, next 20] draining 1 at script until 41.5 draining 2 until 41.5
        ended 1 | leaving [empty, next 20] draining 1 until 41.5 draining 2 until 41.5 | remember session 1; reap 1
        ends 2 | leaving [empty, next 20] draining 1 until 41.5 draining 2 with words until 41.5
        starts 2 | leaving [empty, next 20] draining 1 until 41.5 draining 2 at script until 41.5
        ended 2 | leaving [empty, next 20] draining 1 until 41.5 draining 2 until 41.5 | remember session 2; reap 2
    ",
    );
    check_words(
        &after(serving(), &[(21.0, Event::Stop { limit: None })]),
        "
        ending [empty] draining 1 until 26.5
        ends 1 | ending [empty] draining 1 with words until 26.5
        starts 1 | ending [empty] draining 1 at script until 26.5
        ended 1 | ending [empty] draining 1 until 26.5 | kill session 1; reap 1
    ",
    );
}

#[test]
fn a_condition_is_told_until_the_end() {
    let events = || vec![Event::Seen { open: false }, Event::Seen { open: true }];
    check_these(
        &one(),
        1.0,
        events(),
        "
        [empty]
        seen shut | [empty] | next in 0; Starting
        seen open | [empty] | next in 0; Serving
    ",
    );
    let young = [(2.0, died(1, SIGKILL)), (2.0, Event::Tick), (2.0, started(0, 2)), (3.0, died(2, SIGKILL))];
    check_these(
        &after(serving(), &young),
        3.0,
        events(),
        "
        [empty, next 4, failures 1, deaths 1, held]
        seen shut | [empty, next 4, failures 1, deaths 1, held] | next in 1; Down
        seen open | [empty, next 4, failures 1, deaths 1, held] | next in 1; Serving
    ",
    );
    check_these(&after(one(), &[(0.0, Event::Leave)]), 1.0, events(), "leaving [empty]");
}

#[test]
fn nothing_follows_from_what_is_said_of_a_process_that_nobody_knows() {
    for group in [one(), serving(), replacing(), after(replacing(), &[(21.0, Event::Leave)])] {
        let mut next = group.clone();
        for event in about(9).into_iter().chain(words(9)) {
            assert_eq!((next.on(event, at(21.0)), &next), (Vec::new(), &group));
        }
    }
}

#[test]
fn an_answer_that_nobody_asked_for_starts_nothing() {
    for place in [0, 7] {
        let why = || "why".to_owned();
        let events =
            vec![started(place, 5), Event::StartFailed { place, why: why() }, Event::Occupied { place }];
        check_these(
            &serving(),
            2.0,
            events,
            &format!(
                "
            [serving 1]
            started 5 in {place} | [serving 1] draining 5 until 22.5 | log started 5; drain 5 new_generation
            start failed in {place} | [serving 1] | log not started"
            ),
        );
    }
}
