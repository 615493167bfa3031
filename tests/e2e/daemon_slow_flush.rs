//! Blocks of an answer are with the client in time, whatever the application does meanwhile, and no filter keeps the process
//! waiting.

use std::io::{Read, Write};
use std::net::TcpStream;

use harness::poll::until;
use harness::*;

use crate::daemon::script;
use crate::daemon_slow::{bytes, narrow, serves_others, single};
use crate::starting::notes;

/// Reads until these words have come; fails if they do not come as long as nothing else happens.
#[track_caller]
fn read_to(c: &mut Connection, words: &str) {
    let mut all = Vec::new();
    while !String::from_utf8_lossy(&all).contains(words) {
        let some = c.some(1000);
        assert!(!some.is_empty(), "'{words}' did not come; there is {}", String::from_utf8_lossy(&all));
        all.extend(some);
    }
}

/// The application reads what is there of the body, writes to the log, or goes on with small blocks, before the first one
/// has been sent.
#[test]
fn a_block_is_not_kept_back() {
    only_ours!("it sends each block at once");
    let s = single(
        "",
        "
        def application(environ, start_response):
            path = environ['PATH_INFO']
            start_response('200 OK', [('Content-Type', 'text/event-stream')])
            def events():
                yield b'first'
                if path == '/read':
                    environ['wsgi.input'].read()
                elif path == '/log':
                    print('a line', file=environ['wsgi.errors'], flush=True)
                elif path == '/endless':
                    while not exists('state/endless'):
                        yield b'x'
                wait_for('state' + path)
                yield b'second'
            return events()",
    )
    .expect_log("a line$")
    .start();
    for (path, size) in [("/read", 200_000), ("/log", 0), ("/endless", 0)] {
        let head = format!("POST /app{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n");
        let mut c = s.raw(&[head.as_bytes(), &bytes(size)].concat());
        read_to(&mut c, "first");
        s.write_file(&format!("state{path}"), "");
        read_to(&mut c, "second");
    }
}

/// It sleeps while it is passed something: the process is heard in between.
#[test]
fn a_filter_that_takes_its_time() {
    only_ours!("a slow client holds a thread");
    let s = single(
        "",
        "
        def application(environ, start_response):
            if environ['PATH_INFO'] == '/quick':
                return answer(environ, start_response, 'quick')
            start_response('200 OK', [('Content-Type', 'text/plain')])
            def blocks():
                for _ in range(2):
                    yield b'x' * 3000000
                    time.sleep(0.02)
            return blocks()",
    )
    .module("ratelimit")
    .config("<Location /app/limited>\nSetOutputFilter RATE_LIMIT\nSetEnv rate-limit 100\n</Location>")
    .start();
    let mut client = TcpStream::connect(("127.0.0.1", s.port())).expect("connect");
    client.write_all(b"GET /app/limited HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
    assert!(client.read(&mut [0; 1000]).expect("a part of the answer") > 0);
    // It takes what it gets, and ends with the server.
    std::thread::spawn(move || std::io::copy(&mut client, &mut std::io::sink()));
    // Most of a minute of it is left.
    let begun = std::time::Instant::now();
    assert_eq!(s.get("/app/quick?x").status, 200);
    assert_within(begun, 5.0, "the rest of the answer");
    serves_others(&s, "while the filter sleeps");
}

/// A page whose parts are answers of process groups too: none of them has httpd wait for the client.
#[test]
fn a_page_of_parts() {
    only_ours!("a slow client holds a thread");
    let s = single(
        "",
        "
        def application(environ, start_response):
            start_response('200 OK', [('Content-Type', 'text/html')])
            def page():
                for _ in range(10):
                    yield b'<!--#include virtual=\"/part\" -->'
                    # Long enough for a part.
                    time.sleep(0.1)
                yield b'y' * 1000000
                note('ended')
            return page()",
    )
    .module("include")
    .script(
        "part.wsgi",
        &script(
            "
            def application(environ, start_response):
                start_response('200 OK', [('Content-Type', 'text/html')])
                def blocks():
                    for _ in range(4):
                        yield b'x' * 10000
                        time.sleep(0.01)
                return blocks()",
        ),
    )
    .config(
        "
        WSGIDaemonProcess parts processes=1 threads=4
        WSGIScriptAlias /part {dir}/part.wsgi process-group=parts application-group=%{GLOBAL}
        <Location /app>
            Options +Includes
            SetOutputFilter INCLUDES
        </Location>",
    )
    .start();
    let c = narrow(&s, b"GET /app HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    until("the end of the page", || (notes(&s, "ended").len() == 1).then_some(()));
    let r = Response::read(&mut std::io::BufReader::new(c), false).expect("an answer");
    assert_eq!((r.status, r.complete, r.body.len()), (200, true, 1_400_000));
}
