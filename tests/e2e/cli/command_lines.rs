//! Command lines of mod_wsgi-express as container files, manuals and scripts of projects have them, with ports and places of
//! a test: each starts, and answers what it would.

use super::*;
use crate::daemon_transfer::certificate;
use crate::preload_ports::over_tls;

/// Everything that the lines name.
fn project() -> Httpd {
    site()
        .script(
            "flaskapp.py",
            "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'of app']",
        )
        .script("mysite/__init__.py", "")
        .script(
            "mysite/wsgi.py",
            "
            def application(environ, start_response):
                start_response('200 OK', [])
                return [('mysite at %(SCRIPT_NAME)s%(PATH_INFO)s' % environ).encode()]",
        )
        .script("lib/helper.py", "NAME = 'helper'")
        .script(
            "needs.wsgi",
            "
            import helper
            def application(environ, start_response):
                start_response('200 OK', [])
                return [helper.NAME.encode()]",
        )
        .script(
            "env.wsgi",
            "
            import locale, os
            def application(environ, start_response):
                start_response('200 OK', [])
                seen = [os.environ.get(name) for name in ('FROM_SCRIPT', 'LANG')]
                return [('%s %s' % ('VIRTUAL_ENV' in environ, seen)).encode()]",
        )
        .script("auth.wsgi", "def check_password(environ, user, password):\n    return True")
        .script("access.wsgi", "def allow_access(environ, host):\n    return True")
        .script("tasks.py", "import time\nwhile True:\n    time.sleep(1)")
        .script("missing.wsgi", "def application(e, s):\n    s('404 Not Found', [])\n    return [b'none']")
        .file("static/site.css", "body {}")
        .file("media/cat.txt", "a cat")
        .file("htdocs/index.html", "the index")
        .file("htdocs/page.html", "a page")
        .file(
            "extra.conf",
            "Header always set X-Extra yes\nRewriteEngine On\nRewriteRule ^/old$ /new [R=301,L]\n",
        )
        .file("envvars", "FROM_SCRIPT=set\nexport FROM_SCRIPT\n")
}

/// A URL, the status of its answer, and a part of the answer.
type Answer<'a> = (&'a str, u16, &'a str);

