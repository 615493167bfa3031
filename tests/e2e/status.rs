//! The status page: who may see it, what it counts, and that nothing that clients and applications write gets out of its place.

use std::process::Command;

use harness::poll::until;
use harness::*;
use serde_json::Value;

/// Where it is, for this machine only.
pub const STATUS: &str = "
    <Location /wsgi-status>
        SetHandler wsgi-status
        Require local
    </Location>
    ";

/// What the page has of a group.
#[track_caller]
pub fn group(s: &Server, name: &str) -> Value {
    let all = s.get("/wsgi-status?json");
    assert_eq!((all.status, all.header("Content-Type")), (200, Some("application/json")));
    let groups = all.json()["groups"].as_array().expect("groups").clone();
    groups.into_iter().find(|group| group["name"] == name).unwrap_or_else(|| panic!("{name}: {}", all.text()))
}

/// A sample of the metrics, as the parser of Prometheus reads them.
#[track_caller]
pub fn sample(s: &Server, name: &str, labels: &[(&str, &str)]) -> f64 {
    const PARSER: &str = "
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
wanted, labels = sys.argv[1], dict(json.loads(sys.argv[2]))
found = [
    sample.value
    for family in text_string_to_metric_families(sys.stdin.read())
    for sample in family.samples
    if sample.name == wanted and labels.items() <= sample.labels.items()
]
print(sum(found) if found else 'none')
";
    // As Prometheus asks that is told `params: openmetrics: [""]`.
    let answer = s.get("/wsgi-status?openmetrics=");
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!((answer.status, answer.header("Content-Type")), (200, Some(kind)));
    s.write_file("state/metrics", &answer.text());
    let output = Command::new(venv().join("bin/python3"))
        .args(["-c", PARSER, name, &serde_json::to_string(labels).expect("labels")])
        .stdin(std::fs::File::open(s.dir().join("state/metrics")).expect("what was written"))
        .output()
        .expect("python runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    text.trim().parse().unwrap_or_else(|_| panic!("{name} {labels:?}: {text}{errors}\n{}", answer.text()))
}

/// Requests of a group by the class of their status.
fn statuses(group: &Value) -> [u64; 3] {
    ["2xx", "4xx", "5xx"].map(|class| group["statuses"][class].as_u64().expect("a number"))
}

const APPLICATION: &str = "
    import os, time
    def application(environ, start_response):
        path = environ['PATH_INFO']
        if path.startswith('/held'):
            while not os.path.exists(os.environ['MOD_WSGI_TEST'] + '/go'):
                time.sleep(0.01)
        status = '404 Not Found' if path == '/missing' else '200 OK'
        start_response(status, [('Content-Type', 'text/plain')])
        return [b'x' * 100]
    ";

fn embedded() -> Httpd {
    httpd()
        .no_group()
        .children(4)
        .script("app.wsgi", APPLICATION)
        .config("WSGIScriptAlias /app {dir}/app.wsgi application-group=%{GLOBAL}")
        .config(STATUS)
}

#[test]
fn embedded_mode_is_counted_and_shown() {
    only_ours!("the original has no status page");
    skip_if!(mode() == Mode::Daemon, "about embedded mode");
    let s = embedded().start();
    for _ in 0..7 {
        assert_eq!(s.get("/app/x?secret=1").status, 200);
    }
    assert_eq!(s.get("/app/missing").status, 404);
    let counted = |wanted: [u64; 3]| {
        let name = format!("{wanted:?}");
        until(&name, || Some(group(&s, "%{GLOBAL}")).filter(|group| statuses(group) == wanted))
    };
    let all = counted([7, 1, 0]);
    assert_eq!((&all["arrived"], &all["ended"], &all["embedded"]), (&8.into(), &8.into(), &true.into()));
    for name in ["application_seconds", "request_seconds"] {
        assert_eq!(all[name]["count"], 8, "{name}");
    }
    assert_eq!(all["queue_seconds"]["count"], 0, "embedded mode has no queue");
    let children = all["processes"].as_array().expect("processes");
    assert!(children.iter().any(|child| child["phase"] == "serving"), "{all}");
    assert!(children.iter().all(|child| child["resident_bytes"].as_u64() > Some(1 << 20)), "{all}");
    let served: u64 = children.iter().filter_map(|child| child["requests"].as_u64()).sum();
    // Apache ends children that have nothing to do, and those are no longer listed.
    assert!((1..=8).contains(&served), "{all}");

    let request = s.request("GET", "/app/held/here?secret=2").header("Host", "shop.example");
    let mut held = s.raw(&request.bytes());
    let all = until("a request in progress", || {
        Some(group(&s, "%{GLOBAL}")).filter(|group| group["requests"][0]["uri"] == "/app/held/here")
    });
    let request = &all["requests"][0];
    assert_eq!((&request["method"], &request["phase"]), (&"GET".into(), &"in the application".into()));
    assert_eq!(request["client"], "127.0.0.1");
    assert!(!request.to_string().contains("secret"), "{request}");
    let busy =
        all["processes"].as_array().expect("processes").iter().find(|child| child["pid"] == request["pid"]);
    assert_eq!(busy.expect("the child")["threads_busy"], 1);
    s.write_file("go", "");
    assert_eq!(held.response().status, 200);
    counted([8, 1, 0]);

    s.graceful();
    assert_eq!(s.get("/app/x").status, 200);
    counted([9, 1, 0]);
    let total = sample(&s, "mod_wsgi_responses_total", &[("group", "%{GLOBAL}")]);
    assert!((total - 10.0).abs() < 0.1, "{total}");
}

#[test]
fn what_a_child_has_counted_outlasts_it() {
    only_ours!("the original has no status page");
    skip_if!(mode() == Mode::Daemon, "about embedded mode");
    let s = embedded().start();
    assert_eq!(s.get("/app/x").status, 200);
    let mut held = s.raw(&s.request("GET", "/app/held/lost").bytes());
    let child = until("a request in progress", || group(&s, "%{GLOBAL}")["requests"][0]["child"].as_u64());
    s.send(u32::try_from(child).expect("a pid"), 9);
    assert!(held.try_response().is_none());
    let all = until("the child has gone", || {
        Some(group(&s, "%{GLOBAL}")).filter(|group| group["requests"][0].is_null())
    });
    assert_eq!((&all["arrived"], &all["ended"]), (&2.into(), &1.into()), "{all}");
    let children = all["processes"].as_array().expect("processes");
    assert!(children.iter().all(|process| process["pid"] != child), "{all}");
    let total = sample(&s, "mod_wsgi_requests_arrived_total", &[("group", "%{GLOBAL}")]);
    assert!((total - 2.0).abs() < 0.1, "{total}");
}

#[test]
fn nobody_sees_it_where_it_is_not_configured() {
    only_ours!("the original has no status page");
    let s = embedded()
        .config("<Location /closed>\nSetHandler wsgi-status\nRequire ip 192.0.2.1\n</Location>")
        .expect_log("AH01630")
        .start();
    assert_eq!(s.get("/wsgi-statuses").status, 404);
    assert_eq!(s.get("/closed").status, 403);
    assert_eq!(s.get("/other").status, 404);
    assert_eq!(s.get("/wsgi-status?what").status, 404);
    assert_eq!(s.post("/wsgi-status", "x").status, 405);
    let head = s.request("HEAD", "/wsgi-status").send();
    assert_eq!((head.status, head.text()), (200, String::new()));
}

#[test]
fn what_clients_send_stays_text() {
    only_ours!("the original has no status page");
    let s = embedded().start();
    let target = "/app/held/<script>alert(1)</script>'%22\"&amp;";
    let request = s.request("GET", target).header("Host", "shop.example");
    let mut held = s.raw(&request.bytes());
    until("the request is shown", || {
        let all = s.get("/wsgi-status?json").text();
        all.contains("\\u003cscript\\u003ealert(1)").then_some(())
    });
    let page = s.get("/wsgi-status");
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("Cache-Control"), Some("no-store"));
    let policy = page.header("Content-Security-Policy").expect("a policy").to_owned();
    let text = page.text();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;&#39;"), "{text}");
    assert_eq!(text.matches("<script").count(), 1, "only its own");
    for elsewhere in ["http:", "https:", "://", "@import", "url(", "src="] {
        assert!(!text.contains(elsewhere), "the page needs '{elsewhere}'");
    }
    s.write_file("go", "");
    assert_eq!(held.response().status, 200);
}

#[test]
fn a_failed_start_is_shown_with_its_first_cause() {
    only_ours!("the original has no status page");
    let h = embedded().script("app.wsgi", "raise ValueError('<b>as it is meant to</b>')");
    let s = h
        .expect_traceback("ValueError: ")
        .expect_log("WSGI0110: |WSGI0109: ")
        .allow_log("WSGI10\\d\\d: ")
        .start();
    assert_eq!(s.get("/app/x").status, 503);
    let all = until("the event", || {
        Some(group(&s, "%{GLOBAL}")).filter(|group| group["events"][0]["message"].is_string())
    });
    let events = all["events"].as_array().expect("events");
    let cause = events.iter().find(|event| event["message"] == "WSGI0110" || event["message"] == "WSGI0109");
    assert!(cause.expect("the cause")["text"].as_str().expect("text").contains("app.wsgi"), "{all}");
    assert!(!s.get("/wsgi-status").text().contains("<b>"), "it is escaped");
}
