//! `mod-wsgi status`, `requests`, `stacks` and `profile`: what a running server says of itself, whatever its code is stuck in.

use std::io::{BufRead, BufReader};
use std::time::Instant;

use serde_json::Value;

use super::*;

/// Is stuck where the path says, until it is let go.
const STUCK: &str = "
    import ctypes, socket
    GO = HERE + '/state/go'
    LOCK = threading.Lock()
    LOCK.acquire()
    OURS, THEIRS = socket.socketpair()
    OURS.settimeout(0.1)

    def is_held():
        return not os.path.exists(GO)

    def in_a_lock():
        while is_held():
            LOCK.acquire(timeout=0.1)

    def in_a_socket():
        while is_held():
            try:
                OURS.recv(1)
            except TimeoutError:
                pass

    def with_the_gil():
        # PyDLL keeps the GIL while the function runs: open() of a FIFO, until somebody writes there.
        ctypes.PyDLL(None).open((HERE + '/state/fifo').encode(), os.O_RDONLY)

    def in_the_body(environ):
        return environ['wsgi.input'].read()

    def spinning():
        end = time.monotonic() + 0.001
        while time.monotonic() < end:
            pass

    def application(environ, start_response):
        secret = 'the value of a variable'
        path = environ['PATH_INFO']
        if path == '/lock':
            in_a_lock()
        if path == '/socket':
            in_a_socket()
        if path == '/gil':
            with_the_gil()
        if path == '/body':
            in_the_body(environ)
        if path == '/spin':
            while is_held():
                spinning()
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [str(os.getpid()).encode()]
    ";

pub fn stuck() -> Httpd {
    let prelude = "import os, sys, threading, time\nHERE = os.path.dirname(os.path.abspath(__file__))\n";
    httpd()
        .children(4)
        .script("app.wsgi", &(prelude.to_owned() + &text::dedent(STUCK)))
        .config("WSGIScriptAlias /app {dir}/app.wsgi application-group=%{GLOBAL}")
        .config("WSGIScriptAlias /sub {dir}/app.wsgi application-group=other")
}

/// The group of these tests.
fn group() -> &'static str {
    if mode() == Mode::Daemon { GROUP } else { "%{GLOBAL}" }
}

/// What the command says about this server.
#[track_caller]
pub fn asked(s: &Server, words: &[&str]) -> (Option<i32>, String, String) {
    answer(command().args(words).arg("--socket-directory").arg(s.dir().join("run")))
}

#[track_caller]
fn json(s: &Server, words: &[&str]) -> Value {
    let (status, out, errors) = asked(s, &[words, &["--json"]].concat());
    assert_eq!(status, Some(0), "{errors}");
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("JSON: {out}"))
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("{name}: {value}"))
}

/// Waits until a request is where it is expected; answers what its process says, and the names of the functions that its thread is in.
#[track_caller]
fn found(s: &Server, uri: &str, is_there: impl Fn(&Value, &[&str]) -> bool) -> Value {
    until(&format!("{uri} where it is stuck"), || {
        let begun = Instant::now();
        let all = json(s, &["stacks"]);
        assert_within(begun, 2.0, "the answer");
        all.as_array().expect("processes").iter().find_map(|process| {
            let request = list(process, "requests").iter().find(|request| request["uri"] == uri)?;
            let stack = list(process, "stacks").iter().find(|stack| stack["thread"] == request["thread"]);
            let frames = stack.map_or(&[][..], |stack| list(stack, "frames"));
            let names: Vec<&str> = frames.iter().filter_map(|frame| frame["function"].as_str()).collect();
            is_there(process, &names).then(|| process.clone())
        })
    })
}

fn let_go(s: &Server) {
    s.write_file("state/go", "");
}

