//! The layout of httpd.org's own builds: one ServerRoot with conf, conf/extra, modules, logs and htdocs, everything named by
//! relative paths, children that run as `daemon`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use harness::*;

use crate::daemon_transfer::certificate;
use crate::preload_ports::over_tls;
use crate::python_found::make_venv;

const MAIN: &str = r#"
    ServerRoot "{dir}"
    Listen 127.0.0.1:{port}
    LoadModule mpm_{mpm}_module modules/mod_mpm_{mpm}.so
    LoadModule authz_core_module modules/mod_authz_core.so
    LoadModule authz_host_module modules/mod_authz_host.so
    LoadModule dir_module modules/mod_dir.so
    LoadModule mime_module modules/mod_mime.so
    LoadModule env_module modules/mod_env.so
    LoadModule setenvif_module modules/mod_setenvif.so
    LoadModule alias_module modules/mod_alias.so
    LoadModule socache_shmcb_module modules/mod_socache_shmcb.so
    LoadModule ssl_module modules/mod_ssl.so
    LoadModule wsgi_module modules/mod_wsgi.so
    PidFile logs/httpd.pid
    DefaultRuntimeDir logs
    User daemon
    Group daemon
    ServerAdmin you@example.com
    ServerName www.example.test:{port}
    <Directory />
        AllowOverride none
        Require all denied
    </Directory>
    DocumentRoot "{dir}/htdocs"
    <Directory "{dir}/htdocs">
        Options Indexes FollowSymLinks
        AllowOverride None
        Require all granted
    </Directory>
    <IfModule dir_module>
        DirectoryIndex index.html
    </IfModule>
    <Files ".ht*">
        Require all denied
    </Files>
    ErrorLog "logs/error_log"
    LogLevel warn
    <IfModule log_config_module>
        LogFormat "%h %l %u %t \"%r\" %>s %b" common
        CustomLog "logs/access_log" common
    </IfModule>
    <IfModule mime_module>
        TypesConfig /dev/null
    </IfModule>
    Include conf/extra/httpd-wsgi.conf
    Include conf/extra/httpd-vhosts.conf
    Include conf/extra/httpd-ssl.conf
    "#;

/// Each path is below ServerRoot.
const WSGI: &str = "
    WSGIPythonHome venv
    WSGISocketPrefix logs/wsgi
    WSGIDaemonProcess group processes=1 threads=2 python-home=venv python-path={dir}/wsgi-scripts
    WSGIScriptAlias /embedded wsgi-scripts/app.wsgi process-group=%{GLOBAL} application-group=%{GLOBAL}
    WSGIScriptAlias /group wsgi-scripts/app.wsgi process-group=group application-group=%{GLOBAL}
    <Directory {dir}/wsgi-scripts>
        Require all granted
    </Directory>
    ";

const VHOSTS: &str = r#"
    <VirtualHost *:{port}>
        ServerName www.example.test
        DocumentRoot "htdocs"
    </VirtualHost>
    <VirtualHost *:{port}>
        ServerName dummy-host.example.test
        ErrorLog "logs/dummy-host.example.test-error_log"
        CustomLog "logs/dummy-host.example.test-access_log" common
        WSGIScriptAlias / wsgi-scripts/app.wsgi process-group=group application-group=%{GLOBAL}
    </VirtualHost>
    "#;

const SSL: &str = r#"
    Listen 127.0.0.1:{other_port}
    SSLSessionCache "shmcb:logs/ssl_scache(512000)"
    <VirtualHost _default_:{other_port}>
        ServerName dummy-host.example.test:{other_port}
        SSLEngine on
        SSLCertificateFile "conf/cert.pem"
        SSLCertificateKeyFile "conf/key.pem"
        WSGIScriptAlias / wsgi-scripts/app.wsgi process-group=group application-group=%{GLOBAL}
    </VirtualHost>
    "#;

