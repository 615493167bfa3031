//! PEP 3333 as `wsgiref.validate` sees it: every request an application may meet, through the validator.

use crate::serving;

const VALIDATED: &str = r"
    from wsgiref.validate import validator

    def inner(environ, start_response):
        read = environ['wsgi.input'].read
        path = environ['PATH_INFO']
        size = int(environ.get('CONTENT_LENGTH') or 0)
        if path == '/lines':
            body = b''.join(environ['wsgi.input'].readline(100) for _ in range(3))
        elif path == '/iterate':
            body = b''.join(environ['wsgi.input'])
        elif path == '/parts':
            body = b''.join(iter(lambda: read(7), b''))
        else:
            body = read(size)
        write = start_response('200 OK', [('Content-Type', 'application/octet-stream')])
        if path == '/write':
            write(body)
            return []
        if path == '/file':
            import tempfile
            f = tempfile.TemporaryFile()
            f.write(body)
            f.seek(0)
            return environ['wsgi.file_wrapper'](f, 100)
        environ['wsgi.errors'].flush()
        return [body] if path == '/list' else iter([body[:5], body[5:]])

    checked = validator(inner)

    def application(environ, start_response):
        # The validator wants a text body to be typed and a GET without one.
        if environ['REQUEST_METHOD'] == 'GET':
            environ.pop('CONTENT_LENGTH', None)
        return checked(environ, start_response)";

#[test]
fn requests_of_all_kinds() {
    let s = serving(VALIDATED).config("WSGIChunkedRequest On").start();
    let body = "first line\nsecond line\nthird";
    for path in ["/", "/list", "/lines", "/iterate", "/parts", "/write", "/file"] {
        assert_eq!(s.post(path, body).text(), body, "{path}");
        assert_eq!(s.get(path).status, 200, "{path}");
    }
    for path in ["/iterate", "/parts"] {
        assert_eq!(
            s.request("POST", path).chunks(&[b"first ", b"line\n", b"x"]).send().text(),
            "first line\nx",
            "{path}"
        );
    }
    assert_eq!(s.request("PUT", "/list").body("").send().body, b"");
    assert_eq!(s.request("HEAD", "/list").send().status, 200);
    assert_eq!(s.request("DELETE", "/a%20b/%C3%A9?x=%20").send().status, 200);
    let mut big = vec![b'x'; 300_000];
    big[150_000] = b'\n';
    assert!(s.post("/list", &big).body == big);
}

/// The validator watches close(); an answer broken off half-way is closed as well.
#[test]
fn client_leaves() {
    let s = serving(
        r"
        from wsgiref.validate import validator
        def inner(environ, start_response):
            start_response('200 OK', [('Content-Type', 'text/plain')])
            return (b'x' * 65536 for _ in range(1000))
        application = validator(inner)",
    )
    .start();
    for _ in 0..3 {
        let mut c = s.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(!c.some(100).is_empty());
        c.abort();
    }
    assert_eq!(s.get("/").body.len(), 65_536_000);
}
