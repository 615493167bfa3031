//! One id of a request, in all that tells of it; and how long it took.

use harness::*;
use serde_json::Value;

use crate::{application, by_mode, serving};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// The same and what makes it an id that no other request has, as a pattern.
const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]+";

fn traceparent() -> String {
    format!("00-{TRACE}-00f067aa0ba902b7-01")
}

/// A site that tells what it knows of the id, and logs by `%L`.
fn site() -> Httpd {
    serving(
        "
        import json
        def application(environ, start_response):
            print('printed by the application')
            if environ['PATH_INFO'] == '/raise':
                raise ValueError('boom')
            start_response('200 OK', [('Content-Type', 'application/json')])
            names = ['mod_wsgi.request_id', 'HTTP_TRACEPARENT', 'UNIQUE_ID', 'WSGI_REQUEST_ID', 'REDIRECT_WSGI_REQUEST_ID']
            return [json.dumps({name: environ.get(name) for name in names}).encode()]",
    )
    .config("ErrorLogFormat \"[%{u}t] [%-m:%l] [pid %P] [R:%L] %M\"")
    .config("CustomLog {dir}/logs/access \"%{WSGI_REQUEST_ID}e %L %{mod_wsgi.request_id}e %>s\"")
    .allow_log("printed by the application")
}

/// The id in an answer, which belongs to the trace.
#[track_caller]
fn id_of(answer: &Value, name: &str) -> String {
    let id = answer[name].as_str().unwrap_or_else(|| panic!("{answer}"));
    let own = id.strip_prefix(TRACE).and_then(|rest| rest.strip_prefix('-'));
    assert!(own.is_some_and(|own| u64::from_str_radix(own, 16).is_ok()), "{id}");
    id.to_owned()
}

#[track_caller]
fn access_line(s: &Server, n: usize) -> String {
    poll::until("a line of the access log", || s.read_file("logs/access").lines().nth(n).map(str::to_owned))
}

#[test]
fn one_id_in_environ_and_logs() {
    only_ours!("the original has no such variable");
    let s = site().start();
    let answer = s.get("/").json();
    let id = answer["mod_wsgi.request_id"].as_str().unwrap().to_owned();
    assert_eq!(answer["WSGI_REQUEST_ID"], Value::Null, "a name of Apache's, not of the application's");
    assert_eq!(access_line(&s, 0), format!("{id} {id} {id} 200"));
    s.wait_log(&format!("\\[R:{}\\] .*printed by the application", regex_escape(&id)));
}

fn regex_escape(text: &str) -> String {
    text.chars().map(|c| if c.is_alphanumeric() { c.to_string() } else { format!("\\{c}") }).collect()
}

#[test]
fn the_trace_that_a_client_names_is_the_id() {
    only_ours!("the original leaves it to the application");
    let s = site().start();
    let answer = s.request("GET", "/").header("traceparent", &traceparent()).send().json();
    let id = id_of(&answer, "mod_wsgi.request_id");
    assert_eq!(answer["HTTP_TRACEPARENT"], traceparent().as_str(), "as it was sent");
    assert_eq!(access_line(&s, 0), format!("{id} {id} {id} 200"));
    s.wait_log(&format!("\\[R:{id}\\] .*printed by the application"));
    // Requests of one trace run at the same time, and an application may use ids as keys.
    let answer = s.request("GET", "/").header("traceparent", &traceparent()).send().json();
    assert_ne!(id_of(&answer, "mod_wsgi.request_id"), id);
    for wrong in [
        format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
        format!("ff-{TRACE}-00f067aa0ba902b7-01"),
        format!("{}, {}", traceparent(), traceparent()),
        format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
    ] {
        let answer = s.request("GET", "/").header("traceparent", &wrong).send().json();
        let id = answer["mod_wsgi.request_id"].as_str().unwrap();
        assert!(!id.is_empty() && !id.to_ascii_lowercase().starts_with(TRACE), "{wrong}: {id}");
    }
}

