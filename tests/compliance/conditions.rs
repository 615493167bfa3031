//! Conditional requests: every condition, alone and with another, against every validator, by the rules of RFC 9110.

use harness::*;

use crate::serving;

/// Answers with the headers that the query names.
const VALIDATED: &str = r#"
    import urllib.parse

    def application(environ, start_response):
        environ["wsgi.input"].read()
        headers = urllib.parse.parse_qsl(environ["QUERY_STRING"])
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "10"), *headers])
        return [b"01234", b"56789"]
"#;

/// Days in January 1998; the content is of the second one.
const DAYS: [&str; 3] =
    ["Thu, 01 Jan 1998 00:00:00 GMT", "Fri, 02 Jan 1998 00:00:00 GMT", "Sat, 03 Jan 1998 00:00:00 GMT"];

/// An answer's ETag, and whether it has a Last-Modified.
type Validators = (Option<&'static str>, bool);

/// A request's conditions, in the order of [`NAMES`].
type Conditions = [Option<&'static str>; 5];

const NAMES: [&str; 5] =
    ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"];

fn day(text: &str) -> Option<usize> {
    DAYS.iter().position(|day| *day == text)
}

/// RFC 9110, 8.8.3.2.
fn same(tag: &str, etag: &str, strong: bool) -> bool {
    let opaque = |tag: &str| tag.trim_start_matches("W/").to_owned();
    opaque(tag) == opaque(etag) && !(strong && (tag.starts_with("W/") || etag.starts_with("W/")))
}

/// RFC 9110, 13.1.1 and 13.1.2.
fn listed(list: &str, etag: Option<&str>, strong: bool) -> bool {
    list == "*" || etag.is_some_and(|etag| list.split(", ").any(|tag| same(tag, etag, strong)))
}

/// What is right (RFC 9110, 13.2.2): status and body. Methods that change something have been performed when there is an answer.
fn right(
    method: &str,
    (etag, dated): Validators,
    conditions: Conditions,
    range: bool,
) -> (u16, &'static str) {
    let [if_match, if_none_match, modified_since, unmodified_since, if_range] = conditions;
    let whole = if method == "HEAD" { "" } else { "0123456789" };
    if method == "POST" {
        return (200, whole);
    }
    // 1, 2
    if let Some(list) = if_match {
        if !listed(list, etag, true) {
            return (412, "");
        }
    } else if let Some(date) = unmodified_since.and_then(day).filter(|_| dated)
        && date < 1
    {
        return (412, "");
    }
    // 3, 4
    if let Some(list) = if_none_match {
        if listed(list, etag, false) {
            return (304, "");
        }
    } else if let Some(date) = modified_since.and_then(day).filter(|_| dated)
        && date >= 1
    {
        return (304, "");
    }
    // 5, and 14.2: ranges are for GET
    let applies = match if_range {
        None => true,
        Some(tag) if tag.contains('"') => etag.is_some_and(|etag| same(tag, etag, true)),
        Some(date) => dated && day(date) == Some(1),
    };
    if range && applies && method == "GET" { (206, "234") } else { (200, whole) }
}

/// Conditions of which at most two are there.
fn all() -> Vec<Conditions> {
    let values: [&[&str]; 5] = [
        &["*", "\"v1\"", "\"v2\"", "W/\"v1\"", "\"a,b\", \"v1\""],
        &["*", "\"v1\"", "\"v2\"", "W/\"v1\"", "\"v2\", W/\"v1\""],
        &[DAYS[0], DAYS[1], DAYS[2], "yesterday"],
        &[DAYS[0], DAYS[1], DAYS[2], "yesterday"],
        &["\"v1\"", "\"v2\"", "W/\"v1\"", DAYS[0], DAYS[1], "yesterday"],
    ];
    let mut all = vec![[None; 5]];
    for (n, first) in values.iter().enumerate() {
        for one in *first {
            let mut conditions = [None; 5];
            conditions[n] = Some(*one);
            all.push(conditions);
            for (m, second) in values.iter().enumerate().skip(n + 1) {
                for other in *second {
                    conditions[m] = Some(*other);
                    all.push(conditions);
                    conditions[m] = None;
                }
            }
        }
    }
    all
}

#[test]
fn every_condition_against_every_validator() {
    only_ours!("the original evaluates no conditions");
    let s = serving(VALIDATED).start();
    let mut c = s.connect();
    let mut sent = 0;
    for validators in [
        (None, false),
        (Some("\"v1\""), false),
        (Some("W/\"v1\""), false),
        (None, true),
        (Some("\"v1\""), true),
    ] {
        let mut query = String::new();
        if let Some(etag) = validators.0 {
            query.push_str(&format!("ETag={}&", etag.replace('"', "%22")));
        }
        if validators.1 {
            query.push_str(&format!("Last-Modified={}", DAYS[1].replace(' ', "+")));
        }
        for method in ["GET", "HEAD", "POST"] {
            for conditions in all() {
                for range in [false, true] {
                    let mut request =
                        s.request(method, &format!("/?{query}")).header("Connection", "keep-alive");
                    for (name, value) in NAMES.iter().zip(conditions) {
                        if let Some(value) = value {
                            request = request.header(name, value);
                        }
                    }
                    if range {
                        request = request.header("Range", "bytes=2-4");
                    }
                    let request = if method == "POST" { request.body("x") } else { request };
                    // KeepAliveRequests is 100.
                    if sent % 100 == 0 {
                        c = s.connect();
                    }
                    sent += 1;
                    c.send(&request.bytes());
                    let r = c.read(method == "HEAD");
                    let (status, body) = right(method, validators, conditions, range);
                    let case = format!("{method} {validators:?} {conditions:?} range {range}");
                    assert_eq!(r.status, status, "{case}");
                    assert!(r.complete, "{case}");
                    if status != 412 {
                        assert_eq!(r.text(), body, "{case}");
                        assert_eq!(r.header("ETag"), validators.0, "{case}");
                    }
                }
            }
        }
    }
}

/// An ETag that changes within a second: the date of an answer without Last-Modified is not the present.
#[test]
fn a_date_without_last_modified() {
    let s = serving(VALIDATED).start();
    for method in ["GET", "HEAD"] {
        for tag in ["v1", "v2", "v3"] {
            let date = s.get("/").header("Date").expect("Date").to_owned();
            let r =
                s.request(method, &format!("/?ETag=%22{tag}%22")).header("If-Modified-Since", &date).send();
            assert_eq!(r.status, 200, "{method} {tag}");
        }
    }
}

/// Conditions are about what the client has asked for: neither error documents nor other statuses, and the application
/// may have its own view of them.
#[test]
fn answers_without_conditions() {
    let s = httpd()
        .script("app.wsgi", VALIDATED)
        .script("own.wsgi", "def application(environ, start_response):\n    start_response(environ['QUERY_STRING'] + ' x', [('ETag', '\"v1\"')])\n    return [b'x']\n")
        .config("WSGIScriptAlias /app {dir}/app.wsgi\nWSGIScriptAlias /own {dir}/own.wsgi\nErrorDocument 404 /app?ETag=%22v1%22")
        .start();
    for (target, status) in
        [("/none", 404), ("/own?201", 201), ("/own?203", 203), ("/own?404", 404), ("/own?500", 500)]
    {
        let r =
            s.request("GET", target).header("If-None-Match", "\"v1\"").header("If-Match", "\"v2\"").send();
        let status = if status == 404 && target == "/none" { 200 } else { status };
        assert_eq!(r.status, status, "{target}");
    }
}

/// The server's page for 412, and the connection goes on, whatever the application does with its body.
#[test]
fn a_failed_precondition() {
    only_ours!("the original evaluates no conditions");
    let s = serving(
        r#"
        def application(environ, start_response):
            size = int(environ["QUERY_STRING"])
            headers = [("ETag", '"v1"'), ("Set-Cookie", "a=b"), ("X-App", "x")]
            if environ["PATH_INFO"] == "/short":
                headers.append(("Content-Length", str(size * 3 + 10)))
            write = start_response("200 OK", headers)
            if environ["PATH_INFO"] == "/write":
                write(b"first")
            if environ["PATH_INFO"] == "/raise":
                raise ValueError("boom")
            return iter([b"x" * size] * 3)"#,
    )
    .config("ErrorDocument 412 \"not that one\"")
    .expect_log("WSGI1006: ")
    .expect_log("WSGI0174: ")
    .expect_traceback("ValueError: boom")
    .start();
    let mut c = s.connect();
    for size in [0, 10, 100_000, 10_000_000] {
        for path in ["/", "/write", "/short"] {
            c.send(format!("GET {path}?{size} HTTP/1.1\r\nHost: x\r\nIf-Match: \"v2\"\r\n\r\n").as_bytes());
            let r = c.response();
            assert_eq!((r.status, r.text().as_str()), (412, "not that one"), "{path} {size}");
            assert_eq!((r.header("ETag"), r.header("X-App"), r.header("Set-Cookie")), (None, None, None));
        }
    }
    // prefork has one process, which the connection holds.
    drop(c);
    for path in ["/", "/write", "/short"] {
        assert_eq!(s.get(&format!("{path}?10")).status, 200, "{path}");
    }
    assert_eq!(s.request("GET", "/raise?1").header("If-Match", "\"v2\"").send().status, 500);
}

/// Ranges are for GET, and a weak tag does not tell that two parts are of one content.
#[test]
fn ranges() {
    only_ours!("the original honours ranges of wrapped files only");
    let s = serving(VALIDATED).start();
    let get = |method: &str, if_range: Option<&str>| {
        let mut request = s.request(method, "/?ETag=W/%22v1%22").header("Range", "bytes=2-4");
        if let Some(value) = if_range {
            request = request.header("If-Range", value);
        }
        let r = if method == "POST" { request.body("x") } else { request }.send();
        (r.status, r.text())
    };
    let whole = |body: &str| (200, body.to_owned());
    assert_eq!(get("GET", None), (206, "234".into()));
    assert_eq!(get("HEAD", None), whole(""));
    assert_eq!(get("POST", None), whole("0123456789"));
    assert_eq!(get("GET", Some("W/\"v1\"")), whole("0123456789"));
}

/// The client of an answer without content waits for nothing: it has its answer at once, and the application ends as it does
/// when a client has gone. Otherwise one request for an endless answer would hold a thread for ever.
#[test]
fn an_endless_answer_that_nobody_reads() {
    only_ours!("the original evaluates no condition");
    let s = serving(
        "
        import os
        state = os.path.join(os.path.dirname(__file__), 'state')

        class Endless:
            def __init__(self, name):
                self.name = name
            def __iter__(self):
                return self
            def __next__(self):
                return b'more and more ' * 100
            def close(self):
                open(os.path.join(state, self.name), 'w').close()

        def writing(write, name):
            try:
                while True:
                    write(b'more and more ' * 100)
            finally:
                open(os.path.join(state, name), 'w').close()

        def application(environ, start_response):
            headers = [('ETag', '\"1\"'), ('Last-Modified', 'Fri, 02 Jan 1998 00:00:00 GMT')]
            write = start_response('200 OK', [('Content-Type', 'text/event-stream'), *headers])
            if environ['PATH_INFO'] == '/write':
                writing(write, environ['QUERY_STRING'])
            return Endless(environ['QUERY_STRING'])",
    )
    .start();
    for (at, (name, value, status)) in [
        ("If-Match", "\"2\"", 412),
        ("If-Unmodified-Since", DAYS[0], 412),
        ("If-None-Match", "*", 304),
        ("If-None-Match", "W/\"1\"", 304),
        ("If-Modified-Since", DAYS[2], 304),
    ]
    .into_iter()
    .enumerate()
    {
        for path in ["/", "/write"] {
            let mark = format!("{}{at}", path.len());
            let r = s.request("GET", &format!("{path}?{mark}")).header(name, value).send();
            assert_eq!(r.status, status, "{path} {name}: {value}");
            poll::until("the application's end", || s.dir().join("state").join(&mark).exists().then_some(()));
        }
    }
}
