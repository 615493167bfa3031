//! httpd's scoreboard in a process group with `server-metrics=On`: how it gets there, and who can do what with it.

use std::time::{Duration, Instant};

use harness::poll::until;
use harness::*;

use crate::daemon::script;

/// Says which children `server_metrics()` knows; with a query, what an attack leads to.
const APP: &str = r#"
    import fcntl, mmap, mod_wsgi
    WINDOW = 12

    def attempt(what, *arguments):
        try:
            what(*arguments)
        except (OSError, ValueError) as error:
            return type(error).__name__
        return 'done'

    def attacks():
        size = os.fstat(WINDOW).st_size
        yield attempt(os.pwrite, WINDOW, b'x' * 64, 0)
        yield attempt(os.ftruncate, WINDOW, 0)
        yield attempt(os.ftruncate, WINDOW, size * 2)
        yield attempt(mmap.mmap, WINDOW, size)
        yield attempt(lambda: os.write(os.open(f'/proc/self/fd/{WINDOW}', os.O_RDWR), b'x'))
        yield attempt(fcntl.fcntl, WINDOW, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
        yield os.fstat(WINDOW).st_size == size

    def application(environ, start_response):
        query = environ['QUERY_STRING']
        if query == 'attack':
            return answer(environ, start_response, *attacks())
        begun = time.monotonic()
        metrics = mod_wsgi.server_metrics()
        pids = metrics and [process['pid'] for process in metrics['processes'] if process['pid']]
        return answer(environ, start_response, pids, '%.1f' % (time.monotonic() - begun))
    "#;

fn site(options: &str) -> Httpd {
    httpd()
        .script("app.wsgi", &script(APP))
        .config("WSGISocketPrefix {dir}/run/wsgi\nWSGIServerMetrics On")
        .config(&format!("WSGIDaemonProcess g processes=1 threads=4 {options}"))
        .config("WSGIScriptAlias /app {dir}/app.wsgi process-group=g application-group=%{GLOBAL}")
}

/// The answer names all children of httpd's.
#[track_caller]
fn sees_the_children(s: &Server) {
    until("the children", || {
        let text = s.get("/app").text();
        let all = s.children().into_iter().filter(|pid| !s.supervisors().contains(pid));
        all.into_iter().all(|pid| text.contains(&pid.to_string())).then_some(())
    });
}

#[test]
fn through_restarts_and_deaths_of_the_supervisor() {
    let s = site("server-metrics=On").expect_log(r"WSGI1033: the supervisor \(pid [0-9]+\)").start();
    sees_the_children(&s);
    let kinds: [fn(&Server); 3] =
        [Server::graceful, Server::restart, |s: &Server| s.send(s.supervisors()[0], libc::SIGKILL)];
    for restart in kinds {
        let before = s.supervisors()[0];
        restart(&s);
        until("another supervisor alone", || match s.supervisors()[..] {
            [supervisor] => (supervisor != before).then_some(()),
            _ => None,
        });
        sees_the_children(&s);
    }
}

/// It can be read, and that is all.
#[test]
fn an_application_cannot_change_it() {
    let s = site("server-metrics=On").start();
    let refused = s.get("/app?attack").text();
    assert_eq!(refused, "PermissionError ".repeat(6) + "True attack");
    sees_the_children(&s);
}

/// A group without it has nothing that it could read.
#[test]
fn another_group_has_no_window() {
    let s = site("").start();
    let text = s.get("/app").text();
    assert!(text.starts_with("None 0.0"), "{text}");
    assert_eq!(
        std::fs::read_link(format!("/proc/{}/fd/12", s.worker())).unwrap().to_str(),
        Some("/dev/null")
    );
}

/// Whoever asks while the supervisor does not answer waits for a moment, and the log says so once.
#[test]
fn a_supervisor_that_does_not_answer() {
    let s = site("server-metrics=On")
        .expect_log("WSGI1048: mod_wsgi.server_metrics\\(\\) of process group 'g' returns None")
        .start();
    sees_the_children(&s);
    let supervisor = s.supervisors()[0];
    s.send(supervisor, libc::SIGSTOP);
    for _ in 0..2 {
        let text = s.get("/app").text();
        assert!(text.starts_with("None "), "{text}");
    }
    s.send(supervisor, libc::SIGCONT);
    s.wait_log("WSGI1048: ");
    sees_the_children(&s);
    s.logged_times("WSGI1048: ", 1);
}

/// Four threads that ask all the time are answered, and each answer is newer than its question: it has the request itself.
#[test]
fn many_who_ask() {
    let s = site("server-metrics=On").start();
    let until = Instant::now() + Duration::from_secs(3);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while Instant::now() < until {
                    let text = s.get("/app").text();
                    assert!(text.starts_with('['), "{text}");
                }
            });
        }
    });
    sees_the_children(&s);
}
