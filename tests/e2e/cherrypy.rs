//! Applications that start servers and end processes, CherryPy first of all: an exit at load is a failure to load,
//! nobody ends the process that serves others, and the log names the cause.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use harness::poll::until;
use harness::*;

use crate::ending::STILL_THERE;

/// What CherryPy writes to the log of the interpreter it runs in, and what the end of the process says of its threads.
const ENGINE: &str = r#"ENGINE |WSGI1004|CherryPy Checker:|The Application mounted at|The main thread is exiting|warnings[.]warn|"GET /|WSGI1014|\] *$|^$|mpd_setminalloc"#;

/// A CherryPy site that is served by Apache and, on a port of its own, by CherryPy's engine.
fn cherrypy_site(port: u16) -> String {
    let script = "
        import os
        import cherrypy

        class Root:
            @cherrypy.expose
            def index(self):
                return 'cherrypy %d %d' % (PORT, os.getpid())

        cherrypy.config.update({'server.socket_host': '127.0.0.1', 'server.socket_port': PORT,
                                'engine.autoreload.on': False, 'log.screen': True})
        application = cherrypy.Application(Root(), None)  # below whatever it is mounted at
        cherrypy.tree.graft(application, '')
        cherrypy.engine.start()";
    text::dedent(script).replace("PORT", &port.to_string())
}

/// A plain application that tells its process.
const PLAIN: &str = "
import os

def application(environ, start_response):
    start_response('200 OK', [])
    return [b'%d' % os.getpid()]
";

/// A port nobody listens on, on loopback only.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// What a server on that port says.
fn from_port(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("CherryPy's own port");
    stream.set_read_timeout(Some(poll::PATIENCE)).expect("timeout");
    stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").expect("request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answer");
    answer.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned()
}

fn plain(httpd: Httpd) -> Httpd {
    httpd
        .file("plain.wsgi", PLAIN)
        .config("WSGIScriptAlias /plain {dir}/plain.wsgi process-group=%{GLOBAL} application-group=plain")
}

#[test]
fn two_sites_with_an_engine_each() {
    needs!("WSGIPreload");
    for preload in ["on", "off"] {
        let ports = [free_port(), free_port()];
        let mut httpd = plain(httpd()).allow_log(ENGINE).allow_log(STILL_THERE);
        for (name, port) in ["one", "two"].into_iter().zip(ports) {
            httpd = httpd.file(&format!("{name}.wsgi"), cherrypy_site(port)).config(&format!(
                "WSGIScriptAlias /{name} {{dir}}/{name}.wsgi process-group=%{{GLOBAL}} application-group={name} \
                 preload={preload}"
            ));
        }
        let s = httpd.start();
        let pid = s.get("/plain").text();
        for (name, port) in ["one", "two"].into_iter().zip(ports) {
            let r = s.get(&format!("/{name}/"));
            assert_eq!((r.status, r.text()), (200, format!("cherrypy {port} {pid}")), "through Apache");
            assert_eq!(from_port(port), format!("cherrypy {port} {pid}"), "from its own port");
        }
        assert_eq!(s.get("/plain").text(), pid);
        s.stop();
        for port in ports {
            assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "an engine outlives the process");
        }
    }
}

