//! What comes from outside: the end of httpd's parent, other servers beside this one, restarts in a row.

use std::fs;
use std::time::Duration;

use harness::poll::{until, within};
use harness::*;

use crate::daemon::*;
use crate::starting::{noted, notes, now};

fn application(name: &str) -> String {
    script(&format!(
        "
        note('load', '{name}')
        def application(environ, start_response):
            return answer(environ, start_response, '{name}', os.getpid())"
    ))
}

/// Nothing of ours outlives httpd, even if that had no chance to say so.
#[test]
fn the_parent_is_killed() {
    let s = serving(
        group("", &application("v0")).file("sockets/.keep", "").config("WSGISocketPrefix {dir}/sockets/wsgi"),
        2,
    );
    let supervisors = s.supervisors();
    let daemons: Vec<u32> = settled(&s, 2).into_iter().chain(supervisors).collect();
    s.send(s.pid(), libc::SIGKILL);
    let left = || daemons.iter().copied().filter(|pid| daemon::is_alive(*pid)).collect::<Vec<_>>();
    let sockets = || fs::read_dir(s.dir().join("sockets")).map(|d| d.count()).unwrap_or_default();
    within(Duration::from_secs(2), || (left().is_empty() && sockets() == 1).then_some(()));
    let (left, sockets) = (left(), sockets());
    // httpd's own children stay, whatever modules it has.
    s.processes().iter().for_each(|p| s.send(p.pid, libc::SIGKILL));
    assert_eq!(left, [0; 0], "processes that are still there");
    assert_eq!(sockets - 1, 0, "files beside .keep in the directory of sockets");
}

/// Whatever is stopped in the usual way leaves nothing either.
#[test]
fn a_stop_leaves_nothing() {
    for graceful in [true, false] {
        let h = group("", &application("v0")).file("sockets/.keep", "");
        let s = serving(h.config("WSGISocketPrefix {dir}/sockets/wsgi"), 2);
        let daemons = settled(&s, 2);
        if graceful {
            s.stop();
        } else {
            s.terminate();
        }
        gone(&daemons);
        assert_eq!(fs::read_dir(s.dir().join("sockets")).unwrap().count(), 1, "only .keep");
    }
}

/// One prefix and one name of a group, and each has its own processes all the same.
#[test]
fn two_servers_with_groups_of_one_name() {
    let killed = r"WSGI1029: process [0-9]+ of group 'g' .*signal 9 \(SIGKILL\)";
    let one = group("", &application("one")).expect_log(killed);
    let prefix = format!("WSGISocketPrefix {}/run/wsgi", one.dir().display());
    let one = serving(one, 2);
    let two = serving(group("", &application("two")).config(&prefix).expect_log(killed), 2);
    let each_its_own = || {
        for _ in 0..20 {
            assert!(one.get("/app?x").text().starts_with("one "), "the first server's");
            assert!(two.get("/app?x").text().starts_with("two "), "the second server's");
        }
    };
    each_its_own();
    let (of_one, of_two) = (settled(&one, 2), settled(&two, 2));
    assert!(of_one.iter().all(|pid| !of_two.contains(pid)));
    for (s, pid) in [(&one, of_one[0]), (&two, of_two[0])] {
        s.send(pid, libc::SIGKILL);
        newest(s, 3);
    }
    each_its_own();
    one.graceful();
    noted(&one, "load", 5);
    each_its_own();
    one.terminate();
    for _ in 0..20 {
        assert!(two.get("/app?x").text().starts_with("two "));
    }
}

/// One after another before the application can have started: the last one counts, and nobody is without an answer.
#[test]
fn restarts_in_a_row() {
    let slow = script(
        "
        time.sleep(3)
        note('load', 'v0')
        def application(environ, start_response):
            return answer(environ, start_response, 'v0', os.getpid())",
    );
    let s = serving(group("", &slow), 2);
    let (load, old) = (load(&s), loaded(&s));
    let mut last = 0.0;
    for n in 1..=3 {
        last = now();
        load.mark("graceful");
        s.graceful();
        // httpd takes several signals for one unless it has seen the first.
        within(Duration::from_millis(200), || {
            (s.logged("AH00493|AH00298|AH00290|Graceful restart requested").len() >= n).then_some(())
        });
    }
    // None of those before can have come to an end so soon.
    let workers = until("processes of the last generation", || {
        let fresh = |pid: &u32| !old.contains(pid);
        (s.supervisors().len() <= 1).then(|| s.workers()).filter(|w| w.len() == 2 && w.iter().all(fresh))
    });
    load.settled("the last generation serves", |a| pid_of(&a.body).is_some_and(|pid| workers.contains(&pid)));
    let started = |pid: &u32| notes(&s, "load").iter().any(|n| n.pid == *pid && n.at > last + 3.0);
    assert!(workers.iter().all(started), "started before the last restart: {workers:?}");
    let summary = load.stop();
    println!("{summary}");
    summary.assert_none_lost();
}

