//! Large blocks, which are not copied: another thread lets go of them when they have been sent.

use super::{Part, Site, host_lines, on_threads, rounds};
use std::time::{Duration, Instant};

/// Blocks that say when they are freed. The query string is their size and number.
fn counting() -> Site {
    Site::new(
        "
        import threading
        alive = 0
        lock = threading.Lock()
        class Block(bytes):
            def __init__(self, *_):
                global alive
                with lock:
                    alive += 1
            def __del__(self):
                global alive
                with lock:
                    alive -= 1
        def application(environ, start_response):
            start_response('200 OK', [])
            if environ['QUERY_STRING'] == 'alive':
                return [str(alive).encode()]
            size, count = map(int, environ['QUERY_STRING'].split())
            blocks = (Block(bytes([65 + number % 26]) * size) for number in range(count))
            return list(blocks) if environ['PATH_INFO'] == '/list' else blocks
        ",
    )
}

#[test]
fn only_large_blocks_are_not_copied() {
    let site = Site::app("size = int(environ['QUERY_STRING'])\nreturn [b'x' * size]");
    for size in [1, 7999, 8000] {
        let answer = site.ask().set("QUERY_STRING", size.to_string()).send();
        assert_eq!(answer.parts, [Part::Copied(vec![b'x'; size])]);
    }
    for size in [8001, 1 << 20] {
        let answer = site.ask().set("QUERY_STRING", size.to_string()).send();
        assert_eq!(answer.parts, [Part::Referred(vec![b'x'; size])]);
    }
}

#[test]
fn the_part_that_content_length_allows_is_not_copied_either() {
    let site = Site::new(
        "
        def application(environ, start_response):
            start_response('200 OK', [('Content-Length', '10000')])
            return [b'a' * 20000]
        ",
    );
    assert_eq!(site.get().parts, [Part::Referred(vec![b'a'; 10_000])]);
}

#[test]
fn blocks_are_freed_when_they_have_been_sent() {
    let site = counting();
    for path in ["/list", "/iterator"] {
        let answer = site.ask().set("PATH_INFO", path).set("QUERY_STRING", "10000 5").send();
        assert_eq!(answer.ok().len(), 50_000);
        assert_eq!(site.ask().set("QUERY_STRING", "alive").send().ok(), "0", "{path}");
    }
}

#[test]
fn blocks_of_a_client_that_went_away_are_freed_too() {
    let site = counting();
    let ask = site.ask().set("QUERY_STRING", "10000 5");
    assert_eq!(ask.plan(|plan| plan.gone_at = Some(2)).send().ok().len(), 20_000);
    assert_eq!(site.ask().set("QUERY_STRING", "alive").send().ok(), "0");
}

#[test]
fn much_that_waits_is_freed_without_another_request() {
    let site = Site::in_group(
        "blocks",
        "
        class Loud(bytes):
            def __del__(self, print=print, len=len):
                print('freed a block of', len(self))
        def application(environ, start_response):
            start_response('200 OK', [])
            return [Loud(500_000), Loud(500_001), Loud(500_002)]
        ",
    );
    site.get().ok();
    // The third is more than may wait. Nobody comes to this interpreter any more, but python-main does.
    let until = Instant::now() + Duration::from_secs(60);
    while host_lines("freed a block of").len() < 3 {
        assert!(Instant::now() < until, "{:?}", host_lines("freed a block of"));
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn threads_free_each_others_blocks() {
    let site = counting();
    on_threads(4, |_| {
        for _ in 0..rounds(40) {
            let answer = site.ask().set("QUERY_STRING", "9000 3").send();
            assert_eq!(answer.ok().len(), 27_000);
        }
    });
    assert_eq!(site.ask().set("QUERY_STRING", "alive").send().ok(), "0");
}
