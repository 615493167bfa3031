//! What applications may not do, and which requests may not run embedded.

use harness::*;

use crate::{answering, process_group, serving, showing};

fn attempt(expression: &str) -> Httpd {
    serving(&answering(&format!(
        "
        try:
            result = {expression}
        except Exception as e:
            result = '%s: %s' % (type(e).__name__, e)"
    )))
}

#[test]
fn restrict_stdin() {
    let s = attempt("sys.stdin.read()").config("WSGIRestrictStdin On").start();
    assert_eq!(s.get("/").text(), "OSError: sys.stdin access restricted by mod_wsgi");
    drop(s);
    let s = attempt("repr(sys.stdin.read())").start();
    assert_eq!(s.get("/").text(), "''", "Apache's own standard input is /dev/null");
}

#[test]
fn restrict_stdout() {
    let s = attempt("print('x')")
        .config("WSGIRestrictStdout On")
        .allow_log("Exception ignored in: .*mod_wsgi|access restricted")
        .start();
    assert_eq!(s.get("/").text(), "OSError: sys.stdout access restricted by mod_wsgi");
    drop(s);
    let s = attempt("print('let through')").expect_log("let through$").start();
    assert_eq!(s.get("/").text(), "None");
}

/// A stream that is forbidden can be asked what it is; mod_wsgi raises whatever it is asked.
#[test]
fn a_restricted_stream_looks_like_one() {
    let ask = "[(f.isatty(), f.closed, f.encoding, isinstance(f, __import__('io').TextIOBase), hasattr(f, 'none')) \
               for f in (sys.stdin, sys.stdout)]";
    let s = attempt(ask).config("WSGIRestrictStdin On\nWSGIRestrictStdout On");
    let s = match subject() {
        Subject::ModWsgi => s.allow_log("Exception ignored in: .*mod_wsgi|access restricted").start(),
        Subject::Ours => s.start(),
    };
    let expected = differs(
        "OSError: sys.stdin access restricted by mod_wsgi".to_owned(),
        format!("[{0}, {0}]", "(False, False, 'utf-8', True, False)"),
        "libraries look at streams that they do not use",
    );
    assert_eq!(s.get("/").text(), expected);
    drop(s);
    for use_of_it in
        ["sys.stdin.readline()", "input()", "sys.stdin.read(1)", "sys.stdin.fileno()", "sys.stdin.buffer"]
    {
        let s = attempt(use_of_it).config("WSGIRestrictStdin On").start();
        assert_eq!(s.get("/").text(), "OSError: sys.stdin access restricted by mod_wsgi", "{use_of_it}");
    }
}

/// signal.signal() pretends, and shows the log who called.
#[test]
fn restrict_signal() {
    let app = "
        import signal
        def handler(*args): pass
        result = []
        for number in (signal.SIGTERM, signal.SIGUSR2):
            before = signal.getsignal(number)
            result.append(signal.signal(number, handler) is handler and signal.getsignal(number) is before)";
    for config in ["WSGIApplicationGroup %{GLOBAL}", ""] {
        let s = serving(&answering(app)).config(config).start();
        assert_eq!(s.get("/").text(), "[True, True]", "{config}");
        s.wait_log("(?i)signal");
        s.wait_log("app\\.wsgi\", line [0-9]+, in application");
    }
}

/// The server still stops at once after an application tried to take SIGTERM.
#[test]
fn signals_stay_apaches() {
    let s = serving(
        r"
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        def application(environ, start_response):
            start_response('200 OK', [])
            return []",
    )
    .config("WSGIApplicationGroup %{GLOBAL}")
    .start();
    assert_eq!(s.get("/").status, 200);
    s.terminate();
}

#[test]
fn restrict_signal_off() {
    let s = attempt("__import__('signal').signal(12, lambda *a: None)")
        .config("WSGIRestrictSignal Off\nWSGIApplicationGroup %{GLOBAL}")
        .start();
    let text = s.get("/").text();
    // Python itself refuses outside its main thread, which a request thread is not under a threaded MPM.
    let allowed = text.contains("Handlers.SIG_DFL")
        || text.contains("signal only works in main thread")
        || text == "None"
        || text == "0";
    assert!(allowed, "{text}");
}

#[test]
fn restrict_embedded() {
    embedded_only!();
    let s = showing().config("WSGIRestrictEmbedded On").expect_log("WSGI0143: ").start();
    assert_eq!(s.get("/").status, 500);
}

/// A variable may choose embedded mode.
#[test]
fn process_group_from_the_environment() {
    let s = showing()
        .config("WSGIProcessGroup %{ENV:PG}\nSetEnvIf X-Group (.+) PG=$1")
        .expect_log(by_mode("WSGI0150: ", "WSGI0151: "))
        .start();
    let r = s.request("GET", "/").header("X-Group", "%{GLOBAL}").send();
    assert_eq!((r.status, r.json()["environ"]["mod_wsgi.process_group"].as_str()), (200, Some("")));
    assert_eq!(s.request("GET", "/").header("X-Group", "none").send().status, 500);
}

#[test]
fn process_group_global_is_embedded() {
    let s = showing().config("WSGIProcessGroup %{GLOBAL}").start();
    let r = s.get("/");
    assert_eq!(r.json()["environ"]["mod_wsgi.process_group"], "");
}

#[test]
fn restrict_process() {
    let s = showing()
        .config(&format!(
            "
            WSGIRestrictProcess other
            <Location /listed>
            WSGIRestrictProcess other {}
            </Location>",
            process_group()
        ))
        .expect_log("WSGI0149: ")
        .start();
    assert_eq!(s.get("/").status, 500);
    assert_eq!(s.get("/listed").status, 200);
}

#[test]
fn fork_in_an_application() {
    let s = serving(&answering(
        "
        pid = os.fork()
        if pid == 0:
            os._exit(7)
        result = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])",
    ))
    .config("WSGIApplicationGroup %{GLOBAL}")
    .allow_log("DeprecationWarning|os.fork|pid = ")
    .start();
    assert_eq!(s.get("/").text(), "7");
    assert_eq!(s.get("/").text(), "7");
}

#[test]
fn subprocess() {
    let s = serving(&answering(
        "
        import subprocess
        result = subprocess.run(['/bin/echo', 'hello'], capture_output=True, text=True).stdout.strip()",
    ))
    .config("WSGIApplicationGroup %{GLOBAL}")
    .start();
    assert_eq!(s.get("/").text(), "hello");
}
