//! Large bodies in both directions at once, answers before the body has come, and answers that break off; in plain HTTP,
//! over TLS and over HTTP/2, where the connection to the client is nothing that a worker could look at.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use harness::*;

use crate::daemon::*;

const MIB: usize = 1 << 20;

/// The URL and the options that curl needs to speak it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Protocol {
    Http,
    Tls,
    H2,
}

use Protocol::*;

/// A server that speaks it, in front of a script.
fn speaking(protocol: Protocol, body: &str) -> Httpd {
    let h = defined("processes=1 threads=4", &script(body));
    match protocol {
        Http => h,
        H2 => h.module("http2").config("Protocols h2c http/1.1"),
        Tls => {
            let h = h.module("ssl").allow_log("ssl:warn").config(
                "
                SSLEngine On
                SSLCertificateFile {dir}/cert.pem
                SSLCertificateKeyFile {dir}/key.pem
                SSLSessionCache none",
            );
            certificate(h.dir());
            h
        }
    }
}

/// A key and a certificate of its own, `key.pem` and `cert.pem`.
pub fn certificate(dir: &Path) {
    let name = |n: &str| dir.join(n).to_str().unwrap().to_owned();
    let (key, cert) = (name("key.pem"), name("cert.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-keyout", &key, "-out", &cert])
        .output()
        .expect("openssl");
    assert!(made.status.success(), "no certificate: {}", String::from_utf8_lossy(&made.stderr));
}

/// curl, asking for a target.
fn curl(s: &Server, protocol: Protocol, target: &str) -> Command {
    let scheme = if protocol == Tls { "https" } else { "http" };
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--insecure", "--no-buffer", "--max-time", "60"]);
    curl.arg(if protocol == H2 { "--http2-prior-knowledge" } else { "--http1.1" });
    curl.arg(format!("{scheme}://localhost:{}{target}", s.port())).stdin(Stdio::null());
    // The server listens on one address.
    curl.arg("--ipv4");
    curl
}

/// What is on the way in an echo, and in which pieces.
const TOTAL: usize = 64 * MIB;

/// A client that sends and takes what it is told to: the connection itself, or a program with a pipe to each end.
pub struct Exchange {
    pub to: Option<Box<dyn Write + Send>>,
    pub from: Option<Box<dyn Read + Send>>,
    program: Option<Child>,
}

