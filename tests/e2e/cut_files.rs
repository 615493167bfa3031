//! Files that somebody makes shorter while they are sent: no process dies of it, and no answer looks whole that is not.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use harness::*;

use crate::daemon_transfer::certificate;

/// Sends the file of the path.
const SENDING: &str = r#"
    import os
    here = os.path.dirname(os.path.abspath(__file__))

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return environ["wsgi.file_wrapper"](open(here + environ["PATH_INFO"], "rb"))
"#;

const SIZE: usize = 4 << 20;

fn bytes() -> Vec<u8> {
    // Nothing that could be compressed to a few bytes.
    let mut state = 1u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..SIZE).map(next).collect()
}

/// A user that is neither Apache's nor a group's.
const THIRD: u32 = 4;

fn sending(config: &str) -> Httpd {
    let h = httpd()
        .no_group()
        .module("ssl")
        .script("app.wsgi", SENDING)
        .file("htdocs/static.txt", "static")
        .config(config)
        .config("Listen 127.0.0.1:{other_port}\nSSLSessionCache none\nWSGIScriptAlias / {dir}/app.wsgi")
        .config("<VirtualHost *:{port}>\nSetOutputFilter DEFLATE\n</VirtualHost>")
        .config(
            "<VirtualHost *:{other_port}>
             SSLEngine On
             SSLCertificateFile {dir}/cert.pem
             SSLCertificateKeyFile {dir}/key.pem
             </VirtualHost>",
        )
        .allow_log("ssl:warn|AH10298: |AH02013: ");
    certificate(h.dir());
    h
}

fn owned(path: &Path, user: u32) {
    fs::write(path, bytes()).expect("a file");
    chown(path, Some(user), Some(user)).expect("chown");
}

/// Cuts the file and fills it again, until it is told to end.
fn cut_and_fill(path: &Path, ends: &AtomicBool) {
    let bytes = bytes();
    let mut file = File::options().write(true).open(path).expect("the file");
    while !ends.load(Ordering::SeqCst) {
        file.set_len(1000).expect("ftruncate");
        file.set_len(0).expect("ftruncate");
        std::io::Seek::rewind(&mut file).expect("seek");
        file.write_all(&bytes).expect("write");
    }
}

fn survives(config: &str, user: u32) {
    let s = sending(config).start();
    let path = s.dir().join("data");
    owned(&path, user);
    assert_eq!(s.get("/data").body.len(), SIZE);
    let before = s.children();
    let (ends, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| cut_and_fill(&path, &ends));
        let clients: Vec<_> = (0..4)
            .map(|n| {
                let (s, rounds) = (&s, &rounds);
                scope.spawn(move || {
                    while rounds.fetch_add(1, Ordering::SeqCst) < 60 {
                        if n == 0 {
                            let mut curl = Command::new("curl");
                            curl.args(["--silent", "--insecure", "--max-time", "20", "--output", "/dev/null"]);
                            curl.arg(format!("https://127.0.0.1:{}/data", s.other_port()));
                            curl.status().expect("curl");
                        } else {
                            let request = "GET /data HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n";
                            s.raw(request.as_bytes()).rest();
                        }
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().expect("a client"));
        ends.store(true, Ordering::SeqCst);
    });
    assert_eq!(s.children(), before, "{config}: {:?}", s.logged("exit signal"));
    let alive = |pid: &u32| daemon::is_alive(*pid);
    assert!(before.iter().all(alive));
    assert_eq!(s.get("/data").body.len(), SIZE);
}

const GROUP_OF_OTHERS: &str = "WSGIDaemonProcess g threads=5 user=games group=games\nWSGIProcessGroup g";

#[test]
fn a_file_of_a_third_user() {
    skip_if!(!mpm().is_threaded(), "children of prefork come and go");
    survives(GROUP_OF_OTHERS, THIRD);
}

#[test]
fn a_file_of_the_groups_user() {
    skip_if!(!mpm().is_threaded(), "children of prefork come and go");
    survives(GROUP_OF_OTHERS, 5);
}

#[test]
fn a_file_that_a_child_sends() {
    skip_if!(!mpm().is_threaded(), "children of prefork come and go");
    survives("", THIRD);
}

/// A client that reads slowly, and the file becomes shorter: the connection is cut, and the next answer is not taken for the
/// rest of the file.
#[test]
fn what_is_cut_does_not_look_whole() {
    for config in ["", GROUP_OF_OTHERS] {
        for owner in [0, THIRD] {
            let s = httpd()
                .no_group()
                .script("app.wsgi", SENDING)
                .file("next", "next")
                .config("WSGIScriptAlias / {dir}/app.wsgi\nEnableMMAP Off\nSetOutputFilter DEFLATE")
                .config(config)
                .allow_log("AH10298: ")
                .start();
            let path = s.dir().join("data");
            for coding in ["identity", "gzip"] {
                fs::write(&path, bytes().repeat(10)).expect("a file");
                chown(&path, Some(owner), Some(owner)).expect("chown");
                let head = format!("HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {coding}\r\n\r\n");
                let mut c = s.raw(format!("GET /data {head}GET /next {head}").as_bytes());
                let mut answer = c.some(1 << 16);
                File::options()
                    .write(true)
                    .open(&path)
                    .expect("the file")
                    .set_len(1 << 20)
                    .expect("ftruncate");
                answer.extend(c.rest());
                let mut rest = &*answer;
                let answer = Response::read(&mut rest, false).expect("an answer");
                assert_eq!(answer.chunked, coding == "gzip");
                assert!(!answer.complete && rest.is_empty(), "{config} {coding}: {} more", rest.len());
                assert_eq!(s.get("/next").text(), "next");
            }
        }
    }
}
