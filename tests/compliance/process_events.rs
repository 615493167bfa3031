//! Events of processes: that one ends, and why; and signals.

use harness::poll::until;
use harness::*;

use crate::{alive, answering, pid, serving};

/// Answers with its process; notes events of the process in `state/`.
fn noting(more: &str) -> Httpd {
    let script = answering("result = os.getpid()");
    let notes = "
import mod_wsgi, threading
here = os.path.dirname(os.path.abspath(__file__))
def note(who, name, event):
    with open(f'{here}/state/{os.getpid()}', 'a') as file:
        main = threading.current_thread() is threading.main_thread()
        file.write(f'{who} {name} {event} {main}\\n')
if mod_wsgi.subscribe_shutdown(lambda name, **event: note('specific', name, event)) is None: 1/0
def signalled(name, **event): note('specific', name, event)
if mod_wsgi.subscribe_signals(signalled) is not signalled: 1/0
@mod_wsgi.subscribe_events
def everything(name, **event):
    if name.startswith('process_'): note('every', name, event)
";
    // Only the main interpreter knows the main thread of the process.
    serving(&format!("{script}{notes}{}", text::dedent(more))).config("WSGIApplicationGroup %{GLOBAL}")
}

/// The lines that a process has noted, once there are so many.
fn notes(s: &Server, pid: u32, count: usize) -> Vec<String> {
    until("the notes of the process", || {
        let text = std::fs::read_to_string(s.dir().join(format!("state/{pid}"))).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (lines.len() >= count).then_some(lines)
    })
}

fn stopping(reason: &str) -> Vec<String> {
    ["every", "specific"]
        .map(|who| format!("{who} process_stopping {{'shutdown_reason': '{reason}'}} True"))
        .to_vec()
}

#[test]
fn the_server_stops() {
    let s = noting("").start();
    let process = pid(&s);
    s.stop();
    assert_eq!(notes(&s, process, 2), stopping(by_mode("", "shutdown_signal")));
}

#[test]
fn signals_end_a_process() {
    daemon_only!();
    for (signal, options, reason) in [
        (libc::SIGTERM, "", "shutdown_signal"),
        (libc::SIGINT, "", "shutdown_signal"),
        (libc::SIGUSR1, "graceful-timeout=5", "graceful_signal"),
        (libc::SIGUSR1, "eviction-timeout=5", "eviction_signal"),
    ] {
        let s = noting("").group(options).start();
        let process = pid(&s);
        s.send(process, signal);
        assert_eq!(notes(&s, process, 2), stopping(reason), "{signal} {options}");
        until("another process", || (pid(&s) != process).then_some(()));
    }
}

#[test]
fn limits_end_a_process() {
    daemon_only!();
    for (options, reason) in [
        ("maximum-requests=2", "maximum_requests"),
        ("restart-interval=1", "restart_interval"),
        ("inactivity-timeout=1", "inactivity_timeout"),
    ] {
        let s = noting("").group(options).start();
        let process = pid(&s);
        if options.starts_with("maximum") {
            s.get("/");
        }
        assert_eq!(notes(&s, process, 2), stopping(reason), "{options}");
    }
}

#[test]
fn a_changed_script_ends_a_process() {
    daemon_only!();
    let s = noting("").start();
    let process = pid(&s);
    s.touch("app.wsgi");
    until("another process", || (pid(&s) != process).then_some(()));
    assert_eq!(notes(&s, process, 2), stopping("script_reload"));
}

/// A callback that hangs keeps the process no longer than its shutdown-timeout allows, and the others have been called.
#[test]
fn a_callback_that_hangs() {
    daemon_only!();
    let hang = "
        @mod_wsgi.subscribe_shutdown
        def hang(name, **event):
            import time
            time.sleep(3600)";
    let s = noting(hang)
        .group("shutdown-timeout=1")
        .expect_log_of(Subject::Ours, "a callback for process_stopping")
        .start();
    let process = pid(&s);
    s.send(process, libc::SIGTERM);
    assert_eq!(notes(&s, process, 2), stopping("shutdown_signal"));
    until("the end of the process", || (!alive(&s, process)).then_some(()));
    until("another process", || (pid(&s) != process).then_some(()));
}

#[test]
fn a_callback_that_raises() {
    let fail = "
        @mod_wsgi.subscribe_events
        def fail(name, **event):
            if name == 'process_stopping': raise ValueError('at the end')
        import atexit
        atexit.register(note, 'exit', 'function', '')";
    let s = noting(fail).expect_log("WSGI0112: ").expect_traceback("ValueError: at the end").start();
    let process = pid(&s);
    s.stop();
    let mut expected = stopping(by_mode("", "shutdown_signal"));
    expected.push("exit function  True".into());
    assert_eq!(notes(&s, process, 3), expected);
}

/// The application knows what SIGHUP and SIGUSR2 mean: the process goes on.
#[test]
fn signals_are_told() {
    daemon_only!();
    let s = noting("").allow_log("WSGI1024|wsgi:notice|SIGUSR2").start();
    let process = pid(&s);
    for (count, (signal, name)) in
        [(libc::SIGHUP, "SIGHUP"), (libc::SIGUSR2, "SIGUSR2")].into_iter().enumerate()
    {
        s.send(process, signal);
        let event = format!("process_signal {{'signame': '{name}', 'signum': {signal}}} False");
        let expected = [format!("every {event}"), format!("specific {event}")];
        assert_eq!(notes(&s, process, 2 * count + 2)[2 * count..], expected);
    }
    assert_eq!(pid(&s), process);
}

/// Apache's own processes do not tell of signals, and say so.
#[test]
fn no_signals_in_embedded_mode() {
    embedded_only!();
    let s = noting("SIGNALS = mod_wsgi.signal_callbacks").start();
    pid(&s);
    s.wait_log(r"mod_wsgi\.subscribe_signals\(\)");
    s.wait_log("app.wsgi\", line ");
}