#[test]
fn a_request_that_is_stuck_in_python_is_found() {
    only_ours!("the original has no such command");
    let s = stuck().start();
    let mut waiting: Vec<_> =
        ["/app/lock", "/sub/lock", "/app/socket"].map(|path| s.raw(&s.request("GET", path).bytes())).into();
    let lock = found(&s, "/app/lock", |_, names| names.ends_with(&["application", "in_a_lock"]));
    assert_eq!(lock["stacks_unknown"], Value::Null);
    let request = list(&lock, "requests").iter().find(|request| request["uri"] == "/app/lock").expect("it");
    assert!(request["age"].as_f64().expect("an age") > 0.0 && request["method"] == "GET", "{request}");
    let is_listed = list(&lock, "threads")
        .iter()
        .any(|task| task["thread"] == request["thread"] && task["state"] == "sleeping");
    assert!(is_listed, "{lock}");
    let sub = found(&s, "/sub/lock", |_, names| names.ends_with(&["application", "in_a_lock"]));
    let mut stacks = list(&sub, "stacks").iter();
    assert!(stacks.any(|stack| stack["interpreter"] == "other"), "{sub}");
    found(&s, "/app/socket", |_, names| names.ends_with(&["application", "in_a_socket"]));

    let (status, text, _) = asked(&s, &["stacks", group()]);
    assert_eq!(status, Some(0));
    assert!(text.contains("GET /app/lock for ") && text.contains(", in the application, id "), "{text}");
    assert!(
        text.contains("in_a_lock (") && text.contains("app.wsgi:") && !text.contains("the value of"),
        "{text}"
    );
    let pid = lock["pid"].to_string();
    let (_, one, _) = asked(&s, &["stacks", &pid]);
    assert!(one.starts_with(&format!("Process {pid} of group {}: ", group())), "{one}");
    assert_eq!(one.matches("Process ").count(), 1, "{one}");

    let (_, requests, _) = asked(&s, &["requests"]);
    assert!(requests.lines().nth(1).expect("a request").contains("/lock"), "the slowest first: {requests}");
    let all = json(&s, &["requests"]);
    let requests = all.as_array().expect("requests");
    assert_eq!(requests.len(), 3, "{all}");
    assert!(
        requests
            .iter()
            .all(|request| request["group"] == group() && request["phase"] == "in the application")
    );
    let state = json(&s, &["status"]);
    assert!(list(&state, "groups").iter().any(|shown| shown["name"] == group()), "{state}");
    let (_, text, _) = asked(&s, &["status"]);
    assert!(text.contains("3 in progress") && text.contains("GET /app/socket"), "{text}");
    let_go(&s);
    waiting.iter_mut().for_each(|connection| assert_eq!(connection.response().status, 200));
}

/// How long the threads of a process wait for the GIL, seconds, as `status` says it.
#[track_caller]
fn gil_wait(s: &Server, pid: u64) -> f64 {
    let state = json(s, &["status"]);
    let mut processes = list(&state, "groups").iter().flat_map(|group| list(group, "processes"));
    let process = processes.find(|process| process["pid"] == pid);
    process.and_then(|process| process["gil_wait_seconds"].as_f64()).unwrap_or_else(|| panic!("{state}"))
}

fn with_fifo() -> (Server, PathBuf) {
    let h = stuck();
    let fifo = h.dir().join("state/fifo");
    assert!(Command::new("mkfifo").args(["-m", "666"]).arg(&fifo).status().expect("mkfifo").success());
    (h.start(), fifo)
}

