//! `mod-wsgi serve`

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::thread;

use super::*;
use crate::daemon_transfer::certificate;
use crate::preload_ports::over_tls;

#[test]
fn a_script() {
    let s =
        Served::start(site(), "serve shop.wsgi --port {port} --processes 2 --threads 3 --env SETTING=value");
    let log = s.log();
    let first = log.lines().next().unwrap_or_default();
    assert!(first.starts_with(&format!("Serving shop.wsgi at http://localhost:{}/ ", s.port)), "{log}");
    let (status, text) = s.get("/a/b?c");
    assert_eq!(status, 200);
    assert!(text.starts_with(" /a/b True True value shop "), "{text}");
    assert!(text.ends_with(&format!("cwd={}", s.dir.display())), "{text}");
    assert!(!log.contains("WSGI"), "{log}");
}

#[test]
fn a_module_and_its_factory() {
    let h = httpd().script(
        "pages/site.py",
        "
        def make():
            def application(environ, start_response):
                start_response('200 OK', [])
                return [b'made ' + environ['SCRIPT_NAME'].encode()]
            return application",
    );
    let s = Served::start(h, "serve pages.site:make() --port {port} --mount /app");
    assert_eq!(s.get("/app/x"), (200, "made /app".into()));
    assert_eq!(s.get("/other").0, 404);
}

#[test]
fn a_django_project_with_its_static_files() {
    let h = httpd().tree(&repository().join("examples/django"), "srv").file("srv/secret-key", "for tests");
    let s = Served::start(h, "serve srv --port {port}");
    let (status, page) = s.get_as("django.example.org", "/");
    assert!(status == 200 && page.contains("<h1>Hello from django.example.org!</h1>"), "{status} {page}");
    assert!(s.get_as("django.example.org", "/static/site.css").1.starts_with("body {"));
}

/// Who works on the machine sees why something fails; a client of a proxy on it does not.
#[test]
fn a_local_client_sees_why_a_request_fails() {
    let h = || {
        httpd()
            .script("app.wsgi", "def application(environ, start_response):\n    raise LookupError('gone')\n")
    };
    let asked = |s: &Served, host: &str, headers: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", s.port)).expect("connect");
        stream.write_all(request.as_bytes()).expect("send");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
        text.contains("LookupError: gone")
    };
    let shown = |s: &Served, headers: &str| asked(s, "localhost", headers);
    let start = |line: &str| {
        let mut s = Served::start(h(), line);
        s.expected = vec!["WSGI0174", "LookupError", "Traceback", "File \""];
        s
    };
    let s = start("serve app.wsgi --port {port}");
    assert!(shown(&s, ""));
    for header in ["X-Forwarded-For: 192.0.2.1", "Via: 1.1 proxy", "Forwarded: for=192.0.2.1"] {
        assert!(!shown(&s, &format!("{header}\r\n")), "{header}");
    }
    for host in ["localhost:8000", "127.0.0.1", "127.0.0.1:8000", "[::1]:8000"] {
        assert!(asked(&s, host, ""), "{host}");
        assert!(asked(&s, host, &format!("Origin: http://{host}\r\n")), "a page of {host}");
    }
    for host in
        ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "[::2]"]
    {
        assert!(!asked(&s, host, ""), "{host}");
        assert!(!shown(&s, &format!("Origin: http://{host}\r\n")), "a page of {host}");
    }
    assert!(!shown(&s, "Origin: null\r\n"), "a page of nobody");
    drop(s);
    let s = start("serve app.wsgi --port {port} --server-name localhost");
    assert!(!shown(&s, ""), "it has a name on the network");
}

#[test]
fn files_alone_and_before_an_application() {
    let h = httpd().file("files/index.html", "the index").file("files/page.txt", "a page");
    let s = Served::start(h, "serve files --port {port} --health /healthz");
    assert_eq!((s.get("/").1, s.get("/page.txt").1), ("the index".into(), "a page".into()));
    assert_eq!(s.get("/none").0, 404);
    assert_eq!(s.get("/healthz"), (200, "ok\n".into()));
    drop(s);
    let h = site().file("files/page.txt", "a page").file("more/x.txt", "an alias");
    let s = Served::start(
        h,
        "serve shop.wsgi --port {port} --document-root files --alias /more more --health /healthz",
    );
    assert_eq!((s.get("/page.txt").1, s.get("/more/x.txt").1), ("a page".into(), "an alias".into()));
    assert!(s.get("/").1.starts_with(" / "), "{}", s.get("/").1);
    assert!(s.get("/none").1.starts_with(" /none "));
    assert_eq!(s.get("/healthz"), (200, "ok\n".into()));
}

