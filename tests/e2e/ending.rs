//! The end of Apache's children: requests in progress and exit functions. What does not end by itself is in
//! `ending_hung.rs`.
//!
//! `graceful-stop` and `graceful` (SIGWINCH, SIGUSR1) let requests finish for as long as they take; `stop` (SIGTERM)
//! gives them seconds, and the event and worker MPMs close their connections at once. In each case the child must end
//! by itself: one that httpd has to kill says so in the log (AH00046), which fails the test.

use std::thread;
use std::time::Instant;

use harness::poll::until;
use harness::*;

/// Notes what happens in a file: that it was loaded, that a request began, that its exit functions ran.
const APP: &str = "
    import atexit, os, threading, time
    import mod_wsgi

    HERE = os.path.dirname(os.path.abspath(__file__))
    GROUP = mod_wsgi.application_group or 'main'

    def note(*words):
        with open(HERE + '/state/notes', 'a') as file:
            file.write(' '.join(map(str, words)) + '\\n')

    note('load', GROUP, os.getpid())
    atexit.register(note, 'exit', GROUP, os.getpid())

    def application(environ, start_response):
        path = environ['PATH_INFO']
        if path.startswith('/sleep/'):
            note('began', GROUP, os.getpid())
            time.sleep(float(path[7:]))
        start_response('200 OK', [('Content-Type', 'text/plain'), ('X-Pid', str(os.getpid()))])
        return [b'first,', b'second']
    ";

/// What httpd says from three seconds after it asked a child to end.
pub const STILL_THERE: &str = "AH00045: child process [0-9]+ still did not exit";

/// The application in the main interpreter and in another one, both loaded before the child takes requests.
pub fn site(more: &str) -> Httpd {
    httpd().script("app.wsgi", &(text::dedent(APP) + &text::dedent(more))).config(
        "
        WSGIScriptAlias /main {dir}/app.wsgi process-group=%{GLOBAL} application-group=%{GLOBAL}
        WSGIScriptAlias /sub {dir}/app.wsgi process-group=%{GLOBAL} application-group=sub",
    )
}

pub fn notes(s: &Server, word: &str) -> Vec<String> {
    let prefix = format!("{word} ");
    let mut notes: Vec<String> = s
        .read_file("state/notes")
        .lines()
        .filter_map(|l| l.strip_prefix(&prefix).map(str::to_owned))
        .collect();
    notes.sort();
    notes
}

/// Waits for the children to have loaded the application in both interpreters.
pub fn loaded(s: &Server, times: usize) {
    let done = || notes(s, "load").len() == 2 * times && s.logged("WSGI1011: ").len() >= 2 * times;
    until("both interpreters", || done().then_some(()));
}

/// Sends a request and waits until the application has begun with it.
fn begin<'s>(s: &'s Server, target: &str) -> Connection<'s> {
    let before = notes(s, "began").len();
    let c = s.raw(format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
    until("the request to begin", || (notes(s, "began").len() > before).then_some(()));
    c
}

pub fn assert_whole(r: &Response) {
    assert_eq!((r.status, r.text().as_str(), r.complete), (200, "first,second", true));
}

/// Stops Apache at once; its children must end within that time. httpd's parent looks for them after 0.4, 1.9 and 2.3 s
/// only, so its own end tells nothing of theirs.
#[track_caller]
pub fn terminate_within(s: &Server, seconds: f64, what: &str) {
    let children = s.children();
    let begun = Instant::now();
    s.begin_to_terminate();
    s.wait_gone(&children);
    assert_within(begun, seconds, what);
    s.terminate();
}

/// Whatever was loaded has run its exit functions, once.
#[track_caller]
pub fn assert_exit_functions(s: &Server) {
    assert_eq!(notes(s, "exit"), notes(s, "load"), "exit functions run, scripts loaded");
    if mpm() != Mpm::Event {
        // There httpd itself may crash when told to end at once.
        assert_eq!(s.logged("exit signal"), [""; 0]);
    }
}

#[test]
fn graceful_stop_lets_a_request_finish() {
    for target in ["/main/sleep/0.5", "/sub/sleep/0.5"] {
        let s = site("").start();
        let mut request = begin(&s, target);
        let answered = thread::scope(|scope| {
            let client = scope.spawn(move || {
                assert_whole(&request.response());
                Instant::now()
            });
            s.stop();
            client.join().unwrap()
        });
        // httpd's parent looks for its children once a second.
        assert_within(answered, 2.5, "the end after the answer");
        assert_exit_functions(&s);
    }
}

