//! Processes whose supervisor has died: they make way for those of the next one, and nothing is waited for that is not
//! there any more.

use harness::poll::until;
use harness::*;

use crate::daemon::*;
use crate::starting::{noted, notes};

/// Of a service there is one: it ends before its successor starts.
#[test]
fn a_service() {
    only_ours!("the original has no supervisor");
    let service = script(
        "
        import atexit
        note('load', 'service')
        atexit.register(note, 'end', 'service')
        wait_for('never')",
    );
    let s = httpd()
        .no_group()
        .script("service.py", &service)
        .config("WSGIDaemonProcess g threads=0 shutdown-timeout=5")
        .config("WSGIImportScript {dir}/service.py process-group=g application-group=%{GLOBAL}")
        .expect_log(r"WSGI1033: the supervisor \(pid [0-9]+\)")
        .start();
    let old = noted(&s, "load", 1)[0].pid;
    let supervisor = s.supervisors()[0];
    s.send(supervisor, libc::SIGKILL);
    another_supervisor(&s, supervisor);
    let loads = noted(&s, "load", 2);
    assert_ne!(loads[1].pid, old);
    gone(&[old]);
    let ends = notes(&s, "end");
    assert!(ends.len() == 1 && ends[0].pid == old, "{ends:?}");
    assert!(ends[0].at <= loads[1].at, "two of it at a time: {ends:?} {loads:?}");
}

/// The old code serves on, but its processes die, and the new code does not start: visitors are told so at once, and the
/// mended script serves.
#[test]
fn the_last_that_serve_with_the_old_code() {
    only_ours!("the original has no supervisor");
    let h = group("", &version("v0"))
        .expect_traceback("ValueError: broken")
        .expect_log("WSGI0110: .*app.wsgi' raised ValueError")
        .expect_log(r"WSGI1033: the supervisor \(pid [0-9]+\)")
        .expect_log(r"WSGI1031: new process \(pid [0-9]+\)")
        .allow_log("WSGI1015: .*app.wsgi|WSGI1040: no process of group 'g' serves");
    let s = serving(h, 2);
    let (old, supervisor) = (settled(&s, 2), s.supervisors()[0]);
    s.replace_file("app.wsgi", &script("note('broken', '')\nraise ValueError('broken')"));
    s.send(supervisor, libc::SIGKILL);
    another_supervisor(&s, supervisor);
    // Its processes have failed: those that are there hold.
    s.wait_log("WSGI1031: ");
    assert!(s.get("/app?x").text().starts_with("v0 "), "the old code");
    old.iter().for_each(|pid| s.send(*pid, libc::SIGKILL));
    gone(&old);
    until("an error page", || (s.get("/app?x").status >= 500).then_some(()));
    s.replace_file("app.wsgi", &version("v1"));
    until("the mended script", || s.get("/app?x").text().starts_with("v1 ").then_some(()));
}
