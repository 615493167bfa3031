//! The end of a process, which each test has to itself: it runs this program again.

use super::{Site, host_lines, on_threads};
use crate::startup;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs one of the ignored tests below in a process of its own.
fn alone(test: &str) {
    let program = std::env::current_exe().unwrap();
    let name = format!("tests::ending::{test}");
    let run = Command::new(program).args(["--exact", "--ignored", &name]).output().unwrap();
    let text = wire::shown(&run.stdout);
    assert!(run.status.success() && text.contains("1 passed"), "{text}{}", wire::shown(&run.stderr));
}

#[test]
fn exit_functions_of_every_interpreter_run() {
    alone("exit_functions");
}

#[test]
#[ignore = "ends Python in its process; run by exit_functions_of_every_interpreter_run"]
fn exit_functions() {
    let source = "
        import atexit, sys, mod_wsgi
        @atexit.register
        def at_exit():
            print('exit of', mod_wsgi.application_group or 'main')
            sys.exit(1)
        def application(environ, start_response):
            start_response('200 OK', [])
            return []
        ";
    let sites = ["", "one", "two"].map(|group| Site::in_group(group, source));
    // On a thread that ends before: one that ends later cannot delete its states of Python any more.
    on_threads(1, |_| sites.iter().for_each(|site| drop(site.get().ok())));
    let begun = Instant::now();
    assert_eq!(startup::stop(Duration::from_secs(20), "").running, 0);
    assert!(begun.elapsed() < Duration::from_secs(15), "it does not wait for nothing");
    let mut exits = host_lines("exit of");
    assert_eq!(exits.pop().as_deref(), Some("exit of main"), "the main interpreter's come last");
    exits.sort();
    assert_eq!(exits, ["exit of one", "exit of two"]);
    assert_eq!(host_lines("SystemExit: 1").len(), 3, "an exit function cannot end the process");
    assert_eq!(host_lines("AssertionError"), [""; 0], "threads are not waited for twice");
    sites[0].get().error(503);
    assert_eq!(startup::stop(Duration::from_millis(10), "").running, 0, "a second end does nothing");
}

#[test]
fn requests_and_threads_that_do_not_end_are_counted_and_left() {
    alone("left_behind");
}

#[test]
#[ignore = "ends Python in its process; run by requests_and_threads_that_do_not_end_are_counted_and_left"]
fn left_behind() {
    let site = Site::new(
        "
        import threading, time
        def application(environ, start_response):
            start_response('200 OK', [])
            if environ['QUERY_STRING'] == 'for ever':
                print('begun', flush=True)
                while True:
                    time.sleep(0.01)
            threading.Thread(target=time.sleep, args=(600,), name='sleeper', daemon=True).start()
            return []
        ",
    );
    site.get().ok();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (go, going) = std::sync::mpsc::channel::<()>();
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(500));
                drop(go);
            });
            let _ = going.recv();
            assert_eq!(startup::stop(Duration::from_secs(3), "").running, 1);
            assert_eq!(host_lines("sleeper").len(), 1, "{:?}", host_lines(""));
            // The request would go on for ever: the process ends as httpd ends it.
            let _ = writeln!(std::io::stdout(), "\ntest result: 1 passed");
            let _ = std::fs::remove_dir_all(site.path().parent().expect("the directory of scripts"));
            std::process::exit(0);
        });
        site.ask().set("QUERY_STRING", "for ever").send();
    });
}
