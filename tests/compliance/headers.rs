//! Which request headers reach the environ, and credentials among them.

use harness::*;
use serde_json::Value;

use crate::{showing, shown};

/// Only letters, digits and hyphens make a header name that reaches the application.
#[test]
fn odd_header_names_are_dropped() {
    let s = showing().start();
    let r = s.request("GET", "/").header("X_Test", "1").header("X-Test", "2").header("X.Dot", "3").send();
    let env = &shown(&r)["environ"];
    assert_eq!(env["HTTP_X_TEST"], "2");
    assert!(env.get("HTTP_X_DOT").is_none());
    assert!(env.get("HTTP_X.DOT").is_none());
}

#[test]
fn proxy_header_is_dropped() {
    let s = showing().start();
    let r = s.request("GET", "/").header("Proxy", "http://evil").send();
    assert!(shown(&r)["environ"].get("HTTP_PROXY").is_none());
}

#[test]
fn repeated_headers_are_joined() {
    let s = showing().start();
    let r = s.request("GET", "/").header("X-A", "1").header("X-A", "2").send();
    assert_eq!(shown(&r)["environ"]["HTTP_X_A"], "1, 2");
}

#[test]
fn header_values_are_latin_1() {
    let s = showing().start();
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-A: \xe9\xc3\xa9\r\n\r\n";
    let r = s.raw(request).response();
    assert_eq!(shown(&r)["environ"]["HTTP_X_A"], "\u{e9}\u{c3}\u{a9}");
}

fn with_credentials(s: &Server, target: &str) -> Value {
    let r = s
        .request("GET", target)
        .header("Authorization", "Basic eDp5")
        .header("Proxy-Authorization", "z")
        .send();
    shown(&r)["environ"].clone()
}

#[test]
fn pass_authorization() {
    let s = httpd()
        .config(
            "
            WSGIScriptAlias /default {apps}/show.wsgi
            WSGIScriptAlias /option {apps}/show.wsgi pass-authorization=On
            WSGIScriptAlias /not {apps}/show.wsgi pass-authorization=Off
            WSGIScriptAlias /on {apps}/show.wsgi
            WSGIScriptAlias /cgi {apps}/show.wsgi
            <Location /on>
            WSGIPassAuthorization On
            </Location>
            <Location /not>
            WSGIPassAuthorization On
            </Location>
            <Location /cgi>
            CGIPassAuth On
            </Location>",
        )
        .start();
    for (target, passed) in
        [("/default", false), ("/option", true), ("/not", false), ("/on", true), ("/cgi", true)]
    {
        let env = with_credentials(&s, target);
        assert_eq!(env.get("HTTP_AUTHORIZATION").is_some(), passed, "{target}");
        assert_eq!(env.get("HTTP_PROXY_AUTHORIZATION").is_some(), target == "/cgi", "{target}");
    }
}

#[test]
fn pass_authorization_merges_and_is_allowed_in_htaccess() {
    let s = httpd()
        .script("docs/off/show.wsgi", "def application(environ, start_response): pass\n")
        .config(
            "
            WSGIPassAuthorization On
            WSGIScriptAlias /inherit {apps}/show.wsgi
            WSGIScriptAlias /off {dir}/docs/show.wsgi
            <Directory {dir}/docs>
            AllowOverride FileInfo
            </Directory>",
        )
        .file("docs/show.wsgi", include_bytes!("../apps/show.wsgi"))
        .file("docs/.htaccess", "WSGIPassAuthorization off\n")
        .start();
    assert!(with_credentials(&s, "/inherit").get("HTTP_AUTHORIZATION").is_some());
    assert!(with_credentials(&s, "/off").get("HTTP_AUTHORIZATION").is_none());
}

#[test]
fn authenticated_user() {
    let s = showing()
        .file("users", "bob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
        .config(
            "
            <Location /private>
            AuthType Basic
            AuthName private
            AuthUserFile {dir}/users
            Require valid-user
            </Location>",
        )
        .allow_log("AH0161[78]|AH01614")
        .start();
    assert_eq!(s.get("/private").status, 401);
    let r = s.request("GET", "/private").header("Authorization", "Basic Ym9iOnNlY3JldA==").send();
    let env = &shown(&r)["environ"];
    assert_eq!(env["REMOTE_USER"], "bob");
    assert_eq!(env["AUTH_TYPE"], "Basic");
    assert!(env.get("HTTP_AUTHORIZATION").is_none());
}
