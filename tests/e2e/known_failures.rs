//! What the log says of a start that failed for a known reason: the full entry with the traceback, and what to do about
//! it. The table is `engine/src/startup/advice.txt`; each of its rows is met here, with the package itself where it is
//! light enough, else with a script that fails in the same words.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use harness::*;

/// A script that fails.
struct Case {
    /// Where it is: a URL, a file and an application group of that name. `main-…` runs in the main interpreter.
    name: &'static str,
    script: &'static str,
    /// The line of the exception, a regular expression.
    exception: &'static str,
    /// From the advice.
    advice: &'static str,
}

const fn case(
    name: &'static str,
    script: &'static str,
    exception: &'static str,
    advice: &'static str,
) -> Case {
    Case { name, script, exception, advice }
}

/// A server with these scripts, loaded when a request wants them.
fn site(cases: &[Case]) -> Httpd {
    // A second attempt would come with its own entry: none within the time a test takes.
    let mut httpd = httpd().config("WSGIPreload Off").allow_traceback();
    for Case { name, script, exception, .. } in cases {
        let group = if name.starts_with("main-") { "%{GLOBAL}" } else { name };
        let alias = format!("WSGIScriptAlias /{name} {{dir}}/{name}.wsgi application-group={group}");
        httpd = httpd
            .script(&format!("{name}.wsgi"), script)
            .config(&alias)
            .expect_log(&format!("WSGI010[579]: .*/{name}[.]wsgi' .*\\(id [0-9a-f]{{8}}, attempt 1, pid"))
            .expect_log(&format!("\\] {exception}"))
            .allow_log("WSGI1016: what to do: ");
    }
    httpd
}

/// Asks for every script once. Each entry must be whole, and its advice must be the right one.
fn check(s: &Server, cases: &[Case]) {
    for case in cases {
        let r = s.get(&format!("/{}", case.name));
        assert_eq!(r.status, 503, "{}: {}", case.name, r.text());
        check_entry(s, case);
    }
}

fn check_entry(s: &Server, case: &Case) {
    let entry = s.wait_log(&format!("WSGI01[01][0-9]: .*/{}[.]wsgi' ", case.name));
    let log = s.error_log();
    let mut rest = log.iter().skip_while(|line| **line != entry);
    let exception = regex_lite::Regex::new(&format!("\\] {}", case.exception)).unwrap();
    assert!(rest.any(|line| exception.is_match(line)), "{}: no line /{exception}/ in the entry", case.name);
    let next = rest.find(|line| line.contains("WSGI1016: ") || line.contains("WSGI01"));
    let advice = next.unwrap_or_else(|| panic!("{}: no advice", case.name));
    assert!(
        advice.contains("WSGI1016: what to do: ") && advice.contains(case.advice),
        "{}: {:?} expected, but the log has {advice}",
        case.name,
        case.advice
    );
}

/// A package that allows one interpreter: whoever comes second fails, in a sub-interpreter or in the main one.
fn one_interpreter(import: &'static str, exception: &'static str, package: &str) {
    needs!("WSGIPreload");
    let cases = [
        case(
            "second",
            import,
            exception,
            "one interpreter of a process only. Run every application that needs it in the main one: ",
        ),
        case("main-third", import, exception, "another application has loaded it in one of its own before. "),
    ];
    let s = site(&cases)
        .script("first.wsgi", &format!("{import}\n{HELLO}"))
        .config("WSGIScriptAlias /first {dir}/first.wsgi application-group=first")
        .expect_log(&format!("WSGI1016: .*the package '{package}' works in one interpreter"))
        .expect_log(&format!("WSGI1016: .*the package '{package}' works .*`WSGIApplicationGroup %.GLOBAL.`"))
        .expect_log(&format!(
            "WSGI1052: '[^']*/first[.]wsgi' [(]sub-interpreter 'first' .*'[^']*/second[.]wsgi' [(]sub-interpreter 'second' .* both \
             use the package '{package}'"
        ))
        // NumPy warns of itself in the first sub-interpreter.
        .allow_log("NumPy was imported from a Python sub-interpreter|Improvements in the case of bugs|\\] +import numpy")
        .start();
    assert_eq!(s.get("/first").text(), "hello");
    check(&s, &cases);
    s.logged_times("WSGI1052", 1);
    assert_eq!(s.get("/first").text(), "hello", "whoever was first goes on");
}

const HELLO: &str = "
def application(environ, start_response):
    start_response('200 OK', [])
    return [b'hello']
";

#[test]
fn pyo3() {
    one_interpreter(
        "from cryptography import x509",
        "ImportError: PyO3 modules do not yet support",
        "cryptography",
    );
}

#[test]
fn cython() {
    one_interpreter("from lxml import etree", "ImportError: Interpreter change detected", "lxml");
}

