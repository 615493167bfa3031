//! The distribution's own layout: Debian's /etc/apache2 copied as it is, with what `make install` adds, and its own tools:
//! a2enmod, a2ensite, envvars, apache2ctl, log rotation.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::{fs, thread};

use harness::poll::until;
use harness::*;

use crate::daemon_transfer::certificate;
use crate::preload_ports::over_tls;
use crate::python_found::make_venv;

/// Two sites, each in virtual hosts of its own for HTTP and HTTPS. They share what the process counts.
const SITES: [(&str, &str); 2] = [
    (
        "shop",
        "
        <VirtualHost *:{port}>
            ServerName shop.test
            WSGIDaemonProcess shop processes=1 threads=5 display-name=%{GROUP}
            WSGIScriptAlias / {dir}/srv/shop.wsgi process-group=shop application-group=%{GLOBAL}
            ErrorLog ${APACHE_LOG_DIR}/shop-error.log
            CustomLog ${APACHE_LOG_DIR}/shop-access.log combined
        </VirtualHost>
        <VirtualHost *:{other_port}>
            ServerName shop.test
            SSLEngine on
            SSLCertificateFile {dir}/cert.pem
            SSLCertificateKeyFile {dir}/key.pem
            WSGIScriptAlias / {dir}/srv/shop.wsgi process-group=shop application-group=%{GLOBAL}
            ErrorLog ${APACHE_LOG_DIR}/shop-error.log
        </VirtualHost>
        <Directory {dir}/srv>
            Require all granted
        </Directory>",
    ),
    (
        "blog",
        "
        <VirtualHost *:{port}>
            ServerName blog.test
            WSGIScriptAlias / {dir}/srv/blog.wsgi application-group=blog
        </VirtualHost>
        <VirtualHost *:{other_port}>
            ServerName blog.test
            SSLEngine on
            SSLCertificateFile {dir}/cert.pem
            SSLCertificateKeyFile {dir}/key.pem
            WSGIScriptAlias / {dir}/srv/blog.wsgi application-group=blog
        </VirtualHost>
        <Directory {dir}/srv>
            Require all granted
        </Directory>",
    ),
];

/// What conf-enabled says for all hosts.
const FOR_ALL: &str = "
    WSGIDaemonProcess wiki processes=1 threads=2
    WSGIScriptAlias /wiki {dir}/srv/shop.wsgi process-group=wiki application-group=%{GLOBAL}
    <Directory {dir}/srv>
        Require all granted
    </Directory>
    ";

