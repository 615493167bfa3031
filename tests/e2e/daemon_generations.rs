//! What replaces a worker while visitors ask: signals, and what may be asked for in WSGIDaemonProcess. Each time the
//! successor serves first, no request is lost, the predecessor goes and the log says why.

use std::time::Duration;

use harness::*;

use crate::daemon::*;
use crate::starting::{noted, notes};

/// Replaces one worker by a signal.
fn replaced_by(signal: i32, why: &str) {
    let s = serving(group("", &version("v0")), 2);
    let load = load(&s);
    let old = pid(&load.latest()[0]);
    load.mark(&format!("signal {signal} to {old}"));
    s.send(old, signal);
    let successor = newest(&s, 3).pid;
    gone(&[old]);
    load.mark("the old one is gone");
    others_serve(&load, &[old]);
    load.goes_on(10);
    let summary = load.stop();
    println!("{summary}");
    summary.assert_none_lost();
    told(&s, old, why);
    assert!(settled(&s, 2).contains(&successor));
    assert_eq!(loaded(&s).len(), 3, "the other worker stays");
}

#[test]
fn sigusr1() {
    replaced_by(libc::SIGUSR1, "graceful_signal|SIGUSR1");
}

#[test]
fn sighup() {
    replaced_by(libc::SIGHUP, "hangup_signal|SIGHUP");
}

#[test]
fn sigterm() {
    replaced_by(libc::SIGTERM, "shutdown_signal|SIGTERM");
}

#[test]
fn sigint() {
    replaced_by(libc::SIGINT, "shutdown_signal|SIGINT");
}

/// A request that takes longer than everything else is finished by the process that it began in.
#[test]
fn a_long_request_is_finished() {
    let s = serving(
        group(
            "",
            &script(
                "
                note('load', 'v0')
                def application(environ, start_response):
                    if environ['PATH_INFO'] == '/wait':
                        note('began')
                        wait_for('go')
                    return answer(environ, start_response, 'v0', os.getpid())",
            ),
        ),
        2,
    );
    let mut request = s.raw(&s.request("GET", "/app/wait?x").bytes());
    let old = noted(&s, "began", 1)[0].pid;
    s.send(old, libc::SIGUSR1);
    newest(&s, 3);
    assert!(daemon::is_alive(old));
    s.write_file("go", "");
    assert_eq!(request.response().text(), format!("v0 {old} x"));
    gone(&[old]);
    settled(&s, 2);
}

/// Both processes are replaced, one after another.
#[test]
fn restart_interval() {
    let s = serving(group("restart-interval=3", &version("v0")), 2);
    let load = load(&s);
    let first = loaded(&s);
    newest(&s, 4);
    gone(&first);
    load.goes_on(10);
    let summary = load.stop();
    println!("{summary}");
    summary.assert_none_lost();
    first.iter().for_each(|pid| {
        told(&s, *pid, "restart.interval");
    });
}

/// It begins with a first request, and ends what nobody asks.
#[test]
fn inactivity_timeout() {
    let s = serving(defined("processes=1 threads=4 inactivity-timeout=1", &version("v0")), 1);
    let first = pid_of(&s.get("/app?x").text()).expect("a pid");
    newest(&s, 2);
    gone(&[first]);
    told(&s, first, "inactivity.timeout");
    assert_eq!(s.get("/app?x").status, 200);
}

/// As long as there are requests it does not.
#[test]
fn activity() {
    let s = serving(defined("processes=1 threads=8 inactivity-timeout=1", &version("v0")), 1);
    let load = load(&s);
    let replaced = poll::within(Duration::from_secs(3), || (loaded(&s).len() > 1).then_some(()));
    load.stop().assert_none_lost();
    assert!(replaced.is_none(), "replaced under load");
}

/// What the application takes beyond the limit is refused to it; Apache's own processes know no limit.
#[test]
fn memory_limit() {
    let limit = 600 << 20;
    let s = serving(
        defined(
            &format!("processes=1 threads=4 memory-limit={limit}"),
            &script(
                "
                note('load', 'v0')
                def application(environ, start_response):
                    if environ['PATH_INFO'] == '/large':
                        len(bytearray(1 << 30))
                    return answer(environ, start_response, 'v0', os.getpid())",
            ),
        )
        .expect_traceback("MemoryError")
        .expect_log("WSGI0174: .*app.wsgi"),
        1,
    );
    let pid = pid_of(&s.get("/app?x").text()).expect("a pid");
    assert_eq!(s.get("/app/large").status, 500);
    assert_eq!(pid_of(&s.get("/app?x").text()), Some(pid));
    let line = |pid: u32| {
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("limits");
        limits.lines().find(|l| l.starts_with("Max data size")).expect("data size").to_owned()
    };
    assert!(line(pid).contains(&limit.to_string()), "{}", line(pid));
    assert!(!line(s.pid()).contains(&limit.to_string()), "{}", line(s.pid()));
    assert_eq!(notes(&s, "load").len(), 1);
}

/// A process that has used its CPU time is replaced like any other.
#[test]
fn cpu_time_limit() {
    let s = serving(
        defined(
            "processes=1 threads=8 cpu-time-limit=2",
            &script(
                "
                note('load', 'v0')
                def application(environ, start_response):
                    end = time.thread_time() + 0.01
                    while time.thread_time() < end:
                        pass
                    return answer(environ, start_response, 'v0', os.getpid())",
            ),
        ),
        1,
    );
    let first = loaded(&s);
    let load = load(&s);
    newest(&s, 2);
    gone(&first);
    let summary = load.stop();
    println!("{summary}");
    summary.assert_none_lost();
    told(&s, first[0], "cpu.time.limit|SIGXCPU");
}
