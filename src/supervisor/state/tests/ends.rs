//! A group of one place, state by state: the end; and when something is due.

use super::one::{asked, serving, starting};
use super::successor::replacing;
use super::*;

#[test]
fn the_end_came_while_a_process_was_asked_for() {
    check(
        &after(asked(), &[(0.0, Event::Leave)]),
        1.0,
        "
        leaving [asked]
        started 5 in 0 | leaving [empty] draining 5 until 21.5 | log started 5; drain 5 new_generation
        start failed in 0 | leaving [empty, next 2, failures 1] | log not started
        occupied 0 | leaving [empty, next 1.05] | served by
        end for good | ending [asked] | served by; Down
        stop | ending [asked]
        over | ending [asked]
    ",
    );
    check(
        &after(asked(), &[(0.0, Event::Stop { limit: None })]),
        1.0,
        "
        ending [asked]
        started 5 in 0 | ending [empty] draining 5 until 6.5 | log started 5; drain 5 server_stop
        start failed in 0 | ending [empty, next 2, failures 1] | log not started
        occupied 0 | ending [empty, next 1.05] | served by
        end for good | ending [asked] | served by; Down
    ",
    );
}

#[test]
fn all_leave() {
    check(&after(replacing(), &[(21.0, Event::Leave)]), 22.0, "
        leaving [empty, next 20] draining 1 until 41.5 draining 2 until 41.5
        died 1 of 0 | leaving [empty, next 20] draining 2 until 41.5
        died 1 of 9 | leaving [empty, next 20] draining 2 until 41.5 | log died 1 Draining Unknown
        lost 1 | leaving [empty, next 20] draining 2 until 41.5
        died 2 of 0 | leaving [empty, next 20] draining 1 until 41.5
        died 2 of 9 | leaving [empty, next 20] draining 1 until 41.5 | log died 2 Draining Unknown
        lost 2 | leaving [empty, next 20] draining 1 until 41.5
        end for good | ending [empty, next 20] draining 1 until 41.5 draining 2 until 41.5 | served by; Down
        stop | ending [empty, next 20] draining 1 until 27.5 draining 2 until 27.5 | drain 1 server_stop; drain 2 server_stop
        over | ending [empty, next 20] draining 1 killed draining 2 killed | kill 1; kill 2
    ");
}

#[test]
fn all_end() {
    check(&after(replacing(), &[(21.0, Event::EndForGood)]), 22.0, "
        ending [empty, next 20] draining 1 until 41.5 draining 2 until 41.5
        died 1 of 0 | ending [empty, next 20] draining 2 until 41.5
        died 1 of 9 | ending [empty, next 20] draining 2 until 41.5 | log died 1 Draining Unknown
        lost 1 | ending [empty, next 20] draining 2 until 41.5
        died 2 of 0 | ending [empty, next 20] draining 1 until 41.5
        died 2 of 9 | ending [empty, next 20] draining 1 until 41.5 | log died 2 Draining Unknown
        lost 2 | ending [empty, next 20] draining 1 until 41.5
        end for good | ending [empty, next 20] draining 1 until 41.5 draining 2 until 41.5 | served by; Down
        stop | ending [empty, next 20] draining 1 until 27.5 draining 2 until 27.5 | drain 1 server_stop; drain 2 server_stop
        over | ending [empty, next 20] draining 1 killed draining 2 killed | kill 1; kill 2
    ");
}

#[test]
fn all_have_gone() {
    check(
        &after(one(), &[(0.0, Event::EndForGood)]),
        1.0,
        "
        ending [empty]
        tick | ending [empty] | end remains
        end for good | ending [empty] | served by; Down
        stop | ending [empty]
        over | ending [empty]
    ",
    );
}

#[test]
fn it_wakes_for_what_is_due_first() {
    let wakes_at = |group: &Group| group.wakes_at(at(21.0)).map(show_time);
    assert_eq!(wakes_at(&one()), Some(21.0), "at once");
    assert_eq!(wakes_at(&asked()), None);
    assert_eq!(wakes_at(&starting()), Some(60.0));
    assert_eq!(wakes_at(&serving()), None);
    assert_eq!(wakes_at(&after(serving(), &[(20.0, ask(1, Reason::Imports))])), Some(20.1));
    assert_eq!(wakes_at(&replacing()), Some(80.0));
    assert_eq!(wakes_at(&after(replacing(), &[(21.0, ready(2, 0))])), Some(41.5));
    assert_eq!(
        wakes_at(&after(replacing(), &[(21.0, ready(2, 1))])),
        Some(22.0),
        "the next try, before the end"
    );
    let leaving = after(starting(), &[(21.0, Event::Leave)]);
    assert_eq!(wakes_at(&leaving), Some(41.5));
    assert_eq!(wakes_at(&after(leaving, &[(41.5, Event::Tick)])), None, "it was killed");
}
