//! Scripts that change (`WSGIScriptReloading`).

use super::{Site, on_threads};
use std::fs::File;
use std::time::{Duration, SystemTime};

fn answering(text: &str) -> String {
    format!("import sys\nversion = b'{text}'\n{}", Site::app_source("return [version]"))
}

/// Sets the file's time to so many seconds from now: what is written within one tick of the clock counts too.
fn touch(site: &Site, seconds: u64) {
    let time = SystemTime::now() + Duration::from_secs(seconds);
    File::options().append(true).open(site.path()).unwrap().set_modified(time).unwrap();
}

#[test]
fn a_changed_script_is_loaded_again_if_it_may_be() {
    let site = Site::new(&answering("old"));
    let reloading = || site.ask().reloading().send();
    assert_eq!(reloading().ok(), "old");
    assert!(reloading().log().is_empty(), "loaded once");
    site.write(&answering("new"));
    touch(&site, 100);
    assert_eq!(site.get().ok(), "old", "reloading is off for this request");
    let answer = reloading();
    assert_eq!(answer.ok(), "new");
    assert!(answer.log().contains("loaded '"), "{}", answer.log());
    assert!(reloading().log().is_empty());
}

#[test]
fn an_older_time_is_a_change_too() {
    let site = Site::new(&answering("newer"));
    touch(&site, 100);
    assert_eq!(site.ask().reloading().send().ok(), "newer");
    site.write(&answering("older"));
    touch(&site, 50);
    assert_eq!(site.ask().reloading().send().ok(), "older");
}

#[test]
fn reload_required_decides_as_well_and_its_errors_do_not() {
    let site = Site::new(
        "
        import sys
        times = sys.modules.setdefault('times_of_reload_required', type(sys)('times'))
        times.loaded = getattr(times, 'loaded', 0) + 1
        def reload_required(path):
            assert path == __file__, path
            answer = times.answer
            if isinstance(answer, Exception):
                raise answer
            return answer
        def application(environ, start_response):
            times.answer = eval(environ['QUERY_STRING'])
            start_response('200 OK', [])
            return [str(times.loaded).encode()]
        ",
    );
    let ask = |answer_next: &str| site.ask().reloading().set("QUERY_STRING", answer_next).send();
    assert_eq!(ask("False").ok(), "1");
    assert_eq!(ask("[1]").ok(), "1");
    assert_eq!(ask("KeyError('mine')").ok(), "2");
    let answer = ask("0");
    assert_eq!(answer.ok(), "2");
    assert!(answer.log().contains("reload_required() of") && answer.log().contains("KeyError: 'mine'"));
    assert_eq!(ask("0").ok(), "2");
}

#[test]
fn a_failed_reload_is_mended_by_the_next_change() {
    let site = Site::new(&answering("good"));
    site.get().ok();
    site.write("raise LookupError('broken')");
    touch(&site, 100);
    let log = site.ask().reloading().send().error(503);
    assert!(log.contains("LookupError: broken"), "{log}");
    assert_eq!(site.ask().reloading().send().error(503), "");
    site.write(&answering("mended"));
    touch(&site, 200);
    assert_eq!(site.ask().reloading().send().ok(), "mended");
}

#[test]
fn requests_that_come_together_load_it_once() {
    let site = Site::new(
        "
        import sys, time
        times = sys.modules.setdefault('times_of_loading', type(sys)('times'))
        times.loaded = getattr(times, 'loaded', 0) + 1
        time.sleep(0.05)
        def application(environ, start_response):
            start_response('200 OK', [])
            return [str(times.loaded).encode()]
        ",
    );
    on_threads(6, |_| assert_eq!(site.ask().reloading().send().ok(), "1"));
    touch(&site, 100);
    on_threads(6, |_| assert_eq!(site.ask().reloading().send().ok(), "2"));
}

#[test]
fn the_old_module_goes_while_others_are_served() {
    // It leaves sys.modules, so that the last reference to it is ours; its end takes long and lets others run.
    let site = Site::new(
        "
        import sys, time
        class Slow(type(sys)):
            def __del__(self, sleep=time.sleep):
                sleep(0.2)
        sys.modules.pop(__name__).__class__ = Slow
        def application(environ, start_response):
            start_response('200 OK', [])
            return [b'served']
        ",
    );
    let other = Site::app("return [b'other']");
    assert_eq!((site.get().ok(), other.get().ok()), ("served".into(), "other".into()));
    touch(&site, 100);
    on_threads(3, |number| {
        if number == 0 {
            assert_eq!(site.ask().reloading().send().ok(), "served");
        } else {
            for _ in 0..40 {
                assert_eq!(other.get().ok(), "other");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    });
}
