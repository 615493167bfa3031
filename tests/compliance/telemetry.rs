//! What is sent to a telemetry service (`WSGITelemetryService`): received here, and by the service from PyPI.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harness::poll::until;
use harness::*;
use serde_json::Value;

use crate::serving;

const APP: &str = "
import gc, mod_wsgi, os, time
def application(environ, start_response):
    name = environ['PATH_INFO']
    if name == '/hold':
        while not os.path.exists(os.path.join(os.path.dirname(__file__), 'go')):
            time.sleep(0.01)
    elif name == '/collect':
        gc.collect()
    mod_wsgi.start_recording_metrics()
    result = repr([mod_wsgi.request_metrics(), mod_wsgi.process_metrics()]).encode()
    environ['wsgi.input'].read()
    start_response('200 OK', [])
    return [result]
";

/// A value of a record.
#[derive(Clone, Debug, PartialEq)]
enum Field {
    Int(u64),
    Float(f64),
    Text(String),
    Ints(Vec<i32>),
    Floats(Vec<f64>),
}

#[derive(Debug)]
struct Datagram {
    kind: u8,
    pid: u32,
    sequence: u32,
    time: f64,
    fields: BTreeMap<u16, Field>,
}

/// Takes bytes from the front.
fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> [u8; N] {
    let (front, rest): (&'a [u8; N], _) = bytes.split_first_chunk().expect("a whole record");
    *bytes = rest;
    *front
}

fn parse(mut bytes: &[u8]) -> Datagram {
    let bytes = &mut bytes;
    assert_eq!(take::<4>(bytes), *b"WSGI");
    let [version, kind, flags @ ..] = take::<4>(bytes);
    assert_eq!((version, flags), (1, [0, 0]));
    let (pid, sequence) = (u32::from_le_bytes(take(bytes)), u32::from_le_bytes(take(bytes)));
    let time = f64::from_le_bytes(take(bytes));
    let mut fields = BTreeMap::new();
    while !bytes.is_empty() {
        let field = u16::from_le_bytes(take(bytes));
        let [form] = take::<1>(bytes);
        let mut count = || (0..u16::from_le_bytes(take(bytes))).collect::<Vec<_>>();
        let value = match form {
            1 => Field::Int(u64::from_le_bytes(take(bytes))),
            2 => Field::Float(f64::from_le_bytes(take(bytes))),
            4 => {
                let text = count().into_iter().map(|_| take::<1>(bytes)[0]).collect();
                Field::Text(String::from_utf8(text).expect("text"))
            }
            5 => Field::Ints(count().into_iter().map(|_| i32::from_le_bytes(take(bytes))).collect()),
            6 => Field::Floats(count().into_iter().map(|_| f64::from_le_bytes(take(bytes))).collect()),
            other => panic!("type {other} of field {field}"),
        };
        assert!(fields.insert(field, value).is_none(), "field {field} twice");
    }
    Datagram { kind, pid, sequence, time, fields }
}

/// What receives.
struct Receiver(UnixDatagram, Vec<Datagram>);

impl Receiver {
    fn at(site: &Httpd) -> Self {
        let path = site.dir().join("t.sock");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        std::fs::set_permissions(&path, Permissions::from_mode(0o666)).expect("chmod");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        Self(socket, Vec::new())
    }

    /// Receives until a datagram is as it should be; answers its index.
    #[track_caller]
    fn find(&mut self, what: &str, is: impl Fn(&Datagram) -> bool) -> usize {
        let mut looked = 0;
        until(what, || {
            let mut bytes = vec![0; 65_536];
            if let Ok(count) = self.0.recv(&mut bytes) {
                self.1.push(parse(&bytes[..count]));
            }
            let found = self.1[looked..].iter().position(&is).map(|at| at + looked);
            looked = self.1.len();
            found
        })
    }

    #[track_caller]
    fn get(&mut self, what: &str, is: impl Fn(&Datagram) -> bool) -> &Datagram {
        let at = self.find(what, is);
        &self.1[at]
    }
}

impl Datagram {
    fn int(&self, field: u16) -> u64 {
        match self.fields.get(&field) {
            Some(Field::Int(value)) => *value,
            other => panic!("field {field} is {other:?}"),
        }
    }

    fn float(&self, field: u16) -> f64 {
        match self.fields.get(&field) {
            Some(Field::Float(value)) => *value,
            other => panic!("field {field} is {other:?}"),
        }
    }

    fn text(&self, field: u16) -> &str {
        match self.fields.get(&field) {
            Some(Field::Text(value)) => value,
            other => panic!("field {field} is {other:?}"),
        }
    }
}

fn site(options: &str) -> Httpd {
    serving(APP).group("threads=3").config(&format!(
        "WSGITelemetryService unix:{{dir}}/t.sock interval=0.5\nWSGIApplicationGroup %{{GLOBAL}}\nWSGIRestrictEmbedded {}\n{options}",
        by_mode("Off", "On")
    ))
}

const STARTED: u8 = 5;

#[test]
fn a_process_says_that_it_starts_and_ends() {
    let site = site("");
    let mut receiver = Receiver::at(&site);
    let s = site.start();
    assert_eq!(s.get("/").text(), "[None, None]", "applications get no metrics");
    let started = receiver.get("the start", |datagram| datagram.kind == STARTED);
    assert_eq!(started.sequence, 1);
    assert!(started.time > 1e9);
    assert_eq!(started.text(1), "6.1.1");
    let (major, minor) = python_version();
    assert!(started.text(2).starts_with(&format!("{major}.{minor}.")), "{}", started.text(2));
    assert!(started.text(3).starts_with("Apache/2.4."));
    assert!(!started.text(4).is_empty() && !started.text(5).is_empty());
    assert_eq!(started.fields.get(&6), by_mode(None, Some(&Field::Text(GROUP.into()))));
    assert!(started.int(7) > 1 && started.float(13) > 0.0);
    let pid = started.pid;
    s.stop();
    let stopping = receiver.get("the stop", |datagram| datagram.kind == 6 && datagram.pid == pid);
    assert_eq!(stopping.int(133), 0);
    assert_eq!(stopping.fields.contains_key(&130), by_mode(false, true));
    if (subject(), mode()) == (Subject::ModWsgi, Mode::Daemon) {
        // Its process may be killed before it has said so.
        return;
    }
    let stopped = receiver.get("the end", |datagram| datagram.kind == 7 && datagram.pid == pid);
    assert!(stopped.float(131) > 0.0 && stopped.int(132) >= 1);
    assert_eq!((stopped.int(134), stopped.int(135)), (0, 1));
}

#[test]
fn samples_of_requests() {
    let site = site("");
    let mut receiver = Receiver::at(&site);
    let s = site.start();
    s.post("/", "abc");
    let sample = receiver.get("a sample", |datagram| datagram.kind == 2 && datagram.int(20) > 0);
    assert!((0.4..30.0).contains(&sample.float(10)));
    assert_eq!(sample.float(11), 0.5);
    assert!(sample.float(21) > 0.0 && (0.0..=1.0).contains(&sample.float(22)));
    for field in [30, 31, 32] {
        assert!(sample.float(field) >= 0.0);
    }
    assert!(sample.int(40) > 1_000_000 && sample.int(41) > 1_000_000);
    let threads = sample.int(50);
    assert!(sample.int(51) >= 1 && sample.int(52) >= 1);
    for phase in 0..8 {
        let there = by_mode(![1, 2].contains(&phase), true);
        assert_eq!(sample.fields.contains_key(&(60 + phase)), there, "{phase}");
        if !there {
            continue;
        }
        assert!(sample.float(70 + phase) <= sample.float(80 + phase));
        let Some(Field::Ints(buckets)) = sample.fields.get(&(90 + phase)) else { panic!("{phase}") };
        assert_eq!(buckets.len(), 65);
        assert_eq!(buckets.iter().sum::<i32>() as u64, sample.int(20), "{phase}");
    }
    assert_eq!(sample.int(120) + sample.int(122) + sample.int(123) + sample.int(124), 0);
    assert_eq!(sample.int(121), sample.int(20));
    assert!(sample.int(102) > 0 && sample.int(103) >= 1);
    let Some(Field::Ints(completed)) = sample.fields.get(&110) else { panic!("no list") };
    assert_eq!(completed.len() as u64, threads);
    for field in 111..115 {
        assert!(
            matches!(sample.fields.get(&field), Some(Field::Floats(times)) if times.len() as u64 == threads)
        );
    }
    // The garbage collector's numbers come beside.
    let collector = receiver.get("the collector", |datagram| datagram.kind == 8);
    assert!((300..=317).all(|field| matches!(collector.fields.get(&field), Some(Field::Int(_)))));
    s.get("/collect");
    let collection = receiver.find("a collection", |datagram| {
        datagram.kind == 9 && datagram.float(320) > 1e9 && datagram.float(321) >= 0.0
    });
    assert!((322..=324).all(|field| receiver.1[collection].fields.contains_key(&field)));
}

/// Runs until the file `go` is there.
const HELD: &[u8] =
    b"GET /hold?q=1 HTTP/1.1\r\nHost: here.test\r\nUser-Agent: me\r\nConnection: close\r\n\r\n";

/// The site, which has answered once, and who receives what it sends.
fn received(site: Httpd) -> (Receiver, Server) {
    let receiver = Receiver::at(&site);
    let s = site.start();
    s.get("/");
    (receiver, s)
}

#[test]
fn slow_requests() {
    let site = site("WSGISlowRequests 0.5\nWSGITelemetryOptions CaptureUserAgent")
        .expect_log_of(Subject::Ours, "WSGI1080: ")
        .expect_log_of(Subject::Ours, "WSGI1081: ")
        .allow_log("app.wsgi|^ +|sleep")
        .allow_traceback();
    let (mut receiver, s) = received(site);
    let mut slow = s.raw(HELD);
    let active = receiver.get("a slow request", |datagram| datagram.kind == 4 && datagram.int(200) == 0);
    assert!(active.float(201) > 1e9 && active.float(202) >= 0.5 && active.float(223) >= 0.4);
    assert_eq!([active.text(210), active.text(211), active.text(212)], ["GET", "http", "here.test"]);
    assert_eq!([active.text(214), active.text(215), active.text(217)], ["/hold", "HTTP/1.1", "me"]);
    assert_eq!(active.text(216), "127.0.0.1");
    assert!(active.int(203) >= 1 && active.int(260) >= 1);
    s.write_file("go", "");
    slow.response();
    let done = receiver.get("its end", |datagram| datagram.kind == 4 && datagram.int(200) == 1);
    assert_eq!(done.int(240), 200);
    assert!(done.float(202) >= 0.5 && done.int(232) > 0 && done.int(233) >= 1 && done.int(225) >= 1);
    for field in [220, 221, 222, 223, 224, 234, 235, 250, 251] {
        assert!(done.float(field) >= 0.0);
    }
}

/// The numbers of the fields of a datagram.
fn numbers(datagram: &Datagram) -> Vec<u16> {
    datagram.fields.keys().copied().collect()
}

/// These numbers, and those of daemon mode.
fn fields(both: impl IntoIterator<Item = u16>, daemon: impl IntoIterator<Item = u16>) -> Vec<u16> {
    let mut all: Vec<u16> = both.into_iter().collect();
    if mode() == Mode::Daemon {
        all.extend(daemon);
    }
    all.sort_unstable();
    all
}

/// Each kind of datagram has the same fields, whatever they say.
#[test]
fn the_fields_of_each_kind() {
    let site = site("WSGISlowRequests 0.5\nWSGITelemetryOptions CaptureUserAgent")
        .allow_log("WSGI108[01]: |app.wsgi|^ +|sleep")
        .allow_traceback();
    let (mut receiver, s) = received(site);
    let mut slow = s.raw(HELD);
    let active = receiver.get("a slow request", |datagram| datagram.kind == 4 && datagram.int(200) == 0);
    let of_slow: Vec<u16> =
        [200..=205, 210..=212, 214..=217, 220..=225, 230..=235].into_iter().flatten().collect();
    let of_slow = fields(of_slow.into_iter().chain([240, 250, 251, 260, 261]), []);
    assert_eq!(numbers(active), of_slow);
    assert!(active.int(225) >= 1, "waits for the GIL are counted while it runs");
    assert!(s.children().contains(&u32::try_from(active.int(205)).expect("a pid")), "{}", active.int(205));
    s.write_file("go", "");
    slow.response();
    let done = receiver.get("its end", |datagram| datagram.kind == 4 && datagram.int(200) == 1);
    assert_eq!(numbers(done), of_slow);
    s.get("/collect");
    let collection = receiver.get("a collection", |datagram| datagram.kind == 9 && datagram.int(322) == 2);
    assert_eq!(numbers(collection), [320, 321, 322, 323, 324]);
    let snapshot = receiver.get("a snapshot", |datagram| datagram.kind == 8);
    assert_eq!(numbers(snapshot), (300..=317).collect::<Vec<_>>());
    let started = receiver.get("the start", |datagram| datagram.kind == STARTED);
    assert_eq!(numbers(started), fields([1, 2, 3, 4, 5, 7, 13], [6]));
    let sample: Vec<u16> =
        [1..=5, 7..=7, 10..=13, 20..=22, 30..=32, 40..=41, 50..=52, 100..=103, 110..=114, 120..=124]
            .into_iter()
            .flatten()
            .collect();
    let phases = |base: u16| [0, 3, 4, 5, 6, 7].map(|phase| base + phase);
    let idle: Vec<u16> = sample.iter().copied().chain(phases(60)).chain(phases(90)).collect();
    let busy = idle.iter().copied().chain(phases(70)).chain(phases(80));
    let with_requests = receiver.get("requests", |datagram| datagram.kind == 2 && datagram.int(20) > 0);
    assert_eq!(numbers(with_requests), fields(busy, [6, 61, 62, 71, 72, 81, 82, 91, 92]));
    let without = receiver.get("an idle interval", |datagram| datagram.kind == 2 && datagram.int(20) == 0);
    assert_eq!(numbers(without), fields(idle, [6]));
    s.stop();
    let stopping = receiver.get("the stop", |datagram| datagram.kind == 6);
    assert_eq!(numbers(stopping), fields([5, 133], [6, 130]));
}

/// What is collected while the first script is loaded is told, too.
#[test]
fn collections_from_the_beginning() {
    let script = "
import gc
gc.collect()
def application(environ, start_response):
    start_response('200 OK', [])
    return [b'x']
";
    // Long before the collector is looked at for the first time.
    let site = serving(script).config(
        "WSGITelemetryService unix:{dir}/t.sock interval=2\nWSGIApplicationGroup %{GLOBAL}\nLogLevel warn wsgi:info",
    );
    let (mut receiver, _s) = received(site);
    receiver.find("the collection of the script", |datagram| datagram.kind == 9 && datagram.int(322) == 2);
    let first = receiver.get("a snapshot", |datagram| datagram.kind == 8).time;
    let collection = receiver.get("it", |datagram| datagram.kind == 9 && datagram.int(322) == 2);
    assert!(collection.float(320) < first, "it was before the first look");
}

/// The service of PyPI, while it prints what it receives.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_service_from_the_package_index_understands_it() {
    let setup = Command::new(repository().join("tests/setup/telemetry.sh")).output().expect("a shell");
    if setup.status.code() == Some(77) {
        skip("the package index has no mod_wsgi-telemetry");
        return;
    }
    assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
    let environment = String::from_utf8_lossy(&setup.stdout).trim().to_owned();
    let site = site("WSGISlowRequests 0.3\nWSGITelemetryOptions All")
        .allow_log("WSGI108[01]: |app.wsgi|^ +|sleep")
        .allow_traceback();
    let (socket, received) = (site.dir().join("t.sock"), site.dir().join("received"));
    let output = std::fs::File::create(&received).expect("a file");
    let service = Command::new(format!("{environment}/bin/python"))
        .args(["-u", &format!("{environment}/bin/mod_wsgi-telemetry"), "dump", "--format", "json"])
        .args(["--socket-mode", "0666", "--listen", &format!("unix:{}", socket.display())])
        .stdout(output)
        .stderr(Stdio::null())
        .spawn();
    let _service = Service(service.expect("the service"));
    until("the service", || socket.exists().then_some(()));
    let s = site.start();
    let datagrams = || -> Vec<Value> {
        let text = std::fs::read_to_string(&received).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    let mut slow = s.raw(b"GET /hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let find = |kind: &str, is: &dyn Fn(&Value) -> bool| {
        until(kind, || datagrams().into_iter().find(|one| one["kind"] == kind && is(&one["fields"])))
    };
    let started = find("process_started", &|_| true);
    assert_eq!(started["fields"]["mod_wsgi_version"], "6.1.1");
    find("slow_request", &|fields| fields["slow_state"] != Value::Null || fields.as_object().is_some());
    s.write_file("go", "");
    slow.response();
    let sample = find("request_metrics", &|fields| fields["request_count"].as_u64() > Some(0));
    assert_eq!(sample["fields"]["application_time_buckets"].as_array().map(Vec::len), Some(65));
    assert_eq!(sample["fields"]["telemetry_interval"], 0.5);
    find("gc_snapshot", &|fields| fields["gc_is_enabled"] == 1);
    s.stop();
    find("process_stopping", &|_| true);
    find("process_stopped", &|_| true);
}

#[test]
fn without_a_service_requests_are_served() {
    let s = site("").start();
    for _ in 0..3 {
        assert_eq!(s.get("/").status, 200);
    }
}

#[test]
fn wrong_values() {
    let refused = |line: &str, complaint: &str| httpd().config(line).expect_config_error(complaint);
    refused("WSGITelemetryService udp:x", "WSGITelemetryService target must be 'unix:/path'");
    refused(
        "WSGITelemetryService unix:/x interval=0.1",
        "WSGITelemetryService interval must be at least 0.5 seconds",
    );
    refused(
        "WSGITelemetryService unix:/x often",
        "WSGITelemetryService second argument must be 'interval=N'",
    );
    refused(
        "WSGITelemetryOptions All +CaptureUserAgent",
        "WSGITelemetryOptions: cannot mix +/- form with absolute names in a single directive",
    );
    refused("WSGITelemetryOptions Referer", "WSGITelemetryOptions: unknown flag 'Referer'");
    refused("WSGITelemetryOptions -", "WSGITelemetryOptions: bare '+' / '-' is not a flag");
    httpd().config("WSGITelemetryOptions +captureuseragent -CaptureUserAgent").expect_config_ok();
}