/// The third finds its port taken, and wants to end the process for it: nobody else notices.
#[test]
fn a_third_site_whose_port_is_taken() {
    needs!("WSGIPreload");
    for preload in ["on", "off"] {
        let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = taken.local_addr().expect("its address").port();
        let ports = [free_port(), free_port(), port];
        let mut httpd = plain(httpd()).allow_log(ENGINE).allow_log(STILL_THERE).allow_traceback();
        for (name, port) in ["one", "two", "third"].into_iter().zip(ports) {
            httpd = httpd.file(&format!("{name}.wsgi"), cherrypy_site(port)).config(&format!(
                "WSGIScriptAlias /{name} {{dir}}/{name}.wsgi process-group=%{{GLOBAL}} application-group={name} \
                 preload={preload}"
            ));
        }
        let s = httpd
            .expect_log(r"WSGI1022: os\._exit\(70\) refused")
            .expect_log(
                "WSGI01(09|10): .*/third[.]wsgi' raised .* while it was loaded into sub-interpreter 'third'",
            )
            .expect_log(&format!("Port {port} not free on 127.0.0.1"))
            .expect_log("WSGI1016: what to do: the application starts a server .*cherrypy.server.unsubscribe")
            .allow_log("WSGI1015: .*/third[.]wsgi' ")
            .allow_log(r"ChannelFailures|mod_wsgi.ExitRefused: os\._exit")
            .start();
        let pid = s.get("/plain").text();
        let r = s.get("/third/");
        assert_eq!(r.status, 503, "{}", r.text());
        for (name, port) in ["one", "two"].into_iter().zip(ports) {
            assert_eq!(s.get(&format!("/{name}/")).text(), format!("cherrypy {port} {pid}"));
            assert_eq!(from_port(port), format!("cherrypy {port} {pid}"));
        }
        assert_eq!(s.get("/plain").text(), pid, "the process lives");
        assert!(!s.logged("WSGI1022: ").is_empty());
        assert!(
            s.error_log()
                .iter()
                .any(|line| line.contains("process/wspbus.py\", line") && line.contains("in exit")),
            "the stack of the refused os._exit is in the log"
        );
        // Whoever had the port leaves; the next attempt is made as if there had been none.
        drop(taken);
        until("the third site to start", || {
            (s.get("/third/").text() == format!("cherrypy {port} {pid}")).then_some(())
        });
        assert_eq!(from_port(port), format!("cherrypy {port} {pid}"));
    }
}

/// Two sites of one process group that want the same port, as copied configurations do: the first serves, the second is
/// told why it does not, and a request of its own ends nobody.
#[test]
fn two_sites_of_a_group_with_one_port() {
    let port = free_port();
    let mut httpd = httpd()
        .allow_log(ENGINE)
        .allow_log(STILL_THERE)
        .config("WSGISocketPrefix {dir}/run/wsgi\nWSGIDaemonProcess sites");
    for name in ["one", "two"] {
        httpd = httpd.file(&format!("{name}.wsgi"), cherrypy_site(port)).config(&format!(
            "WSGIScriptAlias /{name} {{dir}}/{name}.wsgi process-group=sites application-group={name}"
        ));
    }
    let s = httpd
        .expect_log(r"WSGI1022: os\._exit\(70\) refused: .*/two[.]wsgi' is just being started")
        .expect_log("WSGI0110: .*/two[.]wsgi' raised ")
        .expect_log(&format!("Port {port} not free on 127.0.0.1"))
        .expect_log("WSGI1016: what to do: the application starts a server .*cherrypy.server.unsubscribe")
        // The port is taken in each successor, too, for as long as this process serves.
        .allow_log("WSGI1031|WSGI1015|WSGI0110: .*/(one|two)[.]wsgi' raised |WSGI1022: ")
        .allow_log(r"ChannelFailures|mod_wsgi.ExitRefused: os\._exit")
        .allow_traceback()
        .start();
    let r = s.get("/one/");
    assert_eq!((r.status, r.text().starts_with("cherrypy ")), (200, true), "{}", r.text());
    let pid: u32 = r.text().rsplit(' ').next().and_then(|pid| pid.parse().ok()).expect("a pid");
    let r = s.get("/two/");
    assert_eq!(r.status, 503, "{}", r.text());
    assert!(r.header("Retry-After").is_some());
    assert_eq!(from_port(port), format!("cherrypy {port} {pid}"));
    until("a successor that is refused the port", || {
        s.get("/two/");
        (!s.logged("WSGI1031: ").is_empty()).then_some(())
    });
    assert_eq!(s.get("/one/").text(), format!("cherrypy {port} {pid}"), "the process lives");
    assert_eq!(s.logged("WSGI1029"), [""; 0]);
}

/// Other than the text says, this does not mean that the process ends.
#[test]
fn sys_exit_at_load() {
    needs!("WSGIPreload");
    for (preload, number) in [("on", "WSGI0108"), ("off", "WSGI0107")] {
        let s = plain(httpd())
            .script("exits.wsgi", "import sys\nsys.exit(3)")
            .config(&format!(
                "WSGIScriptAlias /exits {{dir}}/exits.wsgi process-group=%{{GLOBAL}} application-group=exits \
                 preload={preload}"
            ))
            .expect_log(&format!(
                "{number}: WSGI script '.*/exits[.]wsgi' raised SystemExit .*attempt 1, pid"
            ))
            .expect_traceback("SystemExit: 3")
            .expect_log(r"WSGI1016: what to do: .*calls sys.exit\(\)")
            .allow_log("WSGI1015|WSGI0107: .*attempt [2-9]")
            .start();
        let pid = s.get("/plain").text();
        let r = s.get("/exits");
        assert_eq!(r.status, 503);
        assert!(r.header("Retry-After").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|n| n >= 1)));
        assert_eq!(s.get("/plain").text(), pid, "the process lives");
    }
}