/// Starts each line, asks its URLs, and ends it.
#[track_caller]
fn all_serve(lines: &[(&str, &[Answer<'_>])]) {
    for (line, questions) in lines {
        if line.contains("--user") && !is_root() {
            continue;
        }
        let h = project();
        if line.contains("--ssl") {
            certificate(h.dir());
        }
        let s = Served::start(h, &format!("start-server --port {{port}} --server-root {{dir}}/root {line}"));
        for (url, status, text) in *questions {
            let (got, body) = s.get(url);
            assert!(got == *status && body.contains(text), "{line}: {url}: {got} {body}\n{}", s.log());
        }
    }
}

#[test]
fn scripts_modules_and_files() {
    all_serve(&[
        ("shop.wsgi", &[("/x", 200, " /x False True ")]),
        ("", &[("/", 200, "")]),
        ("flaskapp.py --callable-object app", &[("/", 200, "of app")]),
        ("--application-type module mysite.wsgi", &[("/x", 200, "mysite at /x")]),
        (
            "--application-type module --entry-point mysite.wsgi --callable-object application",
            &[("/x", 200, "mysite at /x")],
        ),
        ("--entry-point shop.wsgi --working-directory {dir}", &[("/x", 200, " /x ")]),
        (
            "--application-type=module --working-directory={dir} --mount-point=/shop mysite.wsgi",
            &[("/shop/x", 200, "mysite at /shop/x")],
        ),
        (
            "--application-type static --document-root htdocs",
            &[("/", 200, "the index"), ("/page.html", 200, "a page"), ("/none", 404, "")],
        ),
        ("--application-type static htdocs --directory-listing", &[("/page.html", 200, "a page")]),
        ("needs.wsgi --python-path lib", &[("/", 200, "helper")]),
        (
            "needs.wsgi --python-path {dir}/lib --python-path {dir}/mysite --log-to-terminal",
            &[("/", 200, "helper")],
        ),
        (
            "shop.wsgi --application-group %{{GLOBAL}} --process-group shop --log-to-terminal",
            &[("/", 200, " shop ")],
        ),
    ]);
}

#[test]
fn of_containers() {
    all_serve(&[
        ("--log-to-terminal --startup-log shop.wsgi", &[("/", 200, " / ")]),
        ("shop.wsgi --log-to-terminal --user www-data --group www-data", &[("/", 200, " / ")]),
        (
            "shop.wsgi --user=www-data --group=www-data --processes=2 --threads=5 --maximum-requests=250 --log-to-terminal",
            &[("/", 200, " / True True ")],
        ),
        (
            "--reload-on-changes --log-to-terminal --url-alias /static static shop.wsgi",
            &[("/static/site.css", 200, "body {}"), ("/", 200, " / ")],
        ),
        (
            "--log-to-terminal --url-alias /static {dir}/static --url-alias /media {dir}/media --application-type module mysite.wsgi",
            &[("/media/cat.txt", 200, "a cat"), ("/static/site.css", 200, "body {}"), ("/x", 200, "mysite")],
        ),
        ("shop.wsgi --host 0.0.0.0 --log-to-terminal --log-level info --access-log", &[("/", 200, " / ")]),
        (
            "shop.wsgi --host=127.0.0.1 --log-to-terminal --setenv SETTING one --setenv OTHER two",
            &[("/", 200, " one ")],
        ),
        (
            "env.wsgi --passenv VIRTUAL_ENV --envvars-script envvars --lang C.UTF-8 --log-to-terminal",
            &[("/", 200, "True ['set', 'C.UTF-8']")],
        ),
        ("env.wsgi --locale C.UTF-8 --log-to-terminal", &[("/", 200, "False [None, 'C.UTF-8']")]),
        (
            "shop.wsgi --trust-proxy-header X-Forwarded-For --trust-proxy-header X-Forwarded-Port --trust-proxy-header X-Forwarded-Proto \
          --trust-proxy 10.0.0.0/8 --log-to-terminal",
            &[("/", 200, " / ")],
        ),
        (
            "shop.wsgi --httpd-executable /usr/sbin/apache2 --modules-directory /usr/lib/apache2/modules --log-to-terminal",
            &[("/", 200, " / ")],
        ),
        ("shop.wsgi --include-file extra.conf --log-to-terminal", &[("/old", 301, ""), ("/", 200, " / ")]),
        ("shop.wsgi --service-script tasks tasks.py --log-to-terminal", &[("/", 200, " / ")]),
    ]);
}

#[test]
fn with_limits_and_timeouts() {
    all_serve(&[
        (
            "shop.wsgi --limit-request-body 104857600 --request-timeout 300 --queue-timeout 60 --socket-timeout 300 --connect-timeout 30",
            &[("/", 200, " / ")],
        ),
        (
            "shop.wsgi --processes 3 --threads 1 --max-clients 40 --server-backlog 1000 --daemon-backlog 200",
            &[("/", 200, " / True False ")],
        ),
        (
            "shop.wsgi --graceful-timeout 20 --shutdown-timeout 10 --restart-interval 3600 --eviction-timeout 10 --inactivity-timeout 300",
            &[("/", 200, " / ")],
        ),
        (
            "shop.wsgi --keep-alive-timeout 5 --header-timeout 20 --header-max-timeout 40 --body-timeout 20 --deadlock-timeout 30",
            &[("/", 200, " / ")],
        ),
        (
            "shop.wsgi --header-buffer-size 32768 --response-buffer-size 65536 --send-buffer-size 65536 --receive-buffer-size 65536",
            &[("/", 200, " / ")],
        ),
        (
            "shop.wsgi --initial-workers 0.1 --minimum-spare-workers 0.1 --maximum-spare-workers 0.5",
            &[("/", 200, " / ")],
        ),
        (
            "shop.wsgi --server-mpm worker --server-mpm prefork --startup-timeout 30 --switch-interval 0.005",
            &[("/", 200, " / ")],
        ),
        (
            "shop.wsgi --server-mpm prefork --embedded-mode --disable-reloading --python-path {dir}",
            &[("/", 200, " / True False ")],
        ),
        (
            "shop.wsgi --ignore-activity /health --cpu-time-limit 600 --interrupt-timeout 5 --orphan-interpreter",
            &[("/", 200, " / ")],
        ),
    ]);
}

#[test]
fn with_logs_passwords_and_errors() {
    all_serve(&[
        (
            "shop.wsgi --access-log --access-log-format combined --access-log-name requests --error-log-name errors",
            &[("/", 200, " / ")],
        ),
        (
            "shop.wsgi --log-directory {dir}/logs/own --rotate-logs --max-log-size 10 --error-log-format %M",
            &[("/", 200, " / ")],
        ),
        (
            "shop.wsgi --server-status --server-metrics",
            &[("/server-status?auto", 200, "BusyWorkers"), ("/", 200, " / ")],
        ),
        ("shop.wsgi --auth-user-script auth.wsgi --auth-type Basic", &[("/", 401, "")]),
        ("shop.wsgi --host-access-script access.wsgi", &[("/", 200, " / ")]),
        (
            "missing.wsgi --document-root htdocs --error-override --error-document 404 /page.html",
            &[("/none", 404, "a page")],
        ),
        (
            "shop.wsgi --document-root htdocs --directory-index index.html --allow-override None",
            &[("/", 200, "the index"), ("/x", 200, " /x ")],
        ),
        (
            "shop.wsgi --compress-responses --enable-sendfile --chunked-request --map-head-to-get OFF",
            &[("/", 200, " / ")],
        ),
        (
            "shop.wsgi --http2 --mime-types /etc/mime.types --pid-file {dir}/own.pid --socket-prefix {dir}/run",
            &[("/", 200, " / ")],
        ),
        (
            "shop.wsgi --server-name localhost --server-alias www.shop.test --allow-localhost",
            &[("/", 200, " / ")],
        ),
        (
            "shop.wsgi --python-warnings ignore --python-eggs {dir}/state --slow-requests 5 --verbose-debugging",
            &[("/", 200, " / ")],
        ),
    ]);
}

/// Ports 80 and 443 there, others here.
#[test]
fn with_https() {
    for options in [
        "--server-name localhost --ssl-certificate-file cert.pem --ssl-certificate-key-file key.pem",
        "--server-name localhost --https-only --hsts-policy max-age=60 --ssl-certificate-file {dir}/cert.pem \
         --ssl-certificate-key-file {dir}/key.pem --ssl-environment",
    ] {
        let h = project();
        certificate(h.dir());
        let port = h.other_port();
        let line = format!(
            "start-server shop.wsgi --port {{port}} --https-port {{other_port}} {options} --server-root {{dir}}/root --log-to-terminal"
        );
        let s = Served::start(h, &line);
        assert_eq!(s.get("/x").0, if options.contains("--https-only") { 301 } else { 200 });
        let answer = over_tls(port, "localhost", "/x");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(" /x "), "{answer}");
    }
}
