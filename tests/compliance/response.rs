//! Responses: the body, its length and framing, headers on the wire, HEAD.

use harness::*;

use crate::application;

#[test]
fn plain() {
    let s = application(
        "
        start_response('200 OK', [('Content-Type', 'text/x'), ('X-a-B', 'c'), ('Content-Length', '2')])
        return [b'ok']",
    )
    .start();
    let r = s.get("/");
    assert_eq!((r.status, r.reason.as_str(), r.body.as_slice()), (200, "OK", b"ok".as_slice()));
    assert_eq!(r.header("Content-Type"), Some("text/x"));
    assert_eq!(r.header("Content-Length"), Some("2"));
    assert!(r.headers.contains(&("X-a-B".into(), "c".into())), "the application's spelling");
    assert!(r.complete && !r.chunked);
}

/// A list of one block: the original sends chunks, we know the length.
#[test]
fn one_block_without_length() {
    let s = application("start_response('200 OK', [])\nreturn [b'abc']").start();
    let r = s.get("/");
    assert_eq!((r.status, r.body.as_slice(), r.complete), (200, b"abc".as_slice(), true));
    assert_eq!(r.header("Content-Type"), None, "none is added");
    let length = differs(None, Some("3"), "PEP 3333 allows it, and keep-alive clients of HTTP/1.0 gain");
    assert_eq!(r.header("Content-Length"), length);
}

#[test]
fn several_blocks_are_chunked() {
    let s = application("start_response('200 OK', [])\nreturn iter([b'a', b'', b'bc'])").start();
    let r = s.get("/");
    assert_eq!((r.body.as_slice(), r.chunked, r.complete), (b"abc".as_slice(), true, true));
    let r = s.raw(b"GET / HTTP/1.0\r\n\r\n").response();
    assert_eq!((r.body.as_slice(), r.chunked), (b"abc".as_slice(), false));
}

#[test]
fn empty_body() {
    let s = application("start_response('200 OK', [('X-A', 'b')])\nreturn []").start();
    let r = s.get("/");
    assert_eq!((r.status, r.body.len(), r.complete, r.header("X-A")), (200, 0, true, Some("b")));
}

/// Every block is on its way before the next is asked for.
#[test]
fn blocks_are_flushed() {
    let s = application(
        "
        start_response('200 OK', [])
        yield b'first'
        while not os.path.exists(os.path.dirname(__file__) + '/go'):
            time.sleep(0.01)
        yield b'second'",
    )
    .start();
    let mut c = s.raw(b"GET / HTTP/1.0\r\n\r\n");
    let mut got = Vec::new();
    while !got.ends_with(b"first") {
        let some = c.some(100);
        assert!(!some.is_empty(), "ended before the first block");
        got.extend(some);
    }
    s.write_file("go", "");
    assert_eq!(c.rest(), b"second");
}

#[test]
fn write_callable() {
    let s = application(
        "
        write = start_response('200 OK', [])
        write(b'a'); write(b''); write(b'b')
        return [b'c']",
    )
    .start();
    assert_eq!(s.get("/").body, b"abc");
}

#[test]
fn keep_alive() {
    let s = application("start_response('200 OK', [])\nreturn iter([environ['PATH_INFO'].encode(), b'!'])")
        .start();
    let mut c = s.connect();
    for path in ["/1", "/2", "/3"] {
        c.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        assert_eq!(c.response().text(), format!("{path}!"));
    }
}

#[test]
fn header_values() {
    let s = application(
        "
        start_response('200 OK', [('X-Latin', 'caf\\xe9'), ('X-Tab', 'a\\tb'), ('X-Empty', ''),
            ('X-A', '1'), ('X-A', '2'), ('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2'),
            ('Content-Type', 'Text/X; charset=UTF-8'), ('Last-Modified', 'Thu, 01 Jan 1998 00:00:00 GMT')])
        return [b'x']",
    )
    .start();
    let r = s.get("/");
    assert_eq!(r.header("X-Latin"), Some("caf\u{e9}"));
    assert_eq!(r.header("X-Tab"), Some("a\tb"));
    assert_eq!(r.header("X-Empty"), Some(""));
    let twice =
        differs(by_mode(&["1", "2"][..], &["1, 2"]), &["1", "2"], "daemon mode joins them in the original");
    assert_eq!(r.all("X-A"), twice);
    assert_eq!(r.all("Set-Cookie"), ["a=1", "b=2"]);
    let kind = by_mode("Text/X; charset=UTF-8", "text/x; charset=UTF-8");
    let kind = differs(kind, "Text/X; charset=UTF-8", "daemon mode lower-cases the type in the original");
    assert_eq!(r.header("Content-Type"), Some(kind));
    assert_eq!(r.header("Last-Modified"), Some("Thu, 01 Jan 1998 00:00:00 GMT"));
}

