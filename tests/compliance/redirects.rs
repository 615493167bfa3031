//! Requests that httpd itself leads to an application: by its modules' lookups, redirects inside and subrequests.

use harness::*;

use crate::by_mode;

/// Says where it believes to be, what was asked of it, and in which interpreter it runs.
const WHERE: &str = r#"
    def application(environ, start_response):
        body = environ["wsgi.input"].read().decode()
        names = ["REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "REQUEST_URI", "REDIRECT_STATUS",
                 "mod_wsgi.application_group", "mod_wsgi.process_group"]
        text = " ".join([environ.get(name, "-") or "''" for name in names] + [body])
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
        return [text.encode()]
"#;

/// The application at `/app`, whose interpreter is the alias's own, not one that its place would give.
fn site(config: &str) -> Httpd {
    httpd()
        .script("app.wsgi", WHERE)
        .file("docs/there.txt", "a file")
        .file("docs/sub/x.txt", "another file")
        .config("DocumentRoot {dir}/docs\nDirectoryIndex disabled")
        .config(&format!(
            "WSGIScriptAlias /app {{dir}}/app.wsgi application-group=own process-group={}",
            crate::process_group()
        ))
        .config(config)
}

/// What [`WHERE`] answers: method, script name, path, query and target as the application sees them, the status of a
/// redirect, and the body.
#[track_caller]
fn is_answer(r: &Response, request: [&str; 5], status: &str, body: &str) {
    let group = by_mode("''", GROUP);
    let text = format!(
        "{} {status} own {group} {body}",
        request.map(|t| if t.is_empty() { "''" } else { t }).join(" ")
    );
    assert_eq!((r.status, r.text().as_str()), (200, text.as_str()));
}

/// The resource that there is not is the application's, with any method and body.
#[test]
fn fallback_resource() {
    let s = site("FallbackResource /app").expect_log("WSGI0139: ").start();
    is_answer(&s.get("/x/y?q=1"), ["GET", "/app", "", "q=1", "/x/y?q=1"], "-", "");
    is_answer(&s.post("/x?q=1", "a body"), ["POST", "/app", "", "q=1", "/x?q=1"], "-", "a body");
    let r = s.request("PUT", "/z").chunks(&[b"12"]).send();
    assert_eq!(r.status, 411, "Apache's own rules hold: {}", r.text());
    is_answer(&s.request("DELETE", "/x").send(), ["DELETE", "/app", "", "", "/x"], "-", "");
    assert_eq!(s.get("/there.txt").text(), "a file");
    is_answer(&s.get("/app/p"), ["GET", "/app", "/p", "", "/app/p"], "-", "");
    let r = s.request("HEAD", "/x").send();
    assert_eq!((r.status, r.body.len()), (200, 0));
}

