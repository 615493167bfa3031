//! wsgi.input: reading the request's body, whole or in parts, with a length or in chunks.

use harness::*;

use crate::{answering, body_goes_first, serving};

/// Answers with the value of an expression in which `input` is wsgi.input.
fn evaluating(expression: &str) -> Httpd {
    let statements = format!(
        "
        input = environ['wsgi.input']
        def attempt(call):
            try:
                return call()
            except Exception as e:
                return '%s: %s' % (type(e).__name__, e)
        result = repr({expression})"
    );
    serving(&answering(&statements))
}

#[track_caller]
fn check(expression: &str, body: &str, answer: &str) {
    let s = evaluating(expression).start();
    assert_eq!(s.post("/", body).text(), answer, "{expression}");
}

#[test]
fn read() {
    check("input.read()", "hello", "b'hello'");
    check(
        "[input.read(2), input.read(2), input.read(2), input.read(2)]",
        "hello",
        "[b'he', b'll', b'o', b'']",
    );
    check("[input.read(-1), input.read(), input.read(1)]", "hello", "[b'hello', b'', b'']");
    check("[input.read(0), input.read(100)]", "hello", "[b'', b'hello']");
}

#[test]
fn read_refuses_none() {
    let s = evaluating("attempt(lambda: input.read(None))").start();
    let answer = s.post("/", "x").text();
    assert!(answer.contains("TypeError"), "{answer}");
}

#[test]
fn lines() {
    let body = "one\ntwo\n\nfour";
    check("[input.readline(), input.readline()]", body, r"[b'one\n', b'two\n']");
    check("[input.readline(2), input.readline(2), input.readline(9)]", body, r"[b'on', b'e\n', b'two\n']");
    check("input.readlines()", body, r"[b'one\n', b'two\n', b'\n', b'four']");
    check("list(input)", body, r"[b'one\n', b'two\n', b'\n', b'four']");
    check(
        "[input.readline(), input.read(3), list(input)]",
        body,
        r"[b'one\n', b'two', [b'\n', b'\n', b'four']]",
    );
    check("[input.readline() for _ in range(2)]", "no newline", "[b'no newline', b'']");
    check("b''.join(input.readlines(1))[:4]", body, r"b'one\n'");
}

#[test]
fn close_does_nothing() {
    check("[input.close(), input.read()]", "x", "[None, b'x']");
}

#[test]
fn without_body() {
    let s = evaluating("[input.read(), input.read(5), input.readline(), list(input)]").start();
    assert_eq!(s.get("/").text(), "[b'', b'', b'', []]");
    assert_eq!(s.post("/", "").text(), "[b'', b'', b'', []]");
}

/// Every size around the buffers people choose, back unchanged.
#[test]
fn echo_of_all_sizes() {
    let s = httpd().config("WSGIScriptAlias / {apps}/echo.wsgi\nWSGIChunkedRequest On").start();
    let sizes = [1usize, 1023, 8191, 8192, 8193, 65535, 65536, 65537, 1 << 20, (8 << 20) + 1];
    // Answering while it reads, the application waits for a child that waits for it.
    let limit = if body_goes_first() { 65537 } else { usize::MAX };
    for size in sizes.into_iter().filter(|size| *size <= limit) {
        let body: Vec<u8> = (0..size).map(|i| (i * 7 % 251) as u8).collect();
        assert!(s.post("/", &body).body == body, "{size} bytes with a length");
        let chunks: Vec<&[u8]> = body.chunks(size.div_ceil(3).max(1)).collect();
        assert!(s.request("POST", "/").chunks(&chunks).send().body == body, "{size} bytes in chunks");
    }
}

#[test]
fn long_lines() {
    let s = evaluating("[len(line) for line in input]").start();
    let body = format!("{}\n{}\nx", "a".repeat(100_000), "b".repeat(8191));
    assert_eq!(s.post("/", body).text(), "[100001, 8192, 1]");
}

#[test]
fn chunked_needs_the_directive() {
    let s = evaluating("input.read()").expect_log("WSGI0139: ").start();
    assert_eq!(s.request("POST", "/").chunks(&[b"abc"]).send().status, 411);
    drop(s);
    let s = evaluating("[environ.get('CONTENT_LENGTH'), input.read(2), input.read(), input.read()]")
        .config("WSGIChunkedRequest On")
        .start();
    let r = s.request("POST", "/").chunks(&[b"abc", b"def"]).send();
    assert_eq!(r.text(), "[None, b'ab', b'cdef', b'']");
}

#[test]
fn chunked_by_directory() {
    let s = httpd()
        .config(
            "
            WSGIScriptAlias / {apps}/echo.wsgi
            <Location /on>
            WSGIChunkedRequest On
            </Location>",
        )
        .expect_log("WSGI0139: ")
        .start();
    assert_eq!(s.request("POST", "/on").chunks(&[b"abc"]).send().body, b"abc");
    assert_eq!(s.request("POST", "/off").chunks(&[b"abc"]).send().status, 411);
}