/// Apache's own Date and Server win.
#[test]
fn date_and_server_are_apaches() {
    let s = application("start_response('200 OK', [('Date', 'x'), ('Server', 'y')])\nreturn [b'x']").start();
    let r = s.get("/");
    assert!(r.header("Server").unwrap().starts_with("Apache/"));
    assert_eq!(r.all("Date").len(), 1);
    assert_ne!(r.header("Date"), Some("x"));
}

/// Embedded mode knows no internal redirect and no Status header.
#[test]
fn location_and_status_headers_are_ordinary() {
    embedded_only!();
    let s = application(
        "start_response('200 OK', [('Location', '/other'), ('Status', '404 No')])\nreturn [b'x']",
    )
    .start();
    let r = s.get("/");
    assert_eq!((r.status, r.header("Location"), r.header("Status")), (200, Some("/other"), Some("404 No")));
    drop(s);
    let s = application("start_response('302 Found', [('Location', '/other')])\nreturn [b'x']").start();
    let r = s.get("/");
    assert_eq!((r.status, r.header("Location"), r.body.as_slice()), (302, Some("/other"), b"x".as_slice()));
}

#[test]
fn body_longer_than_content_length() {
    let s =
        application("start_response('200 OK', [('Content-Length', '3')])\nreturn [b'ab', b'cdef']").start();
    let mut c = s.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(c.response().body, b"abc");
    assert_eq!(c.rest(), b"", "nothing behind it");
}

#[test]
fn body_shorter_than_content_length() {
    let s = application("start_response('200 OK', [('Content-Length', '5')])\nreturn [b'ab']")
        .expect_log_of(Subject::Ours, "(?i)bytes.*content-length|content-length.*bytes")
        .start();
    let r = s.get("/");
    assert_eq!((r.body.as_slice(), r.complete), (b"ab".as_slice(), false));
}

/// On a connection kept alive the client would wait for the missing bytes for ever.
#[test]
fn body_shorter_than_content_length_closes_the_connection() {
    only_ours!("leaves a kept connection open with bytes missing");
    let s = application("start_response('200 OK', [('Content-Length', '5')])\nreturn [b'ab']")
        .config("KeepAliveTimeout 60")
        .expect_log("(?i)bytes.*content-length|content-length.*bytes")
        .start();
    assert!(!s.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").response().complete);
}

#[test]
fn head_request() {
    let s = application(
        "
        start_response('200 OK', [('Content-Length', '3'), ('X-Method', environ['REQUEST_METHOD'])])
        return [b'abc']",
    )
    .start();
    let mut c = s.raw(b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let r = c.read(true);
    assert_eq!((r.status, r.header("Content-Length"), r.header("X-Method")), (200, Some("3"), Some("HEAD")));
    assert_eq!(c.rest(), b"");
}

#[test]
fn map_head_to_get() {
    let app = "
        start_response('200 OK', [('Content-Type', 'text/plain'), ('X-Method', environ['REQUEST_METHOD'])])
        return [b'abc' * 1000]";
    let deflate = "AddOutputFilterByType DEFLATE text/plain\nSetOutputFilter DEFLATE";
    for (flag, filter, method) in [
        ("Auto", "", "HEAD"),
        ("Auto", deflate, "GET"),
        ("Off", deflate, "HEAD"),
        ("On", "", "GET"),
        ("on", deflate, "GET"),
    ] {
        let s = application(app).config(&format!("WSGIMapHEADToGET {flag}\n{filter}")).start();
        let r = s.request("HEAD", "/").header("Accept-Encoding", "gzip").send();
        assert_eq!(r.header("X-Method"), Some(method), "{flag} {filter}");
        let r = s.request("POST", "/").send();
        assert_eq!(r.header("X-Method"), Some("POST"));
    }
}

#[test]
fn output_filters_apply() {
    let s = application("start_response('200 OK', [('Content-Type', 'text/plain')])\nreturn [b'abc' * 1000]")
        .config("SetOutputFilter DEFLATE")
        .start();
    let r = s.request("GET", "/").header("Accept-Encoding", "gzip").send();
    assert_eq!(r.header("Content-Encoding"), Some("gzip"));
    assert!(r.body.starts_with(b"\x1f\x8b") && r.body.len() < 1000 && r.complete);
}

/// Only daemon mode hands errors to ErrorDocument.
#[test]
fn error_override_has_no_effect() {
    embedded_only!();
    let s = application("start_response('404 Not Found', [('X-A', 'b')])\nreturn [b'mine']")
        .config("WSGIErrorOverride On\nErrorDocument 404 apache")
        .start();
    let r = s.get("/");
    assert_eq!((r.status, r.body.as_slice(), r.header("X-A")), (404, b"mine".as_slice(), Some("b")));
}

#[test]
fn large_response() {
    let s = application(
        "
        start_response('200 OK', [('Content-Length', str(64 << 20))])
        return (b'%07d\\n' % (i % 1000) * 8192 for i in range(1024))",
    )
    .start();
    let r = s.get("/");
    assert_eq!((r.body.len(), r.complete), (64 << 20, true));
    assert!(r.body[65536 * 3..].starts_with(b"0000003\n"));
}
