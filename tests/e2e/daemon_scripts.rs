//! Which scripts the processes of a group run: what `script-user=`, `script-group=` and `script-root=` say, whoever asks.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use harness::poll::until;
use harness::*;

/// Notes in `{dir}/state` that it was run, and as whom.
const NOTING: &str = "
    import os
    with open(os.path.dirname(os.path.realpath(__file__)) + '/../state/ran', 'a') as file: file.write(str(os.geteuid()))
    def application(environ, start_response):
        start_response('200 OK', [])
        return [b'served']";

/// An application in an Apache child that asks a worker itself, over the group's socket, as a child does: it names a script,
/// and answers how the worker ended the request.
const ASKING: &str = "
    import glob, os, socket, struct, time
    def text(bytes): return struct.pack('<I', len(bytes)) + bytes
    def read(link, count):
        bytes = b''
        while len(bytes) < count:
            more = link.recv(count - len(bytes))
            if not more: raise EOFError
            bytes += more
        return bytes
    def frame(link):
        length, kind, flag = struct.unpack('<IBBxx', read(link, 8))
        return kind, read(link, length)
    def ask(path, script):
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(20)
        link.connect(path)
        frame(link)
        now = int(time.time() * 1e6)
        request = struct.pack('<HBqqqQQQ', 4, 7, now, now, -1, 0, 0, 0) + text(script) + text(b'') + text(b'application')
        request += struct.pack('<I', 1) + text(b'REQUEST_METHOD') + text(b'GET')
        link.sendall(struct.pack('<IBBxx', len(request), 2, 0) + request)
        while True:
            kind, payload = frame(link)
            if kind == 5: return 'ran'
            if kind == 11: return 'ended %d %d' % struct.unpack_from('<ii', payload)
    def application(environ, start_response):
        sockets = glob.glob(os.path.dirname(__file__) + '/run/wsgi*.sock')
        answers = {ask(path, environ['QUERY_STRING'].encode()) for path in sockets}
        start_response('200 OK', [])
        return [' '.join(answers).encode()]";

/// A group of the user `daemon` with these options. `{dir}/its` belongs to that user, `{dir}/other` to www-data; each has an
/// application.
fn group(options: &str) -> Httpd {
    let h = httpd()
        .no_group()
        .script("asking.wsgi", ASKING)
        .script("its/app.wsgi", NOTING)
        .script("other/app.wsgi", NOTING)
        .config("WSGISocketPrefix {dir}/run/wsgi\nWSGIScriptAlias /asking {dir}/asking.wsgi")
        .config(&format!("WSGIDaemonProcess g threads=3 user=daemon group=daemon {options}"))
        .config("WSGIScriptAlias /its {dir}/its/app.wsgi process-group=g application-group=%{GLOBAL}")
        .config("WSGIScriptAlias /other {dir}/other/app.wsgi process-group=g application-group=%{GLOBAL}")
        // What a rule keeps from starting is tried again after 1 s, 2 s and so on.
        .allow_log("WSGI1031: new process .*keep serving the old code");
    let dir = h.dir().to_path_buf();
    for place in ["its", "its/app.wsgi", "state"] {
        chown(dir.join(place), Some(1), Some(1)).unwrap();
    }
    for place in ["other", "other/app.wsgi"] {
        give_to_www_data(&dir.join(place));
    }
    for (place, mode) in
        [("its", 0o755), ("other", 0o755), ("its/app.wsgi", 0o644), ("other/app.wsgi", 0o644)]
    {
        fs::set_permissions(dir.join(place), fs::Permissions::from_mode(mode)).unwrap();
    }
    symlink("../other/app.wsgi", dir.join("its/link.wsgi")).unwrap();
    h.config("WSGIScriptAlias /link {dir}/its/link.wsgi process-group=g application-group=%{GLOBAL}")
}

/// How often an application was run.
fn runs(s: &Server) -> usize {
    fs::read_to_string(s.dir().join("state/ran")).map_or(0, |text| text.len())
}

