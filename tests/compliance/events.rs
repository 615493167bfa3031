//! Events of requests: who is told what, on which thread, and what callbacks can and cannot change.

use harness::*;
use serde_json::{Value, json};

use crate::{serving, shown};

/// Notes all events, and answers `/events` with those that there were; other paths do what the test adds.
const NOTING: &str = r#"
import json, threading, mod_wsgi

EVENTS = []

def plain(value):
    if isinstance(value, (str, int, float, type(None))):
        return value
    return type(value).__name__

@mod_wsgi.subscribe_events
def note(name, **event):
    if 'request_data' not in event:
        return
    if name == 'request_started':
        event['request_data']['path'] = event['request_environ']['PATH_INFO']
    path = event['request_data']['path']
    event = {key: (type(value).__name__, plain(value)) for key, value in event.items()}
    EVENTS.append({'name': name, 'path': path, 'thread': threading.get_ident(), 'event': event})

class Body:
    def __init__(self, *blocks): self.blocks = list(blocks)
    def __iter__(self): return self
    def __next__(self):
        if not self.blocks: raise StopIteration
        block = self.blocks.pop(0)
        if isinstance(block, Exception): raise block
        return block
    def close(self):
        if 'close' in self.path: raise KeyError('in close')

def application(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/events':
        result = json.dumps([event for event in EVENTS if event['path'] == environ['QUERY_STRING']]).encode()
        start_response('200 OK', [('Content-Length', str(len(result)))])
        return [result]
    if path == '/early': raise ValueError('early')
    if path == '/bad': start_response('nonsense', [('X', 'y')])
    if path == '/none': return [b'x']
    EVENTS.append({'name': 'called', 'path': path, 'thread': threading.get_ident()})
    environ['wsgi.input'].read()
    start_response('404 Not Found', [])
    if path == '/twice': start_response('201 Created', [])
    body = Body(b'abc', b'', b'de', *([ValueError('late')] if path == '/late' else []))
    body.path = path
    return body
"#;

/// The events of a request for this path, the last of which may come when its client has the answer already.
fn events(s: &Server, path: &str) -> Vec<Value> {
    poll::until("the last event of the request", || {
        let all = shown(&s.get(&format!("/events?{path}"))).as_array().unwrap().clone();
        all.last().is_some_and(|last| last["name"] == "request_finished").then_some(all)
    })
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["name"].as_str().unwrap()).collect()
}

/// The types of what an event says.
fn types(event: &Value) -> Value {
    let event = event["event"].as_object().unwrap();
    event.iter().map(|(key, value)| (key.clone(), value[0].clone())).collect::<serde_json::Map<_, _>>().into()
}

fn said(event: &Value, key: &str) -> Value {
    event["event"][key][1].clone()
}

#[test]
fn payloads() {
    let s = serving(NOTING).start();
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert_eq!(s.post("/", "0123456789").status, 404);
    let events = events(&s, "/");
    assert_eq!(names(&events), ["request_started", "called", "response_started", "request_finished"]);
    let threads: Vec<_> = events.iter().map(|event| &event["thread"]).collect();
    assert!(threads.iter().all(|thread| *thread == threads[0]), "{threads:?}");
    assert_eq!(
        types(&events[0]),
        json!({
            "request_id": "str", "thread_id": "int", "daemon_connects": "int", "daemon_restarts": "int",
            "server_pid": "int", "request_start": "float", "queue_start": "float", "daemon_start": "float",
            "application_object": "function", "callable_object": "str", "request_environ": "dict",
            "application_start": "float", "request_data": "dict",
        })
    );
    assert_eq!(
        types(&events[2]),
        json!({
            "request_id": "str", "response_status": "str", "response_headers": "list",
            "exception_info": "NoneType", "request_data": "dict",
        })
    );
    assert_eq!(
        types(&events[3]),
        json!({
            "request_id": "str", "thread_id": "int", "server_pid": "int", "request_start": "float",
            "queue_start": "float", "daemon_start": "float", "input_reads": "int", "input_length": "int",
            "input_time": "float", "output_length": "int", "output_writes": "int", "output_time": "float",
            "cpu_user_time": "float", "cpu_system_time": "float", "cpu_time": "float",
            "application_finish": "float", "application_time": "float", "status": "int",
            "gil_wait_time": "float", "gil_wait_count": "int", "request_data": "dict",
        })
    );
    let (started, finished) = (&events[0], &events[3]);
    for key in ["request_id", "thread_id", "server_pid", "request_start", "queue_start", "daemon_start"] {
        assert_eq!(said(started, key), said(finished, key), "{key}");
    }
    assert_eq!(said(&events[2], "request_id"), said(started, "request_id"));
    assert_eq!(said(&events[2], "response_status"), "404 Not Found");
    assert_eq!(said(started, "callable_object"), "application");
    assert!(s.children().contains(&(said(started, "server_pid").as_u64().unwrap() as u32)));
    assert_eq!(said(started, "daemon_connects"), by_mode(0, 1));
    assert_eq!(said(started, "daemon_restarts"), 0);
    let time = |event: &Value, key: &str| said(event, key).as_f64().unwrap();
    for key in ["queue_start", "daemon_start"] {
        assert_eq!(time(started, key) > 0.0, mode() == Mode::Daemon, "{key}");
    }
    let times = [
        before,
        time(started, "request_start") + 0.01,
        time(started, "application_start") + 0.01,
        time(finished, "application_finish") + 0.01,
    ];
    assert!(times.is_sorted(), "{times:?}");
    assert!((0.0..60.0).contains(&time(finished, "application_time")));
    assert_eq!(said(finished, "status"), 404);
    assert_eq!(said(finished, "input_length"), 10);
    assert!(said(finished, "input_reads").as_u64().unwrap() >= 1);
    assert_eq!((said(finished, "output_length"), said(finished, "output_writes")), (json!(5), json!(2)));
}

