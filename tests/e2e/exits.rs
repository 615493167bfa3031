//! Applications that end their process: refused where others would lose by it, named where they may (WSGIRestrictExit).

use harness::poll::until;
use harness::*;

use crate::starting::{notes, notes_source};

/// Every way to end the process from Python, and some calls that look like it and are harmless.
const WAYS: &str = "
    import _thread, faulthandler, os, posix, signal, subprocess, sys, threading
    from os import _exit

    HERE = os.path.dirname(os.path.abspath(__file__))
    EARLY = sys.modules['sitecustomize'].early

    WAYS = {
        'exit': lambda: os._exit(7),
        'bound': lambda: _exit(7),
        'posix': lambda: posix._exit(7),
        'early': lambda: EARLY(7),
        'abort': lambda: os.abort(),
        'kill': lambda: os.kill(os.getpid(), signal.SIGKILL),
        'stop': lambda: os.kill(os.getpid(), signal.SIGSTOP),
        'abrt': lambda: os.kill(os.getpid(), signal.SIGABRT),
        'raise': lambda: signal.raise_signal(signal.SIGALRM),
        'thread': lambda: signal.pthread_kill(threading.get_ident(), signal.SIGSEGV),
        'pidfd': lambda: signal.pidfd_send_signal(os.pidfd_open(os.getpid()), signal.SIGKILL),
        'zero': lambda: os.kill(0, signal.SIGTERM),
        'all': lambda: os.kill(-1, signal.SIGTERM),
        'group': lambda: os.killpg(os.getpgrp(), signal.SIGKILL),
        'exec': lambda: os.execlp('true', 'true'),
        'execve': lambda: os.execve(path='/bin/true', argv=['true'], env={}),
        'fault': lambda: faulthandler._sigsegv(),
        'later': lambda: faulthandler.dump_traceback_later(0.1, exit=True),
        'interrupt': lambda: _thread.interrupt_main(),
    }
    HARMLESS = {
        'nothing': lambda: os.kill(os.getpid(), 0),
        'quiet': lambda: os.kill(os.getpid(), signal.SIGCONT),
        'chld': lambda: signal.raise_signal(signal.SIGCHLD),
        'child': lambda: subprocess.run(['sh', '-c', 'kill -9 $$']).returncode,
        'dump': lambda: faulthandler.cancel_dump_traceback_later(),
        'sys': lambda: threading.Thread(target=sys.exit).start(),
    }

    def application(environ, start_response):
        way = environ['PATH_INFO'][1:]
        try:
            answer = '%s' % ({**WAYS, **HARMLESS}[way]() if way in {**WAYS, **HARMLESS} else os.getpid())
        except RuntimeError as e:
            answer = '%s: %s' % (type(e).__name__, e)
        except TypeError as e:
            answer = 'TypeError'
        start_response('200 OK', [])
        return [answer.encode()]
    ";

const REFUSED: [&str; 19] = [
    "exit",
    "bound",
    "posix",
    "early",
    "abort",
    "kill",
    "stop",
    "abrt",
    "raise",
    "thread",
    "pidfd",
    "zero",
    "all",
    "group",
    "exec",
    "execve",
    "fault",
    "later",
    "interrupt",
];

const HARMLESS: [&str; 6] = ["nothing", "quiet", "chld", "child", "dump", "sys"];

/// Such an application; what an import at Python's own start has bound is in it.
fn site(h: Httpd) -> Httpd {
    let early = format!("{}/early", h.dir().display());
    h.script("app.wsgi", WAYS)
        .file("early/sitecustomize.py", "from os import _exit as early\n")
        .env("PYTHONPATH", &early)
}

/// A process group `g`, and the application in it below `/a`.
fn group(options: &str) -> Httpd {
    // Two requests at once need as many children.
    let children = if mpm().is_threaded() { 1 } else { 3 };
    site(httpd().children(children)).config(&format!(
        "WSGISocketPrefix {{dir}}/run/wsgi
        WSGIDaemonProcess g {options}
        WSGIScriptAlias /a {{dir}}/app.wsgi process-group=g application-group=a"
    ))
}

/// A neighbour below `/b`.
fn neighbour(h: Httpd, place: &str) -> Httpd {
    h.script(
        "b.wsgi",
        "
        import os
        def application(environ, start_response):
            start_response('200 OK', [])
            return [b'%d' % os.getpid()]",
    )
    .config(&format!("WSGIScriptAlias /b {{dir}}/b.wsgi {place}"))
}

