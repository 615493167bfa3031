//! Faults that were found and mended, each kept from coming back: processes, threads and memory of the children.

use std::fs;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use harness::poll::{until, within};
use harness::*;

use crate::ending::assert_whole;
use crate::hardening::{application, notes};

/// A figure of /proc/PID/status, in MB.
fn memory(s: &Server, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", s.children()[0])).expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
    line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).expect("kB") / 1024
}

/// Memory is taken for bytes that came, not for bytes that were promised.
#[test]
fn a_length_that_is_only_promised_takes_no_memory() {
    let s = application("note('began')\nenviron['wsgi.input'].read()\nreturn []").start();
    let before = memory(&s, "VmData:");
    let _c = s.raw(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nabc");
    until("the application to begin", || (notes(&s, "began") == 1).then_some(()));
    let taken =
        || Some((memory(&s, "VmRSS:"), memory(&s, "VmData:") - before)).filter(|m| m.0.max(m.1) >= 200);
    assert_eq!(within(Duration::from_millis(500), taken), None, "MB resident, MB reserved since");
}

/// A program inherits the mask of signals: SIGTERM must reach it.
#[test]
fn a_program_started_in_a_request_can_be_terminated() {
    let s = application(
        "
        p = subprocess.Popen(['sleep', '30'])
        p.terminate()
        try:
            p.wait(5)
        finally:
            p.kill()
        start_response('200 OK', [])
        return [str(p.returncode).encode()]",
    )
    .start();
    assert_eq!(s.get("/").text(), "-15");
}

/// The copy must not come back to httpd's loop: it would serve, and hold the port.
#[test]
fn sys_exit_in_a_forked_child() {
    let s = application(
        "
        pid = os.fork()
        if pid == 0:
            sys.exit(3)
        start_response('200 OK', [])
        return [str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode()]",
    )
    .allow_log("DeprecationWarning|os.fork|pid = |WSGI0175: ")
    .allow_traceback()
    .start();
    let pids = || s.processes().into_iter().map(|p| p.pid).collect::<Vec<_>>();
    let before = pids();
    for _ in 0..3 {
        assert_eq!(s.get("/").text(), "3");
    }
    until("no process more than before", || (pids() == before).then_some(()));
    s.stop();
    TcpListener::bind(("127.0.0.1", s.port())).expect("the port is free");
}

/// The other half of the module missing at a restart costs the WSGI requests, not the server.
#[test]
fn engine_moved_away_and_back() {
    let s = httpd()
        .script("app.wsgi", "def application(e, s): s('200 OK', []); return [b'here']")
        .file("htdocs/static.txt", "static")
        .config("WSGIScriptAlias /app {dir}/app.wsgi")
        .expect_log("WSGI1001: .*_mod_wsgi.abi3.so")
        .allow_log("WSGI0001: |WSGI0210: ")
        .start();
    let (here, away) = (s.dir().join("module/_mod_wsgi.abi3.so"), s.dir().join("module/away"));
    assert_eq!(s.get("/app").text(), "here");
    fs::rename(&here, &away).unwrap();
    s.graceful();
    let r = until("503", || Some(s.get("/app")).filter(|r| r.status == 503));
    assert!(r.header("Retry-After").is_some(), "{:?}", r.headers);
    assert_eq!(s.get("/static.txt").text(), "static");
    fs::rename(&away, &here).unwrap();
    s.graceful();
    until("the application", || (s.get("/app").text() == "here").then_some(()));
}

/// A thread in read() and the end of its request: the request's memory must not be gone under it.
#[test]
fn a_thread_that_reads_while_its_request_ends() {
    let s = application(
        "
        if environ['PATH_INFO'] == '/next':
            start_response('200 OK', [])
            return [b'next']
        begun = threading.Event()
        def reader(stream=environ['wsgi.input']):
            try:
                while stream.read(1):
                    begun.set()
            except (RuntimeError, OSError):
                begun.set()
            note('reader')
        threading.Thread(target=reader, daemon=True).start()
        begun.wait(10)
        raise ValueError('boom')",
    )
    .expect_log("WSGI0174: ")
    .expect_traceback("ValueError: boom")
    .start();
    let pid = s.children();
    for round in 0..50 {
        let mut c =
            s.raw(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nConnection: close\r\n\r\nabc");
        match round % 3 {
            0 => c.send(b"defghij"),
            1 => c.half_close(),
            _ => {}
        }
        if round % 3 == 2 {
            c.abort();
        } else {
            assert_eq!(c.response().status, 500, "round {round}");
            // In prefork the only child waits for the client to close.
            drop(c);
        }
        assert_eq!(s.get("/next").text(), "next", "round {round}");
    }
    until("the threads to end", || (notes(&s, "reader") == 50).then_some(()));
    assert_eq!(s.children(), pid);
}

/// Requests in progress keep the old code; none is lost or answered by half of the new.
#[test]
fn reloads_under_load() {
    let s = application("start_response('200 OK', [])\nreturn [b'first,', b'second']").start();
    assert_whole(&s.get("/"));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    assert_whole(&s.get("/"));
                }
            });
        }
        for loads in 2..=6 {
            s.touch("app.wsgi");
            // No `until` here: a panic would leave the threads running and the scope waiting.
            within(poll::PATIENCE, || (notes(&s, "load") >= loads).then_some(()));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(notes(&s, "load"), 6);
}

