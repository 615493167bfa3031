//! Clients that send slowly hold no thread of a process: there is one here, and others are answered meanwhile.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::os::fd::FromRawFd;

use harness::poll::until;
use harness::*;

use crate::daemon::*;
use crate::daemon_transfer::{Exchange, Protocol, certificate};
use crate::starting::notes;

const KIB: usize = 1 << 10;

/// One process with one thread, in plain HTTP and, at the other port, over TLS.
pub fn single(options: &str, body: &str) -> Httpd {
    let h = defined(&format!("processes=1 threads=1 {options}"), &script(body))
        .children(if mpm().is_threaded() { 1 } else { 12 })
        .module("ssl")
        .allow_log("ssl:warn")
        .config(
            "
            WSGIChunkedRequest On
            # What the system takes for the client is not what this is about.
            SendBufferSize 32768
            Listen 127.0.0.1:{other_port}
            <VirtualHost *:{other_port}>
                SSLEngine On
                SSLCertificateFile {dir}/cert.pem
                SSLCertificateKeyFile {dir}/key.pem
            </VirtualHost>",
        );
    certificate(h.dir());
    h
}

/// A connection of a client that is slow.
pub fn open(s: &Server, protocol: Protocol) -> Exchange {
    let port = if protocol == Protocol::Tls { s.other_port() } else { s.port() };
    Exchange::open(s, protocol, port)
}

/// A connection that has sent this, over a line that holds little: what its client does not read stays with the server.
pub fn narrow(s: &Server, request: &[u8]) -> TcpStream {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: s.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
        sin_zero: [0; 8],
    };
    // SAFETY: the structures and numbers are live and have the sizes told; the descriptor is ours.
    let mut stream = unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        for (level, name, value) in
            [(libc::SOL_SOCKET, libc::SO_RCVBUF, 4096), (libc::IPPROTO_TCP, libc::TCP_MAXSEG, 1400)]
        {
            let value: libc::c_int = value;
            libc::setsockopt(fd, level, name, (&raw const value).cast(), size_of_val(&value) as _);
        }
        let done = libc::connect(fd, (&raw const address).cast(), size_of_val(&address) as _);
        assert_eq!(done, 0, "no connection: {}", std::io::Error::last_os_error());
        TcpStream::from_raw_fd(fd)
    };
    stream.set_read_timeout(Some(poll::PATIENCE)).expect("timeout");
    stream.write_all(request).expect("a request");
    stream
}

/// The one thread answers others, again and again: the slow client cannot have come only after that.
#[track_caller]
pub fn serves_others(s: &Server, what: &str) {
    for _ in 0..20 {
        let begun = std::time::Instant::now();
        let r = s.get("/app/quick?x");
        assert_eq!((r.status, &*r.text()), (200, "quick x"), "{what}");
        assert_within(begun, 2.0, what);
    }
}

/// Answers with what it was sent.
const SUM: &str = "
    import hashlib
    def application(environ, start_response):
        if environ['PATH_INFO'] == '/quick':
            return answer(environ, start_response, 'quick')
        note('began', environ['PATH_INFO'])
        stream, parts = environ['wsgi.input'], []
        try:
            if environ['PATH_INFO'] == '/pieces':
                parts += [stream.read(10), stream.readline(), stream.readline(5)]
                while part := stream.read(7001):
                    parts.append(part)
            else:
                parts.append(stream.read())
        except OSError as e:
            note('failed', type(e).__name__)
            raise
        body = b''.join(parts)
        assert stream.read() == b''
        return answer(environ, start_response, len(body), hashlib.sha256(body).hexdigest())";

/// Bytes like no others.
pub fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i * 7 + i / 251) as u8).collect()
}

fn sum(bytes: &[u8]) -> String {
    let mut child = std::process::Command::new("sha256sum")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("sha256sum");
    child.stdin.take().unwrap().write_all(bytes).expect("its input");
    let output = child.wait_with_output().expect("its answer");
    format!("{} {}", bytes.len(), String::from_utf8_lossy(&output.stdout).split_whitespace().next().unwrap())
}

