//! Script files: how they are loaded and when they are loaded again; import scripts and preloading.

use harness::*;

use crate::{answering, process_group, serving, show, showing};

#[test]
fn module_of_a_script() {
    let s = showing().start();
    let all = show(&s, "/");
    assert_eq!(all["file"], s.dir().join("apps/show.wsgi").to_str().unwrap());
    let name = all["module"].as_str().unwrap();
    let digest = name.strip_prefix("_mod_wsgi_").unwrap_or_else(|| panic!("{name}"));
    assert!(
        digest.len() == 32 && digest.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()),
        "{name}"
    );
    assert_eq!(all["sys"]["argv"], serde_json::json!(["mod_wsgi"]));
}

/// The digest is the MD5 of the path, which scripts and tools rely on.
#[test]
fn module_name_is_the_digest_of_the_path() {
    let s = serving(&answering(
        "
        import hashlib
        result = __name__ == '_mod_wsgi_' + hashlib.md5(__file__.encode()).hexdigest()",
    ))
    .start();
    assert_eq!(s.get("/").text(), "True");
}

#[test]
fn module_is_in_sys_modules_while_it_loads() {
    let s = serving(
        r"
        import sys
        me = sys.modules[__name__]
        same = me.__dict__ is globals()
        def application(environ, start_response):
            start_response('200 OK', [])
            return [str(same and sys.modules[__name__] is me).encode()]",
    )
    .start();
    assert_eq!(s.get("/").text(), "True");
}

#[test]
fn nothing_is_compiled_to_disk() {
    let s = showing().start();
    show(&s, "/");
    assert!(!s.dir().join("apps/__pycache__").exists());
}

#[test]
fn source_encoding_and_future() {
    let s = httpd()
        .file("app.wsgi", b"# -*- coding: latin-1 -*-\nTEXT = '\xe9'\ndef application(environ, start_response):\n    start_response('200 OK', [])\n    return [TEXT.encode('utf-8')]\n")
        .config("WSGIScriptAlias / {dir}/app.wsgi")
        .start();
    assert_eq!(s.get("/").text(), "é");
}

fn versioned(version: &str) -> String {
    harness::text::dedent(&format!(
        "
        import os, sys
        sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/lib')
        import part
        def application(environ, start_response):
            start_response('200 OK', [])
            return [('{version} %s %d' % (part.VALUE, os.getpid())).encode()]"
    ))
}

fn reloadable() -> Httpd {
    httpd()
        .script("app.wsgi", &versioned("v1"))
        .script("lib/part.py", "VALUE = 'p1'\n")
        .config("WSGIScriptAlias / {dir}/app.wsgi")
}

/// Waits for the new code: a process group may serve a little longer with the old one.
#[track_caller]
fn until_served(s: &Server, target: &str, version: &str) {
    harness::poll::until(version, || s.get(target).text().starts_with(version).then_some(()));
}

#[test]
fn a_changed_script_is_loaded_again_in_the_same_process() {
    embedded_only!();
    let s = reloadable().start();
    let before = s.get("/").text();
    assert!(before.starts_with("v1 p1 "), "{before}");
    s.write_file("lib/part.py", "VALUE = 'p2'\n");
    s.write_file("app.wsgi", &versioned("v2"));
    s.touch("app.wsgi");
    let after = s.get("/").text();
    assert_eq!(after, before.replace("v1", "v2"), "new code, same process, imported modules as they were");
}

/// A time in the past is a change as well.
#[test]
fn an_older_script_is_loaded_too() {
    let s = reloadable().start();
    assert!(s.get("/").text().starts_with("v1"));
    s.write_file("app.wsgi", &versioned("v0"));
    let file = std::fs::File::options().append(true).open(s.dir().join("app.wsgi")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000)).unwrap();
    until_served(&s, "/", "v0");
}

#[test]
fn unchanged_scripts_stay() {
    let s = serving("import os\nN = [0]\ndef application(environ, start_response):\n    N[0] += 1\n    start_response('200 OK', [])\n    return [str(N[0]).encode()]\n").start();
    assert_eq!([s.get("/").text(), s.get("/").text()], ["1", "2"]);
    s.touch("app.wsgi");
    harness::poll::until("the first of its requests", || (s.get("/").text() == "1").then_some(()));
    assert_eq!(s.get("/").text(), "2");
}

