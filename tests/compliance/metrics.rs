//! What applications may ask of the server: metrics of requests, of the process, and httpd's scoreboard.

use harness::*;
use serde_json::Value;

use crate::serving;

/// Answers with what the function of the path's name returns; `/work` does something that is measured.
const APP: &str = "
import json, mod_wsgi, time

def application(environ, start_response):
    name = environ['PATH_INFO'].strip('/')
    result = None
    if name == 'fail':
        raise ValueError('as it should')
    if name == 'missing':
        start_response('404 Not Found', [])
        return [b'x' * 100]
    if name == 'sleep':
        time.sleep(float(environ['QUERY_STRING']))
    elif name == 'length':
        result = len(environ['wsgi.input'].read())
    elif name:
        result = getattr(mod_wsgi, name)()
    start_response('200 OK', [])
    return [json.dumps(result).encode()]
";

fn site() -> Httpd {
    serving(APP).group("threads=4")
}

#[track_caller]
fn ask(s: &Server, name: &str) -> Value {
    let r = s.get(&format!("/{name}"));
    assert_eq!(r.status, 200, "{name}: {}", r.text());
    r.json()
}

/// The keys of an object whose values are of a kind.
fn keys(of: &Value, is: impl Fn(&Value) -> bool) -> Vec<&str> {
    let entries = of.as_object().expect("a dict").iter();
    entries.filter(|(_, value)| is(value)).map(|(key, _)| key.as_str()).collect()
}

const PHASES: [&str; 8] = [
    "server_time",
    "queue_time",
    "daemon_time",
    "application_time",
    "request_time",
    "gil_wait_time",
    "input_read_time",
    "output_write_time",
];

