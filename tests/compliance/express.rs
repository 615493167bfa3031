//! Configurations that `mod_wsgi-express setup-server` of the original writes, as they are: the path of the module is another one.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use harness::*;

const HELLO: &str = "
    import os
    def application(environ, start_response):
        start_response('200 OK', [('Content-Type', 'text/plain')])
        keys = ['SCRIPT_NAME', 'PATH_INFO', 'QUERY_STRING', 'REMOTE_USER', 'HTTP_AUTHORIZATION', 'wsgi.url_scheme',
                'REMOTE_ADDR', 'SETTING', 'mod_wsgi.application_group']
        kind = 'daemon' if environ['mod_wsgi.process_group'] else 'embedded'
        body = environ['wsgi.input'].read()
        text = ' '.join([kind, os.path.basename(os.getcwd())] + ['%s' % environ.get(key) for key in keys])
        return [text.encode(), b' ', body]";

/// The environment that has the original and its command; `None` where it is not installed.
fn peer() -> Option<PathBuf> {
    let places = [repository().join("target/peer"), "/var/tmp/mod_wsgi-peer".into()];
    places.into_iter().find(|place| place.join("bin/mod_wsgi-express").exists())
}

/// The server of `mod_wsgi-express setup-server` with these arguments, in which `{dir}` is filled in.
fn express(h: Httpd, arguments: &str) -> Httpd {
    let peer = peer().expect("the original");
    let (dir, port) = (h.dir().to_path_buf(), h.port());
    let fixed = "--server-root {dir}/root --working-directory {dir} --host 127.0.0.1 --user www-data --group www-data \
                 --log-directory {dir}/logs --error-log-name error.log --locale C.UTF-8";
    let line = h.fill(&format!("{arguments} {fixed} --port {port}"));
    let mut generate = Command::new(peer.join("bin/python"));
    generate
        .args(["-m", "mod_wsgi.express.cli", "setup-server"])
        .args(line.split_whitespace())
        .current_dir(&dir);
    let made = generate.output().expect("mod_wsgi-express");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let control = fs::read_to_string(dir.join("root/apachectl")).expect("apachectl");
    let config = fs::read_to_string(dir.join("root/httpd.conf")).expect("httpd.conf");
    h.file("root/httpd.conf", defines(&control) + &ours(&config)).own_configuration(
        "root",
        "httpd.conf",
        None,
    )
}

/// What apachectl defines and exports, as lines of a configuration.
fn defines(control: &str) -> String {
    let mut lines = String::new();
    let arguments = control.lines().find_map(|line| line.strip_prefix("HTTPD_ARGS=")).expect("HTTPD_ARGS");
    for word in arguments.trim_matches('"').split_whitespace() {
        if let Some(name) = word.strip_prefix("-D") {
            lines += &format!("Define {name}\n");
        }
    }
    lines
        + "Define MOD_WSGI_MODULES_DIRECTORY /usr/lib/apache2/modules\nDefine MOD_WSGI_USER www-data\nDefine MOD_WSGI_GROUP www-data\n"
}

/// The configuration with the module under test.
fn ours(config: &str) -> String {
    let module = format!("LoadModule wsgi_module ../module/{}", module_file());
    let swapped =
        config.lines().map(|line| if line.starts_with("LoadModule wsgi_module ") { &module } else { line });
    swapped.collect::<Vec<_>>().join("\n")
}

fn site(arguments: &str) -> Httpd {
    express(httpd().script("hello.wsgi", HELLO), arguments)
}

macro_rules! needs_express {
    () => {
        embedded_only!();
        skip_if!(peer().is_none(), "the original mod_wsgi is not installed: tests/setup/peer.sh");
    };
}

#[test]
fn a_script() {
    needs_express!();
    let s = site("hello.wsgi --setenv SETTING value --document-root {dir}/docs").start();
    let dir = s.dir().file_name().unwrap().to_str().unwrap().to_owned();
    let answer = s.get("/a/b?c");
    assert_eq!(
        (answer.status, answer.text()),
        (200, format!("daemon {dir}  /a/b c None None http 127.0.0.1 value  "))
    );
    assert!(s.post("/", "a body").text().ends_with(" a body"));
    s.write_file("docs/page.txt", "a file");
    assert_eq!(s.get("/page.txt").text().trim(), "a file");
    let with = s.request("GET", "/").header("Authorization", "Bearer x").send();
    assert!(with.text().contains(" Bearer x "), "{}", with.text());
    s.replace_file("hello.wsgi", "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'changed']\n");
    poll::until("the changed script", || (s.get("/").text() == "changed").then_some(()));
}

#[test]
fn below_a_mount_point() {
    needs_express!();
    let s =
        site("hello.wsgi --mount-point /app --url-alias /files {dir}/files --error-document 404 /app/none")
            .start();
    assert!(s.get("/app/x").text().contains(" /app /x "), "{}", s.get("/app/x").text());
    s.write_file("files", "a file");
    assert_eq!(s.get("/files").text().trim(), "a file");
}