/// Longer than what is left to a request at `stop`.
#[test]
fn graceful_restart_lets_a_long_request_finish() {
    let s = site("").start();
    let mut request = begin(&s, "/main/sleep/10");
    let old: u32 = notes(&s, "began")[0].rsplit_once(' ').unwrap().1.parse().unwrap();
    s.graceful();
    loaded(&s, 2);
    until("answers by a new child", || {
        let r = s.get("/sub");
        assert_whole(&r);
        (r.header("X-Pid") != Some(&old.to_string())).then_some(())
    });
    assert_whole(&request.response());
    drop(request);
    s.wait_gone(&[old]);
    assert_eq!(s.logged("WSGI1005"), [""; 0]);
    s.stop();
    assert_exit_functions(&s);
}

/// What a connection brings that was accepted before the restart is served as well.
#[test]
fn graceful_restart_serves_what_was_accepted() {
    let s = site("").start();
    let mut slow = begin(&s, "/main/sleep/2");
    // Accepted, the request's head still to come to its end; in prefork it waits in the backlog for a new child.
    let mut late = s.raw(b"GET /sub HTTP/1.1\r\nHost: x\r\n");
    s.graceful();
    loaded(&s, 2);
    late.send(b"Connection: close\r\n\r\n");
    assert_whole(&late.response());
    assert_whole(&slow.response());
}

/// The event MPM notices the limit on its listener thread, which must go on working.
#[test]
fn a_replaced_child_lets_a_request_finish() {
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = site("").config("MaxConnectionsPerChild 3").start();
    let mut slow = begin(&s, "/main/sleep/3");
    let begun = Instant::now();
    for _ in 0..8 {
        assert_whole(&s.get("/sub"));
    }
    assert_within(begun, 6.0, "eight requests");
    assert_whole(&slow.response());
    s.settle(|| s.get("/sub").header("X-Pid").and_then(|pid| pid.parse().ok()).expect("a pid"));
}

#[test]
fn stop_with_a_request_that_ends() {
    let s = site("").start();
    let mut request = begin(&s, "/main/sleep/0.5");
    let begun = Instant::now();
    thread::scope(|scope| {
        let client = scope.spawn(move || request.try_response());
        s.terminate();
        let answer = client.join().unwrap();
        if !mpm().is_threaded() {
            assert_whole(&answer.expect("an answer"));
        }
    });
    assert_within(begun, 3.0, "the stop");
    assert_exit_functions(&s);
}

/// A part of a page is served while the application of the page waits: the end waits for the page.
#[test]
fn stop_with_a_page_whose_part_has_been_served() {
    skip_if!(mpm().is_threaded(), "there httpd closes connections at once");
    let page = "
        def page(environ, start_response):
            start_response('200 OK', [('Content-Type', 'text/html')])
            yield b'<!--#include virtual=\"/main\" -->'
            # mod_include reads on behind the tag before it includes anything.
            yield b','
            note('began', GROUP, os.getpid())
            time.sleep(1)
            yield b'end'";
    let s = site(page)
        .module("include")
        .config(
            "
            WSGIScriptAlias /page {dir}/app.wsgi process-group=%{GLOBAL} application-group=%{GLOBAL} callable-object=page
            <Location /page>
                Options +Includes
                SetOutputFilter INCLUDES
            </Location>",
        )
        .start();
    let mut request = begin(&s, "/page");
    thread::scope(|scope| {
        let client = scope.spawn(move || request.try_response());
        s.terminate();
        let answer = client.join().unwrap().expect("an answer");
        assert_eq!((answer.text().as_str(), answer.complete), ("first,second,end", true));
    });
    assert_exit_functions(&s);
}

#[test]
fn stop_with_a_request_that_does_not_end() {
    for target in ["/main/sleep/60", "/sub/sleep/60"] {
        let s = site("").expect_log("WSGI1005: .*request of '.*app.wsgi'").allow_log(STILL_THERE).start();
        let _request = begin(&s, target);
        let begun = Instant::now();
        s.terminate();
        assert_within(begun, 9.0, "the stop");
        assert_exit_functions(&s);
    }
}

#[test]
fn exit_functions_run_once() {
    let s = site("").children(2).start();
    loaded(&s, 2);
    let old = s.children();
    s.graceful();
    loaded(&s, 4);
    s.wait_gone(&old);
    assert_eq!(notes(&s, "exit").len(), 4, "after the restart");
    let begun = Instant::now();
    s.terminate();
    assert_within(begun, 3.0, "the stop");
    assert_exit_functions(&s);
}
