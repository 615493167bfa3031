//! Interpreters beside the main one, and the thread states in them.

use super::{Site, on_threads, rounds};
use crate::python::{Bound, InterpreterCell, Py, Standing};
use crate::runtime::{self, Interpreter, InterpreterName};
use crate::watchdog::Frames;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
fn each_group_has_an_interpreter_with_modules_of_its_own() {
    let source = "
        import sys, threading
        import mod_wsgi, apache
        shared = sys.modules.setdefault('shared_between_scripts', type(sys)('shared'))
        shared.names = getattr(shared, 'names', ()) + (__name__,)
        def application(environ, start_response):
            assert mod_wsgi.process_group == '' and mod_wsgi.version[0] == 6
            assert (mod_wsgi.maximum_processes, mod_wsgi.threads_per_process) == (3, 400)
            assert apache.version == (2, 4, 99) and apache.description == 'Apache/2.4.99 (Test)'
            assert sys.argv == ['mod_wsgi'] and __name__.startswith('_mod_wsgi_')
            assert sys.modules[__name__].application is application
            start_response('200 OK', [])
            return [f'{mod_wsgi.application_group} {len(shared.names)}'.encode()]
        ";
    let one = Site::in_group("one", source);
    let two = Site::in_group("two", source);
    let again = Site::in_group("two", source);
    assert_eq!([one.get().ok(), two.get().ok(), again.get().ok()], ["one 1", "two 1", "two 2"]);
    assert!(one.get().log().is_empty(), "the script is loaded already");
}

#[test]
fn python_main_is_the_main_thread_of_every_interpreter() {
    let source = "
        import threading
        loaded_in_main = threading.current_thread() is threading.main_thread()
        def application(environ, start_response):
            assert loaded_in_main
            assert threading.current_thread() is not threading.main_thread()
            start_response('200 OK', [])
            return []
        ";
    for group in ["", "one"] {
        Site::in_group(group, source).get().ok();
    }
}

#[test]
fn the_environment_is_pristine_in_each() {
    let source = "
        import os
        found = {name: value for name, value in os.environ.items() if name != 'LC_CTYPE'}
        os.environ['ENGINE_TEST_LEAK'] = __file__
        del os.environ['PRISTINE']
        def application(environ, start_response):
            start_response('200 OK', [])
            return [repr(sorted(found.items())).encode()]
        ";
    for group in ["leaking", "pristine", "pristine-too"] {
        let found = Site::in_group(group, source).get().ok();
        assert_eq!(found, "[('PATH', '/usr/bin:/bin'), ('PRISTINE', 'yes')]", "{group}");
    }
}

#[test]
fn several_are_served_by_all_threads_at_once() {
    let source = "
        import time, mod_wsgi
        count = 0
        def application(environ, start_response):
            global count
            count += 1
            time.sleep(0)
            start_response('200 OK', [])
            return [mod_wsgi.application_group.encode(), b' ', environ['QUERY_STRING'].encode()]
        ";
    let sites = ["", "one", "two"].map(|group| (group, Site::in_group(group, source)));
    on_threads(6, |thread| {
        for round in 0..rounds(60) {
            let (group, site) = &sites[(thread + round) % 3];
            let query = format!("{thread} {round}");
            assert_eq!(site.ask().set("QUERY_STRING", &query).send().ok(), format!("{group} {query}"));
        }
    });
}

#[test]
fn threads_start_and_end_without_a_trace() {
    let site = Site::app(
        "
        import threading
        environ['wsgi.errors'].write('')
        return [str(sum(type(t) is threading._DummyThread for t in threading.enumerate())).encode()]
        ",
    );
    site.get().ok();
    for _ in 0..rounds(50) {
        on_threads(2, |_| drop(site.get().ok()));
    }
    // Twice in a row, and without ever having served, it does no harm.
    runtime::thread_exit();
    runtime::thread_exit();
    site.get().ok();
}

#[test]
fn values_of_a_thread_go_with_its_state() {
    let site = Site::new(
        "
        import threading
        local, gone = threading.local(), []
        class Value:
            def __del__(self):
                gone.append(1)
        def application(environ, start_response):
            start_response('200 OK', [])
            if environ['QUERY_STRING']:
                first = not hasattr(local, 'value')
                local.value = getattr(local, 'value', None) or Value()
                return [str(first).encode()]
            return [str(len(gone)).encode()]
        ",
    );
    on_threads(1, |_| {
        let ask = || site.ask().set("QUERY_STRING", "set").send().ok();
        assert_eq!(
            [ask(), ask(), ask()],
            ["True", "False", "False"],
            "a thread keeps its state between requests"
        );
    });
    assert_eq!(site.get().ok(), "1", "the destructor ran, in Python, when the thread ended");
}

#[test]
fn code_that_attaches_itself_finds_the_interpreter_it_was_called_from() {
    // What ctypes' callbacks do (PyGILState_Ensure) was wrong in 3.11's sub-interpreters, or a deadlock.
    let source = "
        import ctypes, threading, mod_wsgi
        found = threading.local()
        def callback():
            found.list.append(mod_wsgi.application_group)
            return 0
        call, plain = ctypes.PYFUNCTYPE(ctypes.c_int)(callback), ctypes.CFUNCTYPE(ctypes.c_int)(callback)
        def application(environ, start_response):
            found.list = []
            call(), plain()
            start_response('200 OK', [])
            return [repr(found.list).encode()]
        ";
    let sites = ["", "one", "two"].map(|group| (group, Site::in_group(group, source)));
    on_threads(2, |_| {
        for (group, site) in sites.iter().chain(&sites) {
            assert_eq!(site.get().ok(), format!("['{group}', '{group}']"));
        }
    });
}

