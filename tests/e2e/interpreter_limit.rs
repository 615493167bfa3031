//! WSGIInterpreterLimit: names that clients choose make so many interpreters and no more, in Apache's children and in
//! process groups.

use std::thread;

use harness::*;

const APP: &str = "
    def application(environ, start_response):
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [environ['mod_wsgi.application_group'].encode('latin-1')]
    ";

/// A site with one process of Python, below `/` an application whose interpreter the token names, and one at `/named`.
fn site(daemon: bool, limit: &str, token: &str) -> Httpd {
    let group = if daemon { "WSGIDaemonProcess site threads=8\nWSGIProcessGroup site" } else { "" };
    httpd()
        .no_group()
        .script("app.wsgi", APP)
        .config(group)
        .config(&format!("{limit}\nSetEnvIf X-Tenant (.*) tenant=$1"))
        .config(&format!(
            "
            <VirtualHost *>
                ServerName site.test
                ServerAlias *.site.test
                UseCanonicalName Off
                WSGIScriptAlias /named {{dir}}/app.wsgi application-group=named
                {token}
            </VirtualHost>"
        ))
}

fn ask(s: &Server, url: &str, name: &str) -> u16 {
    let host = format!("{name}.site.test");
    s.request("GET", url).header("Host", &host).header("X-Tenant", name).send().status
}

const ALIAS: &str = "WSGIScriptAlias / {dir}/app.wsgi application-group=";

fn both(test: impl Fn(bool)) {
    [false, true].into_iter().for_each(test);
}

/// The first names have their interpreters and keep them; what the configuration names does not count.
#[test]
fn names_above_the_limit_get_503() {
    for token in ["%{HOST}", "%{ENV:tenant}"] {
        both(|daemon| {
            let s = site(daemon, "WSGIInterpreterLimit 2", &format!("{ALIAS}{token}"))
                .expect_log(
                    "WSGI1051: no interpreter is made for application group 'c.*WSGIInterpreterLimit is 2, and 2 .* the latest \
                     'a.*', 'b.*'[.] Such requests get 503.*raise WSGIInterpreterLimit",
                )
                .start();
            assert_eq!(
                ["a", "b", "c", "a", "d", "b"].map(|name| ask(&s, "/x", name)),
                [200, 200, 503, 200, 503, 200]
            );
            assert_eq!(ask(&s, "/named", "e"), 200);
            s.logged_times("WSGI1051", 1);
            assert_eq!(s.logged("Creating sub-interpreter '[cd]").len(), 0);
        });
    }
}

/// Requests that come at the same time do not get past the limit.
#[test]
fn at_the_same_time() {
    both(|daemon| {
        let s = site(daemon, "WSGIInterpreterLimit 3", &format!("{ALIAS}%{{HOST}}"))
            .expect_log("WSGI1051: no interpreter is made for application group 'n[0-9]+[.]site[.]test")
            .start();
        let served = thread::scope(|scope| {
            let asked: Vec<_> = (0..12)
                .map(|n| {
                    scope.spawn({
                        let s = &s;
                        move || ask(s, "/x", &format!("n{n}"))
                    })
                })
                .collect();
            asked
                .into_iter()
                .map(|asked| asked.join().expect("an answer"))
                .filter(|status| *status == 200)
                .count()
        });
        assert_eq!(served, 3);
        s.logged_times("Creating sub-interpreter 'n[0-9]", 3);
    });
}

/// WSGIScriptAliasMatch with one script makes the name of an interpreter of each URL that matches.
#[test]
fn urls_of_a_pattern() {
    both(|daemon| {
        let s = site(daemon, "WSGIInterpreterLimit 2", "WSGIScriptAliasMatch ^/t/([a-z]+) {dir}/app.wsgi")
            .expect_log("WSGI1051: ")
            .start();
        assert_eq!(["a", "b", "c"].map(|name| ask(&s, &format!("/t/{name}"), "x")), [200, 200, 503]);
    });
}

#[test]
fn no_limit() {
    both(|daemon| {
        let s = site(daemon, "WSGIInterpreterLimit 0", &format!("{ALIAS}%{{HOST}}")).start();
        assert!((0..5).all(|n| ask(&s, "/x", &format!("n{n}")) == 200));
    });
}

/// A variable that is not the client's word may name what is there anyway.
#[test]
fn names_that_exist_do_not_count() {
    both(|daemon| {
        let s = site(daemon, "WSGIInterpreterLimit 1", &format!("{ALIAS}%{{ENV:tenant}}")).start();
        assert_eq!(ask(&s, "/named", "x"), 200);
        assert_eq!(
            ["named", "%{GLOBAL}", "own", "named"].map(|name| {
                s.request("GET", "/x").header("Host", "a.site.test").header("X-Tenant", name).send().status
            }),
            [200; 4]
        );
    });
}

#[test]
fn a_limit_is_a_number() {
    for wrong in ["WSGIInterpreterLimit -1", "WSGIInterpreterLimit many"] {
        httpd()
            .config(wrong)
            .expect_config_error("WSGIInterpreterLimit must be a whole number, or 0 for no limit.");
    }
}