/// The stack of a request is found though nobody else gets the GIL.
#[test]
fn a_request_that_holds_the_gil_is_found() {
    only_ours!("the original has no such command");
    let (s, fifo) = with_fifo();
    let mut waiting = s.raw(&s.request("GET", "/app/gil").bytes());
    let process = found(&s, "/app/gil", |process, names| {
        process["stacks_note"].is_string() && names.ends_with(&["application", "with_the_gil"])
    });
    let note = process["stacks_note"].as_str().expect("a text");
    assert!(note.contains("holds the GIL") && process["stacks_unknown"].is_null(), "{process}");
    assert!(list(&process, "threads").len() > 3, "{process}");
    let stacks = list(&process, "stacks").iter().flat_map(|stack| list(stack, "frames"));
    let place = stacks.clone().find(|frame| frame["function"] == "with_the_gil").expect("it");
    let script = s.read_file("app.wsgi");
    let line = script.lines().nth(place["line"].as_u64().expect("a line") as usize - 1).expect("a line");
    assert!(line.contains("PyDLL(None).open"), "{line}");
    let (_, text, _) = asked(&s, &["stacks", &process["pid"].to_string()]);
    assert!(
        text.contains("GET /app/gil for ")
            && text.contains("    with_the_gil (")
            && text.contains("Threads, as the system sees them:"),
        "{text}"
    );
    until("an answer within a second", || {
        let begun = Instant::now();
        asked(&s, &["stacks", &process["pid"].to_string()]);
        (begun.elapsed().as_secs_f64() < 1.0).then_some(())
    });
    let (status, _, errors) =
        asked(&s, &["profile", &process["pid"].to_string(), "--seconds", "1", "-o", "/dev/null.svg"]);
    assert_eq!(status, Some(1));
    assert!(errors.contains("holds the GIL and does not release it"), "{errors}");
    let pid = process["pid"].as_u64().expect("a pid");
    until("a long wait for the GIL", || (gil_wait(&s, pid) > 0.5).then_some(()));
    let (_, text, _) = asked(&s, &["status"]);
    let row = text.lines().find(|line| line.trim_start().starts_with(&pid.to_string())).expect("the process");
    assert!(text.contains("GIL wait") && regex(r"[0-9] of [0-9]+ +[0-9.]+ m?s ").is_match(row), "{text}");
    File::options().write(true).open(&fifo).expect("somebody reads");
    assert_eq!(waiting.response().status, 200);
    found(&s, "/app/lock", {
        waiting = s.raw(&s.request("GET", "/app/lock").bytes());
        |_, names| names.ends_with(&["in_a_lock"])
    });
    until("a short wait for the GIL", || (0.0..0.5).contains(&gil_wait(&s, pid)).then_some(()));
    let_go(&s);
    assert_eq!(waiting.response().status, 200);
}

/// So it is in another interpreter than the main one, and nothing of the copy that has shown it is left.
#[test]
fn whoever_holds_the_gil_is_found_in_every_interpreter() {
    only_ours!("the original has no such command");
    let (s, fifo) = with_fifo();
    let mut waiting = s.raw(&s.request("GET", "/sub/gil").bytes());
    let process = found(&s, "/sub/gil", |_, names| names.ends_with(&["application", "with_the_gil"]));
    let stack = list(&process, "stacks")
        .iter()
        .find(|stack| list(stack, "frames").iter().any(|frame| frame["function"] == "with_the_gil"));
    assert_eq!(stack.expect("a stack")["interpreter"], "other", "{process}");
    let threads = fs::read_dir(format!("/proc/{}/task", process["pid"])).expect("threads").flatten();
    let left: String =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok()).collect();
    assert_eq!(left, "", "children of the process");
    File::options().write(true).open(&fifo).expect("somebody reads");
    assert_eq!(waiting.response().status, 200);
}

#[test]
fn a_request_that_waits_for_its_body_is_found() {
    only_ours!("the original has no such command");
    let s = stuck().start();
    let head = "POST /app/body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n";
    let mut waiting = s.raw(head.as_bytes());
    waiting.send(&vec![b'x'; 1_500_000]);
    let is_known = || {
        let all = json(&s, &["requests"]);
        all.as_array()
            .expect("requests")
            .iter()
            .any(|request| request["uri"] == "/app/body" && request["phase"] == "reading the body")
    };
    until("the request", || is_known().then_some(()));
    if mode() == Mode::Embedded {
        found(&s, "/app/body", |_, names| names.ends_with(&["application", "in_the_body"]));
    }
    waiting.send(&vec![b'x'; 1_500_000]);
    assert_eq!(waiting.response().status, 200);
}

