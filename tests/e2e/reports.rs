//! The stacks of all threads on demand: SIGUSR2 to an Apache child.

use std::time::{Duration, Instant};

use harness::poll::{until, within};
use harness::*;

use crate::starting::{allow_report, at_once, noted, notes, script};
use crate::watchdog::assert_told;

/// Without a fault, beside a request in progress: the child lives on.
#[test]
fn a_report_on_demand() {
    let s = allow_report(httpd())
        .script(
            "app.wsgi",
            &script(
                "
                def in_a_view():
                    note('began', threading.get_native_id())
                    wait_for('go')
                def application(environ, start_response):
                    if environ['PATH_INFO'] == '/wait':
                        in_a_view()
                    return answer(start_response)",
            ),
        )
        .config("WSGIScriptAlias / {dir}/app.wsgi")
        .start();
    let pid = s.children()[0];
    assert_eq!(s.get("/").header("X-Pid"), Some(&*pid.to_string()));
    let mut waiting = s.raw(&s.request("GET", "/wait").bytes());
    let native = noted(&s, "began", 1)[0].text.clone();
    s.send(pid, libc::SIGUSR2);
    s.wait_log(&format!(r"wsgi:notice\] \[pid {pid}[:\]].*WSGI1020: "));
    assert_told(&s, &["in_a_view", &native]);
    s.send(pid, libc::SIGUSR2);
    until("a second report", || (s.logged("WSGI1020").len() == 2).then_some(()));
    s.write_file("go", "");
    assert_eq!(waiting.response().status, 200);
    drop(waiting);
    assert_eq!(s.get("/").header("X-Pid"), Some(&*pid.to_string()));
    assert_eq!(s.children(), [pid]);
}

/// From the moment a child is there, while it starts, and more often than it can answer.
#[test]
fn reports_without_end() {
    let s = allow_report(httpd())
        .children(2)
        .script("app.wsgi", &script("time.sleep(0.3)\nnote('load')"))
        .config("WSGIScriptAlias /app {dir}/app.wsgi")
        .start();
    let children = until("two children", || Some(s.children()).filter(|children| children.len() == 2));
    // Earlier than that the signal still ends a process, like any other.
    until("Python in both", || (s.logged("WSGI1010").len() == 2).then_some(()));
    let nothing: Option<()> = within(Duration::from_secs(2), || {
        children.iter().for_each(|pid| s.send(*pid, libc::SIGUSR2));
        None
    });
    assert!(nothing.is_none() && notes(&s, "load").len() == 2 && s.children() == children);
    assert!(at_once(&s, &["/app"; 4]).iter().all(|r| r.status == 200));
    for pid in &children {
        s.wait_log(&format!(r"\[pid {pid}[:\]].*WSGI1020: "));
    }
    let begun = Instant::now();
    s.terminate();
    assert_within(begun, 3.0, "the stop");
}
