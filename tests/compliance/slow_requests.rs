//! Requests that take long are named in the log (`WSGISlowRequests`).

use harness::*;

use crate::application;

const APP: &str = "
    def wait_for_it():
        while not os.path.exists(os.path.join(os.path.dirname(__file__), 'go')):
            time.sleep(0.01)
    if environ['PATH_INFO'] == '/slow':
        wait_for_it()
    start_response('200 OK', [])
    return [b'done']
";

#[test]
fn a_slow_request_is_named_while_it_runs_and_when_it_ends() {
    only_ours!("the original names slow requests to a telemetry service only");
    let s = application(APP)
        .config("WSGISlowRequests 0.3")
        .expect_log(r"WSGI1080: GET /slow of '.*app\.wsgi' has run for .* s \(WSGISlowRequests\)")
        .expect_log(r"app\.wsgi.*, in wait_for_it")
        .expect_log(r"WSGI1081: GET /slow of '.*app\.wsgi' has ended after .* s \(WSGISlowRequests\)")
        .allow_traceback()
        .allow_log("^  |File ")
        .start();
    assert_eq!(s.get("/").text(), "done");
    let mut slow = s.raw(b"GET /slow?token=secret HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    s.wait_log("WSGI1080: ");
    s.wait_log("in wait_for_it");
    assert_eq!(s.logged("WSGI1081: "), [""; 0], "it still runs");
    s.write_file("go", "");
    assert_eq!(slow.response().text(), "done");
    s.wait_log("WSGI1081: ");
    assert_eq!(s.get("/").text(), "done");
    s.logged_times("WSGI1080: ", 1);
    assert_eq!(s.logged("secret"), [""; 0]);
}

#[test]
fn zero_switches_it_off() {
    let s = application("time.sleep(0.5)\nstart_response('200 OK', [])\nreturn [b'done']")
        .config("WSGISlowRequests 0")
        .start();
    assert_eq!(s.get("/").text(), "done");
}

#[test]
fn wrong_values() {
    httpd()
        .config("WSGISlowRequests -1")
        .expect_config_error("WSGISlowRequests threshold must be non-negative");
    let words = httpd().config("WSGISlowRequests soon");
    match subject() {
        Subject::Ours => words.expect_config_error("WSGISlowRequests must be a number of seconds"),
        Subject::ModWsgi => words.expect_config_ok(),
    }
}
