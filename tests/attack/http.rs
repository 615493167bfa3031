//! Requests that are almost right.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::chance::Chance;

const REQUESTS: [&str; 6] = [
    "GET /static.txt HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST /victim HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde",
    "POST /embedded HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
    "GET /victim/a%20b?q=%00 HTTP/1.0\r\nHost: x\r\nCookie: a=b\r\nX-Header: 1\r\n\r\n",
    "HEAD /embedded HTTP/1.1\r\nHost: x:1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    "POST /victim HTTP/1.1\r\nHost: x\r\nTrailer: T\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: 1\r\n\r\n",
];

const PIECES: [&str; 16] = [
    "\r\n",
    "\n",
    "\0",
    ": ",
    "Content-Length: 99999999999999999999\r\n",
    "Content-Length: -1\r\n",
    "Transfer-Encoding: chunked, gzip\r\n",
    "Transfer-Encoding: identity\r\n",
    "Range: bytes=0-0,5-\r\n",
    "Connection: close, Host\r\n",
    "Host: [::1%25x]:99999\r\n",
    "Script-Name: x\r\nWsgi.Input: x\r\n",
    "%2e%2e/%2f%00%ff",
    "ffffffffffffffff\r\n",
    "\u{fffd}\u{80}",
    " HTTP/1.1\r\n",
];

fn request(chance: &mut Chance) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..=chance.below(3) {
        bytes.extend_from_slice(chance.one_of(&REQUESTS).as_bytes());
    }
    for _ in 0..chance.below(5) {
        let at = chance.below(bytes.len());
        match chance.below(5) {
            0 => bytes[at] = chance.below(256) as u8,
            1 => drop(bytes.splice(at..at, chance.one_of(&PIECES).bytes())),
            2 => {
                let end = (at + chance.below(40)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            3 => drop(bytes.splice(at..at, vec![b'a'; chance.below(20_000)])),
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

/// Sends them over four connections at a time. Each is answered or closed.
pub fn fuzz(port: u16, seed: u64, time: Duration) {
    let until = Instant::now() + time;
    thread::scope(|scope| {
        for client in 0..4 {
            scope.spawn(move || {
                let mut number = 0;
                while Instant::now() < until {
                    let seed = seed << 32 | client << 24 | number;
                    one(port, &request(&mut Chance::of(seed)), seed);
                    number += 1;
                }
                assert!(number > 20, "{number} requests only");
            });
        }
    });
}

fn one(port: u16, bytes: &[u8], seed: u64) {
    let mut link = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    link.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The server may have closed it.
    let _ = link.write_all(bytes).and_then(|()| link.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    if let Err(error) = link.read_to_end(&mut answer) {
        let waited = matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
        assert!(!waited, "no end of the answer to request {seed}: {}", String::from_utf8_lossy(bytes));
    }
}