fn sorted(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort();
    names
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn number(of: &Value, key: &str) -> f64 {
    of[key].as_f64().unwrap_or_else(|| panic!("{key} is {}", of[key]))
}

fn sum(of: &Value, key: &str) -> f64 {
    of[key].as_array().expect("a list").iter().filter_map(Value::as_f64).sum()
}

#[test]
fn nothing_before_the_recording_begins() {
    let s = site().start();
    for name in ["request_metrics", "process_metrics", "server_metrics"] {
        assert_eq!(ask(&s, name), Value::Null, "{name}");
    }
    assert_eq!(ask(&s, "start_recording_metrics"), Value::Null);
    assert_eq!(ask(&s, "start_recording_metrics"), Value::Null, "again");
    assert!(ask(&s, "request_metrics").is_object());
}

#[test]
fn keys_and_types_of_request_metrics() {
    let s = site().start();
    ask(&s, "start_recording_metrics");
    ask(&s, "");
    let metrics = ask(&s, "request_metrics");
    let ints = [
        "pid",
        "memory_rss",
        "memory_max_rss",
        "request_threads_maximum",
        "request_threads_started",
        "request_threads_active",
        "request_count",
        "status_1xx",
        "status_2xx",
        "status_3xx",
        "status_4xx",
        "status_5xx",
        "input_bytes",
        "input_reads",
        "output_bytes",
        "output_writes",
        "gil_wait_count",
    ];
    let measured = |phase: &&&str| match mode() {
        Mode::Embedded => !["queue_time", "daemon_time"].contains(*phase),
        Mode::Daemon => true,
    };
    let (measured, absent): (Vec<&str>, Vec<&str>) = PHASES.iter().partition(|phase| measured(phase));
    let extremes = |phases: &[&str]| {
        let both = phases.iter().flat_map(|phase| ["min", "max"].map(|end| format!("{phase}_{end}_us")));
        both.collect::<Vec<_>>()
    };
    assert_eq!(
        keys(&metrics, |value| value.is_u64()),
        sorted(strings(&ints).into_iter().chain(extremes(&measured)))
    );
    let floats = [
        "start_time",
        "stop_time",
        "sample_period",
        "cpu_user_utilization",
        "cpu_user_time",
        "cpu_system_utilization",
        "cpu_system_time",
        "cpu_utilization",
        "cpu_time",
        "capacity_utilization",
        "request_throughput",
    ];
    assert_eq!(keys(&metrics, Value::is_f64), sorted(strings(&floats).into_iter().chain(strings(&measured))));
    assert_eq!(keys(&metrics, Value::is_null), sorted(strings(&absent).into_iter().chain(extremes(&absent))));
    let threads =
        ["completed", "buckets", "busy_time", "cpu_time", "current_elapsed", "max_duration"].map(|list| {
            let name = format!("request_threads_{list}");
            assert_eq!(
                metrics[&name].as_array().map(Vec::len).map(|len| len as u64),
                metrics["request_threads_maximum"].as_u64(),
                "{name}"
            );
            name
        });
    let buckets = PHASES.map(|phase| {
        let name = format!("{phase}_buckets");
        let counts = metrics[&name].as_array().expect("a list");
        assert!(counts.len() == 65 && counts.iter().all(Value::is_u64), "{name}");
        name
    });
    assert_eq!(keys(&metrics, Value::is_array), sorted(threads.into_iter().chain(buckets)));
    assert_eq!(keys(&metrics, Value::is_string), [""; 0]);
}

#[test]
fn requests_are_measured() {
    let s = site().expect_log("WSGI0174: ").expect_traceback("as it should").start();
    ask(&s, "start_recording_metrics");
    let pid = ask(&s, "request_metrics")["pid"].clone();
    ask(&s, "");
    assert_eq!(s.post("/length", "abcdef").text(), "6");
    ask(&s, "sleep?0.3");
    assert_eq!(s.get("/missing").status, 404);
    assert_eq!(s.get("/fail").status, 500);
    let metrics = ask(&s, "request_metrics");
    assert_eq!(metrics["pid"], pid);
    // One more: the request that asked for the metrics before.
    let count = number(&metrics, "request_count");
    assert_eq!(count, 6.0);
    let statuses =
        ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|class| number(&metrics, &format!("status_{class}")));
    assert_eq!(statuses, [0.0, 4.0, 0.0, 1.0, 1.0]);
    assert_eq!(number(&metrics, "input_bytes"), 6.0);
    assert!(number(&metrics, "input_reads") >= 1.0);
    assert!(number(&metrics, "output_bytes") > 100.0 && number(&metrics, "output_writes") >= 4.0);
    for phase in PHASES {
        let measured = if metrics[phase].is_null() { 0.0 } else { count };
        assert_eq!(sum(&metrics, &format!("{phase}_buckets")), measured, "{phase}");
    }
    let window = number(&metrics, "sample_period");
    assert!((0.3..30.0).contains(&window), "{window}");
    assert!((number(&metrics, "request_throughput") - count / window).abs() < 0.1);
    let longest = number(&metrics, "application_time_max_us");
    assert!((300_000.0..30_000_000.0).contains(&longest), "{longest}");
    assert!(number(&metrics, "application_time_min_us") < longest);
    let (application, request) = (number(&metrics, "application_time"), number(&metrics, "request_time"));
    assert!(application >= 0.3 / count && request >= application, "{application} {request}");
    assert_eq!(sum(&metrics, "request_threads_completed"), count);
    assert!(sum(&metrics, "request_threads_busy_time") >= 0.3);
    let capacity = number(&metrics, "capacity_utilization");
    assert!(capacity > 0.0 && capacity <= 1.0, "{capacity}");
    assert!(number(&metrics, "memory_rss") > 1e6 && number(&metrics, "memory_max_rss") > 1e6);
    assert!(number(&metrics, "gil_wait_count") >= count);
    // What was read is not read again.
    let next = ask(&s, "request_metrics");
    assert_eq!(number(&next, "request_count"), 1.0);
    assert_eq!(number(&next, "status_5xx"), 0.0);
}

