//! The server-wide startup lock: children load one at a time, and whoever dies with the lock does not keep it.

use std::time::{Duration, Instant};

use harness::poll::until;
use harness::*;

use crate::starting::{at_once, noted, notes, now, script};

/// A script that notes the beginning and the end of its load.
fn slow(milliseconds: u32) -> String {
    script(&format!("note('load', 'begin')\ntime.sleep({milliseconds} / 1000)\nnote('load', 'end')"))
}

/// Each load ends before the next one begins.
#[track_caller]
fn assert_one_at_a_time(s: &Server) {
    let lines = notes(s, "load");
    for pair in lines.chunks(2) {
        let texts: Vec<_> = pair.iter().map(|n| n.text.as_str()).collect();
        assert_eq!(texts, ["begin", "end"], "{lines:#?}");
        assert_eq!(pair[0].pid, pair[1].pid, "{lines:#?}");
    }
}

#[test]
fn eight_children_one_slot() {
    let s = httpd()
        .children(8)
        .script("app.wsgi", &slow(100))
        .config("WSGIStartupLock On slots=1\nWSGIScriptAlias / {dir}/app.wsgi")
        .start();
    noted(&s, "load", 16);
    assert_one_at_a_time(&s);
}

/// Two applications, in interpreters of their own: still one load at a time in the whole server.
#[test]
fn several_applications_one_slot() {
    let s = httpd()
        .children(3)
        .script("app.wsgi", &slow(50))
        .script("other.wsgi", &slow(50))
        .config(
            "
            WSGIStartupLock On slots=1
            WSGIScriptAlias /other {dir}/other.wsgi
            WSGIScriptAlias / {dir}/app.wsgi application-group=%{GLOBAL}",
        )
        .start();
    noted(&s, "load", 12);
    assert_one_at_a_time(&s);
}

/// Loaded by the first requests, in prefork in eight children at the same moment.
#[test]
fn loaded_by_requests() {
    let s = httpd()
        .children(8)
        .script("app.wsgi", &slow(100))
        .config("WSGIStartupLock On slots=1\nWSGIPreload Off\nWSGIScriptAlias / {dir}/app.wsgi")
        .start();
    assert!(at_once(&s, &["/"; 8]).iter().all(|r| r.status == 200));
    assert_one_at_a_time(&s);
    assert!(mpm().is_threaded() || notes(&s, "load").len() == 16);
}

#[test]
fn without_the_lock() {
    let s = httpd()
        .children(4)
        .script("app.wsgi", &slow(100))
        .config("WSGIStartupLock Off\nWSGIScriptAlias / {dir}/app.wsgi")
        .start();
    noted(&s, "load", 8);
    assert!(at_once(&s, &["/"; 4]).iter().all(|r| r.status == 200));
    assert_eq!(s.logged("WSGI1018"), [""; 0]);
}

/// The first child hangs while it holds the only slot; `more` is what it does before.
fn holder(more: &str) -> Server {
    let body = text::dedent(more)
        + "note('begin')\n\
           if not exists('state/first'):\n    \
               open(HERE + '/state/first', 'w').close()\n    \
               time.sleep(1000)\n\
           note('end')";
    httpd()
        .children(2)
        .script("app.wsgi", &script(&body))
        .config(
            "
            WSGIStartupLock On slots=1
            WSGIScriptAlias / {dir}/app.wsgi application-group=%{GLOBAL}",
        )
        .allow_log("DeprecationWarning|os.fork|pid = ")
        .start()
}

/// Kills the child that holds the slot; the other one and the successor load then.
fn kill_the_holder(s: &Server) {
    let held = noted(s, "begin", 1)[0].pid;
    until("the script to hang", || s.dir().join("state/first").exists().then_some(()));
    let (killed, clock) = (now(), Instant::now());
    s.send(held, libc::SIGKILL);
    let ends = noted(s, "end", 1);
    let lost = machine::lost_since(clock).as_secs_f64();
    assert!(ends[0].at - killed < 5.0 + lost, "{} s after the holder was killed", ends[0].at - killed);
    assert_eq!(s.get("/").status, 200);
    let ends = noted(s, "end", 2);
    assert!(ends.iter().all(|end| end.pid != held), "{ends:?}");
}

#[test]
fn a_killed_holder() {
    let s = holder("");
    kill_the_holder(&s);
}

