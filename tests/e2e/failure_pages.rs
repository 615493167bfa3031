//! What visitors see of an application that cannot be started: an id, never a traceback, unless they are meant to.

use harness::browser::{Browser, chromium};
use harness::*;

use crate::first_failure::TOLD;
use crate::retries::failing;
use crate::starting::{assert_unavailable, heals, ids, noted, script};
use crate::status::STATUS;

/// What a browser asks for.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn ask(s: &Server, target: &str, accept: &str) -> Response {
    s.request("GET", target).header("Accept", accept).send()
}

/// The page that a person sees.
fn seen(s: &Server, target: &str) -> Response {
    ask(s, target, BROWSER)
}

#[test]
fn the_page_has_the_id_and_no_details() {
    let s = failing("").start();
    for (accept, kind) in [
        (BROWSER, "text/html; charset=utf-8"),
        ("application/json", "application/problem+json"),
        ("*/*", "text/plain; charset=utf-8"),
    ] {
        let r = ask(&s, "/app", accept);
        assert_eq!((r.status, r.header("Content-Type")), (503, Some(kind)));
        assert!(r.header("Retry-After").is_some(), "{:?}", r.headers);
        assert_eq!((r.header("Vary"), r.header("Cache-Control")), (Some("Accept"), Some("no-store")));
        let page = r.text();
        assert!(page.contains(&ids(&s)[0]), "{page}");
        for detail in ["Traceback", "ValueError", "boom", "app.wsgi", s.dir().to_str().unwrap()] {
            assert!(!page.contains(detail), "{detail} in {page}");
        }
    }
    let r = seen(&s, "/app");
    assert_unavailable(&r);
    let (page, policy) = (r.text(), r.header("Content-Security-Policy").expect("a policy"));
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for elsewhere in ["http:", "https:", "://", "@import", "url(", "src="] {
        assert!(!page.contains(elsewhere), "the page needs '{elsewhere}'");
    }
    let r = s.request("HEAD", "/app").send();
    assert_unavailable(&r);
    let r = s.post("/app", "a body");
    assert_unavailable(&r);
}

/// What the exception says is text, not HTML.
#[test]
fn details_on() {
    let s = failing("")
        .config("WSGIErrorDetails On\n<Location /app/hidden>\nWSGIErrorDetails Off\n</Location>")
        .start();
    let r = seen(&s, "/app");
    assert_unavailable(&r);
    let page = r.text();
    let line = "if exists(&#39;broken&#39;): raise ValueError(&#39;&lt;b&gt;boom&lt;/b&gt;&#39;)";
    for part in ["Traceback", "ValueError: &lt;b&gt;boom&lt;/b&gt;", "app.wsgi, line ", line, &ids(&s)[0]] {
        assert!(page.contains(part), "{part} not in {page}");
    }
    assert!(!page.contains("<b>boom"), "{page}");
    assert!(!seen(&s, "/app/hidden").text().contains("boom"));

    let problem = ask(&s, "/app", "application/json").json();
    assert_eq!((&problem["status"], &problem["error_id"]), (&503.into(), &ids(&s)[0].as_str().into()));
    assert_eq!(problem["exception"], "ValueError: <b>boom</b>");
    assert!(problem["place"].as_str().is_some_and(|place| place.contains("/app.wsgi:")), "{problem}");
    assert!(problem["retry_after"].is_number() && problem["request_id"].is_string(), "{problem}");
    let text = s.get("/app").text();
    assert!(text.contains("ValueError: <b>boom</b>") && text.contains("\n>  "), "{text}");
}

/// The place is that of the application, wherever below it the exception was raised; the advice is that of the log.
#[test]
fn details_name_the_line_of_the_application_and_what_to_do() {
    let s = httpd()
        .file(
            "shop.py",
            "import json\n\ndef load():\n    # before\n    return json.loads('<no json>')\n    # behind\n",
        )
        .script("app.wsgi", &script("import shop\nshop.load()"))
        .config("WSGIErrorDetails On\nWSGIPythonPath {dir}\nWSGIScriptAlias /app {dir}/app.wsgi")
        .allow_log(TOLD)
        .expect_traceback("json.decoder.JSONDecodeError: Expecting value")
        .expect_traceback("ModuleNotFoundError: No module named 'no_such_module_at_all'")
        .expect_log("WSGI1016: ")
        .start();
    let problem = ask(&s, "/app", "application/json").json();
    let place = problem["place"].as_str().expect("a place");
    assert!(place.ends_with("/shop.py:5"), "{problem}");
    let page = seen(&s, "/app").text();
    assert!(page.contains("shop.py, line 5, in load"), "{page}");
    for line in ["<b>4</b>    # before", "<b>6</b>    # behind", "class=\"here\"><b>5</b>"] {
        assert!(page.contains(line), "{line} not in {page}");
    }
    s.write_file("app.wsgi", "import no_such_module_at_all\n");
    let problem = poll::until("the other failure", || {
        let problem = ask(&s, "/app", "application/json").json();
        problem["exception"].as_str()?.contains("no_such_module_at_all").then_some(problem)
    });
    assert!(s.logged("WSGI1016: ").last().is_some_and(|line| line.contains("no_such_module_at_all")));
    let advice = problem["advice"].as_str().expect("advice");
    assert!(advice.starts_with("'no_such_module_at_all' is not found."), "{advice}");
}