#[test]
fn numpy() {
    one_interpreter("import numpy", "ImportError: cannot load module more than once per process", "numpy");
}

/// The same advice stands below what fails when a child starts.
#[test]
fn preloaded() {
    needs!("WSGIPreload");
    let case = case("app", "import absent", "ModuleNotFoundError: ", "'absent' is not found");
    let s = httpd()
        .script("app.wsgi", case.script)
        .config("WSGIScriptAlias /app {dir}/app.wsgi application-group=app preload=on")
        .expect_log("WSGI0110: .*/app[.]wsgi' raised ModuleNotFoundError while .*attempt 1, pid")
        .expect_traceback("ModuleNotFoundError: No module named 'absent'")
        .expect_log("WSGI1016: what to do: ")
        .start();
    check_entry(&s, &case);
}

#[test]
fn django() {
    needs!("WSGIPreload");
    let cases = [
        // The first failure is swallowed, so all that is left is what Django says the second time.
        case(
            "populate",
            "
            import django, os, sys
            from django.conf import settings
            sys.path.insert(0, os.path.dirname(__file__) + '/apps')
            settings.configure(INSTALLED_APPS=['broken'])
            try:
                django.setup()
            except ValueError:
                pass
            django.setup()",
            "RuntimeError: populate\\(\\) isn't reentrant",
            "see the first WSGI0109 or WSGI0110 with this id",
        ),
        case(
            "apps",
            "
            from django.conf import settings
            settings.configure(INSTALLED_APPS=['django.contrib.contenttypes', 'django.contrib.auth'])
            from django.contrib.auth.models import User",
            "django.core.exceptions.AppRegistryNotReady: Apps aren't loaded yet",
            "get_wsgi_application() or django.setup() must come before",
        ),
        case(
            "models",
            "
            from django.apps import apps
            from django.conf import settings
            settings.configure()
            apps.get_model('auth.User')",
            "django.core.exceptions.AppRegistryNotReady: Models aren't loaded yet",
            "get_wsgi_application() or django.setup() must come before",
        ),
        case(
            "settings",
            "
            from django.core.wsgi import get_wsgi_application
            application = get_wsgi_application()",
            "django.core.exceptions.ImproperlyConfigured: Requested setting .*, but settings are not configured",
            "os.environ.setdefault('DJANGO_SETTINGS_MODULE'",
        ),
        case(
            "module",
            "
            import os
            os.environ['DJANGO_SETTINGS_MODULE'] = 'mysite.settings'
            from django.core.wsgi import get_wsgi_application
            application = get_wsgi_application()",
            "ModuleNotFoundError: No module named 'mysite'",
            "'mysite', of Django's settings module, cannot be imported",
        ),
        case(
            "installed",
            "
            import django
            from django.conf import settings
            settings.configure(INSTALLED_APPS=['absent'])
            django.setup()",
            "ModuleNotFoundError: No module named 'absent'",
            "'absent' is in INSTALLED_APPS but cannot be imported",
        ),
        case(
            "database",
            "
            import django
            from django.conf import settings
            settings.configure(INSTALLED_APPS=['django.contrib.contenttypes', 'django.contrib.auth'],
                               DATABASES={'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': 'x'}})
            django.setup()",
            "django.core.exceptions.ImproperlyConfigured: Error loading psycopg2 or psycopg module",
            "install psycopg into the virtual environment",
        ),
        case(
            "environ",
            "
            from django.core.exceptions import ImproperlyConfigured
            raise ImproperlyConfigured('Set the SECRET_KEY environment variable')",
            "django.core.exceptions.ImproperlyConfigured: Set the SECRET_KEY",
            "put `export SECRET_KEY=...` into /etc/apache2/envvars",
        ),
    ];
    let httpd = site(&cases).file("apps/broken/__init__.py", "raise ValueError('boom')");
    check(&httpd.allow_log("ModuleNotFoundError: No module named 'psycopg").start(), &cases);
}

