//! A group whose processes are forked of a template, state by state.

use super::*;

/// Of one place.
fn forking() -> Group {
    Group::new(Rules { fork: true, ..rules() }, 1)
}

fn template_started(pid: u32) -> Event {
    Event::TemplateStarted { pid, limit: START }
}

#[test]
fn first_there_is_a_template() {
    check(
        &forking(),
        1.0,
        "
        template [empty] [empty]
        tick | template [asked] [empty] | start template
        leave | leaving template [empty] [empty]
        end for good | ending template [empty] [empty] | served by; Down
        stop | ending template [empty] [empty]
        over | ending template [empty] [empty]
    ",
    );
}

/// Started at 0.
fn loading() -> Group {
    after(forking(), &[(0.0, Event::Tick), (0.0, template_started(1))])
}

#[test]
fn a_template_loads() {
    check(&loading(), 1.0, "
        template [starting 1 until 60] [empty]
        unforkable 1 | template fallen [empty] [empty] draining 1 until 2 | log not forked; drain 1 new_generation
        ready 1 without 0 | template [serving 1] [empty] | log template 1 ready after 1
        ready 1 without 1 | template [serving 1 without 1 but failed_start, next 2, failures 1] [empty] | log template 1 ready after 1
        ready 1 without 1, others better | template [empty, next 2, failures 1] [empty, held] draining 1 until 2 | log keeps old code, not 1, next in 1; drain 1 failed_start
        died 1 of 0 | template [empty, next 2, failures 1] [empty, held] | log died 1 Starting Unknown; next in 1; Down
        died 1 of 9 | template [empty, next 2, failures 1] [empty, held] | log died 1 Starting Unknown; next in 1; Down
        lost 1 | template [empty] [empty]
        leave | leaving template [empty] [empty] draining 1 until 21.5 | drain 1 new_generation
        end for good | ending template [empty] [empty] draining 1 until 21.5 | drain 1 new_generation; served by; Down
        stop | ending template [empty] [empty] draining 1 until 6.5 | drain 1 server_stop
        over | ending template [empty] [empty] draining 1 killed | kill 1
    ");
}

/// Ready at 1; a worker was asked for then.
fn asked() -> Group {
    after(loading(), &[(1.0, ready(1, 0)), (1.0, Event::Tick)])
}

#[test]
fn a_template_is_asked_for_a_process() {
    check(&asked(), 2.0, "
        template [serving 1] 0 of 1 [asked]
        started 5 in 0 | template [serving 1] [starting 5 until 62] | log started 5
        start failed in 0 | template [serving 1] [empty, next 3, failures 1] | log not started
        occupied 0 | template [serving 1] 0 of 1 [empty, next 2.05] | served by
        unforkable 1 | template fallen [empty] [empty] draining 1 until 3 | log not forked; drain 1 new_generation
        replace 1 maximum_requests | template [serving 1 but maximum_requests] 0 of 1 [asked] | log replacing 1 maximum_requests
        replace 1 import_reload | template [serving 1 but import_reload, next 2.1] 0 of 1 [asked, next 2.1] | log replacing 1 import_reload
        died 1 of 0 | template [empty, next 2, deaths 1] [empty] | log died 1 Template Unknown; next in 0; Starting
        died 1 of 9 | template [empty, next 2, deaths 1] [empty] | log died 1 Template Unknown; next in 0; Starting
        lost 1 | template [empty] [empty]
        leave | leaving template [empty] 0 of 1 [asked] draining 1 until 22.5 | drain 1 new_generation
        end for good | ending template [empty] 0 of 1 [asked] draining 1 until 22.5 | drain 1 new_generation; served by; Down
        stop | ending template [empty] 0 of 1 [asked] draining 1 until 7.5 | drain 1 server_stop
        over | ending template [empty] 0 of 1 [asked] draining 1 killed | kill 1
    ");
    check(&after(asked(), &[(11.0, Event::Tick)]), 12.0, "
        template [asked, next 11, deaths 1] [empty] draining 1 killed
        template 8 started | template [starting 8 until 72, next 11, deaths 1] [empty] draining 1 killed | log template 8 started
        template not started | template [empty, next 13, failures 1, deaths 1] [empty] draining 1 killed | log not started
        died 1 of 0 | template [asked, next 11, deaths 1] [empty]
        died 1 of 9 | template [asked, next 11, deaths 1] [empty] | log died 1 Template NoFork
        lost 1 | template [asked, next 11, deaths 1] [empty]
        leave | leaving template [asked, next 11, deaths 1] [empty] draining 1 killed
        end for good | ending template [asked, next 11, deaths 1] [empty] draining 1 killed | served by; Down
        stop | ending template [asked, next 11, deaths 1] [empty] draining 1 killed
        over | ending template [asked, next 11, deaths 1] [empty] draining 1 killed
    ");
}

/// Serves since 1.
fn serving() -> Group {
    after(asked(), &[(1.0, started(0, 2)), (1.0, ready(2, 0))])
}

#[test]
fn a_forked_process_serves() {
    check(&serving(), 2.0, "
        template [serving 1] [serving 2]
        unforkable 1 | template fallen [empty] [serving 2] draining 1 until 3 | log not forked; drain 1 new_generation
        replace 1 maximum_requests | template [serving 1 but maximum_requests] [serving 2] | log replacing 1 maximum_requests
        replace 1 import_reload | template [serving 1 but import_reload, next 2.1] [serving 2 but import_reload, next 2.1] | log replacing 1 import_reload
        died 1 of 0 | template [empty, next 2, deaths 1] [serving 2] | log died 1 Template Unknown; next in 0; Serving
        died 1 of 9 | template [empty, next 2, deaths 1] [serving 2] | log died 1 Template Unknown; next in 0; Serving
        lost 1 | template [empty] [serving 2]
        replace 2 maximum_requests | template [serving 1] [serving 2 but maximum_requests] | log replacing 2 maximum_requests
        replace 2 script_reload | template [serving 1 but script_reload, next 2] [serving 2 but script_reload, next 2] | log replacing 2 script_reload
        replace 2 import_reload | template [serving 1 but import_reload, next 2.1] [serving 2 but import_reload, next 2.1] | log replacing 2 import_reload
        replace 2 failed_start | template [serving 1 but failed_start, next 2.2] [serving 2 but failed_start, next 2.2] | log replacing 2 failed_start
        died 2 of 0 | template [serving 1] [empty, next 2, deaths 1] | log died 2 Serving Unknown; next in 0; Starting
        died 2 of 9 | template [serving 1] [empty, next 2, deaths 1] | log died 2 Serving Unknown; next in 0; Starting
        lost 2 | template [serving 1] [empty]
        leave | leaving template [empty] [empty] draining 2 until 22.5 draining 1 until 22.5 | drain 2 new_generation; drain 1 new_generation
        end for good | ending template [empty] [empty] draining 2 until 22.5 draining 1 until 22.5 | drain 2 new_generation; drain 1 new_generation; served by; Down
        stop | ending template [empty] [empty] draining 2 until 7.5 draining 1 until 7.5 | drain 2 server_stop; drain 1 server_stop
        over | ending template [empty] [empty] draining 2 killed draining 1 killed | kill 2; kill 1
    ");
}

/// A change was found at 20.
fn renewing() -> Group {
    after(serving(), &[(20.0, ask(2, Reason::Script)), (20.0, Event::Tick), (20.0, template_started(3))])
}

#[test]
fn a_change_has_another_template_made_first() {
    check(&renewing(), 21.0, "
        template [serving 1 but script_reload + starting 3 until 80, next 20] [serving 2 but script_reload, next 20]
        unforkable 1 | template fallen [empty] [serving 2 but script_reload, next 20] draining 1 until 22 draining 3 until 22 | log not forked; drain 1 new_generation; drain 3 new_generation
        unforkable 3 | template fallen [empty] [serving 2 but script_reload, next 20] draining 1 until 22 draining 3 until 22 | log not forked; drain 1 new_generation; drain 3 new_generation
        replace 1 import_reload | template [serving 1 but import_reload + starting 3 until 80, next 21.1] [serving 2 but import_reload, next 21.1] | log replacing 1 import_reload
        died 1 of 0 | template [starting 3 until 80] [serving 2 but script_reload, next 20] | log died 1 Template Unknown; next in 0; Serving
        died 1 of 9 | template [starting 3 until 80] [serving 2 but script_reload, next 20] | log died 1 Template Unknown; next in 0; Serving
        lost 1 | template [starting 3 until 80, next 20] [serving 2 but script_reload, next 20]
        replace 2 maximum_requests | template [serving 1 but script_reload + starting 3 until 80, next 20] [serving 2 but maximum_requests, next 20] | log replacing 2 maximum_requests
        replace 2 script_reload | template [serving 1 but script_reload + starting 3 until 80, next 21] [serving 2 but script_reload, next 21]
        replace 2 import_reload | template [serving 1 but import_reload + starting 3 until 80, next 21.1] [serving 2 but import_reload, next 21.1] | log replacing 2 import_reload
        replace 2 failed_start | template [serving 1 but failed_start + starting 3 until 80, next 20] [serving 2 but failed_start, next 20] | log replacing 2 failed_start
        died 2 of 0 | template [serving 1 but script_reload + starting 3 until 80, next 20] [empty] | log died 2 Serving Unknown; next in 0; Starting
        died 2 of 9 | template [serving 1 but script_reload + starting 3 until 80, next 20] [empty] | log died 2 Serving Unknown; next in 0; Starting
        lost 2 | template [serving 1 but script_reload + starting 3 until 80, next 20] [empty, next 20]
        ready 3 without 0 | template [serving 3] [serving 2 but script_reload, next 20] draining 1 until 22 | log template 3 ready after 1; drain 1 new_generation
        ready 3 without 1 | template [serving 1 but script_reload, next 22, failures 1] [serving 2 but script_reload, next 20, held] draining 3 until 22 | log keeps old code, not 3, next in 1; drain 3 failed_start
        ready 3 without 1, others better | template [serving 1 but script_reload, next 22, failures 1] [serving 2 but script_reload, next 20, held] draining 3 until 22 | log keeps old code, not 3, next in 1; drain 3 failed_start
        died 3 of 0 | template [serving 1 but script_reload, next 22, failures 1] [serving 2 but script_reload, next 20, held] | log died 3 Starting Unknown; log keeps old code, not 3, next in 1; next in 0; Serving
        died 3 of 9 | template [serving 1 but script_reload, next 22, failures 1] [serving 2 but script_reload, next 20, held] | log died 3 Starting Unknown; log keeps old code, not 3, next in 1; next in 0; Serving
        lost 3 | template [serving 1 but script_reload, next 20] [serving 2 but script_reload, next 20]
        leave | leaving template [empty, next 20] [empty, next 20] draining 2 until 41.5 draining 1 until 41.5 draining 3 until 41.5 | drain 2 new_generation; drain 1 new_generation; drain 3 new_generation
        end for good | ending template [empty, next 20] [empty, next 20] draining 2 until 41.5 draining 1 until 41.5 draining 3 until 41.5 | drain 2 new_generation; drain 1 new_generation; drain 3 new_generation; served by; Down
        stop | ending template [empty, next 20] [empty, next 20] draining 2 until 26.5 draining 1 until 26.5 draining 3 until 26.5 | drain 2 server_stop; drain 1 server_stop; drain 3 server_stop
        over | ending template [empty, next 20] [empty, next 20] draining 2 killed draining 1 killed draining 3 killed | kill 2; kill 1; kill 3
    ");
}

#[test]
fn then_another_process() {
    let renewed = after(renewing(), &[(21.0, ready(3, 0)), (21.0, Event::Tick), (21.0, started(0, 4))]);
    check(&renewed, 22.0, "
        template [serving 3] [serving 2 but script_reload + starting 4 until 81, next 20] draining 1 until 22
        tick | template [serving 3] [serving 2 but script_reload + starting 4 until 81, next 20] draining 1 killed | kill 1
        unforkable 3 | template fallen [empty] [serving 2 but script_reload + starting 4 until 81, next 20] draining 1 until 22 draining 3 until 23 | log not forked; drain 3 new_generation
        died 1 of 0 | template [serving 3] [serving 2 but script_reload + starting 4 until 81, next 20]
        died 1 of 9 | template [serving 3] [serving 2 but script_reload + starting 4 until 81, next 20] | log died 1 Draining Unknown
        lost 1 | template [serving 3] [serving 2 but script_reload + starting 4 until 81, next 20]
        replace 2 maximum_requests | template [serving 3] [serving 2 but maximum_requests + starting 4 until 81, next 20] draining 1 until 22 | log replacing 2 maximum_requests
        replace 2 script_reload | template [serving 3 but script_reload, next 22] [serving 2 but script_reload + starting 4 until 81, next 22] draining 1 until 22
        replace 2 import_reload | template [serving 3 but import_reload, next 22.1] [serving 2 but import_reload + starting 4 until 81, next 22.1] draining 1 until 22 | log replacing 2 import_reload
        replace 2 failed_start | template [serving 3 but failed_start, next 22.2] [serving 2 but failed_start + starting 4 until 81, next 20] draining 1 until 22 | log replacing 2 failed_start
        died 2 of 0 | template [serving 3] [starting 4 until 81] draining 1 until 22 | log died 2 Serving Unknown; next in 0; Starting
        died 2 of 9 | template [serving 3] [starting 4 until 81] draining 1 until 22 | log died 2 Serving Unknown; next in 0; Starting
        lost 2 | template [serving 3] [starting 4 until 81, next 20] draining 1 until 22
        replace 3 maximum_requests | template [serving 3 but maximum_requests] [serving 2 but script_reload + starting 4 until 81, next 20] draining 1 until 22 | log replacing 3 maximum_requests
        replace 3 import_reload | template [serving 3 but import_reload, next 22.1] [serving 2 but import_reload + starting 4 until 81, next 22.1] draining 1 until 22 | log replacing 3 import_reload
        died 3 of 0 | template [empty, next 22, deaths 1] [serving 2 but script_reload + starting 4 until 81, next 20] draining 1 until 22 | log died 3 Template Unknown; next in 0; Serving
        died 3 of 9 | template [empty, next 22, deaths 1] [serving 2 but script_reload + starting 4 until 81, next 20] draining 1 until 22 | log died 3 Template Unknown; next in 0; Serving
        lost 3 | template [empty] [serving 2 but script_reload + starting 4 until 81, next 20] draining 1 until 22
        ready 4 without 0 | template [serving 3] [serving 4] draining 1 until 22 draining 2 until 42.5 | serve 4; log serves 4 after 1; drain 2 script_reload; next in 0; Serving
        ready 4 without 1 | template [serving 3] [serving 2 but script_reload, next 23, failures 1, held] draining 1 until 22 draining 4 until 27.5 | log keeps old code, not 4, next in 1; drain 4 failed_start
        ready 4 without 1, others better | template [serving 3] [serving 2 but script_reload, next 23, failures 1, held] draining 1 until 22 draining 4 until 27.5 | log keeps old code, not 4, next in 1; drain 4 failed_start
        replace 4 maximum_requests | template [serving 3] [serving 2 but script_reload + starting 4 until 81 obeys maximum_requests, next 20] draining 1 until 22
        died 4 of 0 | template [serving 3] [serving 2 but script_reload, next 23, failures 1, held] draining 1 until 22 | log died 4 Starting Unknown; log keeps old code, not 4, next in 1; next in 1; Serving
        died 4 of 9 | template [serving 3] [serving 2 but script_reload, next 23, failures 1, held] draining 1 until 22 | log died 4 Starting Unknown; log keeps old code, not 4, next in 1; next in 1; Serving
        lost 4 | template [serving 3] [serving 2 but script_reload, next 20] draining 1 until 22
        leave | leaving template [empty] [empty, next 20] draining 1 until 22 draining 2 until 42.5 draining 4 until 42.5 draining 3 until 42.5 | drain 1 new_generation; drain 2 new_generation; drain 4 new_generation; drain 3 new_generation
        end for good | ending template [empty] [empty, next 20] draining 1 until 22 draining 2 until 42.5 draining 4 until 42.5 draining 3 until 42.5 | drain 1 new_generation; drain 2 new_generation; drain 4 new_generation; drain 3 new_generation; served by; Down
        stop | ending template [empty] [empty, next 20] draining 1 until 22 draining 2 until 27.5 draining 4 until 27.5 draining 3 until 27.5 | drain 1 server_stop; drain 2 server_stop; drain 4 server_stop; drain 3 server_stop
        over | ending template [empty] [empty, next 20] draining 1 killed draining 2 killed draining 4 killed draining 3 killed | kill 1; kill 2; kill 4; kill 3
    ");
}

#[test]
fn one_that_dies_meanwhile_is_forked_of_the_old_template() {
    let died = after(renewing(), &[(21.0, died(2, SIGKILL)), (21.0, Event::Tick), (21.0, started(0, 4))]);
    check(&died, 22.0, "
        template [serving 1 but script_reload + starting 3 until 80, next 20] [starting 4 until 81]
        unforkable 1 | template fallen [empty] [starting 4 until 81] draining 1 until 23 draining 3 until 23 | log not forked; drain 1 new_generation; drain 3 new_generation
        unforkable 3 | template fallen [empty] [starting 4 until 81] draining 1 until 23 draining 3 until 23 | log not forked; drain 1 new_generation; drain 3 new_generation
        replace 1 import_reload | template [serving 1 but import_reload + starting 3 until 80, next 22.1] [starting 4 until 81, next 22.1] | log replacing 1 import_reload
        died 1 of 0 | template [starting 3 until 80] [starting 4 until 81] | log died 1 Template Unknown; next in 0; Starting
        died 1 of 9 | template [starting 3 until 80] [starting 4 until 81] | log died 1 Template Unknown; next in 0; Starting
        lost 1 | template [starting 3 until 80, next 20] [starting 4 until 81]
        ready 3 without 0 | template [serving 3] [starting 4 until 81] draining 1 until 23 | log template 3 ready after 2; drain 1 new_generation
        ready 3 without 1 | template [serving 1 but script_reload, next 23, failures 1] [starting 4 until 81, held] draining 3 until 23 | log keeps old code, not 3, next in 1; drain 3 failed_start
        ready 3 without 1, others better | template [serving 1 but script_reload, next 23, failures 1] [starting 4 until 81, held] draining 3 until 23 | log keeps old code, not 3, next in 1; drain 3 failed_start
        died 3 of 0 | template [serving 1 but script_reload, next 23, failures 1] [starting 4 until 81, held] | log died 3 Starting Unknown; next in 0; Starting
        died 3 of 9 | template [serving 1 but script_reload, next 23, failures 1] [starting 4 until 81, held] | log died 3 Starting Unknown; next in 0; Starting
        lost 3 | template [serving 1 but script_reload, next 20] [starting 4 until 81]
        ready 4 without 0 | template [serving 1 but script_reload + starting 3 until 80, next 20] [serving 4 but script_reload] | serve 4; log serves 4 after 1; next in 0; Serving
        ready 4 without 1 | template [serving 1 but script_reload + starting 3 until 80, next 20] [serving 4 without 1 but failed_start, next 23, failures 1] | serve 4; log serves 4 after 1; next in 1; Serving
        ready 4 without 1, others better | template [serving 1 but script_reload + starting 3 until 80, next 20] [empty, next 23, failures 1, held] draining 4 until 27.5 | log keeps old code, not 4, next in 1; drain 4 failed_start
        replace 4 maximum_requests | template [serving 1 but script_reload + starting 3 until 80, next 20] [starting 4 until 81 obeys maximum_requests]
        died 4 of 0 | template [serving 1 but script_reload + starting 3 until 80, next 20] [empty, next 23, failures 1, held] | log died 4 Starting Unknown; next in 1; Down
        died 4 of 9 | template [serving 1 but script_reload + starting 3 until 80, next 20] [empty, next 23, failures 1, held] | log died 4 Starting Unknown; next in 1; Down
        lost 4 | template [serving 1 but script_reload + starting 3 until 80, next 20] [empty]
        leave | leaving template [empty, next 20] [empty] draining 4 until 42.5 draining 1 until 42.5 draining 3 until 42.5 | drain 4 new_generation; drain 1 new_generation; drain 3 new_generation
        end for good | ending template [empty, next 20] [empty] draining 4 until 42.5 draining 1 until 42.5 draining 3 until 42.5 | drain 4 new_generation; drain 1 new_generation; drain 3 new_generation; served by; Down
        stop | ending template [empty, next 20] [empty] draining 4 until 27.5 draining 1 until 27.5 draining 3 until 27.5 | drain 4 server_stop; drain 1 server_stop; drain 3 server_stop
        over | ending template [empty, next 20] [empty] draining 4 killed draining 1 killed draining 3 killed | kill 4; kill 1; kill 3
    ");
}

#[test]
fn executed_instead() {
    let fallen = after(loading(), &[(1.0, Event::Unforkable { pid: 1, why: "a thread".into() })]);
    check(&fallen, 2.0, "
        template fallen [empty] [empty] draining 1 until 2
        tick | template fallen [empty] [asked] draining 1 killed | kill 1; start 0
        died 1 of 0 | template fallen [empty] [empty]
        died 1 of 9 | template fallen [empty] [empty] | log died 1 Draining Unknown
        lost 1 | template fallen [empty] [empty]
        leave | leaving template fallen [empty] [empty] draining 1 until 2 | drain 1 new_generation
        end for good | ending template fallen [empty] [empty] draining 1 until 2 | drain 1 new_generation; served by; Down
        stop | ending template fallen [empty] [empty] draining 1 until 2 | drain 1 server_stop
        over | ending template fallen [empty] [empty] draining 1 killed | kill 1
    ");
}
