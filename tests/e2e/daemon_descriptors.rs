//! A child of Apache's that can open no more files: an application in it leaks them, or its limit is low.

use harness::*;

use crate::daemon::script;

/// Serves in the group.
const SERVES: &str = "
    def application(environ, start_response):
        return answer(environ, start_response, 'served')
    ";

/// Runs in the child: takes all descriptors that it may have, and gives them back.
const LEAKS: &str = "
    import resource
    held, (_, most) = [], resource.getrlimit(resource.RLIMIT_NOFILE)

    def application(environ, start_response):
        if environ['PATH_INFO'] == '/take':
            resource.setrlimit(resource.RLIMIT_NOFILE, (256, most))
            try:
                while True:
                    held.append(os.dup(1))
            except OSError as error:
                return answer(environ, start_response, 'taken', error.errno)
        while held:
            os.close(held.pop())
        return answer(environ, start_response, 'given back')
    ";

fn leaking() -> Httpd {
    httpd()
        .script("app.wsgi", &script(SERVES))
        .script("leaks.wsgi", &script(LEAKS))
        // Else httpd refuses the request with 403: it cannot see whether there is a .htaccess.
        .config("<Directory />\nAllowOverride None\n</Directory>")
        .config("WSGISocketPrefix {dir}/run/wsgi\nWSGIDaemonProcess g processes=1 threads=2")
        .config("WSGIScriptAlias /app {dir}/app.wsgi process-group=g application-group=%{GLOBAL}")
        .config("WSGIScriptAlias /leaks {dir}/leaks.wsgi process-group=%{GLOBAL} application-group=%{GLOBAL}")
}

/// A request on a connection that is kept open, so that the child has nothing to accept.
#[track_caller]
fn ask(connection: &mut Connection<'_>, path: &str) -> Response {
    connection.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    connection.response()
}

/// Requests get 503, the log says what to change, and when there are descriptors again all is well.
#[test]
fn a_child_without_descriptors_says_so_and_recovers() {
    skip_if!(
        !mpm().is_threaded(),
        "each connection has a child of its own, and httpd closes one that got 503"
    );
    let s = leaking().expect_log("Too many open files.*'ulimit -n'").start();
    let mut connections = [(); 3].map(|()| s.connect());
    let [leaks, first, second] = &mut connections;
    for connection in [&mut *leaks, &mut *first, &mut *second] {
        assert_eq!(ask(connection, "/leaks/give").text(), "given back ");
    }
    assert_eq!(ask(leaks, "/leaks/take").text(), "taken 24 ");
    for connection in [first, second] {
        let refused = ask(connection, "/app");
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(refused.header("Retry-After").is_some());
    }
    assert_eq!(ask(leaks, "/leaks/give").text(), "given back ");
    assert_eq!(ask(leaks, "/app").text(), "served ");
}

/// A connection to the group that was open before still serves.
#[test]
fn a_connection_to_the_group_needs_no_further_descriptor() {
    let s = leaking().start();
    let mut connection = s.connect();
    assert_eq!(ask(&mut connection, "/app").text(), "served ");
    assert_eq!(ask(&mut connection, "/leaks/take").text(), "taken 24 ");
    for _ in 0..3 {
        assert_eq!(ask(&mut connection, "/app").text(), "served ");
    }
    assert_eq!(ask(&mut connection, "/leaks/give").text(), "given back ");
}
