//! `wsgi.input` (PEP 3333, "Input and Error Streams").

use super::{Numbers, Site, rounds};
use wire::abi::{End, ReadError};

/// An application that evaluates the query string with `i` as its input.
fn evaluating() -> Site {
    Site::app("i = environ['wsgi.input']\nreturn [repr(eval(environ['QUERY_STRING'], {'i': i})).encode()]")
}

#[test]
fn reads_give_what_was_asked_for_whatever_pieces_come() {
    let site = evaluating();
    let pieces: [&[u8]; 4] = [b"ab", b"c", b"defgh", b"ij"];
    let table = [
        ("i.read()", "b'abcdefghij'"),
        ("i.read(-1)", "b'abcdefghij'"),
        ("i.read(0)", "b''"),
        ("i.read(3), i.read(3), i.read(30), i.read(1), i.read()", "(b'abc', b'def', b'ghij', b'', b'')"),
        ("i.read(10), i.read()", "(b'abcdefghij', b'')"),
        ("i.read(True)", "b'a'"),
        ("i.readline(4), i.read(1), i.readline(), i.readline()", "(b'abcd', b'e', b'fghij', b'')"),
        ("i.read(10**18)", "b'abcdefghij'"),
    ];
    for (code, expected) in table {
        assert_eq!(site.ask().set("QUERY_STRING", code).body(&pieces).send().ok(), expected, "{code}");
        assert_eq!(site.ask().set("QUERY_STRING", code).chunked(&pieces).send().ok(), expected, "{code}");
    }
}

#[test]
fn lines_end_where_they_do_across_pieces() {
    let site = evaluating();
    let pieces: [&[u8]; 5] = [b"on", b"e\nt", b"wo\n\n", b"thr", b"ee"];
    let table = [
        ("[i.readline() for _ in range(5)]", "[b'one\\n', b'two\\n', b'\\n', b'three', b'']"),
        ("list(i)", "[b'one\\n', b'two\\n', b'\\n', b'three']"),
        ("i.readlines()", "[b'one\\n', b'two\\n', b'\\n', b'three']"),
        ("i.readlines(-1) + i.readlines(0)", "[b'one\\n', b'two\\n', b'\\n', b'three']"),
        ("i.readlines(1), i.readlines(5), i.readlines(5)", "([b'one\\n'], [b'two\\n', b'\\n'], [b'three'])"),
        ("[i.readline(2), i.readline(9), i.readline(0), i.readline(-1)]", "[b'on', b'e\\n', b'', b'two\\n']"),
        (
            "i.readline(), i.read(2), i.readline(), next(i), i.read()",
            "(b'one\\n', b'tw', b'o\\n', b'\\n', b'three')",
        ),
        ("iter(i) is i", "True"),
    ];
    for (code, expected) in table {
        assert_eq!(site.ask().set("QUERY_STRING", code).body(&pieces).send().ok(), expected, "{code}");
        assert_eq!(site.ask().set("QUERY_STRING", code).chunked(&pieces).send().ok(), expected, "{code}");
    }
}

#[test]
fn the_body_ends_where_the_server_says_and_not_where_it_was_declared() {
    let site = evaluating();
    for code in ["i.read()", "i.read(3) + i.read(50) + i.read()", "b''.join(i)", "i.readline(4) + i.read()"] {
        for declared in [0, 1, 5, 6, 7, 100] {
            let ask = site.ask().set("QUERY_STRING", code).body(&[b"12", b"3456"]).declared(declared);
            assert_eq!(ask.send().ok(), "b'123456'", "{code}, {declared} declared");
        }
    }
}

#[test]
fn a_read_of_some_size_asks_the_server_for_no_more() {
    let site = evaluating();
    let answer = site.ask().set("QUERY_STRING", "i.read(3), i.read(2)").body(&[b"123456"]).send();
    assert_eq!((answer.ok(), answer.reads), ("(b'123', b'45')".into(), vec![3, 2]));
}

#[test]
fn a_declared_length_reserves_no_memory() {
    let site = evaluating();
    let ask = site.ask().set("QUERY_STRING", "i.read()").body(&[b"only this"]).declared(1 << 45);
    assert_eq!(ask.send().ok(), "b'only this'");
}

#[test]
fn a_body_that_ends_early_is_what_came() {
    let site = evaluating();
    let ask = |code: &str| site.ask().set("QUERY_STRING", code).body(&[b"123"]).declared(10).send().ok();
    assert_eq!(ask("i.read(), i.read()"), "(b'123', b'')");
    assert_eq!(ask("i.readline(), i.readline()"), "(b'123', b'')");
}

