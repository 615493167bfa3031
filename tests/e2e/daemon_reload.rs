//! What counts as new code: the script, modules that it imports, what the script itself says; and when nothing does.

use std::time::Duration;

use harness::*;

use crate::daemon::*;
use crate::starting::notes;

/// A script that answers with its own version and that of a module it imports.
fn importing(version: &str) -> String {
    script(&format!(
        "
        import part
        time.sleep(0.5)
        note('load', '{version}')
        def application(environ, start_response):
            return answer(environ, start_response, '{version}', os.getpid(), part.VERSION)"
    ))
}

fn site(options: &str) -> Server {
    let h = group(&format!("python-path={{dir}}/lib {options}"), &importing("v0"));
    serving(h.file("lib/part.py", "VERSION = 'p0'\n"), 2)
}

/// A new module serves while clients ask.
#[test]
fn modules_that_a_script_imports() {
    only_ours!("the original looks at scripts only");
    let s = site("reload=imports");
    let load = load(&s);
    let old = loaded(&s);
    for n in 1..=2 {
        s.replace_file("lib/part.py", &format!("VERSION = 'p{n}'\n"));
        load.settled(&format!("p{n} serves"), |a| a.body.contains(&format!(" p{n} ")));
    }
    s.replace_file("app.wsgi", &importing("v1"));
    load.settled("the new script serves", |a| a.body.starts_with("v1 ") && a.body.contains(" p2 "));
    let summary = load.stop();
    println!("{summary}");
    summary.assert_none_lost();
    told(&s, old[0], "import_reload|part.py");
    settled(&s, 2);
}

/// A module that does not compile is like a script that does not.
#[test]
fn a_module_that_is_broken_and_mended() {
    only_ours!("the original looks at scripts only");
    let h = group("python-path={dir}/lib reload=imports", &importing("v0"))
        .expect_log(r"WSGI1031: new process \(pid [0-9]+\)")
        .expect_traceback("SyntaxError");
    let s = serving(h.file("lib/part.py", "VERSION = 'p0'\n"), 2);
    let load = load(&s);
    s.replace_file("lib/part.py", "VERSION = (\n");
    s.wait_log("SyntaxError");
    load.goes_on(10);
    assert!(load.latest().iter().all(|a| a.body.contains(" p0 ")), "{:?}", load.latest());
    s.replace_file("lib/part.py", "VERSION = 'p1'\n");
    load.settled("p1 serves", |a| a.body.contains(" p1 "));
    load.stop().assert_none_lost();
}

/// Asks for a while, and finds that nothing was loaded again.
#[track_caller]
fn assert_stays(s: &Server, body: &str) {
    let before = notes(s, "load").len();
    let changed = poll::within(Duration::from_millis(1500), || {
        let r = s.get("/app?x");
        assert_eq!(r.status, 200);
        (!r.text().starts_with(body) || notes(s, "load").len() != before).then_some(r.text())
    });
    assert_eq!(changed, None);
}

/// A script counts and a module does not, unless more is asked for.
#[test]
fn scripts_only() {
    let s = site("");
    s.replace_file("lib/part.py", "VERSION = 'p1'\n");
    assert_stays(&s, "v0 ");
    assert!(s.get("/app?x").text().contains(" p0 "));
}

#[test]
fn reload_off() {
    only_ours!("the original has WSGIScriptReloading for it");
    let s = site("reload=off");
    s.replace_file("lib/part.py", "VERSION = 'p1'\n");
    s.replace_file("app.wsgi", &importing("v1"));
    assert_stays(&s, "v0 ");
}

#[test]
fn script_reloading_off() {
    let h = group("python-path={dir}/lib", &importing("v0")).config("WSGIScriptReloading Off");
    let s = serving(h.file("lib/part.py", "VERSION = 'p0'\n"), 2);
    s.replace_file("app.wsgi", &importing("v1"));
    assert_stays(&s, "v0 ");
}

/// The script says itself when it is old.
#[test]
fn reload_required() {
    let s = serving(
        group(
            "",
            &script(
                "
                note('load', 'v0')
                BORN_FRESH = exists('stale')
                def reload_required(path):
                    return exists('stale') and not BORN_FRESH
                def application(environ, start_response):
                    return answer(environ, start_response, 'v0', os.getpid())",
            ),
        ),
        2,
    );
    let old = loaded(&s);
    let load = load(&s);
    s.write_file("stale", "");
    others_serve(&load, &old);
    let summary = load.stop();
    println!("{summary}");
    summary.assert_none_lost();
    gone(&old);
    told(&s, old[0], "script_reload|reload_required");
}

