//! Clients whose line holds little, so that it is they who say how fast an answer goes out.

use harness::poll::until;
use harness::*;

use crate::daemon_slow::{narrow, serves_others, single};
use crate::starting::notes;

/// What each of them sends.
const GET: &[u8] = b"GET /app HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

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
