//! An application that kills every process that starts it: after three deaths it is held apart, and its neighbours serve.

use harness::poll::until;
use harness::*;

use crate::starting::{assert_unavailable, notes, notes_source};

/// Dies while it is loaded, unless it is told not to.
fn deadly(how: &str) -> String {
    let head = "import ctypes, os, signal, time\nHERE = os.path.dirname(os.path.abspath(__file__))";
    text::dedent(head)
        + &notes_source()
        + &format!("note('load')\nC = ctypes.CDLL(None)\nif not exists('healthy'):\n    {how}\n")
        + PLAIN
}

const PLAIN: &str = "
import os
def application(environ, start_response):
    start_response('200 OK', [])
    return [b'%d' % os.getpid()]
";

/// Both applications in these places, the deadly one below `/a`.
fn sites(h: Httpd, how: &str, place: &str) -> Httpd {
    h.file("a.wsgi", deadly(how)).file("b.wsgi", PLAIN).config(&format!(
        "WSGIScriptAlias /a {{dir}}/a.wsgi process-group={place} application-group=a
        WSGIScriptAlias /b {{dir}}/b.wsgi process-group={place} application-group=b"
    ))
}

/// Both in a process group.
fn group(how: &str, options: &str) -> Httpd {
    let h = httpd()
        .allow_crash()
        .config(&format!("WSGISocketPrefix {{dir}}/run/wsgi\nWSGIDaemonProcess g {options}"));
    sites(h, how, "g")
        .expect_log(r"WSGI1029: .* at the start of '.*/a[.]wsgi'")
        .expect_log(r"WSGI1066: '.*/a[.]wsgi' is held apart: 3 processes in a row died while they started it")
        .allow_log("WSGI1066: .*/a[.]wsgi' is held apart: [0-9]+ processes in a row")
        .allow_log(r"WSGI1015: '.*/a[.]wsgi'|WSGI1031: |WSGI1040: |<no Python frame>|^$")
}

#[track_caller]
fn neighbour(s: &Server) -> String {
    until("the neighbour", || Some(s.get("/b")).filter(|r| r.status == 200)).text()
}

/// However it dies; and it is tried again by processes that nobody waits for.
#[test]
fn the_neighbours_serve() {
    for (how, death) in [
        ("ctypes.string_at(0)", r"signal 11 \(SIGSEGV\)"),
        ("C.abort()", r"signal 6 \(SIGABRT\)"),
        ("C._exit(70)", "exit status 70"),
        ("C.kill(os.getpid(), 9)", r"signal 9 \(SIGKILL\)"),
    ] {
        let s = group(how, "").start();
        let pid = neighbour(&s);
        let before = notes(&s, "load").len();
        assert!(before >= 3, "{how}: {before} starts");
        assert_unavailable(&s.get("/a"));
        s.wait_log(&format!(r"WSGI1029: .* {death}; it was starting, at the start of '.*/a[.]wsgi'"));
        s.wait_log(&format!("WSGI1066: .*, the last one by {death}"));
        if how != "C._exit(70)" {
            continue;
        }
        until("another attempt", || (notes(&s, "load").len() > before).then_some(()));
        assert_eq!(neighbour(&s), pid, "{how}: nobody notices");
        s.write_file("healthy", "");
        until("the deadly one to serve", || (s.get("/a").status == 200).then_some(()));
        assert_eq!(s.get("/b").status, 200);
    }
}

/// In a group of several processes no more of them die: one tries it, the others wait for what becomes of it.
#[test]
fn several_processes() {
    let s = group("C._exit(3)", "processes=3").start();
    neighbour(&s);
    assert_unavailable(&s.get("/a"));
    assert!(notes(&s, "load").len() <= 4, "{} starts", notes(&s, "load").len());
}

/// A change of the script, or of a module beside it, has it tried at once.
#[test]
fn a_change_is_tried_at_once() {
    for changed in ["a.wsgi", "module.py"] {
        let s = group("C._exit(3)", "").file("module.py", "").start();
        let pid = neighbour(&s);
        s.write_file("healthy", "");
        s.write_file(changed, &(deadly("pass") + "# changed\n"));
        let r = until("it to serve", || Some(s.get("/a")).filter(|r| r.status == 200));
        assert_ne!(r.text(), pid, "{changed}: another process has tried it");
        assert!(s.logged("WSGI1066: ").len() <= 2);
    }
}

