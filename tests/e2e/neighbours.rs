//! An application beside one that fails to start: in the same interpreter or in another one of its process.

use std::fs;
use std::time::Duration;

use harness::poll::until;
use harness::*;

use crate::first_failure::TOLD;
use crate::starting::{assert_unavailable, heals, notes, script};

/// The one that fails imports what the other uses, in Python and in C.
const FAILS: &str = "
    import common, colorsys, decimal
    decimal.getcontext().prec = 5
    note('attempt')
    if exists('broken'): raise ValueError('<b>boom</b>')
    ";

/// Says whether its modules are those it began with, and counts its requests in one of them.
const GOOD: &str = "
    import common, colorsys, decimal
    note('load')
    def application(environ, start_response):
        import common as again, colorsys as standard, decimal as numbers
        common.state.append(1)
        same = again is common is sys.modules['common'] and standard is colorsys and numbers is decimal
        third = decimal.Decimal(1) / decimal.Decimal(3)
        same = same and isinstance(third, decimal.Decimal) and f'{third:.3f}' == '0.333'
        return answer(start_response, f'{same} {len(again.state)} {os.getpid()}')
    ";

/// `groups`: of the good one and of the one that fails, loaded in `order`.
fn check(groups: [&str; 2], order: [&str; 2]) {
    let group = |name: &str| groups[usize::from(name == "app")];
    let mut h = httpd()
        .file("broken", "")
        .script("common.py", "state = []\n")
        .script("app.wsgi", &script(FAILS))
        .script("good.wsgi", &script(GOOD))
        .config("WSGIPythonPath {dir}");
    for name in order {
        h = h.config(&format!(
            "WSGIScriptAlias /{name} {{dir}}/{name}.wsgi application-group={}",
            group(name)
        ));
    }
    let s =
        h.allow_log(TOLD).allow_log("mpd_setminalloc|^$").expect_traceback("ValueError: <b>boom</b>").start();
    let shown = |name| Some(group(name)).map(|group| if group == "%{GLOBAL}" { "main" } else { group });
    let mut n = 0;
    let mut good = || {
        n += 1;
        let r = s.get("/good");
        assert_eq!((r.status, r.text()), (200, format!("True {n} {}", s.children()[0])));
        assert_eq!(r.header("X-Group"), shown("good"));
    };
    good();
    until("three attempts", || {
        assert_unavailable(&s.get("/app"));
        good();
        (notes(&s, "attempt").len() == 3).then_some(())
    });
    fs::remove_file(s.dir().join("broken")).unwrap();
    let r = heals(&s, "/app", Duration::from_secs(6));
    assert_eq!(r.header("X-Group"), shown("app"));
    for _ in 0..5 {
        good();
        assert_eq!(s.get("/app").status, 200);
    }
    assert_eq!(notes(&s, "load").len(), 1);
    s.stop();
}

#[test]
fn in_the_same_interpreter() {
    check(["shared", "shared"], ["good", "app"]);
    check(["shared", "shared"], ["app", "good"]);
}

#[test]
fn in_the_main_interpreter() {
    check(["%{GLOBAL}", "%{GLOBAL}"], ["good", "app"]);
    check(["%{GLOBAL}", "%{GLOBAL}"], ["app", "good"]);
}

/// That of the one that fails is taken down and made anew each time.
#[test]
fn in_another_interpreter() {
    check(["one", "other"], ["good", "app"]);
    check(["one", "other"], ["app", "good"]);
}

#[test]
fn in_another_interpreter_and_the_main_one() {
    check(["%{GLOBAL}", "other"], ["app", "good"]);
    check(["one", "%{GLOBAL}"], ["app", "good"]);
}