/// The directory of an application is not served as files by mistake, and what is hidden is never served.
#[test]
fn files_that_are_not_for_visitors() {
    let h = site().file("flask/app.py", "SECRET = 1").file("flask/.env", "SECRET=1");
    let h = h
        .file("flask/.well-known/acme", "a proof")
        .file("flask/.git/config", "[core]")
        .file("flask/page.txt", "a page");
    let place = h.dir().join("flask").to_str().expect("a name").to_owned();
    let (code, _, stderr) = say(&["serve", &place]);
    assert!(
        code == Some(2) && stderr.contains("has app.py; name that file to serve the application"),
        "{stderr}"
    );
    for options in ["--kind static flask", "shop.wsgi --document-root flask"] {
        let h = site().file("flask/.env", "SECRET=1").file("flask/.git/config", "[core]");
        let h = h.file("flask/.well-known/acme", "a proof").file("flask/page.txt", "a page");
        let s = Served::start(h, &format!("serve {options} --port {{port}}"));
        for hidden in ["/.env", "/.git/config"] {
            let (status, text) = s.get(hidden);
            assert!(
                status == 404 || text.starts_with(&format!(" {hidden} ")),
                "{options} {hidden}: {status} {text}"
            );
        }
        assert_eq!([s.get("/.well-known/acme").1, s.get("/page.txt").1], ["a proof", "a page"], "{options}");
    }
}

#[test]
fn one_host_only() {
    let h = site().file("files/page.txt", "a page");
    let s = Served::start(
        h,
        "serve shop.wsgi --port {port} --server-name www.shop.test --server-name shop2.test --health /up --document-root files",
    );
    assert!(
        s.log().starts_with(&format!("Serving shop.wsgi at http://www.shop.test:{}/", s.port)),
        "{}",
        s.log()
    );
    assert_eq!(s.get_as("www.shop.test", "/").0, 200);
    assert_eq!(s.get_as("shop2.test", "/page.txt"), (200, "a page".into()));
    assert_eq!(s.get_as("shop.test", "/x").0, 301);
    assert_eq!(s.get_as("10.0.0.1", "/up"), (200, "ok\n".into()));
    assert_eq!(s.get_as("evil.test", "/").0, 403);
    // Apache says so.
    let _ = fs::write(s.dir.join("logs/command.log"), "");
}

#[test]
fn in_apaches_own_processes() {
    let s = Served::start(site(), "serve shop.wsgi --port {port} --embedded --processes 1 --threads 4");
    let (status, text) = s.get("/x");
    assert!(status == 200 && text.starts_with(" /x False True None  uid="), "{status} {text}");
}

/// As a container with an arbitrary user has it: no name, no home, nothing to write to but the server root.
#[test]
fn without_root_and_without_a_name() {
    skip_if!(!is_root(), "only root can become another user");
    let h = site();
    let root = h.dir().join("root");
    fs::create_dir(&root).expect("root");
    std::os::unix::fs::chown(&root, Some(1_234_567), Some(0)).expect("chown");
    let mut as_nobody = command();
    as_nobody.uid(1_234_567).gid(0).env("TMPDIR", "/nowhere").env("PORT", h.port().to_string());
    let s = Served::run(h, "serve shop.wsgi --server-root root", as_nobody);
    let (status, text) = s.get("/");
    assert!(status == 200 && text.contains(" uid=1234567 "), "{status} {text}");
}

#[test]
fn sigterm_lets_requests_end() {
    let h = site();
    // Paths of sockets are short.
    let temporary = std::env::temp_dir().join(format!("t{}", std::process::id()));
    fs::create_dir(&temporary).expect("a directory for temporary files");
    let mut here = command();
    here.env("TMPDIR", &temporary);
    let mut s = Served::run(h, "serve shop.wsgi --port {port}", here);
    assert_eq!(fs::read_dir(&temporary).expect("tmp").count(), 1);
    let port = s.port;
    let slow = thread::spawn(move || ask(port, "localhost", "/slow"));
    until("the request", || s.dir.join("state/begun").exists().then_some(()));
    let status = s.end(libc::SIGTERM);
    let answer = slow.join().expect("a thread");
    assert!(answer.as_ref().is_some_and(|(status, _)| *status == 200), "{answer:?}\n{}", s.log());
    assert!(status.success(), "{status}");
    fs::remove_dir(&temporary).expect("nothing is left of the server root");
}

/// Apache opens the log by the name of the stream: in a file, its lines and those of the command stand behind each other.
#[test]
fn a_log_that_is_a_file() {
    let h = site();
    let dir = h.directory();
    let words = h.fill("serve shop.wsgi --port {port} --directive");
    let log = fs::File::create(dir.join("logs/command.log")).expect("the log");
    let mut command = command();
    command.args(words.split_whitespace()).arg("PidFile /nowhere/httpd.pid").current_dir(&dir);
    command.stdout(log.try_clone().expect("the log")).stderr(log);
    assert_eq!(command.status().expect("mod-wsgi runs").code(), Some(1));
    let log = fs::read_to_string(dir.join("logs/command.log")).expect("the log");
    let at = |text: &str| log.find(text).unwrap_or_else(|| panic!("no {text}:\n{log}"));
    assert!(at("Serving shop.wsgi") < at("could not create /nowhere/httpd.pid"), "{log}");
    assert!(at("could not create /nowhere/httpd.pid") < at("mod-wsgi: Apache has ended"), "{log}");
}

