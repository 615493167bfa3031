//! Processes that are forked of a template (`spawn=fork`): who serves, how soon, what they have of their own; what a change makes
//! of it; and when they are executed instead.

use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

use harness::poll::until;
use harness::*;

use crate::daemon::*;
use crate::starting::{noted, notes};
use crate::template;

/// Notes who loads it, runs functions at forks, and answers with its version, its pid, the template's, and a random number.
fn forked(version: &str) -> String {
    script(&format!(
        "
        import random
        note('load', '{version}')
        HOOKS = []
        os.register_at_fork(before=lambda: HOOKS.append('before'), after_in_child=lambda: HOOKS.append('child'))
        TEMPLATE = os.getpid()
        def application(environ, start_response):
            time.sleep(0.02)
            hooks = ','.join(HOOKS[-2:])
            return answer(environ, start_response, '{version}', os.getpid(), TEMPLATE, hooks, random.random())"
    ))
}

fn of(script: &str) -> Httpd {
    defined("spawn=fork processes=2 threads=1", script)
}

fn word(body: &str, index: usize) -> String {
    body.split(' ').nth(index).unwrap_or_else(|| panic!("no word {index}: {body}")).to_owned()
}

/// Waits until so many processes have answered of those that `is_wanted`; their answers.
#[track_caller]
fn answers(s: &Server, count: usize, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    until(&format!("answers of {count} processes"), || {
        let ask = |_| s.raw(&s.request("GET", "/app?x").bytes());
        let connections: Vec<_> = (0..2 * count).map(ask).collect();
        for mut connection in connections {
            let text = connection.response().text();
            if is_wanted(&text) && !found.iter().any(|known| word(known, 1) == word(&text, 1)) {
                found.push(text);
            }
        }
        (found.len() >= count).then_some(())
    });
    found
}

fn of_version<'a>(version: &'a str) -> impl Fn(&str) -> bool + 'a {
    move |text| text.starts_with(version)
}

fn pid_in(text: &str) -> u32 {
    word(text, 1).parse().unwrap()
}

