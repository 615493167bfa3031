//! WSGIDispatchScript: a script chooses where a request is served.

use harness::*;

use crate::{showing, shown};

fn dispatched(functions: &str) -> Httpd {
    showing().script("dispatch.py", functions).config("WSGIDispatchScript {dir}/dispatch.py")
}

#[test]
fn names_are_those_that_it_returns() {
    let s = dispatched(
        "
        def application_group(environ):
            return {'name': 'mine', 'bytes': b'other', 'token': '%{GLOBAL}', 'none': None}[environ['QUERY_STRING']]",
    )
    .config("WSGIApplicationGroup usual")
    .start();
    for (query, name) in [("name", "mine"), ("bytes", "other"), ("token", ""), ("none", "usual")] {
        let env = &shown(&s.get(&format!("/x?{query}")))["environ"];
        assert_eq!(env["mod_wsgi.application_group"], name, "{query}");
    }
}

#[test]
fn the_callable() {
    let s = httpd()
        .script(
            "app.wsgi",
            "
            def say(text):
                def application(environ, start_response):
                    start_response('200 OK', [])
                    return [text]
                return application
            application, other = say(b'usual'), say(b'other')",
        )
        .script(
            "dispatch.py",
            "
            def callable_object(environ):
                return environ['QUERY_STRING'] or None",
        )
        .config("WSGIScriptAlias / {dir}/app.wsgi\nWSGIDispatchScript {dir}/dispatch.py")
        .start();
    assert_eq!([s.get("/").text(), s.get("/?other").text()], ["usual", "other"]);
}

#[test]
fn the_process_group() {
    let s = httpd()
        .no_group()
        .script(
            "dispatch.py",
            "
            def process_group(environ):
                return {'two': 'two', 'here': '%{GLOBAL}', '': None, 'none': 'no-such'}[environ['QUERY_STRING']]",
        )
        .config("
            WSGIDaemonProcess one threads=1
            WSGIDaemonProcess two threads=1
            WSGIProcessGroup one
            WSGIScriptAlias / {apps}/show.wsgi
            WSGIDispatchScript {dir}/dispatch.py")
        .expect_log("WSGI0151: ")
        .start();
    for (query, name) in [("", "one"), ("two", "two"), ("here", "")] {
        assert_eq!(
            shown(&s.get(&format!("/?{query}")))["environ"]["mod_wsgi.process_group"],
            name,
            "{query}"
        );
    }
    assert_eq!(s.get("/?none").status, 500);
}

/// What an application gets too, and nothing of the inside.
#[test]
fn environ() {
    let s = dispatched(
        "
        def application_group(environ):
            print('KEYS', ' '.join(sorted(environ)), file=environ['wsgi.errors'])",
    )
    .config("SetEnv MINE 1")
    .allow_log("KEYS")
    .start();
    assert_eq!(s.get("/keys?q=1").status, 200);
    let keys = s.wait_log(" KEYS ");
    let keys: Vec<&str> = keys.rsplit("KEYS ").next().unwrap().split(' ').collect();
    for key in
        ["MINE", "SCRIPT_FILENAME", "SCRIPT_NAME", "PATH_INFO", "mod_wsgi.process_group", "wsgi.errors"]
    {
        assert!(keys.contains(&key), "{key} is missing");
    }
    assert!(!keys.contains(&"wsgi.input"));
    let inside = keys.iter().any(|key| key.starts_with("mod_wsgi.x-"));
    assert_eq!(inside, differs(true, false, "such keys are of nobody's use"));
}

#[test]
fn what_goes_wrong_is_500() {
    let s = dispatched(
        "
        def application_group(environ):
            return {'number': 5, 'list': ['x'], 'true': True}[environ['QUERY_STRING']]",
    )
    .expect_traceback("KeyError: 'other'")
    .allow_log("KeyError|TypeError|must return|WSGI0174")
    .start();
    for query in ["number", "list", "true", "other"] {
        assert_eq!(s.get(&format!("/?{query}")).status, 500, "{query}");
    }
}

#[test]
fn a_script_that_cannot_be_loaded() {
    let s = dispatched("raise ValueError('broken')")
        .expect_traceback("ValueError: broken")
        .allow_log("WSGI0174|WSGI0109|WSGI0110|next attempt")
        .start();
    let reason = "a request must not be served where the script might not want it";
    assert_eq!([s.get("/").status; 2], [differs(200, 500, reason); 2]);
}

#[test]
fn what_cannot_be_read_is_refused() {
    for (line, message) in [
        ("", "Location of dispatch script not supplied."),
        ("\"\"", "Location of dispatch script not supplied."),
        ("/x y", "Invalid option to WSGI dispatch script definition."),
        ("/x application-group=", "Invalid name for WSGI application group."),
    ] {
        httpd().config(&format!("WSGIDispatchScript {line}")).expect_config_error(message);
    }
}