/// A refusal and its stack are in the log, and nothing else.
fn refusals(h: Httpd) -> Httpd {
    h.expect_log(r"WSGI1022: .* \(called by '.*/app[.]wsgi'\)").allow_traceback()
}

#[track_caller]
fn assert_refuses(s: &Server, ways: &[&str]) {
    let pid = s.get("/a/").text();
    for way in ways {
        let r = s.get(&format!("/a/{way}"));
        assert_eq!((r.status, r.text().starts_with("ExitRefused: ")), (200, true), "{way}: {}", r.text());
        assert!(r.text().ends_with("; see WSGIRestrictExit"), "{way}: {}", r.text());
        assert_eq!(s.get("/a/").text(), pid, "{way}: the process lives");
    }
    assert_eq!(s.logged("WSGI1022: ").len(), ways.len());
}

#[track_caller]
fn assert_harmless(s: &Server) {
    let pid = s.get("/a/").text();
    for way in HARMLESS {
        let r = s.get(&format!("/a/{way}"));
        assert_eq!(r.status, 200, "{way}");
        assert!(!r.text().contains("Refused"), "{way}: {}", r.text());
        assert_eq!(s.get("/a/").text(), pid, "{way}");
    }
}

#[test]
fn refused_where_others_are_served() {
    for embedded in [true, false] {
        let place = if embedded { "%{GLOBAL}" } else { "g" };
        let h = if embedded {
            site(httpd())
                .config("WSGIScriptAlias /a {dir}/app.wsgi process-group=%{GLOBAL} application-group=a")
        } else {
            group("")
        };
        let s = refusals(neighbour(h, &format!("process-group={place} application-group=b"))).start();
        assert_refuses(&s, &REFUSED);
        assert_harmless(&s);
        assert_eq!(s.get("/a/").text(), s.get("/b").text(), "one process");
        let stack = r#"File ".*/app[.]wsgi", line \d+, in <lambda>"#;
        assert!(!s.logged(stack).is_empty());
        assert!(s.logged("<mod_wsgi").is_empty(), "frames of ours are left out");
    }
}

/// Also one that has not been started yet, or could not be.
#[test]
fn refused_beside_one_that_does_not_serve() {
    let h = neighbour(group(""), "process-group=g application-group=b")
        .script("b.wsgi", "raise ValueError('b')")
        .expect_log("WSGI01(09|10): .*/b[.]wsgi' raised ValueError")
        .expect_log("ValueError: b")
        .allow_log("WSGI1015|WSGI1031");
    let s = refusals(h).start();
    assert_refuses(&s, &["exit"]);
}

/// In the middle of a request of another application.
#[test]
fn a_neighbours_request_is_not_cut() {
    let h = neighbour(group("threads=4"), "process-group=g application-group=b").file(
        "b.wsgi",
        text::dedent("import os, time\nHERE = os.path.dirname(os.path.abspath(__file__))")
            + &notes_source()
            + "def application(environ, start_response):\n    note('began')\n    wait_for('go')\n    \
               start_response('200 OK', [])\n    return [b'whole']\n",
    );
    let s = refusals(h).start();
    let mut request = s.raw(&s.request("GET", "/b").bytes());
    until("the request", || (!notes(&s, "began").is_empty()).then_some(()));
    assert_refuses(&s, &["exit", "kill"]);
    s.write_file("go", "");
    assert_eq!(request.response().text(), "whole");
}

/// Where nobody else is, an application may; the one line about the death says which, and from where.
#[test]
fn a_group_of_one_application_may_exit() {
    for (way, how, call) in [
        ("exit", "exit status 7", r"os\._exit\(7\)"),
        ("posix", "exit status 7", r"os\._exit\(7\)"),
        ("early", "exit status 7", r"os\._exit\(7\)"),
        ("abort", r"signal 6 \(SIGABRT\)", r"os\.abort\(\)"),
        ("kill", r"signal 9 \(SIGKILL\)", r"os\.kill\(\d+, <Signals.SIGKILL: 9>\)"),
        ("raise", r"signal 14 \(SIGALRM\)", r"signal\.raise_signal\(<Signals.SIGALRM: 14>\)"),
        ("fault", r"signal 11 \(SIGSEGV\)", r"faulthandler\._sigsegv\(\)"),
    ] {
        let s = group("")
            .allow_crash()
            .expect_log("WSGI1029: ")
            .expect_log("WSGI0146: ")
            .allow_log("<no Python frame>|^$")
            .start();
        let pid = s.get("/a/").text();
        assert_eq!(s.get(&format!("/a/{way}")).status, 502, "{way}");
        s.wait_log(&format!(
            "WSGI1029: process {pid} .* {how}; it was serving.*; '.*/app[.]wsgi' called {call} at \
             .*/app[.]wsgi:[0-9]+, in <lambda>"
        ));
        until("another process", || Some(s.get("/a/")).filter(|r| r.status == 200 && r.text() != pid));
    }
}