/// A request's bytes, head and body.
fn request(path: &str, chunked: bool, more: &str, body: &[u8]) -> Vec<u8> {
    let mut out = format!("PUT /app{path}?x HTTP/1.1\r\nHost: localhost\r\n{more}").into_bytes();
    if chunked {
        out.extend(b"Transfer-Encoding: chunked\r\n\r\n");
        for chunk in body.chunks(50_001) {
            out.extend(format!("{:x}\r\n", chunk.len()).bytes());
            out.extend(chunk);
            out.extend(b"\r\n");
        }
        out.extend(b"0\r\n\r\n");
    } else {
        out.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
        out.extend(body);
    }
    out
}

/// Sends a part, looks whether others are served, and then sends the rest.
fn sent_slowly(protocol: Protocol) {
    let s = single("", SUM).start();
    for (count, chunked) in [
        (100, false),
        (100, true),
        (300 * KIB, false),
        (300 * KIB, true),
        (KIB * KIB, false),
        (KIB * KIB - 1, true),
    ] {
        let what = format!("{count} bytes, chunked: {chunked}");
        let body = bytes(count);
        let request = request("/sum", chunked, "", &body);
        let (now, later) = request.split_at(request.len() - 7);
        let mut e = open(&s, protocol);
        let to = e.to.as_mut().unwrap();
        to.write_all(now).and_then(|()| to.flush()).expect("a part of the request");
        serves_others(&s, &what);
        to.write_all(later).and_then(|()| to.flush()).expect("the rest of the request");
        let r = Response::read(&mut BufReader::new(e.from.take().unwrap()), false).expect("an answer");
        assert_eq!((r.status, r.text()), (200, sum(&body) + " x"), "{what}");
    }
}

#[test]
fn a_body_that_comes_slowly() {
    only_ours!("it has no such buffer");
    sent_slowly(Protocol::Http);
}

#[test]
fn a_body_that_comes_slowly_over_tls() {
    only_ours!("it has no such buffer");
    sent_slowly(Protocol::Tls);
}

/// The client is told to send its body, and does not.
#[test]
fn a_body_that_is_asked_for() {
    only_ours!("it has no such buffer");
    let s = single("", SUM).start();
    for chunked in [false, true] {
        let body = bytes(200 * KIB);
        let request = request("/sum", chunked, "Expect: 100-continue\r\n", &body);
        let head = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let mut c = s.raw(&request[..head]);
        let interim = String::from_utf8_lossy(&c.some(25)).into_owned();
        assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n");
        serves_others(&s, "silence");
        c.send(&request[head..]);
        assert_eq!(c.response().text(), sum(&body) + " x");
    }
}

/// What is read before a thread is taken, and what is not.
#[test]
fn the_size_of_the_buffer() {
    only_ours!("it has no such buffer");
    let s = single("request-buffer-size=100000", SUM).start();
    // The application is called before the body is there only if that is too large.
    for (count, chunked, early) in
        [(100_000, false, false), (100_001, false, true), (99_999, true, false), (100_001, true, true)]
    {
        let body = bytes(count);
        let request = request("/sum", chunked, "", &body);
        // All but the last byte of the body, and what stands behind it.
        let (now, later) = request.split_at(request.len() - if chunked { 8 } else { 1 });
        let before = notes(&s, "began").len();
        let mut c = s.raw(now);
        if early && !chunked {
            until("the application", || (notes(&s, "began").len() > before).then_some(()));
        } else if !early {
            serves_others(&s, "a body that fits");
            assert_eq!(notes(&s, "began").len(), before, "{count} bytes");
        }
        c.send(later);
        assert_eq!(c.response().text(), sum(&body) + " x", "{count} bytes, chunked: {chunked}");
    }
}

/// Whatever the size, and however it is read.
#[test]
fn bodies_arrive_as_they_were() {
    only_ours!("it has no such buffer");
    for options in ["request-buffer-size=0", "request-buffer-size=65536", "request-buffer-size=200000", ""] {
        let s = single(options, SUM).start();
        for size in [0, 1, 65_535, 65_536, 65_537, 131_072, 199_999, 200_000, 200_001, 1 << 20, (1 << 20) + 1]
        {
            let body = bytes(size);
            for (path, chunked) in [("/sum", false), ("/sum", true), ("/pieces", false), ("/pieces", true)] {
                let r = s.raw(&request(path, chunked, "", &body)).response();
                let what = format!("{options} {path} {size} {chunked}");
                assert_eq!((r.status, r.text()), (200, sum(&body) + " x"), "{what}");
            }
        }
    }
}

