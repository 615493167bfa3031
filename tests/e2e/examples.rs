//! Each folder of `examples/`, served with the configuration that it recommends: only places, the port and the users of the
//! machine are put in. What is not granted there is denied, as in Debian's apache2.conf.

use std::fs;

use harness::poll::until;
use harness::*;

use crate::run;

/// The example, copied to `{dir}/srv/NAME` for each name, with `/srv` of its configuration there.
fn example(folder: &str, names: &[&str]) -> Httpd {
    let from = repository().join("examples").join(folder);
    let conf = fs::read_to_string(from.join("apache.conf")).expect("the example's configuration");
    let mut h = httpd().no_group().no_python_home();
    fs::create_dir(h.dir().join("srv")).expect("srv");
    for name in names {
        h = h.tree(&from, &format!("srv/{name}"));
    }
    let port = h.port();
    let conf = regex(r"/srv/\w+/venv").replace_all(&conf, venv().to_str().unwrap()).into_owned();
    let conf = regex(r"user=\w+ group=\w+")
        .replace_all(&conf, if is_root() { "user=www-data group=www-data" } else { "" });
    let conf = regex(r"([ :=])/srv/").replace_all(&conf, "${1}{dir}/srv/");
    let conf = conf.replace("<VirtualHost *:80>", &format!("<VirtualHost *:{port}>"));
    h.config("<Directory />\nRequire all denied\n</Directory>\nDefine APACHE_LOG_DIR {dir}/logs")
        .config(&conf)
}

fn ask(s: &Server, host: &str, path: &str) -> (u16, String) {
    let r = s.request("GET", path).header("Host", &format!("{host}.example.org")).send();
    (r.status, r.text())
}

#[test]
fn hello() {
    let s = example("hello", &["hello"]).start();
    assert_eq!(ask(&s, "hello", "/there"), (200, "Hello from hello.example.org/there\n".into()));
}

#[test]
fn flask() {
    let s = example("flask", &["flask"]).allow_log("greeting 'Ada'").start();
    let (status, page) = ask(&s, "flask", "/");
    assert!(
        status == 200 && page.contains("<h1>Hello, world!</h1>") && page.contains("/static/site.css"),
        "{page}"
    );
    assert!(ask(&s, "flask", "/static/site.css").1.starts_with("body {"));
    let r = s.request("POST", "/").header("Host", "flask.example.org");
    let r = r.header("Content-Type", "application/x-www-form-urlencoded").body("name=Ada").send();
    assert!(r.text().contains("<h1>Hello, Ada!</h1>"), "{}", r.text());
    until("the line of the application", || {
        s.read_file("logs/flask-error.log").contains("greeting 'Ada'").then_some(())
    });
}

#[test]
fn django() {
    let h = example("django", &["django"]).file("srv/django/secret-key", "for tests");
    run(&h.dir().join("srv/django"), "python", &["manage.py", "collectstatic", "--no-input"]);
    let s = h.start();
    let (status, page) = ask(&s, "django", "/");
    assert!(status == 200 && page.contains("<h1>Hello from django.example.org!</h1>"), "{page}");
    assert!(ask(&s, "django", "/static/site.css").1.starts_with("body {"));
    assert_eq!(ask(&s, "django", "/health"), (200, "ok\n".into()));
}

#[test]
fn typed() {
    let s = example("typed", &["typed"]).start();
    let (status, text) = ask(&s, "typed", "/");
    assert!(status == 404 && text.contains("5 threads of Apache 2.4."), "{text}");
    let r = s.request("PUT", "/").header("Host", "typed.example.org").body("some bytes").send();
    assert_eq!(r.status, 204);
    assert_eq!(ask(&s, "typed", "/"), (200, "some bytes".into()));
    s.wait_log("an upload of 10 bytes took ");
}

/// The metrics that there are stand in the documentation: dashboard and alerts are held against it (tests/artifacts).
#[test]
fn monitoring() {
    let s = example("monitoring", &["monitoring"])
        .expect_log("WSGI0174: ")
        .expect_traceback("RuntimeError: as it is")
        .start();
    assert_eq!(ask(&s, "monitoring", "/work"), (200, "done\n".into()));
    assert_eq!(ask(&s, "monitoring", "/fail").0, 500);
    let metrics = until("the metrics of the group", || {
        let text = s.get("/wsgi-status?openmetrics=").text();
        text.contains("mod_wsgi_responses_total{group=\"monitoring\",class=\"5xx\"} 1").then_some(text)
    });
    let names = |text: &str, pattern: &str| -> std::collections::BTreeSet<String> {
        regex(pattern).captures_iter(text).map(|found| found[1].to_owned()).collect()
    };
    let exported = names(&metrics, "(?m)^# TYPE ([a-z_]+) (?:gauge|histogram)");
    let counters = names(&metrics, "(?m)^(mod_wsgi[a-z_]*_total|mod_wsgi_info)[{]");
    let docs = fs::read_to_string(repository().join("docs/status.md")).expect("docs/status.md");
    let documented = names(&docs, "`(mod_wsgi_[a-z_]+)`");
    assert_eq!(exported.union(&counters).cloned().collect::<std::collections::BTreeSet<_>>(), documented);
}

#[test]
fn two_sites() {
    let s = example("two-sites", &["shop", "blog"]).start();
    for site in ["shop", "blog"] {
        let (status, text) = ask(&s, site, "/");
        let (before, after) = (format!("the {site}: process "), format!(" of group {site}\n"));
        assert!(status == 200 && text.starts_with(&before) && text.ends_with(&after), "{text}");
    }
}

#[test]
fn service() {
    let h = example("service", &["service"]);
    let state = h.dir().join("srv/service/state");
    fs::create_dir(&state).unwrap();
    give_to_www_data(&state);
    let s = h.start();
    let counted = |n: u32| ask(&s, "service", "/") == (200, format!("the counter says: {n}\n"));
    until("the first number", || counted(1).then_some(()));
    until("the second number", || counted(2).then_some(()));
    s.stop();
    let last = s.read_file("srv/service/state/count");
    assert!(last.starts_with("stopped at "), "{last}");
}
