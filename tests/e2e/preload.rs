//! Which applications are loaded before a child takes requests, in which order and how many. Of those that
//! hang tells `preload_hung.rs`.

use harness::*;

use crate::starting::{assert_unavailable, notes, script, texts};

/// A server with a script for each name, which notes its name and its interpreter.
pub fn scripts(names: &str) -> Httpd {
    let with = |h: Httpd, name: &str| {
        h.script(&format!("{name}.wsgi"), &script(&format!("note('load', '{name}', GROUP)")))
    };
    names.split(' ').fold(httpd().file("htdocs/static.txt", "static"), with)
}

/// Waits until the child takes requests, which is when everything that is preloaded is loaded.
fn ready(s: &Server) {
    assert_eq!(s.get("/static.txt").text(), "static");
}

/// The names of scripts that were loaded, in order.
fn loaded(s: &Server) -> Vec<String> {
    notes(s, "load").iter().map(|n| n.text.split(' ').next().unwrap().to_owned()).collect()
}

/// Every alias with what it is about: its options and sections, and the interpreter it is preloaded into.
const ALIASES: &[(&str, &str, Option<&str>)] = &[
    ("plain", "", Some("localhost:{port}|/plain")),
    ("main", "application-group=%{GLOBAL}", Some("main")),
    ("server", "application-group=%{SERVER}", Some("localhost:{port}")),
    ("named", "application-group=named process-group=%{GLOBAL}", Some("named")),
    ("directory", "", Some("by-directory")),
    ("location", "", Some("by-location")),
    ("off", "preload=off", None),
    ("environment", "application-group=%{ENV:GROUP}", None),
    ("host", "application-group=%{HOST}", None),
    ("environment_by_location", "", None),
    ("off_by_directory", "", None),
];

const SECTIONS: &str = "
    <Directory {dir}/directory>
        WSGIApplicationGroup by-directory
    </Directory>
    <Location /location>
        WSGIApplicationGroup by-location
    </Location>
    <Location /environment_by_location>
        WSGIApplicationGroup %{ENV:GROUP}
    </Location>
    <Directory {dir}/off_by_directory>
        WSGIPreload Off
    </Directory>
    SetEnv GROUP from-environment
    ";

/// Each is loaded once: the interpreter that was preloaded is the one that serves.
#[test]
fn which_aliases() {
    let mut h = httpd().file("htdocs/static.txt", "static").config(SECTIONS);
    for (name, options, _) in ALIASES {
        h = h
            .script(&format!("{name}/{name}.wsgi"), &script(&format!("note('load', '{name}', GROUP)")))
            .config(&format!("WSGIScriptAlias /{name} {{dir}}/{name}/{name}.wsgi {options}"));
    }
    let s = h.start();
    ready(&s);
    let port = s.port().to_string();
    let expected: Vec<String> = ALIASES
        .iter()
        .filter_map(|(name, _, group)| Some(format!("{name} {}", (*group)?.replace("{port}", &port))))
        .collect();
    assert_eq!(texts(&notes(&s, "load")), expected);
    for (name, _, group) in ALIASES {
        let r = s.get(&format!("/{name}/x"));
        assert_eq!(r.status, 200, "{name}");
        if let Some(group) = group {
            assert_eq!(r.header("X-Group"), Some(&*group.replace("{port}", &port)), "{name}");
        }
        assert_eq!(loaded(&s).iter().filter(|n| n == name).count(), 1, "{name} is loaded once");
    }
}

/// Which scripts a directory holds, and what a regular expression matches, only requests can tell.
#[test]
fn directories_and_regular_expressions() {
    let s = scripts("a b c")
        .config(
            "
            WSGIScriptAlias /scripts/ {dir}/
            WSGIScriptAliasMatch ^/[b]$ {dir}/b.wsgi
            WSGIScriptAliasMatch ^/[c]$ {dir}/c.wsgi process-group=%{GLOBAL} application-group=c",
        )
        .start();
    ready(&s);
    assert_eq!(loaded(&s), ["c"]);
    for (target, name) in [("/scripts/a.wsgi", "a"), ("/b", "b"), ("/c", "c")] {
        assert_eq!(s.get(target).status, 200, "{target}");
        assert_eq!(loaded(&s).last().unwrap(), if name == "c" { "b" } else { name });
    }
}

#[test]
fn switched_off_and_on() {
    let aliases = "
        WSGIScriptAlias /a {dir}/a.wsgi
        WSGIScriptAlias /b {dir}/b.wsgi preload=on
        WSGIScriptAlias /c {dir}/c.wsgi preload=Off
        WSGIScriptAlias /d {dir}/d.wsgi process-group=%{GLOBAL} application-group=d
        WSGIScriptAliasMatch ^/[e]$ {dir}/e.wsgi process-group=%{GLOBAL} application-group=e
        <Location /d>
            WSGIPreload Off
        </Location>";
    for (directive, expected) in [
        ("WSGIPreload Off", &["b"][..]),
        ("WSGIPreload On", &["a", "b", "e"]),
        ("WSGIPreload Auto", &["a", "b", "e"]),
        ("", &["a", "b", "e"]),
    ] {
        let s = scripts("a b c d e").config(directive).config(aliases).start();
        ready(&s);
        assert_eq!(loaded(&s), expected, "{directive}");
    }
}

