//! Bodies of requests that nobody waits for, needs any more, or takes in the order that is expected.

use std::process::Command;

use harness::poll::until;
use harness::*;

use crate::daemon_slow::{bytes, narrow, single};

/// A refused request has its page before its body has come.
#[test]
fn an_error_page_does_not_wait_for_the_body() {
    only_ours!("it has no such buffer");
    let s = single(
        "",
        "
        def application(environ, start_response):
            return answer(environ, start_response, environ['REQUEST_METHOD'], 'page')",
    )
    .config("ErrorDocument 403 /app/page\n<Location /secret>\nRequire all denied\n</Location>")
    .expect_log("AH01630: ")
    .start();
    for framing in ["Content-Length: 300000\r\n\r\nxxx", "Transfer-Encoding: chunked\r\n\r\n3\r\nxxx\r\n"] {
        let request = format!("POST /secret HTTP/1.1\r\nHost: localhost\r\n{framing}");
        let r = s.raw(request.as_bytes()).response();
        assert_eq!((r.status, &*r.text()), (200, "GET page "), "{framing}");
    }
}

/// When the application is done the file goes, though the client does not take the answer.
#[test]
fn a_file_goes_with_the_application() {
    only_ours!("it has no such buffer");
    let h = single(
        "",
        "
        def application(environ, start_response):
            body = environ['wsgi.input'].read()
            wait_for('state/go')
            start_response('200 OK', [('Content-Type', 'text/plain')])
            return [body * 5]",
    );
    let directory = h.dir().join("state/tmp");
    std::fs::create_dir_all(&directory).unwrap();
    let name = directory.to_str().unwrap().to_owned();
    Command::new("chmod").args(["777", &name]).status().unwrap();
    let s = h.env("TMPDIR", &name).start();
    let has_file = || {
        let mut all = s.children().into_iter().flat_map(daemon::descriptors);
        all.any(|(_, file)| file.to_string_lossy().starts_with(&name))
    };
    let head = "POST /app HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 400000\r\n\r\n";
    let c = narrow(&s, &[head.as_bytes(), &bytes(400_000)].concat());
    until("a file", || has_file().then_some(()));
    s.write_file("state/go", "");
    until("no file", || (!has_file()).then_some(()));
    let r = Response::read(&mut std::io::BufReader::new(c), false).expect("an answer");
    assert!(r.complete && r.body == bytes(400_000).repeat(5));
}

/// A client that sends all before it reads anything, and an application that answers while it reads.
const SENDER: &str = "
import hashlib, socket, ssl, sys
port, tls = int(sys.argv[1]), sys.argv[2] == 'true'
c = socket.create_connection(('127.0.0.1', port), 40)
if tls:
    c = ssl._create_unverified_context().wrap_socket(c)
body = bytes(range(251)) * 200000
c.sendall(b'PUT /app HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(body))
c.sendall(body)
answer = c.makefile('rb')
while answer.readline() != b'\\r\\n':
    pass
print(answer.read() == body)
";

#[test]
fn an_echo_for_a_client_that_sends_all_first() {
    only_ours!("it has the body before the application is called");
    let s = single(
        "response-buffer-size=67108864",
        "
        def application(environ, start_response):
            start_response('200 OK', [('Content-Length', environ['CONTENT_LENGTH'])])
            def echo():
                while block := environ['wsgi.input'].read(65536):
                    yield block
            return echo()",
    )
    .start();
    for (port, tls) in [(s.port(), "false"), (s.other_port(), "true")] {
        let output = Command::new(venv().join("bin/python"))
            .args(["-c", SENDER, &port.to_string(), tls])
            .output()
            .expect("the client");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(text, "True\n", "TLS: {tls}");
    }
}
