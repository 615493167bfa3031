//! Groups without threads: their import scripts are services that run on the main thread for as long as they like.

use harness::poll::until;
use harness::*;

/// A group `service` with this script; Apache's children serve nothing.
fn service(script: &str) -> Httpd {
    httpd().no_group().script("service.py", script).config(
        "WSGIDaemonProcess service threads=0\n\
         WSGIImportScript {dir}/service.py process-group=service application-group=%{GLOBAL}",
    )
}

fn notes(s: &Server) -> Vec<String> {
    s.read_file("state/notes").lines().map(str::to_owned).collect()
}

/// Writes a line about itself and goes on with these statements.
fn noting(statements: &str) -> String {
    format!(
        "import os, sys, time, threading, signal, mod_wsgi\n\
         HERE = os.path.dirname(os.path.abspath(__file__))\n\
         def note(text):\n    \
             with open(HERE + '/state/notes', 'a') as f:\n        \
                 f.write('%s\\n' % text)\n\
         {}",
        harness::text::dedent(statements)
    )
}

/// A script that comes to its end is started again, in a new process, about once a second.
#[test]
fn a_service_that_returns_is_started_again() {
    daemon_only!();
    let begun = std::time::Instant::now();
    let s = service(&noting("note('%s %s' % (os.getpid(), time.monotonic()))")).start();
    let starts: Vec<(String, f64)> = until("five starts", || Some(notes(&s)).filter(|n| n.len() >= 5))
        .iter()
        .map(|note| note.split_once(' ').expect("two words"))
        .map(|(pid, at)| (pid.to_owned(), at.parse().expect("a time")))
        .collect();
    let lost = machine::lost_since(begun).as_secs_f64();
    for pair in starts.windows(2) {
        let apart = pair[1].1 - pair[0].1;
        assert!(pair[0].0 != pair[1].0 && apart >= 0.9 && apart <= 2.0 + lost, "{starts:?}");
    }
}

#[test]
fn a_service_that_fails_is_started_again() {
    daemon_only!();
    let s = service(&noting("note(os.getpid())\nraise ValueError('in the service')"))
        .expect_log("WSGI0110: ")
        .allow_log("WSGI0174: ")
        .expect_traceback("ValueError: in the service")
        .start();
    until("two starts", || (notes(&s).len() >= 2).then_some(()));
}

#[test]
fn a_service_that_exits_is_started_again() {
    daemon_only!();
    let s = service(&noting("note(os.getpid())\nsys.exit(3)"))
        .allow_log("SystemExit|WSGI0108: |: 3$")
        .allow_traceback()
        .start();
    until("two starts", || (notes(&s).len() >= 2).then_some(()));
}

/// It has the main thread, the group's name, and signals.
#[test]
fn what_a_service_has() {
    daemon_only!();
    let s = service(&noting(
        "
        note(mod_wsgi.process_group + '|' + mod_wsgi.application_group)
        note(threading.current_thread() is threading.main_thread())
        got = []
        previous = signal.signal(signal.SIGUSR2, lambda *a: got.append(1))
        os.kill(os.getpid(), signal.SIGUSR2)
        note(got)
        note(mod_wsgi.threads_per_process)
        while True:
            time.sleep(0.05)",
    ))
    .start();
    let notes = until("four notes", || Some(notes(&s)).filter(|notes| notes.len() >= 4));
    assert_eq!(notes, ["service|", "True", "[1]", "0"]);
}

/// Apache's stop raises SystemExit in it, so that what must be cleared up is.
#[test]
fn a_stop_is_system_exit() {
    daemon_only!();
    let s = service(&noting(
        "
        import atexit
        atexit.register(note, 'atexit')
        note('began')
        try:
            while True:
                time.sleep(0.05)
        except SystemExit:
            note('SystemExit')
            raise
        finally:
            note('finally')",
    ))
    .allow_log("SystemExit|WSGI0108: ")
    .allow_traceback()
    .start();
    until("the service", || (!notes(&s).is_empty()).then_some(()));
    s.terminate();
    assert_eq!(notes(&s), ["began", "SystemExit", "finally", "atexit"]);
}

/// Nobody who subscribes is told of anything, and with a telemetry service there are no metrics.
#[test]
fn a_service_has_no_events() {
    daemon_only!();
    let s = service(&noting(
        "
        for subscribe in (mod_wsgi.subscribe_events, mod_wsgi.subscribe_shutdown, mod_wsgi.subscribe_signals):
            subscribe(lambda name, **event: note(name))
        mod_wsgi.start_recording_metrics()
        note([mod_wsgi.request_metrics(), mod_wsgi.process_metrics(), mod_wsgi.server_metrics()])
        note(os.getpid())
        while True:
            time.sleep(0.05)
            if not os.path.exists(HERE + '/state/signalled'):
                continue
            os.remove(HERE + '/state/signalled')
            note('signalled')",
    ))
    .config("WSGITelemetryService unix:{dir}/nobody.sock")
    .allow_log("service.py|SystemExit|WSGI0108: |WSGI1020: |^ +File|^ +time.sleep")
    .allow_traceback()
    .start();
    let pid = until("the service", || notes(&s).get(1).and_then(|pid| pid.parse().ok()));
    s.send(pid, libc::SIGUSR2);
    if subject() == Subject::Ours {
        s.wait_log("requested by SIGUSR2");
    }
    s.write_file("state/signalled", "");
    until("the signal", || notes(&s).contains(&"signalled".to_owned()).then_some(()));
    s.terminate();
    assert_eq!(notes(&s), ["[None, None, None]", &pid.to_string(), "signalled"]);
}

#[test]
fn killed() {
    daemon_only!();
    let s = service(&noting("note(os.getpid())\nwhile True:\n    time.sleep(0.05)"))
        .allow_log("(?i)kill|signal 9")
        .start();
    let first = until("the service", || notes(&s).first().cloned());
    s.send(first.parse().unwrap(), libc::SIGKILL);
    let second = until("its successor", || notes(&s).get(1).cloned());
    assert_ne!(first, second);
}

/// As whom and where, like any other group.
#[test]
fn options_apply() {
    daemon_only!();
    let s = httpd()
        .no_group()
        .script(
            "service.py",
            &noting("note(os.getcwd())\nnote(sys.path[0])\nwhile True:\n    time.sleep(0.05)"),
        )
        .config(
            "WSGIDaemonProcess service threads=0 home={dir}/state\n\
             WSGIImportScript {dir}/service.py process-group=service application-group=%{GLOBAL}",
        )
        .start();
    let home = s.dir().join("state").to_str().unwrap().to_owned();
    assert_eq!(until("two notes", || Some(notes(&s)).filter(|n| n.len() == 2)), [home.clone(), home]);
}

/// What it prints goes to the log of the server.
#[test]
fn its_text_is_logged() {
    daemon_only!();
    let s = service(&noting("print('from the service', flush=True)\nwhile True:\n    time.sleep(0.05)"))
        .expect_log(r"\[wsgi:error\] .*from the service$")
        .start();
    s.wait_log("from the service$");
}
