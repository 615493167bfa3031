//! Application groups and callables: which interpreter and which object serve a request.

use harness::*;

/// The application group this URL ran in.
#[track_caller]
fn group(s: &Server, target: &str) -> String {
    group_for(s, target, &format!("localhost:{}", s.port()))
}

#[track_caller]
fn group_for(s: &Server, target: &str, host: &str) -> String {
    let r = s.request("GET", target).header("Host", host).send();
    assert_eq!(r.status, 200, "{}", r.text());
    r.json()["environ"]["mod_wsgi.application_group"].as_str().expect("a group").to_owned()
}

fn grouped(directive: &str) -> Httpd {
    httpd().config(&format!("WSGIScriptAlias /app {{apps}}/show.wsgi\n{directive}"))
}

/// Each mounted script has an interpreter of its own.
#[test]
fn default_is_the_resource() {
    let s = httpd().config("WSGIScriptAlias /a {apps}/show.wsgi\nWSGIScriptAlias / {apps}/show.wsgi").start();
    let server = format!("localhost:{}", s.port());
    assert_eq!(group(&s, "/a/x/y"), format!("{server}|/a"));
    assert_eq!(group(&s, "/a"), format!("{server}|/a"));
    assert_eq!(group(&s, "/other"), format!("{server}|"));
    assert_eq!(group(&s, "//a//x"), format!("{server}|/a"));
}

#[test]
fn global() {
    let s = grouped("WSGIApplicationGroup %{GLOBAL}").start();
    assert_eq!(group(&s, "/app"), "");
}

#[test]
fn server() {
    let s = grouped("WSGIApplicationGroup %{SERVER}").start();
    assert_eq!(
        group_for(&s, "/app", "other.test"),
        "localhost",
        "the configured name, whatever the client says"
    );
    assert_eq!(
        group_for(&s, "/app", "other.test:81"),
        differs("localhost:81".to_owned(), format!("localhost:{}", s.port()), "it is no port of the server"),
        "the port follows UseCanonicalName"
    );
}

/// The port is left out when it is that of HTTP or HTTPS.
#[test]
fn server_port() {
    let s = grouped("WSGIApplicationGroup %{SERVER}\nServerName name.test:80\nUseCanonicalName On").start();
    assert_eq!(group(&s, "/app"), "name.test");
    drop(s);
    let s = grouped("WSGIApplicationGroup %{SERVER}\nServerName name.test:81\nUseCanonicalName On").start();
    assert_eq!(group(&s, "/app"), "name.test:81");
}

#[test]
fn host() {
    let s = grouped("WSGIApplicationGroup %{HOST}\nServerName name.test:80\nUseCanonicalName On").start();
    let other = |name: &'static str| {
        differs(name, "name.test", "a name that the server has not makes no interpreter")
    };
    assert_eq!(group_for(&s, "/app", "one.test"), other("one.test"));
    assert_eq!(group_for(&s, "/app", "two.test"), other("two.test"));
}

/// The names of a virtual host are ServerName, ServerAlias, and what patterns of that match.
#[test]
fn hosts_of_a_virtual_host() {
    let s = grouped(
        "
        UseCanonicalName On
        <VirtualHost *:{port}>
        ServerName name.test:80
        ServerAlias One.test *.two.test
        WSGIApplicationGroup %{HOST}
        </VirtualHost>",
    )
    .start();
    for (host, group) in [
        ("name.test", "name.test"),
        ("one.test", "one.test"),
        ("ONE.test:81", "one.test"),
        ("a.two.test", "a.two.test"),
        ("b.two.test.", "b.two.test"),
        ("two.test", differs("two.test", "name.test", "as above")),
    ] {
        assert_eq!(group_for(&s, "/app", host), group, "{host}");
    }
}

/// Whatever clients call the server: it has as many interpreters as it has names and ports.
#[test]
fn names_of_clients_make_no_interpreters() {
    let mut groups = std::collections::BTreeSet::new();
    for token in ["%{RESOURCE}", "%{SERVER}", "%{HOST}"] {
        let s = grouped(&format!("Listen 127.0.0.1:{{other_port}}\nWSGIApplicationGroup {token}")).start();
        let mut ask = |port: u16, host: &str| {
            let r = s.request("GET", "/app").through(port).header("Host", host).send();
            groups.insert(r.json()["environ"]["mod_wsgi.application_group"].to_string());
        };
        for n in 0..differs(3, 20, "the original makes an interpreter for each") {
            let (name, port) = (format!("name{n}.test"), 20_000 + n);
            ask(s.port(), &format!("localhost:{port}"));
            ask(s.other_port(), &format!("{name}:{port}"));
            ask(s.port(), &name);
        }
        for port in [s.port(), s.other_port(), 443, 80, 65535] {
            ask(s.port(), &format!("localhost:{port}"));
            ask(s.other_port(), &format!("LOCALHOST:{port}"));
        }
        let most = differs(usize::MAX, 3, "as above");
        assert!(groups.len() <= most, "{groups:?}");
        groups.clear();
    }
}

#[test]
fn resource() {
    let s = grouped("WSGIApplicationGroup %{RESOURCE}\nServerName name.test:80\nUseCanonicalName On").start();
    assert_eq!(group(&s, "/app/x"), "name.test|/app");
}

