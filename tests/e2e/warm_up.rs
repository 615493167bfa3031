//! Requests that an application answers before it is Ready: they look like a visitor's, and their failure is the start's.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use harness::*;
use serde_json::Value;

use crate::starting::{
    allow_report, assert_unavailable, at_once, captured, heals, ids, noted, notes, script,
};

/// Notes the environ of each request, and that its body was taken and closed.
const APP: &str = "
    import json

    class Body:
        def __init__(self, path):
            self.path = path
        def __iter__(self):
            note('taken', self.path)
            yield b'body'
        def close(self):
            note('closed', self.path)

    def application(environ, start_response):
        note('request', json.dumps({key: value if isinstance(value, (str, int, bool)) else repr(type(value))
            for key, value in environ.items()}))
        start_response('404 Not Found' if environ['PATH_INFO'] == '/none' else '200 OK', [('X-Pid', str(os.getpid()))])
        return Body(environ['PATH_INFO'])
    ";

fn environs(s: &Server) -> Vec<Value> {
    notes(s, "request").iter().map(|n| serde_json::from_str(&n.text).expect("an environ")).collect()
}

fn keys(environ: &Value) -> BTreeSet<&str> {
    // What a client sends is its own affair, but for the name of the host.
    let own = |key: &&str| !key.starts_with("HTTP_") || *key == "HTTP_HOST";
    environ.as_object().unwrap().keys().map(String::as_str).filter(own).collect()
}

/// As a visitor's: the host's name, port and scheme, every key.
#[test]
fn the_environ_is_complete() {
    let s = httpd()
        .script("app.wsgi", &script(APP))
        .file("htdocs/static.txt", "static")
        .config(
            "
            <VirtualHost *:{port}>
                ServerName other.test
            </VirtualHost>
            <VirtualHost *:{port}>
                ServerName site.test:{port}
                SetEnv COLOUR green
                WSGIScriptAlias / {dir}/app.wsgi warmup=/ready/caf%C3%A9,/none?x=1&y=%20
                DocumentRoot {dir}/htdocs
            </VirtualHost>",
        )
        .start();
    noted(&s, "closed", 2);
    let warm = environs(&s);
    let host = format!("site.test:{}", s.port());
    let r = s.request("GET", "/none?x=1&y=%20").header("Host", &host).send();
    assert_eq!(r.status, 404);
    let all = environs(&s);
    assert_eq!((warm.len(), all.len()), (2, 3), "both before the first visitor");
    let (real, warm) = (&all[2], &all[1]);
    let missing: Vec<_> = keys(real).difference(&keys(warm)).copied().collect::<Vec<_>>();
    let more: Vec<_> = keys(warm).difference(&keys(real)).copied().collect::<Vec<_>>();
    assert_eq!((missing, more), (vec![], vec!["mod_wsgi.warmup"]), "{warm:#}\n{real:#}");
    assert_eq!(warm["mod_wsgi.warmup"], true);
    let of_the_client =
        ["REMOTE_ADDR", "REMOTE_PORT", "mod_wsgi.connection_id", "mod_wsgi.request_id", "mod_wsgi.thread_id"];
    for key in keys(real).into_iter().filter(|key| !of_the_client.contains(key)) {
        assert_eq!(warm[key], real[key], "{key}");
    }
    let first = &all[0];
    assert_eq!(first["PATH_INFO"].as_str().unwrap(), "/ready/caf\u{c3}\u{a9}");
    for (key, value) in [
        ("REQUEST_METHOD", "GET"),
        ("SERVER_NAME", "site.test"),
        ("SERVER_PORT", &*s.port().to_string()),
        ("HTTP_HOST", &*host),
        ("wsgi.url_scheme", "http"),
        ("QUERY_STRING", ""),
        ("REQUEST_URI", "/ready/caf%C3%A9"),
        ("COLOUR", "green"),
    ] {
        assert_eq!(first[key], value, "{key}");
    }
}

/// In order, bodies taken and closed, in every child, before it takes requests.
#[test]
fn before_a_child_takes_requests() {
    let s = httpd()
        .children(2)
        .script("app.wsgi", &script(APP))
        .config("WSGIScriptAlias / {dir}/app.wsgi warmup=/one,/two")
        .start();
    let pids = at_once(&s, &["/visitor"; 2]);
    for pid in pids.iter().filter_map(|r| r.header("X-Pid")) {
        let of = |word: &str| {
            let all = notes(&s, word).into_iter().filter(|n| n.pid.to_string() == *pid);
            all.map(|n| n.text).collect::<Vec<_>>()
        };
        assert_eq!(of("closed")[..2], ["/one", "/two"], "{pid}");
        assert_eq!(of("taken")[..3], ["/one", "/two", "/visitor"], "{pid}");
    }
}