/// Milliseconds that a line of the log names.
fn milliseconds(line: &str) -> u64 {
    line.split("after ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).expect(line)
}

#[test]
fn processes_are_forked_of_one_that_has_loaded_the_script() {
    let s = of(&forked("v0")).start();
    let answers = answers(&s, 2, of_version("v0"));
    let template = s.templates()[0];
    assert_eq!(notes(&s, "load").len(), 1, "one has loaded it");
    let supervisor = s.supervisors()[0];
    for answer in &answers {
        assert_eq!(word(answer, 2), template.to_string());
        let process = s.processes().into_iter().find(|process| process.pid == pid_in(answer)).unwrap();
        assert_eq!((process.parent, process.session), (supervisor, process.pid), "{answer}");
        assert_eq!(word(answer, 3), "before,child", "functions of os.register_at_fork()");
    }
    let randoms: BTreeSet<String> = answers.iter().map(|answer| word(answer, 4)).collect();
    assert_eq!(randoms.len(), 2, "random numbers are a process's own: {answers:?}");
    let line = s.wait_log("WSGI1027: process [0-9]+ of group 'g' serves");
    println!("{line}");
}

/// `kill -9`: the next one is forked at once.
#[test]
fn a_successor_serves_soon() {
    let s = of(&forked("v0"))
        .expect_log("WSGI1029: process [0-9]+ of group 'g' died unexpectedly: signal 9")
        .start();
    let first = answers(&s, 2, of_version("v0"));
    let killed = pid_in(&first[0]);
    let begun = Instant::now();
    s.send(killed, libc::SIGKILL);
    let known: Vec<String> = first.iter().map(|answer| word(answer, 1)).collect();
    let next = answers(&s, 1, |text| !known.contains(&word(text, 1)));
    println!("a successor has answered {} ms after kill -9", begun.elapsed().as_millis());
    let line =
        s.wait_log(&format!("WSGI1027: process {} of group 'g' serves, after [0-9]+ ms", pid_in(&next[0])));
    println!("{line}");
    assert!(milliseconds(&line) < 1000, "as if it had been executed: {line}");
    assert_eq!(notes(&s, "load").len(), 1);
}

/// One that dies itself is made again, and nobody who serves notices.
#[test]
fn a_template_that_is_killed() {
    let s = of(&forked("v0"))
        .expect_log(
            "WSGI1029: process [0-9]+ of group 'g' died unexpectedly: signal 9.*; it was the template",
        )
        .start();
    let before = answers(&s, 2, of_version("v0"));
    let old = s.templates()[0];
    s.send(old, libc::SIGKILL);
    noted(&s, "load", 2);
    until("another template", || s.logged("template [0-9]+ of group 'g' is ready").get(1).cloned());
    let after = answers(&s, 2, of_version("v0"));
    let pids = |answers: &[String]| answers.iter().map(|answer| pid_in(answer)).collect::<BTreeSet<u32>>();
    assert_eq!(pids(&before), pids(&after), "those that serve go on");
    // One that is told to end is replaced, alone.
    s.send(s.templates()[1], libc::SIGTERM);
    s.wait_log("WSGI1030: process [0-9]+ of group 'g' is being replaced .shutdown_signal.: SIGTERM received");
    until("a third template", || s.logged("template [0-9]+ of group 'g' is ready").get(2).cloned());
    gone(&s.templates()[..2]);
    assert_eq!(pids(&before), pids(&answers(&s, 2, of_version("v0"))), "those that serve go on");
    s.send(*pids(&after).first().unwrap(), libc::SIGTERM);
    let next = answers(&s, 1, |text| !pids(&before).contains(&pid_in(text)));
    assert_ne!(word(&next[0], 2), old.to_string(), "{next:?}");
}

/// A changed script makes another template first; a broken one keeps the old template and its processes.
#[test]
fn a_script_that_is_changed_broken_and_mended() {
    let s = of(&forked("v0"))
        .expect_log(r"WSGI1031: new process \(pid [0-9]+\) of group 'g' failed to start")
        .expect_log("WSGI1029: process [0-9]+ of group 'g' died unexpectedly: signal 9")
        .expect_traceback("NameError")
        .start();
    answers(&s, 2, of_version("v0"));
    s.replace_file("app.wsgi", &forked("v1"));
    let changed = answers(&s, 2, of_version("v1"));
    let template = word(&changed[0], 2);
    assert_eq!(notes(&s, "load").len(), 2, "each template has loaded it once");
    s.replace_file("app.wsgi", &(forked("v2") + "\nbroken\n"));
    until("the old code is kept", || {
        assert!(s.get("/app?x").text().starts_with("v1"));
        (!s.logged("WSGI1031: ").is_empty()).then_some(())
    });
    // The old template is there for those that die.
    let killed = pid_in(&changed[0]);
    s.send(killed, libc::SIGKILL);
    let known: Vec<u32> = changed.iter().map(|answer| pid_in(answer)).collect();
    let next = answers(&s, 1, |text| !known.contains(&pid_in(text)));
    assert_eq!((word(&next[0], 0), word(&next[0], 2)), ("v1".to_owned(), template));
    s.replace_file("app.wsgi", &forked("v3"));
    answers(&s, 2, of_version("v3"));
    until("one template", || {
        (s.templates().iter().filter(|pid| daemon::is_alive(**pid)).count() == 1).then_some(())
    });
}

#[test]
fn a_graceful_restart() {
    let s = of(&forked("v0")).start();
    let before = answers(&s, 2, of_version("v0"));
    let old: Vec<u32> = before.iter().map(|answer| pid_in(answer)).chain(s.templates()).collect();
    let load = load(&s);
    s.graceful();
    load.settled("others serve", |a| pid_of(&a.body).is_some_and(|pid| !old.contains(&pid)));
    gone(&old);
    load.stop().assert_none_lost();
    assert_eq!(notes(&s, "load").len(), 2);
}

/// A function of the application that hangs at the fork: the supervisor waits for nobody, and says what it has done.
#[test]
fn a_fork_that_hangs() {
    let text = forked("v0")
        + "\nos.register_at_fork(before=lambda: note('hangs', '') or (not exists('mended') and time.sleep(1000)))\n";
    let s = of(&text)
        .expect_log(r"WSGI1029: process [0-9]+ of group 'g' died unexpectedly: signal 9.*; it was the template.*had not forked a process within 10 s")
        .allow_log("WSGI1040: no process of group 'g' serves")
        .start();
    noted(&s, "hangs", 1);
    assert_eq!(s.get("/static.txt").text(), "static");
    s.write_file("mended", "");
    answers(&s, 2, of_version("v0"));
    assert_eq!(s.templates().len(), 2);
}

/// Scripts that leave something that a fork would break, and what the log says of it.
#[test]
fn executed_where_a_fork_is_not_safe() {
    let thread = "
        def poll():
            while True:
                time.sleep(60)
        threading.Thread(target=poll, name='poller', daemon=True).start()";
    let connection = "
        import socket
        LISTENER = socket.create_server(('127.0.0.1', 0))
        CONNECTION = socket.create_connection(LISTENER.getsockname())";
    let lock = "
        import fcntl
        FILE = open(HERE + '/state/lock', 'a')
        try:
            fcntl.flock(FILE, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pass";
    let process = "
        import subprocess
        PROGRAM = subprocess.Popen(['sleep', '1000'])";
    let database = "
        import sqlite3
        DATABASE = sqlite3.connect(HERE + '/state/data.db')
        DATABASE.execute('CREATE TABLE IF NOT EXISTS t (x)')
        DATABASE.commit()";
    for (what, body, pattern) in [
        (
            "process",
            process,
            r"its template has a process that an application has started, [0-9]+ \(sleep\)$",
        ),
        (
            "database",
            database,
            r"its template has an open SQLite database, '/.*/state/data.db' \(descriptor [0-9]+\)$",
        ),
        ("thread", thread, r"its template has a thread, 'poller', started at /.*app.wsgi:[0-9]+$"),
        (
            "connection",
            connection,
            r"its template has a (socket at|connection to) 127.0.0.1:[0-9]+ \(descriptor [0-9]+\) \(and 1 more\)$",
        ),
        ("lock", lock, r"its template has a lock of a file, '/.*/state/lock'$"),
    ] {
        let text = format!("{}\n{}", forked("v0"), text::dedent(body));
        let s = of(&text)
            .expect_log(&format!(
                r"WSGI1110: processes of group 'g' are executed, not forked \(spawn=fork\): {pattern}"
            ))
            .start();
        let found = answers(&s, 2, of_version("v0"));
        assert!(found.iter().all(|answer| word(answer, 1) == word(answer, 2)), "{what}: {found:?}");
        println!("{}", s.logged("WSGI1110: ")[0]);
        gone(&s.templates());
        // Without it they are forked again.
        if what == "thread" {
            s.replace_file("app.wsgi", &forked("v1"));
            let found = answers(&s, 2, of_version("v1"));
            assert!(found.iter().all(|answer| word(answer, 1) != word(answer, 2)), "{what}: {found:?}");
        }
        s.logged_times("WSGI1110: ", 1);
    }
}

/// CPython cannot fork more than one interpreter.
#[test]
fn executed_where_applications_have_interpreters_of_their_own() {
    let s = httpd()
        // In prefork every connection that is kept open has a child of its own.
        .children(if mpm().is_threaded() { 1 } else { CLIENTS as u32 + 4 })
        .script("app.wsgi", &forked("v0"))
        .config("WSGISocketPrefix {dir}/run/wsgi\nWSGIDaemonProcess g spawn=fork processes=2 threads=1")
        .config("WSGIScriptAlias /app {dir}/app.wsgi process-group=g application-group=own")
        .expect_log("WSGI1110: .*there are 2 interpreters in its template.*WSGIApplicationGroup %.GLOBAL.")
        .start();
    let found = answers(&s, 2, of_version("v0"));
    assert!(found.iter().all(|answer| word(answer, 1) == word(answer, 2)), "{found:?}");
}

/// KiB of a process: its share of all that it has mapped.
fn share(pid: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find(|line| line.starts_with("Pss:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Eight processes of a Django project have little more memory than one.
#[test]
fn memory_of_eight_processes() {
    let mut figures = Vec::new();
    for (spawn, processes) in [("exec", 1), ("exec", 8), ("fork", 8)] {
        let h = httpd();
        template::start_project(h.dir(), "mysite");
        let settings = h.dir().join("mysite/mysite/settings.py");
        crate::append(&settings, "\nALLOWED_HOSTS = ['localhost']\nDATABASES = {}\n");
        let s = h
            .config(&format!(
                "WSGISocketPrefix {{dir}}/run/wsgi\nWSGIDaemonProcess g spawn={spawn} processes={processes} threads=4"
            ))
            .config("WSGIDjangoAlias / {dir}/mysite process-group=g application-group=%{GLOBAL}")
            .start();
        let serve = || s.logged("WSGI1027: process [0-9]+ of group 'g' serves");
        until(&format!("{processes} processes"), || (serve().len() >= processes).then_some(()));
        for _ in 0..100 {
            s.get("/");
        }
        let pid = |line: &String| line.split("process ").nth(1)?.split(' ').next()?.parse().ok();
        let mut pids: Vec<u32> = serve().iter().filter_map(pid).collect();
        pids.extend(s.templates());
        let total: u64 = pids.iter().map(|pid| share(*pid)).sum();
        let took: Vec<u64> = serve().iter().map(|line| milliseconds(line)).collect();
        println!("{spawn}, {processes} processes: {} MiB (PSS), they serve after {took:?} ms", total / 1024);
        figures.push(total);
    }
    let ratio = figures[2] as f64 / figures[0] as f64;
    println!("8 forked ones have {ratio:.2} times the memory of one");
    assert!(ratio < 3.5, "{figures:?}");
}
