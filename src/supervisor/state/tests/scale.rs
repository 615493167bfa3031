//! Groups whose processes follow the load: when a place is opened, and when one is closed.

use super::*;

const RANGE: Scale =
    Scale { least: 1, up: Duration::from_millis(50), down: Duration::from_secs(60), threads: 4 };

/// `processes=1..3`, or more of the fewest.
fn range(least: usize) -> Group {
    Group::new(Rules { scale: Some(Scale { least, ..RANGE }), ..rules() }, 3)
}

/// Process 1 serves since 1; the load was looked at then.
fn one_of_three() -> Group {
    let start = [(0.0, Event::Tick), (0.0, started(0, 1)), (1.0, ready(1, 0)), (1.0, Event::Tick)];
    after(range(1), &[&start[..], &[(1.0, load(None, &[(1, 0)], 0))]].concat())
}

/// Process 2 beside it, since 12.
fn two_of_three() -> Group {
    after(
        one_of_three(),
        &[
            (10.0, load(Some(0.06), &[(1, 4)], 9)),
            (10.0, started(1, 2)),
            (12.0, ready(2, 0)),
            (12.0, Event::Tick),
        ],
    )
}

/// `waits`: seconds.
fn load(waits: Option<f64>, claims: &[(u32, u32)], served: u64) -> Event {
    Event::Load(Load { waits: waits.map(Duration::from_secs_f64), claims: claims.to_vec(), served })
}

/// When it looks next, in seconds.
fn looks(group: &Group) -> Option<f64> {
    group.looks_at(at(0.0)).map(show_time)
}

#[test]
fn the_fewest_are_started() {
    check_these(
        &range(1),
        1.0,
        vec![Event::Tick],
        "
        [empty] [closed] [closed]
        tick | [asked] [closed] [closed] | start 0; look
    ",
    );
    check_these(
        &range(2),
        1.0,
        vec![Event::Tick],
        "
        [empty] [empty] [closed]
        tick | [asked] [asked] [closed] | start 0; start 1; look
    ",
    );
}

#[test]
fn after_a_graceful_restart_there_are_as_many_as_before() {
    assert_eq!(show_group(&range(1).with_open(0)), "[empty] [closed] [closed]");
    assert_eq!(show_group(&range(1).with_open(2)), "[empty] [empty] [closed]");
    assert_eq!(show_group(&range(0).with_open(9)), "[empty] [empty] [empty]");
    assert_eq!(show_group(&Group::new(rules(), 2).with_open(1)), "[empty] [empty]");
}

