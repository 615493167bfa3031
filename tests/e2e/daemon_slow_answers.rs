//! Clients that read slowly hold no thread of a process, as long as the answer is not larger than response-buffer-size.

use std::io::{BufReader, Read, Write};

use harness::poll::until;
use harness::*;

use crate::daemon_slow::{bytes, open, serves_others, single};
use crate::daemon_transfer::Protocol;
use crate::starting::notes;

const MIB: usize = 1 << 20;

/// Answers of 7 MiB in every way, and one of 20 MiB.
const LARGE: &str = "
    import itertools
    DATA = bytes((i * 7 + i // 251) & 255 for i in range(7 << 20))
    open(HERE + '/state/large', 'wb').write(DATA)

    class Closing:
        'No plain file: its close() may do anything.'
        def __init__(self):
            self.file = open(HERE + '/state/own', 'w+b')
            self.file.write(DATA)
            self.file.flush()
            self.file.seek(0)
        def __getattr__(self, name):
            return getattr(self.file, name)
        def close(self):
            self.file.truncate(0)
            note('closed', 'file')

    def application(environ, start_response):
        path = environ['PATH_INFO']
        if path == '/quick':
            return answer(environ, start_response, 'quick')
        note('began', path)
        headers = [('Content-Type', 'application/octet-stream')]
        if path == '/write':
            write = start_response('200 OK', headers)
            for at in range(0, len(DATA), 100000):
                write(DATA[at:at + 100000])
                time.sleep(0.006 if at < 1000000 else 0)
            return []
        start_response('200 OK', headers)
        if path == '/list':
            return [DATA[at:at + 5000] for at in range(0, len(DATA), 5000)]
        if path == '/file':
            return environ['wsgi.file_wrapper'](open(HERE + '/state/large', 'rb'))
        if path == '/closing':
            return environ['wsgi.file_wrapper'](Closing())
        if path == '/endless':
            def endless():
                try:
                    for n in itertools.count():
                        if n == 300:
                            note('ahead')
                        yield b'x' * 10000
                        time.sleep(0.006)
                finally:
                    note('closed', 'endless')
            return endless()
        def blocks(size, times):
            for _ in range(times):
                for at in range(0, len(DATA), size):
                    yield DATA[at:at + size]
                    if at < 20 * size:
                        time.sleep(0.006)
        return blocks(65536, 3) if path == '/larger' else blocks(100000, 1)";

fn get(path: &str) -> Vec<u8> {
    format!("GET /app{path}?x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").into_bytes()
}

fn read_slowly(protocol: Protocol) {
    let s = single("", LARGE).start();
    let data = bytes(7 * MIB);
    for path in ["/list", "/iterator", "/write", "/file", "/closing"] {
        let mut e = open(&s, protocol);
        let to = e.to.as_mut().unwrap();
        to.write_all(&get(path)).and_then(|()| to.flush()).expect("a request");
        until("the application", || notes(&s, "began").iter().any(|n| n.text == path).then_some(()));
        serves_others(&s, path);
        let r = Response::read(&mut BufReader::new(e.from.take().unwrap()), false).expect("an answer");
        assert_eq!((r.status, r.complete, r.body.len()), (200, true, data.len()), "{path}");
        assert!(r.body == data, "{path} came changed");
    }
    assert_eq!(notes(&s, "closed").len(), 1);
}

#[test]
fn an_answer_that_is_read_slowly() {
    only_ours!("a slow client holds a thread");
    read_slowly(Protocol::Http);
}

#[test]
fn an_answer_that_is_read_slowly_over_tls() {
    only_ours!("a slow client holds a thread");
    read_slowly(Protocol::Tls);
}

/// It holds the thread, and arrives whole.
#[test]
fn an_answer_that_is_larger_than_what_is_held() {
    only_ours!("a slow client holds a thread");
    for options in ["", "response-buffer-size=65536"] {
        let s = single(options, LARGE).start();
        let whole = bytes(7 * MIB).repeat(3);
        for protocol in [Protocol::Http, Protocol::Tls] {
            let mut e = open(&s, protocol);
            let to = e.to.as_mut().unwrap();
            to.write_all(&get("/larger")).and_then(|()| to.flush()).expect("a request");
            let r = Response::read(&mut BufReader::new(e.from.take().unwrap()), false).expect("an answer");
            assert_eq!(
                (r.status, r.complete, r.body.len()),
                (200, true, whole.len()),
                "{options} {protocol:?}"
            );
            assert!(r.body == whole, "came changed");
        }
        serves_others(&s, options);
    }
}

/// The application hears that nobody waits, though what it yields is taken from it.
#[test]
fn a_client_that_goes_while_its_answer_is_held() {
    only_ours!("a slow client holds a thread");
    let s = single("", LARGE).start();
    let mut c = s.raw(&get("/endless"));
    assert!(!c.some(1000).is_empty());
    c.abort();
    until("the end of the iterator", || (notes(&s, "closed").len() == 1).then_some(()));
    // One that takes nothing at all.
    let c = s.raw(&get("/endless"));
    let ahead = notes(&s, "ahead").len();
    until("more than the system takes", || (notes(&s, "ahead").len() > ahead).then_some(()));
    c.abort();
    until("the end of the iterator", || (notes(&s, "closed").len() == 2).then_some(()));
    serves_others(&s, "gone");
}

/// One that stays and takes nothing is given up after Timeout.
#[test]
fn a_client_that_takes_nothing() {
    only_ours!("a slow client holds a thread");
    let s = single("response-socket-timeout=2", LARGE).expect_log("WSGI1092: .* for 2 s").start();
    let mut c = s.raw(&get("/endless"));
    until("the end of the iterator", || (notes(&s, "closed").len() == 1).then_some(()));
    serves_others(&s, "given up");
    assert!(!c.rest().ends_with(b"0\r\n\r\n"), "looks whole");
}

/// Each block is there before the next one is made, whatever filters there are.
fn block_by_block(protocol: Protocol, more: &str, config: &str) {
    let s = single(
        "",
        "
        def application(environ, start_response):
            if environ['PATH_INFO'] == '/quick':
                return answer(environ, start_response, 'quick')
            start_response('200 OK', [('Content-Type', 'text/event-stream')])
            def events():
                for n in range(5):
                    yield b'data: %d\\n\\n' % n
                    wait_for('state/go%d' % n)
            return events()",
    )
    .config(config)
    .start();
    let mut e = open(&s, protocol);
    let to = e.to.as_mut().unwrap();
    let request = format!("GET /app/sse HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n");
    to.write_all(request.as_bytes()).and_then(|()| to.flush()).expect("a request");
    let mut from = e.from.take().unwrap();
    let mut all = Vec::new();
    let mut some = [0; 1000];
    for n in 0..5 {
        let before = all.len();
        let seen = |all: &[u8]| {
            let text = String::from_utf8_lossy(all);
            // Compressed: the head, and some bytes of each block.
            if more.is_empty() {
                text.contains(&format!("data: {n}\n"))
            } else {
                all.len() > before && text.contains("\r\n\r\n")
            }
        };
        while !seen(&all) {
            let count = from.read(&mut some).expect("a block");
            assert!(count > 0, "ended before block {n}");
            all.extend_from_slice(&some[..count]);
        }
        s.write_file(&format!("state/go{n}"), "");
    }
    from.read_to_end(&mut all).expect("the end");
    assert!(all.ends_with(b"0\r\n\r\n"), "not whole");
}

#[test]
fn events_come_one_by_one() {
    block_by_block(Protocol::Http, "", "");
    block_by_block(Protocol::Tls, "", "");
}

#[test]
fn compressed_events_come_one_by_one() {
    let deflate = "SetOutputFilter DEFLATE";
    block_by_block(Protocol::Http, "Accept-Encoding: gzip\r\n", deflate);
    block_by_block(Protocol::Tls, "Accept-Encoding: gzip\r\n", deflate);
}
