//! Scripts and applications that fail: what the client gets and the log says.

use super::Site;

#[test]
fn a_script_that_cannot_be_loaded_is_503_and_its_first_failure_is_remembered() {
    let table = [
        ("def application(:", "WSGI0105", "SyntaxError"),
        ("x = '\0'", "WSGI0105", "null bytes"),
        ("# -*- coding: nonsense -*-", "WSGI0105", "SyntaxError"),
        ("import nothing_of_this_name", "WSGI0109", "ModuleNotFoundError"),
        ("raise ValueError('at import')", "WSGI0109", "ValueError: at import"),
        ("raise BaseException('base')", "WSGI0109", "BaseException: base"),
        ("import sys; sys.exit(3)", "WSGI0107", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "WSGI0109", "KeyboardInterrupt"),
    ];
    for (source, number, expected) in table {
        let site = Site::new(source);
        let first = site.get();
        let log = first.error(503);
        assert!(log.contains(number) && log.contains(expected), "{source}: {log}");
        assert!(!log.contains("<mod_wsgi>"), "frames of the engine's own are left out: {log}");
        let id = first.outcome.id;
        assert!(log.contains(&format!("id {id:08x}, attempt 1")), "{log}");
        let second = site.get();
        assert_eq!(
            (second.error(503).as_str(), second.outcome.id),
            ("", id),
            "it is not tried again at once"
        );
        assert_eq!((first.outcome.retry_after, second.outcome.retry_after), (1, 1));
    }
    let site = Site::new("");
    std::fs::remove_file(site.path()).unwrap();
    let log = site.get().error(503);
    assert!(log.contains("WSGI0105") && log.contains("FileNotFoundError"), "{log}");
}

#[test]
fn a_script_that_failed_leaves_no_module() {
    let site = Site::new(
        "
        import sys
        sys.name_of_what_failed = __name__
        raise ValueError
        ",
    );
    site.get().error(503);
    let looking = Site::app("import sys\nreturn [str(sys.name_of_what_failed in sys.modules).encode()]");
    assert_eq!(looking.get().ok(), "False");
}

#[test]
fn a_callable_that_is_missing_or_none_is_500() {
    let log = Site::new("app = None").get().error(500);
    assert!(
        log.contains("WSGI0089") && log.contains("does not contain WSGI application 'application'"),
        "{log}"
    );
    let log = Site::new("application = 5").get().error(500);
    assert!(log.contains("TypeError: 'int' object is not callable"), "{log}");
    let log = Site::new("def __getattr__(name):\n    raise KeyError(name)").get().error(500);
    assert!(log.contains("KeyError: 'application'"), "{log}");
}

#[test]
fn the_callable_may_have_another_name_or_come_from_getattr() {
    let site = Site::new(&Site::app_source("return [b'found']").replace("application", "other"));
    assert_eq!(site.ask().callable("other").send().ok(), "found");
    let source = Site::app_source("return [b'made']").replace("application", "_app");
    let site = Site::new(&format!("{source}\ndef __getattr__(name):\n    return _app\n"));
    assert_eq!(site.get().ok(), "made");
    site.ask().callable("name with spaces").send().ok();
}

#[test]
fn exceptions_of_an_application_are_500_with_a_traceback() {
    let table = [
        ("raise ValueError('mine')", "WSGI0174", "ValueError: mine"),
        ("raise SystemExit(1)", "WSGI0175", "SystemExit: 1"),
        ("raise BaseException", "WSGI0174", "BaseException"),
        ("1 / 0", "WSGI0174", "ZeroDivisionError"),
        ("raise ValueError('a\\0b\\nc\\ud800')", "WSGI0174", "ValueError: a"),
        ("raise type('Strange\\ud800', (Exception,), {})", "WSGI0174", "Traceback"),
        ("f = lambda: f()\nf()", "WSGI0174", "RecursionError"),
    ];
    for (code, number, expected) in table {
        let log = Site::app(code).get().error(500);
        assert!(log.contains(number) && log.contains(expected) && log.contains("Traceback"), "{code}: {log}");
    }
}

#[test]
fn an_exception_that_cannot_be_shown_does_no_harm() {
    let site = Site::new(
        "
        class Strange(Exception):
            def __str__(self):
                raise KeyError('in __str__')
            __repr__ = __str__
        class Stranger(Exception):
            @property
            def __traceback__(self):
                raise KeyError('in __traceback__')
        class Name(type):
            @property
            def __name__(cls):
                raise KeyError('in __name__')
        Nameless = Name('Nameless', (Exception,), {})
        def application(environ, start_response):
            raise globals()[environ['QUERY_STRING']]()
        ",
    );
    for name in ["Strange", "Stranger", "Nameless"] {
        let log = site.ask().set("QUERY_STRING", name).send().error(500);
        assert!(log.contains("WSGI0174"), "{name}: {log}");
        site.ask().set("QUERY_STRING", "ValueError").send().error(500);
    }
}

#[test]
fn a_failure_after_a_block_truncates_the_answer() {
    let answer = Site::app("yield b'begun'\nraise ValueError('late')").get();
    let log = answer.truncated();
    assert!(log.contains("ValueError: late"), "{log}");
    assert_eq!(answer.body(), b"begun");
}

#[test]
fn what_was_printed_before_a_failure_is_in_the_log() {
    let log = Site::new("print('loading', end='')\nraise ValueError").get().error(503);
    assert!(log.contains("] loading"), "{log}");
    let log = Site::app("print('serving', end='')\nraise ValueError").get().error(500);
    assert!(log.contains("] serving"), "{log}");
}