#[test]
fn compiled_packages() {
    needs!("WSGIPreload");
    let cases = [
        case(
            "own-gil",
            "raise ImportError('module _x does not support loading in subinterpreters')",
            "ImportError: module _x",
            "'_x' cannot run in an interpreter with a GIL of its own",
        ),
        case(
            "zoneinfo",
            r#"raise AttributeError("module 'datetime' has no attribute 'datetime_CAPI'")"#,
            "AttributeError: module 'datetime'",
            "zoneinfo of Python 3.12 does not work in an interpreter with a GIL of its own",
        ),
        case(
            "psycopg2",
            r#"raise ImportError("cannot import name 'encodings' from 'psycopg2._psycopg' (/v/_psycopg.so)")"#,
            "ImportError: cannot import name 'encodings'",
            "unless the main interpreter imports it first",
        ),
        case(
            "numpy",
            r"raise ImportError('PLEASE READ\n\nThe following compiled module files exist, but seem incompatible\nwith')",
            "ImportError: PLEASE READ",
            "built for another version of Python",
        ),
        case(
            "symbol",
            "raise ImportError('/v/x.so: undefined symbol: _PyThreadState_UncheckedGet')",
            "ImportError: /v/x.so: undefined",
            "built for another version of Python",
        ),
        case(
            "lxml",
            r#"raise ImportError("cannot import name 'etree' from 'lxml' (/v/lxml/__init__.py)")"#,
            "ImportError: cannot import name 'etree'",
            "built for another version of Python",
        ),
        case(
            "pydantic",
            r#"raise ImportError("cannot import name 'X' from 'pydantic_core._pydantic_core' (unknown location)")"#,
            "ImportError: cannot import name 'X'",
            "built for another version of Python",
        ),
        case(
            "cffi",
            r#"raise ModuleNotFoundError("No module named '_cffi_backend'")"#,
            "ModuleNotFoundError: No module named '_cffi_backend'",
            "built for another version of Python",
        ),
        case(
            "missing",
            "
            import os, sys
            sys.path.insert(0, os.path.dirname(__file__) + '/site-packages')
            import half",
            "ModuleNotFoundError: No module named 'half._half'",
            "the package 'half' was built for another version of Python",
        ),
        case(
            "library",
            "raise ImportError('libpq.so.5: cannot open shared object file: No such file or directory')",
            "ImportError: libpq.so.5",
            "the library libpq.so.5 is not found",
        ),
        case(
            "noexec",
            "raise ImportError('/srv/x.so: failed to map segment from shared object')",
            "ImportError: /srv/x.so: failed to map",
            "mounted noexec, or SELinux",
        ),
    ];
    let half = "from half._half import something\n";
    let httpd = site(&cases).file("site-packages/half/__init__.py", half);
    check(&httpd.allow_log(r"\] (The following compiled module files|with$)").start(), &cases);
}

#[test]
fn threads_and_signals() {
    needs!("WSGIPreload");
    const LOOP: &str = "
        import asyncio
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.get_event_loop).result()";
    const SIGNAL: &str = "
        import signal
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(1) as pool:
            pool.submit(signal.signal, signal.SIGUSR1, signal.SIG_DFL).result()";
    // Python 3.11 has one event loop policy for all interpreters, so a second one does not know the thread's name.
    const NO_LOOP: &str =
        "RuntimeError: There is no current event loop in thread '(ThreadPoolExecutor-0_0|Dummy-1)'";
    let cases = [
        case("loop", LOOP, NO_LOOP, "makes no loop in the thread '"),
        case("main-loop", LOOP, NO_LOOP, "asyncio.set_event_loop(asyncio.new_event_loop())"),
        case(
            "wakeup",
            "
            import asyncio
            asyncio.new_event_loop().add_signal_handler(15, print)",
            "(RuntimeError|ValueError): set_wakeup_fd only works in main thread",
            "only the main interpreter has signals. Run this application there: `WSGIApplicationGroup %{GLOBAL}`",
        ),
        case(
            "signal",
            SIGNAL,
            "ValueError: signal only works in main thread",
            "only the main interpreter has signals",
        ),
        case(
            "main-signal",
            SIGNAL,
            "ValueError: signal only works in main thread",
            "by the thread that loads the script, not by threads",
        ),
        case("threads", r#"raise RuntimeError("can't start new thread")"#, "RuntimeError: can't", "TasksMax"),
        case(
            "reactor",
            "
            from twisted.internet import asyncioreactor, reactor
            asyncioreactor.install()",
            "twisted.internet.error.ReactorAlreadyInstalledError: reactor already installed",
            "the script must install its own before anything imports",
        ),
    ];
    check(&site(&cases).config("WSGIRestrictSignal Off").start(), &cases);
}

