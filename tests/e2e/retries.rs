//! When an application that failed to start is tried again, and that the retries harm nobody else.

use std::fs;
use std::time::{Duration, Instant};

use harness::poll::until;
use harness::*;

use crate::first_failure::TOLD;
use crate::starting::{assert_unavailable, at_once, heals, ids, notes, now, script};

/// A script that fails while `{dir}/broken` exists.
pub fn failing(body: &str) -> Httpd {
    let check = "note('attempt')\nif exists('broken'): raise ValueError('<b>boom</b>')\n";
    httpd()
        .file("broken", "")
        .script("app.wsgi", &script(&(text::dedent(body) + check)))
        .config("WSGIPythonPath {dir}\nWSGIScriptAlias /app {dir}/app.wsgi")
        .allow_log(TOLD)
        .expect_traceback("ValueError: <b>boom</b>")
}

/// 1, 2, 4 seconds, whoever asks and however often.
#[test]
fn delays_grow() {
    let s = failing("").children(2).start();
    let attempts = until("four attempts", || {
        let wait = assert_unavailable(&s.get("/app"));
        let attempts = notes(&s, "attempt");
        assert!(wait as usize <= 1 << attempts.len().saturating_sub(1), "Retry-After: {wait}");
        Some(attempts).filter(|a| a.len() == 4)
    });
    for (pair, delay) in attempts.windows(2).zip([1.0, 2.0, 4.0]) {
        let gap = pair[1].at - pair[0].at;
        assert!(gap >= delay - 0.05, "{gap} s instead of {delay}");
    }
    assert_eq!(s.logged("WSGI1015: "), [""; 0], "each attempt has been told within 10 s");
}

/// While nothing is tried, one line in 10 s from all children together.
#[test]
fn short_lines_in_between() {
    let s = failing("import helper").file("helper.py", "").children(2).start();
    for attempts in 1..=5 {
        until("another attempt", || {
            assert_unavailable(&s.get("/app"));
            (notes(&s, "attempt").len() == attempts).then_some(())
        });
        if attempts < 5 {
            s.touch("helper.py");
        }
    }
    let last = notes(&s, "attempt")[4].at;
    let line = until("the short line", || {
        at_once(&s, &["/app"; 2]);
        s.logged("WSGI1015: ").pop()
    });
    let after = now() - last;
    assert!(after >= 9.9, "after {after} s");
    let text = format!("app.wsgi' cannot be started (id {}, attempt ", ids(&s).last().unwrap());
    assert!(line.contains(&text) && line.contains("): ValueError: <b>boom</b>; next attempt in "), "{line}");
    for _ in 0..20 {
        at_once(&s, &["/app"; 2]).iter().for_each(|r| assert_eq!(r.status, 503));
    }
    let lines = s.logged("WSGI1015: ").len();
    assert!(lines as f64 <= (now() - last) / 10.0, "{lines} lines {} s after the attempt", now() - last);
}

/// Brings an application to where the next attempt is four seconds away.
fn three_attempts(s: &Server) {
    until("three attempts", || {
        assert_unavailable(&s.get("/app"));
        (notes(s, "attempt").len() == 3).then_some(())
    });
}

/// A request leads to an attempt at once when something is different.
#[test]
fn a_change_is_tried_at_once() {
    for changed in ["app.wsgi", "helper.py", "package/part.py"] {
        let s = failing("import helper, package.part")
            .file("helper.py", "")
            .file("package/__init__.py", "")
            .file("package/part.py", "")
            .start();
        three_attempts(&s);
        fs::remove_file(s.dir().join("broken")).unwrap();
        let begun = Instant::now();
        assert_eq!(s.get("/app").status, 503, "what was removed is no file of its");
        s.touch(changed);
        let r = heals(&s, "/app", Duration::from_secs(3));
        assert_within(begun, 3.8, changed);
        assert_eq!(r.header("X-Group"), Some(&*format!("localhost:{}|/app", s.port())));
    }
}

/// The file that a traceback ends in counts, wherever it is; and a module that was missing and is there now.
#[test]
fn files_of_the_traceback_and_missing_modules() {
    let s = httpd()
        .script("app.wsgi", &script("sys.path.insert(0, HERE + '/lib')\nnote('attempt')\nimport other"))
        .file("lib/other.py", "raise ValueError('<b>boom</b>')\n")
        .config("WSGIScriptAlias /app {dir}/app.wsgi")
        .allow_log(TOLD)
        .expect_traceback("ValueError: <b>boom</b>")
        .start();
    three_attempts(&s);
    s.write_file("lib/other.py", "value = 1\n");
    s.touch("lib/other.py");
    heals(&s, "/app", Duration::from_secs(3));
}

