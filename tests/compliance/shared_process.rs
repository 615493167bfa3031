//! What applications share with the process they run in: its title, its signals, its time zone.

use harness::*;

use crate::{answering, serving};

const TITLE: &str = "
    import setproctitle
    def line():
        return open('/proc/self/cmdline', 'rb').read().replace(bytes(1), b' ').decode().strip()
    before = setproctitle.getproctitle().strip(), line()
    setproctitle.setproctitle('shop: serving')
    result = (before[0] == before[1], before[1].startswith(environ['QUERY_STRING']), line(), setproctitle.getproctitle())";

/// `setproctitle` shows its title where `ps` looks for the command line.
#[test]
fn an_application_sets_the_title_of_its_process() {
    let s = serving(&answering(TITLE)).start();
    assert_eq!(s.get("/").text(), "(True, True, 'shop: serving', 'shop: serving')");
}

/// A sub-interpreter's application, and the main interpreter's.
#[test]
fn the_main_interpreter_sets_the_title_too() {
    let s = serving(&answering(TITLE)).config("WSGIApplicationGroup %{GLOBAL}").start();
    assert_eq!(s.get("/").text(), "(True, True, 'shop: serving', 'shop: serving')");
}

/// The title of the group is there first; the application's wins.
#[test]
fn a_title_follows_the_groups_own() {
    daemon_only!();
    let s = serving(&answering(TITLE)).group("display-name=%{GROUP}").start();
    let name = format!("(wsgi:{GROUP})");
    assert_eq!(s.get(&format!("/?{name}")).text(), "(True, True, 'shop: serving', 'shop: serving')");
}

/// Every way to start a program: SIGTERM ends it, whatever httpd's threads block.
#[test]
fn programs_can_be_ended() {
    only_ours!("programs of the original inherit what httpd's threads block");
    let s = serving(&answering(
        "
        import multiprocessing.util, os, signal, subprocess, threading, time
        def blocked(pid):
            with open(f'/proc/{pid}/status') as status:
                return next(int(line.split()[1], 16) for line in status if line.startswith('SigBlk'))
        def ended(pid):
            # It blocks nothing, once it is the program, and SIGTERM ends it.
            deadline = time.monotonic() + 10
            while blocked(pid) and time.monotonic() < deadline:
                time.sleep(0.001)
            clean = not blocked(pid)
            os.kill(pid, signal.SIGTERM if clean else signal.SIGKILL)
            return os.waitpid(pid, 0)[1] == 15
        SLEEP = ['/bin/sleep', '60']
        def forked():
            pid = os.fork()
            if pid == 0:
                os.execv(SLEEP[0], SLEEP)
            return pid
        def in_thread():
            pids = []
            thread = threading.Thread(target=lambda: pids.append(subprocess.Popen(SLEEP).pid))
            thread.start()
            thread.join()
            return pids[0]
        ways = {
            'Popen': lambda: subprocess.Popen(SLEEP).pid,
            'session': lambda: subprocess.Popen(SLEEP, start_new_session=True).pid,
            'posix_spawn by Popen': lambda: subprocess.Popen(SLEEP, close_fds=False).pid,
            'posix_spawn': lambda: os.posix_spawn(SLEEP[0], SLEEP, {}),
            'posix_spawnp': lambda: os.posix_spawnp('sleep', ['sleep', '60'], os.environ),
            'fork': forked,
            'spawnv': lambda: os.spawnv(os.P_NOWAIT, SLEEP[0], SLEEP),
            'thread': in_thread,
            'spawnv_passfds': lambda: multiprocessing.util.spawnv_passfds(b'/bin/sleep', SLEEP, []),
        }
        result = [name for name, way in ways.items() if not ended(way())]
        result += [os.system('kill -TERM $$'), os.system('exit 3'), os.system(b'true'),
                   subprocess.run('echo out', shell=True, capture_output=True, text=True).stdout,
                   os.popen('echo popen').read()]",
    ))
    .config("WSGIApplicationGroup %{GLOBAL}")
    .start();
    assert_eq!(s.get("/").text(), r"[15, 768, 0, 'out\n', 'popen\n']");
}

