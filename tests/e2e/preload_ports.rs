//! Which interpreters are made ready where a server is reached through several ports: those that its visitors will ask for.

use harness::*;

use std::process::Command;

use crate::daemon_transfer::certificate;
use crate::starting::{noted, notes, script, texts};

/// What a visitor does: the port, and the Host header. `P` and `Q` stand for the ports.
type Visit = (char, &'static str);

/// A configuration, the interpreters that are ready before the first visitor, and visitors that each find one.
struct Case {
    config: &'static str,
    ready: &'static [&'static str],
    visits: &'static [Visit],
}

const CASES: &[Case] = &[
    Case {
        config: "Listen 127.0.0.1:{other_port}\nWSGIScriptAlias / {dir}/app.wsgi",
        ready: &["localhost:P|", "localhost:Q|"],
        visits: &[('P', "localhost:P"), ('Q', "localhost:Q"), ('Q', "127.0.0.1:Q")],
    },
    Case {
        config: "
            Listen 127.0.0.1:{other_port}
            <VirtualHost *>
                ServerName shop.test
                WSGIScriptAlias / {dir}/app.wsgi
            </VirtualHost>",
        ready: &["shop.test:P|", "shop.test:Q|"],
        visits: &[('Q', "shop.test:Q"), ('P', "shop.test:P")],
    },
    Case {
        config: "
            Listen 127.0.0.1:{other_port}
            <VirtualHost *:{port} 127.0.0.1:{other_port}>
                ServerName shop.test
                WSGIScriptAlias / {dir}/app.wsgi
            </VirtualHost>",
        ready: &["shop.test:P|", "shop.test:Q|"],
        visits: &[('P', "shop.test:P"), ('Q', "shop.test:Q")],
    },
    // The main server keeps one port; the virtual host has the aliases of the main server, too.
    Case {
        config: "
            Listen 127.0.0.1:{other_port}
            WSGIScriptAlias / {dir}/app.wsgi
            <VirtualHost *:{other_port}>
                ServerName shop.test
            </VirtualHost>",
        ready: &["localhost:P|", "shop.test:Q|"],
        visits: &[('P', "localhost:P"), ('Q', "shop.test:Q")],
    },
    // Nobody reaches the main server.
    Case {
        config: "
            WSGIScriptAlias / {dir}/app.wsgi
            <VirtualHost _default_:*>
                ServerName shop.test
            </VirtualHost>",
        ready: &["shop.test:P|"],
        visits: &[('P', "shop.test:P")],
    },
    // A virtual host that listens nowhere has no visitors.
    Case {
        config: "
            WSGIScriptAlias / {dir}/app.wsgi
            <VirtualHost *:{other_port}>
                ServerName shop.test
            </VirtualHost>",
        ready: &["localhost:P|"],
        visits: &[('P', "localhost:P")],
    },
    Case {
        config: "
            ServerName localhost:{other_port}
            Listen 127.0.0.1:{other_port}
            WSGIScriptAlias / {dir}/app.wsgi",
        ready: &["localhost:P|", "localhost:Q|"],
        visits: &[('P', "localhost:P"), ('Q', "localhost:Q"), ('P', "localhost")],
    },
    // Visitors of something in front of it, which names the port or none.
    Case {
        config: "ServerName localhost:9999\nWSGIScriptAlias / {dir}/app.wsgi",
        ready: &["localhost:9999|", "localhost:P|"],
        visits: &[('P', "localhost"), ('P', "localhost:9999"), ('P', "localhost:P")],
    },
    Case {
        config: "
            ServerName localhost:9999
            UseCanonicalName On
            Listen 127.0.0.1:{other_port}
            WSGIScriptAlias / {dir}/app.wsgi",
        ready: &["localhost:9999|"],
        visits: &[('P', "localhost:P"), ('Q', "localhost:Q"), ('Q', "localhost")],
    },
    Case {
        config: "
            UseCanonicalPhysicalPort On
            Listen 127.0.0.1:{other_port}
            WSGIScriptAlias / {dir}/app.wsgi",
        ready: &["localhost:P|", "localhost:Q|"],
        visits: &[('P', "localhost"), ('Q', "localhost"), ('Q', "localhost:P")],
    },
    Case {
        config: "
            Listen 127.0.0.1:{other_port}
            WSGIScriptAlias / {dir}/app.wsgi application-group=%{SERVER}",
        ready: &["localhost:P", "localhost:Q"],
        visits: &[('P', "localhost:P"), ('Q', "localhost:Q")],
    },
    Case {
        config: "
            Listen 127.0.0.1:{other_port}
            WSGIScriptAlias / {dir}/app.wsgi application-group=%{GLOBAL}",
        ready: &["main"],
        visits: &[('P', "localhost:P"), ('Q', "localhost:Q")],
    },
];

