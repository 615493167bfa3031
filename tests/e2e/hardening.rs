//! Faults that were found and mended, each kept from coming back: what clients and applications do that is unusual, and
//! what the answer, the connection and the log are after it. Processes, threads and memory are in
//! `hardening_process.rs`.

use harness::poll::until;
use harness::*;

const HEAD: &str = "
    import os, subprocess, sys, threading, time, mod_wsgi

    def note(*words):
        with open(os.path.dirname(os.path.abspath(__file__)) + '/state/notes', 'a') as file:
            file.write(' '.join(map(str, words)) + '\\n')

    note('load')
    ";

/// A server whose application has these lines as its body.
pub fn application(body: &str) -> Httpd {
    let body: String = text::dedent(body).lines().map(|line| format!("    {line}\n")).collect();
    let script = text::dedent(HEAD) + "def application(environ, start_response):\n" + &body;
    httpd().script("app.wsgi", &script).config("WSGIScriptAlias / {dir}/app.wsgi application-group=%{GLOBAL}")
}

/// How many lines of the notes begin with this word.
pub fn notes(s: &Server, word: &str) -> usize {
    s.read_file("state/notes").lines().filter(|line| line.split(' ').next() == Some(word)).count()
}

/// The first block must not go out before the second is known to be bytes: the client would take it for the whole.
#[test]
fn a_list_with_a_wrong_item_is_an_error_page() {
    let s = application("start_response('200 OK', [])\nreturn [b'abc', 'str']")
        .expect_log("WSGI0174: ")
        .expect_traceback("TypeError: response iterable must yield bytes, not str")
        .start();
    let r = s.get("/");
    assert!(r.status == 500 && r.complete && !r.text().contains("abc"), "{} {}", r.status, r.text());
}

/// An orderly close with bytes missing is the client's doing like a reset: no traceback.
#[test]
fn a_client_that_closes_in_the_middle_of_an_upload() {
    let s = application(
        "
        try:
            environ['wsgi.input'].read()
        except mod_wsgi.ClientDisconnected:
            note('disconnected')
            raise",
    )
    .start();
    for times in 1..=2 {
        let mut c = s.raw(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
        if times == 1 {
            c.half_close();
            assert!(!c.rest().starts_with(b"HTTP/1.1 2"));
        }
        drop(c);
        until("ClientDisconnected and its line", || {
            (notes(&s, "disconnected") == times && s.logged("WSGI1012").len() == times).then_some(())
        });
    }
    s.logged_times(r"\[wsgi:info\].*WSGI1012", 2);
    assert_eq!(s.logged("Traceback|WSGI0174"), [""; 0]);
}

/// Only names are lower-cased, not the path that is opened.
#[test]
fn case_sensitivity_off_with_capitals_in_the_path() {
    let s = httpd()
        .script("Sites/My App.WSGI", "def application(e, s): s('200 OK', []); return [__file__.encode()]")
        .config("WSGICaseSensitivity Off\nWSGIScriptAlias / \"{dir}/Sites/My App.WSGI\"")
        .start();
    let r = s.get("/");
    assert!(r.status == 200 && r.text().ends_with("/Sites/My App.WSGI"), "{} {}", r.status, r.text());
}

/// A 304 tells the length of what it does not send: nothing is missing.
#[test]
fn not_modified_with_a_length_keeps_the_connection() {
    let s = application("start_response('304 Not Modified', [('Content-Length', '100')])\nreturn []").start();
    let mut c = s.connect();
    for _ in 0..3 {
        c.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(c.read(true).status, 304);
    }
    assert_eq!(s.logged("WSGI1006"), [""; 0]);
}

/// httpd makes four characters of each such byte: a line that is too long for it must be split, and come to an end.
#[test]
fn binary_text_in_the_log() {
    let s = application(
        r"
        if environ['PATH_INFO'] == '/log':
            environ['wsgi.errors'].buffer.write(b'\x80' * 7500 + b'\n')
        start_response('200 OK', [])
        return [b'ok']",
    )
    .expect_log(r"\] (\\x80|�)+$")
    .start();
    for target in ["/log", "/", "/log", "/"] {
        assert_eq!(s.get(target).text(), "ok");
    }
    let size: usize = s.error_log().iter().map(String::len).sum();
    assert!(size < 1_000_000, "{size} bytes in the log");
}

/// Only GET is answered 304; what is not sent is closed all the same.
#[test]
fn conditional_requests() {
    let s = application(
        "
        class Body(list):
            def close(self):
                note('closed')
        start_response('200 OK', [('ETag', '\"v1\"'), ('Last-Modified', 'Thu, 01 Jan 1998 00:00:00 GMT'),
            ('Content-Length', '4')])
        return Body([b'bo', b'dy'])",
    )
    .start();
    let (tag, since) = ("If-None-Match", "If-Modified-Since");
    let cases = [
        ("GET", tag, "\"v1\"", 304),
        ("GET", tag, "\"v2\"", 200),
        ("GET", since, "Thu, 01 Jan 1998 00:00:00 GMT", 304),
        ("GET", since, "Wed, 31 Dec 1997 00:00:00 GMT", 200),
        ("HEAD", tag, "\"v2\"", 200),
        ("POST", tag, "\"v1\"", 200),
    ];
    let mut c = s.connect();
    for (n, (method, name, value, status)) in cases.into_iter().enumerate() {
        let keep = |r: Request| r.header(name, value).header("Connection", "keep-alive").bytes();
        c.send(&keep(s.request(method, "/")));
        let r = c.read(method == "HEAD" || status == 304);
        assert_eq!(r.status, status, "{method} {name}: {value}");
        let body: &[u8] = if method == "HEAD" || status == 304 { b"" } else { b"body" };
        assert_eq!(r.body, body, "{method} {name}: {value}");
        until("close()", || (notes(&s, "closed") == n + 1).then_some(()));
    }
}

/// Text of the application is no format of C's.
#[test]
fn percent_signs_in_the_log() {
    let s = application("print('%s%n%d 100%')\nstart_response('200 OK', [])\nreturn [b'ok']")
        .expect_log(r"\] %s%n%d 100%$")
        .start();
    assert_eq!(s.get("/").text(), "ok");
}

/// Nested data overflows a small stack; whoever set one is told before it happens.
#[test]
fn small_stacks_get_a_notice() {
    skip_if!(!mpm().is_threaded(), "prefork's stack is the process's own");
    let s = httpd().config("ThreadStackSize 524288").start();
    s.wait_log("WSGI1003: ThreadStackSize 524288");
}