/// In a host with TLS the scheme is https.
#[test]
fn the_scheme_of_a_host_with_tls() {
    let h = httpd().module("ssl").script("app.wsgi", &script(APP));
    let h = h.config(
        "
        SSLEngine On
        SSLCertificateFile {dir}/cert.pem
        SSLCertificateKeyFile {dir}/key.pem
        SSLSessionCache none
        WSGIScriptAlias / {dir}/app.wsgi warmup=/ready",
    );
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(h.dir())
        .stderr(Stdio::null())
        .status();
    skip_if!(!made.is_ok_and(|status| status.success()), "openssl is not installed");
    let s = h.allow_log("ssl:warn").start();
    noted(&s, "closed", 1);
    let environ = &environs(&s)[0];
    assert_eq!(environ["wsgi.url_scheme"], "https");
    assert_eq!(environ["REQUEST_SCHEME"], "https");
    assert_eq!(environ["SERVER_PORT"], s.port().to_string());
}

/// A status of 500 and more, or an exception, wherever it comes from, is a failed start.
#[test]
fn failures() {
    for (path, what) in [
        ("500", "500"),
        ("503", "503"),
        ("raise", "500"),
        ("raise-later", "500"),
        ("raise-in-close", "500"),
        ("nothing", "500"),
    ] {
        let s = httpd()
            .children(2)
            .script(
                "app.wsgi",
                &script(
                    "
                    class Later:
                        def __init__(self, *blocks):
                            self.blocks = blocks
                        def __iter__(self):
                            yield from self.blocks
                            if not self.blocks:
                                raise ValueError('boom')
                        def close(self):
                            if self.blocks:
                                raise ValueError('boom')

                    def application(environ, start_response):
                        path = environ['PATH_INFO'].rpartition('/')[2]
                        if not exists('broken') or not environ.get('mod_wsgi.warmup'):
                            return answer(start_response)
                        if path == 'raise':
                            raise ValueError('boom')
                        if path == 'nothing':
                            return []
                        start_response(f'{path} Oops' if path.isdigit() else '200 OK', [])
                        return Later() if path == 'raise-later' else Later(b'body') if path == 'raise-in-close' else []",
                ),
            )
            .file("broken", "")
            .file("htdocs/static.txt", "static")
            .config(&format!("WSGIScriptAlias /app {{dir}}/app.wsgi warmup=/app/{path}"))
            .expect_log(&format!("WSGI1024: .*app.wsgi.*{what}"))
            .allow_log("\\] warm-up: GET |WSGI1015: |WSGI0174: |WSGI1016: |ValueError: boom|AssertionError: |RuntimeError: ")
            .allow_traceback()
            .start();
        let r = s.get("/app/x");
        assert_unavailable(&r);
        let line = s.wait_log("WSGI1024: ");
        let id = line.split_once("(id ").expect("an id").1.split(',').next().unwrap().to_owned();
        assert!(r.text().contains(&id), "{id} in {}", r.text());
        assert_eq!(s.get("/static.txt").status, 200);
        fs::remove_file(s.dir().join("broken")).unwrap();
        heals(&s, "/app/x", Duration::from_secs(6));
        assert_eq!(ids(&s), [""; 0], "the script itself has not failed");
    }
}

/// One line at info tells what a start consisted of.
#[test]
fn the_phases_of_a_start() {
    let s = httpd()
        .script(
            "app.wsgi",
            &script(
                "
                time.sleep(0.2)
                def application(environ, start_response):
                    time.sleep(0.1)
                    return answer(start_response)",
            ),
        )
        .config("WSGIScriptAlias / {dir}/app.wsgi warmup=/ready,/more")
        .start();
    let line = s.wait_log(r"wsgi:info\].*WSGI1011: loaded '.*/app.wsgi' into .*sub-interpreter");
    let pattern = r"in (\d+) ms \(python (\d+) ms, lock (\d+) ms, interpreter (\d+) ms, import (\d+) ms, warm-up (\d+) ms\)";
    let found = captured(&s, pattern);
    assert_eq!(found.len(), 1, "{line}");
    let ms: Vec<u32> = found[0].iter().map(|n| n.parse().unwrap()).collect();
    let [total, python, lock, interpreter, import, warm_up] = ms[..] else { panic!("{ms:?}") };
    assert!((200..5000).contains(&import) && (200..5000).contains(&warm_up), "{line}");
    assert!(interpreter < 5000 && lock < 5000 && python < 5000, "{line}");
    assert!(
        total >= import + warm_up && total <= import + warm_up + interpreter + lock + python + 50,
        "{line}"
    );
}

/// Its time is that of the start.
#[test]
fn a_warm_up_that_hangs() {
    let s = allow_report(httpd())
        .script(
            "app.wsgi",
            &script(
                "
                note('load')
                def application(environ, start_response):
                    if environ.get('mod_wsgi.warmup'):
                        wait_for('go')
                    return answer(start_response)",
            ),
        )
        .config("WSGIStartupTimeout 1\nWSGIScriptAlias /app {dir}/app.wsgi warmup=/app")
        .expect_log("WSGI1017: ")
        .allow_log("WSGI1015: ")
        .start();
    s.wait_log("WSGI1017");
    assert_unavailable(&s.get("/app"));
    s.write_file("go", "");
    heals(&s, "/app", Duration::from_secs(6));
    s.stop();
}