impl Exchange {
    pub fn open(s: &Server, protocol: Protocol, port: u16) -> Self {
        if protocol == Http {
            let stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
            stream.set_read_timeout(Some(poll::PATIENCE)).expect("timeout");
            stream.set_write_timeout(Some(poll::PATIENCE)).expect("timeout");
            let from = Box::new(stream.try_clone().expect("a second handle"));
            return Exchange { to: Some(Box::new(stream)), from: Some(from), program: None };
        }
        assert_eq!(protocol, Tls, "HTTP/2 has a client of its own");
        let mut command = Command::new("openssl");
        command.args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{port}")]);
        // What it complains of is for whoever reads of a failure.
        let complaints = std::fs::File::create(s.dir().join("state/client")).expect("a file for the client");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(complaints);
        let mut program = command.spawn().expect("the client");
        let (to, from) = (program.stdin.take().unwrap(), program.stdout.take().unwrap());
        Exchange { to: Some(Box::new(to)), from: Some(Box::new(from)), program: Some(program) }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(program) = &mut self.program {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

/// A MiB like no other.
fn block(step: usize) -> Vec<u8> {
    (0..MIB).map(|i| (i * 7 + step + i / 251) as u8).collect()
}

/// Answers with what it reads, as it comes.
const ECHO: &str = "
    def application(environ, start_response):
        start_response('200 OK', [('Content-Length', environ['CONTENT_LENGTH'])])
        def echo():
            while block := environ['wsgi.input'].read(65536):
                yield block
        return echo()";

/// 64 MiB, of which no more than two are on the way at a time: so the answer begins long before the end of the request.
fn echoed_in_steps(protocol: Protocol) {
    let s = speaking(protocol, ECHO).start();
    let mut e = Exchange::open(&s, protocol, s.port());
    let (mut to, from) = (e.to.take().unwrap(), e.from.take().unwrap());
    // Each end has a thread, which ends with the connection at the latest.
    let (send, blocks) = mpsc::sync_channel::<Vec<u8>>(1);
    let mut send = Some(send);
    std::thread::spawn(move || blocks.into_iter().try_for_each(|block| to.write_all(&block)));
    let (came, takes) = mpsc::channel();
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && from.read_line(&mut head).is_ok_and(|n| n > 0) {}
        let _ = came.send(head.into_bytes());
        let mut block = vec![0; MIB];
        while from.read_exact(&mut block).is_ok() && came.send(block.clone()).is_ok() {}
    });
    let take = |what: &str| {
        let came = takes.recv_timeout(poll::PATIENCE);
        came.unwrap_or_else(|e| panic!("{what}: {e}; the client: {}", s.read_file("state/client")))
    };
    let head = format!("PUT /app HTTP/1.1\r\nHost: localhost\r\nContent-Length: {TOTAL}\r\n\r\n");
    send.as_ref().unwrap().send(head.into_bytes()).unwrap();
    for step in 0..=64 {
        if step < 64 {
            send.as_ref().unwrap().send(block(step)).expect("the connection is there");
        } else {
            send = None;
        }
        if step == 0 {
            let head = String::from_utf8(take("head")).unwrap();
            assert!(head.starts_with("HTTP/") && head.contains(" 200"), "{head}");
        } else {
            assert!(take(&format!("MiB {step}")) == block(step - 1), "MiB {step} came back changed");
        }
    }
}

#[test]
fn echoed_while_it_is_uploaded() {
    echoed_in_steps(Http);
}

#[test]
fn echoed_while_it_is_uploaded_over_tls() {
    echoed_in_steps(Tls);
}

#[test]
fn echoed_while_it_is_uploaded_over_http2() {
    skip_if!(!mpm().is_threaded(), "mod_http2 does not run in prefork");
    // Not curl: that of Debian 12 loses the last bytes of an answer that ends while it still sends (its exit status is 18).
    let s = speaking(H2, ECHO).start();
    let output = Command::new(venv().join("bin/python"))
        .args([&s.dir().join("apps/h2_echo.py").to_string_lossy(), &*s.port().to_string(), "/app", "64"])
        .output()
        .expect("the client");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(text.trim(), format!("200: {TOTAL} bytes came back"));
}

/// Sent by a client that does not take anything of the answer before it has sent all: 64 MiB is more than what all
/// buffers on the way hold, so it is the application that must not wait.
#[test]
fn answered_after_it_was_uploaded() {
    let s = speaking(
        Http,
        "
        def application(environ, start_response):
            body = environ['wsgi.input'].read()
            start_response('200 OK', [('Content-Length', str(len(body)))])
            return [body]",
    )
    .start();
    let sent: Vec<u8> = (0..64 * MIB).map(|i| (i * 7 + i / 251) as u8).collect();
    let mut stream = TcpStream::connect(("127.0.0.1", s.port())).unwrap();
    stream.set_read_timeout(Some(poll::PATIENCE)).unwrap();
    write!(stream, "PUT /app HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", sent.len()).unwrap();
    stream.write_all(&sent).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let r = Response::read(&mut BufReader::new(stream), false).expect("an answer");
    assert_eq!((r.status, r.complete), (200, true));
    assert!(r.body == sent, "came back changed");
}

/// The client waits for leave to send 200 MB and is refused instead.
fn refused(protocol: Protocol) {
    let s = speaking(
        protocol,
        "
        def application(environ, start_response):
            start_response('403 Forbidden', [('Content-Length', '2')])
            return [b'no']",
    )
    .start();
    let upload = s.dir().join("upload");
    fs::File::create(&upload).and_then(|f| f.set_len(200_000_000)).expect("a file of 200 MB");
    // The first request of a process is no measure.
    for _ in 0..2 {
        let begun = Instant::now();
        let output = curl(&s, protocol, "/app")
            .args(["--header", "Expect: 100-continue", "--expect100-timeout", "20", "--output", "/dev/null"])
            .args(["--write-out", "%{http_code} %{size_upload}", "--upload-file"])
            .arg(&upload)
            .output()
            .expect("curl");
        let (took, given) = (begun.elapsed(), machine::given_since(begun));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (status, sent) = text.split_once(' ').expect("what curl writes");
        assert_eq!(status, "403", "{output:?}");
        assert!(sent.parse::<u64>().unwrap() < 1_000_000, "{sent} bytes sent");
        // Well below the twenty seconds after which curl sends in any case.
        assert!(given < Duration::from_secs(5), "{took:?}");
    }
}

#[test]
fn refused_before_it_was_uploaded() {
    refused(Http);
}

#[test]
fn refused_before_it_was_uploaded_over_tls() {
    refused(Tls);
}

/// An application that raises when a megabyte is out.
fn breaking_off(protocol: Protocol) -> Server {
    speaking(
        protocol,
        "
        def application(environ, start_response):
            start_response('200 OK', [('Content-Type', 'text/plain')])
            def body():
                for _ in range(16):
                    yield b'x' * 65536
                raise ValueError('in the middle')
            return body()",
    )
    .expect_traceback("ValueError: in the middle")
    .expect_log("WSGI0174: ")
    .start()
}

#[test]
fn a_broken_answer_does_not_look_whole() {
    let s = breaking_off(Http);
    let r = s.get("/app");
    assert_eq!((r.status, r.chunked, r.body.len()), (200, true, MIB));
    assert!(!r.complete, "looks whole");
}

#[test]
fn a_broken_answer_does_not_look_whole_over_http2() {
    skip_if!(!mpm().is_threaded(), "mod_http2 does not run in prefork");
    let s = breaking_off(H2);
    let output = curl(&s, H2, "/app").args(["--write-out", "%{stderr}%{http_code}"]).output().expect("curl");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "200");
    // CURLE_HTTP2_STREAM
    assert_eq!(output.status.code(), Some(92), "looks whole: {} bytes", output.stdout.len());
}
