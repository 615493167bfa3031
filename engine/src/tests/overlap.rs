//! Threads of an application that use one request at the same time.

use super::{Site, rounds};
use std::sync::mpsc::sync_channel;

#[test]
fn writing_waits_for_a_thread_that_reads() {
    // A thread is inside read() when the application answers: its head has to wait, and whoever asks the answer's
    // state meanwhile must not be in its way.
    let site = Site::new(
        "
        import threading, time
        def application(environ, start_response):
            found = []
            def work():
                try:
                    environ['wsgi.input'].read(1)
                    start_response('200 OK', [('X', 'second')], None)
                    found.append('no error')
                except Exception as exception:
                    found.append(f'{type(exception).__name__}: {exception}')
            write = start_response('200 OK', [])
            thread = threading.Thread(target=work)
            thread.start()
            time.sleep(0.1)
            write(b'x')
            thread.join()
            return [';'.join(found).encode()]
        ",
    );
    let (go, gone) = sync_channel::<()>(0);
    let ask = site.ask().body(&[b"1"]).plan(|plan| {
        plan.during_read = Some(Box::new(move || {
            let _ = gone.recv();
        }));
    });
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(300));
            drop(go);
        });
        let body = ask.send().ok();
        assert!(body.starts_with('x') && !body.contains("panicked"), "{body}");
    });
}

#[test]
fn the_head_goes_out_before_any_block_whoever_is_first() {
    // The main thread has the head to hand over and waits for the reader, which goes on to write at once.
    let site = Site::app(
        "
        import threading, time
        found = []
        def work():
            try:
                environ['wsgi.input'].read(1)
                write(b'y')
            except Exception as exception:
                found.append(f'{type(exception).__name__}: {exception}')
        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.02)
        write(b'x')
        thread.join()
        assert not found, found
        return []
        ",
    );
    for _ in 0..rounds(20) {
        let slow = || std::thread::sleep(std::time::Duration::from_millis(60));
        let answer = site.ask().body(&[b"1"]).plan(|plan| plan.during_read = Some(Box::new(slow))).send();
        assert!(["xy", "yx"].contains(&answer.ok().as_str()));
    }
}

#[test]
fn two_threads_that_read_do_not_mix() {
    let site = Site::app(
        "
        import threading, time
        found = []
        i = environ['wsgi.input']
        thread = threading.Thread(target=lambda: found.append(i.read()))
        thread.start()
        time.sleep(0.1)
        try:
            found.append(i.read(1))
        except RuntimeError as error:
            found.append(str(error).encode())
        thread.join()
        return [b'|'.join(found)]
        ",
    );
    let slow = || std::thread::sleep(std::time::Duration::from_millis(400));
    let ask = site.ask().body(&[b"ab", b"cd"]).plan(|plan| plan.during_read = Some(Box::new(slow)));
    assert_eq!(ask.send().ok(), "wsgi.input is being read by another thread|abcd");
}

#[test]
fn a_thread_that_outlives_the_request_finds_it_closed() {
    let site = Site::new(
        "
        import threading
        go, found, threads = threading.Event(), [], []
        def application(environ, start_response):
            write = start_response('200 OK', [])
            if environ['QUERY_STRING']:
                go.set()
                threads[0].join()
                return ['|'.join(found).encode()]
            def work():
                go.wait()
                for use in (lambda: write(b'x'), lambda: start_response('200 OK', []),
                            lambda: environ['wsgi.input'].read(), lambda: environ['wsgi.errors'].write('x')):
                    try:
                        use()
                        found.append('worked')
                    except RuntimeError as error:
                        found.append(str(error).split('(')[0])
            threads.append(threading.Thread(target=work))
            threads[0].start()
            return []
        ",
    );
    assert_eq!(site.ask().body(&[b"x"]).send().ok(), "");
    assert_eq!(site.ask().set("QUERY_STRING", "go").send().ok(), "write|start_response|read|write");
}

#[test]
fn python_runs_while_a_request_waits_for_its_client() {
    let site = Site::app("return iter([b'a', b'b'])");
    let other = Site::app("return [b'other']");
    site.get().ok();
    other.get().ok();
    let (done, served) = sync_channel::<()>(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Served while the flush below blocks: without the GIL free this would wait for ever.
            other.get().ok();
            drop(done);
            crate::runtime::thread_exit();
        });
        let ask = site.ask().plan(|plan| {
            plan.during_flush = Some(Box::new(move || {
                let _ = served.recv();
            }));
        });
        assert_eq!(ask.send().ok(), "ab");
    });
}
