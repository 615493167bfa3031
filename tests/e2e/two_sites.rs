//! Two fresh Django projects in one Apache child, configured as by anyone who reads only the first page of the manual:
//! each must keep its own settings module, time zone and sys.path, whichever is loaded first.

use harness::*;
use serde_json::Value;

use crate::append;
use crate::template::start_project;

const ZONES: [(&str, &str); 2] = [("first", "America/New_York"), ("second", "Asia/Tokyo")];

fn sites() -> Httpd {
    // One zone for the C library of a child: each of the two says that it has set its own.
    let mut httpd = httpd().allow_log("WSGI1062: ");
    for (name, zone) in ZONES {
        let dir = httpd.dir().to_owned();
        start_project(&dir, name);
        let package = dir.join(name).join(name);
        append(&package.join("settings.py"), &format!("\nALLOWED_HOSTS = ['*']\nTIME_ZONE = '{zone}'\n"));
        append(
            &package.join("urls.py"),
            "
            import os, sys, time
            from django.conf import settings
            from django.http import JsonResponse
            from django.utils import timezone

            def state(request):
                return JsonResponse({
                    'settings': settings.SETTINGS_MODULE, 'zone': settings.TIME_ZONE, 'path': sys.path,
                    'environ': [os.environ.get('DJANGO_SETTINGS_MODULE'), os.environ.get('TZ')],
                    'offset': timezone.localtime().utcoffset().total_seconds(), 'pid': os.getpid(),
                    'sites': sorted(m for m in sys.modules if m in ('first', 'second')),
                })

            urlpatterns += [path('state', state)]
            ",
        );
        // The one line every guide adds to wsgi.py when the project is not installed.
        let wsgi = package.join("wsgi.py");
        let text = std::fs::read_to_string(&wsgi).unwrap();
        let line = format!("import sys; sys.path.insert(0, '{}')\n", dir.join(name).display());
        std::fs::write(&wsgi, line + &text).unwrap();
        httpd = httpd.config(&format!("WSGIScriptAlias /{name} {{dir}}/{name}/{name}/wsgi.py"));
    }
    httpd
}

#[track_caller]
fn check(s: &Server, n: usize) -> Value {
    let ((name, zone), (other, _)) = (ZONES[n], ZONES[1 - n]);
    let r = s.get(&format!("/{name}/state"));
    assert_eq!(r.status, 200, "{name}: {}", r.text());
    let state = r.json();
    assert_eq!(state["settings"], format!("{name}.settings"));
    assert_eq!(
        state["environ"],
        serde_json::json!([format!("{name}.settings"), zone]),
        "os.environ of {name}"
    );
    assert_eq!(state["zone"], zone);
    assert_eq!(state["sites"], serde_json::json!([name]), "modules of {name}");
    let path = state["path"].to_string();
    assert!(
        path.contains(&format!("/{name}\"")) && !path.contains(&format!("/{other}\"")),
        "sys.path of {name}: {path}"
    );
    let hours = state["offset"].as_f64().unwrap() / 3600.0;
    assert!(if n == 0 { hours == -5.0 || hours == -4.0 } else { hours == 9.0 }, "{name}: {hours}");
    state
}

#[test]
fn in_either_order() {
    for order in [[0, 1, 0, 1], [1, 0, 1, 0]] {
        let s = sites().allow_log("TZ|time zone").start();
        let pids: Vec<_> = order.iter().map(|n| check(&s, *n)["pid"].clone()).collect();
        assert!(pids.iter().all(|pid| *pid == pids[0]), "one process");
    }
}

#[test]
fn loaded_at_the_same_moment() {
    skip_if!(!mpm().is_threaded(), "one request at a time");
    let s = sites().allow_log("TZ|time zone").start();
    std::thread::scope(|scope| {
        for n in [0, 1, 0, 1, 1, 0] {
            let s = &s;
            scope.spawn(move || check(s, n));
        }
    });
}
