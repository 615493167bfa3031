//! The status page of process groups: counters that outlast processes, requests that are stuck, and processes that write nonsense.

use harness::poll::until;
use harness::*;
use serde_json::Value;

use crate::daemon::*;
use crate::status::{STATUS, group, sample};

/// Serves at once, when it is let go, or never; or writes into all memory that its process shares.
const APPLICATION: &str = r#"
    import ctypes, mmap
    note('load', 'v0')

    def spoil(kept):
        written = 0
        for name in os.listdir('/proc/self/fd'):
            try:
                if 'memfd:' in os.readlink('/proc/self/fd/' + name):
                    size = os.fstat(int(name)).st_size
                    with mmap.mmap(int(name), size) as memory:
                        for at in range(0, size - 4096, 4096):
                            if at >= kept:
                                memory[at:at + 4096] = (b'<script>\xff\x00"' * 400)[:4096]
                                written += 4096
            except (OSError, ValueError, PermissionError):
                pass
        return written

    def application(environ, start_response):
        path = environ['PATH_INFO']
        if path.startswith('/held'):
            wait_for('go')
        if path == '/gil':
            # PyDLL keeps the GIL while the function runs.
            ctypes.PyDLL(None).sleep(2)
        if path == '/spoil':
            # What children and the worker itself need to answer stays as it is.
            return answer(environ, start_response, 'written', spoil(4096 * 24))
        if path == '/ruin':
            note('ruined', spoil(0))
            return answer(environ, start_response, 'written', 0)
        if path == '/stream':
            start_response('200 OK', [])
            return (b'x' * 65536 for _ in range(1000))
        if path == '/die':
            os.kill(os.getpid(), 9)
        return answer(environ, start_response, 'v0', os.getpid())
    "#;

fn shown(options: &str) -> Httpd {
    defined(options, &script(APPLICATION)).config(STATUS)
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("a number: {value}"))
}

/// Waits until all requests of the group have ended, as the page says.
#[track_caller]
fn at_rest(s: &Server) -> Value {
    let is_at_rest = |group: &Value| {
        group["arrived"] == group["ended"] && group["requests"].as_array().is_some_and(Vec::is_empty)
    };
    until("all have ended", || Some(group(s, "g")).filter(is_at_rest))
}

#[test]
fn what_clients_sent_is_what_was_counted() {
    only_ours!("the original has no status page");
    let s = serving(shown("processes=2 threads=4"), 2);
    settled(&s, 2);
    let before = number(&at_rest(&s)["ended"]);
    let load = s.load(CLIENTS, "/app?");
    load.goes_on(20);
    let old = s.workers();
    s.send(old[0], 10);
    newest(&s, 3);
    load.goes_on(20);
    s.graceful();
    newest(&s, 5);
    load.goes_on(20);
    let summary = load.stop();
    summary.assert_none_lost();
    let all = at_rest(&s);
    let sent = summary.count() as u64 + summary.again() as u64;
    let counted = number(&all["ended"]) - before;
    assert!(
        counted == summary.count() as u64 || counted == sent,
        "{counted} of {} ({sent})",
        summary.count()
    );
    for name in ["queue_seconds", "application_seconds", "request_seconds"] {
        assert_eq!(number(&all[name]["count"]), number(&all["ended"]), "{name}: {all}");
    }
    let total = sample(&s, "mod_wsgi_queue_seconds_count", &[("group", "g")]);
    assert_eq!(total as u64, number(&all["ended"]));
    let processes = all["processes"].as_array().expect("processes");
    assert!(processes.iter().any(|process| number(&process["restarts"]) > 0), "{all}");
    let reasons: Vec<_> =
        processes.iter().map(|process| process["last_restart"]["reason"].to_string()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("Apache was restarted")), "{reasons:?}");
}

