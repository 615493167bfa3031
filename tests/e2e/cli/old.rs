//! The command lines of mod_wsgi-express.

use std::fs;

use super::*;
use crate::daemon_transfer::certificate;
use crate::preload_ports::over_tls;

#[test]
fn the_options_that_are_used_most() {
    let h = site()
        .file("docs/page.txt", "a page")
        .file("static/site.css", "body {}")
        .file("more.conf", "Header set X-More yes\n<Location /extra>\n    Redirect gone\n</Location>\n");
    let users = if is_root() { "--user www-data --group www-data" } else { "" };
    let line = format!(
        "start-server shop.wsgi --port {{port}} {users} --processes 2 --threads 5 --url-alias /static {{dir}}/static \
         --reload-on-changes --working-directory {{dir}} --include-file more.conf --log-to-terminal --document-root docs \
         --host 127.0.0.1 --server-root {{dir}}/root --setenv SETTING value --access-log"
    );
    let s = Served::start(h, &line);
    let (status, text) = s.get("/x");
    assert_eq!(status, 200);
    assert!(text.starts_with(&format!(" /x True True value 127.0.0.1:{} ", s.port)), "{text}");
    assert_eq!((s.get("/page.txt").1, s.get("/static/site.css").1), ("a page".into(), "body {}".into()));
    assert_eq!(s.get("/extra").0, 410);
    assert!(s.log().contains("\"GET /x HTTP/1.1\" 200"), "{}", s.log());
    fs::write(
        s.dir.join("shop.wsgi"),
        "def application(e, start_response):\n    start_response('200 OK', [])\n    return [b'changed']\n",
    )
    .expect("change");
    until("the changed script", || (s.get("/").1 == "changed").then_some(()));
    // That a process is replaced is a notice, or a warning of what it does.
    let _ = fs::write(s.dir.join("logs/command.log"), "");
}

#[test]
fn without_numbers_there_is_one_process_and_logs_are_files() {
    let s = Served::start(site(), "start-server shop.wsgi --port {port} --server-root {dir}/root");
    let (status, text) = s.get("/x");
    assert!(status == 200 && text.starts_with(" /x False True "), "{status} {text}");
    assert!(s.dir.join("root/error_log").exists());
}

#[test]
fn passwords_errors_proxies_and_the_rest() {
    let h = site().script(
        "auth.py",
        "
        def check_password(environ, user, password):
            return password == 'right'",
    );
    let s = Served::start(
        h,
        "start-server shop.wsgi --port {port} --server-root {dir}/root --auth-user-script auth.py --log-to-terminal \
         --compress-responses --server-status --trust-proxy-header X-Forwarded-For --trust-proxy 127.0.0.1 \
         --keep-alive-timeout 5 --header-timeout 20 --maximum-requests 1000 --error-document 404 /none \
         --ignore-activity /ping --startup-log --map-head-to-get Off --limit-request-body 1000 --max-clients 30",
    );
    assert_eq!(s.get("/").0, 401);
    assert!(s.log().contains("--startup-log has no effect here"), "{}", s.log());
}

#[test]
fn a_service_and_handlers_of_files() {
    let h = site()
        .script(
            "service.py",
            "
            import os, time
            open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'state', 'service'), 'w').close()
            while True:
                time.sleep(1)",
        )
        .file("docs/page.ext", "")
        .script(
            "resource.py",
            "
            def handle_request(environ, start_response):
                start_response('200 OK', [])
                return [b'handled ' + environ['SCRIPT_NAME'].encode()]",
        );
    let s = Served::start(
        h,
        "start-server shop.wsgi --port {port} --server-root {dir}/root --service-script clock service.py --log-to-terminal \
         --document-root docs --add-handler .ext resource.py",
    );
    until("the service", || s.dir.join("state/service").exists().then_some(()));
    assert_eq!(s.get("/page.ext"), (200, "handled /page.ext".into()));
    assert!(s.get("/other").1.starts_with(" /other "));
}

#[test]
fn what_is_not_there_is_said() {
    for (words, said) in [
        (
            &["start-server", "app.wsgi", "--prot", "80"][..],
            "there is no option --prot; did you mean --port?",
        ),
        (
            &["start-server", "app.wsgi", "--enable-debugger"],
            "--enable-debugger: mod-wsgi does not debug; run the application under",
        ),
        (&["start-server", "app.wsgi", "--with-php5"], "PHP-FPM"),
        (&["start-server", "nowhere.wsgi"], "nowhere.wsgi does not exist"),
    ] {
        let (code, _, stderr) = say(words);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains(said) && stderr.lines().count() == 1, "{stderr}");
    }
    let (code, help, _) = say(&["start-server", "--help"]);
    assert!(code == Some(0) && help.contains(" reload-on-changes (--reload)"), "{help}");
    let (code, help, _) = say(&["start-server", "--help", "--reload-on-changes"]);
    assert_eq!((code, help.as_str()), (Some(0), "--reload-on-changes: serve --reload\n"));
}