#[test]
fn earlier_supervisors_hear_it_when_every_open_place_serves() {
    check_these(&after(range(1), &[(0.0, Event::Tick), (0.0, started(0, 1))]), 1.0, vec![ready(1, 0)], "
        [starting 1 until 60] [closed] [closed]
        ready 1 without 0 | [serving 1] [closed] [closed] | serve 1; log serves 1 after 1; next in 0; Serving; served by; send served
    ");
    check_these(
        &range(0),
        1.0,
        vec![Event::Tick, Event::Seen { open: false }],
        "
        [closed] [closed] [closed]
        tick | [closed] [closed] [closed] | served by; send served; look
        seen shut | [closed] [closed] [closed] | next in 0; Starting
    ",
    );
}

#[test]
fn a_place_is_opened_when_requests_have_waited() {
    let group = one_of_three();
    assert!(group.course.listens);
    assert_eq!(looks(&group), None, "nobody looks until somebody comes");
    let rung = after(group.clone(), &[(10.0, Event::Rung)]);
    assert!(!rung.course.listens);
    assert_eq!(looks(&rung), Some(10.05));
    let waits = |seconds| load(Some(seconds), &[(1, 4)], 9);
    check_these(&rung, 10.05, vec![Event::Tick, waits(0.04), waits(0.05), load(None, &[(1, 4)], 9)], "
        [serving 1] [closed] [closed]
        tick | [serving 1] [closed] [closed] | look
        load: waits 0.04, 1 has 4, served 9 | [serving 1] [closed] [closed]
        load: waits 0.05, 1 has 4, served 9 | [serving 1] [asked] [closed] | log grows to 2 of 3, waited 0.05; start 1 beside
        load: nobody waits, 1 has 4, served 9 | [serving 1] [closed] [closed] | listen
    ");
    // It is looked at again when the wait will be long enough, but not at once.
    assert_eq!(looks(&after(rung.clone(), &[(10.05, waits(0.02))])), Some(10.05));
    let course = |seconds| looks(&after(rung.clone(), &[(10.05, Event::Tick), (10.05, waits(seconds))]));
    assert_eq!(course(0.02), Some(10.08));
    assert_eq!(course(0.049), Some(10.062));
}

#[test]
fn one_at_a_time_is_added_and_is_given_time_to_help() {
    let asked = after(one_of_three(), &[(10.0, load(Some(0.06), &[(1, 4)], 9))]);
    let starting = after(asked.clone(), &[(10.0, started(1, 2))]);
    let waits = |seconds| vec![load(Some(seconds), &[(1, 4)], 9)];
    check_these(
        &asked,
        11.0,
        waits(1.0),
        "
        [serving 1] [asked] [closed]
    ",
    );
    check_these(
        &starting,
        11.0,
        waits(1.0),
        "
        [serving 1] [starting 2 until 70] [closed]
    ",
    );
    let group = two_of_three();
    check_these(
        &group,
        12.04,
        waits(2.0),
        "
        [serving 1] [serving 2] [closed]
        load: waits 2, 1 has 4, served 9 | [serving 1] [serving 2] [closed]
    ",
    );
    check_these(&group, 12.05, waits(2.0), "
        [serving 1] [serving 2] [closed]
        load: waits 2, 1 has 4, served 9 | [serving 1] [serving 2] [asked] | log grows to 3 of 3, waited 0.05; start 2 beside
    ");
    let full = after(
        group,
        &[(13.0, load(Some(2.0), &[], 9)), (13.0, started(2, 3)), (14.0, ready(3, 0)), (14.0, Event::Tick)],
    );
    check_these(
        &full,
        20.0,
        waits(9.0),
        "
        [serving 1] [serving 2] [serving 3]
        load: waits 9, 1 has 4, served 9 | [serving 1] [serving 2] [serving 3]
    ",
    );
}

#[test]
fn the_first_request_has_a_process_started_at_once() {
    let none = after(range(0), &[(0.0, Event::Tick), (0.0, load(None, &[], 0))]);
    assert!(none.course.listens);
    check_these(
        &none,
        5.0,
        vec![Event::Rung, load(Some(0.001), &[], 0)],
        "
        [closed] [closed] [closed]
        rung | [asked] [closed] [closed] | log grows to 1 of 3, nobody serves; start 0
        load: waits 0.001, served 0 | [asked] [closed] [closed] | log grows to 1 of 3, nobody serves; start 0
    ",
    );
    // One that has nobody beside it is tried until it serves, as in any group.
    let start = [(5.0, Event::Rung), (5.0, started(0, 1))];
    check_these(&after(none, &start), 6.0, vec![died(1, SIGKILL), Event::Rung, ready(1, 1)], "
        [starting 1 until 65] [closed] [closed]
        died 1 of 9 | [empty, next 7, failures 1, held] [closed, held] [closed, held] | log died 1 Starting Unknown; next in 1; Down
        ready 1 without 1 | [serving 1 without 1 but failed_start, next 7, failures 1] [closed] [closed] | serve 1; log serves 1 after 1; next in 1; Serving
    ");
}

#[test]
fn a_process_that_is_not_needed_ends() {
    let calm = |served| load(None, &[(1, 4), (2, 0)], served);
    let group = after(two_of_three(), &[(20.0, calm(30))]);
    assert_eq!(looks(&group), Some(21.0));
    let busy = load(None, &[(1, 3), (2, 2)], 40);
    let nobody_idle = load(None, &[(1, 2), (2, 2)], 40);
    check_these(&group, 80.0, vec![calm(40), busy, nobody_idle, load(Some(0.01), &[(1, 1), (2, 0)], 40)], "
        [serving 1] [serving 2] [closed]
        load: nobody waits, 1 has 4, 2 has 0, served 40 | [serving 1] [closed] [closed] draining 2 until 100.5 | log shrinks by 2 to 1 of 1, 4 in 60; drain 2 scale_down
        load: nobody waits, 1 has 3, 2 has 2, served 40 | [serving 1] [serving 2] [closed]
        load: nobody waits, 1 has 2, 2 has 2, served 40 | [serving 1] [serving 2] [closed]
        load: waits 0.01, 1 has 1, 2 has 0, served 40 | [serving 1] [serving 2] [closed]
    ");
    check_these(
        &group,
        79.9,
        vec![calm(40)],
        "
        [serving 1] [serving 2] [closed]
        load: nobody waits, 1 has 4, 2 has 0, served 40 | [serving 1] [serving 2] [closed]
    ",
    );
    // A short wait is nothing, a long one is.
    for (waits, left) in [(0.04, 1), (0.05, 2)] {
        let looked =
            after(group.clone(), &[(79.0, load(Some(waits), &[(1, 1), (2, 0)], 40)), (80.0, calm(40))]);
        assert_eq!(
            looked.places.iter().filter(|place| place.seat.current().is_some()).count(),
            left,
            "{waits}"
        );
    }
    // What has to be served by both begins the time anew.
    let again = after(group.clone(), &[(50.0, load(None, &[(1, 4), (2, 1)], 40)), (51.0, calm(40))]);
    check_these(
        &again,
        100.0,
        vec![calm(40)],
        "
        [serving 1] [serving 2] [closed]
    ",
    );
    // The first place may be the one that goes.
    let other = load(None, &[(1, 0), (2, 1)], 40);
    let first = after(group, &[(80.0, other)]);
    assert_eq!(show_group(&first), "[closed] [serving 2] [closed] draining 1 until 100.5");
}

#[test]
fn the_last_one_goes_when_nothing_was_asked() {
    let start =
        [(0.0, Event::Rung), (0.0, started(0, 1)), (1.0, ready(1, 0)), (1.0, load(None, &[(1, 0)], 7))];
    let idle = |served| load(None, &[(1, 0)], served);
    let group = after(range(0), &[&start[..], &[(2.0, idle(7))]].concat());
    check_these(&group, 62.0, vec![idle(7), idle(8), load(None, &[(1, 1)], 7)], "
        [serving 1] [closed] [closed]
        load: nobody waits, 1 has 0, served 7 | [closed] [closed] [closed] draining 1 until 82.5 | log shrinks by 1 to 0 of 0, 0 in 60; drain 1 scale_down
        load: nobody waits, 1 has 0, served 8 | [serving 1] [closed] [closed]
        load: nobody waits, 1 has 1, served 7 | [serving 1] [closed] [closed]
    ");
    let gone = after(group, &[(62.0, idle(7)), (62.1, Event::Tick), (62.1, load(None, &[], 0))]);
    check_these(
        &gone,
        63.0,
        vec![died(1, CLEAN), Event::Seen { open: false }, Event::Rung],
        "
        [closed] [closed] [closed] draining 1 until 82.5
        died 1 of 0 | [closed] [closed] [closed]
        seen shut | [closed] [closed] [closed] draining 1 until 82.5 | next in 0; Starting
        rung | [asked] [closed] [closed] draining 1 until 82.5 | log grows to 1 of 3, nobody serves; start 0
    ",
    );
}

#[test]
fn nothing_goes_while_processes_are_replaced() {
    let calm = load(None, &[(1, 0), (2, 0)], 30);
    let replaced = after(
        two_of_three(),
        &[(20.0, calm.clone()), (70.0, ask(1, Reason::Script)), (70.0, Event::Tick), (70.0, started(0, 3))],
    );
    let shown = "[serving 1 but script_reload + starting 3 until 130, next 70] [serving 2 but script_reload, next 70] [closed, next 70]";
    let line = format!("load: nobody waits, 1 has 0, 2 has 0, served 30 | {shown}");
    check_these(&replaced, 81.0, vec![calm.clone()], &format!("{shown}\n{line}"));
    // The old code is kept.
    let held = after(replaced, &[(81.0, ready(3, 1)), (81.0, calm.clone())]);
    let later = after(held, &[(200.0, calm.clone()), (300.0, calm)]);
    assert_eq!(pids(&later), [1, 2, 3]);
    assert_eq!(later.draining.len(), 1);
}

#[test]
fn the_last_one_stays_if_another_one_may_not_start() {
    let idle = |waits, seconds| (seconds, load(waits, &[(1, 0)], 7));
    let start = [
        (0.0, Event::Rung),
        (0.0, started(0, 1)),
        (1.0, ready(1, 0)),
        (1.0, load(None, &[(1, 0)], 7)),
        (10.0, load(Some(0.06), &[(1, 4)], 7)),
        (10.0, started(1, 2)),
        (11.0, died(2, SIGKILL)),
    ];
    let group = after(range(0), &start);
    let later = after(group, &[idle(None, 20.0), idle(None, 100.0), idle(None, 200.0)]);
    assert_eq!(show_group(&later), "[serving 1, held] [closed, next 12, failures 1, held] [closed, held]");
}

#[test]
fn what_fails_to_start_is_not_tried_by_the_load_before_its_time() {
    let starting = after(one_of_three(), &[(10.0, load(Some(0.06), &[(1, 4)], 9)), (10.0, started(1, 2))]);
    let others = Event::Ready { pid: 2, failed: 1, others: Some(0) };
    check_these(&starting, 11.0, vec![died(2, SIGKILL), others.clone()], "
        [serving 1] [starting 2 until 70] [closed]
        died 2 of 9 | [serving 1, held] [closed, next 12, failures 1, held] [closed, held] | log died 2 Starting Unknown; next in 0; Serving
        ready 2 without 1, others better | [serving 1, held] [closed, next 12, failures 1, held] [closed, held] draining 2 until 16.5 | log keeps old code, not 2, next in 1; drain 2 failed_start
    ");
    let failed = after(starting, &[(11.0, others)]);
    let waits = || vec![load(Some(3.0), &[(1, 4)], 9), Event::Tick];
    check_these(&failed, 11.9, waits(), "
        [serving 1, held] [closed, next 12, failures 1, held] [closed, held] draining 2 until 16.5
        tick | [serving 1, held] [closed, next 12, failures 1, held] [closed, held] draining 2 until 16.5 | look
    ");
    let looked = after(failed.clone(), &[(11.1, Event::Tick), (11.1, load(Some(3.0), &[(1, 4)], 9))]);
    assert_eq!(looks(&looked), Some(12.0));
    check_these(&failed, 12.0, waits(), "
        [serving 1, held] [closed, next 12, failures 1, held] [closed, held] draining 2 until 16.5
        load: waits 3, 1 has 4, served 9 | [serving 1, held] [asked, failures 1, held] [closed, held] draining 2 until 16.5 | log grows to 2 of 3, waited 3; start 1 beside
        tick | [serving 1, held] [closed, next 12, failures 1, held] [closed, held] draining 2 until 16.5 | look
    ");
    // The next time takes twice as long.
    let again = [(12.0, load(Some(3.0), &[(1, 4)], 9)), (12.0, started(1, 3)), (13.0, died(3, SIGKILL))];
    assert_eq!(
        show_group(&after(failed, &again)),
        "[serving 1, held] [closed, next 15, failures 2, held] [closed, held] draining 2 until 16.5"
    );
}

#[test]
fn a_process_that_dies_is_replaced_whatever_the_load() {
    check_these(&two_of_three(), 13.0, vec![died(2, SIGKILL)], "
        [serving 1] [serving 2] [closed]
        died 2 of 9 | [serving 1] [empty, next 13, deaths 1] [closed] | log died 2 Serving Unknown; next in 0; Serving
    ");
}

#[test]
fn one_that_leaves_neither_grows_nor_shrinks() {
    for end in ends_of_all() {
        let group = after(two_of_three(), &[(20.0, load(None, &[(1, 0), (2, 0)], 30)), (21.0, end)]);
        let events = vec![Event::Rung, load(Some(9.0), &[], 0), load(None, &[(1, 0), (2, 0)], 30)];
        check_these(&group, 200.0, events, &show_group(&group));
    }
}

/// Where processes are forked, one that is added waits for the template, too.
#[test]
fn a_request_that_comes_before_the_template_is_ready() {
    let forking = Rules { fork: true, scale: Some(Scale { least: 0, ..RANGE }), ..rules() };
    let template = Event::TemplateStarted { pid: 1, limit: START };
    let loading = after(Group::new(forking, 2), &[(0.0, Event::Tick), (0.0, template)]);
    check_these(
        &loading,
        1.0,
        vec![Event::Rung],
        "
        template [starting 1 until 60] [closed] [closed]
        rung | template [starting 1 until 60] [empty] [closed] | log grows to 1 of 2, nobody serves
    ",
    );
    let ready = after(loading, &[(1.0, Event::Rung), (2.0, ready(1, 0))]);
    check_these(
        &ready,
        2.0,
        vec![Event::Tick],
        "
        template [serving 1] [empty] [closed]
        tick | template [serving 1] 0 of 1 [asked] [closed] | fork 0 of 1; look
    ",
    );
}
