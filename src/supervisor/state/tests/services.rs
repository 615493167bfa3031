//! Services (`threads=0`): a process is started only where no other one is.

use super::*;

/// Runs since 1.
fn service() -> Group {
    let group = Group::new(Rules { service: true, ..rules() }, 1);
    after(group, &[(0.0, Event::Tick), (0.0, started(0, 1)), (1.0, ready(1, 0))])
}

#[test]
fn a_service_is_started_alone() {
    check(
        &Group::new(Rules { service: true, ..rules() }, 1),
        1.0,
        "
        [empty]
        tick | [asked] | start 0 alone
        leave | leaving [empty]
        end for good | ending [empty] | served by; Down
        stop | ending [empty]
        over | ending [empty]
    ",
    );
}

#[test]
fn another_one_of_an_earlier_supervisor_is_waited_for() {
    let group = Group::new(Rules { service: true, ..rules() }, 1);
    check(
        &after(group, &[(0.0, Event::Tick), (0.0, Event::Occupied { place: 0 })]),
        0.04,
        "
        [empty, next 0.05]
        leave | leaving [empty, next 0.05]
        end for good | ending [empty, next 0.05] | served by; Down
        stop | ending [empty, next 0.05]
        over | ending [empty, next 0.05]
    ",
    );
}

#[test]
fn a_service_runs() {
    check(
        &service(),
        20.0,
        "
        [serving 1]
        replace 1 maximum_requests | [serving 1 but maximum_requests] | log replacing 1 maximum_requests
        replace 1 script_reload | [serving 1 but script_reload, next 20] | log replacing 1 script_reload
        replace 1 import_reload | [serving 1 but import_reload, next 20.1] | log replacing 1 import_reload
        replace 1 failed_start | [serving 1 but failed_start, next 20.2] | log replacing 1 failed_start
        died 1 of 0 | [empty, next 21] | next in 1; Starting
        died 1 of 9 | [empty] | log died 1 Service Unknown; next in 0; Starting
        lost 1 | [empty]
        leave | leaving [empty] draining 1 until 40.5 | drain 1 new_generation
        end for good | ending [empty] draining 1 until 40.5 | drain 1 new_generation; served by; Down
        stop | ending [empty] draining 1 until 25.5 | drain 1 server_stop
        over | ending [empty] draining 1 killed | kill 1
    ",
    );
}

#[test]
fn a_service_ends_before_its_successor_starts() {
    let group = after(service(), &[(20.0, ask(1, Reason::Script))]);
    check(&group, 20.0, "
        [serving 1 but script_reload, next 20]
        tick | [empty, next 20.05] draining 1 until 40.5 | drain 1 script_reload; served by
        replace 1 maximum_requests | [serving 1 but maximum_requests, next 20] | log replacing 1 maximum_requests
        replace 1 import_reload | [serving 1 but import_reload, next 20.1] | log replacing 1 import_reload
        replace 1 failed_start | [serving 1 but failed_start, next 20] | log replacing 1 failed_start
        died 1 of 0 | [empty, next 21] | next in 1; Starting
        died 1 of 9 | [empty] | log died 1 Service Unknown; next in 0; Starting
        lost 1 | [empty, next 20]
        leave | leaving [empty, next 20] draining 1 until 40.5 | drain 1 new_generation
        end for good | ending [empty, next 20] draining 1 until 40.5 | drain 1 new_generation; served by; Down
        stop | ending [empty, next 20] draining 1 until 25.5 | drain 1 server_stop
        over | ending [empty, next 20] draining 1 killed | kill 1
    ");
    let group = after(group, &[(20.0, Event::Tick)]);
    check(&group, 20.1, "
        [empty, next 20.05] draining 1 until 40.5
        tick | [empty, next 20.15] draining 1 until 40.5 | served by
        died 1 of 0 | [empty, next 20.05]
        died 1 of 9 | [empty, next 20.05] | log died 1 Service Unknown
        lost 1 | [empty, next 20.05]
        leave | leaving [empty, next 20.05] draining 1 until 40.5 | drain 1 new_generation
        end for good | ending [empty, next 20.05] draining 1 until 40.5 | drain 1 new_generation; served by; Down
        stop | ending [empty, next 20.05] draining 1 until 25.6 | drain 1 server_stop
        over | ending [empty, next 20.05] draining 1 killed | kill 1
    ");
    check(
        &after(group, &[(20.2, died(1, CLEAN))]),
        20.3,
        "
        [empty, next 20.05]
        tick | [asked, next 20.05] | start 0 alone
        leave | leaving [empty, next 20.05]
        end for good | ending [empty, next 20.05] | served by; Down
        stop | ending [empty, next 20.05]
        over | ending [empty, next 20.05]
    ",
    );
}
