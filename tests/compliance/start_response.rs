//! start_response: what it accepts and refuses, and calling it more than once.

use harness::*;

use crate::{application, serving};

#[test]
fn statuses() {
    let s = application(
        "
        start_response(environ['QUERY_STRING'].replace('+', ' '), [])
        return [b'x']",
    )
    .start();
    for (status, code, reason) in [
        ("200", 200, "OK"),
        ("200+Fine", 200, "Fine"),
        ("299+Odd", 299, "Odd"),
        ("418+I'm+a+teapot", 418, "I'm a teapot"),
        ("500+Own", 500, "Own"),
        ("599+x", 599, "x"),
    ] {
        let r = s.get(&format!("/?{status}"));
        assert_eq!(r.status, code, "{status}");
        assert_eq!(r.body, b"x", "{status}: the application's body, not an error page");
        if status.contains('+') {
            assert_eq!(r.reason, reason);
        }
    }
    for status in ["204+No+Content", "304+Not+Modified"] {
        let r = s.get(&format!("/?{status}"));
        assert_eq!((r.body.len(), r.complete), (0, true), "{status}");
    }
}

/// Calls start_response with a wrong argument and answers with the exception.
fn refused(arguments: &str) -> String {
    let s = application(&format!(
        "
        try:
            start_response({arguments})
            result = 'accepted'
        except Exception as e:
            result = '%s: %s' % (type(e).__name__, e)
        start_response('200 OK', [])
        return [result.encode()]"
    ))
    .start();
    s.get("/").text()
}

#[test]
fn refused_statuses() {
    for (status, error) in [
        ("b'200 OK'", "TypeError: "),
        ("'20 OK'", "ValueError: "),
        ("'200OK'", "ValueError: no space following status code"),
        ("'abc'", "ValueError: status code must be a 3 digit integer"),
        ("''", "ValueError: "),
        ("'2000 OK'", "ValueError: "),
        ("'200 O\\nK'", "ValueError: control character in status reason phrase"),
        ("'200 \\u20ac'", "UnicodeEncodeError: "),
        ("200", "TypeError: "),
        ("None", "TypeError: "),
    ] {
        let got = refused(&format!("{status}, []"));
        assert!(got.starts_with(error), "{status}: {got}");
    }
}

#[test]
fn interim_statuses() {
    let got = refused("'100 Continue', []");
    let expected = differs("accepted", "ValueError", "sent as a final status they leave the client waiting");
    assert!(got.starts_with(expected), "{got}");
}

#[test]
fn refused_headers() {
    for (headers, error) in [
        ("()", "TypeError: start_response() argument 2 must be list, not tuple"),
        ("None", "TypeError: "),
        ("[['a', 'b']]", "TypeError: each header must be a 2-tuple, not list"),
        ("[('a',)]", "ValueError: each header must be a 2-tuple, got length 1"),
        ("[('a', 'b', 'c')]", "ValueError: each header must be a 2-tuple, got length 3"),
        ("[(b'a', 'b')]", "TypeError: "),
        ("[('a', b'b')]", "TypeError: "),
        ("[('a', 1)]", "TypeError: "),
        ("[('', 'b')]", "ValueError: header name is empty"),
        ("[('a b', 'c')]", "ValueError: space character in header name"),
        ("[('a\\n', 'c')]", "ValueError: control character in header name"),
        ("[('a', 'b\\r')]", "ValueError: carriage return/line feed character in header value"),
        ("[('a', 'b\\nSet-Cookie: c=d')]", "ValueError: carriage return/line feed character in header value"),
        ("[('a', '\\u20ac')]", "UnicodeEncodeError: "),
    ] {
        let got = refused(&format!("'200 OK', {headers}"));
        assert!(got.starts_with(error), "{headers}: {got}");
    }
}