/// One that raises means no, and says so.
#[test]
fn reload_required_that_raises() {
    let s = serving(
        group(
            "",
            &script(
                "
                note('load', 'v0')
                def reload_required(path):
                    raise ValueError('cannot tell')
                def application(environ, start_response):
                    return answer(environ, start_response, 'v0', os.getpid())",
            ),
        )
        .expect_traceback("ValueError: cannot tell")
        .expect_log(r"WSGI0109: reload_required\(\) of '.*app.wsgi' raised an exception"),
        2,
    );
    assert_stays(&s, "v0 ");
}

/// One that is never content: each request may have processes replaced, and is answered all the same.
#[test]
fn reload_required_for_ever() {
    only_ours!("the original knows no reload-wait=");
    let body = "
        note('load', 'v0')
        def reload_required(path):
            return True
        def application(environ, start_response):
            return answer(environ, start_response, 'v0', os.getpid())";
    // Successors are always in time.
    let s = serving(defined("processes=1 threads=2 reload-wait=20", &script(body)), 1);
    let before = notes(&s, "load").len();
    for _ in 0..3 {
        assert_eq!(s.get("/app?x").status, 200);
    }
    let loads = notes(&s, "load").len() - before;
    assert!((1..=7).contains(&loads), "{loads} processes for three requests");
}

/// Says to the supervisor what it likes, in whatever way there is: that it has imported files without end.
const TALKER: &str = "
    import socket, struct
    note('load', 'v0')
    ROOM = 256 << 10

    def memory():
        with open('/proc/self/maps') as maps:
            return next((int(line.split('-')[0], 16) for line in maps if 'memfd:wsgi voice' in line), None)

    def through_memory(start, message):
        with open('/proc/self/mem', 'r+b', buffering=0) as memory:
            def at(place, layout, *value):
                memory.seek(start + place)
                if value:
                    return memory.write(struct.pack(layout, *value))
                return struct.unpack(layout, memory.read(struct.calcsize(layout)))[0]
            written = at(0, '<Q')
            while written - at(8, '<Q') > ROOM // 2:
                time.sleep(0.001)
            whole = struct.pack('<I', len(message)) + message
            place = written % ROOM
            at(16 + place, '%ds' % len(whole[:ROOM - place]), whole[:ROOM - place])
            at(16, '%ds' % len(whole[ROOM - place:]), whole[ROOM - place:])
            at(0, '<Q', written + 4 + len(message))
        os.write(11, (1).to_bytes(8, 'little'))

    def say(message):
        start = memory()
        if start is not None:
            return through_memory(start, message)
        socket.socket(fileno=os.dup(5)).send(message)

    def application(environ, start_response):
        if environ['QUERY_STRING'] == 'talk':
            for number in range(300):
                names = [b'/no/such/%d/%d/%s' % (number, other, b'x' * 200 * (other % 2 * 15)) for other in range(20)]
                say(b'\\x05' + b'\\0'.join(names))
            say(b'\\x05' + b'/etc/passwd\\0/root/x\\0/proc/1/x')
        return answer(environ, start_response, 'v0', os.getpid())
    ";

/// Whoever watches does it as the user that it is: the supervisor, which is root, keeps nothing of what it is told, and looks
/// nowhere.
#[test]
fn the_supervisor_watches_nothing() {
    only_ours!("the original looks at scripts only");
    let s = serving(group("reload=imports", &script(TALKER)), 2);
    let supervisor = s.supervisors()[0];
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{supervisor}/status")).expect("status");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("RssAnon");
        line.split_whitespace().next().and_then(|n| n.parse::<usize>().ok()).expect("a number")
    };
    let before = memory();
    assert_eq!(s.get("/app?talk").status, 200);
    let grown = memory().saturating_sub(before);
    assert!(grown < 4096, "{grown} KiB");
    let watches =
        |pid: u32| daemon::descriptors(pid).iter().any(|(_, file)| file.ends_with("anon_inode:inotify"));
    assert!(!watches(supervisor));
    let workers = s.workers();
    assert!(workers.iter().all(|pid| watches(*pid)), "{workers:?}");
    let begun = std::time::Instant::now();
    s.send(workers[0], libc::SIGUSR1);
    told(&s, workers[0], "graceful_signal");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