#[test]
fn case_sensitivity() {
    let s = httpd()
        .config("WSGIScriptAliasMatch ^/[^/]+ {apps}/show.wsgi\nServerName Name.test:80\nUseCanonicalName On")
        .config("WSGICaseSensitivity Off")
        .start();
    assert_eq!(group(&s, "/APP"), "Name.test|/app");
    drop(s);
    let s = httpd()
        .config("WSGIScriptAliasMatch ^/[^/]+ {apps}/show.wsgi\nServerName name.test:80\nUseCanonicalName On")
        .start();
    assert_eq!(group(&s, "/APP"), "name.test|/APP");
}

#[test]
fn environment() {
    let s = grouped("WSGIApplicationGroup %{ENV:GROUP}\nSetEnvIf X-Group (.+) GROUP=$1").start();
    let get = |value: &str| {
        let r = s.request("GET", "/app").header("X-Group", value).send();
        r.json()["environ"]["mod_wsgi.application_group"].as_str().unwrap().to_owned()
    };
    assert_eq!(get("mine"), "mine");
    assert_eq!(get("%{GLOBAL}"), "", "expanded once more");
    assert_eq!(group(&s, "/app"), "%{ENV:GROUP}", "not found: the text itself");
}

#[test]
fn environment_by_rewrite() {
    let s = grouped(
        "WSGIApplicationGroup %{ENV:GROUP}\nRewriteEngine On\nRewriteRule . - [E=GROUP:%{ESCAPED}%{GLOBAL}]",
    )
    .start();
    // mod_rewrite expands %{GLOBAL} itself, to nothing: the group is the main interpreter.
    assert!(["", "%{ENV:GROUP}"].contains(&group(&s, "/app").as_str()));
    drop(s);
    let s =
        grouped("WSGIApplicationGroup %{ENV:GROUP}\nRewriteEngine On\nRewriteRule . - [E=GROUP:rewritten]")
            .start();
    assert_eq!(group(&s, "/app"), "rewritten");
}

/// A token is one only as the whole value.
#[test]
fn literal_names() {
    for name in ["plain", "x%{GLOBAL}", "%{GLOBAL}x", "%{UNKNOWN}", "Case"] {
        let s = grouped(&format!("WSGIApplicationGroup {name}")).start();
        assert_eq!(group(&s, "/app"), name);
    }
}

/// The option of the alias, then the directory, then the virtual host, then the main server.
#[test]
fn precedence() {
    let s = httpd()
        .config(
            "
            WSGIApplicationGroup main
            <VirtualHost *:{port}>
            ServerName plain.test
            WSGIScriptAlias /v {apps}/show.wsgi
            </VirtualHost>
            <VirtualHost *:{port}>
            ServerName own.test
            WSGIApplicationGroup host
            WSGIScriptAlias /v {apps}/show.wsgi
            WSGIScriptAlias /d {apps}/show.wsgi
            WSGIScriptAlias /o {apps}/show.wsgi application-group=option
            WSGIScriptAliasMatch ^/m {apps}/show.wsgi application-group=%{GLOBAL}
            <Location /d>
            WSGIApplicationGroup directory
            </Location>
            <Location /o>
            WSGIApplicationGroup directory
            </Location>
            </VirtualHost>",
        )
        .start();
    assert_eq!(group_for(&s, "/v", "plain.test"), "main");
    assert_eq!(group_for(&s, "/v", "own.test"), "host");
    assert_eq!(group_for(&s, "/d", "own.test"), "directory");
    assert_eq!(group_for(&s, "/o", "own.test"), "option");
    assert_eq!(group_for(&s, "/m", "own.test"), "");
}

#[test]
fn callable_object() {
    let script = r"
        def make(name):
            def app(environ, start_response):
                start_response('200 OK', [])
                return [(name + ' ' + environ['mod_wsgi.callable_object']).encode()]
            return app
        application, main, other, option = map(make, ['application', 'main', 'other', 'option'])";
    let s = httpd()
        .script("app.wsgi", script)
        .config(
            "
            WSGICallableObject main
            WSGIScriptAlias /main {dir}/app.wsgi
            WSGIScriptAlias /loc {dir}/app.wsgi
            WSGIScriptAlias /env {dir}/app.wsgi
            WSGIScriptAlias /lost {dir}/app.wsgi
            WSGIScriptAlias /opt {dir}/app.wsgi callable-object=option
            <Location /loc>
            WSGICallableObject other
            </Location>
            <Location /env>
            WSGICallableObject %{ENV:CALLABLE}
            SetEnv CALLABLE other
            </Location>
            <Location /lost>
            WSGICallableObject %{ENV:NOWHERE}
            </Location>",
        )
        .start();
    for (target, name) in [
        ("/main", "main"),
        ("/loc", "other"),
        ("/env", "other"),
        ("/lost", "application"),
        ("/opt", "option"),
    ] {
        assert_eq!(s.get(target).text(), format!("{name} {name}"), "{target}");
    }
}

#[test]
fn callable_object_in_htaccess() {
    let s = httpd()
        .script("docs/app.wsgi", "def other(environ, start_response):\n    start_response('200 OK', [])\n    return [b'other']\n")
        .file("docs/.htaccess", "WSGICallableObject other\n")
        .config("WSGIScriptAlias / {dir}/docs/app.wsgi\n<Directory {dir}/docs>\nAllowOverride FileInfo\n</Directory>")
        .start();
    assert_eq!(s.get("/").text(), "other");
}
