//! What `apachectl configtest` and the log say of a configuration that cannot be meant, and that they say nothing of its sound
//! neighbour. Every other test would fail on a line too many.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use harness::*;

const APP: &str = "
    def application(environ, start_response):
        start_response('200 OK', [])
        return [environ['mod_wsgi.process_group'].encode()]";

fn site(config: &str) -> Httpd {
    httpd()
        .no_group()
        .script("site/app.wsgi", APP)
        .config("<Directory {dir}/site>\nRequire all granted\n</Directory>")
        .config(config)
}

/// `configtest` accepts it, and says nothing of these numbers.
#[track_caller]
fn is_sound(h: Httpd) {
    let test = h.configtest();
    assert!(test.accepted, "{}", test.output);
    assert!(!regex("WSGI1(09[4-9]|10[0-9]): ").is_match(&test.output), "{}", test.output);
}

/// `configtest` accepts it, and says this once.
#[track_caller]
fn is_advised(h: Httpd, pattern: &str) {
    let test = h.configtest();
    assert!(test.accepted, "{}", test.output);
    let said = regex(pattern).find_iter(&test.output).count();
    assert_eq!(said, 1, "{pattern}:\n{}\nfor:\n{}", test.output, test.config);
}

#[test]
fn a_group_that_nothing_selects() {
    let unused = "WSGI1094: [^ ]*httpd.conf:[0-9]+: nothing selects process group 'g'";
    is_advised(site("WSGIDaemonProcess g\nWSGIScriptAlias / {dir}/site/app.wsgi"), unused);
    let service = "WSGI1094: .*: add WSGIImportScript with process-group=g";
    is_advised(site("WSGIDaemonProcess g threads=0"), service);
    let relative = "WSGI1094: .*: <Directory site> applies to nothing, .*write the whole path";
    is_advised(
        site(
            "WSGIDaemonProcess g\nWSGIScriptAlias / {dir}/site/app.wsgi\n<Directory site>\nWSGIProcessGroup g\n</Directory>",
        ),
        relative,
    );
    let location = "WSGI1094: .*: <Location app> applies to nothing, .*write /app";
    is_advised(
        site(
            "WSGIDaemonProcess g\nWSGIScriptAlias /app {dir}/site/app.wsgi\n<Location app>\nWSGIProcessGroup g\n</Location>",
        ),
        location,
    );
    for selected in [
        "WSGIProcessGroup g",
        "<Directory {dir}/site>\nWSGIProcessGroup g\n</Directory>",
        "<Directory ~ site>\nWSGIProcessGroup g\n</Directory>",
        "<Directory site>\nWSGIProcessGroup g\n</Directory>\n<Directory /site>\nWSGIProcessGroup g\n</Directory>",
        "<Location />\n<If \"true\">\nWSGIProcessGroup g\n</If>\n</Location>",
        "WSGIProcessGroup %{ENV:GROUP}",
        "WSGIDispatchScript {dir}/site/app.wsgi",
        "WSGIHandlerScript mine {dir}/site/app.wsgi process-group=g",
        "WSGIImportScript {dir}/site/app.wsgi process-group=g application-group=%{GLOBAL}",
        "<VirtualHost *:{port}>\nServerName a.test\nWSGIScriptAlias /b {dir}/site/app.wsgi process-group=\"g\"\n</VirtualHost>",
    ] {
        is_sound(site(&format!("WSGIDaemonProcess g\nWSGIScriptAlias /a {{dir}}/site/app.wsgi\n{selected}")));
    }
}

#[test]
fn an_alias_below_one_that_has_its_urls() {
    let alias = |url: &str| format!("WSGIScriptAlias {url} {{dir}}/site/app.wsgi\n");
    for (first, second, remedy) in [
        ("/", "/a", "put it above the line of '/'"),
        ("/a", "/a//b", "put it above"),
        ("/a", "//a", "remove one"),
    ] {
        let pattern = format!(
            "WSGI1095: [^ ]*httpd.conf:[0-9]+: '{second}' never gets a request, because '{first}' at .*{remedy}"
        );
        is_advised(site(&(alias(first) + &alias(second))), &pattern);
    }
    for (first, second) in [("/a", "/"), ("/a", "/ab"), ("/a/", "/a"), ("/a/b", "/a")] {
        is_sound(site(&(alias(first) + &alias(second))));
    }
    // What a virtual host says comes first for its own visitors, on purpose.
    let host = format!("<VirtualHost *:{{port}}>\nServerName a.test\n{}</VirtualHost>\n", alias("/"));
    is_sound(site(&(alias("/a") + &host)));
    let regex = "WSGIScriptAliasMatch ^/(.*)\\.py$ {dir}/site/app.wsgi\n";
    is_sound(site(&(regex.to_owned() + &alias("/a"))));
}

