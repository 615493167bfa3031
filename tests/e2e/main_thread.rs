//! The thread that loads a script is the main thread of its interpreter, for everything that asks: so what makes an
//! event loop at import works as below a development server, in the main interpreter and in others, when the process
//! starts and on a first request.

use harness::*;

const GROUPS: [&str; 2] = ["%{GLOBAL}", "sub"];
const PRELOAD: [&str; 2] = ["on", "off"];

/// Says which thread loaded the script, and what the script made there.
const ANSWER: &str = "
import json, os, threading
HERE = threading.current_thread()
LOADED = {'main': HERE is threading.main_thread(), 'name': HERE.name, 'ident': HERE.ident, 'native': HERE.native_id}

def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'application/json')])
    own = threading.current_thread() is threading.main_thread()
    return [json.dumps({'loaded': LOADED, 'made': MADE, 'request_on_main': own, 'pid': os.getpid()}).encode()]
";

fn script(text: &str) -> String {
    text::dedent(text) + ANSWER
}

fn site(script_text: &str, group: &str, preload: &str) -> Httpd {
    httpd().file("app.wsgi", script(script_text)).config(&format!(
        "WSGIScriptAlias / {{dir}}/app.wsgi process-group=%{{GLOBAL}} application-group={group} preload={preload}"
    ))
}

/// Asks the application; what it made is the answer.
#[track_caller]
fn made(s: &Server, target: &str) -> serde_json::Value {
    let r = s.get(target);
    assert_eq!(r.status, 200, "{target}: {}", r.text());
    let r = r.json();
    assert_eq!(r["loaded"]["main"], true, "{target}: {r}");
    assert_eq!(r["loaded"]["name"], "MainThread", "{target}: {r}");
    assert_eq!(r["request_on_main"], false, "{target}: {r}");
    r
}

const EVENT_LOOP: &str = "
    import asyncio
    loop = asyncio.get_event_loop()
    MADE = [loop.run_until_complete(asyncio.sleep(0, 'slept')), asyncio.get_event_loop() is loop]";

#[test]
fn event_loop() {
    needs!("WSGIPreload");
    for group in GROUPS {
        for preload in PRELOAD {
            let s = site(EVENT_LOOP, group, preload).start();
            let first = made(&s, "/");
            assert_eq!(first["made"], serde_json::json!(["slept", true]), "{group}, preload={preload}");
            // Loaded anew it finds the same thread, so the same loop.
            s.touch("app.wsgi");
            let again = made(&s, "/");
            assert_eq!(again["made"], first["made"], "{group}, preload={preload}, loaded anew");
            assert_eq!(again["pid"], first["pid"]);
        }
    }
}

/// Several interpreters of one process, each with its own idea of the one main thread.
#[test]
fn event_loops_side_by_side() {
    needs!("WSGIPreload");
    for preload in PRELOAD {
        let mut httpd = httpd().config(&format!("WSGIPreload {preload}"));
        for (name, group) in [("one", "one"), ("two", "two"), ("main", "%{GLOBAL}"), ("late", "late")] {
            httpd = httpd.file(&format!("{name}.wsgi"), script(EVENT_LOOP)).config(&format!(
                "WSGIScriptAlias /{name} {{dir}}/{name}.wsgi process-group=%{{GLOBAL}} application-group={group}"
            ));
        }
        let s = httpd.start();
        let all: Vec<_> = ["one", "two", "main", "late"].map(|name| made(&s, &format!("/{name}"))).into();
        assert!(all.iter().all(|r| r["pid"] == all[0]["pid"]), "one process");
        assert!(all.iter().all(|r| r["made"][0] == "slept"), "{all:?}");
    }
}