#[test]
fn reloading_off() {
    let s = reloadable().config("WSGIScriptReloading Off").start();
    let before = s.get("/").text();
    s.write_file("app.wsgi", &versioned("v2"));
    s.touch("app.wsgi");
    assert_eq!(s.get("/").text(), before);
}

#[test]
fn reloading_by_directory() {
    let s = httpd()
        .script("app.wsgi", &versioned("v1"))
        .script("lib/part.py", "VALUE = 'p1'\n")
        .config(
            "WSGIScriptAlias /a {dir}/app.wsgi\nWSGIScriptAlias /b {dir}/app.wsgi\nWSGIScriptReloading Off",
        )
        .config("<Location /b>\nWSGIScriptReloading On\n</Location>")
        .start();
    assert!(s.get("/a").text().starts_with("v1"));
    assert!(s.get("/b").text().starts_with("v1"));
    s.write_file("app.wsgi", &versioned("v2"));
    s.touch("app.wsgi");
    assert!(s.get("/a").text().starts_with("v1"));
    until_served(&s, "/b", "v2");
}

/// A script that breaks while it is reloaded fails, and works again once mended.
#[test]
fn a_reload_that_fails() {
    let s = reloadable()
        .expect_log("WSGI0109: |WSGI0110: ")
        .allow_log("WSGI0174: |WSGI1015: |WSGI1016: |WSGI1031: ")
        .expect_traceback("ValueError: broken")
        .start();
    assert!(s.get("/").text().starts_with("v1"));
    s.write_file("app.wsgi", "raise ValueError('broken')\n");
    s.touch("app.wsgi");
    let r = s.get("/");
    assert!(
        differs(&[500][..], &[200, 500, 503][..], "ours may hold the old code").contains(&r.status),
        "{}",
        r.status
    );
    harness::poll::until("the failure", || {
        s.get("/");
        (!s.logged("ValueError: broken").is_empty()).then_some(())
    });
    s.write_file("app.wsgi", &versioned("v3"));
    s.touch("app.wsgi");
    until_served(&s, "/", "v3");
}

#[test]
fn reload_required() {
    let script = |answer: &str| {
        format!(
            "
            import os
            HERE = os.path.dirname(os.path.abspath(__file__))
            def reload_required(path):
                assert path == __file__, path
                {answer}
            with open(HERE + '/state/loads', 'a') as f:
                f.write('x')
            def application(environ, start_response):
                start_response('200 OK', [])
                return [open(HERE + '/state/loads').read().encode()]"
        )
    };
    for answer in ["return False", "return None"] {
        let s = serving(&script(answer)).start();
        assert_eq!([s.get("/").text(), s.get("/").text()], ["x", "x"], "{answer}");
    }
    let s = serving(&script("return True")).start();
    if mode() == Mode::Embedded {
        let loads = differs(
            ["x", "xx"],
            ["xx", "xxx"],
            "ours is loaded when the process starts, so each request asks",
        );
        assert_eq!([s.get("/").text(), s.get("/").text()], loads);
    } else {
        harness::poll::until("another load", || (s.get("/").text().len() >= 2).then_some(()));
    }
    drop(s);
    let s = serving(&script("raise ValueError('in reload_required')"))
        .expect_traceback("ValueError: in reload_required")
        .allow_log("WSGI0174: |WSGI0109: ")
        .start();
    assert_eq!([s.get("/").text(), s.get("/").text()], ["x", "x"], "an error means no");
}

#[test]
fn slow_script_is_loaded_once() {
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = serving(
        r"
        import os, time
        with open(os.path.dirname(os.path.abspath(__file__)) + '/state/loads', 'a') as f:
            f.write('x')
        time.sleep(0.3)
        def application(environ, start_response):
            start_response('200 OK', [])
            return [b'ok']",
    )
    .start();
    std::thread::scope(|scope| {
        for one in (0..6).map(|_| scope.spawn(|| s.get("/").text())).collect::<Vec<_>>() {
            assert_eq!(one.join().unwrap(), "ok");
        }
    });
    assert_eq!(s.read_file("state/loads"), "x");
}

const NOTING: &str = r"
    import os
    HERE = os.path.dirname(os.path.abspath(__file__))
    with open(HERE + '/state/loaded', 'a') as f:
        f.write('%s\n' % os.getpid())
    def application(environ, start_response):
        start_response('200 OK', [])
        return [str(os.getpid()).encode()]";