/// Who reads the configuration anew, and may have changed it, does not want to wait.
#[test]
fn a_restart_tries_at_once() {
    let s = failing("").start();
    let clock = Instant::now();
    three_attempts(&s);
    let old = ids(&s);
    s.graceful();
    until("an attempt by the new child", || (notes(&s, "attempt").len() == 4).then_some(()));
    let attempts = notes(&s, "attempt");
    let lost = machine::lost_since(clock).as_secs_f64();
    assert!(attempts[3].at - attempts[2].at < 3.5 + lost, "at once: {attempts:?}");
    assert_ne!(attempts[3].pid, attempts[2].pid);
    fs::remove_file(s.dir().join("broken")).unwrap();
    heals(&s, "/app", Duration::from_secs(4));
    assert!(old.iter().all(|id| *id == old[0]), "{old:?}");
}

/// A script that the Apache user may not read, and then may.
#[test]
fn an_unreadable_script() {
    use std::os::unix::fs::PermissionsExt;
    let s = httpd()
        .script("app.wsgi", &script(""))
        .config("WSGIPreload Off\nWSGIScriptAlias /app {dir}/app.wsgi")
        .expect_log("WSGI0105: .*app.wsgi.*id [0-9a-f]{8}, attempt 1")
        .allow_log("WSGI1015: |WSGI1016: ")
        .expect_traceback("PermissionError: ")
        .start();
    let mode =
        |mode| fs::set_permissions(s.dir().join("app.wsgi"), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o600);
    assert_unavailable(&s.get("/app"));
    mode(0o644);
    heals(&s, "/app", Duration::from_secs(4));
}

#[test]
fn a_syntax_error() {
    let s = httpd()
        .children(2)
        .script("app.wsgi", "def application(:\n")
        .config("WSGIScriptAlias /app {dir}/app.wsgi")
        .expect_log("WSGI010[56]: .*app.wsgi.*id [0-9a-f]{8}, attempt 1")
        .allow_log("WSGI1015: |WSGI1016: ")
        .expect_traceback("SyntaxError: ")
        .start();
    for _ in 0..4 {
        assert_unavailable(&s.get("/app"));
    }
    let attempts = ids(&s).len();
    assert_eq!(s.logged(r"\] SyntaxError: ").len(), attempts, "one an attempt");
    s.write_file("app.wsgi", &script(""));
    s.touch("app.wsgi");
    heals(&s, "/app", Duration::from_secs(3));
}

/// A healthy script replaced by a broken one, and mended.
#[test]
fn a_reload_that_fails() {
    let version = |text: &str| {
        script(&format!("def application(environ, start_response): return answer(start_response, '{text}')"))
    };
    let s = httpd()
        .children(2)
        .script("app.wsgi", &version("one"))
        .config("WSGIScriptAlias /app {dir}/app.wsgi")
        .expect_log("WSGI0109: .*app.wsgi' raised ValueError .*attempt 1,")
        .allow_log("WSGI1015: |WSGI1016: ")
        .expect_traceback("ValueError: <b>boom</b>")
        .start();
    until("both children", || (s.logged("WSGI1011").len() == 2).then_some(()));
    assert!(at_once(&s, &["/app"; 2]).iter().all(|r| r.text() == "one"));
    s.write_file("app.wsgi", "raise ValueError('<b>boom</b>')\n");
    s.touch("app.wsgi");
    until("the broken script", || (s.get("/app").status == 503).then_some(()));
    for r in at_once(&s, &["/app"; 2]) {
        assert_unavailable(&r);
    }
    let first = ids(&s);
    s.write_file("app.wsgi", &version("two"));
    s.touch("app.wsgi");
    assert_eq!(heals(&s, "/app", Duration::from_secs(3)).text(), "two");
    assert!(at_once(&s, &["/app"; 2]).iter().all(|r| r.text() == "two"));
    s.write_file("app.wsgi", "raise ValueError('<b>boom</b>')\n");
    s.touch("app.wsgi");
    until("the broken script", || (s.get("/app").status == 503).then_some(()));
    assert_ne!(ids(&s).last(), first.last(), "another script, another id");
}
