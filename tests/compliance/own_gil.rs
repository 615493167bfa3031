//! `WSGIPerInterpreterGIL`: what one application does with its GIL is nothing to the others.

use harness::*;
use std::os::unix::fs::FileExt;

/// At `?hold` it keeps its GIL until the file `go` has another first byte: nobody may ask for the GIL that soon, and nothing that the
/// loop does gives it back.
const APP: &str = "
    import atexit, builtins, mmap, os, subprocess, sys, threading
    HERE = os.path.dirname(os.path.abspath(__file__))

    def hold():
        before = sys.getswitchinterval()
        with open(HERE + '/state/go', 'rb') as file, mmap.mmap(file.fileno(), 1, prot=mmap.PROT_READ) as byte:
            open(HERE + '/state/held', 'w').close()
            sys.setswitchinterval(1000)
            while byte[0] == 48:
                pass
            sys.setswitchinterval(before)

    def threads():
        done = []
        threads = [threading.Thread(target=done.append, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return str(len(done))

    def application(environ, start_response):
        group, query = environ['mod_wsgi.application_group'], environ['QUERY_STRING']
        answer = group
        if query == 'hold':
            hold()
        if query == 'threads':
            answer = threads()
        if query == 'program':
            answer = subprocess.run(['/bin/echo', 'a program'], stdout=subprocess.PIPE).stdout.decode().strip()
        if query == 'interval':
            answer = str(round(sys.getswitchinterval(), 6))
        if query == 'frames':
            frames = sys._current_frames()
            answer = str(frames[threading.get_ident()] is sys._getframe())
        if query == 'foreign':
            answer = str(sum(frame.f_builtins is not vars(builtins) for frame in sys._current_frames().values()))
        if query == 'fork':
            try:
                answer = f'a copy, {os.fork()}'
            except RuntimeError as error:
                answer = str(error)
        if query == 'end':
            atexit.register(print, 'the exit function of', group, file=sys.stderr, flush=True)
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [answer.encode()]
    ";

const OWN: &str = "WSGIPerInterpreterGIL On";

/// Applications in the groups `one` and `two` of one process, and one in its main interpreter, at /main.
fn site(config: &str) -> Httpd {
    let mut httpd = httpd().children(1).script("app.wsgi", APP).file("state/go", "0").config(config);
    for (url, group) in [("main", "%{GLOBAL}"), ("one", "one"), ("two", "two")] {
        httpd = httpd.config(&format!("WSGIScriptAlias /{url} {{dir}}/app.wsgi application-group={group}"));
    }
    httpd
}

fn of_group(group: &str, lines: &str) -> String {
    format!("<WSGIInterpreterOptions application-group={group}>\n{lines}\n</WSGIInterpreterOptions>\n")
}

macro_rules! needs_own_gil {
    () => {
        skip_if!(python_version() < (3, 12), "interpreters have a GIL of their own from Python 3.12 on");
        skip_if!(!mpm().is_threaded(), "one request at a time in each child");
    };
}

/// The application at /one keeps its GIL until `work` is done.
fn while_held(s: &Server, work: impl FnOnce()) {
    let mut held = s.raw(&s.request("GET", "/one?hold").bytes());
    poll::until("it holds its GIL", || s.dir().join("state/held").exists().then_some(()));
    work();
    // The application has the file in its memory, so the file stays.
    let file = std::fs::OpenOptions::new().write(true).open(s.dir().join("state/go")).expect("the file");
    file.write_all_at(b"1", 0).expect("it is written");
    assert_eq!(held.response().text(), "one");
}

/// One application keeps its GIL: the others answer meanwhile, the main interpreter's too.
#[test]
fn applications_do_not_wait_for_each_other() {
    needs_own_gil!();
    let s = site(OWN).start();
    assert_eq!(["/one", "/two", "/main"].map(|url| s.get(url).text()), ["one", "two", ""]);
    while_held(&s, || {
        for _ in 0..20 {
            assert_eq!((s.get("/two").text(), s.get("/main").text()), ("two".into(), "".into()));
        }
    });
}

/// One group alone has its own; the others share the process's.
#[test]
fn a_group_of_its_own() {
    needs_own_gil!();
    let s = site(&of_group("one", OWN)).start();
    while_held(&s, || {
        assert_eq!((s.get("/two").text(), s.get("/main").text()), ("two".into(), "".into()));
    });
}

#[test]
fn what_applications_do_works_there() {
    needs_own_gil!();
    let two = of_group("two", "WSGISwitchInterval 0.02");
    let s = site(&format!("{OWN}\nWSGISwitchInterval 0.002\n{two}")).start();
    assert_eq!(s.get("/one?threads").text(), "20");
    assert_eq!(s.get("/one?program").text(), "a program");
    // The interval is the GIL's.
    assert_eq!(s.get("/two?interval").text(), "0.02");
    assert_eq!(s.get("/one?interval").text(), "0.002");
}

/// What makes CPython crash beside another GIL cannot be done: frames of other interpreters, and a fork in one that is not the main one.
#[test]
fn what_would_crash() {
    needs_own_gil!();
    only_ours!("CPython makes frames of all interpreters, and a copy that crashes");
    let s = site(OWN).start();
    assert_eq!(s.get("/two?frames").text(), "True");
    assert_eq!(s.get("/two?fork").text(), "fork not supported for isolated subinterpreters");
    while_held(&s, || {
        for url in ["/two?foreign", "/main?foreign"] {
            assert_eq!(s.get(url).text(), "0", "{url}");
        }
    });
}

/// Who keeps its GIL costs the others nothing at the end.
#[test]
fn the_end_while_one_is_held() {
    needs_own_gil!();
    only_ours!("its exit functions are lost");
    let s = site(OWN)
        .allow_log("the exit function of |WSGI1014: |WSGI1005: |WSGI0146: |AH00045: |AH00046: ")
        .start();
    for url in ["/one", "/two", "/main"] {
        s.get(&format!("{url}?end")).text();
    }
    let _held = s.raw(&s.request("GET", "/one?hold").bytes());
    poll::until("it holds its GIL", || s.dir().join("state/held").exists().then_some(()));
    s.terminate();
    for group in ["two", ""] {
        assert_eq!(s.logged(&format!("the exit function of {group}$")).len(), 1, "{group}");
    }
}

/// Exit functions run, and interpreters that have their own GIL end with the process.
#[test]
fn the_end() {
    needs_own_gil!();
    let s = site(OWN).allow_log("the exit function of ").start();
    for url in ["/one", "/two", "/main"] {
        s.get(&format!("{url}?end")).text();
    }
    s.stop();
    for group in ["one", "two", ""] {
        assert_eq!(s.logged(&format!("the exit function of {group}$")).len(), 1, "{group}");
    }
}

/// An extension module that cannot run there is named, with what to change.
#[test]
fn an_extension_module_that_cannot() {
    needs_own_gil!();
    // One of Python's own that cannot in any version so far.
    let script = "import readline\ndef application(environ, start_response): pass\n";
    let s = site(OWN)
        .script("other.wsgi", script)
        .config("WSGIScriptAlias /other {dir}/other.wsgi application-group=other")
        .expect_log("ImportError: module readline does not support loading in subinterpreters")
        .allow_traceback()
        .allow_log("WSGI0110: |WSGI0109: |WSGI0174: |WSGI1016: what to do: ")
        .start();
    assert_eq!(s.get("/other").status, if subject() == Subject::Ours { 503 } else { 500 });
    if subject() == Subject::Ours {
        s.wait_log("'readline' cannot run in an interpreter with a GIL of its own");
    }
    assert_eq!(s.get("/one").text(), "one");
}
