//! What of a body the application leaves is never taken for the next request of the connection.

use harness::*;

/// A request that must never reach the application.
const SMUGGLED: &[u8] = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

/// Notes each path, and leaves the body where it is, but for `/some…`.
const LEAVING: &str = r#"
    import os
    here = os.path.dirname(os.path.abspath(__file__))

    def application(environ, start_response):
        path = environ["PATH_INFO"]
        with open(here + "/state/ran", "a") as f:
            f.write(path + " ")
        if path.startswith("/some"):
            environ["wsgi.input"].read(10)
        if path.startswith("/all"):
            environ["wsgi.input"].read()
        if path.startswith("/swallowed"):
            try:
                environ["wsgi.input"].read()
            except OSError:
                pass
        if path.endswith("redirect"):
            start_response("200 OK", [("Location", "/target"), ("Content-Length", "2")])
            return [b"no"]
        if path.endswith("refused"):
            start_response("401 Unauthorized", [("WWW-Authenticate", "Basic"), ("Content-Length", "2")])
            return [b"no"]
        if path.endswith("raised"):
            raise ValueError("raised")
        text = path + " " + environ.get("CONTENT_LENGTH", "none")
        start_response("200 OK", [("Content-Length", str(len(text)))])
        return [text.encode()]
"#;

fn leaving() -> Httpd {
    httpd()
        .script("app.wsgi", LEAVING)
        .config("WSGIScriptAlias / {dir}/app.wsgi\nWSGIChunkedRequest On")
        .config("<Location /limited>\nLimitRequestBody 1000\n</Location>")
        .config("<Location /redirected>\nErrorDocument 401 /target\nErrorDocument 500 /target\n</Location>")
        .config("<Location /redirected>\nWSGIErrorOverride On\n</Location>")
        .allow_log("WSGI0174: |WSGI0126: |ValueError: raised|AH01")
        .allow_traceback()
}

/// Requests inside of a body: more than is read ahead, or as few as are.
fn body(long: bool) -> Vec<u8> {
    SMUGGLED.repeat(if long { 6000 } else { 5 })
}

fn with_length(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn in_chunks(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}Transfer-Encoding: chunked\r\n\r\n");
    let mut bytes = head.into_bytes();
    for chunk in body.chunks(30_000) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\nX-Trailer: x\r\n\r\n");
    bytes
}

/// Sends a request and another one behind it. The first is answered as it should be, the second properly or not at all.
#[track_caller]
fn is_apart(s: &Server, request: &[u8], statuses: &[u16]) {
    let shown = String::from_utf8_lossy(&request[..request.len().min(120)]).into_owned();
    let to_head = request.starts_with(b"HEAD");
    let mut c = s.connect();
    let first = std::thread::scope(|scope| {
        let bytes = [request, b"GET /after HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
        let mut sender = c.sender();
        scope.spawn(move || sender.send(&bytes));
        c.read(to_head)
    });
    assert!(statuses.contains(&first.status), "{shown}: {} {}", first.status, first.text());
    if let Some(next) = c.try_response() {
        assert_eq!((next.status, next.text().as_str()), (200, "/after none"), "{shown}");
    }
    drop(c);
    let ran = s.read_file("state/ran");
    assert!(!ran.contains("/smuggled"), "{shown}: {ran}");
    assert_eq!(s.get("/fresh").text(), "/fresh none");
}

/// 200 with a local Location is another URL's answer in daemon mode.
#[test]
fn redirects_inside() {
    let s = leaving().start();
    for path in ["/redirect", "/some/redirect", "/all/redirect"] {
        for method in ["POST", "GET", "HEAD", "PUT"] {
            for long in [true, false] {
                for request in [with_length, in_chunks] {
                    is_apart(&s, &request(method, path, "", &body(long)), &[200]);
                }
            }
        }
    }
}

/// The answer of the other URL is that of a request without a body.
#[test]
fn a_redirected_request_has_no_body() {
    daemon_only!();
    let s = leaving().start();
    for request in [
        with_length("POST", "/redirect", "", &body(true)),
        with_length("POST", "/redirect", "", b"x"),
        in_chunks("POST", "/all/redirect", "", &body(true)),
        in_chunks("POST", "/redirect", "", b"x"),
    ] {
        let r = s.raw(&request).response();
        assert_eq!((r.status, r.text().as_str()), (200, "/target none"));
    }
}

/// A body that was read to its end leaves the connection as it is.
#[test]
fn the_connection_outlives_a_redirect() {
    daemon_only!();
    let s = leaving().start();
    let mut c = s.connect();
    for request in [
        with_length("POST", "/redirect", "", b"short"),
        with_length("POST", "/all/redirect", "", &body(true)),
        in_chunks("POST", "/all/redirect", "", &body(true)),
        b"GET /redirect HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
    ] {
        c.send(&request);
        assert_eq!(c.response().text(), "/target none");
    }
}

#[test]
fn early_answers() {
    let s = leaving().start();
    for path in
        ["/refused", "/some/refused", "/raised", "/some/raised", "/redirected/refused", "/redirected/raised"]
    {
        for method in ["POST", "HEAD"] {
            for request in [with_length, in_chunks] {
                is_apart(&s, &request(method, path, "", &body(true)), &[401, 500, 200]);
            }
        }
    }
    for path in ["/limited", "/limited/all", "/limited/redirect", "/limited/some/redirect"] {
        is_apart(&s, &with_length("POST", path, "", &body(true)), &[413]);
        is_apart(&s, &in_chunks("POST", path, "", &body(true)), &[413, 200]);
    }
}

/// A client that waits to be told to send the body, and one that does not wait.
#[test]
fn expectations() {
    let s = leaving().start();
    for path in ["/refused", "/redirect", "/some/redirect", "/raised", "/none"] {
        for request in [with_length, in_chunks] {
            is_apart(&s, &request("POST", path, "Expect: 100-continue\r\n", &body(true)), &[200, 401, 500]);
        }
    }
}

/// Nobody knows where a body ends that is broken.
#[test]
fn broken_bodies() {
    let s = leaving().start();
    let bodies: [&[u8]; 4] =
        [b"5\r\nhello\r\nnone\r\n", b"-1\r\n", b"5\r\nhelloX\r\n", b"1\r\nx\r\n0\r\nbad trailer\r\n\r\n"];
    for body in bodies {
        for path in ["/swallowed", "/swallowed/redirect"] {
            let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
            let bytes = [head.as_bytes(), body, SMUGGLED].concat();
            let mut c = s.raw(&bytes);
            c.half_close();
            let answers = String::from_utf8_lossy(&c.rest()).into_owned();
            assert!(!answers.contains("/smuggled none"), "{answers}");
        }
    }
    assert!(!s.read_file("state/ran").contains("/smuggled"));
}
