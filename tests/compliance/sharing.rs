//! What applications of one process share: modules, interpreters, threads.

use harness::*;

use crate::{answering, serving, show};

/// Counts in a module that scripts import, to see who shares it.
const COUNTING: &str = r"
    import os, sys
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/lib')
    import counter

    def application(environ, start_response):
        counter.value += 1
        start_response('200 OK', [])
        return [str(counter.value).encode()]";

/// Every interpreter counts for itself, on whichever threads the requests run.
#[test]
fn interpreters_share_no_modules() {
    let s = httpd()
        .script("count.wsgi", COUNTING)
        .script("lib/counter.py", "value = 0\n")
        .config(
            "
            WSGIScriptAlias /a {dir}/count.wsgi
            WSGIScriptAlias /b {dir}/count.wsgi
            WSGIScriptAlias /c {dir}/count.wsgi application-group=shared
            WSGIScriptAlias /d {dir}/count.wsgi application-group=shared
            WSGIScriptAlias /m {dir}/count.wsgi application-group=%{GLOBAL}",
        )
        .start();
    let main = differs(
        None,
        Some("/m"),
        "the original sometimes runs it in the sub-interpreter its thread was in before",
    );
    let groups = [vec!["/a"], vec!["/b"], vec!["/c", "/d"], main.into_iter().collect()];
    let mut counts = [0; 4];
    for _ in 0..20 {
        for (group, count) in groups.iter().zip(&mut counts) {
            for target in group {
                *count += 1;
                assert_eq!(s.get(target).text(), count.to_string(), "{target}");
            }
        }
    }
}

/// Two scripts in one interpreter are two modules; one script under two URLs is one.
#[test]
fn scripts_are_modules() {
    let script = r"
        n = 0
        def application(environ, start_response):
            global n
            n += 1
            start_response('200 OK', [])
            return [('%d %s' % (n, __name__)).encode()]";
    let s = httpd()
        .script("a.wsgi", script)
        .script("b.wsgi", script)
        .config(
            "
            WSGIApplicationGroup %{GLOBAL}
            WSGIScriptAlias /a1 {dir}/a.wsgi
            WSGIScriptAlias /a2 {dir}/a.wsgi
            WSGIScriptAlias /b {dir}/b.wsgi",
        )
        .start();
    let (a1, a2, b) = (s.get("/a1").text(), s.get("/a2").text(), s.get("/b").text());
    let name = |text: &str| text.split(' ').nth(1).unwrap().to_owned();
    assert!(a1.starts_with("1 ") && a2.starts_with("2 ") && b.starts_with("1 "), "{a1}, {a2}, {b}");
    assert_eq!(name(&a1), name(&a2));
    assert_ne!(name(&a1), name(&b));
    assert!(name(&b).starts_with("_mod_wsgi_"), "{b}");
}

#[test]
fn the_main_interpreters_main_thread_is_not_a_request_thread() {
    let s = serving(&answering(
        "
        import threading
        result = threading.current_thread() is threading.main_thread()",
    ))
    .config("WSGIApplicationGroup %{GLOBAL}")
    .start();
    skip_if!(!threaded(), "a child without threads serves requests on its only one");
    assert_eq!(s.get("/").text(), "False");
}

/// threading.local survives from request to request on one thread.
#[test]
fn thread_locals_live_on() {
    let s = serving(
        r"
        import threading
        local = threading.local()
        def application(environ, start_response):
            local.n = getattr(local, 'n', 0) + 1
            start_response('200 OK', [])
            return [('%s %d' % (threading.get_ident(), local.n)).encode()]",
    )
    .start();
    let mut seen = std::collections::HashMap::new();
    for _ in 0..100 {
        let text = s.get("/").text();
        let (thread, n) = text.split_once(' ').unwrap();
        let before = seen.insert(thread.to_owned(), n.parse::<u32>().unwrap()).unwrap_or(0);
        assert_eq!(n.parse::<u32>().unwrap(), before + 1, "thread {thread}");
    }
}

/// Requests of one child run at the same time, in one interpreter and in several.
#[test]
fn requests_run_side_by_side() {
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = serving(
        r"
        import threading
        barrier = threading.Barrier(4)
        def application(environ, start_response):
            if environ['PATH_INFO'] != '/first':
                barrier.wait(15)
            start_response('200 OK', [])
            return [b'met']",
    )
    .start();
    // The first ones of ours run one after another, lest their imports wait for each other.
    for _ in 0..4 {
        assert_eq!(s.get("/first").text(), "met");
    }
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| s.get("/").text())).collect();
        for one in all {
            assert_eq!(one.join().unwrap(), "met");
        }
    });
}

#[test]
fn interpreters_stay() {
    let s =
        httpd().config("WSGIScriptAlias /a {apps}/show.wsgi\nWSGIScriptAlias /b {apps}/show.wsgi").start();
    let pid = show(&s, "/a")["pid"].clone();
    for target in ["/b", "/a", "/b"] {
        assert_eq!(show(&s, target)["pid"], pid);
    }
}
