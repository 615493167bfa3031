//! A process that writes to the link by itself: whatever it says, clients get an answer with one end.

use harness::*;

/// Finds the connection to Apache's child and answers on it in place of the engine.
const FORGING: &str = r#"
    import os, socket, struct, threading, time

    def links():
        found = []
        for fd in map(int, os.listdir("/proc/self/fd")):
            try:
                s = socket.socket(fileno=fd)
            except OSError:
                continue
            try:
                s.getpeername()
                if (s.family, s.type) == (socket.AF_UNIX, socket.SOCK_STREAM) and s.getsockname():
                    found.append(fd)
            except OSError:
                pass
            finally:
                s.detach()
        return found

    def frame(kind, payload):
        return struct.pack("<IBBH", len(payload), kind, 0, 0) + payload

    def text(b):
        return struct.pack("<I", len(b)) + b

    def head(headers, status=200):
        parts = [struct.pack("<H", status), text(b"%d Text" % status), struct.pack("<I", len(headers))]
        return frame(5, b"".join(parts + [text(n) + text(v) for n, v in headers]))

    DATA = frame(6, b"0123456789")
    END = frame(11, struct.pack("<iiII", 0, 200, 0, 0))
    LENGTH = b"Content-Length"
    ANSWERS = {
        "good": head([(LENGTH, b"10")]) + DATA + END,
        "empty": head([(LENGTH, b"10")], 304) + END,
        "many": head([(b"X", b"")] * 200000) + DATA + END,
        "some": head([(b"X", b"")] * 1001) + DATA + END,
        "large": head([(b"X%d" % n, b"v" * 30000) for n in range(141)]) + DATA + END,
        "larger": head([(b"X", b"v" * (6 << 20))]) + DATA + END,
        "two": head([(LENGTH, b"10"), (LENGTH, b"5")]) + DATA + END,
        "same": head([(LENGTH, b"10"), (b"content-length", b"10")]) + DATA + END,
        "list": head([(LENGTH, b"10, 10")]) + DATA + END,
        "negative": head([(LENGTH, b"-1")]) + DATA + END,
        "none": head([(LENGTH, b"")]) + DATA + END,
        "huge": head([(LENGTH, b"9" * 30)]) + DATA + END,
        "chunked": head([(b"Transfer-encoding", b"chunked")]) + DATA + END,
        "more": head([(LENGTH, b"5")]) + DATA + END,
        "less": head([(LENGTH, b"50")]) + DATA + END,
        "late": head([(LENGTH, b"10")]) + DATA + frame(7, b"") + DATA + END,
    }

    ONE = threading.Lock()

    def forge(answer):
        # Others are of answers before this one, which one side has not closed yet: the client asks for one after the other.
        while len(found := links()) != 1:
            time.sleep(0.001)
        with socket.socket(fileno=os.dup(found[0])) as s:
            s.sendall(answer)
            # What the engine answers does not come behind it.
            s.shutdown(socket.SHUT_RDWR)

    def application(environ, start_response):
        name = environ["PATH_INFO"][1:]
        if name in ANSWERS:
            # The client may have an answer, and ask again, before the connection that it came over is shut down here.
            with ONE:
                forge(ANSWERS[name])
        start_response("200 OK", [])
        return []
"#;

#[test]
fn forged_heads() {
    only_ours!("the link is ours");
    let s = httpd()
        .no_group()
        .file("htdocs/next", "fine")
        .script("app.wsgi", FORGING)
        .config("WSGIDaemonProcess g threads=30\nAlias /next {dir}/htdocs/next\nWSGIScriptAlias / {dir}/app.wsgi process-group=g application-group=%{GLOBAL}")
        .expect_log("WSGI0144: the answer has 200000 headers of 200008 bytes; 1000 of 4194304 bytes are allowed")
        .expect_log("WSGI1038: .*two Content-Lengths")
        .expect_log("WSGI1038: .*is not a number")
        .expect_log("WSGI1038: .*a Transfer-Encoding")
        .expect_log("WSGI1038: .*more than its Content-Length")
        .expect_log("WSGI1006: ")
        .allow_log("WSGI1038: invalid data|WSGI0144: the answer has (1001|141) headers")
        .start();
    let ask = |path: &str| {
        let next = "GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let mut c = s.raw(format!("GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n{next}").as_bytes());
        let first = c.response();
        (first, String::from_utf8_lossy(&c.rest()).into_owned())
    };
    let (good, next) = ask("good");
    assert_eq!((good.status, good.text().as_str()), (200, "0123456789"));
    assert!(next.ends_with("fine"), "{next}");
    assert_eq!(ask("empty").0.status, 304);
    let refused = [
        "many", "some", "large", "larger", "two", "same", "list", "negative", "none", "huge", "chunked",
        "more",
    ];
    for path in refused {
        let (answer, next) = ask(path);
        assert_eq!(answer.status, 500, "{path}");
        assert!(
            next.is_empty() || next.starts_with("HTTP/1.1 200") && next.ends_with("fine"),
            "{path}: {next}"
        );
    }
    let (less, next) = ask("less");
    assert_eq!((less.status, less.complete, next.as_str()), (200, false, ""));
    let (late, next) = ask("late");
    assert_eq!((late.text().as_str(), next.as_str()), ("0123456789", ""));
    for child in s.children() {
        let status = std::fs::read_to_string(format!("/proc/{child}/status")).expect("a child");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        let peak: u64 = peak.expect("VmHWM").parse().expect("a number");
        assert!(peak < 250_000, "{peak} kB");
    }
}
