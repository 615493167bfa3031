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
    assert_eq!(s.logged(r"\] from /").len(), 4);
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
