//! WSGIHandlerScript: a handler name bound to a script that serves other files.

use harness::*;

const HANDLER: &str = r"
    def handle_request(environ, start_response):
        keys = ['SCRIPT_FILENAME', 'SCRIPT_NAME', 'PATH_INFO', 'mod_wsgi.handler_script', 'mod_wsgi.request_handler',
                'mod_wsgi.application_group', 'mod_wsgi.callable_object']
        start_response('200 OK', [])
        return ['|'.join(environ[key].rsplit('/docs', 1)[-1] for key in keys).encode()]";

fn handled(config: &str) -> Httpd {
    httpd()
        .script("handler.py", HANDLER)
        .file("docs/page.ext", "the page")
        .config("DocumentRoot {dir}/docs\nServerName name.test:80\nUseCanonicalName On")
        .config(config)
}

#[test]
fn serves_other_files() {
    let s = handled("WSGIHandlerScript mine {dir}/handler.py\nAddHandler mine .ext").start();
    let script = s.dir().join("handler.py");
    let expected = |info: &str| {
        format!("/page.ext|/page.ext|{info}|{}|mine|name.test|/page.ext|handle_request", script.display())
    };
    assert_eq!(s.get("/page.ext").text(), expected(""));
    assert_eq!(s.get("/page.ext/more").text(), expected("/more"));
}

/// No ExecCGI, and not even a file, is needed.
#[test]
fn the_resource_need_not_exist() {
    let s = handled(
        "
        WSGIHandlerScript mine {dir}/handler.py application-group=%{GLOBAL}
        <Location /virtual>
        SetHandler mine
        </Location>",
    )
    .start();
    let r = s.get("/virtual");
    assert_eq!(r.status, 200);
    assert!(r.text().starts_with("/virtual|/virtual|"), "{}", r.text());
    assert!(r.text().ends_with("|mine||handle_request"), "{}", r.text());
}

#[test]
fn groups_in_force_apply() {
    let s =
        handled("WSGIHandlerScript mine {dir}/handler.py\nAddHandler mine .ext\nWSGIApplicationGroup shared")
            .start();
    assert!(s.get("/page.ext").text().contains("|mine|shared|"));
}

#[test]
fn pass_authorization() {
    for (option, passed) in [("", "no"), ("pass-authorization=On", "yes")] {
        let s = httpd()
            .script(
                "handler.py",
                r"
                def handle_request(environ, start_response):
                    start_response('200 OK', [])
                    return [b'yes' if 'HTTP_AUTHORIZATION' in environ else b'no']",
            )
            .config(&format!("WSGIHandlerScript mine {{dir}}/handler.py {option}\nSetHandler mine"))
            .start();
        assert_eq!(s.request("GET", "/").header("Authorization", "Basic eDp5").send().text(), passed);
    }
}

/// The script is asked about the resource, not about itself.
#[test]
fn reload_required_gets_the_resource() {
    let s = httpd()
        .script(
            "handler.py",
            r"
            ASKED = []
            def reload_required(path):
                ASKED.append(path.rsplit('/', 1)[1])
                return False
            def handle_request(environ, start_response):
                start_response('200 OK', [])
                return [' '.join(ASKED).encode()]",
        )
        .file("docs/page.ext", "the page")
        .config("DocumentRoot {dir}/docs\nWSGIHandlerScript mine {dir}/handler.py\nAddHandler mine .ext")
        .config("WSGIApplicationGroup %{GLOBAL}")
        .start();
    s.get("/page.ext");
    let asked = s.get("/page.ext").text();
    assert!(asked.split(' ').all(|name| name == "page.ext"), "{asked}");
}

#[test]
fn missing_callable() {
    let s = httpd()
        .script("handler.py", "application = 1\n")
        .config("WSGIHandlerScript mine {dir}/handler.py\nSetHandler mine")
        .expect_log("WSGI0089: ")
        .start();
    assert_eq!(s.get("/").status, differs(by_mode(404, 500), 500, "as for other scripts"));
}