#[test]
fn what_fails() {
    let s =
        serving(NOTING).expect_log("WSGI0174: ").expect_traceback("ValueError|RuntimeError|KeyError").start();
    for (path, status, expected, told) in [
        ("/early", 500, &["request_started", "request_exception", "request_finished"][..], 500),
        ("/bad", 500, &["request_started", "response_started", "request_exception", "request_finished"], 500),
        ("/none", 500, &["request_started", "request_exception", "request_finished"], 500),
        (
            "/late",
            404,
            &["request_started", "called", "response_started", "request_exception", "request_finished"],
            404,
        ),
        (
            "/close",
            404,
            &["request_started", "called", "response_started", "request_exception", "request_finished"],
            404,
        ),
        (
            "/twice",
            201,
            &["request_started", "called", "response_started", "response_started", "request_finished"],
            201,
        ),
    ] {
        assert_eq!(s.get(path).status, status, "{path}");
        let own = events(&s, path);
        assert_eq!(names(&own), expected, "{path}");
        assert_eq!(said(own.last().unwrap(), "status"), told, "{path}");
        if let Some(failed) = own.iter().find(|event| event["name"] == "request_exception") {
            assert_eq!(
                types(failed),
                json!({"request_id": "str", "exception_info": "tuple", "request_data": "dict"}),
                "{path}"
            );
        }
    }
}

