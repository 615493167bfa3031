//! `wsgi.errors`, `sys.stderr` and `sys.stdout`.

use super::{Numbers, Site, host_lines, on_threads, rounds};

/// The lines without their beginning, which names the script.
fn lines(site: &Site, code: &str) -> Vec<String> {
    let answer = site.ask().set("QUERY_STRING", code).send();
    answer.ok();
    let prefix = format!("[script {}] ", site.path().display());
    let lines = answer.lines.into_iter().filter(|line| !line.starts_with("WSGI10"));
    lines.map(|line| line.strip_prefix(&prefix).expect("lines name the script").to_owned()).collect()
}

fn executing() -> Site {
    Site::app("import sys\ne = environ['wsgi.errors']\nexec(environ['QUERY_STRING'])\nreturn []")
}

#[test]
fn whole_lines_become_records_and_the_rest_follows_at_the_end() {
    let site = executing();
    assert_eq!(lines(&site, "e.write('a\\nb'); e.write('c\\n\\nd')"), ["a", "bc", "", "d"]);
    assert_eq!(lines(&site, "e.writelines(['a', 'b\\n', 'c'])"), ["ab", "c"]);
    assert_eq!(lines(&site, "e.write('a'); e.flush(); e.write('b')"), ["a", "b"]);
    assert_eq!(
        lines(&site, "print('out'); print('err', file=sys.stderr); print('e', file=e)"),
        ["out", "err", "e"]
    );
    assert_eq!(lines(&site, "print('a', end=''); print('b', end='', file=sys.stderr)"), ["b", "a"]);
    assert_eq!(lines(&site, "e.buffer.write(b'raw\\xff\\n')"), ["raw\u{fffd}"]);
    assert_eq!(lines(&site, "e.write('')"), [""; 0]);
}

#[test]
fn whatever_pieces_it_comes_in_the_text_is_the_same() {
    let site = executing();
    let mut numbers = Numbers::new(5);
    for _ in 0..rounds(100) {
        let pieces: Vec<&str> =
            (0..numbers.below(20)).map(|_| ["a", "xb", "\n", "", "c\nd"][numbers.below(5)]).collect();
        let code: Vec<String> = pieces.iter().map(|piece| format!("e.write({piece:?})")).collect();
        let whole = pieces.concat();
        let mut expected: Vec<&str> = whole.split('\n').collect();
        if expected.last() == Some(&"") {
            expected.pop();
        }
        assert_eq!(lines(&site, &code.join("\n")), expected, "{code:?}");
    }
}

#[test]
fn what_cannot_be_encoded_is_escaped_and_length_is_in_characters() {
    let site = executing();
    assert_eq!(lines(&site, "assert e.write('\\u20ac\\n') == 2"), ["\u{20ac}"]);
    assert_eq!(lines(&site, "assert e.write('\\ud800\\n') == 2"), ["?"]);
    assert_eq!(lines(&site, "assert e.buffer.write(b'abc\\n') == 4"), ["abc"]);
}

#[test]
fn a_stream_looks_like_a_text_file_and_has_no_descriptor() {
    let site = executing();
    let code = "
for s, name in (e, '<wsgi.errors>'), (sys.stderr, '<stderr>'), (sys.stdout, '<stdout>'):
    assert (s.name, s.encoding, s.closed) == (name, 'utf-8', False)
    assert s.writable() and not (s.readable() or s.seekable() or s.isatty())
    s.close()
    s.flush()
    with s as same:
        assert same is s
    try:
        s.fileno()
    except OSError:
        pass
    else:
        assert False
    for wrong in (b'bytes', None, 1):
        try:
            s.write(wrong)
        except TypeError:
            pass
        else:
            assert False, wrong
try:
    sys.stdin.read()
except OSError:
    pass
else:
    assert False
";
    assert_eq!(lines(&site, code), [""; 0]);
}

#[test]
fn writelines_refuses_what_write_does() {
    let site = executing();
    for wrong in ["writelines([1])", "writelines([b'x'])", "writelines([None])"] {
        let code = format!("e.{wrong}");
        let log = site.ask().set("QUERY_STRING", &code).send().error(500);
        assert!(log.contains("TypeError"), "{wrong}: {log}");
    }
}

#[test]
fn the_buffer_of_a_stream_takes_bytes() {
    let site = executing();
    assert_eq!(lines(&site, "e.buffer.write(b'a'); e.buffer.write(bytearray(b'b\\n'))"), ["ab"]);
    assert_eq!(lines(&site, "e.buffer.writelines([b'a', b'b\\n'])"), ["ab"]);
}