#[test]
fn a_module_in_embedded_mode() {
    needs_express!();
    let h = httpd().script("hello.py", HELLO);
    let s = express(h, "hello --application-type module --embedded-mode").allow_log("WSGI1052").start();
    let answer = s.get("/a");
    assert_eq!(answer.status, 200);
    assert!(answer.text().starts_with("embedded "), "{}", answer.text());
}

#[test]
fn paste() {
    needs_express!();
    let h = httpd()
        .script("hello.py", &format!("{}\ndef factory(conf):\n    return application\n", text::dedent(HELLO)))
        .file("app.ini", "[app:main]\npaste.app_factory = hello:factory\n");
    let s = express(h, "app.ini --application-type paste").start();
    assert!(s.get("/a").text().starts_with("daemon "));
}

#[test]
fn files_only() {
    needs_express!();
    let h = httpd().file("docs/index.html", "the index").file("docs/page.txt", "a page");
    let s = express(h, "docs --application-type static --directory-index index.html").start();
    assert_eq!([s.get("/").text(), s.get("/page.txt").text()], ["the index", "a page"]);
    assert_eq!(s.get("/none").status, 404);
}

#[test]
fn authentication() {
    needs_express!();
    let h = httpd().script("hello.wsgi", HELLO).script(
        "auth.py",
        "
        def allow_access(environ, host):
            return environ['QUERY_STRING'] != 'out'
        def check_password(environ, user, password):
            return password == 'right'
        def groups_for_user(environ, user):
            return ['staff'] if user == 'ann' else []",
    );
    let s = express(
        h,
        "hello.wsgi --auth-user-script auth.py --auth-group-script auth.py --auth-group staff --host-access-script auth.py",
    )
    .allow_log("WSGI00(57|59|60)|AH0161[78]|AH01631")
    .start();
    let get = |target: &str, user: &str, password: &str| {
        s.request("GET", target).header("Authorization", &crate::auth_scripts::basic(user, password)).send()
    };
    let found = get("/", "ann", "right");
    assert!(found.status == 200 && found.text().contains(" ann Basic "), "{} {}", found.status, found.text());
    for (target, user, password, status) in
        [("/", "ann", "wrong", 401), ("/", "ben", "right", 401), ("/?out", "ann", "right", 403)]
    {
        assert_eq!(get(target, user, password).status, status, "{target} {user} {password}");
    }
    assert_eq!(s.get("/").status, 401);
}

#[test]
fn handlers_of_other_files() {
    needs_express!();
    let h = httpd().script("hello.wsgi", HELLO).file("docs/page.ext", "").script(
        "resource.py",
        "
        def handle_request(environ, start_response):
            start_response('200 OK', [])
            return [environ['SCRIPT_NAME'].encode()]",
    );
    let s = express(h, "hello.wsgi --document-root docs --add-handler .ext resource.py").start();
    assert_eq!(s.get("/page.ext").text(), "/page.ext");
    assert!(s.get("/other").text().starts_with("daemon "));
}

#[test]
fn behind_a_proxy_and_as_one() {
    needs_express!();
    let behind = site("hello.wsgi --trust-proxy-header X-Forwarded-For --trust-proxy-header X-Forwarded-Scheme --trust-proxy 127.0.0.1")
        .start();
    let answer = behind
        .request("GET", "/")
        .header("X-Forwarded-For", "192.0.2.7")
        .header("X-Forwarded-Scheme", "https")
        .send();
    assert!(answer.text().contains(" https 192.0.2.7 "), "{}", answer.text());
    let front =
        site(&format!("hello.wsgi --proxy-mount-point /back http://127.0.0.1:{}/", behind.port())).start();
    assert!(front.get("/back/x").text().contains(" /x "), "{}", front.get("/back/x").text());
    assert!(front.get("/x").text().starts_with("daemon "));
}

#[test]
fn https() {
    needs_express!();
    let h = httpd().script("hello.wsgi", HELLO);
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=a.test"])
        .args(["-keyout", "site.key", "-out", "site.crt"])
        .current_dir(h.dir())
        .output();
    skip_if!(!made.is_ok_and(|made| made.status.success()), "openssl made no certificate");
    skip_if!(!std::path::Path::new("/usr/bin/curl").exists(), "curl is not installed");
    let port = h.other_port();
    let s = express(
        h,
        &format!(
            "hello.wsgi --server-name a.test --https-port {port} --ssl-certificate site --ssl-environment"
        ),
    )
    .allow_log("AH01882|AH01873|AH01906|AH01909|AH02292")
    .start();
    let url = format!("https://a.test:{port}/x");
    let resolve = format!("a.test:{port}:127.0.0.1");
    let output =
        Command::new("/usr/bin/curl").args(["-sk", "--resolve", &resolve, &url]).output().expect("curl");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("daemon ") && text.contains(" https "), "{text}");
    assert!(s.request("GET", "/x").header("Host", "a.test").send().text().contains(" http "));
}