/// mod_unique_id's ids cannot be chosen by clients: they come first.
#[test]
fn ids_of_mod_unique_id_come_first() {
    only_ours!("the original has no such variable");
    let s = site().module("unique_id").start();
    let answer = s.request("GET", "/").header("traceparent", &traceparent()).send().json();
    let id = answer["UNIQUE_ID"].as_str().unwrap();
    assert_eq!(answer["mod_wsgi.request_id"], id);
    assert_eq!(access_line(&s, 0), format!("{id} {id} {id} 200"));
}

/// A page for an error is a part of the same request, and its line in the access log has the id.
#[test]
fn an_error_has_the_id_in_its_messages_and_in_the_document_for_it() {
    only_ours!("the original has it in %L only");
    let s = site()
        .config("ErrorDocument 500 /page")
        .expect_log(r"WSGI0174: .* \[id ")
        .expect_traceback("ValueError: boom")
        .start();
    let r = s.request("GET", "/raise").header("traceparent", &traceparent()).send();
    let answer = r.json();
    let id = id_of(&answer, "mod_wsgi.request_id");
    assert_eq!((r.status, id_of(&answer, "REDIRECT_WSGI_REQUEST_ID")), (200, id.clone()));
    assert_eq!(access_line(&s, 0), format!("{id} {id} {id} 200"));
    s.wait_log(&format!("WSGI0174: .* \\[id {id}\\]$"));
    s.wait_log(&format!("\\[R:{id}\\] ValueError: boom"));
}

#[test]
fn a_static_document_for_an_error_is_logged_with_the_id() {
    only_ours!("the original has it in %L only");
    let s = application("raise ValueError('boom')")
        .file("htdocs/sorry.html", "sorry")
        .config(
            "
            Alias /sorry.html {dir}/htdocs/sorry.html
            ErrorDocument 500 /sorry.html
            CustomLog {dir}/logs/access \"%{WSGI_REQUEST_ID}e %{mod_wsgi.process_group}n %{mod_wsgi.application_time}n\"",
        )
        .expect_log("WSGI0174: ")
        .expect_traceback("ValueError: boom")
        .start();
    let r = s.request("GET", "/").header("traceparent", &traceparent()).send();
    assert_eq!((r.status, r.text()), (500, "sorry".to_owned()));
    let line = access_line(&s, 0);
    let group = by_mode("", GROUP);
    let (id, rest) = line.split_once(' ').unwrap_or_else(|| panic!("{line}"));
    assert!(id.starts_with(TRACE), "{line}");
    let rest = rest.strip_prefix(&format!("{group} ")).unwrap_or_else(|| panic!("{line}"));
    assert!(rest.parse::<u64>().is_ok(), "{line}");
}

/// Whatever refuses a request: there is an id to ask for.
#[test]
fn requests_that_are_refused_have_it() {
    only_ours!("the original has no such variable");
    let s = httpd()
        .config(
            "
            WSGIScriptAlias /missing {dir}/missing.wsgi
            CustomLog {dir}/logs/access \"%{WSGI_REQUEST_ID}e %>s\"",
        )
        .expect_log(&format!("WSGI0135: .* \\[id {ID}\\]$"))
        .start();
    let r = s.request("GET", "/missing").header("traceparent", &traceparent()).send();
    assert_eq!(r.status, 404);
    let line = access_line(&s, 0);
    assert!(line.starts_with(TRACE) && line.ends_with(" 404"), "{line}");
}

#[test]
fn a_request_that_is_slow_is_named_with_its_id() {
    only_ours!("the original names slow requests to a telemetry service only");
    let s = application("time.sleep(0.6)\nstart_response('200 OK', [])\nreturn [b'done']")
        .config("WSGISlowRequests 0.2")
        .expect_log(&format!("WSGI1080: .* \\[id {ID}\\]"))
        .expect_log(&format!("WSGI1081: .* \\[id {ID}\\]"))
        .allow_traceback()
        .allow_log("^  |File ")
        .start();
    assert_eq!(s.request("GET", "/").header("traceparent", &traceparent()).send().text(), "done");
    s.wait_log("WSGI1081: ");
}