/// What would reach others, or leave nobody who serves, is refused there too.
#[test]
fn refused_also_to_the_only_one() {
    let s = refusals(group("")).start();
    assert_refuses(&s, &["zero", "all", "group", "exec", "execve"]);
    assert_harmless(&s);
}

/// As the manual says: an application may have its process replaced in good order, and no request is lost.
#[test]
fn a_process_is_replaced_at_its_own_signal() {
    let signals = "
        import os, signal
        def application(environ, start_response):
            name = environ['QUERY_STRING']
            if name:
                os.kill(os.getpid(), getattr(signal, name))
            start_response('200 OK', [])
            return [b'%d' % os.getpid()]";
    let h = neighbour(group(""), "process-group=g application-group=b").script("app.wsgi", signals);
    let s = h.start();
    for name in ["SIGTERM", "SIGINT", "SIGUSR1", "SIGHUP"] {
        let before = s.get("/a").text();
        assert_eq!(s.get(&format!("/a?{name}")).text(), before, "{name}");
        until("another process", || (s.get("/a").text() != before).then_some(()));
    }
    assert_eq!(s.logged("WSGI1029|WSGI1022"), [""; 0]);
}

/// No script may end the process that loads it: its start has failed.
#[test]
fn refused_while_it_is_loaded() {
    for call in
        ["os._exit(3)", "os.kill(os.getpid(), 15)", "os.abort()", "signal.raise_signal(9)", "os.kill(0, 1)"]
    {
        for only in [true, false] {
            let h = group("").script("app.wsgi", &format!("import os, signal\n{call}"));
            let h = if only { h } else { neighbour(h, "process-group=g application-group=b") };
            let s = h
                .expect_log(r"WSGI1022: .* refused: .* \(called by '.*/app[.]wsgi'\)")
                .expect_log("WSGI01(09|10): .*/app[.]wsgi' raised ExitRefused")
                .expect_traceback("mod_wsgi.ExitRefused: ")
                .allow_log("WSGI1016: what to do|WSGI1015|WSGI1031|WSGI0110")
                .start();
            until("the refusal", || Some(s.get("/a")).filter(|r| r.status == 503));
            if !only {
                assert_eq!(s.get("/b").status, 200, "{call}");
            }
            assert_eq!(s.logged("WSGI1029"), [""; 0], "{call}");
        }
    }
}

/// A thread of one application, while another one is being loaded.
#[test]
fn refused_while_another_starts() {
    let slow = text::dedent("import os, time\nHERE = os.path.dirname(os.path.abspath(__file__))")
        + &notes_source()
        + "note('loading')\nwait_for('go')\n";
    let h = neighbour(group("threads=4"), "process-group=g application-group=b preload=off").file(
        "b.wsgi",
        slow + "def application(environ, start_response):\n    start_response('200 OK', [])\n    \
                return [b'%d' % os.getpid()]\n",
    );
    let s = refusals(h).start();
    let pid = s.get("/a/").text();
    let mut request = s.raw(&s.request("GET", "/b").bytes());
    until("the load", || (!notes(&s, "loading").is_empty()).then_some(()));
    assert_refuses(&s, &["exit"]);
    s.write_file("go", "");
    assert_eq!(request.response().text(), pid);
}

#[test]
fn on_and_off() {
    let s = refusals(group("").config("WSGIRestrictExit On")).start();
    assert_refuses(&s, &["exit"]);
    let h = neighbour(group(""), "process-group=g application-group=b").config("WSGIRestrictExit Off");
    let s = h
        .expect_log(r"WSGI1029: .*'.*/app[.]wsgi' called os\._exit\(7\) at ")
        .expect_log("WSGI0146: ")
        .start();
    assert_eq!(s.get("/a/exit").status, 502);
}

/// An Apache child says it itself: nobody else can.
#[test]
fn a_child_that_may_exit_says_so() {
    let s = site(httpd())
        .config("WSGIRestrictExit Off")
        .config("WSGIScriptAlias /a {dir}/app.wsgi process-group=%{GLOBAL} application-group=a")
        .start();
    assert!(s.raw(b"GET /a/exit HTTP/1.0\r\n\r\n").try_response().is_none());
    s.wait_log(r"WSGI1065: '.*/app[.]wsgi' called os\._exit\(7\) at .*/app[.]wsgi:[0-9]+, in <lambda>");
}
