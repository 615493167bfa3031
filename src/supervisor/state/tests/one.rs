//! A group of one place, state by state, until its process is to be replaced.

use super::*;

#[test]
fn empty() {
    check(
        &one(),
        1.0,
        "
        [empty]
        tick | [asked] | start 0
        leave | leaving [empty]
        end for good | ending [empty] | served by; Down
        stop | ending [empty]
        over | ending [empty]
    ",
    );
}

/// Asked for at 0.
pub fn asked() -> Group {
    after(one(), &[(0.0, Event::Tick)])
}

#[test]
fn a_process_is_asked_for() {
    check(
        &asked(),
        1.0,
        "
        [asked]
        started 5 in 0 | [starting 5 until 61] | log started 5
        start failed in 0 | [empty, next 2, failures 1] | log not started
        occupied 0 | [empty, next 1.05] | served by
        leave | leaving [asked]
        end for good | ending [asked] | served by; Down
        stop | ending [asked]
        over | ending [asked]
    ",
    );
}

/// Started at 0.
pub fn starting() -> Group {
    after(asked(), &[(0.0, started(0, 1))])
}

#[test]
fn a_process_starts() {
    check(&starting(), 1.0, "
        [starting 1 until 60]
        ready 1 without 0 | [serving 1] | serve 1; log serves 1 after 1; next in 0; Serving; served by; send served
        ready 1 without 1 | [serving 1 without 1 but failed_start, next 2, failures 1] | serve 1; log serves 1 after 1; next in 1; Serving; served by; send served
        ready 1 without 1, others better | [empty, next 2, failures 1, held] draining 1 until 6.5 | log keeps old code, not 1, next in 1; drain 1 failed_start
        replace 1 maximum_requests | [starting 1 until 60 obeys maximum_requests]
        died 1 of 0 | [empty, next 2, failures 1, held] | log died 1 Starting Unknown; next in 1; Down
        died 1 of 9 | [empty, next 2, failures 1, held] | log died 1 Starting Unknown; next in 1; Down
        lost 1 | [empty]
        leave | leaving [empty] draining 1 until 21.5 | drain 1 new_generation
        end for good | ending [empty] draining 1 until 21.5 | drain 1 new_generation; served by; Down
        stop | ending [empty] draining 1 until 6.5 | drain 1 server_stop
        over | ending [empty] draining 1 killed | kill 1
    ");
}

#[test]
fn the_start_takes_too_long() {
    let tick = || vec![Event::Tick];
    check_these(&starting(), 59.9, tick(), "[starting 1 until 60]");
    check_these(
        &starting(),
        60.0,
        tick(),
        "
        [starting 1 until 60]
        tick | [starting 1 killed] | kill 1
    ",
    );
    check(
        &after(starting(), &[(60.0, Event::Tick)]),
        61.0,
        "
        [starting 1 killed]
        replace 1 maximum_requests | [starting 1 killed obeys maximum_requests]
        died 1 of 0 | [empty, next 62, failures 1, held] | log died 1 Starting SlowStart; next in 1; Down
        died 1 of 9 | [empty, next 62, failures 1, held] | log died 1 Starting SlowStart; next in 1; Down
        lost 1 | [empty]
        leave | leaving [empty] draining 1 killed
        end for good | ending [empty] draining 1 killed | served by; Down
        stop | ending [empty] draining 1 killed
        over | ending [empty] draining 1 killed
    ",
    );
}

#[test]
fn a_signal_came_while_it_starts() {
    check(&after(starting(), &[(0.5, ask(1, Reason::Hangup))]), 1.0, "
        [starting 1 until 60 obeys hangup_signal]
        ready 1 without 0 | [serving 1 but hangup_signal] | serve 1; log serves 1 after 1; next in 0; Serving; served by; send served
        ready 1 without 1 | [serving 1 without 1 but failed_start, next 2, failures 1] | serve 1; log serves 1 after 1; next in 1; Serving; served by; send served
        ready 1 without 1, others better | [empty, next 2, failures 1, held] draining 1 until 6.5 | log keeps old code, not 1, next in 1; drain 1 failed_start
        replace 1 maximum_requests | [starting 1 until 60 obeys maximum_requests]
        died 1 of 0 | [empty, next 2, failures 1, held] | log died 1 Starting Unknown; next in 1; Down
        died 1 of 9 | [empty, next 2, failures 1, held] | log died 1 Starting Unknown; next in 1; Down
        lost 1 | [empty]
        leave | leaving [empty] draining 1 until 21.5 | drain 1 new_generation
        end for good | ending [empty] draining 1 until 21.5 | drain 1 new_generation; served by; Down
        stop | ending [empty] draining 1 until 6.5 | drain 1 server_stop
        over | ending [empty] draining 1 killed | kill 1
    ");
}

/// Serves since 1.
pub fn serving() -> Group {
    after(starting(), &[(1.0, ready(1, 0))])
}

#[test]
fn a_process_serves() {
    check(
        &serving(),
        20.0,
        "
        [serving 1]
        replace 1 maximum_requests | [serving 1 but maximum_requests] | log replacing 1 maximum_requests
        replace 1 script_reload | [serving 1 but script_reload, next 20] | log replacing 1 script_reload
        replace 1 import_reload | [serving 1 but import_reload, next 20.1] | log replacing 1 import_reload
        replace 1 failed_start | [serving 1 but failed_start, next 20.2] | log replacing 1 failed_start
        died 1 of 0 | [empty] | log died 1 Serving Unknown; next in 0; Starting
        died 1 of 9 | [empty] | log died 1 Serving Unknown; next in 0; Starting
        lost 1 | [empty]
        leave | leaving [empty] draining 1 until 40.5 | drain 1 new_generation
        end for good | ending [empty] draining 1 until 40.5 | drain 1 new_generation; served by; Down
        stop | ending [empty] draining 1 until 25.5 | drain 1 server_stop
        over | ending [empty] draining 1 killed | kill 1
    ",
    );
}

#[test]
fn a_process_serves_without_some_applications() {
    check(&after(starting(), &[(1.0, ready(1, 2))]), 3.0, "
        [serving 1 without 2 but failed_start, next 2, failures 1]
        tick | [serving 1 without 2 but failed_start + asked, next 2, failures 1] | start 0 beside
        replace 1 maximum_requests | [serving 1 without 2 but maximum_requests, next 2, failures 1] | log replacing 1 maximum_requests
        replace 1 script_reload | [serving 1 without 2 but script_reload, next 3] | log replacing 1 script_reload
        replace 1 import_reload | [serving 1 without 2 but import_reload, next 3.1] | log replacing 1 import_reload
        died 1 of 0 | [empty, next 3, failures 1, deaths 1] | log died 1 Serving Unknown; next in 0; Down
        died 1 of 9 | [empty, next 3, failures 1, deaths 1] | log died 1 Serving Unknown; next in 0; Down
        lost 1 | [empty, next 2, failures 1]
        leave | leaving [empty, next 2, failures 1] draining 1 until 23.5 | drain 1 new_generation
        end for good | ending [empty, next 2, failures 1] draining 1 until 23.5 | drain 1 new_generation; served by; Down
        stop | ending [empty, next 2, failures 1] draining 1 until 8.5 | drain 1 server_stop
        over | ending [empty, next 2, failures 1] draining 1 killed | kill 1
    ");
}

#[test]
fn a_process_is_to_be_replaced() {
    check(&after(serving(), &[(20.0, ask(1, Reason::Script))]), 21.0, "
        [serving 1 but script_reload, next 20]
        tick | [serving 1 but script_reload + asked, next 20] | start 0 beside
        replace 1 maximum_requests | [serving 1 but maximum_requests, next 20] | log replacing 1 maximum_requests
        replace 1 script_reload | [serving 1 but script_reload, next 21]
        replace 1 import_reload | [serving 1 but import_reload, next 21.1] | log replacing 1 import_reload
        replace 1 failed_start | [serving 1 but failed_start, next 20] | log replacing 1 failed_start
        died 1 of 0 | [empty] | log died 1 Serving Unknown; next in 0; Starting
        died 1 of 9 | [empty] | log died 1 Serving Unknown; next in 0; Starting
        lost 1 | [empty, next 20]
        leave | leaving [empty, next 20] draining 1 until 41.5 | drain 1 new_generation
        end for good | ending [empty, next 20] draining 1 until 41.5 | drain 1 new_generation; served by; Down
        stop | ending [empty, next 20] draining 1 until 26.5 | drain 1 server_stop
        over | ending [empty, next 20] draining 1 killed | kill 1
    ");
}