#[test]
fn only_https() {
    let h = site();
    certificate(h.dir());
    let port = h.other_port();
    let s = Served::start(
        h,
        "start-server shop.wsgi --port {port} --https-port {other_port} --ssl-certificate-file cert.pem \
         --ssl-certificate-key-file key.pem --https-only --hsts-policy max-age=60 --server-root {dir}/root --log-to-terminal \
         --server-name localhost",
    );
    assert_eq!(s.get("/x").0, 301);
    let answer = over_tls(port, "localhost", "/x");
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("Strict-Transport-Security: max-age=60"),
        "{answer}"
    );
}

#[test]
fn in_front_of_another_server() {
    let behind = Served::start(site(), "serve shop.wsgi --port {port}");
    let line = format!(
        "start-server shop.wsgi --port {{port}} --server-root {{dir}}/root --log-to-terminal --proxy-mount-point /back \
         http://127.0.0.1:{}/",
        behind.port
    );
    let s = Served::start(site(), &line);
    let (status, text) = s.get("/back/x");
    assert!(
        status == 200 && text.starts_with(" /x ") && text.contains(behind.dir.to_str().unwrap()),
        "{status} {text}"
    );
    assert!(s.get("/x").1.contains(s.dir.to_str().unwrap()));
    assert_eq!(s.get("/back").0, 302);
}

/// What options become is accepted by Apache, without a word of advice.
#[test]
fn apache_accepts_what_options_become() {
    let h = site()
        .script("auth.py", "def check_password(environ, user, password): return True")
        .file("docs/x", "")
        .file("env.sh", "");
    let (dir, port) = (h.directory(), h.port().to_string());
    certificate(&dir);
    for options in [
        "--application-group x --process-group y --mount-point /app --host 127.0.0.1 --http2 --pid-file x.pid --passenv PATH",
        "--server-name a.test --server-alias b.test --allow-localhost --setenv A b --locale C.UTF-8 --envvars-script env.sh",
        "--https-port 8443 --ssl-certificate-file cert.pem --ssl-certificate-key-file key.pem --ssl-ca-certificate-file cert.pem \
         --ssl-verify-client /in --ssl-environment --ssl-certificate-chain-file cert.pem",
        "--processes 2 --threads 3 --max-clients 50 --limit-request-body 10 --maximum-requests 100 --server-backlog 100 \
         --daemon-backlog 10 --send-buffer-size 0 --receive-buffer-size 0 --header-buffer-size 0 --response-buffer-size 0 \
         --switch-interval 0.01 --cpu-time-limit 100 --restart-interval 100 --server-mpm worker --orphan-interpreter",
        "--server-mpm prefork --embedded-mode --python-path docs",
        "--startup-timeout 15 --shutdown-timeout 5 --graceful-timeout 15 --eviction-timeout 0 --deadlock-timeout 60 \
         --inactivity-timeout 0 --request-timeout 60 --interrupt-timeout 0 --ignore-activity /x --connect-timeout 15 \
         --socket-timeout 60 --queue-timeout 45 --response-socket-timeout 0 --response-flush-delay 5 --keep-alive-timeout 0 \
         --proxy-timeout 5 --header-timeout 1 --header-max-timeout 2 --body-timeout 3 --body-max-timeout 4 \
         --header-min-rate 5 --body-min-rate 6",
        "--document-root docs --directory-index index.html --directory-listing --allow-override All --url-alias /x docs \
         --error-document 404 /x --error-override --add-handler .ext auth.py --with-cgi",
        "--proxy-mount-point /back http://127.0.0.1:1/ --trust-proxy-header X-Forwarded-For --trust-proxy 10.0.0.0/8 \
         --compress-responses --chunked-request --map-head-to-get OFF --enable-sendfile --mime-types /etc/mime.types",
        "--log-directory logs --log-level info --access-log --access-log-name a --access-log-format combined \
         --error-log-name e --error-log-format %M --server-status --server-metrics --lang C.UTF-8",
        "--telemetry-service unix:/tmp/x --telemetry-interval 2 --slow-requests 1 --telemetry-options CaptureUserAgent",
        "--python-path docs --python-eggs /tmp --python-warnings ignore --host-access-script auth.py --auth-user-script auth.py \
         --auth-group-script auth.py --auth-group staff",
        "--auth-user-script auth.py --auth-type Digest --disable-reloading --socket-prefix /tmp",
        "--service-script clock auth.py --service-user clock www-data --service-group clock www-data",
    ] {
        let words = ["setup-server", "shop.wsgi", "--server-root", "root", "--port", &port];
        let mut command = command();
        let (code, _, stderr) =
            answer(command.args(words).args(options.split_whitespace()).current_dir(&dir));
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{options}");
    }
}
