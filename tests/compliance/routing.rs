//! From a URL to a script: WSGIScriptAlias, WSGIScriptAliasMatch, handlers, and the checks before a script runs.

use harness::*;

/// An application that says which one it is, and where it believes it is mounted.
const NAMED: &str = r#"
    NAME = __file__.rsplit("/", 1)[1]

    def application(environ, start_response):
        text = "%s %s|%s" % (NAME, environ["SCRIPT_NAME"], environ["PATH_INFO"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [text.encode("latin-1")]
"#;

fn two() -> Httpd {
    httpd().script("a.wsgi", NAMED).script("b.wsgi", NAMED)
}

#[track_caller]
fn check(s: &Server, target: &str, answer: &str) {
    let r = s.get(target);
    assert_eq!((r.status, r.text().as_str()), (200, answer), "{target}");
}

#[test]
fn root_mount() {
    let s = two().config("WSGIScriptAlias / {dir}/a.wsgi").start();
    check(&s, "/", "a.wsgi |/");
    check(&s, "/x/y?q", "a.wsgi |/x/y");
}

#[test]
fn prefix_mount() {
    let s = two().config("WSGIScriptAlias /a {dir}/a.wsgi").start();
    check(&s, "/a", "a.wsgi /a|");
    check(&s, "/a/", "a.wsgi /a|/");
    check(&s, "/a/b/c", "a.wsgi /a|/b/c");
    assert_eq!(s.get("/ab").status, 404, "the match ends at a slash");
    assert_eq!(s.get("/A").status, 404, "case counts");
}

#[test]
fn mount_with_trailing_slash() {
    let s = two().config("WSGIScriptAlias /a/ {dir}/a.wsgi/").start();
    check(&s, "/a/b", "a.wsgi /a|/b");
    assert_eq!(s.get("/a").status, 404);
}

/// Runs of slashes are one, in the alias, SCRIPT_NAME and PATH_INFO.
#[test]
fn repeated_slashes() {
    let s = two().config("WSGIScriptAlias //a {dir}/a.wsgi").config("WSGIScriptAlias / {dir}/b.wsgi").start();
    check(&s, "//a///b", "a.wsgi /a|/b");
    check(&s, "/a//b//", "a.wsgi /a|/b/");
    check(&s, "///x//y", "b.wsgi |/x/y");
}

#[test]
fn decoded_url() {
    let s = two().config("WSGIScriptAlias /a {dir}/a.wsgi").start();
    check(&s, "/a/x%20y%41", "a.wsgi /a|/x yA");
    check(&s, "/%61/z", "a.wsgi /a|/z");
    let r = s.get("/a/%C3%A9");
    assert_eq!(r.body, b"a.wsgi /a|/\xc3\xa9", "Latin-1 in the environ, the same bytes on the way out");
}

/// No longest-prefix rule: what stands first in the file matches first.
#[test]
fn first_alias_wins() {
    let s = two()
        .config("WSGIScriptAlias / {dir}/a.wsgi\nWSGIScriptAlias /b {dir}/b.wsgi")
        .expect_log_of(
            Subject::Ours,
            "WSGI1095: .*httpd.conf:[0-9]+: '/b' never gets a request, because '/' at ",
        )
        .start();
    check(&s, "/b/x", "a.wsgi |/b/x");
    drop(s);
    let s = two().config("WSGIScriptAlias /b {dir}/b.wsgi\nWSGIScriptAlias / {dir}/a.wsgi").start();
    check(&s, "/b/x", "b.wsgi /b|/x");
    check(&s, "/bx", "a.wsgi |/bx");
}

/// mod_alias translates first, whatever the order in the file.
#[test]
fn plain_alias_beats_script_alias() {
    let s = two()
        .file("static/x.txt", "static")
        .config("WSGIScriptAlias / {dir}/a.wsgi\nAlias /s {dir}/static")
        .start();
    check(&s, "/s/x.txt", "static");
    check(&s, "/t", "a.wsgi |/t");
}

/// A directory as target: the URL names the script in it.
#[test]
fn directory_of_scripts() {
    let s = httpd()
        .script("scripts/one.wsgi", NAMED)
        .script("scripts/two.wsgi", NAMED)
        .config("WSGIScriptAlias /s/ {dir}/scripts/")
        .expect_log("WSGI0135: ")
        .expect_log("WSGI0136: ")
        .start();
    check(&s, "/s/one.wsgi", "one.wsgi /s/one.wsgi|");
    check(&s, "/s/two.wsgi/x", "two.wsgi /s/two.wsgi|/x");
    assert_eq!(s.get("/s/none.wsgi").status, 404);
    assert_eq!(s.get("/s/").status, 403, "a directory is no script");
}

#[test]
fn missing_script() {
    let s = httpd().config("WSGIScriptAlias / {dir}/none.wsgi").expect_log("WSGI0135: ").start();
    assert_eq!(s.get("/").status, 404);
}

#[test]
fn directory_as_script() {
    let s = httpd().config("WSGIScriptAlias / {dir}/htdocs").expect_log("WSGI0136: ").start();
    assert_eq!(s.get("/").status, 403);
}

#[test]
fn alias_of_the_virtual_host_comes_first() {
    let s = two()
        .config(
            "
            WSGIScriptAlias / {dir}/a.wsgi
            <VirtualHost *:{port}>
            ServerName main.test
            </VirtualHost>
            <VirtualHost *:{port}>
            ServerName other.test
            WSGIScriptAlias /b {dir}/b.wsgi
            </VirtualHost>",
        )
        .start();
    let get = |host: &str, target: &str| s.request("GET", target).header("Host", host).send().text();
    assert_eq!(get("main.test", "/b"), "a.wsgi |/b");
    assert_eq!(get("other.test", "/b/x"), "b.wsgi /b|/x");
    assert_eq!(get("other.test", "/c"), "a.wsgi |/c");
}

#[test]
fn alias_match() {
    let s = two().config("WSGIScriptAliasMatch ^/u/([^/]+) {dir}/$1.wsgi").expect_log("WSGI0135: ").start();
    check(&s, "/u/a", "a.wsgi /u/a|");
    check(&s, "/u/b/x/y", "b.wsgi /u/b|/x/y");
    assert_eq!(s.get("/u/c").status, 404);
    assert_eq!(s.get("/v/a").status, 404);
}

/// The pattern is not anchored; what stands behind the match is appended to the target.
#[test]
fn alias_match_is_not_anchored() {
    let s = two().config("WSGIScriptAliasMatch /app {dir}/a.wsgi").start();
    check(&s, "/x/app/y", "a.wsgi /x/app|/y");
}

/// A match of no length is none.
#[test]
fn empty_alias_match_is_ignored() {
    let s = two().config("WSGIScriptAliasMatch x* {dir}/a.wsgi\nWSGIScriptAlias / {dir}/b.wsgi").start();
    check(&s, "/yy", "b.wsgi |/yy");
}

#[test]
fn add_handler_needs_exec_cgi() {
    let config = "DocumentRoot {dir}/docs\nAddHandler wsgi-script .wsgi";
    let s = httpd().script("docs/a.wsgi", NAMED).config(config).expect_log("WSGI0134: ").start();
    assert_eq!(s.get("/a.wsgi").status, 403);
    drop(s);
    let s = httpd()
        .script("docs/a.wsgi", NAMED)
        .file("docs/plain.txt", "plain")
        .config(config)
        .config("<Directory {dir}/docs>\nOptions ExecCGI\n</Directory>")
        .start();
    check(&s, "/a.wsgi", "a.wsgi /a.wsgi|");
    check(&s, "/a.wsgi/x", "a.wsgi /a.wsgi|/x");
    check(&s, "/plain.txt", "plain");
}

/// `wsgi-script` and the name of older releases, by SetHandler.
#[test]
fn set_handler() {
    for name in ["wsgi-script", "application/x-httpd-wsgi"] {
        let s = httpd()
            .script("docs/a.py", NAMED)
            .config("DocumentRoot {dir}/docs")
            .config(&format!("<Files a.py>\nSetHandler {name}\nOptions ExecCGI\n</Files>"))
            .start();
        check(&s, "/a.py/x", "a.py /a.py|/x");
    }
}

#[test]
fn handler_by_rewrite() {
    let s = httpd()
        .script("docs/a.wsgi", NAMED)
        .config(
            "
            DocumentRoot {dir}/docs
            <Directory {dir}/docs>
            Options ExecCGI FollowSymLinks
            RewriteEngine On
            RewriteBase /
            RewriteRule ^a\\.wsgi - [H=wsgi-script]
            </Directory>",
        )
        .start();
    check(&s, "/a.wsgi/x", "a.wsgi /a.wsgi|/x");
}

#[test]
fn accept_path_info_off() {
    let s = two()
        .config("WSGIScriptAlias /a {dir}/a.wsgi\n<Location /a>\nAcceptPathInfo Off\n</Location>")
        .expect_log("WSGI0137: ")
        .start();
    check(&s, "/a", "a.wsgi /a|");
    assert_eq!(s.get("/a/x").status, 404);
}

/// Apache's access rules for the target's directory and for the URL both hold.
#[test]
fn access_rules_apply() {
    let s = two()
        .config(
            "
            WSGIScriptAlias /a {dir}/a.wsgi
            WSGIScriptAlias /b {dir}/b.wsgi
            <Files b.wsgi>
            Require all denied
            </Files>
            <Location /a/closed>
            Require all denied
            </Location>",
        )
        .expect_log("AH01630: client denied by server configuration: .*b.wsgi")
        .expect_log("AH01630: client denied by server configuration: .*a.wsgi")
        .start();
    check(&s, "/a/open", "a.wsgi /a|/open");
    assert_eq!(s.get("/a/closed/x").status, 403);
    assert_eq!(s.get("/b").status, 403);
}

/// Apache decides about the handler `wsgi-script`; without it a script is a file like any other.
#[test]
fn other_handlers_are_left_alone() {
    let s = httpd().file("htdocs/a.wsgi", "source").start();
    check(&s, "/a.wsgi", "source");
}

#[test]
fn every_method_reaches_the_application() {
    let s = crate::serving(&crate::answering("result = environ['REQUEST_METHOD']")).start();
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "BREW"] {
        let r = s.request(method, "/x").send();
        assert_eq!((r.status, r.text().as_str()), (200, method));
    }
}

/// The URL `*` of OPTIONS does not start with a slash and is never considered.
#[test]
fn options_asterisk() {
    let s = two().config("WSGIScriptAlias / {dir}/a.wsgi").start();
    assert_eq!(s.request("OPTIONS", "*").send().text(), "");
    check(&s, &format!("http://localhost:{}/abs/x", s.port()), "a.wsgi |/abs/x");
}
