//! What processes share that are not of one user: nothing that one of them could hold, fill, read or break. An application
//! does its worst with each descriptor that it finds, and the others serve on.

use std::fs;
use std::time::{Duration, Instant};

use harness::poll::{assert_within, until};
use harness::*;

use crate::first_failure::TOLD;
use crate::starting::assert_unavailable;

/// Applications that do something to every descriptor; `DESCRIPTORS` are those of the process.
const HOSTILE: &str = "
    import ctypes, fcntl, os, struct, sys, threading, time

    def descriptors():
        for name in os.listdir('/proc/self/fd'):
            try:
                yield int(name), os.readlink('/proc/self/fd/' + name)
            except OSError:
                pass

    def on_each(work, least=3):
        done = []
        for fd, name in list(descriptors()):
            if fd >= least:
                try:
                    if work(fd):
                        done.append(name)
                except OSError:
                    pass
        return done

    def application(environ, start_response):
        body = str(globals()[environ['PATH_INFO'].strip('/')]()).encode()
        start_response('200 OK', [('Content-Length', str(len(body)))])
        return [body]

    # Never closed: that would free the locks.
    opened = []

    def again(fd):
        opened.append(os.open('/proc/self/fd/%d' % fd, os.O_RDWR))
        return opened[-1]

    def lock_all():
        def lock(fd):
            for one in (fd, again(fd)):
                until = time.time() + 10
                while True:
                    try:
                        fcntl.lockf(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        break
                    except OSError:
                        if time.time() > until:
                            raise
                        time.sleep(0.0005)
            return True
        return on_each(lock)

    # Locks of an open description last as long as anybody has that open, were it shared.
    def lock_descriptions():
        def lock(fd):
            shared = struct.pack('hhqqixxxx', fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, shared)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return on_each(lock)

    def change_flags():
        def change(fd):
            flags = fcntl.fcntl(fd, fcntl.F_GETFL)
            fcntl.fcntl(fd, fcntl.F_SETFL, flags ^ os.O_APPEND ^ os.O_NONBLOCK)
            return True
        return on_each(change, 0)

    def grow_all():
        def grow(fd):
            works = []
            for work in (
                lambda: os.ftruncate(fd, 1 << 30),
                lambda: os.ftruncate(fd, 0),
                lambda: os.pwrite(fd, b'x', 1 << 30),
                lambda: os.posix_fallocate(fd, 1 << 29, 1 << 20),
                lambda: os.ftruncate(again(fd), 1 << 30),
            ):
                try:
                    work()
                    works.append(work)
                except OSError:
                    pass
            return works
        # A file of the process alone, which its watchdog writes to.
        return [name for name in on_each(grow) if 'mod_wsgi stacks' not in name]

    def read_all():
        def tells(fd):
            data = os.pread(fd, 1 << 26, 0)
            return b'4711-' + b'8150' in data
        return on_each(tells)

    # The board as this module has it: index and records.
    INDEX, BLOCKS, RECORDS, BLOCK = 256 * 512, 256 * 512 + 256 * 16, 256, 64 * 1024
    FORGED = (
        b'verdict failed\\nid 00000001\\nattempts 9\\nnext 221845392000000000\\nsaid 0\\ndeaths 9\\nclass Forged\\n'
        b'text forged\\n'
    )
    rounds = 0

    def forge_all():
        def forge():
            global rounds
            boards = [fd for fd, name in descriptors() if 'start board' in name]
            while True:
                for board in boards:
                    index = os.pread(board, RECORDS * 16, INDEX)
                    for place in range(len(index) // 16):
                        if index[place * 16:place * 16 + 8] != bytes(8):
                            os.pwrite(board, struct.pack('I', len(FORGED)) + FORGED, BLOCKS + place * BLOCK)
                rounds += 1
                time.sleep(0.001)
        threading.Thread(target=forge, daemon=True).start()
        while rounds < 3:
            time.sleep(0.01)
        return 'forged'

    def break_log():
        def break_it(fd):
            for one in (fd, again(fd) if fd > 2 else fd):
                flags = fcntl.fcntl(one, fcntl.F_GETFL)
                fcntl.fcntl(one, fcntl.F_SETFL, (flags | os.O_NONBLOCK) & ~os.O_APPEND)
                for size in (0, 7):
                    try:
                        os.ftruncate(one, size)
                    except OSError:
                        pass
            return True
        done = on_each(break_it, 0)
        for fd in (1, 2):
            try:
                opened.append(os.open('/proc/self/fd/%d' % fd, os.O_WRONLY | os.O_TRUNC))
            except OSError:
                pass
        return done

    def pid():
        return os.getpid()

    def crash():
        os.write(2, b'the last words, without an end of line')
        ctypes.string_at(0)

    def flood():
        for n in range(20000):
            os.write(2, b'flood %d %s\\n' % (n, b'x' * 90))
        return 'written'

    def leave_copy():
        if os.fork() == 0:
            time.sleep(1)
            os.write(2, b'a copy says this later\\n')
            os._exit(0)
        return os.getpid()
    ";

/// An application that answers who it is, once it is asked for.
const PLAIN: &str = "
    import os
    def application(environ, start_response):
        body = str(os.getpid()).encode()
        start_response('200 OK', [('Content-Length', str(len(body)))])
        return [body]
    ";

/// `/bad` is hostile, in a group of this user; `/good` is in a group of Apache's user, `/embedded` in Apache's children.
fn neighbours(user: &str, hostile: &str) -> Httpd {
    httpd()
        .no_group()
        .script("bad.wsgi", &(text::dedent(HOSTILE) + &text::dedent(hostile)))
        .script("good.wsgi", &text::dedent(PLAIN))
        .script("embedded.wsgi", &text::dedent(PLAIN))
        .file("htdocs/static.txt", "static")
        .config(&format!(
            "
            WSGISocketPrefix {{dir}}/run/wsgi
            WSGIDaemonProcess bad threads=3 {user}
            WSGIDaemonProcess good threads=3
            WSGIScriptAlias /bad {{dir}}/bad.wsgi process-group=bad application-group=%{{GLOBAL}}
            WSGIScriptAlias /good {{dir}}/good.wsgi process-group=good application-group=%{{GLOBAL}}
            WSGIScriptAlias /embedded {{dir}}/embedded.wsgi process-group=%{{GLOBAL}} application-group=%{{GLOBAL}}"
        ))
}

const OTHER_USER: &str = "user=daemon group=daemon";

#[track_caller]
fn ask(s: &Server, path: &str) -> String {
    let r = s.get(path);
    assert_eq!(r.status, 200, "{path}: {}", r.text());
    r.text()
}

/// After a graceful restart all of them are served by new processes, and nobody waited long for that.
#[track_caller]
fn all_are_renewed(s: &Server) {
    let (children, good, embedded) = (s.children(), ask(s, "/good"), ask(s, "/embedded"));
    let begun = Instant::now();
    s.graceful();
    let slowest = std::cell::Cell::new(Duration::ZERO);
    let timed = |path: &str| {
        let (begun, r) = (Instant::now(), s.get(path));
        assert_eq!(r.status, 200, "{path}: {}", r.text());
        slowest.set(slowest.get().max(begun.elapsed()));
        r.text()
    };
    until("new processes", || {
        assert_eq!(timed("/static.txt"), "static");
        let renewed = timed("/good") != good && timed("/embedded") != embedded;
        (renewed && s.children().iter().all(|child| !children.contains(child))).then_some(())
    });
    assert_within(begun, 10.0, "the renewal of all");
    println!("slowest answer: {:?}", slowest.get());
}

#[test]
fn locks_on_every_descriptor() {
    let s = neighbours(OTHER_USER, "").start();
    let held = ask(&s, "/bad/lock_all");
    assert!(held.contains("start board"), "{held}");
    all_are_renewed(&s);
}

/// Whoever is of the same user may be kept from the board, but not from serving.
#[test]
fn locks_on_every_descriptor_beside_a_group_of_the_same_user() {
    let s = neighbours("", "").expect_log("WSGI1070: .*keeps the lock of the start registry").start();
    let held = ask(&s, "/bad/lock_all");
    assert!(held.contains("start board"), "{held}");
    let old = ask(&s, "/good");
    s.expect_log(r"WSGI1029: .*signal 9 \(SIGKILL\)");
    let begun = Instant::now();
    s.send(old.parse().unwrap(), libc::SIGKILL);
    until("another process", || Some(s.get("/good")).filter(|r| r.status == 200 && r.text() != old));
    assert_within(begun, 10.0, "the start of a process beside one that holds the board");
    all_are_renewed(&s);
}

/// The same of an application in a child: the children that come after it serve.
#[test]
fn locks_on_every_descriptor_of_a_child() {
    let s = httpd()
        .no_group()
        .script("bad.wsgi", &text::dedent(HOSTILE))
        .script("embedded.wsgi", &text::dedent(PLAIN))
        .file("htdocs/static.txt", "static")
        .config(
            "
            WSGIScriptAlias /bad {dir}/bad.wsgi application-group=bad
            WSGIScriptAlias /good {dir}/embedded.wsgi application-group=good
            WSGIScriptAlias /embedded {dir}/embedded.wsgi application-group=%{GLOBAL}",
        )
        .start();
    let held = ask(&s, "/bad/lock_all");
    assert!(held.contains("start board"), "{held}");
    all_are_renewed(&s);
}

/// A process that has died holds nothing any more, though its descriptors came from one that lives.
#[test]
fn locks_of_descriptions() {
    let s = neighbours("", "").start();
    // Another process of the user may have its own lock on the board for a moment.
    until("the lock of the board", || {
        Some(ask(&s, "/bad/lock_descriptions")).filter(|held| held.contains("start board"))
    });
    s.expect_log(r"WSGI1029: .*signal 9 \(SIGKILL\)");
    let kill = |path: &str| {
        let old = ask(&s, path);
        s.send(old.parse().unwrap(), libc::SIGKILL);
        until("another process", || Some(s.get(path)).filter(|r| r.status == 200 && r.text() != old));
    };
    kill("/bad/pid");
    // Without a line that somebody holds the board.
    kill("/good");
    all_are_renewed(&s);
}

/// Flags of descriptors of a process, but for those of sockets, which a group has for itself.
fn flags(pid: u32) -> Vec<(i32, String)> {
    let of = |(fd, path): (i32, std::path::PathBuf)| {
        let path = path.display().to_string();
        let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).ok()?;
        let flags = info.lines().find(|line| line.starts_with("flags:"))?;
        let engine = path.contains("_mod_wsgi.abi3.so");
        let ours = path.contains("start board") || path.contains("settings") || fd <= 2;
        (ours && !engine).then(|| (fd, format!("{path} {flags}")))
    };
    daemon::descriptors(pid).into_iter().filter_map(of).collect()
}

/// Descriptors are their processes' own: neither others of the user nor the supervisor nor httpd see what becomes of them.
#[test]
fn flags_of_every_descriptor() {
    let s = neighbours("", "")
        .config("WSGIScriptAlias /child {dir}/bad.wsgi process-group=%{GLOBAL} application-group=child")
        .start();
    let bad: u32 = ask(&s, "/bad/pid").parse().unwrap();
    ask(&s, "/good");
    let others = || {
        let pids = s.processes().into_iter().map(|p| p.pid).filter(|pid| *pid != bad);
        pids.map(|pid| (pid, flags(pid))).collect::<Vec<_>>()
    };
    let before = others();
    assert!(before.len() >= 4 && before.iter().any(|(_, all)| all.len() > 3), "{before:?}");
    assert!(ask(&s, "/bad/change_flags").contains("start board"));
    assert_eq!(others(), before);
    assert_eq!(ask(&s, "/good"), ask(&s, "/good"));
    // An application in a child has httpd's own log; the board is its own.
    let board = |all: Vec<(u32, Vec<(i32, String)>)>| {
        let all = all.into_iter().filter(|(pid, _)| !s.children().contains(pid));
        all.map(|(pid, all)| {
            (pid, all.into_iter().filter(|(_, it)| it.contains("board")).collect::<Vec<_>>())
        })
        .collect::<Vec<_>>()
    };
    let before = board(others());
    assert!(ask(&s, "/child/change_flags").contains("start board"));
    assert_eq!(board(others()), before);
}

#[test]
fn forged_records() {
    let s = neighbours(OTHER_USER, "").start();
    ask(&s, "/good");
    ask(&s, "/embedded");
    assert_eq!(ask(&s, "/bad/forge_all"), "forged");
    s.expect_log(r"WSGI1029: .*signal 9 \(SIGKILL\)");
    for _ in 0..2 {
        let old = ask(&s, "/good");
        s.send(old.parse().unwrap(), libc::SIGKILL);
        until("another process", || Some(s.get("/good")).filter(|r| r.status == 200 && r.text() != old));
    }
    all_are_renewed(&s);
}

#[test]
fn what_an_exception_says_is_for_its_own_user() {
    let s = neighbours(OTHER_USER, "")
        .script("fails.wsgi", "raise ValueError('4711-8150')")
        .config(
            "WSGIDaemonProcess fails threads=3\nWSGIScriptAlias /fails {dir}/fails.wsgi process-group=fails",
        )
        .config(
            "WSGIScriptAlias /fails-embedded {dir}/fails.wsgi process-group=%{GLOBAL} application-group=x",
        )
        .allow_log(TOLD)
        .allow_log("WSGI1031: .*group 'fails'")
        .expect_traceback("ValueError: 4711-8150")
        .start();
    assert_unavailable(&s.get("/fails"));
    assert_unavailable(&s.get("/fails-embedded"));
    assert_eq!(ask(&s, "/bad/read_all"), "[]");
}

#[test]
fn what_is_shared_keeps_its_size() {
    for user in ["", OTHER_USER] {
        let s = neighbours(user, "").start();
        assert_eq!(ask(&s, "/bad/grow_all"), "[]", "user: {user}");
    }
}

/// Flags of what the parent writes its log to.
fn log_flags(s: &Server) -> Vec<(String, String)> {
    let log = s.dir().join("logs/error.log").canonicalize().expect("the log");
    let of = |(fd, path): &(i32, std::path::PathBuf)| {
        let info = fs::read_to_string(format!("/proc/{}/fdinfo/{fd}", s.pid())).ok()?;
        let flags = info.lines().find(|line| line.starts_with("flags:"))?.to_owned();
        (*path == log || *fd <= 2).then(|| (format!("{fd} {}", path.display()), flags))
    };
    daemon::descriptors(s.pid()).iter().filter_map(of).collect()
}

/// A process can neither empty it nor change how httpd writes to it.
#[test]
fn the_error_log_is_httpds() {
    let s = neighbours(OTHER_USER, "").start();
    let (before, flags) = (s.error_log(), log_flags(&s));
    assert!(before.iter().any(|line| line.contains("resuming normal operations")), "{before:?}");
    assert!(flags.iter().any(|(file, _)| file.contains("error.log")), "{flags:?}");
    let tried = ask(&s, "/bad/break_log");
    let after = s.error_log();
    assert!(before.iter().all(|line| after.contains(line)), "{before:#?}\n{after:#?}");
    assert_eq!(log_flags(&s), flags);
    assert!(tried.contains("pipe:"), "{tried}");
    assert_eq!(ask(&s, "/static.txt"), "static");
}

/// A process that dies at once leaves its last words in the log, before the line on its death.
#[test]
fn last_words_are_in_the_log() {
    let s = neighbours(OTHER_USER, "")
        .allow_crash()
        .allow_log(r"^flood [0-9]+ x+$|<no Python frame>|^$|WSGI0172: ")
        .expect_log("the last words, without an end of line")
        .expect_log("WSGI0146: a process of group 'bad' ")
        .expect_log("WSGI1029: process [0-9]+ of group 'bad' ")
        .start();
    ask(&s, "/bad/flood");
    let r = s.get("/bad/crash");
    assert!(r.status >= 500, "{}", r.status);
    s.wait_log("WSGI1029: ");
    let log = s.error_log();
    let at = |words: &str| log.iter().position(|line| line.contains(words));
    let (words, stacks, death) = (at("the last words"), at("Fatal Python error"), at("WSGI1029: "));
    assert!(words.is_some() && stacks.is_some() && stacks < death && words < death, "{log:#?}");
    assert!(at("in crash").is_some(), "the stack: {log:#?}");
    for n in [0, 1, 9999, 19999] {
        assert!(log.iter().any(|line| line.starts_with(&format!("flood {n} "))), "line {n}");
    }
    assert_eq!(log.iter().filter(|line| line.starts_with("flood ")).count(), 20000);
}

/// So does a copy that outlives it.
#[test]
fn what_a_copy_says_later_is_in_the_log() {
    let s = neighbours(OTHER_USER, "").allow_log("DeprecationWarning|os.fork|pid = ").start();
    let pid = ask(&s, "/bad/leave_copy");
    s.expect_log(r"WSGI1029: .*signal 9 \(SIGKILL\)");
    s.expect_log("^a copy says this later$");
    s.send(pid.parse().unwrap(), libc::SIGKILL);
    s.wait_log("a copy says this later");
}

/// Each configuration has its boards, and they go with it.
#[test]
fn restarts_leave_no_board_behind() {
    let s = neighbours(OTHER_USER, "").start();
    let boards = |pid: u32| {
        let all = daemon::descriptors(pid);
        all.iter().filter(|(_, path)| path.to_string_lossy().contains("start board")).count()
    };
    for _ in 0..4 {
        all_are_renewed(&s);
        assert_eq!(boards(s.pid()), 1, "the parent keeps that of its children");
        until("one supervisor, with a board for each user", || {
            s.supervisors().iter().map(|pid| boards(*pid)).eq([2]).then_some(())
        });
        let others = || {
            let supervisors = s.supervisors();
            let all: Vec<u32> = s.children().into_iter().chain(s.workers()).collect();
            all.into_iter().filter(|pid| !supervisors.contains(pid)).map(boards).collect::<Vec<_>>()
        };
        until("one board in each child and worker", || {
            others().iter().all(|count| *count == 1).then_some(())
        });
    }
}
