//! The error log as JSON (`WSGILogFormat json`), and records of `logging` in either form.

use harness::*;
use serde_json::Value;

use crate::{by_mode, serving};

/// What an application does that logs in all ways there are.
const APP: &str = r#"
    import logging, sys, os
    import mod_wsgi
    logging.basicConfig(handlers=[mod_wsgi.LogHandler()], format='%(message)s', level=logging.DEBUG)
    log = logging.getLogger('shop.cart')
    def application(environ, start_response):
        path = environ['PATH_INFO']
        if path == '/levels':
            for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
                log.log(level, 'of level %s', level)
        elif path == '/caught':
            try:
                raise KeyError('missing')
            except KeyError:
                log.exception('not in the\ncart')
        elif path == '/raise':
            raise ValueError('boom')
        elif path == '/print':
            print('by print')
            print('by errors', file=environ['wsgi.errors'])
            sys.stderr.write('by stderr\n')
        elif path == '/forge':
            evil = [
                'x"}\n{"time":"2000-01-01T00:00:00Z","level":"alert","message":"forged"}',
                '\x1b[2J\x1b]0;title\x07\r\x7f\x00\x0b\x0c\x1c\x85',
                '\u2028\u2029\u202e\u2066\x9b2J',
                'lone \ud800 surrogate \udcff',
                '\\', '"',
            ]
            for text in evil:
                log.warning('evil %s', text)
                log.warning('evil named', extra={})
                print('evil', text)
                logging.getLogger(text).warning('evil logger')
            os.write(2, b'')
            sys.stderr.buffer.write(b'evil \xff\xfe bytes\n')
            raise ValueError(evil[0] + evil[1])
        start_response('200 OK', [])
        return [environ['mod_wsgi.request_id'].encode()]
"#;

fn site() -> Httpd {
    serving(APP).config("WSGILogFormat json\nLogLevel wsgi:debug").allow_log(r#"^\{"time":""#)
}

/// The records of JSON in the log for which this holds, once there are so many.
#[track_caller]
pub fn records(s: &Server, count: usize, is_wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
    poll::until("records", || {
        let all = parsed(s).into_iter().filter(|record| is_wanted(record)).collect::<Vec<_>>();
        (all.len() >= count).then_some(all)
    })
}

/// Every line of the module is a whole object.
#[track_caller]
fn parsed(s: &Server) -> Vec<Value> {
    let log = s.read_file("logs/error.log");
    let mut whole = log.lines().map(str::to_owned).collect::<Vec<_>>();
    if !log.ends_with('\n') {
        whole.pop();
    }
    let lines = whole.iter().filter(|line| !line.starts_with('['));
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"))).collect()
}

pub fn text<'a>(record: &'a Value, key: &str) -> &'a str {
    record[key].as_str().unwrap_or("")
}