/// The forked processes have every descriptor of the holder; a lock of the open file would live on with them.
#[test]
fn a_killed_holder_whose_forked_children_live_on() {
    let s = holder(
        "
        if not exists('state/first'):
            for _ in range(2):
                if os.fork() == 0:
                    note('forked')
                    os.closerange(0, 3)
                    wait_for('leave')
                    os._exit(0)
        ",
    );
    let forked = noted(&s, "forked", 2);
    kill_the_holder(&s);
    let alive = |pid: u32| s.processes().iter().any(|p| p.pid == pid && p.state != 'Z');
    assert!(forked.iter().all(|n| alive(n.pid)), "they live on");
    s.write_file("leave", "");
    until("the forked processes to end", || (!forked.iter().any(|n| alive(n.pid))).then_some(()));
}

/// Who waits says for whom; the holder's pid and script are those the script has noted.
#[test]
fn a_waiter_says_for_whom() {
    let s = httpd()
        .children(3)
        .script("app.wsgi", &slow(2500))
        .config("WSGIStartupLock On slots=1\nWSGIScriptAlias / {dir}/app.wsgi")
        .start();
    let line =
        s.wait_log("wsgi:notice.*WSGI1018: .*has waited [0-9]+ s for the startup lock: pid [0-9]+ has been loading '.*/app.wsgi' for");
    let (_, rest) = line.split_once("WSGI1018").unwrap();
    let (_, rest) = rest.split_once("pid ").unwrap();
    let pid: u32 = rest.split(' ').next().unwrap().parse().unwrap();
    until("the beginning of that load", || {
        notes(&s, "load").iter().any(|n| n.text == "begin" && n.pid == pid).then_some(())
    });
    assert!(!line.contains(&format!("[pid {pid}:")), "waits for itself: {line}");
    noted(&s, "load", 6);
    assert_one_at_a_time(&s);
}

/// The time that a start may take begins when it has the lock: the last one waits for longer than that.
#[test]
fn waiting_is_not_counted() {
    let s = httpd()
        .children(8)
        .script("app.wsgi", &slow(500))
        .config("WSGIStartupLock On slots=1\nWSGIStartupTimeout 3\nWSGIScriptAlias / {dir}/app.wsgi")
        .start();
    noted(&s, "load", 16);
    assert_one_at_a_time(&s);
    assert_eq!(s.logged("WSGI1017"), [""; 0]);
}

/// A short wait is not worth a line.
#[test]
fn short_waits_are_not_told() {
    let begun = Instant::now();
    let s = httpd()
        .children(3)
        .script("app.wsgi", &slow(50))
        .config("WSGIStartupLock On slots=1\nWSGIScriptAlias / {dir}/app.wsgi")
        .start();
    noted(&s, "load", 6);
    // Waits are long on a machine that takes a nap in one.
    assert!(s.logged("WSGI1018").is_empty() || machine::lost_since(begun) > Duration::from_millis(500));
}

/// A program that a script starts has none of the lock's and the records' descriptors.
#[test]
fn programs_do_not_inherit_the_lock() {
    let s = httpd()
        .script(
            "app.wsgi",
            &script(
                "
                import subprocess
                program = subprocess.Popen(['sleep', '60'], close_fds=False, stdin=subprocess.DEVNULL)
                files = f'/proc/{program.pid}/fd/'
                note('files', *[os.readlink(files + name) for name in os.listdir(files)])
                program.kill()
                program.wait()",
            ),
        )
        .config("WSGIStartupLock On slots=1\nWSGIScriptAlias / {dir}/app.wsgi application-group=%{GLOBAL}")
        .start();
    let files = noted(&s, "files", 1).remove(0).text;
    let ours: Vec<_> = files.split(' ').filter(|f| f.starts_with("/memfd") || f.ends_with("lock")).collect();
    assert_eq!(ours, [""; 0], "{files}");
}

/// Without a number there is one slot for each processor, and more once starts only wait.
#[test]
fn starts_that_wait_leave_room_for_others() {
    let groups = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) + 1;
    let mut h = httpd();
    for n in 0..groups {
        h = h.script(&format!("app{n}.wsgi"), &script("note('load', 'begin')\nwait_for('state/go')")).config(
            &format!(
                "
            WSGIDaemonProcess group{n} threads=1
            WSGIScriptAlias /{n} {{dir}}/app{n}.wsgi process-group=group{n} application-group=%{{GLOBAL}}"
            ),
        );
    }
    let s = h.start();
    noted(&s, "load", groups);
    s.write_file("state/go", "");
    (0..groups).for_each(|n| assert_eq!(s.get(&format!("/{n}")).status, 200));
}
