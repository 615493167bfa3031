//! WSGI1057: an application answers 401 to a client whose credentials it was not given.

use harness::*;

/// Wants a token, or answers what the path says.
const APP: &str = "
    def application(environ, start_response):
        status = '200 OK'
        if environ.get('HTTP_AUTHORIZATION') != 'Bearer right':
            status = '401 Unauthorized'
        if environ['PATH_INFO'] == '/open':
            status = '200 OK'
        if environ['PATH_INFO'] == '/denied':
            status = '403 Forbidden'
        start_response(status, [('WWW-Authenticate', 'Bearer')])
        return [status.encode()]
    ";

fn site(daemon: bool, config: &str) -> Httpd {
    let group = if daemon { "WSGIDaemonProcess site processes=1\nWSGIProcessGroup site" } else { "" };
    httpd()
        .no_group()
        .children(1)
        .script("app.wsgi", APP)
        .script("other.wsgi", APP)
        .file("users", "bob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
        .config(group)
        .config(config)
}

fn ask(s: &Server, target: &str, credentials: Option<&str>) -> u16 {
    let request = s.request("GET", target);
    let request = credentials.into_iter().fold(request, |r, value| r.header("Authorization", value));
    request.send().status
}

const ALIASES: &str = "WSGIScriptAlias /other {dir}/other.wsgi\nWSGIScriptAlias / {dir}/app.wsgi";
const LINE: &str = "WSGI1057: '.*/app[.]wsgi' answered 401 to a request for '/api/x' with an Authorization header, which it was \
                    not given: WSGIPassAuthorization is Off";

#[test]
fn once_for_each_application() {
    for daemon in [false, true] {
        let s = site(daemon, ALIASES)
            .expect_log(LINE)
            .expect_log("WSGI1057: '.*/other[.]wsgi' answered 401 to a request for '/other/y'")
            .start();
        assert_eq!(ask(&s, "/api", None), 401);
        for fine in ["/open", "/denied"] {
            assert_ne!(ask(&s, fine, Some("Bearer right")), 401);
        }
        assert_eq!(s.logged("WSGI1057").len(), 0);
        for _ in 0..3 {
            assert_eq!(ask(&s, "/api/x", Some("Bearer right")), 401);
            assert_eq!(ask(&s, "/other/y", Some("Bearer right")), 401);
        }
        s.logged_times("WSGI1057", 2);
    }
}

/// The error page replaces the application's answer, which says the same.
#[test]
fn an_error_page_of_the_server() {
    let s = site(true, &format!("WSGIErrorOverride On\n{ALIASES}")).expect_log(LINE).start();
    assert_eq!(ask(&s, "/api/x", Some("Bearer right")), 401);
}

/// Nothing is said where the application has the header, or Apache has checked it.
#[test]
fn not_where_it_is_meant() {
    for daemon in [false, true] {
        let s = site(
            daemon,
            &format!(
                "
                WSGIScriptAlias /option {{dir}}/app.wsgi pass-authorization=On
                {ALIASES}
                <Location /on>
                    WSGIPassAuthorization On
                </Location>
                <Location /cgi>
                    CGIPassAuth On
                </Location>
                <Location /basic>
                    AuthType Basic
                    AuthName site
                    AuthUserFile {{dir}}/users
                    Require valid-user
                </Location>"
            ),
        )
        .allow_log("AH01617|AH01618")
        .start();
        for passed in ["/option", "/on", "/cgi"] {
            assert_eq!(ask(&s, passed, Some("Bearer right")), 200, "{passed}");
            assert_eq!(ask(&s, passed, Some("Bearer wrong")), 401, "{passed}");
        }
        // The password is right, and the application does not see it: Apache did.
        assert_eq!(ask(&s, "/basic", Some("Basic Ym9iOnNlY3JldA==")), 401);
    }
}

/// A section that switches AuthType off again asks for nothing.
#[test]
fn auth_type_none() {
    let none = "
        <Location />
            AuthType Basic
            AuthName site
            AuthUserFile {dir}/users
            Require valid-user
        </Location>
        <Location /api>
            AuthType None
            Require all granted
        </Location>";
    let s = site(false, &format!("{ALIASES}\n{none}")).expect_log(LINE).start();
    assert_eq!(ask(&s, "/in", Some("Basic Ym9iOnNlY3JldA==")), 401);
    assert_eq!(s.logged("WSGI1057").len(), 0);
    assert_eq!(ask(&s, "/api/x", Some("Bearer right")), 401);
}