/// Says which process answers, in which group and scheme; writes what it is asked for into the error log.
const APP: &str = "
    import os, sys, mod_wsgi
    print('started in', os.getpid(), file=sys.stderr, flush=True)

    def application(environ, start_response):
        if environ['QUERY_STRING']:
            print('line', environ['QUERY_STRING'], file=environ['wsgi.errors'], flush=True)
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [f\"{os.getpid()} {mod_wsgi.process_group or '-'} {environ['wsgi.url_scheme']}\".encode()]
    ";

/// /etc/apache2 as it is, but for ports, directories and the certificate, with the module installed and not yet enabled.
/// None: not a Debian, or not root.
fn debian() -> Option<Httpd> {
    if !is_root() || !Path::new("/usr/sbin/a2enmod").exists() {
        skip("not Debian's layout, or not root");
        return None;
    }
    let h = httpd()
        .script("srv/shop.wsgi", APP)
        .script("srv/blog.wsgi", APP)
        .own_configuration("etc/apache2", "apache2.conf", Some("envvars"))
        // No ServerName, and a certificate of its own.
        .allow_log("AH00558: ")
        .allow_log("ssl:warn")
        .allow_log("started in");
    let dir = h.dir().to_str().unwrap().to_owned();
    fs::create_dir_all(h.dir().join("etc")).unwrap();
    fs::create_dir(h.dir().join("lock")).unwrap();
    done(Command::new("cp").args(["-a", "/etc/apache2", &format!("{dir}/etc/apache2")]));
    done(Command::new(repository().join("scripts/install")).arg(&dir));
    // The files under test, wherever they were built.
    let installed = format!("{dir}/usr/lib/apache2/modules");
    for file in fs::read_dir(h.dir().join("module")).unwrap().flatten() {
        fs::copy(file.path(), Path::new(&installed).join(file.file_name())).unwrap();
    }
    let (port, tls) = (h.fill("{port}"), h.fill("{other_port}"));
    for (file, changes) in [
        (
            "envvars",
            vec![
                ("/var/run/apache2$SUFFIX", format!("{dir}/run")),
                ("/var/lock/apache2$SUFFIX", format!("{dir}/lock")),
                ("/var/log/apache2$SUFFIX", format!("{dir}/logs")),
            ],
        ),
        (
            "ports.conf",
            vec![
                ("Listen 80", format!("Listen 127.0.0.1:{port}")),
                ("Listen 443", format!("Listen 127.0.0.1:{tls}")),
            ],
        ),
        ("sites-available/000-default.conf", vec![("*:80", format!("*:{port}"))]),
        (
            "sites-available/default-ssl.conf",
            vec![
                ("*:443", format!("*:{tls}")),
                ("_default_:443", format!("_default_:{tls}")),
                ("/etc/ssl/certs/ssl-cert-snakeoil.pem", format!("{dir}/cert.pem")),
                ("/etc/ssl/private/ssl-cert-snakeoil.key", format!("{dir}/key.pem")),
            ],
        ),
        ("mods-available/wsgi.load", vec![("/usr/lib/apache2/modules", installed)]),
    ] {
        let path = h.dir().join("etc/apache2").join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let text = changes.iter().fold(text, |text, (from, to)| text.replace(from, to));
        fs::write(&path, text).unwrap();
    }
    certificate(h.dir());
    for (name, site) in SITES {
        let file = h.dir().join(format!("etc/apache2/sites-available/{name}.conf"));
        fs::write(file, text::dedent(&h.fill(site))).unwrap();
    }
    fs::write(h.dir().join("etc/apache2/conf-available/wiki.conf"), text::dedent(&h.fill(FOR_ALL))).unwrap();
    let tools = Tools::of(h.dir());
    tools.run("a2dismod", &["-q", "-f", "mpm_event", "mpm_worker", "mpm_prefork"]);
    tools.run("a2enmod", &["-q", &format!("mpm_{}", mpm().name()), "ssl", "wsgi"]);
    tools.run("a2ensite", &["-q", "000-default", "default-ssl"]);
    Some(h)
}

fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    assert!(output.status.success(), "{command:?}:\n{said}");
    output
}

/// Debian's programs, at work on the copy.
struct Tools(String);

