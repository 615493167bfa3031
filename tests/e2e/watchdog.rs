//! What the log says of a start that does not end: every thread's stack, who waits for whose import; and what is served
//! meanwhile and afterwards.

use std::time::{Duration, Instant};

use harness::poll::until;
use harness::*;

use crate::ending::STILL_THERE;
use crate::starting::{allow_report, assert_unavailable, noted, notes, script};

/// An application in an interpreter whose start takes longer than two seconds.
fn site(body: &str, group: &str) -> Httpd {
    allow_report(httpd())
        .script("app.wsgi", &script(body))
        .file("htdocs/static.txt", "static")
        .config("WSGIPythonPath {dir}\nWSGIStartupTimeout 2")
        .config(&format!("WSGIScriptAlias /app {{dir}}/app.wsgi application-group={group}"))
        .expect_log("WSGI1017: .*app.wsgi.*has not started within 2 s")
        .allow_log("WSGI1004: |WSGI1014: |WSGI1015: .*app.wsgi|WSGI0110: .*app.wsgi")
}

/// The lines of a report have all of these parts.
#[track_caller]
pub fn assert_told(s: &Server, parts: &[&str]) {
    for part in parts {
        until(&format!("'{part}' in the report"), || {
            s.error_log().iter().any(|l| l.contains(part)).then_some(())
        });
    }
}

#[track_caller]
fn assert_quick_stop(s: &Server) {
    let begun = Instant::now();
    s.terminate();
    assert_within(begun, 3.0, "the stop");
}

/// Names and native ids of all threads, in every interpreter.
#[test]
fn stacks_of_all_threads() {
    for group in ["x", "%{GLOBAL}"] {
        let s = site(
            "
            def linger():
                note('thread', threading.get_native_id())
                wait_for('go')
            threading.Thread(target=linger, name='the-lingerer', daemon=True).start()
            def stuck_here():
                note('main', threading.get_native_id())
                time.sleep(1000)
            stuck_here()",
            group,
        )
        .script(
            "other.wsgi",
            &script(
                "
                def elsewhere():
                    note('thread', threading.get_native_id())
                    wait_for('go')
                threading.Thread(target=elsewhere, name='the-other', daemon=True).start()",
            ),
        )
        .config("WSGIScriptAlias /other {dir}/other.wsgi application-group=other preload=on")
        .config("WSGIScriptAlias /more {dir}/app.wsgi preload=off application-group=more")
        .start();
        s.wait_log("WSGI1017");
        let native = noted(&s, "main", 1)[0].text.clone();
        assert_told(&s, &["stuck_here", "linger", "the-lingerer", "app.wsgi", &native]);
        assert_unavailable(&s.get("/app"));
        assert_eq!((s.get("/static.txt").status, s.get("/other").status), (200, 200));
        let threads = noted(&s, "thread", 2);
        assert_told(&s, &[&threads[0].text]);
        // On demand, with the other interpreter's.
        s.send(s.children()[0], libc::SIGUSR2);
        s.wait_log("WSGI1020");
        assert_told(&s, &["elsewhere", "the-other", &threads[1].text]);
        s.write_file("go", "");
        assert_quick_stop(&s);
    }
}

/// A package that waits, while it is imported, for a thread that imports a part of it.
#[test]
fn a_deadlock_of_imports_is_named() {
    for group in ["x", "%{GLOBAL}"] {
        let s = site("import stuck", group)
            .script(
                "stuck/__init__.py",
                "
                import threading

                def importing():
                    from stuck import part

                def joining(thread):
                    thread.start()
                    thread.join()

                joining(threading.Thread(target=importing, name='the-importer', daemon=True))
                ",
            )
            .file("stuck/part.py", "")
            .file("htdocs/static.txt", "static")
            .start();
        s.wait_log("WSGI1017");
        assert_told(&s, &["importing", "joining", "stuck/__init__.py"]);
        s.wait_log("'the-importer' waits for the import of 'stuck', which thread 'MainThread' is importing");
        assert_unavailable(&s.get("/app"));
        assert_eq!(s.get("/static.txt").status, 200);
        assert_quick_stop(&s);
    }
}