/// The only application of its group: requests are told why, instead of waiting for a process.
#[test]
fn alone() {
    let s = httpd()
        .allow_crash()
        .file("a.wsgi", deadly("ctypes.string_at(0)"))
        .config("WSGISocketPrefix {dir}/run/wsgi\nWSGIDaemonProcess g")
        .config("WSGIScriptAlias /a {dir}/a.wsgi process-group=g application-group=%{GLOBAL}")
        .config("WSGIErrorDetails On")
        .expect_log("WSGI1029: ")
        .expect_log("WSGI1066: ")
        .allow_log(r"WSGI1015: '.*/a[.]wsgi'|WSGI1031: |WSGI1040: |<no Python frame>|^$")
        .start();
    let r = until("the cause", || Some(s.get("/a")).filter(|r| r.text().contains("ProcessDied")));
    assert_unavailable(&r);
    s.write_file("healthy", "");
    until("it to serve", || (s.get("/a").status == 200).then_some(()));
}

/// One that has served, and dies when the next process starts.
#[test]
fn proven_before() {
    let s = group("C._exit(3)", "").file("healthy", "").start();
    let pid: u32 = neighbour(&s).parse().expect("a pid");
    assert_eq!(s.get("/a").text(), pid.to_string());
    std::fs::remove_file(s.dir().join("healthy")).expect("the file");
    // Its successors die, and it serves both.
    s.send(pid, libc::SIGUSR1);
    s.wait_log("WSGI1066: ");
    assert_eq!((s.get("/a").text(), s.get("/b").text()), (pid.to_string(), pid.to_string()));
}

/// Apache's children die at its start as well; the next ones do without it.
#[test]
fn embedded() {
    let s = sites(httpd(), "C._exit(3)", "%{GLOBAL}")
        .expect_log(r"WSGI1067: process \d+ died while it started '.*/a[.]wsgi' \(1 in a row\)")
        .expect_log(r"WSGI1066: '.*/a[.]wsgi' is held apart: 3 processes in a row")
        .allow_log("WSGI1067: |WSGI1066: |WSGI1015: ")
        .start();
    let pid = neighbour(&s);
    assert_unavailable(&s.get("/a"));
    assert_eq!(neighbour(&s), pid);
    s.write_file("healthy", "");
    s.write_file("a.wsgi", &(deadly("pass") + "# changed\n"));
    until("it to serve", || (s.get("/a").status == 200).then_some(()));
    assert_eq!(neighbour(&s), pid, "the same process");
}

/// One that only requests start, in either mode.
#[test]
fn at_a_request() {
    for place in ["%{GLOBAL}", "g"] {
        let h = httpd().config("WSGISocketPrefix {dir}/run/wsgi\nWSGIDaemonProcess g");
        let s = sites(h.config("WSGIPreload Off"), "C._exit(3)", place)
            .config("WSGIPreload Off")
            .expect_log("WSGI1066: ")
            .allow_log("WSGI1067: |WSGI1015: |WSGI1029: .* at the start of|WSGI0146|WSGI1040|WSGI1094: .*'g'")
            .start();
        let answer = |target: &str| {
            let bytes = format!("GET {target} HTTP/1.0\r\n\r\n");
            s.raw(bytes.as_bytes()).try_response().map(|r| r.status)
        };
        until("it to be held apart", || {
            answer("/a");
            (!s.logged("WSGI1066: ").is_empty()).then_some(())
        });
        let pid = neighbour(&s);
        assert_eq!(notes(&s, "load").len(), 3, "{place}");
        for _ in 0..5 {
            assert_eq!(answer("/a"), Some(503), "{place}");
        }
        assert_eq!(neighbour(&s), pid, "{place}");
        assert_eq!(notes(&s, "load").len(), 3, "{place}: whoever serves others does not try it");
    }
}
