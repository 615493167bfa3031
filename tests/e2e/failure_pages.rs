//! What visitors see of an application that cannot be started: an id, never a traceback, unless they are meant to.

use harness::*;

use crate::retries::failing;
use crate::starting::{assert_unavailable, heals, ids, noted, script};

#[test]
fn the_page_has_the_id_and_no_details() {
    let s = failing("").start();
    let r = s.get("/app");
    assert_unavailable(&r);
    let page = r.text();
    assert!(page.contains(&ids(&s)[0]), "{page}");
    for detail in ["Traceback", "ValueError", "boom", "app.wsgi", s.dir().to_str().unwrap()] {
        assert!(!page.contains(detail), "{detail} in {page}");
    }
    assert!(page.to_ascii_lowercase().contains("<!doctype html"), "{page}");
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
    let r = s.get("/app");
    assert_unavailable(&r);
    let page = r.text();
    for part in ["Traceback", "ValueError: &lt;b&gt;boom&lt;/b&gt;", "app.wsgi", &ids(&s)[0]] {
        assert!(page.contains(part), "{part} not in {page}");
    }
    assert!(!page.contains("<b>boom"), "{page}");
    assert!(!s.get("/app/hidden").text().contains("boom"));
}

#[test]
fn details_by_htaccess() {
    let s = failing("")
        .file(".htaccess", "WSGIErrorDetails On\n")
        .config("<Directory {dir}>\nAllowOverride FileInfo\n</Directory>")
        .start();
    let r = s.get("/app");
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
        let r = s.get("/app");
        assert_unavailable(&r);
        assert!(r.text().contains("ValueError") && !r.text().contains("<pre>RuntimeError"), "{}", r.text());
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
        let r = s.get("/app");
        assert_unavailable(&r);
        assert!(r.text().contains(shown) && !r.text().contains("<script>"), "{shown} not in {}", r.text());
        std::fs::remove_file(s.dir().join("broken")).unwrap();
        heals(&s, "/app", std::time::Duration::from_secs(4));
    }
}
