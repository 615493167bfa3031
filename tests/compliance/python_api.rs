//! The modules `mod_wsgi` and `apache`: their names, the handler for `logging`, and Apache's request for C code.

use harness::*;
use serde_json::json;

use crate::{answering, serving};

#[test]
fn names() {
    let s = serving(&answering(
        "
        import json, mod_wsgi
        names = ['subscribe_events', 'subscribe_shutdown', 'subscribe_signals', 'event_callbacks', 'shutdown_callbacks',
                 'signal_callbacks', 'request_data', 'active_requests', 'LogHandler', 'FileWrapper', 'RequestTimeout',
                 'version', 'process_group', 'application_group', 'maximum_processes', 'threads_per_process']
        missing = [name for name in names if name not in dir(mod_wsgi) or not hasattr(mod_wsgi, name)]
        lists = [type(getattr(mod_wsgi, name)).__name__ for name in names[3:6]]
        refused = []
        for name in names[:3]:
            try: getattr(mod_wsgi, name)(callback=print)
            except TypeError: refused.append(name)
        import logging
        result = json.dumps([missing, lists, len(refused), mod_wsgi.LogHandler.__mro__[1] is logging.Handler,
                             mod_wsgi.LogHandler.__module__, hasattr(mod_wsgi, 'no_such_name')])",
    ))
    .start();
    let expected = json!([[], ["list", "list", "list"], 3, true, "mod_wsgi", false]);
    assert_eq!(s.get("/").json(), expected);
}

/// All names that are there for applications, and of what kind they are.
#[test]
fn public_names() {
    let s = serving(&answering(
        "
        import apache, json, mod_wsgi
        kind = lambda value: 'function' if callable(value) and not isinstance(value, type) else type(value).__name__
        kinds = lambda module: {name: kind(getattr(module, name)) for name in dir(module) if name[0] != '_'}
        assert not [name for name in dir(mod_wsgi) if name[0] == '_' and name[:2] != '__'], dir(mod_wsgi)
        result = json.dumps([kinds(mod_wsgi), kinds(apache)])",
    ))
    .start();
    let mut expected = json!([
        {
            "FileWrapper": "type", "LogHandler": "type", "RequestTimeout": "type", "active_requests": "dict",
            "application_group": "str", "event_callbacks": "list", "maximum_processes": "int", "process_group": "str",
            "process_metrics": "function", "request_data": "function", "request_metrics": "function",
            "server_metrics": "function", "shutdown_callbacks": "list", "signal_callbacks": "list",
            "start_recording_metrics": "function", "subscribe_events": "function", "subscribe_shutdown": "function",
            "subscribe_signals": "function", "threads_per_process": "int", "version": "tuple",
        },
        {
            "build_date": "str", "description": "str", "maximum_processes": "int", "mpm_name": "str",
            "threads_per_process": "int", "version": "tuple",
        },
    ]);
    let more: &[(&str, &str)] = differs(
        &[],
        &[
            ("ClientDisconnected", "type"),
            ("ExitRefused", "type"),
            ("ImportDeadlock", "type"),
            ("ScriptLoader", "type"),
            ("request_id", "function"),
            ("django", "Lazy"),
        ],
        "new names",
    );
    more.iter().for_each(|(name, kind)| expected[0][*name] = (*kind).into());
    assert_eq!(s.get("/").json(), expected);
}

/// What the numbers of processes and threads are of: in a process group of that, and in module `apache` of the MPM.
#[test]
fn numbers_of_processes_and_threads() {
    let s = serving(&answering(
        "
        import apache, json, mod_wsgi
        numbers = lambda module: [module.maximum_processes, module.threads_per_process]
        result = json.dumps([numbers(mod_wsgi), numbers(apache)])",
    ))
    .group("processes=2 threads=3")
    .start();
    let answer = s.get("/").json();
    let ours = by_mode(answer[1].clone(), json!([2, 3]));
    assert_eq!(answer[0], ours);
    let threads = answer[1][1].as_u64().expect("a number");
    assert!(if mpm().is_threaded() { threads > 1 } else { threads == 1 }, "{answer}");
}

#[test]
fn module_apache() {
    let s = serving(&answering(
        "
        import apache, json, mod_wsgi
        names = ['version', 'description', 'build_date', 'mpm_name', 'maximum_processes', 'threads_per_process']
        values = [getattr(apache, name) for name in names]
        result = json.dumps([[type(value).__name__ for value in values], values, environ['apache.version'] == apache.version])",
    ))
    .config("ServerTokens Prod")
    .start();
    let answer = s.get("/").json();
    assert_eq!(answer[0], json!(["tuple", "str", "str", "str", "int", "int"]));
    let values = answer[1].as_array().unwrap();
    assert_eq!(values[3], mpm().name());
    let description = values[1].as_str().unwrap();
    assert!(description.starts_with("Apache/2.4.") && description.contains("Python/3"), "{description}");
    assert!(!values[2].as_str().unwrap().is_empty());
    assert_eq!(answer[2], true);
}

