//! Requests that take too long, and processes in which nothing runs any more.

use std::time::{Duration, Instant};

use harness::*;

use crate::daemon::*;
use crate::starting::{noted, notes};

/// Sleeps in Python, in C, or in C with the GIL held, as the path says.
const SLEEPING: &str = "
    import ctypes
    note('load', 'v0')
    def dawdle():
        end = time.monotonic() + 60
        while time.monotonic() < end:
            time.sleep(0.01)
    def application(environ, start_response):
        path = environ['PATH_INFO']
        if path not in ('', '/'):
            note('began', path)
        try:
            if path == '/python':
                dawdle()
            if path == '/c':
                ctypes.CDLL(None).sleep(60)
            if path == '/gil':
                ctypes.PyDLL(None).sleep(60)
        except BaseException as e:
            note('raised', type(e).__name__)
            raise
        return answer(environ, start_response, 'v0', os.getpid())
    ";

/// `told`: the line that says what took too long. A process that ends meanwhile names the requests that it cuts.
fn sleeping(options: &str, told: &str) -> Server {
    let h = defined(options, &script(SLEEPING))
        .expect_log(told)
        .allow_traceback()
        .allow_log("RequestTimeout|AH00045: |WSGI0146: |WSGI1005: |WSGI1014: ");
    let h = h.allow_log("threads of .* of daemon process '.*':$|\\] Thread 0x");
    let h = crate::starting::allow_report(h);
    serving(h, 1)
}

/// The request is ended by an exception, and the process serves on.
#[test]
fn request_timeout_with_an_interrupt() {
    let s =
        sleeping("processes=1 threads=1 request-timeout=1 interrupt-timeout=5", "WSGI1034: .*is interrupted");
    let begun = Instant::now();
    let r = s.get("/app/python");
    assert_eq!(r.status, 504, "{}", r.text());
    assert_within(begun, 4.0, "the answer");
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(noted(&s, "raised", 1)[0].text, "RequestTimeout");
    s.wait_log("dawdle");
    assert_eq!(s.get("/app/?x").status, 200);
    assert_eq!(notes(&s, "load").len(), 1, "it was replaced");
}

/// What cannot be interrupted costs the process, and its request is answered all the same.
#[test]
fn request_timeout_in_c() {
    let s = sleeping(
        "processes=1 threads=1 request-timeout=1 interrupt-timeout=1 graceful-timeout=1 shutdown-timeout=1",
        "WSGI1034: ",
    );
    let begun = Instant::now();
    let r = s.get("/app/c");
    assert_eq!(r.status, 504, "{}", r.text());
    assert_within(begun, 8.0, "the answer");
    let old = notes(&s, "began")[0].pid;
    newest(&s, 2);
    gone(&[old]);
    told(&s, old, "request.timeout");
    assert_eq!(s.get("/app/?x").status, 200);
}

/// It needs no other timeout to be set, unlike in mod_wsgi.
#[test]
fn request_timeout_alone() {
    let s = sleeping(
        "processes=1 threads=1 request-timeout=1 deadlock-timeout=0 inactivity-timeout=0 shutdown-timeout=1 \
         graceful-timeout=1",
        "WSGI1034: .*the limit is",
    );
    let begun = Instant::now();
    let status = s.get("/app/python").status;
    assert_eq!(status, 504);
    assert_within(begun, 8.0, "the answer");
    newest(&s, 2);
    told(&s, notes(&s, "began")[0].pid, "request.timeout");
}

/// Nothing of Python runs any more, so all that helps is another process; the others serve on.
#[test]
fn deadlock_timeout() {
    let s = sleeping(
        "processes=2 threads=8 deadlock-timeout=2 shutdown-timeout=1 graceful-timeout=1",
        "WSGI1036: ",
    );
    noted(&s, "load", 2);
    let mut request = s.raw(&s.request("GET", "/app/gil").bytes());
    let stuck = noted(&s, "began", 1)[0].pid;
    newest(&s, 3);
    let status = request.response().status;
    assert!(matches!(status, 502 | 504), "{status}");
    gone(&[stuck]);
    told(&s, stuck, "deadlock.timeout");
    // Where it hung.
    s.wait_log(r#"app.wsgi", line [0-9]+,? in application"#);
    let load = load_until_answered(&s);
    load.stop().assert_none_lost();
    settled(&s, 2);
}

fn load_until_answered(s: &Server) -> Load {
    let load = s.load(CLIENTS, "/app/?");
    load.goes_on(20);
    load
}

/// A request that finds no idle thread waits for no longer than that, whether a thread becomes idle or not.
#[test]
fn queue_timeout() {
    let s = sleeping(
        "processes=1 threads=1 queue-timeout=1 request-timeout=10 interrupt-timeout=5",
        "WSGI0084: ",
    );
    let busy = s.raw(&s.request("GET", "/app/python").bytes());
    noted(&s, "began", 1);
    let begun = Instant::now();
    let r = s.get("/app/?x");
    assert_eq!(r.status, 504, "{}", r.text());
    assert!(r.header("Retry-After").is_some(), "{:?}", r.headers);
    assert_within(begun, 3.0, "the answer");
    busy.abort();
}
