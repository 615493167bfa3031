//! How many requests a child of Apache lets into Python at the same time (WSGIConcurrency), and who never waits for that.

use harness::poll::until;
use harness::*;

use crate::daemon::script;
use crate::daemon_concurrency::{APPLICATION, ask, let_go, most_inside, short_ones_go_by_a_long_one};
use crate::starting::noted;
use crate::status::{STATUS, group};

/// One child, and as many requests as it has threads; each application has an interpreter of its own.
fn started(lines: &str) -> Server {
    let s = httpd()
        .no_group()
        .script("app.wsgi", &script(APPLICATION))
        .script("other.wsgi", &script(APPLICATION))
        .config("WSGIScriptAlias /app {dir}/app.wsgi application-group=%{GLOBAL}")
        .config("WSGIScriptAlias /other {dir}/other.wsgi application-group=other")
        .config(lines)
        .config(STATUS)
        .start();
    (0..5).for_each(|_| assert_eq!(s.get("/app?x").status, 200));
    s
}

/// So many requests are there, in Python or before it.
#[track_caller]
fn all_are_there(s: &Server, count: usize) {
    until("all are there", || {
        let embedded = group(s, "%{GLOBAL}");
        (embedded["requests"].as_array()?.len() == count).then_some(())
    });
}

#[test]
fn two_are_two() {
    skip_if!(!mpm().is_threaded(), "a child has one request at a time");
    let s = started("WSGIConcurrency 2");
    let requests = (0..6).map(|_| ask(&s, "/sleeps")).collect();
    noted(&s, "began", 2);
    all_are_there(&s, 6);
    until("four wait", || {
        let requests = group(&s, "%{GLOBAL}")["requests"].to_string();
        (requests.matches("waiting for a thread").count() == 4).then_some(())
    });
    let_go(&s, requests);
    assert_eq!(most_inside(&s), 2);
}

/// Interpreters have one GIL, and so the same places.
#[test]
fn one_is_one_in_all_interpreters() {
    skip_if!(!mpm().is_threaded(), "a child has one request at a time");
    let s = started("WSGIConcurrency 1");
    let first = ask(&s, "/sleeps");
    noted(&s, "began", 1);
    let mut other = s.raw(&s.request("GET", "/other?x").header("Connection", "close").bytes());
    all_are_there(&s, 2);
    until("the other one waits", || {
        let requests = group(&s, "%{GLOBAL}")["requests"].to_string();
        requests.contains("waiting for a thread").then_some(())
    });
    let_go(&s, vec![first]);
    assert_eq!(other.response().status, 200);
}

#[test]
fn off_is_all() {
    skip_if!(!mpm().is_threaded(), "a child has one request at a time");
    let s = started("WSGIConcurrency off");
    let requests = (0..8).map(|_| ask(&s, "/computes")).collect();
    noted(&s, "began", 8);
    let_go(&s, requests);
    assert_eq!(most_inside(&s), 8);
}

#[test]
fn all_that_sleep_are_inside() {
    skip_if!(!mpm().is_threaded(), "a child has one request at a time");
    let s = started("WSGIConcurrency auto");
    let requests = (0..12).map(|_| ask(&s, "/sleeps")).collect();
    noted(&s, "began", 12);
    let_go(&s, requests);
}

#[test]
fn short_requests_do_not_wait_for_one_that_computes() {
    skip_if!(!mpm().is_threaded(), "a child has one request at a time");
    short_ones_go_by_a_long_one(&started("WSGIConcurrency auto"));
}

/// A page that has another application's answer in it does not wait for itself.
#[test]
fn a_page_and_its_part_have_one_place() {
    let s = httpd()
        .no_group()
        .module("include")
        .script(
            "page.wsgi",
            "
            def application(environ, start_response):
                start_response('200 OK', [('Content-Type', 'text/html')])
                return [b'<!--#include virtual=\"/part\" -->']",
        )
        .script(
            "part.wsgi",
            "
            def application(environ, start_response):
                start_response('200 OK', [('Content-Type', 'text/plain')])
                return [b'a part']",
        )
        .config(
            "
            WSGIConcurrency 1
            WSGIScriptAlias /page {dir}/page.wsgi
            WSGIScriptAlias /part {dir}/part.wsgi
            <Location />
            Options +Includes
            </Location>
            <Location /page>
            SetOutputFilter INCLUDES
            </Location>",
        )
        .start();
    assert_eq!(s.get("/page").text(), "a part");
    assert_eq!(s.get("/page").text(), "a part");
}

#[test]
fn what_is_no_number_is_refused() {
    for wrong in ["0", "-1", "many", "65534", "1.5"] {
        httpd().config(&format!("WSGIConcurrency {wrong}")).expect_config_error(
            "WSGIConcurrency must be one of: auto | spread | off | a number from 1 to 65533.",
        );
    }
    for right in ["1", "65533", "AUTO", "Off"] {
        httpd().config(&format!("WSGIConcurrency {right}")).expect_config_ok();
    }
}
