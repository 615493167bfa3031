//! What a group's process may use of memory and processor time, and what ends one that comes to nothing.

use harness::poll::until;
use harness::*;

use crate::{alive, answering, pid, serving};

#[test]
fn limits_of_memory() {
    daemon_only!();
    let limits = answering(
        "
        import resource
        result = [resource.getrlimit(which)[0] for which in (resource.RLIMIT_DATA, resource.RLIMIT_AS)]",
    );
    for (options, expected) in [
        ("memory-limit=1500000000", "[1500000000, -1]"),
        ("virtual-memory-limit=4000000000", "[-1, 4000000000]"),
        ("memory-limit=0 virtual-memory-limit=0", "[-1, -1]"),
    ] {
        assert_eq!(serving(&limits).group(options).start().get("/").text(), expected, "{options}");
    }
}

/// What cannot be had is a MemoryError of the request that wants it.
#[test]
fn memory_that_is_not_to_be_had() {
    daemon_only!();
    let script = answering(
        "
        if environ['PATH_INFO'] == '/large':
            try:
                result = len(bytearray(3 << 30))
            except MemoryError:
                result = 'MemoryError'
        else:
            result = os.getpid()",
    );
    for option in ["memory-limit=2000000000", "virtual-memory-limit=3000000000"] {
        let s = serving(&script).group(option).start();
        let before = pid(&s);
        assert_eq!(s.get("/large").text(), "MemoryError", "{option}");
        assert_eq!(pid(&s), before, "the process serves on");
    }
}

/// A process that has used so much time of a processor is replaced.
#[test]
fn cpu_time_limit() {
    daemon_only!();
    let s = serving(&answering(
        "
        import time
        end = time.thread_time() + 0.1
        while environ['PATH_INFO'] == '/burn' and time.thread_time() < end:
            pass
        result = os.getpid()",
    ))
    .group("cpu-time-limit=2")
    .allow_log("WSGI01(19|46|47)")
    .start();
    let before = pid(&s);
    let mut burnt = 0;
    until("the end of the process", || {
        burnt += usize::from(s.get("/burn").text() == before.to_string());
        (!alive(&s, before)).then_some(())
    });
    // Of its start, and of being looked at now and then, the limit has a part.
    assert!((10..60).contains(&burnt), "{burnt} tenths of a second");
    assert_ne!(pid(&s), before);
}

/// A process in which nothing of Python can run is replaced, and the request that keeps it is lost.
#[test]
fn deadlock_timeout() {
    daemon_only!();
    let s = serving(&answering(
        "
        import ctypes
        if environ['PATH_INFO'] == '/stuck':
            ctypes.PyDLL(None).sleep(600)
        result = os.getpid()",
    ))
    .group("deadlock-timeout=2 shutdown-timeout=1 graceful-timeout=1")
    .expect_log_of(Subject::Ours, "WSGI1036: ")
    .allow_log("WSGI01(19|46|47)|WSGI1005|WSGI1014|threads of .* of daemon process '.*':$|\\] Thread 0x")
    // The original's have no head of httpd's.
    .allow_log("^(Current thread|Thread) 0x|^  File |^  <no Python frame>|^$")
    .allow_traceback()
    .start();
    let before = pid(&s);
    let mut stuck = s.raw(b"GET /stuck HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(stuck.try_response().is_none_or(|r| matches!(r.status, 502..=504)));
    until("the end of the process", || (!alive(&s, before)).then_some(()));
    until("another process", || (s.get("/").status == 200).then_some(()));
    assert_ne!(pid(&s), before);
}

/// A script that is not loaded after so long is begun anew.
#[test]
fn startup_timeout() {
    daemon_only!();
    let s = serving(
        "
        import os, time
        HERE = os.path.dirname(os.path.abspath(__file__))
        with open(HERE + '/state/loads', 'a') as f:
            f.write('x')
        while not os.path.exists(HERE + '/go'):
            time.sleep(0.01)
        def application(environ, start_response):
            start_response('200 OK', [])
            return [str(os.getpid()).encode()]",
    )
    .group("startup-timeout=1 shutdown-timeout=1 graceful-timeout=1")
    .expect_log_of(Subject::Ours, "WSGI1017: .*app.wsgi' has not started within 1 s .startup-timeout=; id ")
    .allow_log("WSGI01(05|06|10|19|46|47)|WSGI101[4-6]|^  File |^    |^$|Thread 0x")
    // What a report consists of.
    .allow_log(r"wsgi:(error|notice)\] \[pid [^]]*\] (?:[^W\[]|W[^S])")
    .allow_traceback()
    .start();
    let mut first = s.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    // Ours tells its client at the time limit, the original loses the request with the process.
    assert!(first.try_response().is_none_or(|r| matches!(r.status, 502..=504)));
    // Each of the original begins with a request.
    until("a second attempt", || {
        let again = s.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let told = s.read_file("state/loads").len() >= 2;
        again.abort();
        told.then_some(())
    });
    s.write_file("go", "");
    until("an answer", || (s.get("/").status == 200).then_some(()));
}
