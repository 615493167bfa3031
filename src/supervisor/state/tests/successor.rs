//! A group of one place, state by state: its process is replaced.

use super::one::serving;
use super::*;

#[test]
fn a_successor_is_asked_for() {
    check(&after(serving(), &[(20.0, ask(1, Reason::Script)), (20.0, Event::Tick)]), 21.0, "
        [serving 1 but script_reload + asked, next 20]
        started 5 in 0 | [serving 1 but script_reload + starting 5 until 81, next 20] | log started 5
        start failed in 0 | [serving 1 but script_reload, next 22, failures 1] | log not started
        occupied 0 | [serving 1 but script_reload, next 21.05] | served by
        replace 1 maximum_requests | [serving 1 but maximum_requests + asked, next 20] | log replacing 1 maximum_requests
        replace 1 script_reload | [serving 1 but script_reload + asked, next 21]
        replace 1 import_reload | [serving 1 but import_reload + asked, next 21.1] | log replacing 1 import_reload
        replace 1 failed_start | [serving 1 but failed_start + asked, next 20] | log replacing 1 failed_start
        died 1 of 0 | [asked] | log died 1 Serving Unknown; next in 0; Starting
        died 1 of 9 | [asked] | log died 1 Serving Unknown; next in 0; Starting
        lost 1 | [asked, next 20]
        leave | leaving [asked, next 20] draining 1 until 41.5 | drain 1 new_generation
        end for good | ending [asked, next 20] draining 1 until 41.5 | drain 1 new_generation; served by; Down
        stop | ending [asked, next 20] draining 1 until 26.5 | drain 1 server_stop
        over | ending [asked, next 20] draining 1 killed | kill 1
    ");
}

/// Since 20.
pub fn replacing() -> Group {
    let replace = [(20.0, ask(1, Reason::Script)), (20.0, Event::Tick), (20.0, started(0, 2))];
    after(serving(), &replace)
}

#[test]
fn a_successor_starts() {
    check(&replacing(), 21.0, "
        [serving 1 but script_reload + starting 2 until 80, next 20]
        replace 1 maximum_requests | [serving 1 but maximum_requests + starting 2 until 80, next 20] | log replacing 1 maximum_requests
        replace 1 script_reload | [serving 1 but script_reload + starting 2 until 80, next 21]
        replace 1 import_reload | [serving 1 but import_reload + starting 2 until 80, next 21.1] | log replacing 1 import_reload
        replace 1 failed_start | [serving 1 but failed_start + starting 2 until 80, next 20] | log replacing 1 failed_start
        died 1 of 0 | [starting 2 until 80] | log died 1 Serving Unknown; next in 0; Starting
        died 1 of 9 | [starting 2 until 80] | log died 1 Serving Unknown; next in 0; Starting
        lost 1 | [starting 2 until 80, next 20]
        ready 2 without 0 | [serving 2] draining 1 until 41.5 | serve 2; log serves 2 after 1; drain 1 script_reload; next in 0; Serving
        ready 2 without 1 | [serving 1 but script_reload, next 22, failures 1, held] draining 2 until 26.5 | log keeps old code, not 2, next in 1; drain 2 failed_start
        ready 2 without 1, others better | [serving 1 but script_reload, next 22, failures 1, held] draining 2 until 26.5 | log keeps old code, not 2, next in 1; drain 2 failed_start
        replace 2 maximum_requests | [serving 1 but script_reload + starting 2 until 80 obeys maximum_requests, next 20]
        died 2 of 0 | [serving 1 but script_reload, next 22, failures 1, held] | log died 2 Starting Unknown; log keeps old code, not 2, next in 1; next in 1; Serving
        died 2 of 9 | [serving 1 but script_reload, next 22, failures 1, held] | log died 2 Starting Unknown; log keeps old code, not 2, next in 1; next in 1; Serving
        lost 2 | [serving 1 but script_reload, next 20]
        leave | leaving [empty, next 20] draining 1 until 41.5 draining 2 until 41.5 | drain 1 new_generation; drain 2 new_generation
        end for good | ending [empty, next 20] draining 1 until 41.5 draining 2 until 41.5 | drain 1 new_generation; drain 2 new_generation; served by; Down
        stop | ending [empty, next 20] draining 1 until 26.5 draining 2 until 26.5 | drain 1 server_stop; drain 2 server_stop
        over | ending [empty, next 20] draining 1 killed draining 2 killed | kill 1; kill 2
    ");
}

#[test]
fn the_start_of_a_successor_takes_too_long() {
    check(&after(replacing(), &[(80.0, Event::Tick)]), 81.0, "
        [serving 1 but script_reload + starting 2 killed, next 20]
        replace 1 maximum_requests | [serving 1 but maximum_requests + starting 2 killed, next 20] | log replacing 1 maximum_requests
        replace 1 script_reload | [serving 1 but script_reload + starting 2 killed, next 81]
        replace 1 import_reload | [serving 1 but import_reload + starting 2 killed, next 81.1] | log replacing 1 import_reload
        replace 1 failed_start | [serving 1 but failed_start + starting 2 killed, next 20] | log replacing 1 failed_start
        died 1 of 0 | [starting 2 killed] | log died 1 Serving Unknown; next in 0; Starting
        died 1 of 9 | [starting 2 killed] | log died 1 Serving Unknown; next in 0; Starting
        lost 1 | [starting 2 killed, next 20]
        replace 2 maximum_requests | [serving 1 but script_reload + starting 2 killed obeys maximum_requests, next 20]
        died 2 of 0 | [serving 1 but script_reload, next 82, failures 1, held] | log died 2 Starting SlowStart; log keeps old code, not 2, next in 1; next in 1; Serving
        died 2 of 9 | [serving 1 but script_reload, next 82, failures 1, held] | log died 2 Starting SlowStart; log keeps old code, not 2, next in 1; next in 1; Serving
        lost 2 | [serving 1 but script_reload, next 20]
        leave | leaving [empty, next 20] draining 1 until 101.5 draining 2 killed | drain 1 new_generation
        end for good | ending [empty, next 20] draining 1 until 101.5 draining 2 killed | drain 1 new_generation; served by; Down
        stop | ending [empty, next 20] draining 1 until 86.5 draining 2 killed | drain 1 server_stop
        over | ending [empty, next 20] draining 1 killed draining 2 killed | kill 1
    ");
}

#[test]
fn the_predecessor_finishes() {
    check(&after(replacing(), &[(21.0, ready(2, 0))]), 22.0, "
        [serving 2] draining 1 until 41.5
        died 1 of 0 | [serving 2]
        died 1 of 9 | [serving 2] | log died 1 Draining Unknown
        lost 1 | [serving 2]
        replace 2 maximum_requests | [serving 2 but maximum_requests] draining 1 until 41.5 | log replacing 2 maximum_requests
        replace 2 script_reload | [serving 2 but script_reload, next 22] draining 1 until 41.5 | log replacing 2 script_reload
        replace 2 import_reload | [serving 2 but import_reload, next 22.1] draining 1 until 41.5 | log replacing 2 import_reload
        replace 2 failed_start | [serving 2 but failed_start, next 22.2] draining 1 until 41.5 | log replacing 2 failed_start
        died 2 of 0 | [empty, next 22, deaths 1] draining 1 until 41.5 | log died 2 Serving Unknown; next in 0; Starting
        died 2 of 9 | [empty, next 22, deaths 1] draining 1 until 41.5 | log died 2 Serving Unknown; next in 0; Starting
        lost 2 | [empty] draining 1 until 41.5
        leave | leaving [empty] draining 1 until 41.5 draining 2 until 42.5 | drain 1 new_generation; drain 2 new_generation
        end for good | ending [empty] draining 1 until 41.5 draining 2 until 42.5 | drain 1 new_generation; drain 2 new_generation; served by; Down
        stop | ending [empty] draining 1 until 27.5 draining 2 until 27.5 | drain 1 server_stop; drain 2 server_stop
        over | ending [empty] draining 1 killed draining 2 killed | kill 1; kill 2
    ");
}

#[test]
fn the_successor_was_refused() {
    check(&after(replacing(), &[(21.0, ready(2, 1))]), 22.0, "
        [serving 1 but script_reload, next 22, failures 1, held] draining 2 until 26.5
        tick | [serving 1 but script_reload + asked, next 22, failures 1, held] draining 2 until 26.5 | start 0 beside
        replace 1 maximum_requests | [serving 1 but maximum_requests, next 22, failures 1, held] draining 2 until 26.5 | log replacing 1 maximum_requests
        replace 1 script_reload | [serving 1 but script_reload, next 22] draining 2 until 26.5
        replace 1 import_reload | [serving 1 but import_reload, next 22.1] draining 2 until 26.5 | log replacing 1 import_reload
        replace 1 failed_start | [serving 1 but failed_start, next 22, failures 1, held] draining 2 until 26.5 | log replacing 1 failed_start
        died 1 of 0 | [empty, held] draining 2 until 26.5 | log died 1 Serving Unknown; next in 0; Starting
        died 1 of 9 | [empty, held] draining 2 until 26.5 | log died 1 Serving Unknown; next in 0; Starting
        lost 1 | [empty, next 22, failures 1, held] draining 2 until 26.5
        died 2 of 0 | [serving 1 but script_reload, next 22, failures 1, held]
        died 2 of 9 | [serving 1 but script_reload, next 22, failures 1, held] | log died 2 Draining Unknown
        lost 2 | [serving 1 but script_reload, next 22, failures 1, held]
        leave | leaving [empty, next 22, failures 1, held] draining 2 until 26.5 draining 1 until 42.5 | drain 2 new_generation; drain 1 new_generation
        end for good | ending [empty, next 22, failures 1, held] draining 2 until 26.5 draining 1 until 42.5 | drain 2 new_generation; drain 1 new_generation; served by; Down
        stop | ending [empty, next 22, failures 1, held] draining 2 until 26.5 draining 1 until 27.5 | drain 2 server_stop; drain 1 server_stop
        over | ending [empty, next 22, failures 1, held] draining 2 killed draining 1 killed | kill 2; kill 1
    ");
}

#[test]
fn the_predecessor_takes_too_long() {
    let draining = after(replacing(), &[(21.0, ready(2, 0))]);
    check_these(
        &draining,
        41.5,
        vec![Event::Tick],
        "
        [serving 2] draining 1 until 41.5
        tick | [serving 2] draining 1 killed | kill 1
    ",
    );
    check(&after(replacing(), &[(21.0, ready(2, 0)), (42.0, Event::Tick)]), 43.0, "
        [serving 2] draining 1 killed
        died 1 of 0 | [serving 2]
        died 1 of 9 | [serving 2] | log died 1 Draining SlowEnd
        lost 1 | [serving 2]
        replace 2 maximum_requests | [serving 2 but maximum_requests] draining 1 killed | log replacing 2 maximum_requests
        replace 2 script_reload | [serving 2 but script_reload, next 43] draining 1 killed | log replacing 2 script_reload
        replace 2 import_reload | [serving 2 but import_reload, next 43.1] draining 1 killed | log replacing 2 import_reload
        replace 2 failed_start | [serving 2 but failed_start, next 43.2] draining 1 killed | log replacing 2 failed_start
        died 2 of 0 | [empty] draining 1 killed | log died 2 Serving Unknown; next in 0; Starting
        died 2 of 9 | [empty] draining 1 killed | log died 2 Serving Unknown; next in 0; Starting
        lost 2 | [empty] draining 1 killed
        leave | leaving [empty] draining 1 killed draining 2 until 63.5 | drain 2 new_generation
        end for good | ending [empty] draining 1 killed draining 2 until 63.5 | drain 2 new_generation; served by; Down
        stop | ending [empty] draining 1 killed draining 2 until 48.5 | drain 2 server_stop
        over | ending [empty] draining 1 killed draining 2 killed | kill 2
    ");
}
