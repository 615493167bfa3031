//! What Apache's logs, headers and expressions know of a request: the environ, by its names.

use harness::*;

use crate::by_mode;

const NAMES: [&str; 14] = [
    "SCRIPT_NAME",
    "PATH_INFO",
    "REQUEST_METHOD",
    "QUERY_STRING",
    "REQUEST_URI",
    "SCRIPT_FILENAME",
    "SERVER_NAME",
    "SERVER_PROTOCOL",
    "HTTP_X_A",
    "CONTENT_LENGTH",
    "mod_wsgi.process_group",
    "mod_wsgi.application_group",
    "mod_wsgi.callable_object",
    "mod_wsgi.request_handler",
];

/// The values that they should have in a request like `POST /app/p?q=1`.
fn values(s: &Server) -> [String; 14] {
    let script = s.dir().join("apps/echo.wsgi").display().to_string();
    let group = by_mode("", GROUP);
    [
        "/app",
        "/p",
        "POST",
        "q=1",
        "/app/p?q=1",
        &script,
        "localhost",
        "HTTP/1.1",
        "a",
        "3",
        group,
        "own",
        "application",
        "wsgi-script",
    ]
    .map(str::to_owned)
}

fn site() -> Httpd {
    let fields = NAMES.map(|name| format!("%{{{name}}}e")).join(" ");
    httpd()
        .config("WSGIScriptAlias /app {apps}/echo.wsgi\nWSGIApplicationGroup own\nServerName localhost")
        .config(&format!("CustomLog {{dir}}/logs/access \"{fields}\""))
}

#[track_caller]
fn log_line(s: &Server, n: usize) -> String {
    poll::until("a line of the access log", || s.read_file("logs/access").lines().nth(n).map(str::to_owned))
}

fn request(s: &Server) -> Response {
    s.request("POST", "/app/p?q=1").header("X-A", "a").body("abc").send()
}

#[test]
fn access_log() {
    let s = site().start();
    assert_eq!(request(&s).text(), "abc");
    assert_eq!(log_line(&s, 0), values(&s).join(" "));
    // A file of Apache's own has nothing of that.
    assert_eq!(s.get("/none").status, 404);
    assert_eq!(log_line(&s, 1), NAMES.map(|_| "-").join(" "));
}

/// The log tells where a request belonged that got no process, too.
#[test]
fn access_log_of_refused_requests() {
    let s = site()
        .config("WSGIScriptAlias /nowhere {apps}/echo.wsgi process-group=none")
        .expect_log("WSGI0134: |No WSGI daemon process called 'none'")
        .allow_log("WSGI1096")
        .start();
    assert_eq!(s.get("/nowhere").status, 500);
    let line = log_line(&s, 0);
    assert!(line.starts_with("/nowhere "), "{line}");
    assert!(line.ends_with(" none own application wsgi-script"), "{line}");
}

/// What SetEnv says of these names does not count, and of others it stays.
#[test]
fn access_log_with_variables_of_the_configuration() {
    let s = site()
        .config("SetEnv SCRIPT_NAME mine\nSetEnv mod_wsgi.process_group other\nSetEnv OTHER kept")
        .config("CustomLog {dir}/logs/other \"%{OTHER}e %{SCRIPT_NAME}e\"")
        .start();
    assert_eq!(request(&s).text(), "abc");
    assert_eq!(log_line(&s, 0), values(&s).join(" "));
    assert_eq!(s.read_file("logs/other"), "kept /app\n");
}

#[test]
fn access_log_of_failures() {
    let s = site()
        .script("raise.wsgi", "def application(environ, start_response): raise ValueError('boom')")
        .config("WSGIScriptAlias /raise {dir}/raise.wsgi")
        .expect_log("WSGI0174: ")
        .expect_traceback("ValueError: boom")
        .start();
    assert_eq!(s.get("/raise/x").status, 500);
    let line = log_line(&s, 0);
    assert!(line.starts_with("/raise /x GET "), "{line}");
}

#[test]
fn headers_and_expressions() {
    let s = site()
        .config(
            "
            Header set X-Env \"%{SCRIPT_NAME}e|%{PATH_INFO}e|%{mod_wsgi.application_group}e\"
            Header set X-Expr \"expr=%{reqenv:SCRIPT_NAME}|%{reqenv:PATH_INFO}\"
            Header set X-If \"yes\" \"expr=reqenv('mod_wsgi.application_group') == 'own'\"
            CustomLog {dir}/logs/some \"%{PATH_INFO}e\" \"expr=reqenv('PATH_INFO') == '/p'\"",
        )
        .start();
    for target in ["/app/p", "/app/q"] {
        let r = s.get(target);
        let path = target.trim_start_matches("/app");
        assert_eq!(r.header("X-Env"), Some(format!("/app|{path}|own").as_str()));
        assert_eq!(r.header("X-Expr"), Some(format!("/app|{path}").as_str()));
        assert_eq!(r.header("X-If"), Some("yes"));
    }
    log_line(&s, 1);
    assert_eq!(s.read_file("logs/some"), "/p\n");
}

/// An error document is told what the request was that failed.
#[test]
fn error_document() {
    let s = httpd()
        .script("raise.wsgi", "def application(environ, start_response): raise ValueError('boom')")
        .config("WSGIScriptAlias /raise {dir}/raise.wsgi\nWSGIScriptAlias /show {apps}/show.wsgi\nErrorDocument 500 /show")
        .expect_log("WSGI0174: ")
        .expect_traceback("ValueError: boom")
        .start();
    let r = s.get("/raise/x?q=1");
    let env = &r.json()["environ"];
    assert_eq!((&env["REDIRECT_SCRIPT_NAME"], &env["REDIRECT_PATH_INFO"]), (&"/raise".into(), &"/x".into()));
    assert_eq!((&env["SCRIPT_NAME"], &env["PATH_INFO"]), (&"/show".into(), &"".into()));
}

/// A part of a page is not given the page's body and path.
#[test]
fn parts_of_a_page() {
    let s = httpd()
        .script(
            "page.wsgi",
            "
            def application(environ, start_response):
                environ['wsgi.input'].read()
                start_response('200 OK', [('Content-Type', 'text/html')])
                return [b'<!--#include virtual=\"/part\" -->']",
        )
        .script(
            "part.wsgi",
            "
            def application(environ, start_response):
                start_response('200 OK', [('Content-Type', 'text/plain')])
                names = ['CONTENT_LENGTH', 'CONTENT_TYPE', 'PATH_INFO', 'SCRIPT_NAME', 'QUERY_STRING']
                body = environ['wsgi.input'].read()
                return [repr([environ.get(name) for name in names] + [body]).encode()]",
        )
        .config(
            "
            WSGIScriptAlias /page {dir}/page.wsgi
            WSGIScriptAlias /part {dir}/part.wsgi
            <Location />
            Options +Includes
            </Location>
            <Location /page>
            SetOutputFilter INCLUDES
            </Location>",
        )
        .module("include")
        .start();
    let r = s.request("POST", "/page/x?q=1").header("Content-Type", "a/b").body("abc").send();
    let (length, kind, path) =
        differs(("'3'", "'a/b'", "'/x'"), ("None", "None", "''"), "they are the page's");
    assert_eq!(r.text(), format!("[{length}, {kind}, {path}, '/part', '', b'']"));
}