#[test]
fn random_reads_put_together_are_the_body() {
    let site = Site::app(
        "
        i, parts = environ['wsgi.input'], []
        for step in environ['QUERY_STRING'].split():
            name, _, size = step.partition(':')
            if name == 'next':
                part = next(i, b'')
            elif name == 'lines':
                part = b''.join(i.readlines(int(size)))
            else:
                part = getattr(i, name)(int(size))
                assert len(part) <= int(size)
            assert name == 'read' or name == 'lines' or b'\\n' not in part[:-1]
            parts.append(part)
        return [b''.join(parts), i.read()]
        ",
    );
    let mut numbers = Numbers::new(42);
    for round in 0..rounds(60) {
        let chunks: Vec<Vec<u8>> = (0..numbers.below(12))
            .map(|_| {
                let len = 1 + numbers.below(if round % 3 == 0 { 20_000 } else { 40 });
                numbers.bytes(len).iter().map(|byte| if byte % 8 == 0 { b'\n' } else { *byte }).collect()
            })
            .collect();
        let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        let steps: Vec<String> = (0..numbers.below(20))
            .map(|_| match numbers.below(4) {
                0 => "next".into(),
                1 => format!("lines:{}", 1 + numbers.below(100)),
                2 => format!("readline:{}", 1 + numbers.below(60)),
                _ => format!("read:{}", 1 + numbers.below(30_000)),
            })
            .collect();
        for ask in [site.ask().body(&chunks), site.ask().chunked(&chunks)] {
            let answer = ask.set("QUERY_STRING", steps.join(" ")).send();
            answer.ok();
            assert!(answer.body() == chunks.concat(), "round {round}: {steps:?}");
        }
    }
}

#[test]
fn a_failed_read_raises_and_decides_the_status() {
    let site = Site::app("return [environ['wsgi.input'].read()]");
    let table = [
        (ReadError::Timeout, 408, "OSError: mod_wsgi request data read error: no data within"),
        (ReadError::TooLarge, 413, "OSError: mod_wsgi request data read error: the body is larger"),
        (ReadError::Malformed, 400, "OSError: mod_wsgi request data read error: the body is malformed"),
        (ReadError::Disconnected, 400, "WSGI1012"),
    ];
    for (error, status, expected) in table {
        for ask in [site.ask().body(&[b"abc"]).declared(9), site.ask().chunked(&[b"abc"])] {
            let log = ask.broken(error).send().error(status);
            assert!(log.contains(expected), "{log}");
        }
    }
    let site = Site::app(
        "
        try:
            environ['wsgi.input'].readline()
        except OSError as exception:
            return [type(exception).__name__.encode()]
        ",
    );
    assert_eq!(site.ask().chunked(&[b"abc"]).broken(ReadError::Timeout).send().ok(), "OSError");
    let answer = site.ask().chunked(&[b"abc"]).broken(ReadError::Disconnected).send();
    assert_eq!(answer.ok(), "ClientDisconnected");
}

#[test]
fn an_error_of_the_applications_own_is_500_also_after_a_failed_read() {
    let site =
        Site::app("try:\n    environ['wsgi.input'].read()\nexcept OSError:\n    raise ValueError('mine')");
    let log = site.ask().chunked(&[]).broken(ReadError::TooLarge).send().error(500);
    assert!(log.contains("ValueError: mine"), "{log}");
}

#[test]
fn wrong_arguments_are_type_errors() {
    let site = evaluating();
    for code in [
        "i.read(None)",
        "i.read('1')",
        "i.read(1, 2)",
        "i.read(size=1)",
        "i.readline(1.5)",
        "i.readlines(1, 2)",
    ] {
        let log = site.ask().set("QUERY_STRING", code).body(&[b"abc"]).send().error(500);
        assert!(log.contains("TypeError"), "{code}: {log}");
    }
    let log = site.ask().set("QUERY_STRING", "i.read(10**30)").body(&[b"abc"]).send().error(500);
    assert!(log.contains("OverflowError"), "{log}");
}

#[test]
fn nothing_can_be_read_after_the_request() {
    let site = Site::new(
        "
        kept = []
        def application(environ, start_response):
            start_response('200 OK', [])
            if not kept:
                kept.append(environ['wsgi.input'])
                return [kept[0].readline()]
            found = []
            for use in (kept[0].read, kept[0].readline, kept[0].readlines, lambda: next(kept[0])):
                try:
                    found.append(repr(use()))
                except RuntimeError as error:
                    found.append(str(error))
            kept.clear()
            return ['|'.join(found).encode()]
        ",
    );
    // Only a part was read ahead for the line: there is nothing left that could be had without the server.
    let first = site.ask().body(&[b"line\n", b"more"]).send();
    assert_eq!((first.ok().as_str(), first.outcome.end), ("line\n", End::Complete));
    let found = site.get().ok();
    let errors = found.split('|').filter(|text| text.ends_with("() called after request completed")).count();
    assert_eq!(errors, 4, "{found}");
}
