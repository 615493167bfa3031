//! Processes that are forked (`spawn=fork`) in groups that follow the load, and with limits: who is forked, and what that leaves in the
//! supervisor.

use std::fs;

use harness::poll::until;
use harness::*;

use crate::daemon::*;
use crate::starting::{noted, notes};

/// Takes a moment to load; serves a request at a time, which takes another one.
const BUSY: &str = "
    import module, ssl
    time.sleep(0.5)
    ssl.RAND_bytes(8)
    note('load', 'v0')
    KEPT = []
    def application(environ, start_response):
        if environ['PATH_INFO'] == '/grow':
            KEPT.append(b'x' * (200 << 20))
        elif environ['PATH_INFO'] != '/fast':
            time.sleep(0.05)
        return answer(environ, start_response, module.VERSION, os.getpid(), ssl.RAND_bytes(8).hex())
    ";

fn busy(options: &str) -> Httpd {
    defined(&format!("spawn=fork python-path={{dir}}/lib {options}"), &script(BUSY))
        .file("lib/module.py", "VERSION = 'v0'\n")
}

/// The processes that were forked so far.
fn forked(s: &Server) -> Vec<u32> {
    let lines = s.logged("WSGI1027: process [0-9]+ of group 'g' is started");
    lines.iter().filter_map(|line| line.split("process ").nth(1)?.split(' ').next()?.parse().ok()).collect()
}

/// Waits until so many of those that were forked are left.
#[track_caller]
fn left(s: &Server, count: usize) -> Vec<u32> {
    until(&format!("{count} processes"), || {
        let mut left = forked(s);
        left.retain(|pid| daemon::is_alive(*pid));
        (left.len() == count).then_some(left)
    })
}

/// The first request waits for the template, and all later ones for a fork.
#[test]
fn without_requests_there_may_be_no_process() {
    let s = busy("processes=0..2 threads=1 scale-down=0.3").start();
    for times in 1..=3 {
        assert_eq!(s.get("/app/fast?x").status, 200);
        left(&s, 0);
        assert_eq!((forked(&s).len(), notes(&s, "load").len()), (times, 1));
    }
}

/// With no process that would notice it, a change makes another template.
#[test]
fn a_module_that_changes_while_there_is_no_process() {
    let s = busy("processes=0..1 threads=1 scale-down=0.3 reload=imports").start();
    assert!(s.get("/app/fast?x").text().starts_with("v0"));
    left(&s, 0);
    s.replace_file("lib/module.py", "VERSION = 'v1'\n");
    noted(&s, "load", 2);
    until("another template", || s.logged("template [0-9]+ of group 'g' is ready").get(1).cloned());
    assert!(s.get("/app/fast?x").text().starts_with("v1"));
    left(&s, 0);
}

#[test]
fn a_burst() {
    let s = busy("processes=1..4 threads=1 scale-up=20 scale-down=1")
        .expect_log(
            "WSGI1029: process [0-9]+ of group 'g' died unexpectedly: signal 9.*; it was the template",
        )
        .start();
    assert_eq!(s.get("/app?x").status, 200);
    let load = load(&s);
    s.send(s.templates()[0], libc::SIGKILL);
    left(&s, 4);
    let randoms: std::collections::BTreeSet<String> = (0..40)
        .map(|_| s.get("/app/fast?x").text().split(' ').nth(2).unwrap_or_default().to_owned())
        .collect();
    assert_eq!(randoms.len(), 40, "OpenSSL's random numbers are a process's own");
    assert_eq!(notes(&s, "load").len(), 2);
    let old = [forked(&s), s.templates()].concat();
    s.graceful();
    gone(&old);
    others_serve(&load, &old);
    left(&s, 4);
    load.stop().assert_none_lost();
    left(&s, 1);
    assert_eq!(notes(&s, "load").len(), 3);
}

#[test]
fn limits() {
    let s = busy("processes=1..2 threads=4 rss-limit=150M").start();
    let load = load(&s);
    let old = pid_of(&s.get("/app/grow?x").text()).expect("a pid");
    gone(&[old]);
    load.goes_on(2);
    load.stop().assert_none_lost();
    told(&s, old, "rss_limit");
    assert_eq!(notes(&s, "load").len(), 1);
}

/// Open descriptors, and KiB of memory that is no file's.
fn has(pid: u32) -> (usize, u64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line");
    let resident = line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number");
    (fs::read_dir(format!("/proc/{pid}/fd")).expect("descriptors").count(), resident)
}

/// 200 processes that come and go leave nothing in the supervisor, and nothing in the template.
#[test]
fn replacements_leave_nothing() {
    let s = busy("processes=1..2 threads=2 maximum-requests=1").start();
    let (supervisor, template) = (s.supervisors()[0], {
        assert_eq!(s.get("/app/fast?x").status, 200);
        s.templates()[0]
    });
    let after = |count: usize| {
        while forked(&s).len() < count {
            assert_eq!(s.get("/app/fast?x").status, 200);
        }
        until("one process", || (left(&s, 1).len() == 1).then_some(()));
        let found = [supervisor, template].map(has);
        println!("after {count} processes: {found:?}");
        found
    };
    let (first, last) = (after(30), after(230));
    for (first, last) in first.into_iter().zip(last) {
        assert!(last.0 < first.0 + 20 && last.1 < first.1 + 512, "{first:?} {last:?}");
    }
    assert_eq!(notes(&s, "load").len(), 1);
}

/// A report that was asked of the template is not one of the processes that are forked of it.
#[test]
fn a_signal_of_the_template_is_its_own() {
    let s = busy("processes=1 threads=1").start();
    let old = pid_of(&s.get("/app/fast?x").text()).expect("a pid");
    s.send(s.templates()[0], libc::SIGUSR2);
    s.send(old, libc::SIGTERM);
    gone(&[old]);
    let new = left(&s, 1)[0];
    s.send(new, libc::SIGUSR1);
    gone(&[new]);
    assert!(s.get("/app?x").text().starts_with("v0"));
    assert_eq!(s.logged("requested by SIGUSR2").len(), 0);
}
