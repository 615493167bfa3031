//! Status and headers (PEP 3333, "The start_response() Callable").

use super::{Numbers, Site, rounds};

#[test]
fn the_head_is_what_start_response_was_told() {
    let site = Site::new(
        "
        def application(environ, start_response):
            start_response('404 Nicht d\\xe4', [('X-A', '1'), ('x-a', '2\\xe9'), ('X-Empty', '')])
            return [b'']
        ",
    );
    let head = site.get().head.unwrap();
    assert_eq!((head.status, &head.line[..]), (404, &b"404 Nicht d\xe4"[..]));
    let header = |name: &str, value: &[u8]| (name.as_bytes().to_vec(), value.to_vec());
    assert_eq!(head.headers, [header("X-A", b"1"), header("x-a", b"2\xe9"), header("X-Empty", b"")]);
}

#[test]
fn start_response_must_have_been_called() {
    for code in ["return [b'x']", "return []", "yield b'x'"] {
        let source = format!("def application(environ, start_response):\n    {code}\n");
        let log = Site::new(&source).get().error(500);
        assert!(log.contains("RuntimeError: start_response() must be called before"), "{log}");
    }
    // An iterator may call it as late as with its first block (PEP 3333, "Buffering and Streaming").
    let site = Site::new(
        "
        def application(environ, start_response):
            yield b''
            start_response('200 OK', [])
            yield b'late'
        ",
    );
    assert_eq!(site.get().ok(), "late");
}

#[test]
fn a_second_start_response_needs_exc_info_once_something_was_written() {
    let log = Site::app("write(b'')\nstart_response('200 OK', [])\nreturn []").get().error(500);
    assert!(log.contains("called more than once without exc_info"), "{log}");
    let failing = |before: &str| {
        Site::app(&format!(
            "
            import sys
            {before}
            try:
                raise LookupError('the first')
            except LookupError:
                start_response('500 Oops', [('X-New', 'yes')], sys.exc_info())
            return [b'sorry']
            "
        ))
    };
    let answer = failing("write(b'')").get();
    assert_eq!(answer.ok(), "sorry");
    let head = answer.head.unwrap();
    assert_eq!((head.status, head.headers), (500, vec![(b"X-New".to_vec(), b"yes".to_vec())]));
    let answer = failing("write(b'begun')").get();
    let log = answer.truncated();
    assert!(log.contains("LookupError: the first") && log.contains("in application"), "{log}");
    assert_eq!(answer.body(), b"begun");
    for info in ["1", "'abc'", "[1, 2, 3]"] {
        let log = Site::app(&format!("start_response('200 OK', [], {info})")).get().error(500);
        assert!(log.contains("'exc_info' must be a 3-tuple or None"), "{log}");
    }
}

#[test]
fn exc_info_that_cannot_be_raised_is_an_error_of_the_application() {
    for info in [
        "()",
        "(1, 2)",
        "(None, None, None)",
        "(1, 2, 3)",
        "(ValueError, ValueError('x'), 3)",
        "(ValueError, 'x', None)",
    ] {
        let answer = Site::app(&format!("write(b'begun')\nstart_response('500 Oops', [], {info})")).get();
        let log = answer.truncated();
        assert!(log.contains("Error"), "{info}: {log}");
    }
}

#[test]
fn status_and_headers_of_a_wrong_form_are_refused() {
    let table = [
        ("200, []", "TypeError: start_response() argument 1 must be str, not int"),
        ("b'200 OK', []", "must be str, not bytes"),
        ("'20 OK', []", "ValueError: status code must be a 3 digit integer"),
        ("'200 \\u20ac', []", "UnicodeEncodeError"),
        ("'200 \\ud800', []", "UnicodeEncodeError"),
        ("'200 O\\r\\nK', []", "ValueError: control character"),
        ("'101 Switching', []", "ValueError: status code must be a final one"),
        ("'200 OK', ()", "argument 2 must be list, not tuple"),
        ("'200 OK', None", "argument 2 must be list, not NoneType"),
        ("'200 OK', [['A', 'b']]", "each header must be a 2-tuple, not list"),
        ("'200 OK', [('A',)]", "each header must be a 2-tuple, got length 1"),
        ("'200 OK', [('A', 1)]", "header name and value must be str, not int"),
        ("'200 OK', [(b'A', '1')]", "header name and value must be str, not bytes"),
        ("'200 OK', [('A', '\\u20ac')]", "UnicodeEncodeError"),
        ("'200 OK', [('A', 'b\\nC: d')]", "line feed character in header value"),
        ("'200 OK', [('A:', 'b')]", "ValueError: colon in header name"),
        ("'200 OK'", "missing required argument 'headers'"),
    ];
    for (arguments, expected) in table {
        let source = format!(
            "def application(environ, start_response):\n    start_response({arguments})\n    return []\n"
        );
        let log = Site::new(&source).get().error(500);
        assert!(log.contains(expected), "{arguments}: {log}");
    }
}

