//! What children know of each other's starts: one tries, the others wait for what comes of it; many applications; and
//! that nothing is left in the parent.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use harness::poll::until;
use harness::*;

use crate::first_failure::TOLD;
use crate::starting::{assert_unavailable, at_once, heals, ids, noted, notes, pids, script};

/// A script that takes until `{dir}/go` is there, and fails then if `{dir}/broken` is.
fn slow(children: u32) -> Httpd {
    httpd()
        .children(children)
        .script(
            "app.wsgi",
            &script(
                "note('begin')\nwait_for('go')\nif exists('broken'): raise ValueError('boom')\nnote('end')",
            ),
        )
        .config("WSGIPreload Off\nWSGIScriptAlias /app {dir}/app.wsgi")
}

/// In prefork three children get a request each, and one of them loads.
#[test]
fn one_tries_and_the_others_wait() {
    let s = slow(3).start();
    std::thread::scope(|scope| {
        let answers: Vec<_> = (0..3).map(|_| scope.spawn(|| s.get("/app").status)).collect();
        noted(&s, "begin", 1);
        // Whoever waits has no other sign than that nobody begins.
        assert!(
            poll::within(Duration::from_millis(700), || (notes(&s, "begin").len() > 1).then_some(()))
                .is_none()
        );
        s.write_file("go", "");
        assert!(answers.into_iter().all(|answer| answer.join().unwrap() == 200));
    });
    assert!(mpm().is_threaded() || pids(&notes(&s, "end")).len() == 3);
}

/// All are told at once what came of it, under one id.
#[test]
fn a_verdict_is_for_all_who_wait() {
    let s = slow(3).file("broken", "").allow_log(TOLD).expect_traceback("ValueError: boom").start();
    std::thread::scope(|scope| {
        let answers: Vec<_> = (0..3).map(|_| scope.spawn(|| s.get("/app"))).collect();
        noted(&s, "begin", 1);
        s.write_file("go", "");
        // But for the id of the request, and when the next attempt is.
        let page = |text: String| text.split(", request ").next().unwrap_or_default().to_owned();
        let pages: BTreeSet<_> =
            answers.into_iter().map(|answer| page(answer.join().unwrap().text())).collect();
        assert_eq!(pages.len(), 1, "{pages:?}");
        assert!(pages.first().unwrap().contains(&ids(&s)[0]));
    });
    assert_eq!(notes(&s, "begin").len(), 1);
}

/// The child that tries is killed: another one goes on in its place, and nobody waits for ever.
#[test]
fn who_tries_is_killed() {
    let s = slow(3).start();
    std::thread::scope(|scope| {
        let ask = || s.raw(&s.request("GET", "/app").bytes()).try_response().map(|r| r.status);
        let answers: Vec<_> = (0..3).map(|_| scope.spawn(ask)).collect();
        let first = noted(&s, "begin", 1)[0].pid;
        s.send(first, libc::SIGKILL);
        if mpm().is_threaded() {
            // All three may have been there.
            s.wait_gone(&[first]);
        } else {
            assert_ne!(noted(&s, "begin", 2)[1].pid, first);
        }
        s.write_file("go", "");
        let answers: Vec<_> = answers.into_iter().filter_map(|answer| answer.join().unwrap()).collect();
        assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
        assert!(mpm().is_threaded() || answers.len() == 2, "{answers:?}");
    });
    assert_eq!(s.get("/app").status, 200);
}

/// Who waits for somebody else's start waits no longer than that may take.
#[test]
fn waiting_is_bounded() {
    let s = crate::starting::allow_report(slow(2))
        .config("WSGIStartupTimeout 1")
        .expect_log("WSGI1017: ")
        .allow_log("WSGI1014: |WSGI1015: ")
        .start();
    let begun = Instant::now();
    for r in at_once(&s, &["/app"; 2]) {
        assert_unavailable(&r);
    }
    assert_within(begun, 4.0, "both answers");
}

/// One script in two interpreters, and many scripts: each has a record of its own.
#[test]
fn many_applications() {
    let mut h = httpd().file("broken", "").config("WSGIPreload Off\nWSGIStartupRequests 0");
    for n in 0..60 {
        h = h
            .script(&format!("s{}.wsgi", n / 2), &script("if exists('broken'): raise ValueError('boom')"))
            .config(&format!("WSGIScriptAlias /s{n} {{dir}}/s{}.wsgi application-group=g{}", n / 2, n % 4));
    }
    let s = h.allow_log(TOLD).expect_traceback("ValueError: boom").start();
    for n in 0..60 {
        assert_unavailable(&s.get(&format!("/s{n}")));
    }
    let ids = ids(&s);
    assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (60, 60));
    fs::remove_file(s.dir().join("broken")).unwrap();
    for n in 0..60 {
        heals(&s, &format!("/s{n}"), Duration::from_secs(4));
    }
    s.stop();
}

/// Restarts leave no descriptor and no mapping behind.
#[test]
fn nothing_is_left_in_the_parent() {
    let s = httpd()
        .script("app.wsgi", &script("note('load')"))
        .config("WSGIScriptAlias / {dir}/app.wsgi")
        .start();
    let count = |what: &str| {
        let path = format!("/proc/{}/{what}", s.pid());
        if what == "fd" {
            fs::read_dir(path).unwrap().count()
        } else {
            fs::read_to_string(path).unwrap().lines().count()
        }
    };
    let mut before = (0, 0);
    for n in 1..=8 {
        noted(&s, "load", n);
        until("one child", || (s.children().len() == 1).then_some(()));
        if n == 3 {
            before = (count("fd"), count("maps"));
        }
        if n < 8 {
            s.graceful();
        }
    }
    let after = (count("fd"), count("maps"));
    assert!(
        after.0 <= before.0 && after.1 <= before.1 + 3,
        "(descriptors, mappings) {before:?}, then {after:?}"
    );
}