/// Headers of the connection are the server's: they are left out, the page works, and the log says it once for each.
#[test]
fn hop_by_hop_headers() {
    let mut names = vec![
        "Connection",
        "connection",
        "Keep-Alive",
        "Upgrade",
        "TE",
        "Trailer",
        "Trailers",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Proxy-Connection",
    ];
    if subject() == Subject::Ours {
        // The original lets it break the answer.
        names.push("Transfer-Encoding");
    }
    let mut s = application(
        "
        name, value = environ['QUERY_STRING'].split('=')
        start_response('200 OK', [('X-Before', 'a'), (name, value), ('X-After', 'b'), ('Content-Length', '4')])
        return [b'bo', b'dy']",
    );
    for name in names.iter().filter(|name| **name != "connection") {
        s = s.expect_log_of(Subject::Ours, &format!("WSGI1055: .*app.wsgi.* header '{name}'"));
    }
    let s = s.start();
    for _ in 0..3 {
        for name in &names {
            let r = s.request("GET", &format!("/?{name}=mine")).header("Connection", "keep-alive").send();
            assert_eq!((r.status, r.text().as_str(), r.complete), (200, "body", true), "{name}");
            assert_eq!((r.header("X-Before"), r.header("X-After")), (Some("a"), Some("b")));
            let passed = differs(*name != "Keep-Alive", false, "they are the server's: RFC 9110, 7.6.1");
            assert_eq!(r.all(name).iter().any(|value| value.contains("mine")), passed, "{name}");
        }
    }
    let lines = s.logged("WSGI1055: ").len();
    assert_eq!(lines, differs(0, names.len() - 1, "the original passes them on"));
}

/// The answer is framed by the server, whatever the application says of it.
#[test]
fn transfer_encoding_of_the_application() {
    only_ours!("the original sends the body without its frame, and its client waits for ever");
    let s = application(
        "
        start_response('200 OK', [('Transfer-Encoding', 'chunked'), ('Connection', 'keep-alive')])
        return iter([b'a', b'bc'])",
    )
    .expect_log("WSGI1055: .*'Transfer-Encoding'")
    .expect_log("WSGI1055: .*'Connection'")
    .start();
    let mut c = s.connect();
    for _ in 0..3 {
        c.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        let r = c.response();
        assert_eq!((r.text().as_str(), r.chunked, r.complete), ("abc", true, true));
    }
}

/// Server-sent events as tutorials write them.
#[test]
fn server_sent_events() {
    let s = application(
        r"
        start_response('200 OK', [('Content-Type', 'text/event-stream'), ('Cache-Control', 'no-cache'),
                                  ('Connection', 'keep-alive'), ('X-Accel-Buffering', 'no')])
        def events():
            for n in range(3):
                yield b'data: %d\n\n' % n
                while n < 2 and not os.path.exists('%s/state/%d' % (os.path.dirname(__file__), n)):
                    time.sleep(0.01)
        return events()",
    )
    .expect_log_of(Subject::Ours, "WSGI1055: .*'Connection'")
    .start();
    let mut c = s.raw(b"GET / HTTP/1.0\r\n\r\n");
    let mut got = Vec::new();
    for n in 0..3 {
        let event = format!("data: {n}\n\n");
        while !got.ends_with(event.as_bytes()) {
            let some = c.some(1000);
            assert!(!some.is_empty(), "ended before event {n}");
            got.extend(some);
        }
        s.write_file(&format!("state/{n}"), "");
    }
    let head = String::from_utf8_lossy(&got).into_owned();
    assert!(head.contains("Content-Type: text/event-stream"), "{head}");
}

/// Each application has its own line, also of two in one interpreter.
#[test]
fn hop_by_hop_headers_of_two_applications() {
    only_ours!("the original passes them on");
    let script = "def application(environ, start_response):\n    start_response('200 OK', [('Connection', 'close')])\n    return [b'x']\n";
    let s = httpd()
        .script("a.wsgi", script)
        .script("b.wsgi", script)
        .config("WSGIScriptAlias /a {dir}/a.wsgi\nWSGIScriptAlias /b {dir}/b.wsgi\nWSGIApplicationGroup %{GLOBAL}")
        .expect_log("WSGI1055: .*/a.wsgi")
        .expect_log("WSGI1055: .*/b.wsgi")
        .start();
    for _ in 0..3 {
        assert_eq!((s.get("/a").status, s.get("/b").status), (200, 200));
    }
    s.logged_times("WSGI1055: ", 2);
}

#[test]
fn refused_exc_info() {
    let error = "RuntimeError: start_response() argument 'exc_info' must be a 3-tuple or None";
    for (value, error) in [
        ("None", "accepted"),
        ("()", "accepted"),
        ("(1, 2)", "accepted"),
        ("(1, 2, 3, 4)", "accepted"),
        ("'x'", error),
        ("[None, None, None]", error),
    ] {
        let got = refused(&format!("'200 OK', [], {value}"));
        assert!(got.starts_with(error), "{value}: {got}");
    }
}

