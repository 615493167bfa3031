//! Groups of two places: what a place has to do with its neighbour.

use super::*;

/// Processes 1 and 2 start, since 0.
fn both_start() -> Group {
    after(Group::new(rules(), 2), &[(0.0, Event::Tick), (0.0, started(0, 1)), (0.0, started(1, 2))])
}

/// They serve, since 1.
fn two() -> Group {
    after(both_start(), &[(1.0, ready(1, 0)), (1.0, ready(2, 0))])
}

#[test]
fn empty_places_are_filled_at_the_same_time() {
    check(
        &Group::new(rules(), 2),
        1.0,
        "
        [empty] [empty]
        tick | [asked] [asked] | start 0; start 1
        leave | leaving [empty] [empty]
        end for good | ending [empty] [empty] | served by; Down
        stop | ending [empty] [empty]
        over | ending [empty] [empty]
    ",
    );
}

#[test]
fn earlier_supervisors_hear_it_when_every_place_serves() {
    check_these(&after(both_start(), &[(1.0, ready(1, 0))]), 2.0, about(2), "
        [serving 1] [starting 2 until 60]
        ready 2 without 0 | [serving 1] [serving 2] | serve 2; log serves 2 after 2; next in 0; Serving; served by; send served
        ready 2 without 1 | [serving 1] [serving 2 without 1 but failed_start, next 3, failures 1] | serve 2; log serves 2 after 2; next in 1; Serving; served by; send served
        ready 2 without 1, others better | [serving 1, held] [empty, next 3, failures 1, held] draining 2 until 7.5 | log keeps old code, not 2, next in 1; drain 2 failed_start
        replace 2 maximum_requests | [serving 1] [starting 2 until 60 obeys maximum_requests]
        died 2 of 0 | [serving 1, held] [empty, next 3, failures 1, held] | log died 2 Starting Unknown; next in 1; Serving
        died 2 of 9 | [serving 1, held] [empty, next 3, failures 1, held] | log died 2 Starting Unknown; next in 1; Serving
        lost 2 | [serving 1] [empty]
    ");
}

#[test]
fn what_is_changed_concerns_both_and_other_reasons_one() {
    check_these(&two(), 20.0, about(1), "
        [serving 1] [serving 2]
        replace 1 maximum_requests | [serving 1 but maximum_requests] [serving 2] | log replacing 1 maximum_requests
        replace 1 script_reload | [serving 1 but script_reload, next 20] [serving 2 but script_reload, next 20] | log replacing 1 script_reload
        replace 1 import_reload | [serving 1 but import_reload, next 20.1] [serving 2 but import_reload, next 20.1] | log replacing 1 import_reload
        replace 1 failed_start | [serving 1 but failed_start, next 20.2] [serving 2 but failed_start, next 20.2] | log replacing 1 failed_start
        died 1 of 0 | [empty] [serving 2] | log died 1 Serving Unknown; next in 0; Serving
        died 1 of 9 | [empty] [serving 2] | log died 1 Serving Unknown; next in 0; Serving
        lost 1 | [empty] [serving 2]
    ");
}

/// The first one is being replaced since 20, because of the script.
fn first_of_two() -> Group {
    let replace = [(20.0, ask(1, Reason::Script)), (20.0, Event::Tick), (20.0, started(0, 3))];
    after(two(), &replace)
}

#[test]
fn one_is_replaced_after_another() {
    let tick = || vec![Event::Tick];
    check_these(&after(two(), &[(20.0, ask(1, Reason::Script))]), 20.0, tick(), "
        [serving 1 but script_reload, next 20] [serving 2 but script_reload, next 20]
        tick | [serving 1 but script_reload + asked, next 20] [serving 2 but script_reload, next 20] | start 0 beside
    ");
    let group = first_of_two();
    check_these(
        &group,
        21.0,
        tick(),
        "
        [serving 1 but script_reload + starting 3 until 80, next 20] [serving 2 but script_reload, next 20]
    ",
    );
    let group = after(group, &[(22.0, ready(3, 0))]);
    check_these(&group, 22.0, tick(), "
        [serving 3] [serving 2 but script_reload, next 20] draining 1 until 42.5
        tick | [serving 3] [serving 2 but script_reload + asked, next 20] draining 1 until 42.5 | start 1 beside
    ");
}

#[test]
fn a_place_that_is_empty_does_not_wait_for_a_replacement() {
    check_these(&after(first_of_two(), &[(21.0, died(2, SIGKILL))]), 21.0, vec![Event::Tick], "
        [serving 1 but script_reload + starting 3 until 80, next 20] [empty]
        tick | [serving 1 but script_reload + starting 3 until 80, next 20] [asked] | start 1 beside after a death
    ");
}

#[test]
fn all_that_wait_are_delayed_by_a_failed_start() {
    let failures = vec![ready(3, 1), died(3, SIGKILL), Event::Tick];
    check_these(&first_of_two(), 21.0, failures, "
        [serving 1 but script_reload + starting 3 until 80, next 20] [serving 2 but script_reload, next 20]
        ready 3 without 1 | [serving 1 but script_reload, next 22, failures 1, held] [serving 2 but script_reload, next 22, failures 1, held] draining 3 until 26.5 | log keeps old code, not 3, next in 1; drain 3 failed_start
        died 3 of 9 | [serving 1 but script_reload, next 22, failures 1, held] [serving 2 but script_reload, next 22, failures 1, held] | log died 3 Starting Unknown; log keeps old code, not 3, next in 1; next in 1; Serving
    ");
    let group = after(first_of_two(), &[(21.0, ready(3, 1))]);
    check_these(&group, 22.0, vec![Event::Tick, ask(2, Reason::Script)], "
        [serving 1 but script_reload, next 22, failures 1, held] [serving 2 but script_reload, next 22, failures 1, held] draining 3 until 26.5
        tick | [serving 1 but script_reload + asked, next 22, failures 1, held] [serving 2 but script_reload, next 22, failures 1, held] draining 3 until 26.5 | start 0 beside
        replace 2 script_reload | [serving 1 but script_reload, next 22] [serving 2 but script_reload, next 22] draining 3 until 26.5
    ");
    // The next failure is no news.
    let group = after(group, &[(22.0, Event::Tick), (22.0, started(0, 4))]);
    check_these(&group, 23.0, vec![ready(4, 1), died(4, CLEAN), ready(4, 0)], "
        [serving 1 but script_reload + starting 4 until 82, next 22, failures 1, held] [serving 2 but script_reload, next 22, failures 1, held] draining 3 until 26.5
        ready 4 without 1 | [serving 1 but script_reload, next 25, failures 2, held] [serving 2 but script_reload, next 25, failures 2, held] draining 3 until 26.5 draining 4 until 28.5 | drain 4 failed_start
        died 4 of 0 | [serving 1 but script_reload, next 25, failures 2, held] [serving 2 but script_reload, next 25, failures 2, held] draining 3 until 26.5 | log died 4 Starting Unknown; next in 2; Serving
        ready 4 without 0 | [serving 4] [serving 2 but script_reload, next 22, failures 1] draining 3 until 26.5 draining 1 until 43.5 | serve 4; log serves 4 after 1; drain 1 script_reload; next in 0; Serving
    ");
}

#[test]
fn one_that_fails_less_is_better_than_what_serves() {
    let start = [
        (0.0, Event::Tick),
        (0.0, started(0, 1)),
        (1.0, ready(1, 2)),
        (2.0, Event::Tick),
        (2.0, started(0, 2)),
    ];
    let failed = |failed| ready(2, failed);
    check_these(&after(one(), &start), 3.0, vec![failed(0), failed(1), failed(2), failed(3)], "
        [serving 1 without 2 but failed_start + starting 2 until 62, next 2, failures 1]
        ready 2 without 0 | [serving 2] draining 1 until 8.5 | serve 2; log serves 2 after 1; drain 1 failed_start; next in 0; Serving
        ready 2 without 1 | [serving 2 without 1 but failed_start, next 5, failures 2] draining 1 until 8.5 | serve 2; log serves 2 after 1; drain 1 failed_start; next in 2; Serving
        ready 2 without 2 | [serving 1 without 2 but failed_start, next 5, failures 2, held] draining 2 until 8.5 | log keeps old code, not 2, next in 2; drain 2 failed_start
        ready 2 without 3 | [serving 1 without 2 but failed_start, next 5, failures 2, held] draining 2 until 8.5 | log keeps old code, not 2, next in 2; drain 2 failed_start
    ");
}

#[test]
fn a_second_reason_takes_the_place_of_the_first() {
    let group = after(two(), &[(20.0, ask(1, Reason::Requests)), (20.0, ask(2, Reason::Hangup))]);
    check_these(&group, 21.0, [about(1), vec![Event::Tick]].concat(), "
        [serving 1 but maximum_requests] [serving 2 but hangup_signal]
        replace 1 script_reload | [serving 1 but script_reload, next 21] [serving 2 but script_reload, next 21] | log replacing 1 script_reload
        replace 1 import_reload | [serving 1 but import_reload, next 21.1] [serving 2 but import_reload, next 21.1] | log replacing 1 import_reload
        replace 1 failed_start | [serving 1 but failed_start, next 21.2] [serving 2 but failed_start, next 21.2] | log replacing 1 failed_start
        died 1 of 0 | [empty] [serving 2 but hangup_signal] | log died 1 Serving Unknown; next in 0; Serving
        died 1 of 9 | [empty] [serving 2 but hangup_signal] | log died 1 Serving Unknown; next in 0; Serving
        lost 1 | [empty] [serving 2 but hangup_signal]
        tick | [serving 1 but maximum_requests + asked] [serving 2 but hangup_signal] | start 0 beside
    ");
}

#[test]
fn what_was_started_before_an_import_changed_is_replaced_again() {
    let start = [
        (0.0, Event::Tick),
        (0.0, started(0, 1)),
        (1.0, ready(1, 0)),
        (20.0, ask(1, Reason::Imports)),
        (20.1, Event::Tick),
        (20.1, started(0, 2)),
        (21.0, ask(1, Reason::Imports)),
    ];
    let imports = Rules { reload_imports: true, ..rules() };
    check_these(&after(Group::new(imports, 1), &start), 22.0, vec![ready(2, 0)], "
        [serving 1 but import_reload + starting 2 until 80.1, next 21.1]
        ready 2 without 0 | [serving 2 but import_reload, next 22.1] draining 1 until 42.5 | serve 2; log serves 2 after 1.9; drain 1 import_reload; next in 0.1; Serving
    ");
    check_these(&after(Group::new(rules(), 1), &start), 22.0, vec![ready(2, 0)], "
        [serving 1 but import_reload + starting 2 until 80.1, next 21.1]
        ready 2 without 0 | [serving 2] draining 1 until 42.5 | serve 2; log serves 2 after 1.9; drain 1 import_reload; next in 0; Serving
    ");
}
