//! wsgi.errors, sys.stderr, sys.stdout: text that ends as records of Apache's error log.

use harness::*;

use crate::{answering, serving};

/// Runs statements, answers with `result`, and has the log announced.
fn running(statements: &str) -> Httpd {
    serving(&answering(&format!(
        "result = ''\nerrors = environ['wsgi.errors']\n{}",
        harness::text::dedent(statements)
    )))
}

#[test]
fn every_way_to_the_log() {
    let peer = differs(by_mode("client", "remote"), "client", "the same record in both modes");
    let s = running(
        "
        print('by print')
        print('by errors', file=errors)
        sys.stderr.write('by stderr\\n')
        import logging
        logging.error('by logging')
        errors.writelines(['line one\\n', 'line two\\n'])",
    )
    .expect_log(r"\[wsgi:error\] .*\[script [^]]*/app.wsgi\] by print$")
    .expect_log(r"\[wsgi:error\] .*\[script [^]]*/app.wsgi\] by errors$")
    .expect_log(&format!(r"\[wsgi:error\] .*\[{peer} 127.0.0.1:\d+\] .*by stderr$"))
    .expect_log(r"\[wsgi:error\] .*ERROR:root:by logging$")
    .expect_log("line one$")
    .expect_log("line two$")
    .start();
    assert_eq!(s.get("/").status, 200);
}

#[test]
fn text_is_held_until_the_line_is_complete() {
    let s = running("errors.write('one '); errors.write('line\\n'); errors.write('tail')")
        .expect_log(r"\] one line$")
        .expect_log(r"\] tail$")
        .start();
    assert_eq!(s.get("/").status, 200);
    assert_eq!(s.wait_log("tail$"), s.logged("tail$")[0]);
}

#[test]
fn flush_ends_a_record() {
    let s = running("errors.write('part'); errors.flush(); errors.write('rest\\n')")
        .expect_log(r"\] part$")
        .expect_log(r"\] rest$")
        .start();
    assert_eq!(s.get("/").status, 200);
}

/// Apache escapes what is not printable; text is UTF-8, what cannot be encoded becomes a question mark.
#[test]
fn non_ascii_text() {
    let s = running("print('caf\\u00e9', file=errors); print('lone \\udcff', file=errors)")
        .expect_log(r"\] caf(é|\\xc3\\xa9)$")
        .expect_log(r"\] lone \?$")
        .start();
    assert_eq!(s.get("/").status, 200);
}

#[test]
fn long_lines() {
    let s = running("print('a' * 5000 + 'END', file=errors); print('b' * 20000 + 'END', file=errors)")
        .expect_log("a{5000}END$")
        .expect_log("b{1000}")
        .start();
    assert_eq!(s.get("/").status, 200);
    let all: usize = s.error_log().iter().map(|l| l.matches('b').count()).sum();
    let whole = all >= 20000;
    assert_eq!(
        whole,
        differs(false, true, "a record is cut at 8 KiB; ours splits the line"),
        "{all} of 20000"
    );
}

#[test]
fn nul_in_a_line() {
    let s = running("print('before\\0after', file=errors)").expect_log("before").start();
    assert_eq!(s.get("/").status, 200);
    assert_eq!(
        !s.logged("after").is_empty(),
        differs(false, true, "a NUL ends the record; ours keeps the rest")
    );
}

#[test]
fn attributes() {
    let s = running(
        "
        result = [(f.name, f.encoding, f.errors, f.isatty(), f.closed) for f in (errors, sys.stderr, sys.stdout)]
        try:
            errors.fileno()
        except OSError:
            result.append('OSError')",
    )
    .start();
    let stream = |name| format!("('<{name}>', 'utf-8', 'replace', False, False)");
    let expected =
        format!("[{}, {}, {}, 'OSError']", stream("wsgi.errors"), stream("stderr"), stream("stdout"));
    assert_eq!(s.get("/").text(), expected);
}

#[test]
fn bytes_through_the_buffer() {
    let s = running("errors.buffer.write(b'raw bytes\\n'); errors.buffer.flush()")
        .expect_log("raw bytes$")
        .start();
    assert_eq!(s.get("/").status, 200);
}

#[test]
fn errors_after_the_request_is_over() {
    let s = serving(
        r"
        KEPT = []
        def application(environ, start_response):
            result = 'first'
            if KEPT:
                try:
                    KEPT[0].write('late\n')
                    KEPT[0].flush()
                    result = 'accepted'
                except RuntimeError:
                    result = 'RuntimeError'
            KEPT.append(environ['wsgi.errors'])
            start_response('200 OK', [])
            return [result.encode()]",
    )
    .allow_log("late")
    .start();
    assert_eq!(s.get("/").text(), "first");
    assert_eq!(s.get("/").text(), "RuntimeError");
}