/// No import lock is held while a script runs, so what PyMongo and gevent do works in one.
#[test]
fn a_script_may_wait_for_a_thread_that_imports() {
    let s = httpd()
        .script(
            "app.wsgi",
            &script(
                "
                from concurrent.futures import ThreadPoolExecutor
                def importing():
                    import package.part, colorsys
                    note('imported')
                thread = threading.Thread(target=importing)
                thread.start()
                thread.join()
                with ThreadPoolExecutor(2) as pool:
                    list(pool.map(__import__, ['package.other', 'tabnanny', 'package.part']))
                note('load')",
            ),
        )
        .file("package/__init__.py", "")
        .file("package/part.py", "from . import other\n")
        .file("package/other.py", "")
        .config(
            "
            WSGIPythonPath {dir}
            WSGIScriptAlias /sub {dir}/app.wsgi
            WSGIScriptAlias /main {dir}/app.wsgi application-group=%{GLOBAL}
            WSGIScriptAlias /later {dir}/app.wsgi preload=off",
        )
        .start();
    for target in ["/sub", "/main", "/later"] {
        assert_eq!(s.get(target).status, 200, "{target}");
    }
    assert_eq!((notes(&s, "imported").len(), notes(&s, "load").len()), (3, 3));
}

/// What never gives the GIL back is seen from outside.
fn the_gil_is_held(group: &str) {
    let s = site(
        "
        import ctypes
        def lock_up():
            note('locked')
            ctypes.PyDLL(None).sleep(1000)
        def through_here():
            lock_up()
        through_here()",
        group,
    )
    .allow_log(STILL_THERE)
    .start();
    noted(&s, "locked", 1);
    s.wait_log("WSGI1017");
    assert_told(&s, &["lock_up", "through_here", "app.wsgi"]);
    assert_eq!(s.get("/static.txt").status, 200);
    assert_unavailable(&s.get("/app"));
    let begun = Instant::now();
    s.terminate();
    assert_within(begun, 9.0, "the stop");
}

#[test]
fn the_gil_is_held_for_ever() {
    the_gil_is_held("x");
}

#[test]
fn the_gil_is_held_for_ever_in_the_main_interpreter() {
    the_gil_is_held("%{GLOBAL}");
}

/// It is not begun again: it serves when it is ready.
#[test]
fn a_start_that_ends_late() {
    for group in ["x", "%{GLOBAL}"] {
        let s = site("note('load')\nwait_for('go')", group)
            .script("other.wsgi", &script(""))
            .config("WSGIScriptAlias /other {dir}/other.wsgi")
            .start();
        let clock = Instant::now();
        s.wait_log("WSGI1017");
        assert_unavailable(&s.get("/app"));
        assert_eq!(s.get("/other").status, 200);
        s.write_file("go", "");
        s.wait_log("wsgi:notice.*WSGI1023: .*app.wsgi");
        until("the application", || (s.get("/app").status == 200).then_some(()));
        // Time for a next attempt comes, too, where the machine loses seconds.
        let loads = notes(&s, "load").len();
        assert!(loads == 1 || machine::lost_since(clock) > Duration::from_secs(1), "{loads} {group}");
        s.stop();
    }
}

/// One that raises in the end has failed like any other.
#[test]
fn a_start_that_fails_late() {
    let s =
        site("note('load')\nif not exists('fine'):\n    wait_for('go')\n    raise ValueError('late')", "x")
            .allow_log("ValueError: late")
            .start();
    s.wait_log("WSGI1017");
    assert_unavailable(&s.get("/app"));
    s.write_file("fine", "");
    s.write_file("go", "");
    until("the next attempt", || (s.get("/app").status == 200).then_some(()));
}