/// An import script runs in each process before any request, and is the module requests find.
#[test]
fn import_script() {
    let s = serving(NOTING)
        .config(&format!(
            "WSGIImportScript {{dir}}/app.wsgi process-group={} application-group=%{{GLOBAL}}",
            process_group()
        ))
        .config("WSGIApplicationGroup %{GLOBAL}")
        .start();
    let loaded = harness::poll::until("the import", || {
        Some(s.read_file("state/loaded")).filter(|t| t.ends_with('\n'))
    });
    assert_eq!(s.get("/").text() + "\n", loaded);
    assert_eq!(s.read_file("state/loaded"), loaded, "not loaded a second time");
}

/// An alias that names both groups is preloaded in the same way.
#[test]
fn alias_with_both_groups_is_preloaded() {
    let s = httpd()
        .script("app.wsgi", NOTING)
        .config(&format!(
            "WSGIScriptAlias / {{dir}}/app.wsgi process-group={} application-group=mine",
            process_group()
        ))
        .start();
    let loaded = harness::poll::until("the import", || {
        Some(s.read_file("state/loaded")).filter(|t| t.ends_with('\n'))
    });
    assert_eq!(s.get("/").text() + "\n", loaded);
    assert_eq!(s.read_file("state/loaded"), loaded);
}

#[test]
fn failing_import_script_is_logged_and_tried_again() {
    let s = serving(
        r"
        import os
        marker = os.path.dirname(os.path.abspath(__file__)) + '/state/tried'
        if not os.path.exists(marker):
            open(marker, 'w').close()
            raise ValueError('first')
        def application(environ, start_response):
            start_response('200 OK', [])
            return [b'second']",
    )
    .config(&format!(
        "WSGIImportScript {{dir}}/app.wsgi process-group={} application-group=%{{GLOBAL}}",
        process_group()
    ))
    .config("WSGIApplicationGroup %{GLOBAL}")
    .expect_log("WSGI0110: ")
    .allow_log("WSGI0174: ")
    .expect_traceback("ValueError: first")
    .start();
    let r = harness::poll::until("the second attempt", || Some(s.get("/")).filter(|r| r.status == 200));
    assert_eq!(r.text(), "second");
}

/// What libraries ask a module about itself, each answered with `!` and the exception if it has no answer.
const ASKING: &str = r#"
import dataclasses, importlib.util, inspect, linecache, os, pickle, pkgutil, sys, typing

@dataclasses.dataclass
class Point:
    x: int
    next: 'typing.Optional[Point]' = None

def double(x):
    return 2 * x

HERE, FILE = os.path.split(__file__)
CHECKS = {
    'loader': lambda: __spec__.loader is __loader__ and __loader__.path == __file__,
    'spec': lambda: (__spec__.name, __spec__.origin, __spec__.has_location) == (__name__, __file__, True),
    'find_spec': lambda: importlib.util.find_spec(__name__) is __spec__,
    'repr': lambda: repr(sys.modules[__name__]) == f"<module '{__name__}' from '{__file__}'>",
    'cached': lambda: __cached__ is None,
    'parent': lambda: not __package__ and not __spec__.parent,
    'get_data': lambda: b'CHECKS' in pkgutil.get_data(__name__, FILE),
    'get_source': lambda: 'CHECKS' in __loader__.get_source(__name__),
    'get_code': lambda: __loader__.get_code(__name__).co_filename == __file__,
    'getsource': lambda: 'CHECKS' in inspect.getsource(sys.modules[__name__]),
    'of a function': lambda: inspect.getsource(double).startswith('def double'),
    'of a class': lambda: 'next:' in inspect.getsource(Point),
    'getmodule': lambda: inspect.getmodule(double) is sys.modules[__name__],
    'linecache': lambda: linecache.getlines(__file__) == open(__file__).read().splitlines(True),
    'pickle': lambda: pickle.loads(pickle.dumps((Point(1), double))) == (Point(1), double),
    'get_type_hints': lambda: typing.get_type_hints(Point)['next'] == typing.Optional[Point],
    'import': lambda: __import__(__name__) is sys.modules[__name__],
    'no bytecode': lambda: not os.path.exists(HERE + '/__pycache__'),
}

def asked():
    for name, check in CHECKS.items():
        try:
            if not check():
                yield name
        except Exception as error:
            yield f'{name}: {error!r}'

AT_LOAD = list(asked())

def application(environ, start_response):
    start_response('200 OK', [])
    return [repr((AT_LOAD, list(asked()))).encode()]
"#;