#[test]
fn named_arguments() {
    for arguments in [
        "'200 OK', headers=[('X-A', 'b')]",
        "status='200 OK', headers=[('X-A', 'b')]",
        "headers=[('X-A', 'b')], exc_info=None, status='200 OK'",
    ] {
        let source = format!(
            "def application(environ, start_response):\n    start_response({arguments})\n    return [b'x']\n"
        );
        let answer = Site::new(&source).get();
        assert_eq!(answer.ok(), "x", "{arguments}");
        assert_eq!(answer.head.unwrap().headers, [(b"X-A".to_vec(), b"b".to_vec())], "{arguments}");
    }
}

#[test]
fn subclasses_of_list_and_tuple_are_lists_and_tuples() {
    let site = Site::new(
        "
        import collections
        Header = collections.namedtuple('Header', 'name value')
        class Headers(list):
            pass
        def application(environ, start_response):
            start_response('200 OK', Headers([Header('X-A', 'b')]))
            return [b'x']
        ",
    );
    assert_eq!(site.get().head.unwrap().headers, [(b"X-A".to_vec(), b"b".to_vec())]);
}

#[test]
fn a_refused_start_response_leaves_what_was_said_before() {
    let site = Site::app(
        "
        for wrong in ('nonsense', 5):
            try:
                start_response(wrong, [('X', 'y')])
            except (TypeError, ValueError):
                pass
        return [b'as before']
        ",
    );
    let answer = site.get();
    assert_eq!(answer.ok(), "as before");
    assert_eq!(answer.head.unwrap().headers, []);
}

#[test]
fn nothing_but_well_formed_heads_goes_out() {
    // What may go out, said a second time, in Python; the parts are of what is on the border of it.
    let site = Site::new(
        r"
        import re
        PIECES = ['', 'X', 'x-y', '1', '9', '200', ' ', ':', '\t', '\r', '\n', '\0', '\x1f', '\x7f', '\x80', '\xff', '\u0100', 'Connection', 'TE']
        PIECES = dict(zip('abcdefghijklmnopqrs', PIECES))
        NAME = re.compile(r'(?!(connection|te)\Z)[^\x00- :\x7f\u0100]+', re.I)
        VALUE = re.compile(r'[^\r\n\0\u0100]*')
        STATUS = re.compile(r'[2-9][0-9]{2}( [^\x00-\x1f\x7f\u0100]*)?')
        def application(environ, start_response):
            status, name, value = (''.join(PIECES[at] for at in part) for part in environ['QUERY_STRING'].split(','))
            good = bool(STATUS.fullmatch(status) and NAME.fullmatch(name) and VALUE.fullmatch(value))
            try:
                start_response(status, [(name, value)])
            except ValueError:
                assert not good, (status, name, value)
                start_response('500 Refused', [])
            else:
                assert good, (status, name, value)
            return [status.encode('latin-1') + b'|' + name.encode('latin-1') + b'|' + value.encode('latin-1')] if good else []
        ",
    );
    let mut numbers = Numbers::new(11);
    let mut accepted = 0;
    for _ in 0..rounds(2000) {
        let mut some = |most: usize, first: char| {
            let rest = (0..numbers.below(most)).map(|_| char::from(b'a' + numbers.below(19) as u8));
            std::iter::once(first).chain(rest).collect::<String>()
        };
        let query = [some(3, 'f'), some(3, 'b'), some(4, 'a')].join(",");
        let answer = site.ask().set("QUERY_STRING", query).send();
        answer.ok();
        let head = answer.head.clone().unwrap();
        if head.line != b"500 Refused" {
            let (name, value) = &head.headers[0];
            assert_eq!(answer.body(), [&head.line[..], name, value].join(&b'|'), "they go out as they are");
            accepted += 1;
        }
    }
    assert!(accepted > 0);
}