/// In a directory's own section, with a path behind the script, and several requests on one connection.
#[test]
fn fallback_resource_of_a_directory() {
    let s = site("<Directory {dir}/docs/sub>\nFallbackResource /app/deep\n</Directory>").start();
    is_answer(&s.get("/sub/x/y"), ["GET", "/app", "/deep", "", "/sub/x/y"], "-", "");
    let mut c = s.connect();
    for n in 0..3 {
        c.send(format!("POST /sub/{n} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nb{n}").as_bytes());
        is_answer(&c.response(), ["POST", "/app", "/deep", "", &format!("/sub/{n}")], "-", &format!("b{n}"));
        c.send(b"GET /sub/x.txt HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(c.response().text(), "another file");
    }
    c.send(b"GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(c.response().status, 404);
}

#[test]
fn directory_index() {
    let s = site("<Directory {dir}/docs>\nDirectoryIndex none.html /app\n</Directory>").start();
    is_answer(&s.get("/?q=1"), ["GET", "/app", "", "q=1", "/?q=1"], "-", "");
    is_answer(&s.get("/sub/"), ["GET", "/app", "", "", "/sub/"], "-", "");
    is_answer(&s.post("/sub/", "a body"), ["POST", "/app", "", "", "/sub/"], "-", "a body");
    assert_eq!(s.get("/sub").status, 301, "mod_dir's own redirect");
    assert_eq!(s.get("/sub/x.txt").text(), "another file");
}

/// A relative index that is in an alias of its own.
#[test]
fn directory_index_below_an_alias() {
    let s = site("")
        .script("scripts/index.wsgi", WHERE)
        .config(
            "
            WSGIScriptAlias /s {dir}/scripts application-group=own
            <Directory {dir}/scripts>
            DirectoryIndex index.wsgi
            </Directory>",
        )
        .start();
    is_answer(&s.get("/s/"), ["GET", "/s/index.wsgi", "", "", "/s/"], "-", "");
}

/// An alias that leads to a directory counts for the script that is its index, wherever that lies.
#[test]
fn directory_index_of_an_alias_elsewhere() {
    let s = site("")
        .script("docs/plain.wsgi", WHERE)
        .file("scripts/none", "")
        .config(
            "
            WSGIScriptAlias /s {dir}/scripts application-group=own
            AddHandler wsgi-script .wsgi
            <Directory {dir}/scripts>
            DirectoryIndex /plain.wsgi
            </Directory>",
        )
        .expect_log("WSGI0134: ")
        .start();
    is_answer(&s.get("/s/"), ["GET", "/plain.wsgi", "", "", "/s/"], "-", "");
    assert_eq!(s.get("/plain.wsgi").status, 403, "no ExecCGI there");
}

#[test]
fn error_document() {
    let s = site("ErrorDocument 404 /app/missing").start();
    let r = s.get("/none?q=1");
    assert_eq!((r.status, r.text().split(' ').next()), (200, Some("GET")));
    is_answer(&r, ["GET", "/app", "/missing", "", "/none?q=1"], "404", "");
    let r = s.post("/none", "a body");
    assert_eq!(
        (r.status, r.text().split(' ').take(3).collect::<Vec<_>>()),
        (200, vec!["GET", "/app", "/missing"])
    );
}

#[test]
fn rewrite_of_the_server() {
    let s = site(
        "RewriteEngine On\nRewriteRule ^/r/(.*)$ /app/$1 [PT]\nRewriteRule ^/q/(.*)$ /app?p=$1 [PT,QSA]",
    )
    .start();
    is_answer(&s.get("/r/x"), ["GET", "/app", "/x", "", "/r/x"], "-", "");
    is_answer(&s.post("/r/x", "a body"), ["POST", "/app", "/x", "", "/r/x"], "-", "a body");
    is_answer(&s.get("/q/x?b=2"), ["GET", "/app", "", "p=x&b=2", "/q/x?b=2"], "-", "");
}

#[test]
fn rewrite_of_a_directory() {
    let rules = "
        <Directory {dir}/docs>
        Options FollowSymLinks
        RewriteEngine On
        RewriteCond %{REQUEST_FILENAME} !-f
        RewriteRule ^(.*)$ /app/$1 [QSA,L]
        </Directory>";
    let s = site(rules).start();
    is_answer(&s.get("/x/y?q=1"), ["GET", "/app", "/x/y", "q=1", "/x/y?q=1"], "200", "");
    is_answer(&s.post("/x", "a body"), ["POST", "/app", "/x", "", "/x"], "200", "a body");
    assert_eq!(s.get("/there.txt").text(), "a file");
}

#[test]
fn negotiation() {
    let s = site("")
        .script("docs/multi/page.wsgi", WHERE)
        .script("docs/map/de.wsgi", WHERE)
        .file(
            "docs/map/page.var",
            "URI: page\n\nURI: de.wsgi\nContent-Type: text/plain\nContent-Language: de\n",
        )
        .config(
            "
            <Directory {dir}/docs/multi>
            Options ExecCGI MultiViews
            AddHandler wsgi-script .wsgi
            MultiviewsMatch Any
            WSGIApplicationGroup own
            </Directory>
            <Directory {dir}/docs/map>
            Options ExecCGI
            AddHandler type-map .var
            AddHandler wsgi-script .wsgi
            WSGIApplicationGroup own
            </Directory>",
        )
        .module("negotiation")
        .start();
    is_answer(&s.get("/multi/page"), ["GET", "/multi/page.wsgi", "", "", "/multi/page"], "-", "");
    is_answer(
        &s.post("/multi/page", "a body"),
        ["POST", "/multi/page.wsgi", "", "", "/multi/page"],
        "-",
        "a body",
    );
    is_answer(&s.get("/map/page.var"), ["GET", "/map/de.wsgi", "", "", "/map/page.var"], "200", "");
}

#[test]
fn server_side_includes() {
    let s = site("<Directory {dir}/docs>\nOptions Includes\nAddOutputFilter INCLUDES .shtml\n</Directory>")
        .file(
            "docs/page.shtml",
            "[<!--#include virtual=\"/app/one?q=1\" -->][<!--#include virtual=\"/app/two\" -->][end]",
        )
        .module("include")
        .start();
    let script = |path: &'static str| {
        let reason = "SCRIPT_NAME and PATH_INFO together are the URL (PEP 3333)";
        differs(format!("/app{path}"), "/app".to_owned(), reason)
    };
    let group = by_mode("''", GROUP);
    let included = |path, query| format!("GET {} {path} {query} /page.shtml - own {group} ", script(path));
    let expected = format!("[{}][{}][end]", included("/one", "q=1"), included("/two", "''"));
    for r in [s.get("/page.shtml"), s.post("/page.shtml", "x")] {
        assert_eq!((r.status, r.text()), (200, expected.clone()));
    }
}

/// What the environ of a page has, that of a part has not: neither what the page may see of its visitor nor what a part's own
/// headers say.
#[test]
fn a_part_sees_nothing_that_is_its_pages_alone() {
    let app = "
        def application(environ, start_response):
            start_response('200 OK', [('Content-Type', 'text/html')])
            if environ['PATH_INFO'] == '/page':
                visitor = environ['HTTP_AUTHORIZATION'] + ' '
                return [visitor.encode(), b'<!--#include virtual=\"/part\" -->']
            names = ('HTTP_AUTHORIZATION', 'HTTP_CONTENT_ENCODING', 'CONTENT_LENGTH', 'FOR_THE_PAGE')
            return [('%s ' % [environ.get(name) for name in names]).encode()]";
    let s = crate::serving(app)
        .module("include")
        .config(
            "
            <Location /page>
            WSGIPassAuthorization On
            Options +Includes
            SetOutputFilter INCLUDES
            SetEnv FOR_THE_PAGE yes
            </Location>",
        )
        .start();
    let ask = |target: &str| {
        let request = s.request("POST", target).header("Authorization", "Basic YTpi");
        request.header("Content-Encoding", "identity").body("body").send().text()
    };
    let reason = "credentials and the body are those of the page";
    let part = differs("'Basic YTpi', 'identity', '4'", "None, None, None", reason);
    assert_eq!(ask("/page"), format!("Basic YTpi [{part}, 'yes'] "));
}

#[test]
fn users_directories() {
    let s = site("")
        .script("homes/bob/site.wsgi", WHERE)
        .file("homes/bob/page.txt", "bob's")
        .config(&format!(
            "
            UserDir {{dir}}/homes/*
            WSGIScriptAlias /~app {{dir}}/app.wsgi application-group=own process-group={}
            <Directory {{dir}}/homes>
            Options ExecCGI
            AddHandler wsgi-script .wsgi
            WSGIApplicationGroup own
            FallbackResource /~app
            </Directory>",
            crate::process_group()
        ))
        .module("userdir")
        .start();
    assert_eq!(s.get("/~bob/page.txt").text(), "bob's");
    is_answer(&s.get("/~app/x"), ["GET", "/~app", "/x", "", "/~app/x"], "-", "");
    is_answer(
        &s.get("/~bob/site.wsgi/x"),
        ["GET", "/~bob/site.wsgi", "/x", "", "/~bob/site.wsgi/x"],
        "-",
        "",
    );
    is_answer(&s.get("/~bob/none"), ["GET", "/~app", "", "", "/~bob/none"], "-", "");
}

#[test]
fn actions() {
    let s = site("Action mine /app\nAddHandler mine .txt\nScript PUT /app/put").module("actions").start();
    let r = s.get("/there.txt?q=1");
    is_answer(&r, ["GET", "/app", "/there.txt", "q=1", "/there.txt?q=1"], "200", "");
    let r = s.post("/there.txt", "a body");
    is_answer(&r, ["POST", "/app", "/there.txt", "", "/there.txt"], "200", "a body");
    let r = s.request("PUT", "/sub/").body("a body").send();
    is_answer(&r, ["PUT", "/app", "/put/sub/", "", "/sub/"], "200", "a body");
}