/// As systemd has it: nobody can open a socket again by the name of the stream.
#[test]
fn a_log_that_is_a_socket() {
    let h = site();
    let (dir, port) = (h.directory(), h.port());
    let words = h.fill("serve shop.wsgi --port {port} --log-level notice --access-log=common");
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let mut command = command();
    command.args(words.split_whitespace()).current_dir(&dir);
    command.stdout(OwnedFd::from(theirs.try_clone().expect("a socket"))).stderr(OwnedFd::from(theirs));
    own_session(&mut command);
    let mut child = command.spawn().expect("mod-wsgi runs");
    drop(command);
    let mut lines = BufReader::new(ours).lines().map(|line| line.expect("a line"));
    let first = lines.next().expect("the first line");
    assert!(first.starts_with("Serving shop.wsgi at "), "{first}");
    assert!(lines.any(|line| line.contains("resuming normal operations")), "no notice");
    until("an answer", || ask(port, "localhost", "/x").filter(|answer| answer.0 == 200));
    assert!(lines.any(|line| line.contains("\"GET /x HTTP/1.1\" 200")), "no request");
    signal(child.id(), libc::SIGTERM);
    assert!(lines.any(|line| line.contains("shutting down gracefully")), "no end");
    assert!(child.wait().expect("an end").success());
}

/// Whatever it is doing: nothing of it stays.
#[test]
fn sigterm_at_any_moment() {
    let h = site();
    let (dir, port) = (h.directory(), h.port().to_string());
    let temporary = std::env::temp_dir().join(format!("m{}", std::process::id()));
    fs::create_dir(&temporary).expect("a directory for temporary files");
    for moment in 0..8 {
        let mut command = command();
        command.args(["serve", "shop.wsgi", "--port", &port]).current_dir(&dir).env("TMPDIR", &temporary);
        own_session(&mut command);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("mod-wsgi runs");
        let _ = until("the server root", || fs::read_dir(&temporary).expect("tmp").next());
        poll::pause(Duration::from_millis(25 * moment));
        signal(child.id(), libc::SIGTERM);
        let status = until("the end", || child.try_wait().expect("wait"));
        assert!(status.success(), "{status}");
        assert_eq!(fs::read_dir(&temporary).expect("tmp").count(), 0, "the server root is left");
    }
    fs::remove_dir(&temporary).expect("it is empty");
}

#[test]
fn signals_are_passed_on() {
    let s = Served::start(site(), "serve shop.wsgi --port {port} --log-level notice");
    until("the start", || s.log().contains("resuming normal operations").then_some(()));
    signal(s.pid(), libc::SIGWINCH);
    signal(s.pid(), libc::SIGUSR1);
    until("the restart", || s.log().contains("Doing graceful restart").then_some(()));
    until("an answer", || (s.get("/").0 == 200).then_some(()));
}

/// As the first process of a container: what loses its parent is reaped, and SIGTERM is not ignored.
#[test]
fn as_the_first_process() {
    skip_if!(!is_root(), "only root makes a namespace of processes");
    let h = site();
    let own = command();
    let mut apart = Command::new("unshare");
    apart.args(["--fork", "--pid", "--mount-proc", "--kill-child"]).arg(own.get_program());
    apart.env_clear().env("PATH", "/usr/bin:/bin").env("VIRTUAL_ENV", venv());
    skip_if!(
        !Command::new("unshare").args(["--fork", "--pid", "true"]).status().is_ok_and(|s| s.success()),
        "no namespaces"
    );
    let mut s = Served::run(h, "serve shop.wsgi --port {port}", apart);
    assert_eq!(s.get("/").0, 200);
    let inside = processes().into_iter().find(|p| p.parent == s.pid()).expect("the first process").pid;
    signal(inside, libc::SIGTERM);
    let status = within(poll::PATIENCE, || s.child.try_wait().expect("wait"));
    s.ended = true;
    assert!(status.is_some_and(|status| status.success()), "{status:?}\n{}", s.log());
}

#[test]
fn paste() {
    let has =
        std::process::Command::new(venv().join("bin/python")).args(["-c", "import paste.deploy"]).output();
    skip_if!(!has.is_ok_and(|has| has.status.success()), "PasteDeploy is not installed");
    let h = httpd()
        .script(
            "pages.py",
            "
            def factory(conf, **settings):
                def application(environ, start_response):
                    start_response('200 OK', [])
                    return [settings['greeting'].encode()]
                return application",
        )
        .file("site.ini", "[app:main]\npaste.app_factory = pages:factory\ngreeting = from paste\n");
    let s = Served::start(h, "serve site.ini --port {port}");
    assert_eq!(s.get("/x"), (200, "from paste".into()));
}

#[test]
fn https() {
    let h = site().file("files/page.txt", "a page");
    certificate(h.dir());
    let port = h.other_port();
    let s = Served::start(
        h,
        "serve shop.wsgi --port {port} --https-port {other_port} --certificate cert.pem --key key.pem --document-root files",
    );
    let answer = over_tls(port, "localhost", "/x");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(" /x "), "{answer}");
    assert!(over_tls(port, "localhost", "/page.txt").ends_with("a page"));
    assert!(s.get("/x").1.starts_with(" /x "));
}
