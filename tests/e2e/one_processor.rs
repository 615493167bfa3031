//! The request threads of a process may stay on one processor, where that is tried; what they start does not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::*;

use crate::daemon::{defined, serving};
use crate::starting::{noted, script};

/// A page that computes and waits in turn, so that one processor is tried; other pages do something once their thread stays on one,
/// and answer on how many the thread or what it has started may run.
const APPLICATION: &str = "
    import subprocess
    from multiprocessing import util

    COUNT = 'import os; print(len(os.sched_getaffinity(0)))'
    WAIT = '''
    import os, sys, time
    while len(os.sched_getaffinity(0)) == 1:
        time.sleep(0.01)
    open(sys.argv[1], 'w').close()
    '''
    WAITING = [os.fsencode(word) for word in (sys.executable, '-c', WAIT, HERE + '/state/free')]
    note('load', 'v0')

    def processors():
        return len(os.sched_getaffinity(0))

    def page():
        for _ in range(5):
            sum(range(30_000))
            time.sleep(0.0005)

    def spawned():
        return subprocess.run([sys.executable, '-c', COUNT], capture_output=True, text=True).stdout.strip()

    def forked():
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(write, str(processors()).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        return os.read(read, 10).decode()

    def imported():
        import fresh
        return fresh.PROCESSORS

    def unheard():
        util.spawnv_passfds(WAITING[0], WAITING, [])
        return 'begun'

    def begun_by_a_shell():
        util.spawnv_passfds(b'/bin/sh', [b'/bin/sh', b'-c', b'\"$@\" & wait', b'sh', *WAITING], [])
        return 'begun'

    def thread():
        def wait():
            while processors() == 1:
                time.sleep(0.01)
            note('free')
        threading.Thread(target=wait).start()
        return 'begun'

    def application(environ, start_response):
        what = environ['PATH_INFO'].strip('/')
        if what in ('', 'page'):
            page()
            return answer(start_response, str(processors()))
        if what == 'count':
            return answer(start_response, str(processors()))
        page()
        if processors() > 1:
            return answer(start_response, 'apart')
        return answer(start_response, str(globals()[what]()))
    ";

/// On so many processors this process may run.
fn processors() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("a file");
    let mask = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed:")).expect("a line");
    mask.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit.count_ones() as usize).sum()
}

/// What a page answers that does so once its thread stays on one processor, while others ask for pages all the time.
#[track_caller]
fn answer(s: &Server, path: &str) -> String {
    let (is_over, begun) = (AtomicBool::new(false), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    let _ = s.get("/app/page?x");
                }
            });
        }
        loop {
            let r = s.get(path);
            let text = r.text();
            if text != "apart" || begun.elapsed() > Duration::from_secs(60) {
                is_over.store(true, Ordering::SeqCst);
                return text;
            }
        }
    })
}

/// The threads may run anywhere again.
#[track_caller]
fn all_again(s: &Server) {
    let all = processors().to_string();
    poll::until("the threads run on all processors again", || {
        (s.get("/app/count?x").text() == all).then_some(())
    });
}

fn daemon() -> Server {
    serving(
        defined("processes=1 threads=8 python-path={dir}", &script(APPLICATION)).script("fresh.py", FRESH),
        1,
    )
}

fn embedded() -> Server {
    let s = httpd()
        .no_group()
        .script("app.wsgi", &script(APPLICATION))
        .script("fresh.py", FRESH)
        .config("WSGIScriptAlias /app {dir}/app.wsgi application-group=%{GLOBAL}\nWSGIPythonPath {dir}")
        .start();
    assert_eq!(s.get("/app?x").status, 200);
    s
}

const FRESH: &str = "import os\nPROCESSORS = len(os.sched_getaffinity(0))";

/// It has its reasons, and they are said.
fn is_left_alone(s: &Server) {
    all_again(s);
    s.wait_log("wsgi:info.*WSGI1103: .* run on all processors from now on: a request has started a process");
}

#[test]
fn programs_run_on_all() {
    skip_if!(processors() == 1, "there is one processor");
    let s = daemon();
    assert_eq!(answer(&s, "/app/spawned?x"), processors().to_string());
    is_left_alone(&s);
}

#[test]
fn copies_run_on_all() {
    skip_if!(processors() == 1, "there is one processor");
    let s = daemon();
    assert_eq!(answer(&s, "/app/forked?x"), processors().to_string());
    is_left_alone(&s);
}

/// Of a program that Python tells nobody about is known when it is there.
#[test]
fn what_is_seen_later_runs_on_all() {
    skip_if!(processors() == 1, "there is one processor");
    let s = daemon();
    assert_eq!(answer(&s, "/app/unheard?x"), "begun");
    poll::until("it runs on all", || s.dir().join("state/free").exists().then_some(()));
    is_left_alone(&s);
}

#[test]
fn so_do_programs_of_programs() {
    skip_if!(processors() == 1, "there is one processor");
    let s = daemon();
    assert_eq!(answer(&s, "/app/begun_by_a_shell?x"), "begun");
    poll::until("it runs on all", || s.dir().join("state/free").exists().then_some(()));
    is_left_alone(&s);
}

#[test]
fn threads_that_a_request_starts_run_on_all() {
    skip_if!(processors() == 1, "there is one processor");
    let s = daemon();
    assert_eq!(answer(&s, "/app/thread?x"), "begun");
    noted(&s, "free", 1);
    all_again(&s);
}

/// The same load, and nothing is tried.
#[test]
fn concurrency_may_do_without() {
    skip_if!(processors() == 1, "there is one processor");
    let h = defined("processes=1 threads=8 concurrency=spread", &script(APPLICATION));
    let (tried, spread) = (daemon(), serving(h, 1));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for s in [&tried, &spread] {
            for _ in 0..6 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::SeqCst) {
                        let _ = s.get("/app/page?x");
                    }
                });
            }
        }
        tried.wait_log("WSGI1103: ");
        is_over.store(true, Ordering::SeqCst);
    });
    assert_eq!(spread.logged("WSGI1103: "), [""; 0]);
}

/// It may have threads.
#[test]
fn a_module_is_loaded_on_all() {
    skip_if!(processors() == 1, "there is one processor");
    let s = daemon();
    assert_eq!(answer(&s, "/app/imported?x"), processors().to_string());
    s.wait_log("wsgi:info.*WSGI1103: .* are tried on one processor");
    all_again(&s);
}

#[test]
fn in_embedded_mode_too() {
    skip_if!(processors() == 1, "there is one processor");
    skip_if!(!mpm().is_threaded(), "a child has one request at a time");
    let s = embedded();
    assert_eq!(answer(&s, "/app/imported?x"), processors().to_string());
    s.wait_log("wsgi:info.*WSGI1103: .* are tried on one processor");
    all_again(&s);
}

#[test]
fn in_embedded_mode_programs_run_on_all() {
    skip_if!(processors() == 1, "there is one processor");
    skip_if!(!mpm().is_threaded(), "a child has one request at a time");
    let s = embedded();
    assert_eq!(answer(&s, "/app/spawned?x"), processors().to_string());
    is_left_alone(&s);
}