/// Says what `os._exit` did, in the process that serves or in a child of it.
const EXITS: &str = "
import os, sys
import mod_wsgi

def application(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/caught':
        try:
            os._exit(70)
        except mod_wsgi.ExitRefused as e:
            answer = '%s %s' % (isinstance(e, RuntimeError), e)
    elif path == '/fork':
        child = os.fork()
        if child == 0:
            os._exit(7)
        answer = 'exited %d' % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    elif path == '/pid':
        answer = str(os.getpid())
    else:
        os._exit(71)
    start_response('200 OK', [])
    return [answer.encode()]
";

fn exits(group: &str) -> Httpd {
    httpd().file("app.wsgi", EXITS).config(&format!(
        "WSGIScriptAlias / {{dir}}/app.wsgi process-group=%{{GLOBAL}} application-group={group}"
    ))
}

#[test]
fn os_exit_while_serving() {
    needs!("WSGIRestrictExit");
    for group in ["%{GLOBAL}", "sub"] {
        let s = exits(group)
            .expect_log(r"WSGI1022: os\._exit\(70\) refused")
            .expect_log(r#"\]   File "/.*/app[.]wsgi", line \d+, in application"#)
            .expect_log(r"WSGI1022: os\._exit\(71\) refused")
            .expect_traceback(r"mod_wsgi[.]ExitRefused: os\._exit\(71\) refused")
            .allow_log("WSGI0174: .*app[.]wsgi")
            .start();
        let pid = s.get("/pid").text();
        let r = s.get("/caught");
        assert_eq!(r.status, 200);
        assert!(r.text().starts_with("True os._exit(70) refused"), "{group}: {}", r.text());
        assert_eq!(s.get("/uncaught").status, 500, "{group}");
        assert_eq!(s.get("/pid").text(), pid, "{group}: the process lives");
    }
}

/// Only the main interpreter can be forked: Python itself ends the children of others.
#[test]
fn os_exit_in_a_forked_child() {
    needs!("WSGIRestrictExit");
    let s = exits("%{GLOBAL}").start();
    for _ in 0..3 {
        assert_eq!(s.get("/fork").text(), "exited 7");
    }
    assert_eq!(s.logged("WSGI1022"), [""; 0]);
}

/// Libraries end the process at load as well; then it has not loaded.
#[test]
fn os_exit_at_load() {
    needs!("WSGIRestrictExit");
    let s = plain(httpd())
        .script("exits.wsgi", "import os\nos._exit(5)")
        .config("WSGIScriptAlias /exits {dir}/exits.wsgi process-group=%{GLOBAL} application-group=exits preload=on")
        .expect_log(r"WSGI1022: os\._exit\(5\) refused")
        .expect_log("WSGI0110: .*/exits[.]wsgi' raised ExitRefused")
        .expect_traceback(r"mod_wsgi[.]ExitRefused: os\._exit\(5\) refused")
        .expect_log("WSGI1016: what to do: the application ends its process by os._exit")
        .allow_log("WSGI1015|WSGI0109: .*attempt [2-9]")
        .start();
    let pid = s.get("/plain").text();
    assert_eq!(s.get("/exits").status, 503);
    assert_eq!(s.get("/plain").text(), pid, "the process lives");
}

#[test]
fn os_exit_where_it_is_allowed() {
    needs!("WSGIRestrictExit");
    let s = exits("%{GLOBAL}").config("WSGIRestrictExit Off").start();
    let pid = s.get("/pid").text();
    let mut connection = s.raw(b"GET /uncaught HTTP/1.0\r\n\r\n");
    assert!(connection.try_response().is_none(), "nobody is left to answer");
    until("another process to serve", || {
        let answer = s.raw(b"GET /pid HTTP/1.0\r\n\r\n").try_response()?;
        (answer.status == 200 && answer.text() != pid).then_some(())
    });
    assert_eq!(s.logged("WSGI1022"), [""; 0]);
}
