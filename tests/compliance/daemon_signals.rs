//! Signals to a group's process, its death, and its orderly end.

use harness::poll::until;
use harness::*;

use crate::{alive, answering, held, pid, serving};

/// Answers with its process; `/hold` takes a second.
const PID: &str = "
    import time
    here = os.path.dirname(os.path.abspath(__file__))
    if environ['PATH_INFO'] == '/hold':
        open(here + '/state/held', 'w').close()
        time.sleep(1)
    result = os.getpid()";

fn group(options: &str) -> Httpd {
    serving(&answering(PID)).group(options)
}

fn ended(s: &Server, pid: u32) {
    until("the end of the process", || (!alive(s, pid)).then_some(()));
}

/// The signal ends the process, a successor serves, and no request is lost.
#[test]
fn a_signal_replaces_an_idle_process() {
    daemon_only!();
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGUSR1] {
        let s = group("").start();
        let before = pid(&s);
        s.send(before, signal);
        until("another process", || (pid(&s) != before).then_some(()));
        ended(&s, before);
    }
}

/// A request under way when the signal comes is finished.
#[test]
fn a_signal_waits_for_requests() {
    daemon_only!();
    for (signal, options) in [
        (libc::SIGUSR1, "graceful-timeout=10"),
        (libc::SIGUSR1, "graceful-timeout=1 eviction-timeout=10"),
        (libc::SIGTERM, "shutdown-timeout=10"),
    ] {
        let s = group(options).start();
        let before = pid(&s);
        let mut held = held(&s);
        s.send(before, signal);
        let r = held.response();
        assert_eq!((r.text(), r.complete), (before.to_string(), true), "signal {signal} {options}");
        until("another process", || (pid(&s) != before).then_some(()));
        ended(&s, before);
    }
}

/// What is left of a request when the time is over is cut.
#[test]
fn shutdown_timeout() {
    daemon_only!();
    let s = serving(&answering(
        "
        import time
        if environ['PATH_INFO'] == '/hold':
            open(os.path.dirname(os.path.abspath(__file__)) + '/state/held', 'w').close()
            while True:
                time.sleep(0.01)
        result = os.getpid()",
    ))
    .group("shutdown-timeout=1")
    .allow_log("WSGI0119|WSGI0146|WSGI0147|(?i)shutdown")
    .start();
    let before = pid(&s);
    let mut held = held(&s);
    s.send(before, libc::SIGTERM);
    assert!(held.try_response().is_none_or(|r| r.status == 502 || !r.complete));
    until("another process", || (pid(&s) != before).then_some(()));
    ended(&s, before);
}

/// A process that is gone is replaced, and whoever comes meanwhile waits.
#[test]
fn killed() {
    daemon_only!();
    let s = group("").allow_log("(?i)kill|signal 9").start();
    let before = pid(&s);
    let begun = std::time::Instant::now();
    s.send(before, libc::SIGKILL);
    ended(&s, before);
    assert_ne!(pid(&s), before);
    // The original looks once a second.
    assert_within(begun, 2.0, "an answer by the successor");
}

#[test]
fn killed_in_the_middle_of_a_request() {
    daemon_only!();
    let s = group("").allow_log("WSGI0146|WSGI0147|(?i)kill|signal 9").start();
    let before = pid(&s);
    let mut held = held(&s);
    s.send(before, libc::SIGKILL);
    assert_eq!(held.response().status, 502);
    assert_ne!(pid(&s), before);
}

/// The end of a process that was told to end: threads are joined, exit functions run, in every interpreter.
#[test]
fn orderly_end() {
    daemon_only!();
    let s = httpd()
        .script(
            "app.wsgi",
            r"
            import atexit, os, threading, time, mod_wsgi
            HERE = os.path.dirname(os.path.abspath(__file__))
            def note(text):
                with open(HERE + '/state/notes', 'a') as f:
                    f.write('%s %s\n' % (mod_wsgi.application_group or 'main', text))
            atexit.register(note, 'exit')
            def work():
                time.sleep(0.5)
                note('thread')
            def application(environ, start_response):
                threading.Thread(target=work, daemon=False).start()
                start_response('200 OK', [])
                return [str(os.getpid()).encode()]",
        )
        .config("WSGIScriptAlias /main {dir}/app.wsgi application-group=%{GLOBAL}")
        .config("WSGIScriptAlias /sub {dir}/app.wsgi application-group=sub")
        .start();
    let before: u32 = s.get("/main").text().parse().expect("a pid");
    assert_eq!(s.get("/sub").text(), before.to_string());
    s.send(before, libc::SIGTERM);
    ended(&s, before);
    let text = s.read_file("state/notes");
    let mut notes: Vec<_> = text.lines().collect();
    notes.sort();
    let joined = ["main exit", "main thread", "sub exit", "sub thread"];
    assert_eq!(
        notes,
        differs(&joined[..3], &joined, "the original waits for threads of the main interpreter only")
    );
}

/// An application cannot keep its process from ending.
#[test]
fn applications_take_no_signals() {
    daemon_only!();
    let s = serving(
        r"
        import os, signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        def application(environ, start_response):
            start_response('200 OK', [])
            return [str(os.getpid()).encode()]",
    )
    .config("WSGIApplicationGroup %{GLOBAL}")
    .start();
    for signal in [libc::SIGTERM, libc::SIGUSR1] {
        let before = pid(&s);
        s.send(before, signal);
        ended(&s, before);
    }
}

/// A copy the application forked has its signals to itself.
#[test]
fn fork_in_an_application() {
    daemon_only!();
    let s = serving(&answering(
        "
        import signal
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(1)
        status = os.waitpid(pid, 0)[1]
        result = (os.WIFSIGNALED(status) and os.WTERMSIG(status), os.getpid())",
    ))
    .config("WSGIApplicationGroup %{GLOBAL}")
    .allow_log("DeprecationWarning|os.fork|pid = ")
    .start();
    let first = s.get("/").text();
    assert!(first.starts_with("(15, ") || first.starts_with("(<Signals"), "{first}");
    assert_eq!(s.get("/").text(), first, "the process serves on");
}
