//! Scripts that Apache asks, where it is easy to let somebody in by mistake: requirements that are negated, requests that lead to
//! others, scripts that end or fork, and what a script keeps.

use harness::*;

use crate::auth_scripts::basic;

fn guarded(functions: &str, config: &str) -> Httpd {
    httpd().script("guard.py", functions).config("WSGIScriptAlias / {apps}/show.wsgi").config(config)
}

/// A script that does not answer is no reason to let everybody in.
#[test]
fn whoever_is_in_no_group_that_is_known() {
    let s = guarded(
        "
        def check_password(environ, user, password):
            return True
        def groups_for_user(environ, user):
            return {'ann': ['staff'], 'bad': ['banned'], 'odd': 5}[user]",
        "
        <Location />
            AuthType Basic
            AuthName realm
            AuthBasicProvider wsgi
            WSGIAuthUserScript {dir}/guard.py
            WSGIAuthGroupScript {dir}/guard.py
            <RequireAll>
                Require valid-user
                Require not wsgi-group banned
            </RequireAll>
        </Location>",
    )
    .expect_traceback("KeyError: 'gus'")
    .allow_log("KeyError|WSGI0174|WSGI005[019]|WSGI0060|AH01631|TypeError|AH0[0-9]+: .*wsgi-group")
    .start();
    let get = |user: &str| s.request("GET", "/").header("Authorization", &basic(user, "x")).send().status;
    let failed = differs(200, 500, "a script that fails must not let everybody in");
    for (user, status) in [("ann", 200), ("bad", 401), ("odd", failed), ("gus", failed)] {
        assert_eq!(get(user), status, "{user}");
    }
}

/// Python runs in Apache's children if a script needs it, whatever its interpreter is called.
#[test]
fn an_interpreter_named_after_the_host_where_embedded_mode_is_restricted() {
    for name in ["%{SERVER}", "%{HOST}", "%{GLOBAL}", "mine"] {
        let config = format!(
            "WSGIRestrictEmbedded On\nAlias /page {{dir}}/page.txt\n<Directory {{dir}}>\nRequire all granted\n</Directory>
            <Location /page>\nWSGIAccessScript {{dir}}/guard.py application-group={name}\n</Location>"
        );
        let s = httpd()
            .script(
                "guard.py",
                "def allow_access(environ, host):\n    return environ['QUERY_STRING'] == 'in'",
            )
            .file("page.txt", "page")
            .config(&config)
            .allow_log("WSGI0057")
            .start();
        assert_eq!([s.get("/page?in").status, s.get("/page?out").status], [200, 403], "{name}");
    }
}

/// Of a request that leads to another one, both are checked if their sections differ; parts of a page too.
#[test]
fn requests_that_lead_to_others() {
    let s = httpd()
        .module("include")
        .script(
            "guard.py",
            "def allow_access(environ, host):\n    return 'secret' not in environ['SCRIPT_NAME']",
        )
        .file("docs/secret/page.txt", "secret")
        .file("docs/open/page.shtml", "[<!--#include virtual=\"/secret/page.txt\" -->]")
        .file("docs/open/page.txt", "open")
        .config(
            "
            DocumentRoot {dir}/docs
            RewriteEngine On
            RewriteRule ^/in$ /secret/page.txt [PT]
            ErrorDocument 404 /secret/page.txt
            <Directory {dir}/docs>
                Options +Includes
                AddOutputFilter INCLUDES .shtml
                Require all granted
                RewriteEngine On
                RewriteRule ^open/there$ /secret/page.txt
                WSGIAccessScript {dir}/guard.py
            </Directory>
            <Directory {dir}/docs/secret>
                WSGIAccessScript {dir}/guard.py
            </Directory>",
        )
        .allow_log("WSGI0057|AH01374|AH00128|unable to include")
        .start();
    assert_eq!(s.get("/open/page.txt").status, 200);
    for target in ["/secret/page.txt", "/in", "/open/there", "/none", "/open/page.shtml"] {
        assert!(!s.get(target).text().contains("secret"), "{target}");
    }
}

/// A script that ends its process by an exception, or whose child comes back, neither lets in nor ends the server.
#[test]
fn scripts_that_end_or_fork() {
    let s = guarded(
        "
        import os, sys
        def allow_access(environ, host):
            how = environ['QUERY_STRING']
            if how == 'exit':
                sys.exit(0)
            if how == 'fork':
                child = os.fork()
                if child:
                    os.waitpid(child, 0)
            return how != 'none'",
        "WSGIApplicationGroup %{GLOBAL}\n<Location />\nWSGIAccessScript {dir}/guard.py\n</Location>",
    )
    .allow_traceback()
    .allow_log("WSGI0057|WSGI017[45]|SystemExit|DeprecationWarning|fork")
    .start();
    let pids = s.children();
    // There the child serves on, on the connections of its parent.
    let forks = differs("any", "fork", "a child that comes back ends");
    for (how, status) in [("none", 403), ("exit", 403), (forks, 200), ("any", 200)] {
        assert_eq!(s.get(&format!("/?{how}")).status, status, "{how}");
    }
    assert_eq!(s.children(), pids);
}

/// An environ that a script keeps knows nothing of a request that is over.
#[test]
fn what_a_script_keeps() {
    let s = guarded(
        "
        KEPT = []
        def allow_access(environ, host):
            if KEPT:
                print('old is', KEPT[0]['mod_ssl.is_https'](), file=environ['wsgi.errors'])
                try:
                    KEPT[0]['mod_ssl.var_lookup']('SSL_PROTOCOL')
                except RuntimeError as error:
                    print('over:', error, file=environ['wsgi.errors'])
            KEPT.append(environ)
            return True",
        "<Location />\nWSGIAccessScript {dir}/guard.py\n</Location>",
    )
    .allow_log("over:|old is|RuntimeError|WSGI0174")
    .allow_traceback();
    // The original reads freed memory.
    only_ours!("the original reads memory of the request that is over");
    let s = s.start();
    assert_eq!([s.get("/").status, s.get("/").status], [200, 200]);
    s.wait_log("over: var_lookup\\(\\) called after request completed");
}

/// Neither the method nor a body matters to the scripts, and the application gets the body.
#[test]
fn bodies_and_methods() {
    let s = httpd()
        .script("guard.py", "def allow_access(environ, host):\n    return environ['REQUEST_METHOD'] != 'DELETE'")
        .script(
            "handler.py",
            "
            def handle_request(environ, start_response):
                body = environ['wsgi.input'].read()
                start_response('200 OK', [('Content-Length', str(len(body))), ('X-Method', environ['REQUEST_METHOD'])])
                return [body]",
        )
        .config(
            "
            WSGIHandlerScript mine {dir}/handler.py
            <Location />
                SetHandler mine
                WSGIAccessScript {dir}/guard.py
            </Location>",
        )
        .allow_log("WSGI0057")
        .start();
    let post = s.post("/x", "a body");
    assert_eq!((post.status, post.text()), (200, "a body".into()));
    let head = s.request("HEAD", "/x").send();
    assert_eq!((head.status, head.text(), head.header("X-Method")), (200, String::new(), Some("HEAD")));
    assert_eq!(s.request("DELETE", "/x").body("x").send().status, 403);
    assert_eq!(s.post("/x", vec![b'x'; 3 << 20]).text().len(), 3 << 20);
}
