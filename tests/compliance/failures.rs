//! What the client and the log get when an application fails, and that the process serves on.

use crate::{serving, truncation_is_hidden};

/// A request to a failing application, then one to a sound one in the same process.
#[track_caller]
fn fails_with_500(body: &str, headline: &str, error: &str) {
    let body: String = harness::text::dedent(body).lines().map(|line| format!("        {line}\n")).collect();
    let script = format!(
        "import os, sys\n\
         def application(environ, start_response):\n    \
             if environ['PATH_INFO'] == '/pid':\n        \
                 start_response('200 OK', [])\n        \
                 return [str(os.getpid()).encode()]\n    \
             else:\n\
         {body}"
    );
    let s = serving(&script).allow_log("WSGI0174: ").expect_log(headline).expect_traceback(error).start();
    let pid = s.get("/pid").text();
    let r = s.get("/fail");
    assert_eq!(r.status, 500, "{body}: {}", r.text());
    assert!(r.text().contains("Internal Server Error"), "Apache's error page, not {}", r.text());
    assert_eq!(s.get("/pid").text(), pid, "the process serves on");
}

#[test]
fn exception() {
    fails_with_500("raise ValueError('boom')", "WSGI0174: .*ValueError.*app.wsgi", r"\] ValueError: boom");
}

#[test]
fn exception_in_the_iterable_before_data() {
    fails_with_500(
        "
        def body():
            yield b''
            raise ValueError('boom')
        start_response('200 OK', [])
        return body()",
        "WSGI0174: ",
        r"\] ValueError: boom",
    );
}

#[test]
fn chained_exception() {
    let body = "
        try:
            raise KeyError('inner')
        except KeyError as e:
            raise ValueError('outer') from e";
    fails_with_500(body, r"\] KeyError: 'inner'", r"\] ValueError: outer");
}

#[test]
fn system_exit() {
    fails_with_500("sys.exit(3)", "WSGI0175: ", "SystemExit: 3|WSGI0175");
}

#[test]
fn no_start_response() {
    let message = r"start_response\(\) must be called before response content is produced";
    fails_with_500("return [b'', b'x']", "WSGI0174: ", message);
    fails_with_500("return []", "WSGI0174: ", message);
}

#[test]
fn wrong_results() {
    let begin = "start_response('200 OK', [])\n";
    for (result, error) in [
        ("return None", "TypeError: 'NoneType' object is not iterable"),
        ("return 5", "TypeError: 'int' object is not iterable"),
        ("return ['text']", "TypeError: response iterable must yield bytes, not str"),
        ("return 'text'", "TypeError: response iterable must yield bytes, not str"),
        ("return [None]", "TypeError: response iterable must yield bytes, not NoneType"),
        ("return [bytearray(b'x')]", "TypeError: response iterable must yield bytes, not bytearray"),
    ] {
        fails_with_500(&format!("{begin}{result}"), "WSGI0174: ", error);
    }
    fails_with_500(
        "start_response('200 OK', [])('text')",
        "WSGI0174: ",
        r"TypeError: write\(\) argument must be bytes, not str",
    );
}

#[test]
fn bad_content_length() {
    for length in ["abc", "-1", "1x"] {
        fails_with_500(
            &format!("start_response('200 OK', [('Content-Length', '{length}')])\nreturn [b'x']"),
            "WSGI0174: ",
            r"\] ValueError: ",
        );
    }
}

/// After data an error can only be told by cutting the answer: the last chunk must be missing.
#[test]
fn exception_after_data() {
    let s = serving(
        r"
        def application(environ, start_response):
            start_response('200 OK', [])
            yield b'some'
            raise ValueError('boom')",
    )
    .expect_log("WSGI0174: ")
    .expect_traceback("ValueError: boom")
    .start();
    let r = s.get("/");
    assert_eq!((r.status, r.body.as_slice(), r.chunked), (200, b"some".as_slice(), true));
    assert_eq!(r.complete, truncation_is_hidden(), "looks complete to the client");
}

#[test]
fn exception_after_data_with_length() {
    let s = serving(
        r"
        def application(environ, start_response):
            start_response('200 OK', [('Content-Length', '10')])
            yield b'some'
            raise ValueError('boom')",
    )
    .expect_log("WSGI0174: ")
    .expect_traceback("ValueError: boom")
    .start();
    let mut c = s.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let r = c.response();
    assert_eq!(
        (r.body.as_slice(), r.complete),
        (b"some".as_slice(), false),
        "closed, even when asked to keep alive"
    );
}

#[test]
fn error_document_for_failures() {
    let s = serving("def application(environ, start_response): raise ValueError('boom')\n")
        .config("ErrorDocument 500 custom-page")
        .expect_log("WSGI0174: ")
        .expect_traceback("ValueError: boom")
        .start();
    let r = s.get("/");
    assert_eq!((r.status, r.text().as_str()), (500, "custom-page"));
}