/// The module has a spec and a loader of its file, while it loads and afterwards, whatever the file is called.
#[test]
fn module_has_a_spec_and_a_loader_of_its_file() {
    let mut httpd = httpd();
    for name in ["app.wsgi", "app.py", "app", "app.v2.wsgi", "caf\u{e9} 1.wsgi"] {
        let url = name.replace(['\u{e9}', ' ', '.'], "");
        httpd = httpd
            .script(&format!("{url}/{name}"), ASKING)
            .config(&format!("WSGIScriptAlias /{url} \"{{dir}}/{url}/{name}\""));
    }
    let s = httpd.start();
    for url in ["appwsgi", "apppy", "app", "appv2wsgi", "caf1wsgi"] {
        assert_eq!(s.get(&format!("/{url}")).text(), "([], [])", "{url}");
    }
}

/// The same of a script that an import script or an alias with a place of its own loads before any request.
#[test]
fn module_of_a_preloaded_script_has_a_spec() {
    let s = httpd()
        .script("app.wsgi", ASKING)
        .config(&format!(
            "WSGIImportScript {{dir}}/app.wsgi process-group={} application-group=%{{GLOBAL}}",
            process_group()
        ))
        .config("WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias / {dir}/app.wsgi")
        .start();
    assert_eq!(s.get("/").text(), "([], [])");
}

/// `importlib.resources` knows the files beside a module from Python 3.12 on, and those of a package always.
#[test]
fn resources_beside_a_script() {
    let source = answering(
        "
        import importlib.resources, sys
        if __spec__.submodule_search_locations is None and sys.version_info < (3, 12):
            result = 'text'
        else:
            result = importlib.resources.files(__name__).joinpath('note.txt').read_text()",
    );
    let s = httpd()
        .script("one/app.wsgi", &source)
        .script("two/__init__.py", &source)
        .file("one/note.txt", "text")
        .file("two/note.txt", "text")
        .config("WSGIScriptAlias /one {dir}/one/app.wsgi\nWSGIScriptAlias /two {dir}/two/__init__.py")
        .start();
    assert_eq!([s.get("/one").text(), s.get("/two").text()], ["text", "text"]);
}

/// A script called `__init__.py` is a package.
#[test]
fn a_package_as_a_script() {
    let s = httpd()
        .script(
            "shop/__init__.py",
            &answering(
                "
                try:
                    from .models import NAME
                    result = NAME
                except ImportError:
                    result = 'ImportError'
                result = (result, __spec__.submodule_search_locations == [__file__.rpartition('/')[0]])",
            ),
        )
        .script("shop/models.py", "from . import application\nNAME = 'model'\n")
        .config("WSGIScriptAlias / {dir}/shop/__init__.py")
        .start();
    let expected = differs("('ImportError', True)", "('model', True)", "relative imports work");
    assert_eq!(s.get("/").text(), expected);
}

/// Monitoring looks for these words.
#[test]
fn what_the_log_says_of_a_load() {
    let s = reloadable().start();
    let place = by_mode("in embedded mode", &format!("of daemon process '{GROUP}'")).to_owned();
    let context = format!(r"into sub-interpreter 'localhost:{}\|' {place}\.$", s.port());
    assert!(s.get("/").text().starts_with("v1"));
    let script = format!("WSGI script '{}/app.wsgi' {context}", s.dir().display());
    s.wait_log(&format!(r"\[wsgi:info\] .*Creating sub-interpreter 'localhost:{}\|' in ", s.port()));
    s.wait_log(&format!(r"\[wsgi:info\] .*\bLoading {script}"));
    s.write_file("app.wsgi", &versioned("v2"));
    s.touch("app.wsgi");
    until_served(&s, "/", "v2");
    // A process group gets a new process, which loads it for the first time.
    match mode() {
        Mode::Embedded => drop(s.wait_log(&format!(r"\[wsgi:info\] .*\bReloading {script}"))),
        Mode::Daemon => harness::poll::until("the load in the next process", || {
            (s.logged(&format!(r"\[wsgi:info\] .*\bLoading {script}")).len() > 1).then_some(())
        }),
    }
}

/// A script that fails is announced too.
#[test]
fn what_the_log_says_of_a_load_that_fails() {
    let s = serving("raise ValueError('broken')")
        .expect_log("WSGI01(0[5-9]|10): |WSGI0174: ")
        .expect_traceback("ValueError: broken")
        .start();
    assert!(s.get("/").status >= 500);
    s.wait_log(r"\[wsgi:info\] .*\bLoading WSGI script '.*/app.wsgi' into ");
}
