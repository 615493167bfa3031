//! Interpreters beside the main one, and the thread states in them.

use super::{Site, on_threads, rounds};
use crate::runtime;

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