/// The next request of the connection is what stands behind the body, read or not.
#[test]
fn the_connection_serves_on() {
    only_ours!("it has no such buffer");
    let s = single("", SUM).start();
    let mut c = s.connect();
    for (size, chunked) in [(500_000, false), (500_000, true), (2_000_000, false), (2_000_000, true)] {
        for path in ["/sum", "/quick"] {
            let request = request(path, chunked, "", &bytes(size));
            c.send(&request);
            assert_eq!(c.response().status, 200);
        }
    }
}

/// A client that goes while its body is read: no process hears of it.
#[test]
fn a_client_that_goes_meanwhile() {
    only_ours!("it has no such buffer");
    let s =
        single("", SUM).config("CustomLog {dir}/logs/access.log \"%s %U\"").expect_log("WSGI1012: ").start();
    for (size, chunked) in [(100, false), (300 * KIB, false), (300 * KIB, true)] {
        let lines = || s.read_file("logs/access.log").matches("400 /app/sum").count();
        let before = lines();
        let request = request("/sum", chunked, "", &bytes(size));
        s.raw(&request[..request.len() - 9]).abort();
        until("a line in the access log", || (lines() > before).then_some(()));
        serves_others(&s, "gone");
    }
    assert!(notes(&s, "began").is_empty(), "{:?}", notes(&s, "began"));
}

/// A body that is refused or broken is the application's to hear of.
#[test]
fn a_body_that_is_too_large() {
    only_ours!("it has no such buffer");
    let s =
        single("", SUM).config("LimitRequestBody 100000").allow_log("AH0158[78]|AH00587|WSGI012[68]").start();
    s.allow_log("request data|Traceback|File |OSError|raise|parts|\\^");
    for chunked in [false, true] {
        let r = s.raw(&request("/sum", chunked, "", &bytes(100_001))).response();
        assert_eq!(r.status, 413, "chunked: {chunked}");
        let r = s.raw(&request("/sum", chunked, "", &bytes(100_000))).response();
        assert_eq!((r.status, r.text()), (200, sum(&bytes(100_000)) + " x"));
    }
}

/// The process that gets the request takes it no more, since its script has changed: another one gets the body. So it does
/// when the process dies while the body comes.
#[test]
fn a_body_for_another_process() {
    only_ours!("it has no such buffer");
    let s = single("reload-wait=30", SUM).expect_log("WSGI1029: ").start();
    let body = bytes(400 * KIB);
    let request = request("/sum", false, "", &body);
    assert_eq!(s.get("/app/quick?x").text(), "quick x");
    let changed = SUM.replace("start_response, len(body)", "start_response, 'new', len(body)");
    s.replace_file("app.wsgi", &script(&changed));
    let new = format!("new {} x", sum(&body));
    assert_eq!(s.raw(&request).response().text(), new);
    let mut c = s.raw(&request[..request.len() / 2]);
    let worker = until("the new process alone", || Some(s.workers()).filter(|all| all.len() == 1))[0];
    s.send(worker, libc::SIGKILL);
    c.send(&request[request.len() / 2..]);
    assert_eq!(c.response().text(), new);
}

/// Nothing is left of a file.
#[test]
fn files_have_no_name() {
    only_ours!("it has no such buffer");
    let h = single("", SUM);
    let directory = h.dir().join("state/tmp");
    std::fs::create_dir_all(&directory).unwrap();
    let name = directory.to_str().unwrap().to_owned();
    std::process::Command::new("chmod").args(["777", &name]).status().unwrap();
    let s = h.env("TMPDIR", &name).start();
    let request = request("/sum", false, "", &bytes(400 * KIB));
    let mut c = s.raw(&request[..request.len() - 1]);
    until("a file without a name", || {
        let all = s.children().into_iter().flat_map(daemon::descriptors);
        all.map(|(_, file)| file.to_string_lossy().into_owned())
            .find(|file| file.starts_with(&name) && file.ends_with("(deleted)"))
    });
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
    c.send(&request[request.len() - 1..]);
    assert_eq!(c.response().text(), sum(&bytes(400 * KIB)) + " x");
}
