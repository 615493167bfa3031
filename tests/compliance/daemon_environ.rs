//! What an application in a process group sees of the group: flags in its environ, numbers in `mod_wsgi`, threads.

use harness::*;

use crate::{answering, held, patient, serving, show, showing};

#[track_caller]
fn flag(options: &str, name: &str) -> bool {
    let s = showing().group(options).start();
    show(&s, "/")["environ"][name].as_bool().expect("a flag")
}

/// The option counts, not the number: whoever wrote one has thought of more.
#[test]
fn multiprocess() {
    daemon_only!();
    assert!(!flag("", "wsgi.multiprocess"));
    assert!(flag("processes=1", "wsgi.multiprocess"));
    assert!(flag("processes=2", "wsgi.multiprocess"));
}

#[test]
fn multithread() {
    daemon_only!();
    assert!(!flag("threads=1", "wsgi.multithread"));
    assert!(flag("threads=2", "wsgi.multithread"));
}

#[test]
fn run_once() {
    daemon_only!();
    assert!(flag("threads=1 maximum-requests=1", "wsgi.run_once"));
    assert!(!flag("threads=2 maximum-requests=1", "wsgi.run_once"));
    assert!(!flag("threads=1 maximum-requests=2", "wsgi.run_once"));
}

/// In `mod_wsgi` the group's numbers, in `apache` those of the MPM.
#[test]
fn numbers() {
    daemon_only!();
    let s = serving(&answering(
        "
        import mod_wsgi, apache
        result = (mod_wsgi.maximum_processes, mod_wsgi.threads_per_process,
                  apache.threads_per_process == mod_wsgi.threads_per_process)",
    ))
    .group("processes=2 threads=3")
    .start();
    assert_eq!(s.get("/").text(), "(2, 3, False)");
}

/// When the request came, was handed over, taken, and given to the application.
#[test]
fn times() {
    daemon_only!();
    let s = serving(&answering(
        "
        names = ['request_start', 'queue_start', 'daemon_start', 'application_start']
        times = [environ['mod_wsgi.' + name] for name in names]
        result = (times == sorted(times), times[-1] - times[0] < 20)",
    ))
    .start();
    assert_eq!(s.get("/").text(), "(True, True)");
}

/// As many requests at a time as there are threads, and no more.
#[test]
fn threads_of_a_process() {
    daemon_only!();
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = serving(
        r"
        import threading
        barrier, lock, now, most, ids = threading.Barrier(2), threading.Lock(), 0, 0, set()
        def application(environ, start_response):
            global now, most
            with lock:
                now += 1
                most = max(most, now)
                ids.add(environ['mod_wsgi.thread_id'])
            if environ['PATH_INFO'] == '/meet':
                barrier.wait(15)
            with lock:
                now -= 1
            start_response('200 OK', [])
            return [('%d %s' % (most, sorted(ids))).encode()]",
    )
    .group("threads=2")
    .start();
    // Let what starts at the first requests start.
    for _ in 0..4 {
        assert_eq!(s.get("/").status, 200);
    }
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(s.get("/meet").status, 200));
        }
    });
    assert_eq!(s.get("/").text(), "2 [1, 2]");
}

/// Both processes of a group serve, each with its own memory.
#[test]
fn processes_of_a_group() {
    daemon_only!();
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = patient("processes=2 threads=1").start();
    let mut held = held(&s);
    let other = s.get("/").text();
    s.write_file("go", "");
    assert_ne!(held.response().text(), other);
}