/// A copy of the process, as `multiprocessing` makes it, that becomes no program.
#[test]
fn copies_can_be_ended() {
    only_ours!("copies of the original inherit what httpd's threads block");
    let s = serving(&answering(
        "
        import multiprocessing, os, signal, time
        copy = multiprocessing.get_context('fork').Process(target=time.sleep, args=(60,))
        copy.start()
        copy.terminate()
        copy.join()
        result = [copy.exitcode]
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
        os.kill(pid, signal.SIGUSR1)
        result.append(os.waitpid(pid, 0)[1] & 127)",
    ))
    .config("WSGIApplicationGroup %{GLOBAL}")
    .start();
    assert_eq!(s.get("/").text(), "[-15, 10]");
}

/// A program that a script starts while it is loaded.
#[test]
fn programs_of_the_load_can_be_ended() {
    only_ours!("programs of the original inherit what httpd's threads block");
    let s = serving(
        "
        import subprocess
        program = subprocess.Popen(['sleep', '60'])
        program.terminate()
        STATUS = program.wait()
        def application(environ, start_response):
            start_response('200 OK', [])
            return [str(STATUS).encode()]",
    )
    .start();
    assert_eq!(s.get("/").text(), "-15");
}

/// Built-in functions that are watched for the sake of others behave as built-in ones do: an attribute of a class is no method,
/// and whoever asks is told their name and what they take.
#[test]
fn functions_that_are_watched_are_like_others() {
    let s = serving(&answering(
        "
        import copy, faulthandler, inspect, os, pickle, signal, time
        class Signals:
            send, leave, run, spawn, zone = os.kill, os._exit, os.system, os.posix_spawn, time.tzset
            raised = signal.raise_signal
        watched = [os.kill, os.killpg, os._exit, os.abort, os.execv, os.execve, os.system, os.posix_spawn, time.tzset]
        result = [
            Signals().send(os.getpid(), 0),
            Signals.send is os.kill,
            Signals().run('exit 3') >> 8,
            Signals().zone(),
            [pickle.loads(pickle.dumps(f)) is f and copy.deepcopy(f) is f for f in watched].count(True),
            str(inspect.signature(os.kill)),
            os.kill.__name__, os.kill.__module__, os.kill.__qualname__, repr(os.kill),
            callable(os.kill) and 'Kill a process' in os.kill.__doc__,
        ]",
    ))
    .start();
    let expected = "[None, True, 3, None, 9, '(pid, signal, /)', 'kill', 'posix', 'kill', '<built-in function kill>', True]";
    assert_eq!(s.get("/").text(), expected);
}

fn setting_the_zone(statements: &str) -> Httpd {
    serving(&answering(&format!("import os, time\n{statements}\nresult = time.strftime('%Z')")))
}

/// The C library has one zone for a process: Apache's own times follow, and one line says whose doing it is.
#[test]
fn an_application_that_sets_the_time_zone_is_named() {
    only_ours!("the original says nothing");
    for statements in [
        "os.environ['TZ'] = 'Asia/Tokyo'\ntime.tzset()",
        "from time import tzset\nos.putenv('TZ', 'Asia/Tokyo')\ntzset()",
    ] {
        let s = setting_the_zone(statements);
        let s = match mode() {
            Mode::Embedded => s
                .expect_log(r"WSGI1062: WSGI script '.*/app.wsgi' has set the time zone to .* \(.*/app.wsgi:\d+\), which")
                .start(),
            Mode::Daemon => s.start(),
        };
        assert_eq!([s.get("/").text(), s.get("/").text()], ["JST", "JST"], "{statements}");
        assert_eq!(s.logged("WSGI1062: ").len(), by_mode(1, 0), "{statements}");
    }
}

/// The zone that the server has anyway, and other variables.
#[test]
fn a_time_zone_that_is_the_servers_is_not_spoken_of() {
    let s = setting_the_zone("os.environ['TZ'] = 'UTC'\ntime.tzset()\nos.environ['TZX'] = 'Asia/Tokyo'")
        .env("TZ", "UTC")
        .start();
    assert_eq!(s.get("/").text(), "UTC");
}