#[test]
fn counters_outlast_a_process_that_was_killed() {
    only_ours!("the original has no status page");
    let s = serving(shown("processes=1 threads=2").expect_log("WSGI1029: ").allow_log("WSGI0146: "), 1);
    settled(&s, 1);
    let before = number(&at_rest(&s)["ended"]);
    assert_eq!(s.get("/app/die").status, 502);
    newest(&s, 2);
    assert_eq!(s.get("/app?x").status, 200);
    let all = at_rest(&s);
    assert_eq!(number(&all["ended"]), before + 2);
    assert_eq!(number(&all["statuses"]["5xx"]), 1);
    let process = &all["processes"][0];
    assert_eq!((&process["place"], &process["restarts"]), (&1.into(), &1.into()), "{all}");
    assert!(process["last_restart"]["reason"].as_str().expect("a reason").contains("SIGKILL"), "{all}");
    assert!(process["resident_bytes"].as_u64() > Some(1 << 20));
    let event = &all["events"][0];
    assert_eq!(event["message"], "WSGI1029");
    assert!(
        event["text"].as_str().expect("text").contains("died unexpectedly: signal 9 (SIGKILL)"),
        "{event}"
    );
    let restarts = sample(&s, "mod_wsgi_process_restarts_total", &[("group", "g"), ("place", "1")]);
    assert_eq!(restarts as u64, 1);
}

#[test]
fn a_request_that_is_stuck_is_found_by_its_path() {
    only_ours!("the original has no status page");
    let s = serving(shown("processes=1 threads=1"), 1);
    let [pid] = settled(&s, 1)[..] else { panic!("one worker") };
    let hold = |name: &str| {
        let request = s.request("GET", &format!("/app/held/{name}?secret=2")).header("Host", "shop.example");
        s.raw(&request.bytes())
    };
    let find = |name: &str, phase: &str| {
        until(name, || {
            let group = group(&s, "g");
            let requests = group["requests"].as_array().expect("requests").clone();
            let uri = format!("/app/held/{name}");
            requests.into_iter().find(|request| request["uri"] == *uri && request["phase"] == *phase)
        })
    };
    let mut first = hold("first");
    let stuck = find("first", "in the application");
    assert_eq!((number(&stuck["pid"]), number(&stuck["thread"])), (u64::from(pid), 1), "{stuck}");
    assert_eq!(stuck["client"], "127.0.0.1");
    let mut second = hold("second");
    let waiting = find("second", "waiting for a thread");
    assert_eq!(waiting["thread"], Value::Null, "{waiting}");
    let all = group(&s, "g");
    assert_eq!(number(&all["waiting"]), 1);
    assert!(number(&all["waiting_longest"]) >= 1, "{all}");
    assert_eq!(number(&all["processes"][0]["threads_busy"]), 1);
    assert!(s.get("/wsgi-status").text().contains("/app/held/first"));
    // A client that does not send what it has said it would.
    let mut slow = s.raw(b"POST /app/held/body HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx");
    find("body", "reading the body");
    s.write_file("go", "");
    assert_eq!([first.response().status, second.response().status], [200, 200]);
    slow.send(&[b'x'; 99]);
    assert_eq!(slow.response().status, 200);
    let all = at_rest(&s);
    assert_eq!((number(&all["waiting"]), &all["requests"]), (0, &Value::Array(Vec::new())));
    assert!(all["queue_seconds"]["sum"].as_f64() > Some(0.0));
}

/// Nobody but the client is waited for: the application has more than it takes.
#[test]
fn an_answer_that_a_client_does_not_take_is_being_sent() {
    only_ours!("the original has no status page");
    let s = serving(shown("processes=1 threads=2"), 1);
    let mut slow = s.raw(&s.request("GET", "/app/stream").bytes());
    until("it is being sent", || {
        let group = group(&s, "g");
        let request =
            group["requests"].as_array()?.iter().find(|request| request["uri"] == "/app/stream")?.clone();
        (request["phase"] == "sending the answer").then_some(())
    });
    assert_eq!(slow.response().body.len(), 65_536_000);
    at_rest(&s);
}

/// As the log says it.
#[test]
fn the_start_of_a_process_is_shown() {
    only_ours!("the original has no status page");
    let s = serving(shown("processes=1 threads=2"), 1);
    let start = group(&s, "g")["processes"][0]["start"].clone();
    assert_eq!(start["applications"], 1);
    let line = s.logged("WSGI1011: ").pop().expect("the line about the start");
    for (name, words) in [
        ("seconds", "in ([0-9]+) ms"),
        ("import_seconds", "import ([0-9]+) ms"),
        ("python_seconds", "python ([0-9]+) ms"),
    ] {
        let told =
            regex_lite::Regex::new(words).unwrap().captures(&line).expect(words)[1].parse::<f64>().unwrap();
        let shown = start[name].as_f64().expect("a number") * 1e3;
        assert!((shown - told).abs() < 3.0, "{name}: {shown} ms in {start}, but {line}");
    }
    assert!(s.get("/wsgi-status").text().contains("(import "));
}

