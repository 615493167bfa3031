//! Which process group serves a request, and what happens when it may not, or when there is none.

use harness::*;

/// Answers with the group it runs in.
const GROUPED: &str = r"
    import os, mod_wsgi
    def application(environ, start_response):
        assert environ['mod_wsgi.process_group'] == mod_wsgi.process_group
        start_response('200 OK', [])
        return [('group ' + mod_wsgi.process_group).encode()]";

/// Two groups, `a` and `b`; the test says when which is used.
fn two_groups() -> Httpd {
    httpd()
        .no_group()
        .script("app.wsgi", GROUPED)
        .config("WSGIDaemonProcess a threads=2\nWSGIDaemonProcess b threads=2")
}

#[track_caller]
fn get(s: &Server, host: &str, target: &str) -> Response {
    s.request("GET", target).header("Host", host).send()
}

/// The option of the alias, then the directory, then the virtual host, then the main server.
#[test]
fn precedence() {
    daemon_only!();
    let s = two_groups()
        .config(
            "
            WSGIProcessGroup a
            WSGIScriptAlias /main {dir}/app.wsgi
            WSGIScriptAlias /option {dir}/app.wsgi process-group=b
            WSGIScriptAlias /embedded {dir}/app.wsgi process-group=%{GLOBAL}
            WSGIScriptAlias /location {dir}/app.wsgi
            WSGIScriptAlias /both {dir}/app.wsgi process-group=a
            <Location /location>
            WSGIProcessGroup b
            </Location>
            <Location /both>
            WSGIProcessGroup b
            </Location>
            <VirtualHost *:{port}>
            ServerName one.test
            </VirtualHost>
            <VirtualHost *:{port}>
            ServerName two.test
            WSGIProcessGroup b
            </VirtualHost>",
        )
        .start();
    for (host, target, group) in [
        ("one.test", "/main", "a"),
        ("one.test", "/option", "b"),
        ("one.test", "/embedded", ""),
        ("one.test", "/location", "b"),
        ("one.test", "/both", "a"),
        ("two.test", "/main", "b"),
        ("two.test", "/embedded", ""),
    ] {
        assert_eq!(get(&s, host, target).text(), format!("group {group}"), "{host} {target}");
    }
}

/// Two groups do not share their processes.
#[test]
fn groups_are_apart() {
    daemon_only!();
    let pids = "def application(environ, start_response):\n    import os\n    start_response('200 OK', [])\n    return [str(os.getpid()).encode()]\n";
    let s = two_groups()
        .script("pid.wsgi", pids)
        .config("WSGIScriptAlias /a {dir}/pid.wsgi process-group=a\nWSGIScriptAlias /b {dir}/pid.wsgi process-group=b")
        .start();
    let (a, b) = (s.get("/a").text(), s.get("/b").text());
    assert_ne!(a, b);
    assert_eq!((s.get("/a").text(), s.get("/b").text()), (a, b));
}

#[test]
fn tokens() {
    daemon_only!();
    let s = httpd()
        .no_group()
        .script("app.wsgi", GROUPED)
        .config(
            "
            ServerName name.test:80
            UseCanonicalName On
            WSGIDaemonProcess name.test
            WSGIDaemonProcess name.test|/resource
            WSGIDaemonProcess from-variable
            WSGIScriptAlias /server {dir}/app.wsgi process-group=%{SERVER}
            WSGIScriptAlias /host {dir}/app.wsgi process-group=%{HOST}
            WSGIScriptAlias /resource {dir}/app.wsgi process-group=%{RESOURCE}
            WSGIScriptAlias /env {dir}/app.wsgi process-group=%{ENV:PG}
            SetEnvIf X-Group (.+) PG=$1",
        )
        .start();
    assert_eq!(get(&s, "other.test", "/server").text(), "group name.test");
    assert_eq!(get(&s, "name.test", "/host").text(), "group name.test");
    assert_eq!(get(&s, "other.test", "/resource/x").text(), "group name.test|/resource");
    for (value, group) in [("from-variable", "from-variable"), ("%{GLOBAL}", ""), ("%{SERVER}", "name.test")]
    {
        let r = s.request("GET", "/env").header("X-Group", value).send();
        assert_eq!(r.text(), format!("group {group}"), "{value}");
    }
}

/// mod_rewrite knows no variable %{GLOBAL} and sets nothing: that is embedded mode as well.
#[test]
fn embedded_by_rewrite() {
    daemon_only!();
    let s = two_groups()
        .config(
            "
            WSGIScriptAlias / {dir}/app.wsgi
            WSGIProcessGroup %{ENV:PG}
            RewriteEngine On
            RewriteRule ^/b - [E=PG:b]
            RewriteRule ^/global - [E=PG:%{GLOBAL}]",
        )
        .start();
    assert_eq!(s.get("/b").text(), "group b");
    assert_eq!(s.get("/global").text(), "group ");
}