/// A script that failed first finds the main thread too when it is tried again.
#[test]
fn event_loop_at_the_second_attempt() {
    needs!("WSGIPreload");
    for group in GROUPS {
        let check = "
            import os
            if os.path.exists(os.path.dirname(__file__) + '/state/broken'): raise ValueError('boom')";
        let text = text::dedent(check) + &text::dedent(EVENT_LOOP);
        let s = site(&text, group, "off")
            .file("state/broken", "")
            .expect_log("WSGI0109: .*raised ValueError")
            .expect_traceback("ValueError: boom")
            .allow_log("WSGI1015")
            .start();
        assert_eq!(s.get("/").status, 503);
        std::fs::remove_file(s.dir().join("state/broken")).expect("state");
        poll::until("the application to heal", || (s.get("/").status == 200).then_some(()));
        assert_eq!(made(&s, "/")["made"][0], "slept", "{group}");
    }
}

/// Packages that choose their event loop when they are imported (cryptography comes with daphne and allows one
/// interpreter, so each place has a server of its own).
#[test]
fn twisted_and_daphne() {
    needs!("WSGIPreload");
    for group in GROUPS {
        for preload in PRELOAD {
            let text = "
                from twisted.internet import asyncioreactor
                asyncioreactor.install()
                import daphne.server
                from twisted.internet import reactor
                MADE = [type(reactor).__name__, type(daphne.server.twisted_loop).__name__]";
            let s = site(text, group, preload).start();
            let reactor = made(&s, "/")["made"][0].clone();
            assert_eq!(reactor, "AsyncioSelectorReactor", "{group}, preload={preload}");
        }
    }
}

/// daphne alone, which installs the reactor itself.
#[test]
fn daphne() {
    needs!("WSGIPreload");
    for group in GROUPS {
        let text = "
            import daphne.server
            from twisted.internet import reactor
            MADE = [type(reactor).__name__]";
        let s = site(text, group, "on").start();
        assert_eq!(made(&s, "/")["made"][0], "AsyncioSelectorReactor", "{group}");
    }
}

/// Signals reach the main interpreter's main thread only, and that is the one that loads scripts there.
#[test]
fn signals_in_the_main_interpreter() {
    needs!("WSGIPreload");
    for preload in PRELOAD {
        let text = "
            import asyncio, signal
            loop = asyncio.new_event_loop()
            loop.add_signal_handler(signal.SIGALRM, print)
            loop.close()
            signal.set_wakeup_fd(-1)
            MADE = []";
        let s = site(text, "%{GLOBAL}", preload).allow_traceback().start();
        made(&s, "/");
    }
}

/// An attempt that failed leaves an interpreter behind. On Python 3.11 asyncio has one state for all interpreters, which
/// goes with any of them that is ended: others must not notice.
#[test]
fn event_loops_of_others_survive_a_failed_start() {
    needs!("WSGIPreload");
    for group in ["%{GLOBAL}", "other"] {
        let runs = "
            import asyncio
            async def work():
                await asyncio.sleep(0)
                return 'done'
            MADE = [asyncio.run(work())]";
        // Each request runs a loop of its own.
        let answer = ANSWER.replace("'made': MADE", "'made': [asyncio.run(work())]");
        let failing = "
            import asyncio, os
            asyncio.run(asyncio.sleep(0))
            MADE = []
            if os.path.exists(os.path.dirname(__file__) + '/state/broken'): raise ValueError('boom')";
        let s = httpd()
            .file("fails.wsgi", script(failing))
            .file("runs.wsgi", text::dedent(runs) + &answer)
            .file("state/broken", "")
            .config(&format!(
                "WSGIPreload Off
                WSGIScriptAlias /fails {{dir}}/fails.wsgi application-group=fails
                WSGIScriptAlias /runs {{dir}}/runs.wsgi application-group={group}"
            ))
            .expect_log("WSGI0109: .*fails[.]wsgi' raised ValueError")
            .expect_traceback("ValueError: boom")
            .allow_log("WSGI1015")
            .start();
        assert_eq!(s.get("/fails").status, 503);
        assert_eq!(made(&s, "/runs")["made"][0], "done");
        std::fs::remove_file(s.dir().join("state/broken")).expect("state");
        poll::until("the application to heal", || (s.get("/fails").status == 200).then_some(()));
        assert_eq!(made(&s, "/runs")["made"][0], "done", "{group}");
    }
}
