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

#[test]
fn hop_by_hop_headers() {
    for name in ["Connection", "Transfer-Encoding", "keep-alive", "Upgrade", "TE", "Trailers"] {
        let got = refused(&format!("'200 OK', [('{name}', 'x')]"));
        let expected = differs("accepted", "ValueError", "PEP 3333 forbids them to applications");
        assert!(got.starts_with(expected), "{name}: {got}");
    }
}

#[test]
fn refused_exc_info() {
    let error = "RuntimeError: start_response() argument 'exc_info' must be a 3-tuple or None";
    for (value, error) in [
        ("None", "accepted"),
        ("(1, 2)", differs("accepted", error, "the original does not look at the length until it raises")),
        ("'x'", error),
    ] {
        let got = refused(&format!("'200 OK', [], {value}"));
        assert!(got.starts_with(error), "{value}: {got}");
    }
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
