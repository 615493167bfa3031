//! Many threads that attach and detach as fast as they can.

use super::{Site, on_threads, rounds};

#[test]
fn eight_threads_serve_a_thousand_requests_each() {
    let site = Site::new(
        "
        import threading
        count, lock = 0, threading.Lock()
        def application(environ, start_response):
            global count
            if environ['QUERY_STRING'] == 'count':
                start_response('200 OK', [])
                return [str(count).encode()]
            with lock:
                count += 1
            body = environ['wsgi.input'].read()
            start_response('200 OK', [('Content-Length', str(len(body)))])
            return iter([body[:3], body[3:]])
        ",
    );
    let times = rounds(1000);
    on_threads(8, |thread| {
        for round in 0..times {
            let body = format!("{thread} {round} body");
            assert_eq!(site.ask().body(&[body.as_bytes()]).send().ok(), body);
        }
    });
    assert_eq!(site.ask().set("QUERY_STRING", "count").send().ok(), (8 * times).to_string());
}

#[test]
fn threads_come_and_go() {
    let one = Site::app("return [b'one']");
    let two = Site::in_group("one", &Site::app_source("return [b'two']"));
    for _ in 0..rounds(20) {
        on_threads(8, |thread| {
            let (site, text) = if thread % 2 == 0 { (&one, "one") } else { (&two, "two") };
            assert_eq!(site.get().ok(), text);
        });
    }
}
