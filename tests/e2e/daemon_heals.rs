//! What a process of a group holds and can spoil, and what a graceful restart makes of it; and that restarts leave nothing behind.

use std::fs;

use harness::poll::until;
use harness::*;

use crate::daemon::*;
use crate::starting::noted;

/// Spoils what the query names.
const SPOILER: &str = "
    import socket, struct
    note('load', 'v0')

    def write(place, layout, value):
        'The scoreboard is mapped here, writable.'
        with open('/proc/self/maps') as maps:
            line = next(line for line in maps if 'memfd:mod_wsgi scoreboard' in line)
        with open('/proc/self/mem', 'r+b') as memory:
            memory.seek(int(line.split('-')[0], 16) + place)
            memory.write(struct.pack(layout, value))

    def every_place(pids):
        for place, pid in enumerate(pids):
            write(64 + 16 * 256 + 64 * place + 8, '<I', pid)

    SPOIL = {
        'shutdown': lambda: socket.socket(fileno=os.dup(6)).shutdown(socket.SHUT_RDWR),
        'half': lambda: socket.socket(fileno=os.dup(6)).shutdown(socket.SHUT_RD),
        'own': lambda: every_place([os.getpid()] * 256),
        'twice': lambda: every_place([os.getpid()] * 2),
        'init': lambda: every_place([1]),
        'served': lambda: write(16, '<Q', 2 ** 63),
    }

    def application(environ, start_response):
        SPOIL.get(environ['QUERY_STRING'], int)()
        return answer(environ, start_response, 'v0', os.getpid())
    ";

#[track_caller]
fn heals(what: &str, line: &str) {
    let s = group("", &script(SPOILER))
        .expect_log(&format!("WSGI1085: process group 'g': {line}"))
        .allow_log("WSGI1039: a process of group 'g' cannot take connections")
        // A request of the time before the restart.
        .allow_log(
            "WSGI0117: the socket '.*' of process group 'g' cannot be connected to: Connection refused",
        )
        .start();
    noted(&s, "load", 2);
    let before = settled(&s, 2);
    assert_eq!(s.get(&format!("/app?{what}")).status, 200);
    s.graceful();
    until("processes of the new configuration", || {
        let r = s.get("/app?x");
        (r.status == 200 && pid_of(&r.text()).is_some_and(|pid| !before.contains(&pid))).then_some(())
    });
    gone(&before);
    assert_eq!(s.get("/app?x").status, 200);
    // Once, and not at each restart from now on.
    s.logged_times("WSGI1085", 1);
    s.graceful();
    s.wait_log("(?s)WSGI1032: supervisor");
    until("three configurations", || (s.logged("WSGI1032: supervisor").len() == 3).then_some(()));
    s.logged_times("WSGI1085", 1);
}

#[test]
fn a_socket_that_was_shut_down() {
    only_ours!("the original makes another socket at each restart");
    heals("shutdown", "a process has shut down its socket");
    heals("half", "a process has shut down its socket");
}

#[test]
fn claims_that_cannot_be() {
    only_ours!("the original has no claims");
    for what in ["own", "twice", "init", "served"] {
        heals(what, "its scoreboard holds impossible values");
    }
}

/// Restart after restart the parent has one mapping of each group's claims, and as much memory as before.
#[test]
fn restarts_leave_nothing_in_the_parent() {
    only_ours!("the original maps nothing");
    let mut h = group("", &version("v0"));
    for number in 0..20 {
        h = h.config(&format!("WSGIDaemonProcess further-{number} processes=1 threads=1 startup-timeout=60"));
    }
    let s = h.allow_log("WSGI1094: .*'further-").start();
    noted(&s, "load", 2);
    let figures = || {
        let maps = fs::read_to_string(format!("/proc/{}/maps", s.pid())).expect("maps");
        let status = fs::read_to_string(format!("/proc/{}/status", s.pid())).expect("status");
        let data = status.lines().find_map(|line| line.strip_prefix("VmData:")).expect("VmData");
        let kib: usize = data.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a number");
        (
            maps.lines().filter(|line| line.contains("memfd:mod_wsgi scoreboard")).count(),
            maps.lines().count(),
            kib,
        )
    };
    let restart = |number: usize| {
        let seen = s.logged("WSGI1032: supervisor").len();
        s.graceful();
        until(&format!("restart {number}"), || (s.logged("WSGI1032: supervisor").len() > seen).then_some(()));
    };
    (0..3).for_each(restart);
    let before = figures();
    (3..9).for_each(restart);
    let after = figures();
    println!("{before:?} {after:?}");
    assert_eq!(after.0, 21);
    assert!(after.1 <= before.1 + 2, "{before:?} {after:?}");
    // The allocator grows in steps.
    assert!(after.2 <= before.2 + 200, "{before:?} {after:?}");
}