/// A thread of its group has a request once as much of its body has come as is kept for it.
#[test]
fn a_request_that_no_thread_has_yet_is_found() {
    only_ours!("the original has no such command");
    skip_if!(mode() == Mode::Embedded, "a thread has each request");
    let s = stuck().start();
    assert_eq!(s.get("/app/x").status, 200);
    let head = "POST /app/body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n0123456789";
    let mut waiting = s.raw(head.as_bytes());
    let title = format!("Group {}: 1 request that no thread has yet\n\n  POST /app/body for ", group());
    until("the request", || {
        let (status, text, errors) = asked(&s, &["stacks", group()]);
        assert_eq!(status, Some(0), "{errors}");
        (text.contains(&title) && text.contains(", reading the body, id ")).then_some(())
    });
    waiting.send(b"0123456789");
    assert_eq!(waiting.response().status, 200);
    let (_, text, _) = asked(&s, &["stacks", group()]);
    assert!(!text.contains("no thread has yet"), "{text}");
}

#[test]
fn a_profile_has_the_function_that_computes() {
    only_ours!("the original has no such command");
    let s = stuck().start();
    let mut waiting =
        [s.raw(&s.request("GET", "/app/spin").bytes()), s.raw(&s.request("GET", "/sub/spin").bytes())];
    found(&s, "/app/spin", |_, names| names.contains(&"application"));
    found(&s, "/sub/spin", |_, names| names.contains(&"application"));
    let (svg, scope) = (s.dir().join("state/flame.svg"), s.dir().join("state/scope.json"));
    let to = |file: &PathBuf| file.to_str().expect("a path").to_owned();
    // Where other programs want all processors, both may not have run within one second.
    until("a flame graph with what both compute", || {
        let (status, text, errors) = asked(&s, &["profile", group(), "--seconds", "1", "-o", &to(&svg)]);
        assert_eq!(status, Some(0), "{errors}");
        assert!(text.contains(" samples of "), "{text}");
        let svg = fs::read_to_string(&svg).expect("a flame graph");
        assert!(svg.starts_with("<?xml"), "{svg}");
        (svg.contains("spinning (") && svg.contains("sub-interpreter other")).then_some(())
    });
    let scope = until("a file for speedscope with what computes", || {
        let (status, _, errors) =
            asked(&s, &["profile", group(), "--seconds", "1", "--rate", "50", "-o", &to(&scope)]);
        assert_eq!(status, Some(0), "{errors}");
        let scope: Value = serde_json::from_str(&fs::read_to_string(&scope).expect("a file")).expect("JSON");
        let is_there = list(&scope["shared"], "frames").iter().any(|frame| frame["name"] == "spinning");
        is_there.then_some(scope)
    });
    assert_eq!(scope["$schema"], "https://www.speedscope.app/file-format-schema.json");
    let frames = list(&scope["shared"], "frames");
    for profile in list(&scope, "profiles") {
        assert_eq!(profile["type"], "sampled");
        assert_eq!(list(profile, "samples").len(), list(profile, "weights").len());
        let indices = list(profile, "samples").iter().flat_map(|sample| sample.as_array().expect("a stack"));
        assert!(indices.into_iter().all(|at| at.as_u64().expect("an index") < frames.len() as u64));
    }
    let_go(&s);
    waiting.iter_mut().for_each(|connection| assert_eq!(connection.response().status, 200));
    let (status, _, errors) = asked(&s, &["profile", group(), "-o", "flame.txt"]);
    assert!(status == Some(2) && errors.contains("ends neither in .svg"), "{errors}");
    let (status, _, errors) = asked(&s, &["profile", "nobody", "-o", "flame.svg"]);
    assert!(
        status == Some(2) && errors.contains("there is no group and no process nobody; groups are "),
        "{errors}"
    );
}

#[test]
fn it_is_shown_again_each_second() {
    only_ours!("the original has no such command");
    let s = stuck().start();
    assert_eq!(s.get("/app/x").status, 200);
    let mut watch = command();
    watch.args(["status", "--watch", "--socket-directory"]).arg(s.dir().join("run")).stdout(Stdio::piped());
    let mut watch = watch.spawn().expect("mod-wsgi runs");
    let lines = BufReader::new(watch.stdout.take().expect("its output")).lines();
    let shown = lines.map_while(Result::ok).filter(|line| line.contains("mod_wsgi 0.")).take(2).count();
    harness::signal(watch.id(), libc::SIGINT);
    watch.wait().expect("it ends");
    assert_eq!(shown, 2);
}