#[test]
fn no_groups_at_all() {
    daemon_only!();
    let s = httpd()
        .no_group()
        .script("app.wsgi", GROUPED)
        .config("WSGIScriptAlias / {dir}/app.wsgi process-group=a")
        .expect_log("WSGI0150: ")
        .expect_log_of(Subject::Ours, "WSGI1096: .*there is no WSGIDaemonProcess 'a'")
        .start();
    assert_eq!(s.get("/").status, 500);
}

#[test]
fn unknown_group() {
    daemon_only!();
    let s = two_groups()
        .config("WSGIScriptAlias /c {dir}/app.wsgi process-group=c\nWSGIScriptAlias /A {dir}/app.wsgi process-group=A")
        .expect_log("WSGI0151: .*'c'")
        .expect_log("WSGI0151: .*'A'")
        .expect_log_of(Subject::Ours, "WSGI1096: .*there is no WSGIDaemonProcess 'A'")
        .allow_log("WSGI109[46]")
        .start();
    assert_eq!(s.get("/c").status, 500);
    assert_eq!(s.get("/A").status, 500, "case counts");
}

/// A group of a virtual host is for that host.
#[test]
fn group_of_another_host() {
    daemon_only!();
    let s = httpd()
        .no_group()
        .script("app.wsgi", GROUPED)
        .config(
            "
            WSGIScriptAlias / {dir}/app.wsgi
            WSGIDaemonProcess everybodys
            <VirtualHost *:{port}>
            ServerName one.test
            WSGIDaemonProcess ones
            WSGIProcessGroup ones
            </VirtualHost>
            <VirtualHost *:{port}>
            ServerName two.test
            WSGIProcessGroup ones
            <Location /everybodys>
            WSGIProcessGroup everybodys
            </Location>
            </VirtualHost>",
        )
        .expect_log("WSGI0152: ")
        .expect_log_of(Subject::Ours, "WSGI1096: .*'ones' is defined in another virtual host")
        .start();
    assert_eq!(get(&s, "one.test", "/").text(), "group ones");
    assert_eq!(get(&s, "two.test", "/").status, 500);
    assert_eq!(get(&s, "two.test", "/everybodys").text(), "group everybodys");
}

#[test]
fn restrict_process() {
    daemon_only!();
    let s = two_groups()
        .config(
            "
            WSGIRestrictProcess a
            WSGIScriptAlias /a {dir}/app.wsgi process-group=a
            WSGIScriptAlias /b {dir}/app.wsgi process-group=b
            WSGIScriptAlias /embedded {dir}/app.wsgi
            WSGIScriptAlias /nested {dir}/app.wsgi process-group=b
            <Location /nested>
            WSGIRestrictProcess b
            </Location>",
        )
        .expect_log("WSGI0149: ")
        .start();
    assert_eq!(s.get("/a").text(), "group a");
    assert_eq!(s.get("/b").status, 500);
    assert_eq!(s.get("/embedded").status, 500);
    assert_eq!(s.get("/nested").text(), "group b");
}

/// Nothing runs in Apache's children then, and groups are not concerned.
#[test]
fn restrict_embedded() {
    daemon_only!();
    let s = two_groups()
        .config(
            "
            WSGIRestrictEmbedded On
            WSGIScriptAlias /a {dir}/app.wsgi process-group=a
            WSGIScriptAlias /none {dir}/app.wsgi
            WSGIScriptAlias /global {dir}/app.wsgi process-group=%{GLOBAL}",
        )
        .expect_log("WSGI0143: ")
        .allow_log("WSGI1094: .*'b'")
        .start();
    assert_eq!(s.get("/a").text(), "group a");
    assert_eq!(s.get("/none").status, 500);
    assert_eq!(s.get("/global").status, 500);
}

/// Only an alias that is loaded at start needs its group above it.
#[test]
fn group_defined_below_its_alias() {
    daemon_only!();
    let s = httpd()
        .no_group()
        .script("app.wsgi", GROUPED)
        .config("WSGIScriptAlias / {dir}/app.wsgi process-group=below\nWSGIDaemonProcess below")
        .start();
    assert_eq!(s.get("/").text(), "group below");
    drop(s);
    httpd()
        .no_group()
        .config(
            "WSGIScriptAlias / {dir}/app.wsgi process-group=below application-group=x\nWSGIDaemonProcess below",
        )
        .expect_config_error("WSGI process group not yet configured.");
}

#[test]
fn handler_script_in_a_group() {
    daemon_only!();
    let s = two_groups()
        .script("handler.py", "import mod_wsgi\ndef handle_request(environ, start_response):\n    start_response('200 OK', [])\n    return [mod_wsgi.process_group.encode()]\n")
        .file("docs/x.ext", "")
        .config("DocumentRoot {dir}/docs\nWSGIHandlerScript mine {dir}/handler.py process-group=b\nAddHandler mine .ext")
        .allow_log("WSGI1094: .*'a'")
        .start();
    assert_eq!(s.get("/x.ext").text(), "b");
}
