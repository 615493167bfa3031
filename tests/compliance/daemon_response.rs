//! Responses of a process group: what Apache does with some of them that it does not do in embedded mode.

use harness::*;

use crate::{application, serving};

/// Status 200 with a path in Location: Apache serves that URL instead, as if it had been asked for with GET.
#[test]
fn internal_redirect() {
    daemon_only!();
    let s = application(
        "
        if environ['PATH_INFO'] == '/other':
            start_response('200 OK', [('X-Other', 'yes')])
            keys = ['REQUEST_METHOD', 'CONTENT_LENGTH', 'QUERY_STRING', 'REDIRECT_URL', 'REQUEST_URI']
            return [repr([environ.get(key) for key in keys] + [environ['wsgi.input'].read()]).encode()]
        environ['wsgi.input'].read()
        start_response('200 OK', [('Location', '/' + environ['QUERY_STRING']), ('X-First', 'yes')])
        return [b'discarded']",
    )
    .file("htdocs/plain.txt", "a file")
    .config("Alias /plain.txt {dir}/htdocs/plain.txt")
    .start();
    let r = s.get("/first?plain.txt");
    assert_eq!((r.status, r.text().as_str(), r.header("Location")), (200, "a file", None));
    let r = s.post("/first?other?x=1", "some body");
    assert_eq!(r.text(), "['GET', None, 'x=1', '/first', '/first?other?x=1', b'']");
    assert_eq!(r.header("X-Other"), Some("yes"));
}

/// Apache's own limit ends a circle.
#[test]
fn circle_of_internal_redirects() {
    daemon_only!();
    let s = application("start_response('200 OK', [('Location', '/again')])\nreturn []")
        .expect_log("AH00124: ")
        .start();
    assert_eq!(s.get("/").status, 500);
}

#[test]
fn ordinary_redirects() {
    daemon_only!();
    let s = application(
        "
        status, location = environ['QUERY_STRING'].split('&')
        start_response(status + ' x', [('Location', location)])
        return [b'mine']",
    )
    .start();
    for (status, location) in
        [(302, "/other"), (301, "/other"), (201, "/other"), (200, "http://elsewhere.test/other"), (404, "/x")]
    {
        let r = s.get(&format!("/?{status}&{location}"));
        assert_eq!((r.status, r.header("Location"), r.text().as_str()), (status, Some(location), "mine"));
    }
}

const ERRORS: &str = "
    status = environ['QUERY_STRING']
    start_response(status + ' x', [('X-A', 'b'), ('WWW-Authenticate', 'Basic realm=x')])
    return [b'mine']";

/// Errors of the application become Apache's error documents.
#[test]
fn error_override() {
    daemon_only!();
    let s = application(ERRORS)
        .config("WSGIErrorOverride On\nErrorDocument 404 custom\nErrorDocument 503 /document.html")
        .config("Alias /document.html {dir}/htdocs/document.html")
        .file("htdocs/document.html", "a document")
        .start();
    for (status, body) in [(404, "custom"), (503, "a document")] {
        let r = s.get(&format!("/?{status}"));
        assert_eq!((r.status, r.text().as_str(), r.header("X-A")), (status, body, None));
    }
    let r = s.get("/?401");
    assert_eq!((r.status, r.header("WWW-Authenticate")), (401, Some("Basic realm=x")));
    assert!(r.text().contains("Unauthorized"), "{}", r.text());
    // httpd has no pages for statuses above 599.
    for status in [200, 302, 600, 999] {
        let r = s.get(&format!("/?{status}"));
        assert_eq!((r.status, r.text().as_str(), r.header("X-A")), (status, "mine", Some("b")));
    }
}

#[test]
fn error_override_is_off_unless_asked_for() {
    daemon_only!();
    let s = application(ERRORS)
        .config("ErrorDocument 404 custom\n<Location /on>\nWSGIErrorOverride On\n</Location>")
        .start();
    let r = s.get("/?404");
    assert_eq!((r.status, r.text().as_str(), r.header("X-A")), (404, "mine", Some("b")));
    assert_eq!(s.get("/on?404").text(), "custom");
}

/// A header line longer than the limit of the group.
#[test]
fn header_buffer_size() {
    daemon_only!();
    let app = "
        start_response('200 OK', [('X-Long', 'x' * int(environ['QUERY_STRING']))])
        return [b'mine']";
    for (options, fits, exceeds) in [("header-buffer-size=8192", 8000, 9000), ("", 32000, 33000)] {
        let s = application(app).group(options).expect_log("WSGI0144: ").start();
        let r = s.get(&format!("/?{fits}"));
        assert_eq!((r.status, r.header("X-Long").map(str::len)), (200, Some(fits)), "{options}");
        let r = s.get(&format!("/?{exceeds}"));
        assert_eq!((r.status, r.header("X-Long")), (500, None), "{options}");
        assert_eq!(s.get("/?1").text(), "mine");
    }
}

#[test]
fn many_headers() {
    daemon_only!();
    let s = application(
        "
        start_response('200 OK', [('X-%d' % i, 'v' * 100) for i in range(500)] + [('Set-Cookie', str(i)) for i in range(50)])
        return [b'mine']",
    )
    .start();
    let r = s.get("/");
    assert_eq!((r.text().as_str(), r.header("X-499").map(str::len)), ("mine", Some(100)));
    assert_eq!(r.all("Set-Cookie").len(), 50);
}

/// What the original reads out of headers, since it parses them as those of a CGI program.
#[test]
fn headers_are_the_applications() {
    daemon_only!();
    let get = |arguments: &str| {
        let s = application(&format!("start_response({arguments})\nreturn [b'mine']")).start();
        s.get("/")
    };
    let r = get("'200 OK', [('Status', '404 No')]");
    let (status, header) =
        differs((404, None), (200, Some("404 No")), "an ordinary header in embedded mode, so everywhere");
    assert_eq!((r.status, r.header("Status")), (status, header));
    let r = get("'200 Error', []");
    assert_eq!(r.status, differs(500, 200, "collides with a mark the original sends its child"));
    let r = get("'200 OK', [('X-Blank', '   x')]");
    assert_eq!(r.header("X-Blank"), Some(differs("x", "   x", "leading blanks as in embedded mode")));
    let future = "Fri, 01 Jan 2100 00:00:00 GMT";
    let r = get(&format!("'200 OK', [('Last-Modified', '{future}')]"));
    let kept = r.header("Last-Modified") == Some(future);
    assert_eq!(kept, differs(false, true, "the original sets a time in the future to now"));
}

/// The file of the redirect is gone: its status is what the client gets.
#[test]
fn internal_redirect_to_nowhere() {
    daemon_only!();
    let s = serving(
        "def application(environ, start_response):\n    start_response('200 OK', [('Location', '/none.txt')])\n    return []\n",
    )
    .config("Alias /none.txt {dir}/htdocs/none.txt")
    .start();
    assert_eq!(s.get("/").status, 404);
}
