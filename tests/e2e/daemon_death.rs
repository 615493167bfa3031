//! A worker that dies: what the log says of it, what its requests get, and that nobody else is touched.

use std::time::Duration;

use harness::poll::until;
use harness::*;

use crate::daemon::*;
use crate::starting::{noted, notes};

/// Dies in the ways that a path names, and has its siblings go on.
const DYING: &str = "
    import ctypes
    note('load', 'v0')
    def application(environ, start_response):
        path = environ['PATH_INFO']
        if path not in ('', '/'):
            note('began', path)
        if path == '/null':
            ctypes.string_at(0)
        if path == '/exit':
            os._exit(7)
        if path == '/wait':
            wait_for('go')
        return answer(environ, start_response, 'v0', os.getpid())
    ";

/// What stands in the one line about a death, beside how it came to pass: who, how large, how old, in which phase, and how
/// many requests were under way.
#[track_caller]
fn assert_told_of(s: &Server, pid: u32, how: &str, requests: usize) {
    let line = s.wait_log(&format!("WSGI[0-9]+: .*{pid}.*(?:{how})"));
    // One whose answer the client has may not have come to its end in the process.
    let requests = format!("({requests}|{}) request", requests + 1);
    for part in ["[0-9]+ (MB|MiB)", "[0-9.]+ (s|min|h)", "serving|starting", &requests] {
        let found = regex_lite::Regex::new(part).unwrap().is_match(&line);
        assert!(found, "no /{part}/ in: {line}");
    }
}

fn dying() -> Server {
    let h = group("", &script(DYING))
        .allow_crash()
        .allow_log(r"<no Python frame>|^$")
        .expect_log("WSGI0146: a process of group 'g' ")
        .expect_log("WSGI1029: process [0-9]+ of group 'g' ");
    serving(h, 2)
}

/// Python's own stack is in the log, though the process cannot write there any more when it is over.
#[test]
fn a_null_pointer() {
    let s = dying();
    let begun = s.get("/app/null");
    assert_eq!(begun.status, 502, "{}", begun.text());
    let pid = notes(&s, "began")[0].pid;
    assert_told_of(&s, pid, "SIGSEGV", 1);
    s.wait_log("Fatal Python error: Segmentation fault");
    s.wait_log(r#"File ".*app.wsgi", line [0-9]+ in application"#);
    newest(&s, 3);
    gone(&[pid]);
    assert_eq!(s.get("/app/?x").status, 200);
    settled(&s, 2);
}

/// As above, from outside and while a request waits.
#[test]
fn a_signal() {
    for (signal, name) in [(libc::SIGSEGV, "SIGSEGV"), (libc::SIGABRT, "SIGABRT"), (libc::SIGKILL, "SIGKILL")]
    {
        let s = dying();
        let mut request = s.raw(&s.request("GET", "/app/wait?x").bytes());
        let pid = noted(&s, "began", 1)[0].pid;
        s.send(pid, signal);
        assert_eq!(request.response().status, 502, "{name}");
        assert_told_of(&s, pid, name, 1);
        // The request is named as it is in its own line.
        let lost = s.wait_log("WSGI0146: ");
        let id = regex(r"\[id ([^\]]+)\]").captures(&lost).expect("an id")[1].to_owned();
        s.wait_log(&format!(
            r"WSGI1029: .* 1 request in flight \(GET /app/wait, id {}\)",
            regex_lite::escape(&id)
        ));
        newest(&s, 3);
        assert_eq!(s.get("/app/?x").status, 200);
        settled(&s, 2);
    }
}

/// The worker of a group with one application is its own.
#[test]
fn os_exit() {
    let s = dying();
    let others = settled(&s, 2);
    assert_eq!(s.get("/app/exit").status, 502);
    let pid = notes(&s, "began")[0].pid;
    assert_told_of(&s, pid, "(exit )?(status|code) 7", 1);
    newest(&s, 3);
    let left: Vec<u32> = others.into_iter().filter(|other| *other != pid).collect();
    assert!(left.iter().all(|pid| daemon::is_alive(*pid)), "{left:?}");
    assert_eq!(s.get("/app/?x").status, 200);
    settled(&s, 2);
}

/// A request that no worker has begun with is nobody's loss: it goes to one that lives.
#[test]
fn requests_that_wait_are_served_by_another() {
    let h = defined("processes=1 threads=1", &script(DYING))
        .expect_log("WSGI0146: a process of group 'g' ")
        .expect_log(r"WSGI1029: process [0-9]+ of group 'g' .*signal 9 \(SIGKILL\)");
    let s = serving(h, 1);
    let mut busy = s.raw(&s.request("GET", "/app/wait?x").bytes());
    let pid = noted(&s, "began", 1)[0].pid;
    let ask = |n: usize| s.raw(&s.request("GET", &format!("/app/?{n}")).bytes());
    let waiting: Vec<Connection> = (0..3).map(ask).collect();
    s.send(pid, libc::SIGKILL);
    assert_eq!(busy.response().status, 502);
    for (n, mut connection) in waiting.into_iter().enumerate() {
        let r = connection.response();
        assert_eq!(r.status, 200, "{}", r.text());
        assert!(r.text().ends_with(&format!(" {n}")), "{}", r.text());
    }
}

/// What keeps dying is started again more and more slowly, and Apache serves its files meanwhile.
#[test]
fn a_script_that_kills_every_process() {
    skip_if!(spawns_by_fork(), "about processes that load the script");
    let s = group("", &script("import ctypes\nnote('load', 'v0')\nif not exists('mended'):\n    ctypes.CDLL(None)._exit(3)\ndef application(e, s):\n    return answer(e, s, 'v0', os.getpid())"))
        .expect_log("WSGI1029: process [0-9]+ of group 'g' .*exit status 3; it was starting")
        // Which of them a request meets is a matter of how quickly three starts have failed.
        .allow_log("WSGI1040: no process of group 'g' serves|WSGI1066: |WSGI1015: ")
        .start();
    noted(&s, "load", 2);
    assert_eq!(s.get("/static.txt").text(), "static");
    let r = s.get("/app?x");
    assert_eq!(r.status, 503, "{}", r.text());
    // Two processes without any delay would have been started hundreds of times.
    poll::within(Duration::from_secs(2), || (notes(&s, "load").len() > 20).then_some(()));
    assert!(notes(&s, "load").len() <= 20, "{} starts", notes(&s, "load").len());
    s.write_file("mended", "");
    until("the application", || (s.get("/app?x").status == 200).then_some(()));
}
