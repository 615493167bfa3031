//! What mod_wsgi 6 does, feature by feature, asked of a real Apache.
//!
//! The suite has two subjects: our module, and the original (`SUBJECT=mod_wsgi`). A test is right only once it passes
//! on the original; where the two differ on purpose the test says so in one line, and `../DIFFERENCES.notes` lists it.
//! It runs in two modes: with applications in Apache's children, and in the processes of a group (`MODE=daemon`).

mod auth_edges;
mod auth_scripts;
mod auth_starts;
mod broken_scripts;
mod closing;
mod conditions;
mod config_daemon;
mod config_hosts;
mod daemon_environ;
mod daemon_groups;
mod daemon_identity;
mod daemon_limits;
mod daemon_reload;
mod daemon_resources;
mod daemon_response;
mod daemon_services;
mod daemon_signals;
mod daemon_socket;
mod directives;
mod dispatch_script;
mod environ;
mod events;
mod express;
mod failures;
mod field;
mod file_wrapper;
mod framing;
mod handler_script;
mod headers;
mod input;
mod input_filters;
mod interpreter_options;
mod interpreters;
mod json_log;
mod lifecycle;
mod logging_context;
mod logging_frameworks;
mod metrics;
mod own_gil;
mod process_events;
mod proxies;
mod python_api;
mod python_settings;
mod redirects;
mod releases;
mod request_ids;
mod response;
mod restrictions;
mod routing;
mod scripts;
mod shared_process;
mod sharing;
mod shown_environ;
mod slow_requests;
mod start_response;
mod streams;
mod telemetry;
mod tls;
mod validate;

use harness::{
    Connection, GROUP, Httpd, Mode, Response, Server, Subject, by_mode, differs, httpd, mode, subject,
};
use serde_json::Value;

/// A server with this application at its root.
fn serving(script: &str) -> Httpd {
    httpd().script("app.wsgi", script).config("WSGIScriptAlias / {dir}/app.wsgi")
}

/// A server whose root answers with the environ and more, see `apps/show.wsgi`.
fn showing() -> Httpd {
    httpd().config("WSGIScriptAlias / {apps}/show.wsgi")
}

/// What `apps/show.wsgi` reports for this URL.
#[track_caller]
fn show(s: &Server, target: &str) -> Value {
    shown(&s.get(target))
}

#[track_caller]
fn shown(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

/// An application that consists of these statements, with `environ` and `start_response` at hand, and answers
/// with what they leave in `result`.
fn answering(statements: &str) -> String {
    let body: String =
        harness::text::dedent(statements).lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "import os, sys\n\
         def application(environ, start_response):\n\
         {body}\
         \x20   result = str(result).encode()\n\
         \x20   start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(result)))])\n\
         \x20   return [result]\n"
    )
}

/// The process group the ordinary helpers place an application in, as aliases and import scripts name it.
fn process_group() -> &'static str {
    by_mode("%{GLOBAL}", GROUP)
}

/// Whether an answer broken off in the middle of its chunks looks whole to the client.
fn truncation_is_hidden() -> bool {
    differs(
        by_mode(false, true),
        false,
        "in daemon mode the original's child ends the body as if it were complete",
    )
}

/// The original in daemon mode: its child sends the whole body before it looks for an answer.
fn body_goes_first() -> bool {
    (subject(), mode()) == (Subject::ModWsgi, Mode::Daemon)
}

/// An application with these lines as its body.
fn application(body: &str) -> Httpd {
    let body: String = harness::text::dedent(body).lines().map(|line| format!("    {line}\n")).collect();
    serving(&format!("import os, sys, io, time\ndef application(environ, start_response):\n{body}"))
}

/// The process that answers, where the root answers with it.
#[track_caller]
fn pid(s: &Server) -> u32 {
    let r = s.get("/");
    r.text().parse().unwrap_or_else(|_| panic!("no pid: {} {}", r.status, r.text()))
}

/// Answers with its process; `/hold` takes until the file `go` is there. A group with these options.
fn patient(options: &str) -> Httpd {
    serving(&answering(
        "
        import time
        here = os.path.dirname(os.path.abspath(__file__))
        if environ['PATH_INFO'] == '/hold':
            open(here + '/state/held', 'w').close()
            while not os.path.exists(here + '/go'):
                time.sleep(0.01)
        result = os.getpid()",
    ))
    .group(options)
}

/// A request of `/hold` under way, whose application has left the file `state/held`.
fn held(s: &Server) -> Connection<'_> {
    let held = s.raw(b"GET /hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    harness::poll::until("the held request", || s.dir().join("state/held").exists().then_some(()));
    held
}

/// A process of the server's runs.
fn alive(s: &Server, pid: u32) -> bool {
    s.processes().iter().any(|p| p.pid == pid && p.state != 'Z')
}