#[test]
fn a_record_has_its_level_logger_and_request() {
    only_ours!("the original has no such directive");
    let s = site().start();
    let id = s.get("/levels").text();
    let found = records(&s, 5, |record| record["logger"] == "shop.cart");
    let levels: Vec<_> = found.iter().map(|record| text(record, "level")).collect();
    assert_eq!(levels, ["debug", "info", "warn", "error", "crit"]);
    let pid = by_mode(s.children()[0], 0);
    for record in &found {
        assert_eq!((text(record, "id"), text(record, "group")), (&*id, by_mode("", GROUP)));
        assert!(text(record, "message").starts_with("of level "), "{record}");
        assert!(text(record, "file").ends_with("app.wsgi") && record["line"].as_u64() > Some(1), "{record}");
        assert_eq!(record["client"], "127.0.0.1");
        assert!(
            regex(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$").is_match(text(record, "time")),
            "{record}"
        );
        let process = record["pid"].as_u64().unwrap();
        assert!(
            if pid == 0 { s.workers().contains(&(process as u32)) } else { process == u64::from(pid) },
            "{record}"
        );
    }
}

/// What the supervisor says of a group, and what a process of it says for itself.
#[test]
fn records_of_a_group_have_its_name() {
    only_ours!("the original has no such directive");
    daemon_only!();
    let s = site().start();
    assert_eq!(s.get("/levels").status, 200);
    let worker = u64::from(s.worker());
    for (number, is_its_own) in [("WSGI1027: ", false), ("WSGI1011: ", true)] {
        let record = &records(&s, 1, |record| text(record, "message").starts_with(number))[0];
        assert_eq!((text(record, "group"), text(record, "logger")), (GROUP, "mod_wsgi"), "{record}");
        assert_eq!(record["pid"] == worker, is_its_own, "{record}");
    }
}

#[test]
fn an_exception_is_one_record() {
    only_ours!("the original has no such directive");
    let s = site().start();
    let id = s.get("/caught").text();
    let record = &records(&s, 1, |record| record["logger"] == "shop.cart")[0];
    assert_eq!((text(record, "message"), text(record, "id")), ("not in the\ncart", &*id));
    let exception = text(record, "exception");
    assert!(exception.starts_with("Traceback ") && exception.ends_with("\nKeyError: 'missing'"), "{record}");
    assert_eq!(s.get("/raise").status, 500);
    let record = &records(&s, 1, |record| text(record, "message").starts_with("WSGI0174: "))[0];
    assert_eq!((text(record, "logger"), text(record, "level")), ("mod_wsgi", "error"));
    assert!(!text(record, "message").contains("[id ") && !text(record, "id").is_empty(), "{record}");
    let exception = text(record, "exception");
    assert!(exception.starts_with("Traceback ") && exception.ends_with("\nValueError: boom"), "{record}");
    assert_eq!(s.get("/print").status, 200);
    let found = records(&s, 3, |record| text(record, "message").starts_with("by "));
    let mut all: Vec<_> =
        found.iter().map(|record| (text(record, "logger"), text(record, "message"))).collect();
    all.sort_unstable();
    assert_eq!(all, [("sys.stderr", "by stderr"), ("sys.stdout", "by print"), ("wsgi.errors", "by errors")]);
    assert!(found.iter().all(|record| text(record, "script").ends_with("app.wsgi")), "{found:?}");
}

#[test]
fn nothing_that_an_application_writes_forges_a_record() {
    only_ours!("the original has no such directive");
    let s = site().start();
    assert_eq!(s.get("/forge").status, 500);
    records(&s, 1, |record| text(record, "message").starts_with("WSGI0174: "));
    let log = s.read_file("logs/error.log");
    let strange =
        |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}');
    assert!(!log.contains(strange), "{log:?}");
    let all = parsed(&s);
    assert!(all.iter().all(|record| record["message"] != "forged" && record["level"] != "alert"), "{log}");
    let evil = all.iter().filter(|record| text(record, "message").starts_with("evil")).count();
    assert!(evil >= 6 * 4, "{evil}: {log}");
    assert!(
        all.iter().any(|record| text(record, "message").contains("evil \u{fffd}\u{fffd} bytes")),
        "{log}"
    );
}

/// In lines, an exception and a text of several lines are lines for themselves, as they always were.
#[test]
fn lines_stay_lines() {
    let s = serving(APP)
        .config("LogLevel wsgi:debug")
        .expect_log(r"\[wsgi:error\] .*\[script .*app\.wsgi\] not in the$")
        .expect_log(r"\[wsgi:error\] .*\[script .*app\.wsgi\] cart$")
        .expect_log(r"\[script .*app\.wsgi\] Traceback \(most recent call last\):$")
        .expect_log(r"\[script .*app\.wsgi\] KeyError: 'missing'$")
        .allow_log(r"\[script .*app\.wsgi\] ")
        .start();
    assert_eq!(s.get("/caught").status, 200);
    s.wait_log("KeyError: 'missing'");
}