/// Runs `work` on a thread of its own with two sub-interpreters.
fn with_two(work: impl FnOnce(&Arc<Interpreter>, &Arc<Interpreter>) + Send) {
    let source = "
        def application(environ, start_response):
            start_response('200 OK', [])
            return []
        ";
    let groups = ["kept-one", "kept-two"];
    groups.iter().for_each(|group| drop(Site::in_group(group, source).get().ok()));
    let interpreters = &runtime::get().expect("Python runs").interpreters;
    let [one, two] = groups
        .map(|group| interpreters.current(&InterpreterName::new(group.as_bytes(), 0)).expect("it was made"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            work(&one, &two);
            runtime::thread_exit();
        });
    });
}

fn panics<T>(work: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(work)).is_err()
}

#[test]
fn a_cell_opens_to_threads_of_its_interpreter_alone() {
    with_two(|one, two| {
        let cell = InterpreterCell::new(one.id(), 1);
        assert_eq!(one.attach(|py| cell.get(py)), 1);
        two.attach(|py| {
            assert!(panics(|| cell.get(py)));
            assert!(panics(|| cell.set(py, 2)));
            assert!(panics(|| cell.take(py)));
            assert!(panics(|| *cell.borrow(py) = 2));
        });
        assert_eq!(one.attach(|py| cell.get(py)), 1);
    });
}

#[test]
fn an_object_is_used_in_its_interpreter_alone() {
    with_two(|one, two| {
        let object = one.attach(|py| Bound::str(py, "one's").map(Bound::keep).expect("memory"));
        two.attach(|py| assert!(panics(|| object.get(py).address())));
        one.attach(|py| object.release(py));
        #[cfg(debug_assertions)]
        one.attach(|_| assert!(panics(|| two.attach(|_| ())), "an object could go along"));
        one.attach(|py| py.detached(|| two.attach(|_| ())));
    });
}

#[test]
fn a_frame_is_seen_while_its_thread_is_inside() {
    with_two(|one, two| {
        let standing = Standing::default();
        let module = one.attach(|py| Bound::module(py, c"waits").map(Bound::keep).expect("memory"));
        let waits = c"import time\ndone = False\nwhile not done: time.sleep(0.001)";
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                one.attach(|py| {
                    one.inside(py, &standing, || {
                        let code = Bound::compile(py, waits, c"waits.py")?;
                        module.get(py).run(&code)
                    })
                    .expect("it ends")
                });
                runtime::thread_exit();
            });
            let sees = |interpreter: &Interpreter, py: Py<'_>| {
                let found = interpreter.frame_of(py, &standing);
                found
                    .is_some_and(|(_, frame)| frame.attr(c"f_lineno").is_ok_and(|line| line.as_int().is_ok()))
            };
            // Both have the GIL of the main interpreter.
            let until = Instant::now() + Duration::from_secs(30);
            let seen = || one.attach(|py| sees(one, py)) && two.attach(|py| sees(two, py));
            let mut is_seen = seen();
            while !is_seen && Instant::now() < until && !thread.is_finished() {
                std::thread::yield_now();
                is_seen = seen();
            }
            let sees_from_elsewhere = one.attach(|py| sees(two, py));
            let stands_elsewhere = one.attach(|py| !panics(|| two.inside(py, &Standing::default(), || ())));
            let done = |py: Py<'_>| module.get(py).set_attr(c"done", &Bound::bool(py, true));
            one.attach(|py| done(py).expect("memory"));
            thread.join().expect("no panic");
            assert!(is_seen && !sees_from_elsewhere && !stands_elsewhere);
            assert!(!one.attach(|py| sees(one, py)), "it has left");
        });
        one.attach(|py| module.release(py));
    });
}

#[test]
fn what_a_frame_held_ends_in_its_own_interpreter() {
    let site = Site::in_group(
        "framed",
        "
        import time
        ended, asked = [], []
        class Witness:
            def __del__(self):
                import mod_wsgi
                ended.append(mod_wsgi.application_group)
        def application(environ, start_response):
            asked.append(environ['QUERY_STRING'])
            if asked[-1] == 'wait':
                held = Witness()
                while 'go on' not in asked: time.sleep(0.001)
            start_response('200 OK', [])
            return [repr(ended).encode()]
        ",
    );
    let ask = |query: &str| site.ask().set("QUERY_STRING", query).send().ok();
    let gil = runtime::get().expect("it runs").interpreters.by_gil().swap_remove(0);
    let main = &gil[0];
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            ask("wait");
            runtime::thread_exit();
        });
        let until = Instant::now() + Duration::from_secs(30);
        let mut is_seen = false;
        while !is_seen && Instant::now() < until {
            main.attach(|py| {
                let frames = Frames::of_threads(py, &gil, None).expect("it answers");
                is_seen = frames.iter().any(|found| {
                    let name = found.frame.attr(c"f_code").and_then(|code| code.attr(c"co_name")?.text());
                    name.is_ok_and(|name| name == "application")
                });
                if is_seen {
                    // The thread leaves its frame, whose last reference is here.
                    py.detached(|| {
                        ask("go on");
                        while !thread.is_finished() {
                            std::thread::yield_now();
                        }
                    });
                }
            });
        }
        assert!(is_seen);
    });
    let until = Instant::now() + Duration::from_secs(30);
    while ask("") == "[]" && Instant::now() < until {
        std::thread::yield_now();
    }
    assert_eq!(ask(""), "['framed']");
}