/// Without deadlock-timeout, too, and as long as there are requests.
#[test]
fn a_process_that_waits_for_the_gil_says_for_how_long() {
    only_ours!("the original has no status page");
    let s = serving(shown("processes=1 threads=3 deadlock-timeout=0"), 1);
    let [pid] = settled(&s, 1)[..] else { panic!("one worker") };
    let labels = [("group", "g"), ("pid", &*pid.to_string())];
    let wait = || sample(&s, "mod_wsgi_process_gil_wait_seconds", &labels);
    until("nobody waits in an idle process", || (wait() == 0.0).then_some(()));
    let mut held = s.raw(&s.request("GET", "/app/gil").bytes());
    until("a long wait", || (wait() > 0.5).then_some(()));
    let is_told = |text: &str| regex(r#"GIL wait" class="short (slow|bad)">[0-9.]+ m?s<"#).is_match(text);
    assert!(is_told(&s.get("/wsgi-status").text()));
    assert_eq!(held.response().status, 200);
    let mut other = s.raw(&s.request("GET", "/app/held/x").bytes());
    until("a short wait", || (wait() > 0.0 && wait() < 0.5).then_some(()));
    s.write_file("go", "");
    assert_eq!(other.response().status, 200);
    until("nobody waits", || (wait() == 0.0).then_some(()));
}

/// Also where Apache's children look before they send a request: its own group suffers at most, until Apache is restarted.
#[test]
fn a_process_that_writes_nonsense_everywhere_harms_its_own_group_at_most() {
    only_ours!("the original has no status page");
    let h = shown("processes=1 threads=2")
        .script("other.wsgi", &script("def application(environ, start_response):\n    return answer(environ, start_response, 'other', 1)\n"))
        .config("WSGIDaemonProcess h processes=1 threads=2")
        .config("WSGIScriptAlias /other {dir}/other.wsgi process-group=h application-group=%{GLOBAL}");
    let s = serving(h, 1);
    until("the other group", || (s.get("/other").status == 200).then_some(()));
    let supervisor = s.supervisors();
    let _ruin = s.raw(&s.request("GET", "/app/ruin").bytes());
    crate::starting::noted(&s, "ruined", 1);
    let mut more: Vec<_> = (0..4).map(|_| s.raw(&s.request("GET", "/app?x").bytes())).collect();
    for _ in 0..20 {
        let page = s.get("/wsgi-status");
        assert_eq!(page.status, 200);
        let text = page.text();
        assert!(text.len() < 200_000 && text.matches("<script").count() == 1, "{text}");
        let all = group(&s, "g");
        assert!(number(&all["arrived"]) >= 2 && number(&all["waiting_longest"]) < 10, "{all}");
        assert!(sample(&s, "mod_wsgi_requests_arrived_total", &[("group", "g")]) >= 2.0);
        assert_eq!((s.get("/other").status, s.get("/static.txt").status), (200, 200));
        assert_eq!(s.supervisors(), supervisor, "the supervisor takes no notice");
    }
    more.clear();
    s.graceful();
    until("the group serves again", || (s.get("/app?x").status == 200).then_some(()));
}

#[test]
fn a_process_that_writes_nonsense_spoils_its_own_numbers_at_most() {
    only_ours!("the original has no status page");
    let s = serving(shown("processes=1 threads=2"), 1);
    let supervisor = s.supervisors();
    let written = s.get("/app/spoil").text();
    let bytes: u64 = written.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    assert!(bytes > 1 << 20, "{written}");
    for _ in 0..3 {
        let page = s.get("/wsgi-status");
        assert_eq!(page.status, 200);
        let text = page.text();
        assert!(text.len() < 200_000, "{} bytes", text.len());
        assert_eq!(text.matches("<script").count(), 1, "{text}");
        assert!(number(&group(&s, "g")["arrived"]) >= 2);
        assert!(sample(&s, "mod_wsgi_requests_arrived_total", &[("group", "g")]) >= 2.0);
    }
    assert_eq!(s.supervisors(), supervisor, "the supervisor takes no notice");
}