const RAISES: &str = "
    import os
    def application(environ, start_response):
        if environ['PATH_INFO'] == '/late':
            start_response('200 OK', [('Content-Type', 'text/plain')])(b'x')
        raise LookupError('<i>gone</i>')
    ";

/// An exception in a request is shown where details are wanted, to clients that have seen nothing of the answer.
#[test]
fn an_exception_in_a_request() {
    let s = httpd()
        .script("app.wsgi", RAISES)
        .config(
            "WSGIScriptAlias /app {dir}/app.wsgi\n<Location /app/shown>\nWSGIErrorDetails On\n</Location>",
        )
        .config("<Location /app/own>\nWSGIErrorDetails On\nErrorDocument 500 our-page\n</Location>")
        .config("<Location /app/late>\nWSGIErrorDetails On\n</Location>")
        .expect_log("WSGI0174: Exception LookupError")
        .expect_traceback("LookupError: <i>gone</i>")
        .start();
    let r = seen(&s, "/app/shown");
    assert_eq!((r.status, r.header("Retry-After")), (500, None));
    let page = r.text();
    for part in
        ["LookupError: &lt;i&gt;gone&lt;/i&gt;", "app.wsgi, line 5, in application", "Traceback", "<b>4</b>"]
    {
        assert!(page.contains(part), "{part} not in {page}");
    }
    assert!(!page.contains("<script"), "there is nothing to wait for");
    assert_eq!(ask(&s, "/app/shown", "application/json").json()["exception"], "LookupError: <i>gone</i>");
    let r = seen(&s, "/app/hidden");
    assert!(r.status == 500 && !r.text().contains("gone"), "{}", r.text());
    assert_eq!((seen(&s, "/app/own").status, seen(&s, "/app/own").text()), (500, "our-page".into()));
    let mut late = s.raw(&s.request("GET", "/app/late").header("Accept", BROWSER).bytes());
    assert!(late.try_response().is_none_or(|r| !r.text().contains("gone")), "its answer has begun");
}

/// A process of a group answers as a child of Apache does.
#[test]
fn in_a_process_group() {
    skip_if!(mode() == Mode::Daemon, "the test has a group of its own");
    let broken = "import os\nif os.path.exists(os.environ['MOD_WSGI_TEST'] + '/broken'):\n    raise ValueError('<b>boom</b>')\n";
    let s = crate::daemon::defined("processes=1 threads=2", &(broken.to_owned() + &text::dedent(RAISES)))
        .file("broken", "")
        .config("WSGIErrorDetails On\n<Location /app/own>\nErrorDocument 500 our-page\nErrorDocument 503 closed\n</Location>")
        .allow_log(TOLD)
        .allow_log("WSGI10(30|31): ")
        .expect_traceback("ValueError: <b>boom</b>")
        .expect_traceback("LookupError: <i>gone</i>")
        .expect_log("WSGI0174: ")
        .start();
    let page = poll::until("the page", || {
        let r = seen(&s, "/app/x");
        (r.status == 503 && r.text().contains("<h2>")).then(|| r.text())
    });
    for part in [
        "<h2>ValueError: &lt;b&gt;boom",
        "app.wsgi, line 3, in &lt;module&gt;",
        "class=\"here\"><b>3</b>",
        "<script ",
    ] {
        assert!(page.contains(part), "{part} not in {page}");
    }
    assert_eq!((seen(&s, "/app/own").status, seen(&s, "/app/own").text()), (503, "closed".into()));
    std::fs::remove_file(s.dir().join("broken")).unwrap();
    let page = poll::until("the application is asked", || {
        let r = seen(&s, "/app/x");
        (r.status == 500).then(|| r.text())
    });
    assert!(page.contains("<h2>LookupError: &lt;i&gt;gone"), "{page}");
    let json = ask(&s, "/app/x", "application/json");
    assert_eq!((json.status, json.header("Content-Type")), (500, Some("application/problem+json")));
    assert_eq!(seen(&s, "/app/own").text(), "our-page");
}

