//! Groups whose processes follow the load: `processes=1..3`. Bursts make them more, and quiet makes them fewer; what fails to start
//! is not tried more often because requests wait.

use std::time::Duration;

use harness::poll::until;
use harness::*;

use crate::daemon::*;
use crate::starting::{noted, notes};

/// Serves a request at a time, which takes a tenth of a second; fails to start while there is a file `broken`.
const BUSY: &str = "
    note('load', 'v0')
    if exists('broken'):
        raise RuntimeError('broken')
    def application(environ, start_response):
        if environ['PATH_INFO'] == '/wait':
            note('began')
            wait_for('go')
        elif environ['PATH_INFO'] == '/environ':
            import mod_wsgi
            return answer(environ, start_response, environ['wsgi.multiprocess'], mod_wsgi.maximum_processes)
        elif environ['PATH_INFO'] != '/fast':
            time.sleep(0.1)
        return answer(environ, start_response, 'v0', os.getpid())
    ";

fn busy(options: &str) -> Httpd {
    defined(options, &script(BUSY))
}

/// Waits until so many workers are there, and no more.
#[track_caller]
fn workers(s: &Server, count: usize) {
    until(&format!("{count} workers"), || (s.workers().len() == count).then_some(()));
}

#[test]
fn a_burst_makes_them_more_and_quiet_makes_them_fewer() {
    only_ours!("the original knows no range of processes");
    let s = serving(busy("processes=1..3 threads=1 scale-up=50 scale-down=0.5"), 1);
    assert_eq!(s.workers().len(), 1);
    assert_eq!(s.get("/app/environ?x").text(), "True 3 x");
    let load = load(&s);
    let line = s.wait_log("WSGI1100: .*'g' gets another process, number 2 of at most 3");
    let waited = regex("waited in its queue for ([0-9]+) ms").captures(&line).expect("how long")[1].parse();
    assert!(waited.is_ok_and(|ms: u32| ms >= 50), "{line}");
    s.wait_log("WSGI1100: .*number 3 of at most 3");
    noted(&s, "load", 3);
    load.goes_on(5);
    assert_eq!(s.workers().len(), 3);
    load.stop().assert_none_lost();
    workers(&s, 1);
    for left in [2, 1] {
        s.wait_log(&format!(
            "WSGI1101: process [0-9]+ of group 'g' is not needed any more; {left} stays? of at least 1"
        ));
    }
    assert_eq!(loaded(&s).len(), 3, "none was started in vain");
    assert_eq!(s.get("/app/fast?x").status, 200);
}

#[test]
fn without_requests_there_may_be_no_process() {
    only_ours!("the original knows no range of processes");
    let s = busy("processes=0..1 threads=2 scale-down=0.5").start();
    until("the supervisor", || (s.supervisors().len() == 1).then_some(()));
    for times in 1..=3 {
        workers(&s, 0);
        let r = s.get("/app/environ?x");
        assert_eq!((r.status, r.text()), (200, "False 1 x".into()));
        assert_eq!(loaded(&s).len(), times);
        s.wait_log("WSGI1100: .*number 1 of at most 1: a request waits, and no process is there");
        workers(&s, 0);
    }
    s.wait_log("WSGI1101: .*; 0 stay of at least 0: no request was seen");
}

/// How often a process has slept so far.
fn sleeps(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.expect("a line").trim().parse().expect("a number")
}

/// With its fewest processes the group is not looked at, and under a steady load that needs no more it is looked at seldom.
#[test]
fn a_group_that_is_as_it_should_be_is_left_alone() {
    only_ours!("the original knows no range of processes");
    let s = serving(busy("processes=1..3 threads=16 scale-up=1000"), 1);
    let supervisor = s.supervisors()[0];
    let quiet = poll::within(Duration::from_secs(10), || {
        let before = sleeps(supervisor);
        poll::pause(Duration::from_secs(1));
        (sleeps(supervisor) == before).then_some(())
    });
    assert!(quiet.is_some(), "the supervisor wakes each second");
    let before = sleeps(supervisor);
    let load = load(&s);
    load.goes_on(30);
    let (ended, summary) = (load.now(), load.stop());
    let woken = sleeps(supervisor) - before;
    assert!(woken as f64 <= 20.0 + 4.0 * ended.as_secs_f64(), "woken {woken} times in {ended:?}");
    assert_eq!(s.workers().len(), 1);
    summary.assert_none_lost();
}

/// A process that has something to do stays.
#[test]
fn a_request_that_lasts() {
    only_ours!("the original knows no range of processes");
    let s = serving(busy("processes=0..2 threads=1 scale-down=0.3"), 0);
    let mut request = s.raw(&s.request("GET", "/app/wait?x").bytes());
    let server = noted(&s, "began", 1)[0].pid;
    // The other one is started for those that wait, and goes.
    let load = load(&s);
    workers(&s, 2);
    load.stop().assert_none_lost();
    workers(&s, 1);
    assert!(daemon::is_alive(server));
    s.write_file("go", "");
    assert_eq!(request.response().text(), format!("v0 {server} x"));
    workers(&s, 0);
}

