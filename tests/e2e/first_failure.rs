//! What becomes of an application that cannot be started: one cause, told once an attempt, the same to everybody; tried
//! again from a clean state, until it works. More of that is in `retries.rs` and `failure_pages.rs`.

use std::time::Duration;

use harness::poll::until;
use harness::*;

use crate::append;
use crate::starting::{assert_unavailable, at_once, captured, heals, ids, noted, notes, now, pids};
use crate::template::start_project;

/// Lines of the log while an application fails: the full entries, the short ones, and the advice.
pub const TOLD: &str = "WSGI01(09|10): |WSGI1015: |WSGI1016: ";

/// A Django project with an application that raises until `{dir}/broken` is removed. `imports` are in its settings,
/// which is before the failure; the view uses them.
fn django(group: &str, imports: &str, view: &str) -> Httpd {
    let h = httpd().children(3).file("broken", "");
    let dir = h.dir().to_owned();
    start_project(&dir, "mysite");
    let site = dir.join("mysite");
    append(
        &site.join("mysite/settings.py"),
        &format!("{}\nALLOWED_HOSTS = ['*']\nINSTALLED_APPS += ['flaky']\n", text::dedent(imports)),
    );
    append(
        &site.join("mysite/urls.py"),
        &format!(
            "{}\nfrom django.http import HttpResponse\nurlpatterns += [path('view', lambda request: HttpResponse({view}))]\n",
            text::dedent(imports)
        ),
    );
    let flaky = text::dedent(
        "
        import os, time
        from django.db import models

        HERE = os.environ['MOD_WSGI_TEST']
        with open(HERE + '/state/notes', 'a') as file:
            file.write(f'attempt {time.time()} {os.getpid()}\\n')
        if os.path.exists(HERE + '/broken'):
            raise RuntimeError('flaky is broken')

        class Thing(models.Model):
            name = models.CharField(max_length=10)
        ",
    );
    h.file("mysite/flaky/__init__.py", "")
        .file("mysite/flaky/models.py", flaky)
        .config(
            "
            WSGIPythonPath {dir}/mysite
            LogFormat \"%P %>s\" pids
            CustomLog {dir}/logs/access pids",
        )
        .config(&format!("WSGIScriptAlias / {{dir}}/mysite/mysite/wsgi.py application-group={group}"))
        .allow_log(TOLD)
        // libmpdec, when a process loads `decimal` into another interpreter after one that had it has ended.
        .allow_log("mpd_setminalloc|^$")
        .expect_traceback("RuntimeError: flaky is broken")
}

/// Six requests to all children, then the cause is removed; answers the log.
fn fails_and_heals(s: &Server) -> String {
    let begun = noted(s, "attempt", 1)[0].at;
    let answers: Vec<Response> = (0..2).flat_map(|_| at_once(s, &["/view"; 3])).collect();
    let id = until("the full entry", || ids(s).first().cloned());
    let mut wait = 0;
    for r in &answers {
        wait = assert_unavailable(r);
        assert!(r.text().contains(&id), "{id} in {}", r.text());
        assert!(!r.text().contains("Traceback") && !r.text().contains("reentrant"), "{}", r.text());
    }
    until("the access log", || (s.read_file("logs/access").lines().count() == 6).then_some(()));
    let access = s.read_file("logs/access");
    let mut children: Vec<_> = access.lines().filter_map(|l| l.split(' ').next()).collect();
    children.sort();
    children.dedup();
    assert!(mpm().is_threaded() || children.len() == 3, "{access}");

    // Another attempt while it is broken: the second one shows what the first has left behind.
    until("another attempt", || {
        wait = assert_unavailable(&s.get("/view"));
        (notes(s, "attempt").len() >= 2).then_some(())
    });
    std::fs::remove_file(s.dir().join("broken")).unwrap();
    heals(s, "/view", Duration::from_secs(wait.max(4) as u64 + 2));
    for r in at_once(s, &["/view"; 3]) {
        assert_eq!((r.status, r.text().as_str()), (200, "works"));
    }
    let entries = captured(
        s,
        r"WSGI01(?:09|10): .*mysite/wsgi.py' raised RuntimeError .*\(id ([0-9a-f]{8}), attempt (\d+), pid (\d+), after \d+ ms",
    );
    let failed = entries.len();
    assert!(failed >= 2 && entries.iter().all(|e| e[0] == id), "one id: {entries:?}");
    let attempts: Vec<_> = entries.iter().map(|e| e[1].parse::<usize>().unwrap()).collect();
    assert_eq!(attempts, (1..=failed).collect::<Vec<_>>());
    // Those that succeed do not raise: one for each child that loads it.
    let tried = notes(s, "attempt");
    for (entry, note) in entries.iter().zip(&tried) {
        assert_eq!(entry[2], note.pid.to_string(), "the pid of the attempt");
    }
    assert!(tried.len() <= failed + pids(&tried[failed..]).len(), "{tried:?} for {failed} entries");
    assert_eq!(s.logged("Traceback").len(), failed, "one traceback an attempt");
    assert_eq!(s.logged("RuntimeError: flaky is broken").len() - s.logged("WSGI1015").len(), failed);
    assert!(now() - begun < 30.0);
    let log = s.error_log().join("\n");
    assert!(!log.contains("reentrant"), "a follow-up error");
    log
}

#[test]
fn a_django_project_that_fails_and_heals() {
    for group in ["site", "%{GLOBAL}"] {
        let s = django(group, "", "'works'").start();
        let log = fails_and_heals(&s);
        assert!(
            log.contains("WSGI1011: loaded '") && log.contains("(attempt "),
            "the success tells its attempt"
        );
        s.stop();
    }
}

/// The packages can be loaded into one interpreter of a process only: they stay, the rest is rolled back.
fn with_packages(group: &str) {
    let s = django(
        group,
        "
        from cryptography.fernet import Fernet
        from lxml import etree
        ",
        "etree.fromstring(Fernet.generate_key() and '<a>works</a>').text",
    )
    .start();
    let log = fails_and_heals(&s);
    for refusal in ["ImportError", "PyO3", "Interpreter change", "one interpreter"] {
        assert!(!log.contains(refusal), "{refusal} instead of the cause");
    }
    s.stop();
}

#[test]
fn with_cryptography_and_lxml_in_a_sub_interpreter() {
    with_packages("site");
}

#[test]
fn with_cryptography_and_lxml_in_the_main_interpreter() {
    with_packages("%{GLOBAL}");
}