/// A package of this name that can be imported gets the names in embedded mode; in a process group it is not looked at.
#[test]
fn own_package_apache() {
    let s = serving(&answering(
        "
        import apache
        result = getattr(apache, 'own', None), apache.mpm_name != '', hasattr(apache, '__file__')",
    ))
    .file("lib/apache/__init__.py", "own = 'the site'\nversion = 'none'\n")
    .python_path("{dir}/lib")
    .start();
    assert_eq!(s.get("/").text(), by_mode("('the site', True, True)", "(None, True, False)"));
}

/// The package of the same name from PyPI lends its submodules.
#[test]
fn submodules_of_the_package() {
    let s = serving(&answering(
        "
        import mod_wsgi, mod_wsgi.extra
        result = mod_wsgi.extra.value, mod_wsgi.version >= (6, 0), hasattr(mod_wsgi, 'from_the_package')",
    ))
    .file("lib/mod_wsgi/__init__.py", "from_the_package = True\n")
    .file("lib/mod_wsgi/extra.py", "value = 'from a file'\n");
    let path = s.dir().join("lib").to_str().unwrap().to_owned();
    let s = s.env("PYTHONPATH", &path).start();
    assert_eq!(s.get("/").text(), "('from a file', True, False)");
}

const LOGGING: &str = r#"
import logging, mod_wsgi
FORMATTED = []
class Formatter(logging.Formatter):
    def format(self, record):
        FORMATTED.append(record.levelno)
        return super().format(record)
class Handler(mod_wsgi.LogHandler):
    def handleError(self, record):
        FORMATTED.append('error')
handler = Handler()
handler.setFormatter(Formatter('%(levelname)s:%(message)s'))
logger = logging.getLogger('test')
logger.setLevel(1)
logger.addHandler(handler)
logger.propagate = False
logger.warning('while loading')
def application(environ, start_response):
    FORMATTED.clear()
    for level in (5, 10, 20, 25, 30, 39, 40, 50, 60):
        logger.log(level, 'at %d\nmore of %d', level, level)
    logger.warning('two %d')
    logger.error('%d', 'no number')
    start_response('200 OK', [])
    return [repr(FORMATTED).encode()]
"#;

#[test]
fn records_of_logging() {
    let s = serving(LOGGING)
        .config("ErrorLogFormat \"[%t] [%m:%l] [pid %P] %F: [client %a] %M\"\nLogLevel warn wsgi:info")
        .allow_log("WARNING:|ERROR:|CRITICAL:|Level |more of")
        .expect_log("while loading")
        .start();
    assert_eq!(s.get("/").text(), "[20, 25, 30, 39, 40, 50, 60, 30, 40, 'error']");
    let script = s.dir().join("app.wsgi");
    for (level, name) in [
        (20, "INFO"),
        (25, "Level 25"),
        (30, "WARNING"),
        (39, "Level 39"),
        (40, "ERROR"),
        (50, "CRITICAL"),
        (60, "Level 60"),
    ] {
        let word = match level {
            50.. => "crit",
            40.. => "error",
            30.. => "warn",
            _ => "info",
        };
        // Line 20 of the script makes the record; httpd leaves the directory out.
        let head = format!(r"\[wsgi:{word}\] \[pid \d+\] app\.wsgi\(20\): \[client 127\.0\.0\.1:\d+\] ");
        let script = format!(r"\[script {}\] ", script.to_str().unwrap().replace('.', r"\."));
        for text in [format!("{name}:at {level}"), format!("more of {level}")] {
            s.wait_log(&format!("{head}{script}{text}$"));
        }
    }
    assert!(s.logged("at 10|at 5$").is_empty());
    s.wait_log(r"\[wsgi:warn\] \[pid \d+\] app\.wsgi\(16\): .*WARNING:while loading$");
}

/// What stands at `the_request` of httpd's request_rec.
const REQUEST: &str = "
    import ctypes
    api = ctypes.pythonapi
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    def line(environ):
        capsule = environ.get('apache.request_rec')
        if capsule is None: return None
        address = api.PyCapsule_GetPointer(capsule, None)
        return type(capsule).__name__, ctypes.cast(address, ctypes.POINTER(ctypes.c_char_p))[6].decode()";

#[test]
fn apache_request() {
    let s = httpd()
        .script("app.wsgi", &format!("{}\n{}", answering("result = line(environ)"), text::dedent(REQUEST)))
        .script(
            "guard.py",
            &format!(
                "{}\ndef allow_access(environ, host): return line(environ) is not None",
                text::dedent(REQUEST)
            ),
        )
        .config(
            "
            WSGIScriptAlias / {dir}/app.wsgi
            <Location /on>
                WSGIPassApacheRequest On
            </Location>
            <Location /on/guarded>
                WSGIAccessScript {dir}/guard.py
            </Location>
            <Location /guarded>
                WSGIAccessScript {dir}/guard.py
            </Location>",
        )
        .expect_log("WSGI0057: ")
        .start();
    assert_eq!(s.get("/off").text(), "None");
    let shown = |path: &str| by_mode(format!("('PyCapsule', 'GET {path} HTTP/1.1')"), "None".to_owned());
    for path in ["/on/x", "/on/guarded/y"] {
        assert_eq!(s.get(path).text(), shown(path));
    }
    assert_eq!(s.get("/guarded").status, 403, "it is not passed there");
}