#[test]
fn files_and_databases() {
    needs!("WSGIPreload");
    let cases = [
        case(
            "denied",
            "
            import os
            open(os.path.dirname(__file__) + '/closed')",
            "PermissionError: \\[Errno 13\\] Permission denied: '/.*/closed'",
            "/closed` for the mode of each directory",
        ),
        case(
            "read-only",
            "raise OSError(30, 'Read-only file system', '/srv/x')",
            "OSError: \\[Errno 30\\]",
            "/srv/x is read-only for Apache",
        ),
        case(
            "relative",
            "open('config.ini')",
            "FileNotFoundError: .*'config.ini'",
            "'config.ini' is a relative path",
        ),
        case("absolute", "open('/no/such')", "FileNotFoundError: .*'/no/such'", "/no/such is missing"),
        case("many", "raise OSError(24, 'Too many open files')", "OSError: \\[Errno 24\\]", "raise LimitNOFILE"),
        case(
            "no-database",
            "
            import sqlite3
            sqlite3.connect('/no/such/directory/db')",
            "sqlite3.OperationalError: unable to open database file",
            "the directory around it must be writable for the user",
        ),
        case(
            "database",
            "
            import os, sqlite3
            sqlite3.connect(os.path.dirname(__file__) + '/db').execute('create table x (y)')",
            "sqlite3.OperationalError: attempt to write a readonly database",
            "the directory around it must be writable for the user",
        ),
        case(
            "port",
            "
            import http.server, socket
            other = socket.create_server(('127.0.0.1', 0))
            http.server.HTTPServer(other.getsockname(), http.server.SimpleHTTPRequestHandler).serve_forever()",
            "OSError: \\[Errno 98\\] Address already in use",
            "the application starts a server of its own",
        ),
        case("stdin", "import sys; sys.stdin.read()", "OSError: sys.stdin access restricted", "`WSGIRestrictStdin Off`"),
        case("stdout", "print('x')", "OSError: sys.stdout access restricted", "`WSGIRestrictStdout Off`"),
    ];
    let httpd = site(&cases).file("closed", "").file("db", "");
    for (name, mode) in [("closed", 0), ("db", 0o444)] {
        fs::set_permissions(httpd.dir().join(name), fs::Permissions::from_mode(mode)).expect("mode");
    }
    check(&httpd.config("WSGIRestrictStdin On\nWSGIRestrictStdout On").start(), &cases);
}

#[test]
fn environment_and_versions() {
    needs!("WSGIPreload");
    let gone = |name: &'static str, module: &str| {
        // Which of them this Python still has differs.
        let script = format!("raise ModuleNotFoundError(\"No module named '{module}'\")");
        case(
            name,
            script.leak(),
            "ModuleNotFoundError: No module named",
            "Python has no such module since 3.1",
        )
    };
    let cases = [
        case(
            "variable",
            "
            import os
            os.environ['SECRET_KEY']",
            "KeyError: 'SECRET_KEY'",
            "put `export SECRET_KEY=...` into /etc/apache2/envvars",
        ),
        gone("imp", "imp"),
        gone("asyncore", "asyncore"),
        gone("distutils", "distutils"),
        gone("cgi", "cgi"),
        case(
            "module",
            "import mysite.views",
            "ModuleNotFoundError: No module named 'mysite'",
            "'mysite' is not found",
        ),
        case("encode", "'\u{e9}'.encode('ascii')", "UnicodeEncodeError: 'ascii'", "`export LANG=C.UTF-8`"),
        case("decode", "b'\\xc3'.decode('ascii')", "UnicodeDecodeError: 'ascii'", "`export LANG=C.UTF-8`"),
        case(
            "locale",
            "import locale; locale.setlocale(locale.LC_ALL, 'xx_YY.UTF-8')",
            "locale.Error: unsupported locale setting",
            "compare `locale -a`",
        ),
        case(
            "print",
            "print 'x'",
            "SyntaxError: Missing parentheses in call to 'print'",
            "this is code for Python 2",
        ),
        case(
            "except",
            "
            try: pass
            except ValueError, e: pass",
            "SyntaxError: multiple exception types must be parenthesized",
            "this is code for Python 2",
        ),
        case(
            "exit",
            "
            import sys
            sys.exit('no configuration')",
            "SystemExit: no configuration",
            "calls sys.exit(). A WSGI script only defines `application`",
        ),
    ];
    check(&site(&cases).start(), &cases);
}

/// What has no row has no advice: a wrong one costs more than none.
#[test]
fn unknown() {
    needs!("WSGIPreload");
    let s = httpd()
        .script("app.wsgi", "raise ValueError('boom')")
        .config("WSGIPreload Off\nWSGIScriptAlias / {dir}/app.wsgi")
        .expect_log("WSGI0109: .*raised ValueError")
        .expect_traceback("ValueError: boom")
        .start();
    assert_eq!(s.get("/").status, 503);
    s.wait_log("ValueError: boom");
    assert_eq!(s.logged("WSGI1016"), [""; 0]);
}

/// A module may be anything that an application puts into sys.modules; to look at it may raise, or import.
#[test]
fn a_module_that_is_none() {
    needs!("WSGIPreload");
    let text = "
        import sys
        class Lazy:
            def __getattr__(self, name):
                raise ValueError('looked at ' + name)
        sys.modules['lazy'] = Lazy()
        import absent";
    let cases =
        [case("lazy", text, "ModuleNotFoundError: No module named 'absent'", "'absent' is not found")];
    let s = site(&cases).start();
    check(&s, &cases);
    assert_eq!(s.logged("looked at"), [""; 0]);
}