/// The same keys as ever: numbers are 0, and there is no shortest and no longest.
#[test]
fn an_interval_without_requests() {
    let script =
        APP.replace("getattr(mod_wsgi, name)()", "[getattr(mod_wsgi, name)(), getattr(mod_wsgi, name)()]");
    let s = serving(&script).group("threads=4").start();
    ask(&s, "start_recording_metrics");
    let both = ask(&s, "request_metrics");
    let (first, second) = (&both[0], &both[1]);
    assert_eq!(keys(first, |_| true), keys(second, |_| true));
    assert_eq!(number(second, "request_count"), 0.0);
    let absent = PHASES.iter().filter(|phase| second[**phase].is_null()).copied().collect::<Vec<_>>();
    assert_eq!(absent, by_mode(&["queue_time", "daemon_time"][..], &[]));
    for phase in PHASES {
        assert_eq!(sum(second, &format!("{phase}_buckets")), 0.0, "{phase}");
        for end in ["min", "max"] {
            assert_eq!(second[format!("{phase}_{end}_us")], Value::Null, "{phase} {end}");
        }
    }
}

#[test]
fn keys_and_values_of_process_metrics() {
    let s = site().start();
    ask(&s, "start_recording_metrics");
    ask(&s, "");
    ask(&s, "sleep?0.1");
    let metrics = ask(&s, "process_metrics");
    let ints = [
        "active_requests",
        "memory_max_rss",
        "memory_rss",
        "pid",
        "request_count",
        "request_threads",
        "running_time",
    ];
    assert_eq!(keys(&metrics, |value| value.is_u64()), ints);
    let floats =
        ["cpu_system_time", "cpu_time", "cpu_user_time", "current_time", "request_busy_time", "restart_time"];
    assert_eq!(keys(&metrics, Value::is_f64), floats);
    assert_eq!(keys(&metrics, Value::is_array), ["threads"]);
    assert_eq!(metrics.as_object().map(serde_json::Map::len), Some(14));
    assert!(number(&metrics, "request_count") >= 2.0);
    assert!(number(&metrics, "request_busy_time") >= 0.1);
    assert_eq!(number(&metrics, "active_requests"), 1.0);
    let (began, now) = (number(&metrics, "restart_time"), number(&metrics, "current_time"));
    assert!(began > 1e9 && began < now && (now - began - number(&metrics, "running_time")).abs() < 2.0);
    for thread in metrics["threads"].as_array().expect("a list") {
        assert_eq!(keys(thread, |value| value.is_u64()), ["request_count", "thread_id"]);
    }
}

/// Which of the requests are running shows in the times of the threads.
#[test]
fn a_running_request_counts_as_busy() {
    skip_if!(mode() == Mode::Embedded && !threaded(), "a child of prefork has one request at a time");
    let s = site().start();
    ask(&s, "start_recording_metrics");
    let mut slow = s.raw(b"GET /sleep?3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let elapsed = poll::until("a request that runs", || {
        let metrics = ask(&s, "request_metrics");
        let elapsed = metrics["request_threads_current_elapsed"].as_array()?;
        let longest = elapsed.iter().filter_map(Value::as_f64).fold(0.0, f64::max);
        (longest > 0.5).then_some(longest)
    });
    assert!(elapsed < 60.0);
    assert_eq!(slow.response().status, 200);
}

/// A site whose applications may see httpd's scoreboard.
fn open_site() -> Httpd {
    site().group("server-metrics=On").config("WSGIServerMetrics On\nExtendedStatus On")
}

const SERVER: [&str; 7] = [
    "current_time",
    "processes",
    "restart_time",
    "running_generation",
    "running_time",
    "server_limit",
    "thread_limit",
];
const PROCESS: [&str; 5] = ["generation", "pid", "process_num", "quiescing", "workers"];
const WORKER: [&str; 11] = [
    "access_count",
    "bytes_served",
    "client",
    "generation",
    "last_used",
    "request",
    "start_time",
    "status",
    "stop_time",
    "thread_num",
    "vhost",
];