/// Two requests at a time: each line is a record of the request that wrote it.
#[test]
fn records_belong_to_their_request() {
    let s = httpd()
        .script("one.wsgi", &answering("result = ''\nprint('from ' + __file__)"))
        .script("two.wsgi", &answering("result = ''\nprint('from ' + __file__)"))
        .config("WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias /1 {dir}/one.wsgi\nWSGIScriptAlias /2 {dir}/two.wsgi")
        .expect_log(r"\[script \S*/one.wsgi\] from \S*/one.wsgi$")
        .expect_log(r"\[script \S*/two.wsgi\] from \S*/two.wsgi$")
        .start();
    std::thread::scope(|scope| {
        for target in ["/1", "/2", "/1", "/2"] {
            let s = &s;
            scope.spawn(move || assert_eq!(s.get(target).status, 200));
        }
    });
    s.logged_times(r"\] from /", 4);
}

/// The id of the request that the access log and the environ have as well.
#[test]
fn records_carry_the_requests_id() {
    let s = running(
        "print('by print'); print('by errors', file=errors); result = environ['mod_wsgi.request_id']",
    )
    .config(r#"ErrorLogFormat "[%t] [%-m:%l] [pid %P:tid %T] [id %L] [client %a] %M""#)
    .expect_log("by print$")
    .expect_log("by errors$")
    .start();
    let id = s.get("/").text();
    for text in ["by print$", "by errors$"] {
        let line = s.wait_log(text);
        assert!(line.contains(&format!("[id {id}] [client 127.0.0.1:")), "{id} not in {line}");
    }
}

#[test]
fn the_virtual_hosts_log() {
    let s = httpd()
        .script("app.wsgi", &answering("result = ''\nprint('to the host')"))
        .config(
            "
            <VirtualHost *:{port}>
            WSGIScriptAlias / {dir}/app.wsgi
            ErrorLog {dir}/logs/vhost.log
            </VirtualHost>",
        )
        .expect_log("to the host$")
        .start();
    assert_eq!(s.get("/").status, 200);
    assert!(s.read_file("logs/vhost.log").contains("to the host"));
}

/// Text written by a thread the application started belongs to the server.
#[test]
fn background_thread() {
    let s = running(
        "
        import threading
        t = threading.Thread(target=lambda: print('from a thread'))
        t.start()
        t.join()",
    )
    .expect_log(r"\[wsgi:error\] .*from a thread$")
    .start();
    assert_eq!(s.get("/").status, 200);
}

#[test]
fn while_loading() {
    let s = serving(
        r"
        print('printed while loading')
        def application(environ, start_response):
            start_response('200 OK', [])
            return []",
    )
    .expect_log("printed while loading$")
    .start();
    assert_eq!(s.get("/").status, 200);
}

#[test]
fn exception_in_a_thread() {
    let s = running(
        "
        import threading
        def fail():
            raise ValueError('in a thread')
        t = threading.Thread(target=fail)
        t.start()
        t.join()",
    )
    .expect_traceback("ValueError: in a thread")
    .expect_log("Exception in thread")
    .start();
    assert_eq!(s.get("/").status, 200);
}

/// What is done with text streams of Python's can be done with these.
#[test]
fn they_are_text_streams() {
    let s = running(
        "
        import io, weakref
        def raised(use):
            try:
                return use()
            except Exception as error:
                return type(error).__name__
        for f in errors, sys.stdout, sys.stderr:
            f.note = 1
            result += str([type(f) is io.TextIOWrapper, isinstance(f, io.TextIOBase), f.note, weakref.ref(f)() is f,
                f.writable(), f.readable(), f.seekable(), f.write_through, f.newlines,
                *(raised(use) for use in (f.tell, f.read, f.readline, lambda: f.seek(0), lambda: next(f),
                                          lambda: f.write(b'bytes'), lambda: f.write(None)))]) + '\\n'
            del f.note",
    )
    .start();
    let expected = "[True, True, 1, True, True, False, False, True, None, 'UnsupportedOperation', \
                    'UnsupportedOperation', 'UnsupportedOperation', 'UnsupportedOperation', \
                    'UnsupportedOperation', 'TypeError', 'TypeError']\n";
    assert_eq!(s.get("/").text(), expected.repeat(3));
}

#[test]
fn what_a_log_cannot_do_is_unsupported() {
    let s = running(
        "
        import faulthandler, io
        def raised(use):
            try:
                use()
            except Exception as error:
                return error
        for f in errors, sys.stdout, sys.stderr, sys.stderr.buffer:
            for use in f.fileno, lambda: faulthandler.enable(f):
                error = raised(use)
                result += str([isinstance(error, io.UnsupportedOperation), isinstance(error, (OSError, AttributeError))])",
    )
    .start();
    let expected = format!("[{}, True]", differs("False", "True", "the exception that io has for it"));
    assert_eq!(s.get("/").text(), expected.repeat(8));
}

/// Ways to have another encoding or another class, as Python 2 code and its heirs have them.
#[test]
fn streams_are_wrapped_again() {
    let s = running(
        "
        import codecs, io
        codecs.getwriter('utf-8')(errors.buffer).write('by a writer\\n')
        wrapped = io.TextIOWrapper(errors.buffer, encoding='latin-1', line_buffering=True)
        print('wrapped', file=wrapped)
        wrapped.detach()
        sys.stdout.write = lambda text: sys.stderr.write('patched ' + text)
        sys.stdout.write('write\\n')
        del sys.stdout.write
        sys.stdout.buffer.write(memoryview(b'view\\n'))
        sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding='utf-8', line_buffering=True)
        print('detached')
        sys.stderr = codecs.getwriter('utf-8')(sys.stderr.detach())
        print('detached too', file=sys.stderr)
        print('still', file=errors, flush=True)",
    );
    let lines = ["by a writer", "wrapped", "patched write", "view", "detached", "detached too", "still"];
    let s = lines.iter().fold(s, |s, line| s.expect_log(&format!(r"\] {line}$"))).start();
    assert_eq!(s.get("/").status, 200);
}