/// SIGHUP to httpd ends its children at once, and the group is there again afterwards.
#[test]
fn a_restart_at_once() {
    let s = serving(group("", &application("v0")), 2);
    let old = loaded(&s);
    s.restart();
    newest(&s, 4);
    gone(&old);
    until("the application", || (s.get("/app?x").status == 200).then_some(()));
    settled(&s, 2);
}

/// A process that the application forks has none of the worker's sockets and files: it cannot keep a client waiting, nor the
/// group's queue.
#[test]
fn a_copy_that_the_application_forks_holds_nothing_of_ours() {
    let s = group(
        "",
        &script(
            "
            import stat
            def kinds():
                for name in os.listdir('/proc/self/fd'):
                    if int(name) > 2:
                        try:
                            yield os.readlink('/proc/self/fd/' + name)
                        except OSError:
                            pass
            def application(environ, start_response):
                reading, writing = os.pipe()
                pid = os.fork()
                if pid == 0:
                    os.close(reading)
                    os.write(writing, '\\n'.join(kinds()).encode())
                    os._exit(0)
                os.close(writing)
                with os.fdopen(reading, 'rb') as copy:
                    held = copy.read()
                os.waitpid(pid, 0)
                own = '\\n'.join(kinds()).encode()
                start_response('200 OK', [])
                return [held + b'\\n--\\n' + own]
            ",
        ),
    )
    .start();
    let text = s.get("/app").text();
    let (copy, own) = text.split_once("\n--\n").expect("two lists");
    let ours = |list: &str| {
        list.lines()
            .filter(|l| l.starts_with("socket:") || l.contains("eventpoll") || l.contains("pidfd"))
            .count()
    };
    assert!(ours(own) >= 4, "the worker's own are not where this test looks for them: {own}");
    assert_eq!(ours(copy), 0, "{copy}");
}

/// What an application has started ends with its group, whatever signals it takes: copies and programs of a process that serves,
/// and of one that was replaced.
#[test]
fn copies_that_ignore_signals() {
    skip_if!(spawns_by_fork(), "about processes that load the script");
    for graceful in [true, false] {
        let body = "
            import signal, subprocess
            def copy():
                if os.fork() == 0:
                    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
                        signal.signal(number, signal.SIG_IGN)
                    note('copy', 'x')
                    os.setpgid(0, 0)
                    time.sleep(1000)
                    os._exit(0)
            copy()
            program = subprocess.Popen(['sh', '-c', 'trap \"\" TERM; sleep 1000; sleep 1000'])
            note('program', str(program.pid))
            note('load', 'v0')
            def application(environ, start_response):
                return answer(environ, start_response, 'v0', os.getpid())";
        let h =
            group("", &script(body)).config("WSGIRestrictSignal Off").allow_log("DeprecationWarning|os.fork");
        let s = serving(h, 2);
        let first = loaded(&s);
        s.send(first[0], libc::SIGUSR1);
        noted(&s, "load", 3);
        gone(&first[..1]);
        noted(&s, "copy", 3);
        s.graceful();
        noted(&s, "load", 5);
        gone(&first);
        noted(&s, "copy", 5);
        let programs = notes(&s, "program").into_iter().filter_map(|note| note.text.parse::<u32>().ok());
        let copies = notes(&s, "copy").into_iter().map(|note| note.pid);
        let started: Vec<u32> = programs.chain(copies).collect();
        assert_eq!(started.len(), 10);
        assert!(started.iter().all(|pid| daemon::is_alive(*pid)), "a replacement leaves them alone");
        if graceful {
            s.stop();
        } else {
            s.terminate();
        }
        let left = || started.iter().copied().filter(|pid| daemon::is_alive(*pid)).collect::<Vec<_>>();
        within(Duration::from_secs(2), || left().is_empty().then_some(()));
        let left = left();
        left.iter().for_each(|pid| s.send(*pid, libc::SIGKILL));
        assert_eq!(left, [0; 0], "processes that are still there");
    }
}