#[test]
fn the_scoreboard_of_httpd() {
    let s = open_site().start();
    ask(&s, "");
    // The thread of the request before may be about to close its connection.
    let metrics = harness::poll::until("only the request that asks", || {
        let metrics = ask(&s, "server_metrics");
        (metrics.to_string().matches(r#""status":"W""#).count() == 1).then_some(metrics)
    });
    assert_eq!(keys(&metrics, |_| true), SERVER);
    let (restarted, now) = (number(&metrics, "restart_time"), number(&metrics, "current_time"));
    assert!(restarted > 1e9 && restarted <= now, "{restarted} {now}");
    assert!((now - restarted - number(&metrics, "running_time")).abs() < 2.0);
    let processes = metrics["processes"].as_array().expect("a list");
    assert_eq!(processes.len() as u64, metrics["server_limit"].as_u64().expect("a number"));
    let (mut busy, mut pids) = (0, Vec::new());
    for process in processes {
        assert_eq!(keys(process, |_| true), PROCESS);
        assert!(process["quiescing"].is_boolean());
        pids.extend(process["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()));
        let workers = process["workers"].as_array().expect("a list");
        assert_eq!(workers.len() as u64, metrics["thread_limit"].as_u64().expect("a number"));
        for worker in workers {
            assert_eq!(keys(worker, |_| true), WORKER);
            assert_eq!(keys(worker, Value::is_string), ["client", "request", "status", "vhost"]);
            assert_eq!(keys(worker, Value::is_f64), ["last_used", "start_time", "stop_time"]);
            let status = worker["status"].as_str().unwrap_or_default();
            assert!(status.len() == 1 && ".S_RWKLDCGI".contains(status), "{status}");
            busy += u32::from(status == "W");
            if status == "W" {
                assert_eq!(worker["request"], "GET /server_metrics HTTP/1.1");
                assert_eq!(worker["client"], "127.0.0.1");
            }
        }
    }
    assert_eq!(busy, 1, "the request that asks");
    pids.retain(|pid| *pid != 0);
    let children = s.children();
    assert!(!pids.is_empty() && pids.iter().all(|pid| children.contains(pid)), "{pids:?}");
}

#[test]
fn the_scoreboard_is_shown_where_it_is_switched_on_only() {
    let s = site().config(by_mode("WSGIServerMetrics Off", "WSGIServerMetrics On")).start();
    assert_eq!(ask(&s, "server_metrics"), Value::Null);
}

/// A group without requests sees it, too.
#[test]
fn the_scoreboard_of_httpd_for_a_service() {
    daemon_only!();
    let s = httpd()
        .no_group()
        .script(
            "service.py",
            "
import json, mod_wsgi, os, time
HERE = os.path.dirname(os.path.abspath(__file__))
while True:
    with open(HERE + '/state/new', 'w') as f:
        json.dump(mod_wsgi.server_metrics(), f)
    os.rename(HERE + '/state/new', HERE + '/state/metrics')
    time.sleep(0.1)
",
        )
        .config(
            "WSGIDaemonProcess service threads=0 server-metrics=On\n\
             WSGIImportScript {dir}/service.py process-group=service application-group=%{GLOBAL}",
        )
        .start();
    harness::poll::until("the pids of the children", || {
        let metrics: Value = serde_json::from_str(&s.read_file("state/metrics")).ok()?;
        let pids = metrics["processes"].as_array()?.iter().filter_map(|one| one["pid"].as_u64());
        let pids: Vec<u32> = pids.filter_map(|pid| u32::try_from(pid).ok()).filter(|pid| *pid != 0).collect();
        let children = s.children();
        (!pids.is_empty() && pids.iter().all(|pid| children.contains(pid))).then_some(())
    });
}
