//! The environ: CGI variables, headers, WSGI keys and those of mod_wsgi.

use harness::*;
use serde_json::{Value, json};

use crate::{show, showing, shown};

#[track_caller]
fn environ(s: &Server, target: &str) -> Value {
    show(s, target)["environ"].clone()
}

#[test]
fn cgi_variables() {
    let s = showing().config("ServerAdmin admin@test").start();
    let r = s
        .request("POST", "/a%20b/c?x=1&y=%20")
        .header("Content-Type", "text/x-test; charset=utf-8")
        .header("X-Custom-Header", "some value")
        .header("Cookie", "a=1; b=2")
        .body("12345")
        .send();
    let env = &shown(&r)["environ"];
    let port = s.port().to_string();
    for (name, value) in [
        ("REQUEST_METHOD", "POST"),
        ("SCRIPT_NAME", ""),
        ("PATH_INFO", "/a b/c"),
        ("QUERY_STRING", "x=1&y=%20"),
        ("REQUEST_URI", "/a%20b/c?x=1&y=%20"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_NAME", "localhost"),
        ("SERVER_PORT", &port),
        ("SERVER_ADDR", "127.0.0.1"),
        ("SERVER_ADMIN", "admin@test"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("REQUEST_SCHEME", "http"),
        ("CONTENT_TYPE", "text/x-test; charset=utf-8"),
        ("CONTENT_LENGTH", "5"),
        ("HTTP_X_CUSTOM_HEADER", "some value"),
        ("HTTP_COOKIE", "a=1; b=2"),
        ("HTTP_HOST", &format!("localhost:{port}")),
        ("DOCUMENT_ROOT", s.dir().join("htdocs").to_str().unwrap()),
        ("SCRIPT_FILENAME", s.dir().join("apps/show.wsgi").to_str().unwrap()),
    ] {
        assert_eq!(env[name], value, "{name}");
    }
    assert!(env["REMOTE_PORT"].as_str().unwrap().parse::<u16>().is_ok());
    assert!(env["SERVER_SOFTWARE"].as_str().unwrap().starts_with("Apache/2.4"));
    for absent in [
        "HTTP_CONTENT_TYPE",
        "HTTP_CONTENT_LENGTH",
        "GATEWAY_INTERFACE",
        "PATH_TRANSLATED",
        "SERVER_SIGNATURE",
        "REMOTE_HOST",
        "REMOTE_IDENT",
        "PATH",
        "LD_LIBRARY_PATH",
        "HTTPS",
        "REMOTE_USER",
        "AUTH_TYPE",
    ] {
        assert!(env.get(absent).is_none(), "{absent} = {}", env[absent]);
    }
}

#[test]
fn server_software_names_module_and_python() {
    let s = showing().start();
    let r = s.get("/");
    let software = shown(&r)["environ"]["SERVER_SOFTWARE"].clone();
    assert_eq!(r.header("Server"), software.as_str());
    assert!(software.as_str().unwrap().contains("mod_wsgi/"), "{software}");
    assert!(software.as_str().unwrap().contains(&format!("Python/{}", python().split('.').next().unwrap())));
    drop(s);
    let s = showing().config("ServerTokens Prod").start();
    assert_eq!(environ(&s, "/")["SERVER_SOFTWARE"], "Apache");
}

#[test]
fn without_body_and_query() {
    let s = showing().start();
    let env = environ(&s, "/");
    assert_eq!(env["QUERY_STRING"], "");
    assert_eq!(env["PATH_INFO"], "/");
    assert!(env.get("CONTENT_LENGTH").is_none());
    assert!(env.get("CONTENT_TYPE").is_none());
}

#[test]
fn wsgi_keys() {
    let s = showing().start();
    let all = show(&s, "/");
    let (env, types) = (&all["environ"], &all["types"]);
    assert_eq!(env["wsgi.version"], json!([1, 0]));
    assert_eq!(env["wsgi.url_scheme"], "http");
    assert_eq!(env["wsgi.multithread"], threaded());
    assert_eq!(env["wsgi.run_once"], false);
    assert_eq!(env["wsgi.input_terminated"], true);
    for (name, kind) in [
        ("wsgi.version", "tuple"),
        ("wsgi.multithread", "bool"),
        ("wsgi.multiprocess", "bool"),
        ("wsgi.file_wrapper", "type"),
        ("PATH_INFO", "str"),
        ("CONTEXT_DOCUMENT_ROOT", "str"),
        ("CONTEXT_PREFIX", "str"),
    ] {
        assert_eq!(types[name], kind, "{name}");
    }
}

/// Whether Apache may run more than one child, not how many it runs now.
#[test]
fn multiprocess() {
    embedded_only!();
    for (children, expected) in [(1, false), (2, true)] {
        let s = showing().children(children).start();
        assert_eq!(environ(&s, "/")["wsgi.multiprocess"], expected, "{children} children");
    }
}

#[test]
fn mod_wsgi_keys() {
    let s = httpd().config("WSGIScriptAlias /app {apps}/show.wsgi").start();
    let all = show(&s, "/app/x");
    let env = &all["environ"];
    let port = s.port().to_string();
    assert_eq!(env["mod_wsgi.process_group"], by_mode("", GROUP));
    assert_eq!(env["mod_wsgi.application_group"], format!("localhost:{port}|/app"));
    assert_eq!(env["mod_wsgi.callable_object"], "application");
    assert_eq!(env["mod_wsgi.request_handler"], "wsgi-script");
    assert_eq!(env["mod_wsgi.handler_script"], "");
    assert_eq!(env["mod_wsgi.script_name"], "/app");
    assert_eq!(env["mod_wsgi.path_info"], "/x");
    assert_eq!(env["mod_wsgi.listener_host"], "127.0.0.1");
    assert_eq!(env["mod_wsgi.listener_port"], port);
    let (server_pid, pid) = (env["mod_wsgi.server_pid"].as_str().unwrap(), all["pid"].to_string());
    assert_eq!(server_pid == pid, mode() == Mode::Embedded, "{server_pid} is the child's");
    assert_eq!(env["mod_wsgi.version"].as_array().unwrap().len(), 3);
    assert_eq!(env["mod_wsgi.version"][0], 6);
    assert!(!env["mod_wsgi.request_id"].as_str().unwrap().is_empty());
    assert!(env.get("mod_wsgi.mount_point").is_none());
    for (name, kind) in [
        ("mod_wsgi.version", "tuple"),
        ("mod_wsgi.thread_id", "int"),
        ("mod_wsgi.request_start", "float"),
        ("mod_wsgi.queue_start", "float"),
        ("mod_wsgi.daemon_start", "float"),
        ("mod_wsgi.application_start", "float"),
        ("apache.version", "tuple"),
    ] {
        assert_eq!(all["types"][name], kind, "{name}");
    }
    for name in ["mod_wsgi.queue_start", "mod_wsgi.daemon_start"] {
        assert_eq!(env[name] == "0.0", mode() == Mode::Embedded, "{name} = {}", env[name]);
    }
    assert!(env.as_object().unwrap().keys().all(|name| !name.starts_with("mod_wsgi.x-")), "internal keys");
}

#[test]
fn request_ids_differ() {
    let s = showing().start();
    let (a, b) = (environ(&s, "/"), environ(&s, "/"));
    assert_ne!(a["mod_wsgi.request_id"], b["mod_wsgi.request_id"]);
}

/// Variables of the request reach the environ, never the process.
#[test]
fn request_variables() {
    let s = showing()
        .config(
            "
            SetEnv FOO bar
            SetEnv REMOTE_ADDR 9.9.9.9
            SetEnv PATH /nowhere
            SetEnvIf X-Set (.+) FROM_HEADER=$1
            PassEnv PASSED
            RewriteEngine On
            RewriteRule .* - [E=REWRITTEN:yes]",
        )
        .env("PASSED", "through")
        .start();
    let all = shown(&s.request("GET", "/").header("X-Set", "value").send());
    let env = &all["environ"];
    assert_eq!(env["FOO"], "bar");
    assert_eq!(env["FROM_HEADER"], "value");
    assert_eq!(env["PASSED"], "through");
    assert_eq!(env["REWRITTEN"], "yes");
    assert_eq!(env["REMOTE_ADDR"], "127.0.0.1", "cannot be faked");
    assert!(env.get("PATH").is_none());
    assert!(all["os_environ"].get("FOO").is_none());
    assert_eq!(all["os_environ"]["PASSED"], "through", "it is in Apache's own environment");
}

#[test]
fn after_an_internal_redirect() {
    let s = showing()
        .config("RewriteEngine On\nErrorDocument 404 /handler\nAlias /none {dir}/htdocs/none")
        .start();
    let r = s.get("/none?q=1");
    let env = &shown(&r)["environ"];
    assert_eq!(env["REDIRECT_URL"], "/none");
    assert_eq!(env["REDIRECT_QUERY_STRING"], "q=1");
    assert_eq!(env["REDIRECT_STATUS"], "404");
    assert_eq!(env["PATH_INFO"], "/handler");
    assert_eq!(env["REQUEST_URI"], "/none?q=1", "as received");
}

/// An absolute target (a proxy's, RFC 9112, 3.2.2) stays as it is.
#[test]
fn request_uri_of_an_absolute_target() {
    let s = showing().start();
    let env = environ(&s, "http://localhost/abs%20x?q");
    assert_eq!(env["REQUEST_URI"], "http://localhost/abs%20x?q");
    assert_eq!((&env["PATH_INFO"], &env["QUERY_STRING"]), (&"/abs x".into(), &"q".into()));
}

/// A PATH_INFO of the request's environment stands for the URL's where that has none, under both names.
#[test]
fn path_info_of_the_request_environment() {
    let s = httpd().config("WSGIScriptAlias /app {apps}/show.wsgi\nSetEnv PATH_INFO /given").start();
    for (target, info) in [("/app", "/given"), ("/app/own", "/own")] {
        let env = environ(&s, target);
        assert_eq!([&env["PATH_INFO"], &env["mod_wsgi.path_info"]], [info, info], "{target}");
    }
}

#[test]
fn request_uri_after_a_rewrite() {
    let s = httpd()
        .config(
            "
            WSGIScriptAlias /app {apps}/show.wsgi
            RewriteEngine On
            RewriteRule ^/old/(.*) /app/$1 [PT]",
        )
        .start();
    let env = environ(&s, "/old/x?y");
    assert_eq!(env["REQUEST_URI"], "/old/x?y");
    assert_eq!(env["SCRIPT_NAME"], "/app");
    assert_eq!(env["PATH_INFO"], "/x");
}

#[test]
fn scheme_from_the_environment() {
    let s = showing().config("SetEnvIf X-Https (.+) HTTPS=$1").start();
    for (value, scheme) in
        [("on", "https"), ("On", "https"), ("1", "https"), ("off", "http"), ("yes", "http")]
    {
        let r = s.request("GET", "/").header("X-Https", value).send();
        let env = &shown(&r)["environ"];
        assert_eq!(env["wsgi.url_scheme"], scheme, "HTTPS={value}");
        assert!(env.get("HTTPS").is_none());
    }
}

#[test]
fn http_1_0_without_host() {
    let s = showing().start();
    let r = s.raw(b"GET /x HTTP/1.0\r\n\r\n").response();
    let env = &shown(&r)["environ"];
    assert_eq!(env["SERVER_PROTOCOL"], "HTTP/1.0");
    assert_eq!(env["SERVER_NAME"], "localhost");
    assert!(env.get("HTTP_HOST").is_none());
}