impl Tools {
    fn of(dir: &Path) -> Self {
        Self(dir.to_str().unwrap().to_owned())
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Output {
        let dir = &self.0;
        let mut command = Command::new(format!("/usr/sbin/{name}"));
        command.args(arguments).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("APACHE_CONFDIR", format!("{dir}/etc/apache2"));
        command.env("APACHE_STATE_DIRECTORY", format!("{dir}/state/apache2")).env("MOD_WSGI_TEST", dir);
        done(&mut command)
    }
}

/// What a site answers: the process, its group and the scheme.
fn ask(s: &Server, host: &str) -> (u32, String, String) {
    let r = s.request("GET", "/").header("Host", &format!("{host}:{}", s.port())).send();
    assert_eq!(r.status, 200, "{host}: {}", r.text());
    told(&r.text())
}

fn ask_tls(s: &Server, host: &str) -> (u32, String, String) {
    let answer = over_tls(s.other_port(), host, "/");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{host}: {answer}");
    told(answer.rsplit("\r\n\r\n").next().unwrap())
}

fn told(text: &str) -> (u32, String, String) {
    let words: Vec<&str> = text.split(' ').collect();
    let [pid, group, scheme] = words[..] else { panic!("not by the application: {text}") };
    (pid.parse().unwrap(), group.to_owned(), scheme.to_owned())
}

/// Both sites, in both schemes, and what the distribution's own hosts answer.
fn serves(s: &Server) {
    let (shop, shop_tls) = (ask(s, "shop.test"), ask_tls(s, "shop.test"));
    assert_eq!((&*shop.1, &*shop.2), ("shop", "http"));
    assert_eq!((shop_tls.0, &*shop_tls.1, &*shop_tls.2), (shop.0, "shop", "https"), "one process for both");
    let (blog, blog_tls) = (ask(s, "blog.test"), ask_tls(s, "blog.test"));
    assert_eq!((&*blog.1, &*blog.2, &*blog_tls.1, &*blog_tls.2), ("-", "http", "-", "https"));
    assert_ne!(blog.0, shop.0);
    let default = s.request("GET", "/").header("Host", "other.test").send();
    let page = fs::read("/var/www/html/index.html");
    assert!(page.is_err() || default.body == page.unwrap(), "{}", default.text());
}

/// `apache2ctl graceful`, and the end of all that was there before.
fn graceful(s: &Server, tools: &Tools) {
    let old = s.children();
    tools.run("apache2ctl", &["graceful"]);
    s.wait_gone(&old);
}

#[test]
fn from_configtest_to_stop() {
    let Some(h) = debian() else { return };
    let tools = Tools::of(h.dir());
    // Ours is loaded, and nobody uses it yet.
    tools.run("apache2ctl", &["configtest"]);
    tools.run("a2enconf", &["-q", "wiki"]);
    tools.run("apache2ctl", &["configtest"]);
    tools.run("a2ensite", &["-q", "shop", "blog"]);
    for question in ["configtest", "-S", "-M", "-tDDUMP_RUN_CFG"] {
        tools.run("apache2ctl", &[question]);
    }
    let s = h.start();
    serves(&s);
    let wiki = |host: &str| s.request("GET", "/wiki").header("Host", host).send().text();
    assert_eq!(told(&wiki("other.test")).1, "wiki");
    let before = [ask(&s, "shop.test").0, ask(&s, "blog.test").0, told(&wiki("other.test")).0];
    graceful(&s, &tools);
    serves(&s);
    let after = [ask(&s, "shop.test").0, ask(&s, "blog.test").0, told(&wiki("other.test")).0];
    assert!(before.iter().all(|pid| !after.contains(pid)), "{before:?} {after:?}");
    let old = s.children();
    s.restart();
    s.wait_gone(&old);
    until("the site after a restart", || answers(&s, "blog.test").then_some(()));
    serves(&s);
    tools.run("apache2ctl", &["graceful-stop"]);
    s.stop();
}

/// Whether it answers with 200; a server that has just been restarted may not listen yet.
fn answers(s: &Server, host: &str) -> bool {
    let Ok(_listens) = std::net::TcpStream::connect(("127.0.0.1", s.port())) else { return false };
    let mut connection = s.connect();
    let host = format!("Host: {host}:{}", s.port());
    connection.send(format!("GET / HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n").as_bytes());
    connection.try_response().is_some_and(|r| r.status == 200)
}

/// `make install PYTHON_HOME=dir` says it in wsgi.conf; what an administrator has written there stays.
#[test]
fn the_python_it_is_installed_for() {
    let Some(h) = debian() else { return };
    let (tools, dir) = (Tools::of(h.dir()), h.dir().to_owned());
    let available = dir.join("etc/apache2/mods-available");
    let [conf, load, dist] = ["wsgi.conf", "wsgi.load", "wsgi.conf.dist"].map(|name| available.join(name));
    let kept = fs::read(&load).unwrap();
    let install = |home: &Path| {
        done(Command::new(repository().join("scripts/install")).arg(&dir).env("PYTHON_HOME", home));
        fs::read_to_string(&conf).unwrap()
    };
    let home = dir.join("srv/venv");
    make_venv(&home);
    let line = format!("    WSGIPythonHome {}\n", home.display());
    let written = install(&home);
    assert_eq!(written.matches(&line).count(), 1, "{written}");
    assert!(!dist.exists());
    assert_eq!(install(Path::new("/elsewhere")), written, "the line is the administrator's now");
    assert!(fs::read_to_string(&dist).unwrap().contains("    WSGIPythonHome /elsewhere\n"));
    let unsafe_path =
        Command::new(repository().join("scripts/install")).arg(&dir).env("PYTHON_HOME", "venv").output();
    assert!(!unsafe_path.unwrap().status.success(), "a relative path");
    fs::write(load, kept).unwrap();
    let site = "import sys
def application(environ, start_response):
    start_response('200 OK', [])
    return [sys.prefix.encode()]
";
    let h = h.file("srv/shop.wsgi", site).file("srv/blog.wsgi", site);
    tools.run("a2ensite", &["-q", "shop", "blog"]);
    let s = h.start();
    for host in ["shop.test", "blog.test"] {
        let r = s.request("GET", "/").header("Host", &format!("{host}:{}", s.port())).send();
        assert_eq!(r.text(), home.to_str().unwrap(), "{host}");
    }
}

/// A site comes and goes while the server runs, and the module with its last one.
#[test]
fn sites_come_and_go() {
    let Some(h) = debian() else { return };
    let tools = Tools::of(h.dir());
    tools.run("a2ensite", &["-q", "shop"]);
    let s = h.start();
    let is_there = |host: &str| {
        let r = s.request("GET", "/").header("Host", &format!("{host}:{}", s.port())).send();
        r.text().ends_with(" http")
    };
    let there = || (is_there("shop.test"), is_there("blog.test"));
    assert_eq!(there(), (true, false));
    tools.run("a2ensite", &["-q", "blog"]);
    graceful(&s, &tools);
    serves(&s);
    tools.run("a2dissite", &["-q", "shop"]);
    graceful(&s, &tools);
    until("the end of the group", || s.workers().is_empty().then_some(()));
    assert_eq!(there(), (false, true));
    // The module goes while a group is there, which no later supervisor ends.
    tools.run("a2ensite", &["-q", "shop"]);
    graceful(&s, &tools);
    assert_eq!(there(), (true, true));
    // httpd does not know whose the supervisor was.
    s.allow_log("long lost child came home");
    tools.run("a2dissite", &["-q", "blog", "shop"]);
    tools.run("a2dismod", &["-q", "wsgi"]);
    graceful(&s, &tools);
    assert!(s.workers().is_empty(), "they end with their supervisor");
    assert_eq!(there(), (false, false));
    tools.run("a2enmod", &["-q", "wsgi"]);
    tools.run("a2ensite", &["-q", "blog", "shop"]);
    graceful(&s, &tools);
    serves(&s);
}

/// What logrotate does with Debian's /etc/logrotate.d/apache2: rename, create, reload. Under load, in both modes.
#[test]
fn logs_are_rotated_without_loss() {
    let Some(h) = debian() else { return };
    let h = h.allow_log("line [0-9]+");
    let tools = Tools::of(h.dir());
    tools.run("a2ensite", &["-q", "shop", "blog"]);
    let s = h.start();
    let (done, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let log = s.dir().join("logs");
    let host = |name: &str| format!("{name}.test:{}", s.port());
    let count = |file: &str, what: &str| s.read_file(&format!("logs/{file}")).matches(what).count();
    thread::scope(|scope| {
        for name in ["shop", "blog"] {
            let (s, done, sent) = (&s, &done, &sent);
            scope.spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    let number = sent.fetch_add(1, Ordering::SeqCst);
                    let target = format!("/{name}?{number}");
                    let r = s.request("GET", &target).header("Host", &host(name)).send();
                    assert_eq!(r.status, 200, "{}", r.text());
                }
            });
        }
        let _end = EndOf(&done);
        until("lines of both sites", || (count("shop-error.log", "line ") > 20).then_some(()));
        until("lines of both sites", || (count("error.log", "line ") > 20).then_some(()));
        for name in
            ["error.log", "access.log", "shop-error.log", "shop-access.log", "other_vhosts_access.log"]
        {
            fs::rename(log.join(name), log.join(format!("{name}.1")))
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            fs::write(log.join(name), "").unwrap();
            fs::set_permissions(log.join(name), fs::Permissions::from_mode(0o640)).unwrap();
            chown(log.join(name), Some(0), Some(4)).unwrap();
        }
        tools.run("apache2ctl", &["graceful"]);
        // Requests, and what the new processes say outside of any.
        for file in ["shop-error.log", "error.log"] {
            until(&format!("lines in the new {file}"), || (count(file, "line ") > 20).then_some(()));
        }
        until("a word of new processes", || (count("error.log", "started in") >= 2).then_some(()));
    });
    s.stop();
    let both = |name: &str| s.read_file(&format!("logs/{name}.1")) + &s.read_file(&format!("logs/{name}"));
    let (errors, access) = (both("error.log") + &both("shop-error.log"), both("shop-access.log"));
    let vhosts = both("other_vhosts_access.log");
    for number in 0..sent.load(Ordering::SeqCst) {
        let lines = errors.lines().filter(|l| l.ends_with(&format!("line {number}"))).count();
        let visits = [&access, &vhosts].map(|log| log.matches(&format!("?{number} HTTP/1.1\" 200")).count());
        assert_eq!((lines, visits.iter().sum::<usize>()), (1, 1), "request {number}");
    }
}

/// Tells the clients to end, also when the test fails.
struct EndOf<'a>(&'a AtomicBool);

impl Drop for EndOf<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