/// Lists and tuples of classes of their own, as frameworks have them.
#[test]
fn headers_of_subclasses() {
    let s = serving(
        "
        import collections
        Header = collections.namedtuple('Header', 'name value')
        class Headers(list): pass
        class Text(str): pass
        class Block(bytes): pass
        class Blocks(list): pass
        def application(environ, start_response):
            start_response(Text('201 Made'), Headers([Header(Text('X-A'), Text('b')), ('Content-Length', '2')]))
            return Blocks([Block(b'x'), b'y'])",
    )
    .start();
    let r = s.get("/");
    assert_eq!((r.status, r.header("X-A"), r.text().as_str()), (201, Some("b"), "xy"));
}

/// What C's own functions read is a number.
#[test]
fn content_length_with_blanks_and_sign() {
    let s = application("start_response('200 OK', [('Content-Length', environ['QUERY_STRING'].replace('_', ' '))])\nreturn [b'xy']").start();
    for value in ["2", "02", "_2", "__2", "+2", "_+2"] {
        let r = s.get(&format!("/?{value}"));
        assert_eq!(
            (r.status, r.header("Content-Length"), r.text().as_str()),
            (200, Some("2"), "xy"),
            "{value}"
        );
    }
    let body = differs("", "xy", "an empty length is none, not 0");
    let r = s.get("/?");
    assert_eq!((r.status, r.text().as_str(), r.complete), (200, body, true));
}

/// Arguments by name.
#[test]
fn named_arguments() {
    only_ours!("the original has no names for them");
    let s = application("start_response(headers=[('X-A', 'b')], status='201 Made')\nreturn [b'x']").start();
    let r = s.get("/");
    assert_eq!((r.status, r.header("X-A"), r.text().as_str()), (201, Some("b"), "x"));
}

/// The second call counts as long as nothing is on its way, even without exc_info.
#[test]
fn second_start_response() {
    let s = application(
        "
        start_response('500 First', [('X-A', '1')])
        start_response('201 Second', [('X-B', '2')])
        return [b'x']",
    )
    .start();
    let r = s.get("/");
    assert_eq!((r.status, r.header("X-A"), r.header("X-B")), (201, None, Some("2")));
}

#[test]
fn start_response_after_data() {
    let s = application(
        "
        start_response('200 OK', [])
        yield b'a'
        try:
            start_response('500 Late', [])
        except RuntimeError as e:
            yield str(e).encode()
        try:
            raise KeyError('mine')
        except KeyError:
            try:
                start_response('500 Late', [], sys.exc_info())
            except KeyError as e:
                yield b' reraised ' + str(e).encode()",
    )
    .start();
    assert_eq!(s.get("/").text(), "astart_response() called more than once without exc_info reraised 'mine'");
}

#[test]
fn start_response_with_exc_info_before_data() {
    let s = application(
        "
        start_response('200 OK', [('X-A', '1')])
        try:
            raise KeyError('mine')
        except KeyError:
            start_response('503 Sorry', [], sys.exc_info())
        return [b'x']",
    )
    .start();
    let r = s.get("/");
    assert_eq!((r.status, r.header("X-A"), r.body.as_slice()), (503, None, b"x".as_slice()));
}

/// write(b'') sends nothing, yet fixes the headers.
#[test]
fn empty_write_fixes_the_headers() {
    let s = application(
        "
        write = start_response('200 OK', [])
        write(b'')
        try:
            start_response('500 Late', [])
        except RuntimeError as e:
            return [str(e).encode()]",
    )
    .start();
    let r = s.get("/");
    assert_eq!(r.status, 200);
    assert_eq!(r.text(), "start_response() called more than once without exc_info");
}

/// An empty block of the iterable does not.
#[test]
fn empty_block_fixes_nothing() {
    let s = application(
        "
        start_response('200 OK', [])
        yield b''
        start_response('201 Created', [])
        yield b'x'",
    )
    .start();
    assert_eq!(s.get("/").status, 201);
}

/// Nor does it need start_response, which the next one misses.
#[test]
fn an_empty_block_before_one_that_start_response_misses() {
    let s = application(
        "
        yield b''
        yield b'x'",
    )
    .expect_log("start_response")
    .start();
    assert_eq!(s.get("/").status, 500);
}

#[test]
fn start_response_may_come_with_the_first_block() {
    let s = application(
        "
        yield b''
        start_response('200 OK', [])
        yield b'x'",
    )
    .start();
    assert_eq!(s.get("/").body, b"x");
}

#[test]
fn response_after_the_request_is_over() {
    let s = serving(
        r"
        KEPT = []
        def application(environ, start_response):
            if KEPT:
                try:
                    KEPT[0]('200 OK', [])
                    result = 'accepted'
                except RuntimeError as e:
                    result = str(e)
            else:
                result = 'first'
            KEPT.append(start_response)
            start_response('200 OK', [])
            return [result.encode()]",
    )
    .start();
    assert_eq!(s.get("/").text(), "first");
    assert_eq!(s.get("/").text(), "start_response() called after request completed");
}

