//! close() of the iterable, and clients that leave before the end.

use crate::{serving, truncation_is_hidden};

const CLOSING: &str = r"
    import os, sys
    HERE = os.path.dirname(os.path.abspath(__file__))

    class Body:
        def __init__(self, mode):
            self.mode = mode
        def __iter__(self):
            if self.mode == '/broken':
                raise ValueError('no iterator')
            for i in range(100000 if self.mode == '/long' else 2):
                yield b'x' * (65536 if self.mode == '/long' else 1)
                if self.mode == '/raise':
                    raise ValueError('boom')
        def close(self):
            with open(HERE + '/state/closed', 'a') as f:
                f.write(self.mode + '\n')
            if self.mode == '/close':
                raise ValueError('in close')

    def application(environ, start_response):
        start_response('200 OK', [])
        return Body(environ['PATH_INFO'])";

#[test]
fn close_is_called() {
    let s = serving(CLOSING)
        .expect_traceback("ValueError: boom")
        .expect_traceback("ValueError: in close")
        .expect_traceback("ValueError: no iterator")
        .allow_log("WSGI0174: ")
        .start();
    assert_eq!(s.get("/plain").body, b"xx");
    assert_eq!(s.get("/raise").complete, truncation_is_hidden());
    let r = s.get("/close");
    assert_eq!(
        (r.body.as_slice(), r.complete),
        (b"xx".as_slice(), true),
        "an error in close() comes too late"
    );
    assert_eq!(s.get("/broken").status, 500);
    assert_eq!(s.request("HEAD", "/head").send().status, 200);
    let calls = || {
        let text = s.read_file("state/closed");
        let calls: Vec<_> = text.lines().map(str::to_owned).collect();
        (calls.len() >= 5).then_some(calls)
    };
    let calls = harness::poll::until("five calls of close()", calls);
    assert_eq!(calls, ["/plain", "/raise", "/close", "/broken", "/head"]);
}

#[test]
fn close_is_called_when_the_client_leaves() {
    let s = serving(CLOSING).start();
    let mut c = s.raw(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(!c.some(1000).is_empty());
    c.abort();
    harness::poll::until("close()", || (s.read_file("state/closed") == "/long\n").then_some(()));
}

/// write() tells that the client is gone.
#[test]
fn write_to_a_client_that_left() {
    let s = serving(
        r"
        import os
        HERE = os.path.dirname(os.path.abspath(__file__))
        def application(environ, start_response):
            write = start_response('200 OK', [])
            try:
                while True:
                    write(b'x' * 65536)
            except OSError as e:
                with open(HERE + '/state/error', 'w') as f:
                    f.write(str(e) + '\n')
            return []",
    )
    .start();
    let mut c = s.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(!c.some(1000).is_empty());
    c.abort();
    let error = harness::poll::until("OSError in write()", || {
        Some(s.read_file("state/error")).filter(|e| e.ends_with('\n'))
    });
    assert!(
        error.contains("connection closed") || error.contains("failed to write response data"),
        "{error}"
    );
}
