//! What the tests of daemon mode share: a group of two processes whose application takes a second to start, the notes
//! that it writes, and who serves.

use std::time::Duration;

use harness::poll::until;
use harness::*;

use crate::starting::{Note, noted, notes, notes_source, pids};

/// Clients of every load.
pub const CLIENTS: usize = 8;

/// What every script of these tests begins with; see [`notes_source`] for the rest. The environment of Apache is not
/// asked for anything.
const PRELUDE: &str = "
    import os, sys, threading, time

    HERE = os.path.dirname(os.path.abspath(__file__))

    def answer(environ, start_response, *words):
        # A word of a load, which the harness compares with what its clients got.
        if environ['QUERY_STRING'].count('.') == 2:
            with open(HERE + '/state/seen', 'a') as file:
                file.write(environ['QUERY_STRING'] + '\\n')
        body = ' '.join(map(str, [*words, environ['QUERY_STRING']])).encode()
        start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(body)))])
        return [body]
    ";

/// A script: the helpers above and what it does itself.
pub fn script(body: &str) -> String {
    text::dedent(PRELUDE) + &notes_source() + &text::dedent(body)
}

/// The application of the table: it takes a second to start, and answers with its version and who it is.
pub fn version(version: &str) -> String {
    script(&format!(
        "
        time.sleep(1)
        note('load', '{version}')
        def application(environ, start_response):
            return answer(environ, start_response, '{version}', os.getpid())"
    ))
}

/// A script at `/app` in the group `g`, with these options beside `processes=2 threads=8`, and a static file.
pub fn group(options: &str, script: &str) -> Httpd {
    defined(&format!("processes=2 threads=8 {options}"), script)
}

/// The same with these options only.
pub fn defined(options: &str, script: &str) -> Httpd {
    // In prefork every connection that is kept open has a child of its own.
    let (children, embedded) =
        if mpm().is_threaded() { (1, "") } else { (CLIENTS as u32 + 4, "WSGIRestrictEmbedded On") };
    httpd()
        .children(children)
        // A dozen children that start a Python nobody asks for are most of the work of such a test.
        .config(embedded)
        .script("app.wsgi", script)
        .file("htdocs/static.txt", "static")
        .config(&format!("WSGISocketPrefix {{dir}}/run/wsgi\nWSGIDaemonProcess g {options}"))
        .config("WSGIScriptAlias /app {dir}/app.wsgi process-group=g application-group=%{GLOBAL}")
}

/// Starts it and waits until so many processes have loaded the script and one of them serves.
#[track_caller]
pub fn serving(h: Httpd, processes: usize) -> Server {
    let s = h.start();
    noted(&s, "load", processes);
    assert_eq!(s.get("/app?x").status, 200);
    s
}

/// The clients of a load, at work; beside them some that ask for a file, which tells how slow the machine is just now.
pub struct Watched {
    load: Load,
    files: Load,
}

impl std::ops::Deref for Watched {
    type Target = Load;

    fn deref(&self) -> &Load {
        &self.load
    }
}

impl Watched {
    /// What the clients saw, and the slowest answer of a file meanwhile.
    pub fn figures(self) -> (harness::Summary, std::time::Duration) {
        let files = self.files.stop();
        println!("static: {files}");
        (self.load.stop(), files.slowest())
    }

    /// What the clients saw.
    pub fn stop(self) -> harness::Summary {
        self.figures().0
    }
}

/// The clients of a load, at work.
pub fn load(s: &Server) -> Watched {
    Watched { load: s.load(CLIENTS, "/app?"), files: s.load(3, "/static.txt") }
}

/// The process that an answer of [`version`] came from.
pub fn pid(answer: &Answer) -> u32 {
    pid_of(&answer.body).unwrap_or_else(|| panic!("no pid in an answer: {answer:?}"))
}

pub fn pid_of(body: &str) -> Option<u32> {
    body.split(' ').nth(1)?.parse().ok()
}

/// The processes that have loaded the script so far.
pub fn loaded(s: &Server) -> Vec<u32> {
    pids(&notes(s, "load"))
}

/// Waits until so many processes, all told, have loaded the script, and for the newest of them.
#[track_caller]
pub fn newest(s: &Server, times: usize) -> Note {
    noted(s, "load", times).pop().expect("a note")
}

/// Waits until all that is answered comes from processes that these are not.
#[track_caller]
pub fn others_serve(load: &Load, old: &[u32]) {
    load.settled("others serve", |a| pid_of(&a.body).is_some_and(|pid| !old.contains(&pid)));
}

/// Waits for processes to end.
#[track_caller]
pub fn gone(pids: &[u32]) {
    until(&format!("the end of {pids:?}"), || (!pids.iter().any(|pid| daemon::is_alive(*pid))).then_some(()));
}

/// Waits until so many processes that have loaded the script are left, and they are all the workers there are, of one
/// supervisor. The original has none: its processes are children of httpd's parent.
#[track_caller]
pub fn settled(s: &Server, workers: usize) -> Vec<u32> {
    until(&format!("one supervisor and {workers} workers"), || {
        let mut left = loaded(s);
        left.retain(|pid| daemon::is_alive(*pid));
        let mut found = if subject() == Subject::Ours { s.workers() } else { left.clone() };
        found.sort();
        let one = subject() == Subject::ModWsgi || s.supervisors().len() == 1;
        (one && found == left && left.len() == workers).then_some(left)
    })
}

/// Waits until one takes the place of a supervisor that was killed.
#[track_caller]
pub fn another_supervisor(s: &Server, old: u32) {
    until("another supervisor", || s.supervisors().iter().any(|pid| *pid != old).then_some(()));
}

/// Waits for the line that says why a process is replaced.
#[track_caller]
pub fn told(s: &Server, pid: u32, why: &str) -> String {
    s.wait_log(&format!("process {pid} .*(?:{why})"))
}

/// Whether a request was under way at some moment between two.
pub fn spans(answer: &Answer, moments: (Duration, Duration)) -> bool {
    answer.began <= moments.1 && answer.ended() >= moments.0
}