#[test]
fn after_the_request_its_stream_raises_and_those_of_the_process_do_not() {
    let site = Site::new(
        "
        import sys
        kept = []
        def application(environ, start_response):
            start_response('200 OK', [])
            if not kept:
                kept.append(environ['wsgi.errors'])
                return []
            kept[0].flush()
            try:
                kept[0].write('too late')
            except RuntimeError as error:
                return [str(error).encode()]
        ",
    );
    site.get().ok();
    assert_eq!(site.get().ok(), "write() called after request completed");
}

#[test]
fn threads_of_the_application_write_to_the_servers_log() {
    let site = Site::app(
        "
        import sys, threading
        def work():
            print('from a thread')
            print('the beginning', end='')
            print(' and the end')
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return []
        ",
    );
    let answer = site.get();
    answer.ok();
    assert!(!answer.log().contains("from a thread"), "the thread serves no request");
    assert_eq!(host_lines("from a thread"), ["from a thread"]);
    assert_eq!(host_lines("the beginning"), ["the beginning and the end"]);
}

#[test]
fn lines_of_requests_at_the_same_time_do_not_mix() {
    let site = Site::app(
        "
        name = environ['QUERY_STRING']
        for number in range(50):
            print(name, end=' ')
            print(number)
        return []
        ",
    );
    site.get().ok();
    on_threads(4, |number| {
        let answer = site.ask().set("QUERY_STRING", format!("thread{number}")).send();
        answer.ok();
        let ends: Vec<String> = (0..50).map(|line| format!("] thread{number} {line}")).collect();
        assert!(answer.lines.iter().zip(&ends).all(|(line, end)| line.ends_with(end)), "{}", answer.log());
        assert_eq!(answer.lines.len(), 50);
    });
}

/// A stream that a request has left as it was serves the next one; any other is its request's for ever.
#[test]
fn a_stream_that_somebody_kept_or_changed_serves_no_other_request() {
    let site = Site::new(
        "
        import io, weakref
        seen, kept = [], []
        def application(environ, start_response):
            start_response('200 OK', [])
            e = environ['wsgi.errors']
            assert type(e) is io.TextIOWrapper and not vars(e) and weakref.getweakrefcount(e) == 0
            assert (e.encoding, e.errors, e.line_buffering, e.write_through) == ('utf-8', 'replace', False, True)
            fresh = not any(e is k or e.buffer is k for k in kept)
            exec(environ['QUERY_STRING'])
            e.write('')
            return [str(fresh).encode()]
        ",
    );
    let uses = [
        "kept.append(e)",
        "kept.append(e.buffer)",
        "seen.append(weakref.ref(e))",
        "e.colour = 'red'",
        "e.write = print",
        "e.reconfigure(errors='strict')",
        "e.reconfigure(line_buffering=True, write_through=False)",
        "kept.append(e.detach()); e = kept[-1]",
        "e.close()",
    ];
    for code in uses {
        // Without the write at the end that uses it.
        site.write(&std::fs::read_to_string(site.path()).unwrap().replace("    e.write('')\n", ""));
        for _ in 0..3 {
            assert_eq!(site.get().ok(), "True", "after {code}");
        }
        assert_eq!(site.ask().set("QUERY_STRING", code).send().ok(), "True", "{code}");
        assert_eq!(site.get().ok(), "True", "after {code}");
    }
}

#[test]
fn a_stream_that_nobody_used_serves_the_next_request() {
    // Its chunk size is what shows that it is the same object; a new one at the same address has another. In an interpreter
    // of its own: requests of other tests take one, too.
    let site = Site::in_group(
        "streams",
        "
        def application(environ, start_response):
            start_response('200 OK', [])
            size = environ['wsgi.errors']._CHUNK_SIZE
            environ['wsgi.errors']._CHUNK_SIZE = 4242
            return [str(size).encode()]
        ",
    );
    let sizes: Vec<String> = (0..20).map(|_| site.get().ok()).collect();
    assert!(sizes[1..].iter().all(|size| size == "4242"), "{sizes:?}");
}

#[test]
fn what_a_thread_left_of_a_line_comes_at_the_end_of_the_process() {
    let site = Site::app(
        "
        import sys, threading
        thread = threading.Thread(target=lambda: print('of a thread that ended', end=''))
        thread.start()
        thread.join()
        sys.stdout.buffer._flush_all()
        return []
        ",
    );
    site.get().ok();
    assert_eq!(host_lines("of a thread that ended"), ["of a thread that ended"]);
}