#[test]
fn a_request_whose_process_dies_is_named_with_its_id() {
    only_ours!("the original has it in %L only");
    if by_mode(true, false) {
        return;
    }
    let s = application("os.kill(os.getpid(), 9)")
        .expect_log(&format!(r"WSGI0146: a process of group '{GROUP}' \(pid \d+\) .* \[id {ID}\]$"))
        .expect_log("WSGI1029: ")
        .start();
    let worker = s.worker();
    assert_eq!(s.request("GET", "/").header("traceparent", &traceparent()).send().status, 502);
    s.wait_log(&format!("WSGI0146: .*\\(pid {worker}\\)"));
    s.wait_log(&format!("WSGI1029: process {worker} "));
}

#[test]
fn the_access_log_knows_where_and_for_how_long() {
    only_ours!("the original has no such notes");
    let s = application("time.sleep(0.05)\nstart_response('200 OK', [])\nreturn [str(os.getpid()).encode()]")
        .config(
            "CustomLog {dir}/logs/access \"%{mod_wsgi.queue_time}n %{mod_wsgi.application_time}n %{mod_wsgi.send_time}n \
             %{mod_wsgi.pid}n [%{mod_wsgi.process_group}n] %D\"",
        )
        .start();
    let pid = s.get("/").text();
    let line = access_line(&s, 0);
    let words: Vec<&str> = line.split(' ').collect();
    let [queue, application, sent, process, group, total] = words[..] else { panic!("{line}") };
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{line}"));
    assert!((50_000..=number(total)).contains(&number(application)), "{line}");
    let waited = match by_mode(None, Some(queue)) {
        None => {
            assert_eq!(queue, "-", "{line}");
            0
        }
        Some(queue) => number(queue),
    };
    assert!(waited + number(application) + number(sent) <= number(total), "{line}");
    assert_eq!((process, group), (pid.as_str(), format!("[{}]", by_mode("", GROUP)).as_str()));
    assert_eq!(s.get("/").status, 200);
}

#[test]
fn clients_are_told_how_long_it_took_where_that_is_wanted() {
    only_ours!("the original has no such directive");
    let s = application(
        "
        if environ['PATH_INFO'] == '/raise':
            raise ValueError('boom')
        time.sleep(0.02)
        start_response('200 OK', [('Server-Timing', 'db;dur=1')] if environ['PATH_INFO'] == '/own' else [])
        return [b'done']",
    )
    .config("<Location /told>\nWSGIServerTiming On\n</Location>\n<Location /own>\nWSGIServerTiming On\n</Location>")
    .config("<Location /raise>\nWSGIServerTiming On\n</Location>")
    .expect_log("WSGI0174: ")
    .expect_traceback("ValueError: boom")
    .start();
    assert_eq!(s.get("/").header("Server-Timing"), None);
    let form = regex(by_mode(r"^app;dur=(\d+\.\d{3})$", r"^queue;dur=\d+\.\d{3}, app;dur=(\d+\.\d{3})$"));
    let r = s.get("/told");
    let header = r.header("Server-Timing").unwrap();
    let found = form.captures(header).unwrap_or_else(|| panic!("{header}"));
    assert!(found[1].parse::<f64>().unwrap() >= 20.0, "{header}");
    let r = s.get("/own");
    let all = r.all("Server-Timing").join(", ");
    assert!(all.contains("db;dur=1") && all.contains("app;dur="), "{all}");
    let r = s.get("/raise");
    assert_eq!(r.status, 500);
    assert!(form.is_match(r.header("Server-Timing").unwrap_or("none")), "{:?}", r.header("Server-Timing"));
}

#[test]
fn wrong_values_of_the_timing_directive() {
    only_ours!("the original has no such directive");
    httpd().config("WSGIServerTiming yes").expect_config_error("WSGIServerTiming must be one of: Off | On");
}
