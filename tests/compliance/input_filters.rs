//! Bodies that come through input filters: these give what they have, which may be nothing yet.

use std::io::Write;
use std::process::{Command, Stdio};

use harness::*;

use crate::{answering, application, serving};

/// Answers with the length and the checksum of the body, read in blocks of that size (-1: at once).
fn measuring(block: i32) -> Httpd {
    let script = format!(
        "
        import zlib
        read, blocks = environ['wsgi.input'].read, []
        while True:
            block = read({block})
            if not block: break
            blocks.append(block)
        body = b''.join(blocks)
        result = (len(body), zlib.crc32(body))"
    );
    serving(&answering(&script)).config("WSGIChunkedRequest On")
}

/// What [`measuring`] answers to that body.
fn measure(body: &[u8]) -> String {
    let crc = !body.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    });
    format!("({}, {crc})", body.len())
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut gzip =
        Command::new("gzip").arg("-nc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("gzip");
    let (mut input, body) = (gzip.stdin.take().expect("input of gzip"), body.to_vec());
    let writer = std::thread::spawn(move || input.write_all(&body));
    let output = gzip.wait_with_output().expect("output of gzip").stdout;
    writer.join().expect("writer").expect("input of gzip");
    output
}

/// Text that gzip makes about a third of.
fn text(len: usize) -> Vec<u8> {
    let mut seed = 1u32;
    std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"etaoin shrdlu\n\n\n\n"[(seed >> 28) as usize]
    })
    .take(len)
    .collect()
}

/// Sends the packed body so that its first `first` bytes come alone, the following ones byte by byte if `slow`.
fn post_in_segments(s: &Server, packed: &[u8], first: usize, slow: usize, chunked: bool) -> Response {
    let length = if chunked {
        "Transfer-Encoding: chunked".to_owned()
    } else {
        format!("Content-Length: {}", packed.len())
    };
    let head = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n{length}\r\nConnection: close\r\n\r\n"
    );
    let framed = |part: &[u8]| match chunked {
        true => [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat(),
        false => part.to_vec(),
    };
    let mut connection = s.raw(head.as_bytes());
    let (begin, rest) = packed.split_at(first.min(packed.len()));
    connection.send(&framed(begin));
    poll::pause(std::time::Duration::from_millis(20));
    let (bytes, rest) = rest.split_at(slow.min(rest.len()));
    for byte in bytes {
        connection.send(&framed(&[*byte]));
        poll::pause(std::time::Duration::from_micros(200));
    }
    if !rest.is_empty() {
        connection.send(&framed(rest));
    }
    if chunked {
        connection.send(b"0\r\n\r\n");
    }
    connection.response()
}

fn original_is_embedded() -> bool {
    (subject(), mode()) == (Subject::ModWsgi, Mode::Embedded)
}

/// A first segment that holds no more than the head of the packed data, or less, is not the end.
#[test]
fn a_filter_that_has_nothing_yet() {
    skip_if!(original_is_embedded(), "the original takes an empty brigade for the end of the body");
    let body = text(300_000);
    let packed = gzip(&body);
    for chunked in [false, true] {
        let s = measuring(-1).config("SetInputFilter DEFLATE").start();
        for first in [1, 2, 9, 10, 11, 12, 17, 18, 25, 30, 100] {
            let r = post_in_segments(&s, &packed, first, 0, chunked);
            assert_eq!((r.status, r.text()), (200, measure(&body)), "first {first}, chunked {chunked}");
        }
    }
}

/// Thousands of segments that each unpack to nothing yet, and a body of less than mod_deflate's buffer.
#[test]
fn byte_by_byte() {
    skip_if!(original_is_embedded(), "the original takes an empty brigade for the end of the body");
    for (len, block) in [(40_000, 4096), (40, -1), (0, -1)] {
        let s = measuring(block).config("SetInputFilter DEFLATE").start();
        let body = text(len);
        let packed = gzip(&body);
        for chunked in [false, true] {
            let r = post_in_segments(&s, &packed, 1, 2000, chunked);
            assert_eq!((r.status, r.text()), (200, measure(&body)), "{len} bytes, chunked {chunked}");
        }
    }
}

/// Brigades without buckets, with a FLUSH bucket alone, with an empty bucket: none of them is the end.
#[test]
fn brigades_without_data() {
    only_ours!("the original takes an empty brigade or bucket for the end of the body");
    for block in [-1, 1, 1000] {
        let s = measuring(block).own_module("hesitant").config("SetInputFilter HESITANT").start();
        for len in [0, 1, 5, 3000] {
            let body = text(len);
            assert_eq!(s.post("/", &body).text(), measure(&body), "{len} bytes in blocks of {block}");
            let chunks: Vec<&[u8]> = body.chunks(7).collect();
            let r = s.request("POST", "/").chunks(&chunks).send();
            assert_eq!(r.text(), measure(&body), "{len} bytes in chunks, in blocks of {block}");
        }
    }
}

/// A client that leaves is still told from a filter that has nothing yet.
#[test]
fn a_client_that_leaves_behind_a_filter() {
    only_ours!("the original takes an empty brigade for the end of the body");
    let s = application(
        "
        try:
            result = len(environ['wsgi.input'].read())
        except OSError as e:
            result = 'gone'
        with open(os.path.dirname(__file__) + '/state/result', 'w') as f:
            print(result, file=f)
        start_response('200 OK', [])
        return []",
    );
    let s = s.own_module("hesitant").config("SetInputFilter HESITANT").start();
    // More than is read before the application is called (request-buffer-size).
    let mut connection = s.raw(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n12345");
    poll::pause(std::time::Duration::from_millis(20));
    connection.half_close();
    let result = poll::until("the application's result", || {
        Some(s.read_file("state/result")).filter(|text| text.ends_with('\n'))
    });
    assert_eq!(result, "gone\n");
}

/// A filter that never gives anything does not hold a thread for ever.
#[test]
fn a_filter_that_gives_nothing() {
    only_ours!("the original reads on for ever");
    let s = measuring(-1)
        .own_module("hesitant")
        .config("SetInputFilter MUTE")
        .expect_log("WSGI1056: ")
        .expect_log("WSGI0174: ")
        .expect_traceback("OSError: .*malformed")
        .start();
    assert_eq!(s.post("/", "x").status, 400);
}
