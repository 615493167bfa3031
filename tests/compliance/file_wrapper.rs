//! wsgi.file_wrapper: files sent without passing through Python, and everything else iterated.

use harness::*;

use crate::serving;

/// 26 letters, again and again: 10000 bytes in `{dir}/data`.
fn data() -> Vec<u8> {
    (b'a'..=b'z').cycle().take(10_000).collect()
}

fn wrapping(body: &str) -> Httpd {
    let body: String = harness::text::dedent(body).lines().map(|line| format!("    {line}\n")).collect();
    serving(&format!(
        "import os, io, sys\n\
         DATA = os.path.dirname(os.path.abspath(__file__)) + '/data'\n\
         class Spy:\n    \
             closed = 0\n\
         def application(environ, start_response):\n    \
             wrapper = environ['wsgi.file_wrapper']\n\
         {body}"
    ))
    .file("data", data())
}

#[test]
fn regular_file() {
    for flag in ["Off", "On"] {
        let s = wrapping("start_response('200 OK', [])\nreturn wrapper(open(DATA, 'rb'))")
            .config(&format!("WSGIEnableSendfile {flag}"))
            .start();
        let r = s.get("/");
        assert_eq!(r.header("Content-Length"), Some("10000"), "sendfile {flag}");
        assert!(r.body == data() && r.complete, "sendfile {flag}");
    }
}

#[test]
fn from_the_current_position() {
    let s =
        wrapping("f = open(DATA, 'rb')\nf.seek(10)\nstart_response('200 OK', [])\nreturn wrapper(f)").start();
    let r = s.get("/");
    assert_eq!(r.header("Content-Length"), Some("9990"));
    assert!(r.body == data()[10..]);
}

#[test]
fn as_much_as_content_length_says() {
    let s = wrapping(
        "
        f = open(DATA, 'rb')
        f.seek(26)
        start_response('200 OK', [('Content-Length', '5')])
        return wrapper(f, 1024)",
    )
    .start();
    let r = s.get("/");
    assert_eq!((r.header("Content-Length"), r.body.as_slice()), (Some("5"), b"abcde".as_slice()));
}

/// A length beyond the end of the file must not pass for the truth: the answer is cut, an error, or has the right one.
#[test]
fn content_length_beyond_the_file() {
    let s =
        wrapping("start_response('200 OK', [('Content-Length', '20000')])\nreturn wrapper(open(DATA, 'rb'))")
            .allow_log("WSGI0174|Bad address|shorter|fewer|Content-Length|beyond")
            .allow_traceback()
            .start();
    let answer = s.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").try_response();
    assert!(answer.is_none_or(|r| !r.complete || r.status >= 500 || r.body == data()), "looks complete");
}

#[test]
fn not_a_file() {
    let s = wrapping("start_response('200 OK', [])\nreturn wrapper(io.BytesIO(b'x' * 20000), 8192)").start();
    let r = s.get("/");
    assert_eq!((r.body.len(), r.chunked, r.complete), (20000, true, true));
}

#[test]
fn pipe() {
    let s = wrapping(
        "
        r, w = os.pipe()
        os.write(w, b'through a pipe')
        os.close(w)
        start_response('200 OK', [])
        return wrapper(os.fdopen(r, 'rb'))",
    )
    .start();
    assert_eq!(s.get("/").body, b"through a pipe");
}

/// Something was written before: the file follows it.
#[test]
fn after_write() {
    let s = wrapping("start_response('200 OK', [])(b'first ')\nreturn wrapper(open(DATA, 'rb'))").start();
    let r = s.get("/");
    assert!(r.body == [b"first ".as_slice(), &data()].concat() && r.complete);
}

#[test]
fn empty_file() {
    let s = wrapping("start_response('200 OK', [])\nreturn wrapper(open(os.devnull, 'rb'))").start();
    let r = s.get("/");
    assert_eq!((r.status, r.body.len(), r.complete), (200, 0, true));
}