/// A chunk is readable as soon as it has come, not when all have.
#[test]
fn chunks_arrive_one_by_one() {
    skip_if!(body_goes_first(), "no answer before the whole body");
    let s = serving(
        r"
        def application(environ, start_response):
            start_response('200 OK', [])
            while True:
                block = environ['wsgi.input'].read(3)
                if not block:
                    return
                yield block.upper()",
    )
    .config("WSGIChunkedRequest On")
    // What fits there is read first.
    .group("request-buffer-size=0")
    .start();
    let mut c =
        s.raw(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    let mut got = Vec::new();
    for (chunk, answer) in [("3\r\nabc\r\n", "ABC"), ("3\r\ndef\r\n", "DEF")] {
        c.send(chunk.as_bytes());
        while !String::from_utf8_lossy(&got).contains(answer) {
            let some = c.some(1000);
            assert!(!some.is_empty(), "ended before {answer}");
            got.extend(some);
        }
    }
    c.send(b"0\r\n\r\n");
    assert!(c.rest().ends_with(b"0\r\n\r\n"));
}

#[test]
fn other_transfer_encodings() {
    let s = evaluating("1").allow_log("WSGI0138: |AH0").start();
    let request = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\n";
    let status = s.raw(request).response().status;
    assert!(status == 501 || status == 400, "{status}");
}

#[test]
fn bad_content_length() {
    let s = evaluating("1").allow_log("WSGI0141: |AH0").start();
    for length in ["-1", "abc", "1x"] {
        let head =
            format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        assert_eq!(s.raw(head.as_bytes()).response().status, 400, "{length}");
    }
}

/// A declared length above the limit: the application never runs.
#[test]
fn limit_request_body() {
    let s = evaluating("[input.read(), open(os.path.dirname(__file__) + '/state/ran', 'a').write('x')]")
        .config("LimitRequestBody 10")
        .allow_log("AH01588|AH00587|Requested content-length")
        .start();
    assert_eq!(s.post("/", "0123456789ab").status, 413);
    assert_eq!(s.read_file("state/ran"), "");
    assert_eq!(s.post("/", "0123456789").status, 200);
}

#[test]
fn chunked_body_above_the_limit() {
    let s = evaluating("attempt(lambda: input.read())")
        .config("LimitRequestBody 10\nWSGIChunkedRequest On")
        .allow_log("AH0158[78]|AH00587|WSGI012[68]|read error|request data")
        .start();
    let r = s.request("POST", "/").chunks(&[b"0123456789ab"]).send();
    assert!(r.status == 413 || r.text().contains("OSError"), "{} {}", r.status, r.text());
    assert_eq!(s.request("POST", "/").chunks(&[b"0123"]).send().text(), "b'0123'");
}

/// The application reads nothing: the connection still serves the next request.
#[test]
fn unread_body() {
    let s = serving(&answering("result = environ['PATH_INFO']")).start();
    let mut c = s.connect();
    for path in ["/1", "/2"] {
        let body = "x".repeat(100_000);
        c.send(format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{body}").as_bytes());
        assert_eq!(c.response().text(), path);
    }
}

#[test]
fn expect_continue() {
    let head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n";
    let s = evaluating("input.read()").start();
    let mut c = s.raw(head);
    let interim = String::from_utf8_lossy(&c.some(100)).into_owned();
    assert!(interim.starts_with("HTTP/1.1 100 "), "{interim}");
    c.send(b"abc");
    assert_eq!(c.response().text(), "b'abc'");
    drop(c);
    drop(s);
    // Not read: the application answers before the client sends, unless it has no thread before the body is there.
    let s = serving(&answering("result = 'no'")).start();
    let mut c = s.raw(head);
    if mode() == Mode::Daemon {
        assert!(
            c.some(100).starts_with(b"HTTP/1.1 100 "),
            "it asks for the body, whatever the application does"
        );
        c.send(b"abc");
        assert_eq!(c.response().text(), "no");
        return;
    }
    let r = c.response();
    assert_eq!((r.status, r.interim.len()), (200, 0));
}

#[test]
fn client_leaves_in_the_middle_of_the_body() {
    let s = evaluating("open(os.path.dirname(__file__) + '/state/error', 'w').write(str(attempt(lambda: input.read())) + '\\n')")
        .allow_log("WSGI0126|WSGI0128|request data read error|client connection closed")
        .start();
    let c = s.raw(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
    c.abort();
    if (subject(), mode()) == (Subject::Ours, Mode::Daemon) {
        s.wait_log("WSGI1012: ");
        assert_eq!(s.read_file("state/error"), "", "the application is not asked");
        return;
    }
    let error = harness::poll::until("an error in read()", || {
        Some(s.read_file("state/error")).filter(|text| text.ends_with('\n'))
    });
    let kind = differs("OSError", "ClientDisconnected", "a subclass of OSError that says whose fault it is");
    assert!(error.starts_with(&format!("{kind}: mod_wsgi request data read error")), "{error}");
}

/// Half closed, with bytes missing: an error, not the end of the body.
#[test]
fn body_cut_short() {
    let s = evaluating("attempt(lambda: input.read())").allow_log("WSGI0126|WSGI0128|read error").start();
    let mut c = s.raw(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nConnection: close\r\n\r\nabc");
    c.half_close();
    let got = String::from_utf8_lossy(&c.rest()).into_owned();
    assert!(!got.contains("b'abc'"), "{got}");
}

#[test]
fn input_after_the_request_is_over() {
    let s = serving(
        r"
        KEPT = []
        def application(environ, start_response):
            result = 'first'
            if KEPT:
                try:
                    result = repr(KEPT[0].read())
                except RuntimeError as e:
                    result = 'RuntimeError'
            KEPT.append(environ['wsgi.input'])
            start_response('200 OK', [])
            return [result.encode()]",
    )
    .start();
    assert_eq!(s.get("/").text(), "first");
    assert_eq!(s.get("/").text(), "RuntimeError");
}

/// An input filter's work is what the application reads.
#[test]
fn input_filters_apply() {
    let s = evaluating("input.read()").config("SetInputFilter DEFLATE").start();
    // gzip of b"hello" as one stored block.
    let mut body = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 5, 0, 0xfa, 0xff];
    body.extend(b"hello");
    body.extend(0x3610_a686_u32.to_le_bytes());
    body.extend(5_u32.to_le_bytes());
    let r = s.request("POST", "/").header("Content-Encoding", "gzip").body(&body).send();
    assert_eq!(r.text(), "b'hello'");
}