/// More headers than any client takes, and a larger one, are refused where they are given.
#[test]
fn too_many_headers() {
    needs!("WSGIRestrictExit");
    let s = application(
        "
        count, size = map(int, environ['QUERY_STRING'].split('x'))
        start_response('200 OK', [('X-%d' % n, 'v' * size) for n in range(count)])
        return [b'x']",
    )
    .expect_log("WSGI0144: (300000|1001) headers; an answer may have at most 1000")
    .expect_log("WSGI0144: headers of more than 4194304 bytes")
    .expect_log("WSGI0174: ")
    .expect_traceback("ValueError: (300000|1001) headers; an answer may have at most 1000")
    .expect_traceback("ValueError: headers of more than 4194304 bytes")
    .start();
    let r = s.get("/?1000x100");
    let headers = r.headers.iter().filter(|(name, _)| name.starts_with("X-")).count();
    assert_eq!((r.status, headers, r.body.as_slice()), (200, 1000, b"x".as_slice()));
    for refused in ["1001x1", "300000x1", "200x30000", "1x5000000", "1000x4190"] {
        let r = s.get(&format!("/?{refused}"));
        assert_eq!((r.status, r.header("X-0")), (500, None), "{refused}");
    }
    for child in s.children() {
        let status = std::fs::read_to_string(format!("/proc/{child}/status")).expect("a child");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        let peak: u64 = peak.expect("VmHWM").parse().expect("a number");
        assert!(peak < 250_000, "{peak} kB");
    }
    assert_eq!(s.get("/?1x1").status, 200);
}

/// The length is said once; who says it twice must say the same (RFC 9110, 8.6).
#[test]
fn content_length_twice() {
    let s = application(
        "
        lengths = environ['QUERY_STRING'].split(',')
        start_response('200 OK', [('Content-length', length) for length in lengths])
        return [b'abcdefghij']",
    )
    .allow_log("WSGI0174: |ValueError: Content-Length headers that differ: ")
    .allow_traceback()
    .start();
    for same in ["10,10", "10,010", "10,,10", ",10"] {
        let r = s.raw(format!("GET /?{same} HTTP/1.0\r\n\r\n").as_bytes()).response();
        let once = differs(r.all("Content-Length"), vec!["10"], "the original passes both on");
        assert_eq!((r.status, r.all("Content-Length")), (200, once), "{same}");
    }
    for other in ["10,5", "5,10", "10,11", "0,10", "10,10,5"] {
        let r = s.raw(format!("GET /?{other} HTTP/1.0\r\n\r\n").as_bytes()).response();
        let status = differs(200, 500, "the original passes both on, and clients see two ends");
        assert_eq!(r.status, status, "{other}");
    }
}

/// A status without content has none, whatever the application gives, and the connection goes on (RFC 9110, 15.3.6, 8.6).
#[test]
fn statuses_without_content() {
    needs!("WSGIRestrictExit");
    let s = application(
        "
        status, kind = environ['QUERY_STRING'].split(',')
        headers = [('Content-Length', '4')] if kind == 'length' else []
        write = start_response(status + ' Text', headers)
        if kind == 'write':
            write(b'body')
        return iter([b'bo', b'dy']) if kind == 'parts' else [b'body']",
    )
    .start();
    for (status, length) in [(204, None), (205, Some("0"))] {
        for kind in ["plain", "length", "parts", "write"] {
            for method in ["GET", "HEAD", "POST"] {
                let request = format!("{method} /?{status},{kind} HTTP/1.1\r\nHost: x\r\n\r\n");
                let mut c = s.raw(request.as_bytes());
                let r = c.read(method == "HEAD");
                let what = format!("{request}{:?}", r.headers);
                assert_eq!((r.status, r.body.len(), r.complete), (status, 0, true), "{what}");
                // Of an answer to HEAD httpd leaves out a length of 0.
                let length = if method == "HEAD" { None } else { length };
                assert_eq!(r.header("Content-Length"), length, "{what}");
                c.send(b"GET /?200,plain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                assert_eq!(c.response().text(), "body", "{what}");
            }
        }
    }
    let mut c =
        s.raw(b"GET /?304,length HTTP/1.1\r\nHost: x\r\n\r\nGET /?200,length HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((c.response().status, c.response().text()), (304, "body".to_owned()));
}
