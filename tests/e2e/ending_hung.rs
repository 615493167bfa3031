//! The end of Apache's children when something does not end by itself: threads, and scripts that hang while they load.

use std::time::Instant;

use harness::poll::until;
use harness::*;

use crate::ending::{
    STILL_THERE, assert_exit_functions, assert_whole, loaded, notes, site, terminate_within,
};

/// Threads of both kinds that never end.
const NEVER_ENDING: &str = "
    def forever():
        while True:
            time.sleep(0.05)
    threading.Thread(target=forever, name='stubborn-' + GROUP).start()
    threading.Thread(target=forever, name='servant-' + GROUP, daemon=True).start()";

#[test]
fn threads_that_never_end() {
    let s = site(NEVER_ENDING)
        .expect_log("WSGI1004: .*stubborn-main")
        .expect_log("WSGI1004: .*stubborn-sub")
        .allow_log(STILL_THERE)
        .start();
    loaded(&s, 1);
    let begun = Instant::now();
    s.terminate();
    assert_within(begun, 9.0, "the stop");
    assert_exit_functions(&s);
}

/// Daemon threads, idle thread pools and timers are ended or left as a plain Python does, without waiting. (httpd's
/// parent looks for children that ended after 0.4, 1.9 and 2.3 s, so a child that takes 0.5 s costs it 2.4 s.)
#[test]
fn threads_that_need_no_waiting() {
    for stop in [Server::stop, Server::terminate] {
        let s = site(
            "
            from concurrent.futures import ThreadPoolExecutor
            pool = ThreadPoolExecutor(4)
            list(pool.map(time.sleep, [0.01] * 8))
            beat = threading.Thread(target=lambda: [time.sleep(0.01) for _ in iter(int, 1)], daemon=True)
            beat.start()
            timer = threading.Timer(0.3, note, ('timer', GROUP, os.getpid()))
            timer.start()",
        )
        .start();
        loaded(&s, 1);
        assert_whole(&s.get("/sub"));
        let begun = Instant::now();
        stop(&s);
        assert_within(begun, 3.0, "the stop");
        assert_exit_functions(&s);
        assert_eq!(notes(&s, "timer"), notes(&s, "load"), "a timer is waited for");
    }
}

/// What runs without the GIL runs on while the process exits, and must not find its libraries taken down.
#[test]
fn threads_in_c_code() {
    for _ in 0..6 {
        let s = site(
            "
            import ssl
            def busy():
                while True:
                    ssl.create_default_context()
            for _ in range(3):
                threading.Thread(target=busy, daemon=True).start()",
        )
        .allow_log("WSGI1004")
        .start();
        loaded(&s, 1);
        s.stop();
        assert_exit_functions(&s);
    }
}

#[test]
fn an_exit_function_that_never_ends() {
    let s = site("if GROUP == 'main': atexit.register(time.sleep, 60)")
        .expect_log("WSGI1014: .*exit function")
        .allow_log(STILL_THERE)
        .start();
    loaded(&s, 1);
    let begun = Instant::now();
    s.terminate();
    assert_within(begun, 9.0, "the stop");
    assert_eq!(notes(&s, "exit").len(), 1, "that of the other interpreter");
}

/// A server with a script that hangs while it is loaded.
fn hanging(groups: &str) -> Server {
    let script = "
        import os, time
        open(os.path.dirname(os.path.abspath(__file__)) + '/state/hangs', 'w').close()
        time.sleep(60)";
    let s = httpd().script("app.wsgi", script);
    s.config(&format!("WSGIScriptAlias / {{dir}}/app.wsgi {groups}"))
        .expect_log("WSGI1014: .*app.wsgi' is still being loaded")
        .allow_log(STILL_THERE)
        .start()
}

fn until_it_hangs(s: &Server) {
    until("the script to hang", || s.dir().join("state/hangs").exists().then_some(()));
}

#[test]
fn stop_while_a_request_loads_a_script_that_hangs() {
    let s = hanging("preload=off");
    let _request = s.raw(b"GET / HTTP/1.0\r\n\r\n");
    until_it_hangs(&s);
    let begun = Instant::now();
    s.terminate();
    // The request is let go at once: it has not begun.
    assert_within(begun, 3.0, "the stop");
    assert_eq!(s.logged("WSGI1005"), [""; 0]);
}

/// Nobody waits for it: no request has come.
#[test]
fn stop_while_a_script_hangs_in_a_child_that_starts() {
    let s = hanging("process-group=%{GLOBAL} application-group=x");
    until_it_hangs(&s);
    terminate_within(&s, 1.0, "the stop");
    assert_eq!(s.logged("WSGI1005"), [""; 0]);
}

/// The same for a graceful stop and a graceful restart: each ends the old child within its limit, and the log names what
/// was left there, once.
#[test]
fn threads_that_never_end_and_a_graceful_end() {
    for restart in [false, true] {
        let s = site(NEVER_ENDING)
        .expect_log(r"WSGI1004: .*stubborn-main.*servant-main \(daemon\)|WSGI1004: .*servant-main \(daemon\).*stubborn-main")
        .expect_log(r"WSGI1004: .*stubborn-sub.*servant-sub \(daemon\)|WSGI1004: .*servant-sub \(daemon\).*stubborn-sub")
        .allow_log(STILL_THERE)
        .start();
        loaded(&s, 1);
        assert_whole(&s.get("/sub"));
        let (old, begun) = (s.children(), Instant::now());
        if restart {
            s.graceful();
            loaded(&s, 2);
            assert_whole(&s.get("/main"));
            s.wait_gone(&old);
            assert_within(begun, 10.0, "the restart");
            assert_eq!((notes(&s, "exit").len(), s.logged("WSGI1004").len()), (2, 2), "of the old child");
            s.terminate();
        } else {
            s.stop();
            assert_within(begun, 10.0, "the stop");
        }
        assert_exit_functions(&s);
        assert_eq!(s.logged("WSGI1004").len(), notes(&s, "load").len());
    }
}