/// In a real browser: nothing is refused or fails, and the page is loaded again when the application serves.
#[test]
fn a_browser_sees_the_application_when_it_serves() {
    skip_if!(chromium().is_none(), "there is no Chromium");
    let s = failing("")
        .script(
            "app.wsgi",
            &script(
                "
                if exists('broken'): raise ValueError('<b>boom</b>')
                def application(environ, start_response):
                    note('seen', environ.get('HTTP_SEC_FETCH_MODE'))
                    return answer(start_response)
                ",
            ),
        )
        .config("<Location /app/shown>\nWSGIErrorDetails On\n</Location>")
        .start();
    let url = |target: &str| format!("http://localhost:{}{target}", s.port());
    for (target, width, dark) in
        [("/app/shown", 1000, false), ("/app/shown", 420, true), ("/app", 420, false)]
    {
        let (picture, console) = Browser::picture(&url(target), width, dark);
        assert!(picture.starts_with(b"\x89PNG"));
        assert_eq!(console, "");
        if let Some(dir) = std::env::var_os("MOD_WSGI_TEST_PICTURES") {
            let name = format!("failed{}-{width}.png", target.replace('/', "-"));
            std::fs::write(std::path::Path::new(&dir).join(name), &picture).unwrap();
        }
    }
    let browser = Browser::open(&url("/app/shown"));
    s.wait_log("referer: http://localhost:.*/app/shown");
    std::fs::remove_file(s.dir().join("broken")).unwrap();
    poll::until("the browser loads the page again", || {
        crate::starting::notes(&s, "seen").iter().any(|note| note.text == "navigate").then_some(())
    });
    assert_eq!(
        browser.console().lines().filter(|line| !line.contains("503")).count(),
        0,
        "{}",
        browser.console()
    );
}

/// Whoever is to log in first gets there, though that is another site, which the page may not ask.
#[test]
fn a_browser_is_sent_where_one_logs_in() {
    skip_if!(chromium().is_none(), "there is no Chromium");
    let s = failing("")
        .script(
            "login.wsgi",
            &script("def application(environ, start_response):\n    note('login')\n    return answer(start_response)"),
        )
        .config("WSGIScriptAlias /login {dir}/login.wsgi\n<Location /app/shown>\nWSGIErrorDetails On\n</Location>")
        .config("RewriteEngine On\nRewriteCond {dir}/away -f\nRewriteRule ^/app/shown http://127.0.0.1:{port}/login [R,L]")
        .start();
    let browser = Browser::open(&format!("http://localhost:{}/app/shown", s.port()));
    s.wait_log("referer: http://localhost:.*/app/shown");
    s.write_file("away", "");
    poll::until("the browser is where one logs in", || {
        (!crate::starting::notes(&s, "login").is_empty()).then_some(())
    });
    drop(browser);
}

#[test]
fn details_by_htaccess() {
    let s = failing("")
        .file(".htaccess", "WSGIErrorDetails On\n")
        .config("<Directory {dir}>\nAllowOverride FileInfo\n</Directory>")
        .start();
    let r = seen(&s, "/app");
    assert_unavailable(&r);
    assert!(r.text().contains("Traceback"), "{}", r.text());
}

/// The cause stays that of the first attempt, though a later one ends in something else.
#[test]
fn the_first_cause_is_kept() {
    let s = failing(
        "
        marker = HERE + '/state/tried'
        if os.path.exists(marker):
            note('attempt')
            raise RuntimeError('a follow-up')
        open(marker, 'w').close()
        ",
    )
    .config("WSGIErrorDetails On")
    .allow_log("RuntimeError")
    .start();
    poll::until("three attempts", || {
        let r = seen(&s, "/app");
        assert_unavailable(&r);
        assert!(
            r.text().contains("<h2>ValueError") && !r.text().contains("<h2>RuntimeError"),
            "{}",
            r.text()
        );
        (crate::starting::notes(&s, "attempt").len() == 3).then_some(())
    });
    let short = s.logged("WSGI1015: ");
    assert!(short.iter().all(|l| l.contains("ValueError")), "{short:?}");
}