/// The interpreter is that of the host which an alias belongs to, whatever name of it a request uses.
#[test]
fn virtual_hosts_by_name() {
    let s = scripts("a both")
        .config(
            "
            <VirtualHost *:{port}>
                ServerName one.test
                ServerAlias other.test
                WSGIScriptAlias /both {dir}/both.wsgi
            </VirtualHost>
            <VirtualHost *:{port}>
                ServerName two.test
                WSGIScriptAlias /both {dir}/both.wsgi
                WSGIScriptAlias /a {dir}/a.wsgi
            </VirtualHost>
            <VirtualHost *:{port}>
                ServerName three.test
                WSGIPreload Off
                WSGIScriptAlias /both {dir}/both.wsgi
            </VirtualHost>",
        )
        .start();
    ready(&s);
    let expected = ["both one.test:P|/both", "both two.test:P|/both", "a two.test:P|/a"]
        .map(|n| n.replace('P', &s.port().to_string()));
    assert_eq!(texts(&notes(&s, "load")), expected);
    for (host, target) in
        [("one.test", "/both"), ("other.test", "/both"), ("two.test", "/both"), ("two.test", "/a")]
    {
        let host = format!("{host}:{}", s.port());
        assert_eq!(s.request("GET", target).header("Host", &host).send().status, 200);
    }
    assert_eq!(notes(&s, "load").len(), 3);
    assert_eq!(s.request("GET", "/both").header("Host", "three.test").send().status, 200);
    assert_eq!(notes(&s, "load").len(), 4);
}

/// What is no application is loaded as well, and everything in the order of the configuration.
#[test]
fn import_scripts_and_the_order() {
    let s = scripts("a b c d e")
        .config(
            "
            WSGIScriptAlias /c {dir}/c.wsgi application-group=shared
            WSGIImportScript {dir}/e.wsgi process-group=%{GLOBAL} application-group=service
            WSGIScriptAlias /a {dir}/a.wsgi
            WSGIImportScript {dir}/d.wsgi process-group=%{GLOBAL} application-group=%{GLOBAL}
            WSGIScriptAlias /b {dir}/b.wsgi application-group=shared",
        )
        .start();
    ready(&s);
    assert_eq!(loaded(&s), ["c", "e", "a", "d", "b"]);
    assert_eq!((&*notes(&s, "load")[1].text, &*notes(&s, "load")[3].text), ("e service", "d main"));
}

fn ten() -> Httpd {
    let h = scripts("s0 s1 s2 s3 s4 s5 s6 s7 s8 s9");
    (0..10).fold(h, |h, n| h.config(&format!("WSGIScriptAlias /s{n} {{dir}}/s{n}.wsgi")))
}

#[test]
fn a_budget_of_eight() {
    let s = ten().start();
    ready(&s);
    assert_eq!(loaded(&s), (0..8).map(|n| format!("s{n}")).collect::<Vec<_>>());
    let notice = s.logged("wsgi:notice.*WSGI1019");
    assert!(
        notice.len() == 1 && notice[0].contains("s8.wsgi") && notice[0].contains("s9.wsgi"),
        "{notice:?}"
    );
    assert!(!notice[0].contains("s7.wsgi"), "{notice:?}");
    assert_eq!((s.get("/s9").status, loaded(&s).last().unwrap().as_str()), (200, "s9"));
}

#[test]
fn no_budget_for_what_is_asked_for() {
    let s = ten().config("WSGIPreload On").start();
    ready(&s);
    assert_eq!((loaded(&s).len(), s.logged("WSGI1019").len()), (10, 0));
    let h =
        scripts("more s0 s1 s2 s3 s4 s5 s6 s7").config("WSGIScriptAlias /more {dir}/more.wsgi preload=on");
    let s = (0..8).fold(h, |h, n| h.config(&format!("WSGIScriptAlias /s{n} {{dir}}/s{n}.wsgi"))).start();
    ready(&s);
    assert_eq!((loaded(&s).len(), s.logged("WSGI1019").len()), (9, 0), "{:?}", loaded(&s));
}

#[test]
fn a_budget_of_ten_seconds() {
    let s = scripts("later")
        .script("slow.wsgi", &script("note('load', 'slow'); time.sleep(10.2)"))
        .config("WSGIScriptAlias /slow {dir}/slow.wsgi\nWSGIScriptAlias /later {dir}/later.wsgi")
        .start();
    ready(&s);
    assert_eq!(loaded(&s), ["slow"]);
    assert!(s.wait_log("WSGI1019").contains("later.wsgi"));
    assert_eq!(s.get("/later").status, 200);
}

/// A script that fails is found in the log before any request, and the next one is loaded.
#[test]
fn a_script_that_fails_at_start() {
    let s = scripts("good")
        .script("bad.wsgi", &script("raise ValueError('boom')"))
        .config("WSGIScriptAlias /bad {dir}/bad.wsgi\nWSGIScriptAlias /good {dir}/good.wsgi")
        .expect_log("WSGI0110: .*bad.wsgi' raised ValueError while it was loaded into .*attempt 1,")
        .expect_traceback("ValueError: boom")
        .allow_log("WSGI1015|WSGI0109: ")
        .start();
    ready(&s);
    assert_eq!(loaded(&s), ["good"]);
    s.wait_log("ValueError: boom");
    assert_unavailable(&s.get("/bad"));
    assert_eq!(s.get("/good").status, 200);
}
