//! Deployments that switch to a file with the same modification time: release archives give all files one date.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use harness::*;

/// Writes a file of a date that all of them have.
fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("directory")).expect("directory");
    fs::write(path, text).expect("file");
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::options().append(true).open(path).expect("file").set_modified(date).expect("date");
}

fn script(version: &str) -> String {
    format!(
        "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'{version}']\n"
    )
}

/// Two releases, of which `current` is the first, and a script that is a link into the first.
fn released() -> Httpd {
    let h = httpd();
    for release in ["1", "2"] {
        let place = h.dir().join("releases").join(release);
        write(&place.join("app.wsgi"), &script(&format!("v{release}")));
        write(&place.join("lib/part.py"), &format!("VERSION = 'p{release}'\n"));
    }
    symlink("releases/1", h.dir().join("current")).expect("link");
    symlink("releases/1/app.wsgi", h.dir().join("app.wsgi")).expect("link");
    write(&h.dir().join("plain.wsgi"), &script("v1"));
    h
}

/// As `ln -sfn` does it.
fn switch(s: &Server, link: &str, target: &str) {
    let new = s.dir().join("new-link");
    symlink(target, &new).expect("link");
    fs::rename(new, s.dir().join(link)).expect("switch");
}

#[track_caller]
fn comes(s: &Server, version: &str) {
    poll::until(&format!("answers of {version}"), || {
        let r = s.get("/");
        assert_eq!(r.status, 200, "{}", r.text());
        (r.text() == version).then_some(())
    });
    for _ in 0..3 {
        assert_eq!(s.get("/").text(), version);
    }
}

#[test]
fn a_link_to_a_directory() {
    only_ours!("the original compares nothing but the time");
    let s = released().config("WSGIScriptAlias / {dir}/current/app.wsgi").start();
    comes(&s, "v1");
    switch(&s, "current", "releases/2");
    comes(&s, "v2");
    switch(&s, "current", "releases/1");
    comes(&s, "v1");
}

#[test]
fn a_link_to_a_file() {
    only_ours!("the original compares nothing but the time");
    let s = released().config("WSGIScriptAlias / {dir}/app.wsgi").start();
    comes(&s, "v1");
    switch(&s, "app.wsgi", "releases/2/app.wsgi");
    comes(&s, "v2");
    switch(&s, "app.wsgi", "releases/1/app.wsgi");
    comes(&s, "v1");
}

/// Another file in the place of the first.
#[test]
fn a_file_in_the_place_of_another() {
    only_ours!("the original compares nothing but the time");
    let s = released().config("WSGIScriptAlias / {dir}/plain.wsgi").start();
    comes(&s, "v1");
    let new = s.dir().join("new.wsgi");
    write(&new, &script("v2"));
    fs::rename(new, s.dir().join("plain.wsgi")).expect("rename");
    comes(&s, "v2");
}

/// An application that is loaded with the process is looked at in the same way.
#[test]
fn a_preloaded_script() {
    only_ours!("the original compares nothing but the time");
    let alias = format!(
        "WSGIScriptAlias / {{dir}}/current/app.wsgi process-group={} application-group=%{{GLOBAL}}",
        crate::process_group()
    );
    let s = released().config(&alias).start();
    comes(&s, "v1");
    switch(&s, "current", "releases/2");
    comes(&s, "v2");
}

#[test]
fn reloading_off() {
    let s = released().config("WSGIScriptAlias / {dir}/current/app.wsgi\nWSGIScriptReloading Off").start();
    comes(&s, "v1");
    switch(&s, "current", "releases/2");
    comes(&s, "v1");
}

/// The same release again is no change.
#[test]
fn a_link_that_leads_where_it_led() {
    let s = released().config("WSGIScriptAlias / {dir}/current/app.wsgi").script(
        "releases/1/app.wsgi",
        "
        import os
        COUNT = [0]
        def application(environ, start_response):
            COUNT[0] += 1
            start_response('200 OK', [])
            return [b'%d' % COUNT[0]]",
    );
    let s = s.start();
    assert_eq!(s.get("/").text(), "1");
    switch(&s, "current", "releases/1");
    assert_eq!([s.get("/").text(), s.get("/").text()], ["2", "3"]);
}

/// A release that does not start is left for one that does.
#[test]
fn a_broken_release() {
    only_ours!("the original compares nothing but the time");
    let s = released()
        .config("WSGIScriptAlias / {dir}/current/app.wsgi")
        .allow_log("WSGI1015: |WSGI1031: |WSGI1030: ")
        .expect_log("WSGI0109: |WSGI0110: ")
        .expect_traceback("ValueError: broken")
        .start();
    comes(&s, "v1");
    write(&s.dir().join("releases/3/app.wsgi"), "raise ValueError('broken')\n");
    switch(&s, "current", "releases/3");
    poll::until("a failed start", || {
        s.get("/");
        (!s.logged("ValueError: broken").is_empty()).then_some(())
    });
    switch(&s, "current", "releases/2");
    poll::until("the other release", || (s.get("/").text() == "v2").then_some(()));
}

/// Modules, by `reload=imports`: the link is on the way to them, and the script is elsewhere.
#[test]
fn modules_behind_a_link() {
    daemon_only!();
    only_ours!("the original looks at scripts only");
    let s = released()
        .group("reload=imports python-path={dir}/current/lib")
        .script(
            "main.wsgi",
            "
            import part
            def application(environ, start_response):
                start_response('200 OK', [])
                return [part.VERSION.encode()]",
        )
        .config("WSGIScriptAlias / {dir}/main.wsgi")
        .start();
    comes(&s, "p1");
    for (target, version) in [("releases/2", "p2"), ("releases/1", "p1"), ("releases/2", "p2")] {
        switch(&s, "current", target);
        comes(&s, version);
    }
    write(&s.dir().join("releases/2/lib/part.py"), "VERSION = 'changed'\n");
    comes(&s, "changed");
}
