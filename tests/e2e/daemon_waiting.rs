//! Requests that nobody takes, answers that do not come, and groups that cannot be.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use harness::*;

use crate::daemon::*;
use crate::starting::noted;

/// Answers at once, or when it is let go.
const PATIENT: &str = "
    note('load', 'v0')
    def application(environ, start_response):
        if environ['PATH_INFO'] == '/wait':
            note('began', 'wait')
            wait_for('go')
        if environ['PATH_INFO'] == '/large':
            note('began', 'large')
            start_response('200 OK', [('Content-Length', str(64 << 20))])
            return [b'x' * (64 << 20)]
        return answer(environ, start_response, 'v0', os.getpid())
    ";

fn patient(options: &str) -> Httpd {
    defined(options, &script(PATIENT))
}

/// The user who started Apache is whom children and processes run as, whatever `User` says.
#[test]
fn an_apache_that_is_not_roots() {
    skip_if!(!is_root(), "nobody but root can start an Apache of another user");
    let s = serving(group("", &script(PATIENT)).unprivileged(), 2);
    let load = load(&s);
    load.goes_on(50);
    load.stop().assert_none_lost();
    let status = fs::read_to_string(format!("/proc/{}/status", s.pid())).expect("status");
    assert!(!status.lines().any(|line| line.starts_with("Uid:\t0\t")), "{status}");
}

/// The application is still at it: the client gets an answer, and the process serves on.
#[test]
fn an_answer_that_does_not_come() {
    only_ours!("the original answers otherwise");
    let late = r"WSGI0145: a process of group 'g' \(pid \d+\) has sent nothing for 1 s \(socket-timeout\)";
    let s = serving(patient("processes=1 threads=2 socket-timeout=1").expect_log(late), 1);
    // First requests come one at a time.
    (0..3).for_each(|_| assert_eq!(s.get("/app?x").status, 200));
    let begun = Instant::now();
    let r = s.get("/app/wait");
    assert_eq!(r.status, 504, "{}", r.text());
    assert!(r.header("Retry-After").is_some(), "{:?}", r.headers);
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_within(begun, 4.0, "the answer");
    s.wait_log("WSGI0145: .*socket-timeout");
    assert_eq!(s.get("/app?x").status, 200);
    s.write_file("go", "");
}

/// A client that takes nothing of its answer has the thread for no longer than that.
#[test]
fn a_client_that_does_not_read() {
    let s = serving(patient("processes=1 threads=1 response-socket-timeout=1"), 1);
    let idle = s.raw(&s.request("GET", "/app/large").bytes());
    noted(&s, "began", 1);
    let begun = Instant::now();
    assert_eq!(s.get("/app?x").status, 200);
    assert_within(begun, 6.0, "the answer to the next one");
    idle.abort();
}

/// So many requests wait as listen-backlog allows; the next one is answered when connect-timeout is over. None of those
/// that wait is lost.
#[test]
fn a_full_queue() {
    only_ours!("the original has a queue that is longer than this");
    let options = "processes=1 threads=1 listen-backlog=1 connect-timeout=1";
    let full = r"WSGI0116: the queue of process group 'g' was full \(listen-backlog\)";
    let s = serving(patient(options).children(10).expect_log(full), 1);
    let wait = |path: &str| s.raw(&s.request("GET", path).header("Connection", "close").bytes());
    let mut requests = vec![wait("/app/wait")];
    noted(&s, "began", 1);
    let begun = Instant::now();
    requests.extend((0..5).map(|_| wait("/app?x")));
    s.wait_log("WSGI0[0-9]+: .*listen-backlog");
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    s.write_file("go", "");
    let answers: Vec<Response> = requests.iter_mut().map(|request| request.response()).collect();
    let (served, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|r| r.status == 200);
    assert!(served.len() >= 2 && !refused.is_empty(), "{} of {}", served.len(), answers.len());
    for r in refused {
        assert_eq!(r.status, 503, "{}", r.text());
        assert!(r.header("Retry-After").is_some(), "{:?}", r.headers);
    }
    assert_eq!(s.get("/app?x").status, 200);
}

/// With patience enough the visitor who comes first after a change gets the new code.
#[test]
fn reload_wait() {
    only_ours!("the original knows no reload-wait=");
    let s = serving(defined("processes=1 threads=2 reload-wait=20", &version("v0")), 1);
    s.replace_file("app.wsgi", &version("v1"));
    let r = s.get("/app?x");
    assert!(r.status == 200 && r.text().starts_with("v1 "), "{} {}", r.status, r.text());
}

/// Found before anything is started.
#[test]
fn a_root_without_a_python() {
    only_ours!("the original needs no python inside");
    skip_if!(!is_root(), "chroot= is for root alone");
    let h = defined("chroot={dir}/htdocs", &script(PATIENT));
    h.expect_refusal(&["chroot", "/htdocs", "python"]);
}

/// A file system in the directory of a server. It is unmounted in any case, and only then the directory is let go.
struct Mounted(Directory, &'static str);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.join(self.1)).status();
    }
}

/// The socket cannot be made, and the line says why and what to do.
#[test]
fn a_file_system_that_is_full() {
    let h =
        group("", &script(PATIENT)).file("sockets/.keep", "").config("WSGISocketPrefix {dir}/sockets/wsgi");
    let place = h.dir().join("sockets");
    // Room for the directory alone.
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "nr_inodes=1,mode=755", "tmpfs"]).arg(&place);
    let mounted = mount.output().is_ok_and(|output| output.status.success());
    skip_if!(!mounted, "nothing can be mounted here");
    let _mounted = Mounted(h.directory(), "sockets");
    h.expect_refusal(&["sockets", "full"]);
}