#[test]
fn the_file_is_closed() {
    let s = wrapping(
        "
        if environ['PATH_INFO'] == '/closed':
            start_response('200 OK', [])
            return [str(Spy.closed).encode()]
        class File(io.FileIO):
            def close(self):
                if not self.closed:
                    Spy.closed += 1
                super().close()
        f = File(DATA) if environ['PATH_INFO'] == '/file' else io.BytesIO(b'x')
        start_response('200 OK', [])
        return wrapper(f)",
    )
    .start();
    assert_eq!(s.get("/file").body.len(), 10_000);
    harness::poll::until("close()", || (s.get("/closed").text() == "1").then_some(()));
}

#[test]
fn used_as_an_iterable() {
    let s = wrapping(
        "
        w = wrapper(open(DATA, 'rb'), 6000)
        sizes = [len(block) for block in w]
        result = [sizes, w.blksize, w.filelike.name == DATA, isinstance(w, wrapper)]
        filelike = w.filelike
        w.close()
        result.append(filelike.closed)
        try:
            wrapper(io.BytesIO(), -1)
        except ValueError:
            result.append('ValueError')
        class Sub(wrapper):
            pass
        result.append(Sub(io.BytesIO()).blksize)
        start_response('200 OK', [])
        return [repr(result).encode()]",
    )
    .start();
    assert_eq!(s.get("/").text(), "[[6000, 4000], 6000, True, True, True, 'ValueError', 8192]");
}

/// Ranges are Apache's business, as long as it gets the file whole.
#[test]
fn byte_ranges() {
    let s = wrapping("start_response('200 OK', [])\nreturn wrapper(open(DATA, 'rb'))").start();
    let r = s.request("GET", "/").header("Range", "bytes=26-30").send();
    if differs(
        by_mode(false, true),
        false,
        "in daemon mode the original pipes the file, and ranges are ignored",
    ) {
        assert!(r.status == 200 && r.body == data());
        return;
    }
    assert_eq!((r.status, r.body.as_slice()), (206, b"abcde".as_slice()));
    assert_eq!(r.header("Content-Range"), Some("bytes 26-30/10000"));
}

#[test]
fn head() {
    let s = wrapping("start_response('200 OK', [])\nreturn wrapper(open(DATA, 'rb'))").start();
    let mut c = s.raw(b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let r = c.read(true);
    assert_eq!((r.status, r.header("Content-Length")), (200, Some("10000")));
    assert_eq!(c.rest(), b"");
}

#[test]
fn large_file() {
    for flag in ["Off", "On"] {
        let s = wrapping(
            "start_response('200 OK', [])\nreturn wrapper(open(os.path.dirname(DATA) + '/large', 'rb'))",
        )
        .config(&format!("WSGIEnableSendfile {flag}"))
        .file("large", vec![b'z'; 40 << 20])
        .start();
        let r = s.get("/");
        assert_eq!((r.body.len(), r.complete), (40 << 20, true), "sendfile {flag}");
    }
}

/// Behind the end of the file there is nothing.
#[test]
fn behind_the_end() {
    only_ours!("the original breaks off");
    let s = wrapping(
        "
        f = open(DATA, 'rb')
        f.seek(10000 + int(environ['QUERY_STRING']))
        start_response('200 OK', [('Content-Length', '5')] if environ['PATH_INFO'] == '/length' else [])
        return wrapper(f)",
    )
    .allow_log("WSGI1006: ")
    .start();
    for behind in [0, 1, 4096, 1_i64 << 40] {
        let r = s.get(&format!("/?{behind}"));
        assert_eq!((r.status, r.body.len(), r.complete), (200, 0, true), "{behind}");
        assert_eq!(r.header("Content-Length"), Some("0"), "{behind}");
        let r = s.get(&format!("/length?{behind}"));
        assert_eq!((r.status, r.header("Content-Length")), (200, Some("0")), "{behind}");
    }
}
