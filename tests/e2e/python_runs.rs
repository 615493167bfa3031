//! Which python runs in the children, that everything in them is as that python itself shows it, and what a restart does
//! when it is gone.

use std::fs;
use std::path::Path;
use std::process::Command;

use harness::poll::until;
use harness::*;

use crate::python_found::make_venv;

#[test]
fn bin_and_python_are_forgiven() {
    for name in ["", "/", "/bin", "/bin/", "/bin/python", "/bin/python3"] {
        let s = httpd()
            .no_python_home()
            .config(&format!("WSGIPythonHome {{dir}}/home{name}\nWSGIScriptAlias / {{apps}}/show.wsgi"));
        make_venv(&s.dir().join("home"));
        let s = s.start();
        assert_eq!(s.get("/").json()["sys"]["prefix"], s.dir().join("home").to_str().unwrap(), "{name}");
    }
}

/// Apache lives on without a python, says why, serves what needs none, and heals at the next restart.
#[test]
fn moved_away_and_back() {
    let s = httpd()
        .no_python_home()
        .script("app.wsgi", "def application(e, s): s('200 OK', []); return [b'here']")
        .file("htdocs/static.txt", "static")
        .config("WSGIPythonHome {dir}/home\nWSGIScriptAlias /app {dir}/app.wsgi")
        .expect_log("WSGI1001: .*does not exist")
        .allow_log("WSGI0001: |WSGI0210: ");
    make_venv(&s.dir().join("home"));
    let s = s.start();
    let (home, away) = (s.dir().join("home"), s.dir().join("away"));
    assert_eq!(s.get("/app").text(), "here");
    for _ in 0..2 {
        fs::rename(&home, &away).unwrap();
        s.graceful();
        let r = until("503", || Some(s.get("/app")).filter(|r| r.status == 503));
        let seconds: u32 = r.header("Retry-After").expect("Retry-After").parse().expect("seconds");
        assert!(seconds > 0 && !r.text().contains("home"), "{}", r.text());
        assert_eq!(s.get("/static.txt").text(), "static");
        fs::rename(&away, &home).unwrap();
        s.graceful();
        until("the application", || (s.get("/app").text() == "here").then_some(()));
    }
    s.logged_times("WSGI1001", 2);
}

/// What is asked of the python and of the child.
const FACTS: &str = "
    import json, locale, os, sys
    flags = {name: getattr(sys.flags, name) for name in dir(sys.flags) if name[0] != '_' and name not in ('count', 'index')}
    facts = json.dumps([sys.version, sys.prefix, sys.base_prefix, sys.exec_prefix, sys.executable, sys._base_executable,
        sys.path, flags, sys.getfilesystemencoding(), sys.getfilesystemencodeerrors(), sys.getdefaultencoding(),
        locale.getpreferredencoding(), locale.setlocale(locale.LC_CTYPE), sys.warnoptions, sys.orig_argv[1:2],
        sys.dont_write_bytecode, sys.pycache_prefix, sys.flags.hash_randomization])
    ";

#[test]
fn as_the_python_itself_shows() {
    let environments: [&[(&str, &str)]; 5] = [
        &[],
        &[("LANG", "C")],
        &[("LC_ALL", "C.UTF-8"), ("PYTHONOPTIMIZE", "2"), ("PYTHONDONTWRITEBYTECODE", "1")],
        &[
            ("LANG", "C"),
            ("PYTHONCOERCECLOCALE", "0"),
            ("PYTHONUTF8", "0"),
            ("PYTHONPATH", "/usr/share:/nowhere"),
        ],
        &[("PYTHONHASHSEED", "7"), ("PYTHONWARNINGS", "error::ImportWarning"), ("PYTHONNOUSERSITE", "1")],
    ];
    let wsgi = "
        def application(environ, start_response):
            start_response('200 OK', [])
            return [facts.encode()]";
    for environment in environments {
        let mut s =
            httpd().no_python_home().script("app.wsgi", &(text::dedent(FACTS) + &text::dedent(wsgi))).config(
                "
            WSGIPythonHome {dir}/home
            WSGIScriptAlias /main {dir}/app.wsgi application-group=%{GLOBAL}
            WSGIScriptAlias /sub {dir}/app.wsgi",
            );
        let home = s.dir().join("home");
        make_venv(&home);
        let packages = home.join(format!("lib/python{}/site-packages", python()));
        fs::create_dir(packages.join("named-by-pth")).unwrap();
        fs::write(packages.join("extra.pth"), "named-by-pth\n/usr/lib\n").unwrap();
        for (name, value) in environment {
            s = s.env(name, value);
        }
        let own = Command::new(home.join("bin/python"))
            .args(["-P", "-c", &(text::dedent(FACTS) + "print(facts)")])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let own: serde_json::Value = serde_json::from_slice(&own.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&own.stderr)));
        assert!(own.to_string().contains("named-by-pth"), "{own}");
        let s = s.start();
        for target in ["/main", "/sub"] {
            let r = s.get(target).json();
            for (ours, own) in r.as_array().unwrap().iter().zip(own.as_array().unwrap()) {
                assert_eq!(ours, own, "{target} with {environment:?}");
            }
        }
    }
}

/// Without WSGIPythonHome, in Apache's children and in a group: what PATH has first makes no difference, nor that it has none.
#[test]
fn path_has_no_say() {
    let default =
        ["/usr/bin/python3", "/usr/local/bin/python3"].into_iter().find(|file| Path::new(file).is_file());
    skip_if!(default.is_none(), "the distribution has no python3");
    for path in ["{dir}/home/bin:/usr/local/bin:/usr/bin:/bin", "/nowhere", ""] {
        let s = httpd().no_python_home().no_group().config(
            "WSGIDaemonProcess group processes=1 threads=2
            WSGIScriptAlias /embedded {apps}/show.wsgi
            WSGIScriptAlias /group {apps}/show.wsgi process-group=group",
        );
        make_venv(&s.dir().join("home"));
        let path = path.replace("{dir}", s.dir().to_str().unwrap());
        let s = s.env("PATH", &path).start();
        for target in ["/embedded", "/group"] {
            assert_eq!(
                s.get(target).json()["sys"]["executable"],
                default.unwrap(),
                "{target} with PATH={path}"
            );
        }
    }
}
