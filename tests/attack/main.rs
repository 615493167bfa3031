//! Attacks by everyone who can reach the module: clients, and applications in both modes. Each goes on for ATTACK_SECONDS with
//! numbers made from ATTACK_SEED, while visitors ask for a file and for the application of another user: each of them is
//! answered, in time, and no process of Apache's ends.

#[path = "../e2e/random/chance.rs"]
mod chance;
mod http;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

use chance::Chance;
use harness::*;

/// Longest that a visitor may wait; the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(5);

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).ok().map_or(default, |text| text.parse().expect(variable))
}

/// How long an attack goes on.
fn seconds() -> u64 {
    number("ATTACK_SECONDS", 5)
}

/// What its numbers are made from.
fn seed() -> u64 {
    number("ATTACK_SEED", 1)
}

/// A file, an application of the user `daemon` in the group `victim`, and the hostile one as the user `games` in the group
/// `hostile` and in Apache's children.
fn site() -> Httpd {
    // In prefork each connection has a child of its own.
    httpd()
        .children(if mpm().is_threaded() { 1 } else { 10 })
        .no_group()
        .file("htdocs/static.txt", "static")
        .file("hostile.wsgi", include_str!("hostile.wsgi"))
        .script(
            "victim.wsgi",
            "
            def application(environ, start_response):
                try: length = len(environ['wsgi.input'].read())
                except OSError: length = 0
                start_response('200 OK', [('Content-Type', 'text/plain')])
                return [b'victim']",
        )
        .config(
            "
            WSGIChunkedRequest On
            WSGISocketPrefix {dir}/run/wsgi
            WSGIDaemonProcess hostile processes=1 threads=3 user=games
            WSGIDaemonProcess victim processes=1 threads=3 user=daemon
            WSGIScriptAlias /hostile {dir}/hostile.wsgi process-group=hostile application-group=%{GLOBAL}
            WSGIScriptAlias /victim {dir}/victim.wsgi process-group=victim application-group=%{GLOBAL}
            WSGIScriptAlias /inside {dir}/hostile.wsgi
            WSGIScriptAlias /embedded {dir}/victim.wsgi",
        )
}

/// Visitors ask while `attack` goes on.
fn visited(s: &Server, attack: impl FnOnce()) {
    let (done, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let lasting = || {
        let supervisors = s.supervisors();
        (s.pid(), supervisors, s.children())
    };
    for target in ["/victim", "/embedded", "/static.txt"] {
        assert_eq!(s.get(target).status, 200);
    }
    let before = lasting();
    let visit = || {
        while !done.load(Ordering::SeqCst) {
            for (target, answer) in
                [("/static.txt", "static"), ("/victim", "victim"), ("/embedded", "victim")]
            {
                let begun = Instant::now();
                let r = s.get(target);
                assert!(r.status == 200 && r.text() == answer, "{target}: {} {}", r.status, r.text());
                assert_within(begun, PATIENCE.as_secs_f64(), target);
                asked.fetch_add(1, Ordering::SeqCst);
            }
            poll::pause(Duration::from_millis(20));
        }
    };
    thread::scope(|scope| {
        let visitor = scope.spawn(visit);
        let attacked = catch_unwind(AssertUnwindSafe(attack));
        done.store(true, Ordering::SeqCst);
        if let Err(panic) = visitor.join().and(attacked) {
            resume_unwind(panic);
        }
    });
    assert!(asked.load(Ordering::SeqCst) > 10, "visitors hardly got through");
    assert_eq!(lasting(), before, "parent, supervisor and children");
}

/// Has the hostile application at `target` do this; what it says.
fn done(s: &Server, target: &str, kind: &str, more: &str) -> String {
    let query = format!("{target}?{kind}&{}&{}{more}", seed(), seconds());
    s.get(&query).text()
}

fn number_of(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn hostile_requests() {
    let s = site()
        .allow_log(
            "AH00036: |AH00126: |AH00127: |AH00128: |AH00135: |AH02427: |AH10244: |WSGI0135: |WSGI0138: |aaaaaaaaaa",
        )
        .start();
    visited(&s, || http::fuzz(s.port(), seed(), Duration::from_secs(seconds())));
}

/// More of them than the group has threads: they send a part of a body, wait to be asked for one, or read nothing.
#[test]
fn slow_clients() {
    let s = site().start();
    visited(&s, || {
        let head = |more: &str| format!("POST /victim HTTP/1.1\r\nHost: x\r\n{more}\r\n");
        let begun = Instant::now();
        let mut clients = Vec::new();
        while begun.elapsed() < Duration::from_secs(seconds()) {
            clients.clear();
            for _ in 0..2 {
                clients.push(s.raw(head("Content-Length: 1000000\r\nExpect: 100-continue\r\n").as_bytes()));
                clients
                    .push(s.raw(head("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n").as_bytes()));
                clients.push(s.raw((head("Content-Length: 1000000\r\n") + &"x".repeat(500_000)).as_bytes()));
                clients.push(s.raw((head("Transfer-Encoding: chunked\r\n") + "fff\r\nxxx").as_bytes()));
            }
            poll::pause(Duration::from_secs(1));
        }
    });
}

#[test]
fn hostile_frames() {
    let s = site().allow_log("WSGI1038: ").allow_log("WSGI0105: |WSGI0110: |WSGI0114: ").start();
    visited(&s, || assert!(number_of(&done(&s, "/inside", "frames", "")) > 50));
}

#[test]
fn hostile_control_messages() {
    skip_if!(!is_root(), "needs root");
    // Its own process is replaced, since it asks for that.
    let s = site().allow_log("group 'hostile'|hostile words |/hostile\\.wsgi").start();
    visited(&s, || {
        done(&s, "/hostile", "control", "");
    });
}

/// The group that does it harms itself alone.
#[test]
fn hostile_claims() {
    skip_if!(!is_root(), "needs root");
    let s = site().allow_log("(group|groups) 'hostile'|/hostile").start();
    visited(&s, || {
        done(&s, "/hostile", "claims", "");
    });
}

#[test]
fn signals_to_everybody() {
    skip_if!(!is_root(), "needs root");
    let s = site().start();
    visited(&s, || {
        let uid = |pid: u32| {
            std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(format!("/proc/{pid}")).unwrap())
        };
        let hostile = s.workers().into_iter().map(uid).max().unwrap();
        let others: Vec<u32> =
            s.processes().iter().map(|p| p.pid).filter(|pid| uid(*pid) != hostile).collect();
        assert!(others.len() >= 3, "{others:?}");
        let list: String = others.iter().map(|pid| format!("&{pid}")).collect();
        assert_eq!(done(&s, "/hostile", "signals", &list), "0", "let through");
    });
}

/// That the numbers are the same for a seed.
#[test]
fn chance_repeats_itself() {
    let numbers = |seed| {
        let mut chance = Chance::of(seed);
        (0..4)
            .map(|_| (chance.below(1 << 30), chance.percent(50), *chance.one_of(&[1, 2, 3])))
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers(7), numbers(7));
    assert_ne!(numbers(7), numbers(8));
}