fn ports(s: &Server, text: &str) -> String {
    text.replace('P', &s.port().to_string()).replace('Q', &s.other_port().to_string())
}

fn serves(case: &Case, processes: &str) {
    let s = httpd()
        .no_group()
        .script("app.wsgi", &script("note('load', GROUP)"))
        .file("htdocs/static.txt", "static")
        .config(processes)
        .config(case.config)
        .start();
    let ready: Vec<String> = case.ready.iter().map(|group| ports(&s, group)).collect();
    assert_eq!(texts(&noted(&s, "load", ready.len())), ready, "{}", case.config);
    for (port, host) in case.visits {
        let port = if *port == 'P' { s.port() } else { s.other_port() };
        let r = s.request("GET", "/").through(port).header("Host", &ports(&s, host)).send();
        assert!(r.header("X-Group").is_some_and(|group| ready.iter().any(|r| r == group)), "{:?}", r.headers);
    }
    assert_eq!(texts(&notes(&s, "load")), ready, "each is loaded once: {}", case.config);
}

#[test]
fn in_children() {
    CASES.iter().for_each(|case| serves(case, ""));
}

#[test]
fn in_a_process_group() {
    CASES.iter().for_each(|case| serves(case, IN_EITHER[1]));
}

const IN_EITHER: [&str; 2] = ["", "WSGIDaemonProcess group threads=2\nWSGIProcessGroup group"];

/// A server that notes requests with what they are told of the port.
fn noting(processes: &str, preload: &str) -> Server {
    let app = "
        def application(environ, start_response):
            note('request', GROUP, environ['SERVER_PORT'], environ['HTTP_HOST'])
            return answer(start_response)";
    httpd()
        .no_group()
        .script("app.wsgi", &script(app))
        .config(processes)
        .config(preload)
        .config("Listen 127.0.0.1:{other_port}\nWSGIScriptAlias / {dir}/app.wsgi warmup=/ready")
        .start()
}

/// Each interpreter is warmed up as for a visitor of its port.
#[test]
fn warm_ups() {
    for processes in IN_EITHER {
        let s = noting(processes, "");
        let expected =
            ["localhost:P| P localhost:P", "localhost:Q| Q localhost:Q"].map(|text| ports(&s, text));
        assert_eq!(texts(&noted(&s, "request", 2)), expected, "{processes}");
    }
}

/// One that starts with a request, too.
#[test]
fn warm_ups_at_a_request() {
    for processes in IN_EITHER {
        let s = noting(processes, "WSGIPreload Off");
        let r = s.request("GET", "/").through(s.other_port()).send();
        assert_eq!(r.status, 200, "{}", r.text());
        let expected = ports(&s, "localhost:Q| Q localhost:Q");
        assert_eq!(texts(&notes(&s, "request")), [&*expected; 2], "the warm-up and the visitor: {processes}");
    }
}

/// Headers and body of what a host with TLS answers.
pub fn over_tls(port: u16, host: &str, target: &str) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--include", "--insecure", "--http1.1", "--max-time", "60"])
        .args(["--resolve", &format!("{host}:{port}:127.0.0.1")])
        .arg(format!("https://{host}:{port}{target}"))
        .output()
        .expect("curl");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The port of a host with TLS is named as well, unless it is 443.
#[test]
fn a_host_with_tls() {
    let h = httpd().no_group().module("ssl").script("app.wsgi", &script("note('load', GROUP)"));
    certificate(h.dir());
    let s = h
        .file("htdocs/static.txt", "static")
        .config(
            "
            Listen 127.0.0.1:{other_port}
            SSLSessionCache none
            WSGIScriptAlias / {dir}/app.wsgi
            <VirtualHost *:{other_port}>
                ServerName shop.test
                SSLEngine On
                SSLCertificateFile {dir}/cert.pem
                SSLCertificateKeyFile {dir}/key.pem
            </VirtualHost>",
        )
        .allow_log("ssl:warn")
        .start();
    let ready = ["localhost:P|", "shop.test:Q|"].map(|group| ports(&s, group));
    assert_eq!(texts(&noted(&s, "load", 2)), ready);
    assert_eq!(s.get("/").header("X-Group"), Some(&*ready[0]));
    let r = over_tls(s.other_port(), "shop.test", "/");
    assert!(r.contains(&format!("X-Group: {}", ready[1])), "{r}");
    assert_eq!(notes(&s, "load").len(), 2);
}