#[test]
fn what_fails_to_start_is_not_started_more_often() {
    only_ours!("the original knows no range of processes");
    let h = busy("processes=1..8 threads=1 scale-up=20 scale-down=60")
        .expect_log("WSGI0110: .*raised RuntimeError while it was loaded")
        .expect_log("WSGI1031: new process .*keep serving the old code")
        .expect_traceback("RuntimeError: broken");
    let s = serving(h, 1);
    s.write_file("broken", "");
    let load = load(&s);
    // At once, then after 1 s and after 2 s.
    noted(&s, "load", 3);
    let begun = notes(&s, "load");
    let apart = begun[2].at - begun[1].at;
    assert!(apart >= 1.0, "{apart} s between two starts");
    assert_eq!(s.workers().iter().filter(|pid| **pid == begun[0].pid).count(), 1);
    std::fs::remove_file(s.dir().join("broken")).expect("the file");
    // Now it grows as far as it may while requests wait.
    workers(&s, 8);
    load.goes_on(2);
    load.stop().assert_none_lost();
}

/// There are as many afterwards as before, and no request is lost.
#[test]
fn a_graceful_restart_in_a_burst() {
    only_ours!("the original knows no range of processes");
    let s = serving(busy("processes=1..3 threads=1 scale-up=50 scale-down=60"), 1);
    let load = load(&s);
    workers(&s, 3);
    noted(&s, "load", 3);
    let old = loaded(&s);
    load.goes_on(2);
    let growths = || s.error_log().iter().filter(|line| line.contains("WSGI1100")).count();
    let before = growths();
    s.graceful();
    gone(&old);
    others_serve(&load, &old);
    workers(&s, 3);
    load.goes_on(2);
    assert_eq!(growths(), before, "it has begun with the fewest");
    load.stop().assert_none_lost();
}

/// A graceful restart of a group that has no process leaves nothing of the earlier supervisor.
#[test]
fn a_graceful_restart_without_a_process() {
    only_ours!("the original knows no range of processes");
    let s = busy("processes=0..2 scale-down=0.3").start();
    assert_eq!(s.get("/app?x").status, 200);
    workers(&s, 0);
    let old = s.supervisors();
    s.graceful();
    until("another supervisor alone", || {
        let now = s.supervisors();
        (now.len() == 1 && now != old).then_some(())
    });
    assert_eq!(s.get("/app?x").status, 200);
    workers(&s, 0);
}

#[test]
fn ranges_that_cannot_be() {
    only_ours!("the original knows no range of processes");
    for (options, complaint) in [
        ("processes=8..1", "begins with more than it ends with: write 1..8"),
        ("processes=1..8 threads=0", "threads=0 does not go with a range of processes"),
        ("processes=2 scale-up=50", "scale-up= needs a range of processes"),
        ("processes=1..2 scale-down=0", "must be a number of seconds from 0.1"),
    ] {
        busy(options).expect_config_error(complaint);
    }
}

/// As many as the processors that Apache may use.
#[test]
fn auto() {
    only_ours!("the original knows no processes=auto");
    let s = serving(busy("processes=auto").under(&["taskset", "-c", "0"]), 1);
    assert_eq!(s.get("/app/environ?x").text(), "False 1 x");
    assert_eq!(settled(&s, 1).len(), 1);
    drop(s);
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let s = serving(busy("processes=auto"), all);
    assert_eq!(settled(&s, all).len(), all);
    assert!(poll::within(Duration::from_millis(200), || (s.workers().len() > all).then_some(())).is_none());
}

/// A control group of version 1 with one processor, removed when nothing is in it any more.
pub struct Quota(std::path::PathBuf);

impl Quota {
    /// `None`: none can be made here, or one processor is all there is.
    pub fn of_one() -> Option<Self> {
        /// Tests have one each, in whatever process.
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("mod_wsgi-tests-{}-{number}", std::process::id());
        let quota = Self(std::path::Path::new("/sys/fs/cgroup/cpu").join(name));
        let several = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
        let made = several
            && std::fs::create_dir(&quota.0).is_ok()
            && std::fs::write(quota.0.join("cpu.cfs_quota_us"), "100000").is_ok();
        made.then_some(quota)
    }

    /// Words before a command line, which runs it there.
    pub fn enter(&self) -> [String; 3] {
        let script = format!("echo $$ > {}/cgroup.procs && exec \"$0\" \"$@\"", self.0.display());
        ["sh".to_owned(), "-c".to_owned(), script]
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// A quota counts like processors.
#[test]
fn auto_within_a_quota() {
    only_ours!("the original knows no processes=auto");
    let quota = Quota::of_one();
    skip_if!(quota.is_none(), "there is one processor, or no control group can be made here");
    let enter = quota.iter().flat_map(Quota::enter).collect::<Vec<_>>();
    let enter: Vec<&str> = enter.iter().map(String::as_str).collect();
    let s = serving(busy("processes=auto").under(&enter), 1);
    assert_eq!(s.get("/app/environ?x").text(), "False 1 x");
    assert_eq!(settled(&s, 1).len(), 1);
}