/// A rule holds for requests and for whoever asks a worker in another way; `number` is that of its message.
#[track_caller]
fn holds(options: &str, number: &str) {
    let s = group(options).expect_log(&format!("{number}: ")).start();
    let dir = s.dir().to_str().unwrap().to_owned();
    assert_eq!(s.get("/its").text(), "served");
    for refused in ["/other", "/link"] {
        assert_eq!(s.get(refused).status, 403, "{options}: {refused}");
    }
    for refused in ["other/app.wsgi", "its/link.wsgi", "its/../other/app.wsgi"] {
        let answer = s.get(&format!("/asking?{dir}/{refused}")).text();
        assert_eq!(answer, "ended 1 403", "{options}: {refused}");
    }
    // Those that start with the process, a line for each request that came from Apache, and for those that did not at least
    // one: they may come often.
    let lines = || s.logged(&format!("{number}: ")).len();
    until("the lines", || (5..=7).contains(&lines()).then_some(()));
    assert_eq!(s.get(&format!("/asking?{dir}/its/app.wsgi")).text(), "ran");
    assert_eq!(runs(&s), 1, "{options}: only its own");
}

#[test]
fn only_its_own_users_scripts() {
    skip_if!(!is_root(), "needs root");
    holds("script-user=daemon", "WSGI0164");
}

#[test]
fn only_its_own_groups_scripts() {
    skip_if!(!is_root(), "needs root");
    holds("script-group=daemon", "WSGI0155");
}

#[test]
fn only_scripts_below_a_directory() {
    skip_if!(!is_root(), "needs root");
    holds("script-root={dir}/its", "WSGI1090");
}

/// What starts with the process is no request, and the rules hold for it.
#[test]
fn what_starts_with_the_process() {
    skip_if!(!is_root(), "needs root");
    for (options, number) in [("script-user=daemon", "WSGI0164"), ("script-root={dir}/its", "WSGI1090")] {
        let s = group(options)
            .expect_log(&format!("{number}: .*other/app.wsgi' was not run"))
            .expect_log(&format!("{number}: .*its/link.wsgi' was not run"))
            .start();
        assert_eq!(s.get("/its").text(), "served");
        s.logged_times("WSGI0164: |WSGI1090: ", 2);
        assert_eq!(runs(&s), 1, "{options}");
    }
}

/// Whoever may connect names the script.
#[test]
fn without_a_rule_all_are_run() {
    skip_if!(!is_root(), "needs root");
    let s = group("").start();
    let script = s.dir().join("other/app.wsgi");
    assert_eq!(s.get(&format!("/asking?{}", script.display())).text(), "ran");
    assert_eq!((s.get("/link").text(), s.get("/its").text()), ("served".into(), "served".into()));
}

/// Of a resource that a script handles the script counts, not the resource (WSGIHandlerScript).
#[test]
fn the_script_that_handles_a_resource() {
    skip_if!(!is_root(), "needs root");
    let handler = "def handle_request(environ, start_response):\n    start_response('200 OK', [])\n    return [b'handled']\n";
    for (options, number) in [("script-user=daemon", "WSGI0164"), ("script-root={dir}/its", "WSGI1090")] {
        let h = group(options).file("its/handler.py", handler).file("other/handler.py", handler);
        for (place, owner) in [("its/handler.py", 1), ("other/handler.py", 0)] {
            chown(h.dir().join(place), Some(owner), Some(owner)).unwrap();
            fs::set_permissions(h.dir().join(place), fs::Permissions::from_mode(0o644)).unwrap();
        }
        let s = h
            .config(
                "
                WSGIHandlerScript right {dir}/its/handler.py process-group=g
                WSGIHandlerScript wrong {dir}/other/handler.py process-group=g
                <Location /right>
                    SetHandler right
                </Location>
                <Location /wrong>
                    SetHandler wrong
                </Location>",
            )
            .expect_log(&format!("{number}: .*other/handler.py"))
            .allow_log(number)
            .start();
        assert_eq!(s.get("/right").text(), "handled", "{options}");
        assert_eq!(s.get("/wrong").status, 403, "{options}");
    }
}
