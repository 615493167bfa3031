//! Scripts that cannot be loaded or lack their callable, and what happens once they are mended.

use harness::*;

use crate::serving;

const LOADING: &str = "the original answers 500; ours says for how long with 503, Retry-After and an id";
const PRELOADED: &str =
    "the original loads it at the first request; ours when the process starts, which has another number";

/// The status of a request whose script could not be loaded.
#[track_caller]
fn assert_not_loaded(r: &Response) {
    assert_eq!(r.status, differs(500, 503, LOADING));
    assert!(r.status != 503 || r.header("Retry-After").is_some(), "503 without Retry-After");
}

#[test]
fn syntax_error() {
    let s = serving("def application(:\n")
        .expect_log(differs("WSGI0105: ", "WSGI0106: ", PRELOADED))
        .allow_log("WSGI0174: |WSGI1015: |WSGI1016: ")
        .expect_traceback("SyntaxError: ")
        .start();
    assert_not_loaded(&s.get("/"));
}

#[test]
fn import_error() {
    let s = serving("import no_such_module\n")
        .expect_log(differs("WSGI0109: ", "WSGI0110: ", PRELOADED))
        .allow_log("WSGI0174: |WSGI1015: |WSGI1016: ")
        .expect_traceback("No module named 'no_such_module'")
        .start();
    assert_not_loaded(&s.get("/"));
}

#[test]
fn exit_while_loading() {
    let s = serving("import sys\nsys.exit('leaving')\n")
        .expect_log(differs("WSGI0107: ", "WSGI0108: ", PRELOADED))
        .allow_traceback()
        .allow_log("leaving|SystemExit|WSGI1016: ")
        .start();
    assert_not_loaded(&s.get("/"));
}

/// A script that failed is tried again, and works once it is mended.
#[test]
fn failed_script_recovers() {
    let s = serving("import no_such_module\n")
        .expect_log(differs("WSGI0109: ", "WSGI0110: ", PRELOADED))
        .allow_log("WSGI0174: |WSGI1015: |WSGI1016: ")
        .expect_traceback("No module named")
        .start();
    assert_not_loaded(&s.get("/"));
    s.write_file("app.wsgi", "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'mended']\n");
    s.touch("app.wsgi");
    let r = harness::poll::until("the mended script", || Some(s.get("/")).filter(|r| r.status == 200));
    assert_eq!(r.body, b"mended");
}

#[test]
fn failed_script_is_no_module() {
    let s = serving(
        r"
        import os, sys
        marker = os.path.dirname(os.path.abspath(__file__)) + '/state/tried'
        if not os.path.exists(marker):
            open(marker, 'w').close()
            raise ValueError('first')
        def application(environ, start_response):
            start_response('200 OK', [])
            return [b'second']",
    )
    .expect_log(differs("WSGI0109: ", "WSGI0110: ", PRELOADED))
    .allow_log("WSGI0174: |WSGI1015: |WSGI1016: ")
    .expect_traceback("ValueError: first")
    .start();
    assert_not_loaded(&s.get("/"));
    let r = harness::poll::until("the second attempt", || Some(s.get("/")).filter(|r| r.status == 200));
    assert_eq!(r.body, b"second");
}

#[test]
fn missing_callable() {
    let s = serving("other = 1\n").expect_log("WSGI0089: .*application").start();
    let r = s.get("/");
    assert_eq!(
        r.status,
        differs(by_mode(404, 500), 500, "one status in both modes: the script is there, it is broken")
    );
}

#[test]
fn callable_that_is_none() {
    let s = serving("application = 5\n")
        .expect_log("WSGI0174: ")
        .expect_traceback("'int' object is not callable")
        .start();
    assert_eq!(s.get("/").status, 500);
}