const APP: &str = "
    import os, sys, mod_wsgi

    def application(environ, start_response):
        start_response('200 OK', [('Content-Type', 'text/plain')])
        where = mod_wsgi.process_group or '-'
        return [f\"{os.getpid()} {where} {os.getuid()} {sys.prefix} {environ['SCRIPT_FILENAME']}\".encode()]
    ";

/// The layout, complete. None: no root to start as.
fn layout() -> Option<Httpd> {
    if !is_root() {
        skip("not root");
        return None;
    }
    let file = |h: Httpd, name: &str, text: &str| {
        let text = h.fill(&text.replace("{mpm}", mpm().name()));
        h.script(name, &text)
    };
    let h = httpd()
        .script("wsgi-scripts/app.wsgi", APP)
        .file("htdocs/index.html", "It works!")
        .own_configuration("", "conf/httpd.conf", None)
        .allow_log("ssl:warn");
    let h = file(h, "conf/httpd.conf", MAIN);
    let h = file(h, "conf/extra/httpd-wsgi.conf", WSGI);
    let h = file(h, "conf/extra/httpd-vhosts.conf", VHOSTS);
    let h = file(h, "conf/extra/httpd-ssl.conf", SSL);
    certificate(&h.dir().join("conf"));
    make_venv(&h.dir().join("venv"));
    let modules = h.dir().join("modules");
    fs::create_dir(&modules).unwrap();
    let all = fs::read_dir("/usr/lib/apache2/modules").unwrap().flatten();
    // That of the machine, if it has one, is not ours.
    for module in all.filter(|module| !module.file_name().to_str().unwrap().contains("wsgi")) {
        symlink(module.path(), modules.join(module.file_name())).unwrap();
    }
    for file in fs::read_dir(h.dir().join("module")).unwrap().flatten() {
        fs::copy(file.path(), modules.join(file.file_name())).unwrap();
    }
    Some(h)
}

/// `apachectl` of httpd.org: the program itself with `-k`.
fn control(dir: &Path, arguments: &[&str]) {
    let output = Command::new("/usr/sbin/apache2")
        .arg("-d")
        .arg(dir)
        .args(["-f", "conf/httpd.conf"])
        .args(arguments)
        .current_dir("/")
        .env("MOD_WSGI_TEST", dir)
        .output()
        .expect("apache2");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said));
}

/// Answers of both modes and of each virtual host; the process of the group.
fn serves(s: &Server) -> String {
    let ask = |host: &str, target: &str| s.request("GET", target).header("Host", host).send().text();
    assert_eq!(ask("www.example.test", "/"), "It works!");
    let uid = fs::read_to_string("/etc/passwd").unwrap();
    let uid =
        uid.lines().find_map(|line| line.strip_prefix("daemon:")?.split(':').nth(1)).unwrap().to_owned();
    let dir = s.dir().display();
    let rest = |group: &str| format!("{group} {uid} {dir}/venv {dir}/wsgi-scripts/app.wsgi");
    assert!(ask("www.example.test", "/embedded").ends_with(&rest("-")));
    let group = ask("www.example.test", "/group");
    assert!(group.ends_with(&rest("group")), "{group}");
    assert_eq!(ask("dummy-host.example.test", "/"), group, "one process");
    let tls = over_tls(s.other_port(), "dummy-host.example.test", "/");
    assert!(tls.ends_with(&group), "one process: {tls}");
    group.split(' ').next().unwrap().to_owned()
}

#[test]
fn from_configtest_to_stop() {
    let Some(h) = layout() else { return };
    control(h.dir(), &["-t"]);
    let s = h.start();
    let sockets = |s: &Server| {
        let logs = fs::read_dir(s.dir().join("logs")).unwrap().flatten();
        let names = logs.map(|file| file.file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("wsgi.") && name.ends_with(".sock")).count()
    };
    let first = serves(&s);
    assert_eq!(sockets(&s), 1, "in the directory that WSGISocketPrefix names");
    let old = s.children();
    control(s.dir(), &["-k", "graceful"]);
    s.wait_gone(&old);
    assert_ne!(serves(&s), first);
    // apachectl's rotation by hand: move, and graceful.
    for name in
        ["error_log", "access_log", "dummy-host.example.test-error_log", "dummy-host.example.test-access_log"]
    {
        let log = s.dir().join("logs").join(name);
        fs::rename(&log, log.with_file_name(format!("{name}.old"))).unwrap();
    }
    let old = s.children();
    control(s.dir(), &["-k", "graceful"]);
    s.wait_gone(&old);
    serves(&s);
    let lines = |name: &str| s.read_file(&format!("logs/{name}")).lines().count();
    poll::until("the visits in the new log", || {
        (lines("dummy-host.example.test-access_log") == 1).then_some(())
    });
    assert_eq!(lines("dummy-host.example.test-access_log.old"), 2);
    control(s.dir(), &["-k", "graceful-stop"]);
    s.stop();
    assert_eq!(sockets(&s), 0);
}