/// Each virtual host has its form; Apache's own lines stay as they are.
#[test]
fn a_virtual_host_has_a_form_of_its_own() {
    only_ours!("the original has no such directive");
    let s = httpd();
    let port = s.port();
    let s = s
        .script("app.wsgi", APP)
        .config(&format!(
            "
            WSGIScriptAlias / {{dir}}/app.wsgi
            LogLevel wsgi:debug
            <VirtualHost *:{port}>
            ServerName lines.test
            </VirtualHost>
            <VirtualHost *:{port}>
            ServerName json.test
            ErrorLog {{dir}}/logs/json
            WSGILogFormat json
            </VirtualHost>"
        ))
        .allow_log(r"\[script .*app\.wsgi\] of level")
        .start();
    for host in ["lines.test", "json.test"] {
        assert_eq!(s.request("GET", "/levels").header("Host", host).send().status, 200);
    }
    let lines = poll::until("the log of the host", || {
        let log = s.read_file("logs/json");
        (log.lines().filter(|line| line.contains("of level")).count() == 5).then_some(log)
    });
    for line in lines.lines().filter(|line| line.contains("of level")) {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        assert_eq!(record["server"], "json.test");
    }
    s.wait_log(r"\[script .*app\.wsgi\] of level");
}

#[test]
fn a_program_gets_it() {
    only_ours!("the original has no such directive");
    let s = serving(APP)
        .config("WSGILogFormat json\nLogLevel wsgi:debug")
        .config("<VirtualHost *:*>\nErrorLog \"|$/bin/cat >>{dir}/logs/piped\"\n</VirtualHost>")
        .allow_log(r#"^\{"time":""#)
        .start();
    let id = s.get("/caught").text();
    poll::until("the record", || {
        let log = s.read_file("logs/piped");
        let line = log.lines().find(|line| line.contains("not in the"))?;
        let record: Value = serde_json::from_str(line).ok()?;
        (record["id"] == id.as_str()).then_some(())
    });
}

/// The system's log gets a record as one message of its level, whatever stands in it.
#[test]
fn the_system_log_gets_it() {
    only_ours!("the original has no such directive");
    skip_if!(is_sanitized(), "one library is loaded before all others");
    /// `LOG_LOCAL3`, and the levels of syslog(3).
    const LOCAL3: usize = 19 << 3;
    let levels = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];
    let s = serving(APP)
        .preloaded("syslog")
        .config("WSGILogFormat json\nLogLevel wsgi:debug")
        .config("<VirtualHost *:*>\nErrorLog syslog:local3\n</VirtualHost>")
        .allow_log(r#"^\{"time":""#)
        .start();
    let id = s.get("/caught").text();
    assert_eq!(s.get("/forge").status, 500);
    let lines = poll::until("the records", || {
        let log = s.read_file("state/syslog");
        log.contains("WSGI0174: ").then(|| log.lines().map(str::to_owned).collect::<Vec<_>>())
    });
    let mut all = Vec::new();
    for line in lines {
        let (priority, text) = line[1..].split_once('>').unwrap_or_else(|| panic!("a priority: {line}"));
        // Apache's own lines.
        if !text.starts_with('[') {
            let record: Value = serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {line}"));
            let level = priority.parse::<usize>().ok().and_then(|number| number.checked_sub(LOCAL3));
            assert_eq!(
                level.and_then(|level| levels.get(level).copied()),
                record["level"].as_str(),
                "{line}"
            );
            all.push(record);
        }
    }
    let caught = all.iter().find(|record| text(record, "message") == "not in the\ncart").expect("the record");
    assert_eq!((text(caught, "id"), text(caught, "level")), (&*id, "error"));
    assert!(text(caught, "exception").ends_with("\nKeyError: 'missing'"), "{caught}");
    let evil = all.iter().filter(|record| text(record, "message").starts_with("evil")).count();
    assert!(evil >= 6 * 4 && all.iter().all(|record| record["level"] != "alert"), "{evil}: {all:?}");
}

#[test]
fn wrong_values() {
    only_ours!("the original has no such directive");
    httpd().config("WSGILogFormat xml").expect_config_error("WSGILogFormat must be one of: lines | json");
    httpd()
        .config("<Location />\nWSGILogFormat json\n</Location>")
        .expect_config_error("WSGILogFormat not allowed");
}
