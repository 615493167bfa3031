//! mpm_itk, which serves each connection in a copy of a child: process groups serve there, embedded mode is refused.

use std::path::PathBuf;

use harness::*;

use crate::starting::{notes, script};

/// Debian's module, as `tests/setup/itk.sh` unpacks it.
fn module() -> Option<PathBuf> {
    let places = [repository().join("target/itk"), "/var/tmp/mod_wsgi-itk".into()];
    let file = places
        .map(|place| place.join("usr/lib/apache2/modules/mpm_itk.so"))
        .into_iter()
        .find(|file| file.exists());
    file.filter(|_| mpm() == Mpm::Prefork && is_root())
}

/// A server with the module and a script `app.wsgi` that says who runs it.
fn itk() -> Option<Httpd> {
    let load = format!("LoadModule mpm_itk_module {}", module()?.display());
    let app = "
        def application(environ, start_response):
            body = environ['wsgi.input'].read()
            text = f'{mod_wsgi.process_group} {os.getuid()} {len(body)}'
            note('request', GROUP)
            return answer(start_response, text)";
    Some(httpd().no_group().script("app.wsgi", &script(app)).config(&load))
}

const GROUP: &str = "WSGIDaemonProcess group processes=1 threads=2";

#[test]
fn a_process_group_serves() {
    let Some(h) = itk() else { return skip("mpm_itk is not there, or not for this MPM") };
    let user = os_user("www-data");
    let s = h
        .config(GROUP)
        .config(
            "
            WSGIDaemonProcess nobodys processes=1 threads=2 socket-user=nobody
            WSGIScriptAlias /alias {dir}/app.wsgi process-group=group
            WSGIScriptAlias /section {dir}/app.wsgi
            <Location /section>
                WSGIProcessGroup group
            </Location>
            <VirtualHost *:{port}>
                ServerName localhost
            </VirtualHost>
            <VirtualHost *:{port}>
                ServerName nobody.test
                AssignUserID nobody nogroup
                WSGIScriptAlias /named {dir}/app.wsgi process-group=nobodys
            </VirtualHost>",
        )
        .expect_log("WSGI0117: .*AssignUserID of mpm_itk.*socket-user=")
        .start();
    let serves = || {
        for target in ["/alias", "/section"] {
            assert_eq!(s.get(target).text(), format!("group {user} 0"), "{target}");
        }
        let large = vec![b'x'; 1 << 20];
        assert_eq!(s.post("/alias", large).text(), format!("group {user} {}", 1 << 20));
        // Two requests on a connection come from one copy.
        let mut connection = s.connect();
        for _ in 0..2 {
            connection
                .send(format!("GET /alias HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", s.port()).as_bytes());
            assert_eq!(connection.response().status, 200);
        }
        drop(connection);
        let host = format!("nobody.test:{}", s.port());
        let named = s.request("GET", "/named").header("Host", &host).send();
        assert_eq!(named.text(), format!("nobodys {user} 0"));
    };
    serves();
    // A user who may not connect.
    let host = format!("nobody.test:{}", s.port());
    assert_eq!(s.request("GET", "/alias").header("Host", &host).send().status, 503);
    let before = s.supervisors();
    s.graceful();
    poll::until("another supervisor", || {
        (s.supervisors().len() == 1 && s.supervisors() != before).then_some(())
    });
    serves();
    assert_eq!(s.logged("WSGI1010").len(), 0, "no Python is started in children");
    assert!(!notes(&s, "request").is_empty());
    s.stop();
}

fn os_user(name: &str) -> String {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|line| line.starts_with(&format!("{name}:"))).expect("a user");
    line.split(':').nth(2).unwrap().to_owned()
}

/// However an application comes to be in embedded mode: one sentence, with the remedy.
#[test]
fn embedded_mode_is_refused() {
    for (config, place) in [
        ("WSGIScriptAlias /shop {dir}/app.wsgi", "'/shop' of localhost"),
        ("WSGIScriptAlias /shop {dir}/app.wsgi process-group=%{GLOBAL}", "'/shop' of localhost"),
        (
            "WSGIDaemonProcess group\nWSGIProcessGroup group\nWSGIScriptAlias /shop {dir}/app.wsgi process-group=%{GLOBAL}",
            "'/shop' of localhost",
        ),
        (
            "
            WSGIDaemonProcess group
            WSGIProcessGroup group
            WSGIScriptAlias / {dir}/app.wsgi
            <VirtualHost *:{port}>
                ServerName shop.test
                WSGIProcessGroup %{GLOBAL}
            </VirtualHost>",
            "'/' of shop.test",
        ),
        ("WSGIImportScript {dir}/app.wsgi process-group=%{GLOBAL} application-group=%{GLOBAL}", "app.wsgi'"),
    ] {
        let Some(h) = itk() else { return skip("mpm_itk is not there, or not for this MPM") };
        let test = h.config(config).configtest();
        let said: Vec<&str> = test.output.lines().filter(|line| line.contains("WSGI")).collect();
        let words = ["WSGI1050: ", place, "process group", "or disable mpm_itk"];
        assert!(!test.accepted && said.len() == 1, "{}\n{config}", test.output);
        assert!(words.iter().all(|word| said[0].contains(word)), "{said:?}\n{config}");
    }
}

/// A handler without an alias: its request is answered at once, and the log says why.
#[test]
fn a_request_that_comes_there_all_the_same() {
    let Some(h) = itk() else { return skip("mpm_itk is not there, or not for this MPM") };
    let s = h
        .file("htdocs/page.wsgi", "")
        .config("<Directory {dir}/htdocs>\nOptions +ExecCGI\nSetHandler wsgi-script\nRequire all granted\n</Directory>")
        .expect_log("WSGI1050: .*give the application a process group")
        .start();
    assert_eq!(s.get("/page.wsgi").status, 500);
}

/// With WSGIRestrictEmbedded there is nothing to refuse.
#[test]
fn restricted() {
    let Some(h) = itk() else { return skip("mpm_itk is not there, or not for this MPM") };
    h.config("WSGIRestrictEmbedded On\nWSGIScriptAlias / {dir}/app.wsgi").expect_config_ok();
}