#[test]
fn a_group_of_another_virtual_host() {
    let two = |second: &str, group: &str| {
        site(&format!(
            "
            <VirtualHost *:{{port}}>
            ServerName one.test
            WSGIDaemonProcess ones
            WSGIScriptAlias / {{dir}}/site/app.wsgi process-group=ones
            </VirtualHost>
            <VirtualHost *:{{port}}>
            ServerName {second}
            WSGIScriptAlias / {{dir}}/site/app.wsgi
            <Location />
            WSGIProcessGroup {group}
            </Location>
            </VirtualHost>"
        ))
    };
    let pattern = "WSGI1096: [^ ]*httpd.conf:[0-9]+: process group 'ones' is defined in another virtual host, at .*'one.test'; this one is 'two.test'";
    is_advised(two("two.test", "ones"), pattern);
    is_advised(two("two.test", "twos"), "WSGI1096: .*there is no WSGIDaemonProcess 'twos'");
    is_sound(two("one.test", "ones"));
    is_sound(two("two.test", "%{GLOBAL}"));
}

#[test]
fn a_python_home_that_nothing_runs() {
    let venv = venv();
    let home = venv.display();
    let group = format!(
        "WSGIDaemonProcess g python-home={home}\nWSGIScriptAlias /a {{dir}}/site/app.wsgi process-group=g\n"
    );
    is_advised(
        site(&group),
        "WSGI1097: [^ ]*httpd.conf:[0-9]+: WSGIPythonHome names a python that runs nothing",
    );
    for needed in [
        "WSGIScriptAlias /b {dir}/site/app.wsgi",
        "WSGIDaemonProcess other\nWSGIScriptAlias /b {dir}/site/app.wsgi process-group=other",
        "<Directory {dir}/site>\nAddHandler wsgi-script .py\n</Directory>",
        "<Directory {dir}/site>\nAllowOverride FileInfo\n</Directory>",
        "<Location />\nWSGIAccessScript {dir}/site/app.wsgi\n</Location>",
        "WSGIImportScript {dir}/site/app.wsgi process-group=%{GLOBAL} application-group=%{GLOBAL}",
    ] {
        is_sound(site(&(group.clone() + needed)));
    }
    is_sound(site(&group).no_python_home());
}

#[test]
fn a_script_that_its_user_may_not_read() {
    skip_if!(!is_root(), "needs root");
    let modes = |directory: u32, file: u32, owner: u32| {
        let h = site(
            "WSGIDaemonProcess g user=daemon group=daemon\nWSGIScriptAlias / {dir}/site/app.wsgi process-group=g",
        );
        for (place, mode) in [("site/app.wsgi", file), ("site", directory)] {
            let place = h.dir().join(place);
            chown(&place, Some(owner), Some(owner)).unwrap();
            fs::set_permissions(place, fs::Permissions::from_mode(mode)).unwrap();
        }
        h
    };
    let place = "WSGI1098: [^ ]*httpd.conf:[0-9]+: the user daemon may not";
    is_advised(
        modes(0o700, 0o644, 0),
        &format!(
            "{place} enter [^ ]*/site \\(mode 0700, owner #0\\), which leads to [^ ]*/site/app.wsgi.*chmod o\\+x"
        ),
    );
    is_advised(
        modes(0o755, 0o640, 0),
        &format!("{place} read [^ ]*/site/app.wsgi \\(mode 0640, owner #0\\).*chmod o\\+r .*\\(user=\\)"),
    );
    // The user daemon has the number 1.
    for (directory, file) in [(0o700, 0o600), (0o755, 0o644), (0o711, 0o400)] {
        is_sound(modes(directory, file, 1));
    }
    is_sound(site("WSGIDaemonProcess g user=daemon\nWSGIScriptAlias / {dir}/site/none.wsgi process-group=g"));
}

#[test]
fn two_django_projects_in_one_interpreter() {
    let project = |name: &str| {
        format!("import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', '{name}.settings')\n")
    };
    let two = |first: &str, second: &str| {
        site(&format!(
            "WSGIDaemonProcess g\nWSGIDaemonProcess h\nWSGIScriptAlias /c {{dir}}/site/app.wsgi process-group=h
            WSGIScriptAlias /a {{dir}}/a.wsgi process-group=g {first}\nWSGIScriptAlias /b {{dir}}/b.wsgi {second}"
        ))
        .script("a.wsgi", &project("a"))
        .script("b.wsgi", &project("b"))
    };
    let main = "application-group=%{GLOBAL}";
    is_advised(
        two(main, &format!("process-group=g {main}")),
        "WSGI1099: [^ ]*httpd.conf:[0-9]+: the Django project b.settings shares the main interpreter of process group 'g' with \
         a.settings at ",
    );
    is_sound(two(main, &format!("process-group=h {main}")));
    is_sound(two(main, "process-group=g"));
    is_sound(two(main, &format!("process-group=g {main}")).script("b.wsgi", &project("a")));
    is_sound(two(main, &format!("process-group=g {main}")).script("b.wsgi", APP));
}

/// Said once in the log, too, at each reading, and not again by processes.
#[test]
fn once_in_the_log() {
    let s = site("WSGIScriptAlias / {dir}/site/app.wsgi\nWSGIScriptAlias /a {dir}/site/app.wsgi")
        .expect_log("WSGI1095: .*'/a' never gets a request")
        .start();
    assert_eq!(s.get("/a").status, 200);
    s.logged_times("WSGI1095: ", 1);
    s.graceful();
    poll::until("the second reading", || (s.logged("WSGI1095: ").len() == 2).then_some(()));
}
