//! One application hangs while children start: the others and static files are served, and a stop is noticed.

use std::collections::BTreeSet;
use std::time::Instant;

use harness::poll::until;
use harness::*;

use crate::ending::terminate_within;
use crate::preload::scripts;
use crate::starting::{allow_report, assert_unavailable, at_once, noted, notes, now, pids, script};

fn hanging(h: Httpd) -> Httpd {
    allow_report(h)
        .script("hang.wsgi", &script("note('hang')\ntime.sleep(1000)"))
        .config(
            "
            WSGIScriptAlias /first {dir}/first.wsgi
            WSGIScriptAlias /hang {dir}/hang.wsgi
            WSGIScriptAlias /third {dir}/third.wsgi",
        )
        .allow_log("WSGI1014: .*hang.wsgi' is still being loaded|WSGI0110: .*hang.wsgi|WSGI1015: .*hang.wsgi")
}

/// The others and static files are served within the time limit and a second, in every child.
#[test]
fn of_three_the_second_hangs() {
    let clock = Instant::now();
    let s = hanging(scripts("first third").children(3))
        .config("WSGIStartupTimeout 2")
        .expect_log("WSGI1017: .*hang.wsgi")
        .start();
    let begun = noted(&s, "hang", 1)[0].at;
    let all = until("both other applications in every child", || {
        let of = |name| {
            let all = notes(&s, "load");
            all.into_iter().filter(|n| n.text.starts_with(name)).collect::<Vec<_>>()
        };
        Some([of("first"), of("third")].concat()).filter(|all| all.len() == 6 && pids(all).len() == 3)
    });
    let last = all.iter().map(|n| n.at).fold(0.0, f64::max) - begun;
    let lost = || machine::lost_since(clock).as_secs_f64();
    assert!(last < 3.0 + lost(), "the last was loaded after {last} s");
    for target in ["/third", "/static.txt", "/first"] {
        let answers = at_once(&s, &[target; 3]);
        let pids: BTreeSet<_> = answers.iter().filter_map(|r| r.header("X-Pid")).collect();
        assert!(answers.iter().all(|r| r.status == 200), "{target}");
        assert!(mpm().is_threaded() || target == "/static.txt" || pids.len() == 3, "{pids:?}");
    }
    assert!(now() - begun < 3.5 + lost(), "everything was served {} s later", now() - begun);
    for r in at_once(&s, &["/hang"; 3]) {
        assert_unavailable(&r);
    }
    assert_eq!(notes(&s, "load").len(), 6);
    let begun = Instant::now();
    s.stop();
    assert_within(begun, 3.0, "the stop");
}

/// One child tries what hangs, the others wait for what comes of it, or for the lock: each must notice the stop.
#[test]
fn stop_while_children_start() {
    for lock in ["On slots=1", "On slots=4", "Off"] {
        let s =
            hanging(scripts("first third").children(3)).config(&format!("WSGIStartupLock {lock}")).start();
        noted(&s, "hang", 1);
        terminate_within(&s, 1.0, lock);
    }
}

/// A stop soon after a graceful restart, while the new children load.
#[test]
fn stop_while_a_restart_loads() {
    let s = scripts("a").script("slow.wsgi", &script("note('slow'); time.sleep(exists('slow') * 30)"));
    let s = s
        .config("WSGIScriptAlias /a {dir}/a.wsgi\nWSGIScriptAlias /slow {dir}/slow.wsgi")
        .allow_log("WSGI1014: .*slow.wsgi' is still being loaded")
        .start();
    noted(&s, "slow", 1);
    s.write_file("slow", "");
    s.graceful();
    noted(&s, "slow", 2);
    until("the old child to go", || (s.children().len() == 1).then_some(()));
    terminate_within(&s, 1.0, "the stop");
}

/// A script that forks while it loads: a copy that ends by sys.exit() or at the end of the script ends, and the child goes on.
#[test]
fn a_forked_copy_of_a_child_that_loads() {
    for end in ["sys.exit(3)", "raise ValueError('in the copy')", "pass"] {
        let body = format!(
            "pid = os.fork()\n\
             if pid == 0:\n    {end}\n\
             else:\n    note('copy', os.waitpid(pid, 0)[1])"
        );
        let s = httpd()
            .script("app.wsgi", &script(&body))
            .config("WSGIScriptAlias / {dir}/app.wsgi application-group=%{GLOBAL}")
            .allow_log("DeprecationWarning|os.fork|pid = |WSGI010[78]: |WSGI01(09|10): |in the copy")
            .allow_traceback()
            .start();
        noted(&s, "copy", 1);
        assert_eq!(s.get("/").status, 200, "{end}");
        until("the copy to be gone", || (s.processes().len() == 2).then_some(()));
        s.stop();
    }
}