/// The events of a request are of one request, whatever happens beside it; the start response that the server itself
/// refuses has been told before.
#[test]
fn exc_info_is_told() {
    let s = serving(
        r#"
        import mod_wsgi, sys
        SEEN = []
        @mod_wsgi.subscribe_events
        def note(name, **event):
            if name == 'response_started': SEEN.append(event['exception_info'])
        def application(environ, start_response):
            start_response('200 OK', [])
            try:
                raise KeyError('x')
            except KeyError:
                start_response('500 Sorry', [], sys.exc_info())
            return [repr([SEEN[0], SEEN[1][0].__name__, str(SEEN[1][1]), len(SEEN[1])]).encode()]
        "#,
    )
    .start();
    assert_eq!(s.get("/").text(), r#"[None, 'KeyError', "'x'", 3]"#);
}

#[test]
fn callbacks_change_events() {
    let s = serving(
        r#"
        import mod_wsgi
        SEEN = []
        def first(name, **event):
            if name == 'request_started':
                SEEN.clear()
                event['callable_object'] = event['edited'] = 'in place'
                return {'added': 1, 'request_id': 'mine'}
            return ['no dict']
        def second(name, **event):
            SEEN.append([name, event.get('edited'), event.get('added'), event.get('callable_object')])
            if name == 'request_started':
                SEEN.append([event['request_id'], list(mod_wsgi.active_requests)])
                event['request_environ']['from.callback'] = 'yes'
                event['request_data']['of'] = 'this request'
        for callback in (first, second):
            assert mod_wsgi.subscribe_events(callback) is callback
        assert mod_wsgi.event_callbacks == [first, second]
        def application(environ, start_response):
            start_response('200 OK', [])
            SEEN.append(environ['from.callback'])
            SEEN.append(mod_wsgi.request_data())
            SEEN[1] = [SEEN[1][0], SEEN[1][1] == [environ['mod_wsgi.request_id']]]
            return [repr(SEEN).encode()]
        "#,
    )
    .start();
    let expected = "[['request_started', None, 1, 'application'], ['mine', True], \
                    ['response_started', None, None, None], 'yes', {'of': 'this request'}]";
    assert_eq!(s.get("/").text(), expected);
    assert_eq!(s.get("/").text(), expected);
}

#[test]
fn the_application_is_replaced() {
    let s = serving(
        r#"
        import mod_wsgi
        def other(environ, start_response):
            start_response('200 OK', [])
            return [b'other for ' + environ['PATH_INFO'].encode()]
        @mod_wsgi.subscribe_events
        def replace(name, **event):
            if name == 'request_started' and event['request_environ']['PATH_INFO'] != '/plain':
                assert event['application_object'] is application
                return {'application_object': other}
        def application(environ, start_response):
            start_response('200 OK', [])
            return [b'application']
        "#,
    )
    .start();
    assert_eq!(s.get("/a").text(), "other for /a");
    assert_eq!(s.get("/plain").text(), "application");
    assert_eq!(s.get("/b").text(), "other for /b");
}

/// What callbacks raise costs a line in the log, and nothing else.
#[test]
fn callbacks_that_raise() {
    let s = serving(
        r#"
        import mod_wsgi
        SEEN = []
        @mod_wsgi.subscribe_events
        def fail(name, **event):
            raise ValueError('from ' + name) if name != 'request_finished' else SystemExit(7)
        mod_wsgi.event_callbacks.append('not callable')
        @mod_wsgi.subscribe_events
        def note(name, **event): SEEN.append(name)
        def application(environ, start_response):
            start_response('200 OK', [])
            return [repr(SEEN).encode()]
        "#,
    )
    .expect_log("WSGI0112: ")
    .expect_log("WSGI0190: ")
    .expect_traceback("ValueError: from request_started")
    .allow_log("SystemExit: 7|TypeError: 'str' object is not callable|ValueError: from")
    .allow_traceback()
    .start();
    assert_eq!(s.get("/").text(), "['request_started', 'response_started']");
    assert_eq!(
        s.get("/").text(),
        "['request_started', 'response_started', 'request_finished', 'request_started', 'response_started']"
    );
}

#[test]
fn data_of_requests() {
    let s = serving(
        r#"
        import json, mod_wsgi, threading
        waiting, go = threading.Event(), threading.Event()
        def outside():
            try:
                return repr(mod_wsgi.request_data())
            except RuntimeError as error:
                return str(error)
        def application(environ, start_response):
            start_response('200 OK', [])
            mod_wsgi.request_data()['path'] = environ['PATH_INFO']
            assert mod_wsgi.active_requests[environ['mod_wsgi.request_id']] is mod_wsgi.request_data()
            if environ['PATH_INFO'] == '/hold':
                waiting.set()
                go.wait(30)
                return [b'held']
            if environ['PATH_INFO'] == '/with':
                waiting.wait(30)
            found = []
            thread = threading.Thread(target=lambda: found.append(outside()))
            thread.start(); thread.join()
            found.append(type(mod_wsgi.active_requests).__name__)
            found.append(sorted(data.get('path', 'none') for data in mod_wsgi.active_requests.values()))
            if environ['PATH_INFO'] == '/with':
                go.set()
            return [json.dumps(found).encode()]
        "#,
    )
    .config("WSGIApplicationGroup %{GLOBAL}")
    .start();
    let error = "no active request for thread";
    assert_eq!(s.get("/a").json(), json!([error, "dict", ["/a"]]));
    for _ in 0..3 {
        assert_eq!(s.get("/b").json(), json!([error, "dict", ["/b"]]), "nothing is left of the first");
    }
    if threaded() || mode() == Mode::Daemon {
        let mut held = s.raw(b"GET /hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_eq!(s.get("/with").json(), json!([error, "dict", ["/hold", "/with"]]));
        assert_eq!(held.response().text(), "held");
    }
}

/// httpd asks for a part of a page on the thread that serves the page, which is the thread's request again afterwards.
#[test]
fn a_page_is_the_request_again_after_its_part() {
    let app = "
        import mod_wsgi
        def application(environ, start_response):
            start_response('200 OK', [('Content-Type', 'text/html')])
            mod_wsgi.request_data()['path'] = environ['PATH_INFO']
            if environ['PATH_INFO'] == '/page':
                yield b'<!--#include virtual=\"/part\" -->,'
                yield b'.' * 300000
            yield mod_wsgi.request_data()['path'].encode()";
    let s = crate::serving(app)
        .module("include")
        .config("<Location /page>\nOptions +Includes\nSetOutputFilter INCLUDES\n</Location>")
        .start();
    s.allow_log(differs(
        "no active request for thread|RuntimeError",
        "^$",
        "the page is a request until it ends",
    ));
    let expected = differs("/part,", "/part,/page", "the page is a request until it ends");
    assert_eq!(s.get("/page").text().replace('.', ""), expected);
}
