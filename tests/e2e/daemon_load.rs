//! What visitors notice of everything that replaces processes: eight of them ask all the time, the application takes a
//! second to start, and no request may be lost or be late.

use std::time::Duration;

use harness::poll::until;
use harness::*;

use crate::daemon::*;
use crate::starting::{noted, notes};

fn seconds(s: f64) -> Duration {
    Duration::from_secs_f64(s)
}

/// The verdict over a run, whose figures are printed: nothing lost and, where no other test runs, (the answer) no request
/// slower than this beyond what httpd itself needed for a file at that time. `tests/run` has a cell for that, `timing`.
#[track_caller]
fn judge(load: Watched, slowest: f64) {
    let (summary, files) = load.figures();
    println!("{summary}");
    summary.assert_none_lost();
    assert_quick(&summary, seconds(slowest) + files);
}

#[track_caller]
fn assert_quick(summary: &Summary, limit: Duration) {
    assert!(!alone() || summary.slowest() <= limit, "slower than {limit:?}: {summary}");
}

#[test]
fn a_script_that_changes() {
    let s = serving(group("", &version("v0")), 2);
    let load = load(&s);
    for n in 1..=5 {
        let new = format!("v{n}");
        s.replace_file("app.wsgi", &version(&new));
        load.mark(&format!("{new} deployed"));
        load.settled(&format!("{new} serves"), |a| a.body.starts_with(&format!("{new} ")));
    }
    judge(load, 0.4);
    settled(&s, 2);
}

/// The old code serves on while the new one does not start.
#[test]
fn a_script_that_is_broken_and_mended() {
    let s = serving(
        group("", &version("v0"))
            .expect_traceback("ValueError: a broken deployment")
            .expect_log("WSGI0110: .*app.wsgi' raised ValueError")
            .allow_log("WSGI1015: .*app.wsgi|WSGI1031: "),
        2,
    );
    let load = load(&s);
    s.replace_file("app.wsgi", &script("note('broken')\nraise ValueError('a broken deployment')"));
    load.mark("a broken script deployed");
    noted(&s, "broken", 1);
    s.wait_log("ValueError: a broken deployment");
    load.goes_on(20);
    assert!(load.latest().iter().all(|a| a.body.starts_with("v0 ")), "{:?}", load.latest());
    s.replace_file("app.wsgi", &version("v1"));
    load.mark("a good script deployed");
    load.settled("the good one serves", |a| a.body.starts_with("v1 "));
    judge(load, 0.4);
}

/// No slower than Apache itself is meanwhile.
#[test]
fn graceful_restarts() {
    let s = serving(group("", &version("v0")), 2);
    let load = load(&s);
    for n in 1..=3 {
        let before = loaded(&s);
        load.mark("graceful");
        s.graceful();
        noted(&s, "load", 2 + 2 * n);
        others_serve(&load, &before);
        until("the old generation to go", || {
            (!before.iter().any(|pid| daemon::is_alive(*pid))).then_some(())
        });
    }
    judge(load, 0.2);
    settled(&s, 2);
}

#[test]
fn maximum_requests() {
    let s = serving(group("maximum-requests=200", &version("v0")), 2);
    let load = load(&s);
    newest(&s, 8);
    others_serve(&load, &loaded(&s)[..2]);
    judge(load, 0.3);
    told(&s, notes(&s, "load")[0].pid, "maximum.requests");
    settled(&s, 2);
}

/// What is lost are requests that the process was at.
#[test]
fn workers_that_are_killed() {
    let h = group("", &version("v0"))
        .expect_log(r"WSGI1029: process [0-9]+ of group 'g' .*signal 9 \(SIGKILL\)")
        .allow_log("WSGI0146: a process of group 'g' ");
    let s = serving(h, 2);
    let load = load(&s);
    let mut kills = Vec::new();
    for n in 1..=5 {
        let victim = pid(&load.latest()[0]);
        let from = load.mark(&format!("kill -9 {victim}"));
        s.send(victim, libc::SIGKILL);
        gone(&[victim]);
        kills.push((from, load.now()));
        newest(&s, 2 + n);
        others_serve(&load, &[victim]);
    }
    let summary = load.stop();
    println!("{summary}");
    for lost in summary.lost() {
        assert!(lost.status == 502 || lost.broken, "{lost:?}\n{summary}");
        assert!(kills.iter().any(|kill| spans(lost, *kill)), "not in flight: {lost:?}\n{summary}");
    }
    for kill in kills {
        let lost = summary.lost().iter().filter(|a| spans(a, kill)).count();
        assert!(lost <= CLIENTS, "{lost} lost: {summary}");
    }
    assert_quick(&summary, seconds(1.0));
    settled(&s, 2);
}

/// Its workers serve on until those of its successor do.
#[test]
fn a_supervisor_that_is_killed() {
    only_ours!("the original has no supervisor");
    let s = serving(group("", &version("v0")).expect_log(r"WSGI1033: the supervisor \(pid [0-9]+\)"), 2);
    let load = load(&s);
    let (old, workers) = (s.supervisors(), settled(&s, 2));
    assert_eq!(old.len(), 1, "supervisors");
    load.mark("kill -9 of the supervisor");
    s.send(old[0], libc::SIGKILL);
    another_supervisor(&s, old[0]);
    load.mark("another supervisor");
    others_serve(&load, &workers);
    gone(&workers);
    judge(load, 0.3);
    settled(&s, 2);
}
