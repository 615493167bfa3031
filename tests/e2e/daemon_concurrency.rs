//! How many requests a process lets into Python at the same time (concurrency=), and who never waits for that.

use harness::poll::until;
use harness::*;

use crate::daemon::*;
use crate::daemon_scoreboard::Scoreboard;
use crate::starting::noted;

/// Sleeps or computes until it is let go, or answers at once how many have been inside at most.
pub const APPLICATION: &str = "
    LOCK = threading.Lock()
    INSIDE = [0, 0]
    note('load', 'v0')

    def inside(more):
        with LOCK:
            INSIDE[0] += more
            INSIDE[1] = max(INSIDE)

    def application(environ, start_response):
        path = environ['PATH_INFO']
        inside(1)
        try:
            if path in ('/sleeps', '/again', '/computes'):
                note('began', path)
            if path in ('/sleeps', '/again'):
                wait_for('go' if path == '/sleeps' else 'again')
            while path == '/computes' and not exists('go'):
                sum(range(10000))
        finally:
            inside(-1)
        return answer(environ, start_response, INSIDE[1])
    ";

/// A server of one process; as many clients may come as it has threads, and two more.
fn server(options: &str) -> Httpd {
    let h = defined(&format!("processes=1 {options}"), &script(APPLICATION));
    if mpm().is_threaded() { h } else { h.children(20) }
}

/// It has had its first requests, which come one at a time.
fn started(h: Httpd) -> Server {
    let s = serving(h, 1);
    (0..5).for_each(|_| assert_eq!(s.get("/app?x").status, 200));
    s
}

pub fn ask<'s>(s: &'s Server, path: &str) -> Connection<'s> {
    s.raw(&s.request("GET", &format!("/app{path}?x")).header("Connection", "close").bytes())
}

/// They are let go; all are answered.
#[track_caller]
pub fn let_go(s: &Server, requests: Vec<Connection<'_>>) {
    let_go_by(s, "go", requests);
}

#[track_caller]
fn let_go_by(s: &Server, file: &str, mut requests: Vec<Connection<'_>>) {
    s.write_file(file, "");
    requests.iter_mut().for_each(|request| assert_eq!(request.response().status, 200));
}

pub fn most_inside(s: &Server) -> u32 {
    let r = s.get("/app/most?x");
    r.text().split(' ').next().and_then(|word| word.parse().ok()).expect("a number")
}

#[test]
fn all_that_sleep_are_inside() {
    let s = started(server("threads=15 concurrency=auto"));
    let requests = (0..15).map(|_| ask(&s, "/sleeps")).collect();
    noted(&s, "began", 15);
    let_go(&s, requests);
}

/// The sleepers have all places that queue-timeout knows of.
#[test]
fn all_that_sleep_are_inside_where_the_queue_has_a_limit() {
    only_ours!("the original counts otherwise");
    let s = started(server("threads=3 queue-timeout=3 concurrency=auto").expect_log("WSGI0084: "));
    let requests = (0..3).map(|_| ask(&s, "/sleeps")).collect();
    noted(&s, "began", 3);
    assert_eq!(s.get("/app?x").status, 504);
    let_go(&s, requests);
}

#[test]
fn short_requests_do_not_wait_for_one_that_computes() {
    short_ones_go_by_a_long_one(&started(server("threads=4 concurrency=auto")));
}

/// One request computes, and others are answered meanwhile.
#[track_caller]
pub fn short_ones_go_by_a_long_one(s: &Server) {
    let long = ask(s, "/computes");
    noted(s, "began", 1);
    for _ in 0..20 {
        assert_eq!(s.get("/app?x").status, 200);
    }
    let_go(s, vec![long]);
}

#[test]
fn two_are_two() {
    only_ours!("the original knows no concurrency=");
    let s = started(server("threads=8 concurrency=2"));
    let board = Scoreboard::of(s.pid());
    let slot = board.slot(loaded(&s)[0]);
    assert_eq!(board.places(slot), 2);
    let requests = (0..6).map(|_| ask(&s, "/sleeps")).collect();
    noted(&s, "began", 2);
    until("all are there", || (board.claimed(slot) + board.queued() == 6).then_some(()));
    let_go(&s, requests);
    assert_eq!(most_inside(&s), 2);
}

#[test]
fn off_is_all() {
    only_ours!("the original knows no concurrency=");
    let s = started(server("threads=8 concurrency=off"));
    let board = Scoreboard::of(s.pid());
    let slot = board.slot(loaded(&s)[0]);
    assert_eq!(board.places(slot), 8);
    let requests = (0..8).map(|_| ask(&s, "/computes")).collect();
    noted(&s, "began", 8);
    let_go(&s, requests);
    assert_eq!((most_inside(&s), board.places(slot)), (8, 8));
}

/// One place where nothing sleeps, and as many more as sleep.
#[test]
fn auto_begins_with_one() {
    only_ours!("the original knows no concurrency=");
    let s = started(server("threads=8"));
    let board = Scoreboard::of(s.pid());
    let slot = board.slot(loaded(&s)[0]);
    until("one place", || (board.places(slot) == 1).then_some(()));
    let requests = (0..8).map(|_| ask(&s, "/sleeps")).collect();
    noted(&s, "began", 8);
    let_go(&s, requests);
}

/// Those that wait at a process for a place are served by it before it ends.
#[test]
fn a_process_that_is_replaced_serves_who_waits() {
    only_ours!("the original knows no concurrency=");
    let s = started(server("threads=8 concurrency=1"));
    let old = loaded(&s);
    let board = Scoreboard::of(s.pid());
    let slot = board.slot(old[0]);
    let there = || board.claimed(slot) + board.queued();
    let requests = (0..4).map(|_| ask(&s, "/again")).collect();
    until("all are there", || (there() == 4).then_some(()));
    let_go_by(&s, "again", requests);
    until("none is there", || (there() == 0).then_some(()));
    // Now there are connections on which they wait at the process.
    let requests: Vec<_> = (0..4).map(|_| ask(&s, "/sleeps")).collect();
    noted(&s, "began", 5);
    until("all are there", || (there() == 4).then_some(()));
    s.send(old[0], libc::SIGUSR1);
    noted(&s, "load", 2);
    until("it takes nothing more", || (board.phase(slot) == 3).then_some(()));
    let_go(&s, requests);
    gone(&old);
}
