//! Clients whose line holds little, so that it is they who say how fast an answer goes out.

use std::io::Read;
use std::time::{Duration, Instant};

use harness::poll::{pause, until};
use harness::*;

use crate::daemon_slow::{narrow, serves_others, single};
use crate::starting::notes;

/// What each of them sends.
const GET: &[u8] = b"GET /app HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// One that takes little, but takes it, is served on for as long as it likes.
#[test]
fn a_client_that_reads_slowly_and_steadily() {
    only_ours!("a slow client holds a thread");
    let timeout = Duration::from_secs(3);
    for options in ["", "response-buffer-size=65536"] {
        let s = single(
            &format!("response-socket-timeout=3 {options}"),
            "
            def application(environ, start_response):
                start_response('200 OK', [('Content-Type', 'text/event-stream')])
                def steady():
                    while True:
                        yield b'x' * 2000
                        time.sleep(0.01)
                return steady()",
        )
        .start();
        let mut c = narrow(&s, GET);
        let begun = Instant::now();
        while begun.elapsed() < timeout * 3 {
            let count = c.read(&mut [0; 500]).expect("more of the answer");
            assert!(count > 0, "{options}: cut after {:?}", begun.elapsed());
            pause(Duration::from_millis(10));
        }
    }
}

/// The last bytes of an answer whose client keeps the server waiting are left to httpd, without a thread of a child.
#[test]
fn the_end_of_an_answer_waits_in_no_thread() {
    only_ours!("a slow client holds a thread");
    skip_if!(mpm() != Mpm::Event, "a connection holds a thread of the child in any case");
    let s = single(
        "",
        "
        def application(environ, start_response):
            if environ['PATH_INFO'] == '/quick':
                return answer(environ, start_response, 'quick')
            start_response('200 OK', [('Content-Type', 'text/plain')])
            def blocks():
                yield b'x' * 65000
                time.sleep(0.02)
                yield b'x' * 10000
                time.sleep(0.02)
                note('ended')
            return blocks()",
    )
    .start();
    // As many as the child has threads.
    let clients: Vec<_> = (0..16).map(|_| narrow(&s, GET)).collect();
    until("the end of all answers", || (notes(&s, "ended").len() == clients.len()).then_some(()));
    serves_others(&s, "answers that have ended");
    for client in clients {
        let r = Response::read(&mut std::io::BufReader::new(client), false).expect("an answer");
        assert_eq!((r.status, r.complete, r.body.len()), (200, true, 75_000));
    }
}