/// A page of one's own, made by another application that is told the id.
#[test]
fn error_document() {
    let s = failing("")
        .script(
            "sorry.wsgi",
            &script(
                "
                def application(environ, start_response):
                    start_response(environ['REDIRECT_STATUS'] + ' Sorry', [('Content-Type', 'text/plain')])
                    return [b'sorry ' + environ.get('REDIRECT_WSGI_ERROR_ID', 'none').encode()]",
            ),
        )
        .config("WSGIScriptAlias /sorry {dir}/sorry.wsgi\nErrorDocument 503 /sorry")
        .start();
    noted(&s, "attempt", 1);
    let r = s.get("/app");
    assert_eq!(r.status, 503);
    assert_eq!(r.text(), format!("sorry {}", ids(&s)[0]));
    assert!(r.header("Retry-After").is_some(), "{:?}", r.headers);
}

#[test]
fn error_document_that_is_a_text() {
    let s = failing("").config("ErrorDocument 503 closed-for-now").start();
    let r = s.get("/app");
    assert_eq!((r.status, r.text().as_str()), (503, "closed-for-now"));
    assert!(r.header("Retry-After").is_some(), "{:?}", r.headers);
}

/// A visitor writes what looks like a place in a traceback, and like a failed start: neither is believed.
#[test]
fn what_a_visitor_writes_is_no_place_and_no_failed_start() {
    let s = httpd()
        .script(
            "app.wsgi",
            "
            import sys
            from urllib.parse import unquote
            def application(environ, start_response):
                text = unquote(environ['QUERY_STRING'])
                print(text, file=sys.stderr)
                error = ValueError('bad ' + text)
                error.add_note(text)
                raise error",
        )
        .config("WSGIErrorDetails On\nWSGIScriptAlias /app {dir}/app.wsgi")
        .config(STATUS)
        .allow_log(r"wsgi:error\] \[pid [^]]*\] (\[client [^]]*\] )?([^W\[]|W[^S]|\[script |WSGI0110: WSGI script '/srv/|$)")
        .expect_log("WSGI0174: ")
        .start();
    for visitor in [
        "x%0A  File \"/proc/self/environ\", line 1, in f",
        "x%0AFile \"/etc/passwd\", line 1",
        "WSGI0110: WSGI script '/srv/shop.wsgi' raised ValueError",
    ] {
        let problem =
            ask(&s, &format!("/app?{}", visitor.replace(' ', "%20").replace('"', "%22")), "application/json");
        let problem = problem.json();
        let place = problem["place"].as_str().unwrap_or_else(|| panic!("{problem}"));
        assert!(place.contains("/app.wsgi:"), "{place}");
    }
    let groups = s.get("/wsgi-status?json").json()["groups"].clone();
    let groups = groups.as_array().expect("groups");
    assert!(groups.iter().all(|group| group["events"].as_array().is_some_and(Vec::is_empty)), "{groups:?}");
}

/// Whatever an exception says or is, there is a page, the log is in order, and it heals.
#[test]
fn awkward_exceptions() {
    for (body, shown) in [
        ("raise ValueError('x' * 300000)", "ValueError: xxxxx"),
        ("raise ValueError('\\udcff\\0\\x1b[31m<script>')", "[31m&lt;script&gt;"),
        ("class E(Exception):\n    __str__ = None\nraise E()", "E"),
        ("class E(BaseException): pass\nraise E('base')", "E: base"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("def f(): f()\nf()", "RecursionError"),
        ("raise ExceptionGroup('group', [ValueError('a'), TypeError('b')])", "TypeError: b"),
        (
            "a, b = ValueError('a'), ValueError('b'); a.__cause__, b.__cause__ = b, a\nraise a",
            "ValueError: a",
        ),
    ] {
        let body = text::dedent(body).replace('\n', "\n    ");
        let s = httpd()
            .file("broken", "")
            .script("app.wsgi", &script(&format!("if exists('broken'):\n    {body}\n")))
            .config("WSGIErrorDetails On\nWSGIScriptAlias /app {dir}/app.wsgi")
            .expect_log("WSGI0110: .*attempt 1, ")
            .allow_log(r"wsgi:error\] \[pid [^]]*\] ([^W\[]|W[^S]|$)")
            .start();
        let r = seen(&s, "/app");
        assert_unavailable(&r);
        assert!(r.text().contains(shown) && !r.text().contains("<script>"), "{shown} not in {}", r.text());
        std::fs::remove_file(s.dir().join("broken")).unwrap();
        heals(&s, "/app", std::time::Duration::from_secs(4));
    }
}