/// Large answers come whole and in order, and their memory is given back. One heap, for glibc keeps 20 MiB in that of
/// each thread.
#[test]
fn large_answers_do_not_add_up() {
    let s = application(
        "
        start_response('200 OK', [])
        if environ['PATH_INFO'] == '/one':
            return [bytes(i % 251 for i in range(251)) * 8356]
        return [i.to_bytes(4, 'big') * 16384 for i in range(320)]",
    )
    .env("MALLOC_ARENA_MAX", "1")
    .start();
    let one: Vec<u8> = (0..251 * 8356).map(|i| (i % 251) as u8).collect();
    let list: Vec<u8> = (0..320u32).flat_map(|i| i.to_be_bytes().repeat(16384)).collect();
    let round = || {
        assert!(s.get("/one").body == one, "2 MiB");
        assert!(s.get("/list").body == list, "20 MiB");
    };
    (0..10).for_each(|_| round());
    let before = memory(&s, "VmRSS:");
    (0..40).for_each(|_| round());
    let after = memory(&s, "VmRSS:");
    assert!(after < before + 24, "{before} MB, {after} MB after 40 rounds");
}

/// Apache in the foreground has root's terminal; what is typed into it root's shell would run. Applications have it not.
#[test]
fn no_terminal() {
    const IN_A_TERMINAL: &str = "
import fcntl, os, pty, sys, termios
master, terminal = pty.openpty()
os.set_inheritable(master, True)
fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
os.close(terminal)
os.execv(sys.argv[1], sys.argv[1:])";
    let s = application(
        "
        import fcntl, termios
        start_response('200 OK', [])
        try:
            terminal = os.open('/dev/tty', os.O_RDWR)
            fcntl.ioctl(terminal, termios.TIOCSTI, b'x')
        except OSError as error:
            return [repr(error.errno).encode()]
        return [b'typed']",
    )
    .under(&["/usr/bin/python3", "-c", IN_A_TERMINAL])
    .start();
    let field = |pid: u32| fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    let terminal = |pid: u32| field(pid).rsplit(')').next().unwrap().split(' ').nth(5).unwrap().to_owned();
    assert_ne!(terminal(s.pid()), "0", "Apache itself has one");
    assert_eq!(s.get("/").text(), libc::ENXIO.to_string());
    let children = s.children();
    s.graceful();
    s.wait_gone(&children);
    assert_eq!(s.get("/").text(), libc::ENXIO.to_string());
}

/// A process with several interpreters cannot be forked: in the copy CPython hangs for ever, with Apache's sockets open (3.11),
/// or crashes (3.12, 3.13). The application is told so at once, instead.
#[test]
fn a_fork_beside_another_interpreter() {
    only_ours!("on the original the copy hangs or crashes");
    const FORKS: &str = "
import os, signal, time
def copies():
    child = os.fork()
    if child == 0:
        os._exit(7)
    for attempt in range(1000):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return 'exited %d' % os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    return 'hung'

def application(environ, start_response):
    try:
        answer = copies() if environ['QUERY_STRING'] == 'fork' else 'here'
    except RuntimeError as error:
        answer = 'refused: %s' % error
    start_response('200 OK', [])
    return [answer.encode()]
";
    let h = httpd()
        .children(1)
        .script("app.wsgi", FORKS)
        .allow_log("DeprecationWarning|os.fork|child = ")
        .config(
            "WSGIScriptAlias /main {dir}/app.wsgi process-group=%{GLOBAL} application-group=%{GLOBAL}
         WSGIScriptAlias /sub {dir}/app.wsgi process-group=%{GLOBAL} application-group=sub
         <Location />
             WSGIPreload Off
         </Location>",
        );
    let s =
        h.expect_log(r"WSGI1087: os\.fork\(\) of '.*/app\.wsgi' refused: there are 2 interpreters").start();
    assert_eq!(s.get("/main?fork").text(), "exited 7", "one interpreter");
    assert_eq!(s.get("/sub").text(), "here");
    for _ in 0..2 {
        let text = s.get("/main?fork").text();
        assert!(text.starts_with("refused: os.fork() of"), "{text}");
    }
    s.logged_times("WSGI1087", 1);
}
