//! A `.htaccess` is a user's file: no process that starts opens it, root's least of all.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Instant;

use harness::poll::assert_within;
use harness::*;

use crate::starting::{notes, script};

/// Applications in a directory where `.htaccess` counts: one in Apache's children and one in a group.
fn with_htaccess() -> Httpd {
    httpd()
        .no_group()
        .script("docs/app.wsgi", &script("note('load', GROUP)"))
        .script("docs/daemon.wsgi", &script("note('load', 'daemon')"))
        .script("other.wsgi", &script(""))
        .file("htdocs/static.txt", "static")
        .config(
            "
            WSGISocketPrefix {dir}/run/wsgi
            WSGIDaemonProcess g threads=3
            WSGIScriptAlias /app {dir}/docs/app.wsgi application-group=named warmup=/app/warm
            WSGIScriptAlias /daemon {dir}/docs/daemon.wsgi process-group=g application-group=%{GLOBAL} warmup=/daemon/warm
            WSGIScriptAlias /other {dir}/other.wsgi
            <Directory {dir}/docs>
                AllowOverride All
            </Directory>",
        )
}

fn fifo(path: &std::path::Path) {
    let path = CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: a C string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o644) }, 0);
}

/// httpd waits for a writer when a visitor comes, but no start does.
#[test]
fn a_pipe_instead_of_a_file() {
    let h = with_htaccess();
    fifo(&h.dir().join("docs/.htaccess"));
    let begun = Instant::now();
    let s = h.start();
    assert_within(begun, 20.0, "the start");
    for path in ["/static.txt", "/other"] {
        assert_eq!(s.get(path).status, 200, "{path}");
    }
    for _ in 0..2 {
        let children = s.children();
        s.graceful();
        poll::until("new children that serve", || {
            let r = s.get("/static.txt");
            (r.status == 200 && s.children().iter().all(|child| !children.contains(child))).then_some(())
        });
    }
    assert!(!notes(&s, "load").is_empty(), "they were started as the configuration has it");
}

/// httpd quotes the line of a `.htaccess` that it does not understand.
#[test]
fn a_link_to_what_only_root_may_read() {
    let h = with_htaccess().file("secret", "Geheimnis-4711 x\n");
    let secret = h.dir().join("secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    symlink(&secret, h.dir().join("docs/.htaccess")).unwrap();
    let s = h.start();
    assert_eq!(s.get("/other").status, 200);
    let assert_silent = || {
        let log = s.error_log();
        assert!(!log.iter().any(|line| line.contains("Geheimnis")), "{log:#?}");
    };
    assert_silent();
    poll::until("both applications", || (notes(&s, "load").len() >= 2).then_some(()));
    assert_silent();
}

/// To visitors the file counts, and what is started at once is what they come to.
#[test]
fn visitors_have_what_it_says() {
    let s = with_htaccess().file("docs/.htaccess", "SetEnv SAID 1\nHeader set X-Htaccess yes\n").start();
    for path in ["/app", "/daemon"] {
        let r = s.get(path);
        assert_eq!((r.status, r.header("X-Htaccess")), (200, Some("yes")), "{path}");
    }
    assert_eq!(notes(&s, "load").len(), 2, "each is loaded once");
}

/// A script that is no file keeps no start waiting either.
#[test]
fn a_pipe_instead_of_a_script() {
    let h = httpd()
        .no_group()
        .script("other.wsgi", &script(""))
        .config(
            "
            WSGISocketPrefix {dir}/run/wsgi
            WSGIDaemonProcess g threads=3
            WSGIScriptAlias /app {dir}/pipe.wsgi application-group=named
            WSGIScriptAlias /daemon {dir}/pipe.wsgi process-group=g application-group=%{GLOBAL}
            WSGIScriptAlias /other {dir}/other.wsgi",
        )
        .expect_log("WSGI0106: .*pipe.wsgi")
        .expect_traceback("OSError: .*pipe.wsgi' is not a regular file")
        .allow_log("WSGI0106: |WSGI0109: |WSGI1015: |WSGI1016: |WSGI1031: ");
    fifo(&h.dir().join("pipe.wsgi"));
    let begun = Instant::now();
    let s = h.start();
    assert_eq!(s.get("/other").status, 200);
    assert_within(begun, 20.0, "the start");
}