/// A wrapper that is thrown away, and whoever closes a stream that is not his, closes nothing for the others.
#[test]
fn a_closed_stream_goes_on() {
    let s = running(
        "
        import io
        io.TextIOWrapper(sys.stderr.buffer, encoding='utf-8').write('by a temporary wrapper\\n')
        io.BufferedWriter(sys.stderr.buffer).write(b'by a temporary buffer\\n')
        print('stderr goes on', file=sys.stderr)
        sys.stdout.close()
        print('stdout goes on')
        with errors:
            errors.write('inside\\n')
        errors.write('after with\\n')",
    )
    .expect_log("by a temporary wrapper$");
    let lines = ["by a temporary buffer", "stderr goes on", "stdout goes on", "inside", "after with"];
    if subject() == Subject::ModWsgi {
        // RuntimeError: write() called on wsgi.errors after request completed.
        let s = s
            .allow_traceback()
            .allow_log("WSGI0174: |RuntimeError: |stderr goes on|by a temporary buffer")
            .start();
        assert_eq!(s.get("/").status, 500);
        return;
    }
    let s = lines.iter().fold(s, |s, line| s.expect_log(&format!(r"\] {line}$"))).start();
    assert_eq!(s.get("/").status, 200);
    assert_eq!(s.get("/").status, 200);
}

/// The library's own users of these streams.
#[test]
fn the_library_writes_to_them() {
    let s = running(
        "
        import contextlib, io, logging, traceback, warnings
        handler = logging.StreamHandler(errors)
        logging.getLogger('mine').addHandler(handler)
        logging.getLogger('mine').propagate = False
        logging.getLogger('mine').error('by a handler')
        warnings.warn_explicit('by warnings', UserWarning, 'x.py', 1)
        try:
            raise ValueError('by traceback')
        except ValueError:
            traceback.print_exc()
        with contextlib.redirect_stdout(errors):
            print('redirected')
        with contextlib.redirect_stdout(io.StringIO()) as caught:
            print('caught')
        print('two', 'words', sep='-', flush=True)
        result = caught.getvalue()",
    )
    .expect_log(r"\] by a handler$")
    .expect_log(r"UserWarning: by warnings$")
    .expect_traceback("ValueError: by traceback")
    .expect_log(r"\] redirected$")
    .expect_log(r"\] two-words$")
    .start();
    assert_eq!(s.get("/").text(), "caught\n");
}

/// A write from a finalizer or a signal handler while another is in progress.
#[test]
fn writes_within_writes() {
    let s = running(
        "
        class Loud:
            def __str__(self):
                print('from inside')
                return 'outer'
            def __del__(self):
                print('from a finalizer')
        print(Loud())
        sys.stdout.writelines(str(Loud()) + chr(10) for _ in range(2))",
    )
    .expect_log(r"\] from inside$")
    .expect_log(r"\] from a finalizer$")
    .expect_log(r"\] outer$")
    .start();
    assert_eq!(s.get("/").status, 200);
    for line in ["from inside", "from a finalizer", "outer"] {
        s.logged_times(&format!(r"\] {line}$"), 3);
    }
}

/// Each line is whole and is its request's, however many write at once.
#[test]
fn lines_of_requests_at_once_stay_whole() {
    let s = serving(&answering(
        "
        import sys
        name = environ['QUERY_STRING']
        for n in range(20):
            print(name, 'itself', 'line', n)
        result = name",
    ))
    .allow_log("itself line [0-9]+$")
    .start();
    std::thread::scope(|scope| {
        for name in ["one", "two", "three"] {
            let s = &s;
            scope.spawn(move || assert_eq!(s.get(&format!("/?{name}")).text(), name));
        }
    });
    for name in ["one", "two", "three"] {
        let lines = s.logged(&format!(r"\[script [^]]*\] {name} itself line [0-9]+$"));
        assert_eq!(lines.len(), 20, "{name}");
    }
}

/// The beginning of a line that a thread has left when the process ends.
#[test]
fn nothing_is_lost_at_the_end_of_the_process() {
    let s = running(
        "
        import threading
        thread = threading.Thread(target=lambda: print('left by a thread', end=''))
        thread.start()
        thread.join()
        import atexit
        atexit.register(print, 'left by an exit function', end='')",
    )
    .expect_log("left by a thread")
    .expect_log("left by an exit function$")
    .start();
    assert_eq!(s.get("/").status, 200);
    s.terminate();
}
