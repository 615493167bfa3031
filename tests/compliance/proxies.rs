//! WSGITrustedProxyHeaders and WSGITrustedProxies: what a proxy in front of Apache tells of its client.

use harness::*;
use serde_json::{Value, json};

use crate::{showing, shown};

/// The environ of a request with these headers under this configuration. The peer is 127.0.0.1.
#[track_caller]
fn environ(config: &str, headers: &[(&str, &str)]) -> Value {
    let s = showing().config(config).start();
    sent(&s, headers)
}

#[track_caller]
fn sent(s: &Server, headers: &[(&str, &str)]) -> Value {
    let mut request = s.request("GET", "/a/b");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    shown(&request.send())["environ"].clone()
}

#[test]
fn nothing_is_believed_without_a_list_of_headers() {
    let headers = [("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-Proto", "https"), ("X-Script-Name", "/x")];
    let env = environ("WSGITrustedProxies 127.0.0.1", &headers);
    assert_eq!(env["REMOTE_ADDR"], "127.0.0.1");
    assert_eq!(env["HTTP_X_FORWARDED_FOR"], "1.1.1.1");
    assert_eq!(env["wsgi.url_scheme"], "http");
    assert_eq!([&env["HTTP_X_SCRIPT_NAME"], &env["SCRIPT_NAME"]], ["/x", ""]);
}

#[test]
fn without_a_list_of_proxies_the_first_address_is_the_client() {
    let s = showing().config("WSGITrustedProxyHeaders X-Forwarded-For").start();
    let env = sent(&s, &[("X-Forwarded-For", "1.1.1.1, 2.2.2.2")]);
    assert_eq!([&env["REMOTE_ADDR"], &env["HTTP_X_FORWARDED_FOR"]], ["1.1.1.1", "1.1.1.1, 2.2.2.2"]);
    let env = sent(&s, &[("X-Forwarded-For", " , ,3.3.3.3")]);
    assert_eq!(env["REMOTE_ADDR"], "3.3.3.3");
    let env = sent(&s, &[]);
    assert_eq!([&env["REMOTE_ADDR"], &env["HTTP_X_FORWARDED_FOR"]], [&json!("127.0.0.1"), &Value::Null]);
}

#[test]
fn the_last_address_that_is_not_a_proxys_is_the_client() {
    for (proxies, chain, client, rest) in [
        ("127.0.0.1 2.2.2.2", "1.1.1.1, 2.2.2.2", "1.1.1.1", "1.1.1.1, 2.2.2.2"),
        ("127.0.0.1", "1.1.1.1, 2.2.2.2", "2.2.2.2", "2.2.2.2"),
        ("127.0.0.1 1.1.1.1 2.2.2.2", "1.1.1.1, 2.2.2.2", "1.1.1.1", "1.1.1.1, 2.2.2.2"),
        (
            "127.0.0.0/8 10.0.0.0/255.0.0.0",
            "9.9.9.9,8.8.8.8 ,10.1.1.1, 10.2.2.2",
            "8.8.8.8",
            "8.8.8.8, 10.1.1.1, 10.2.2.2",
        ),
        ("127.0 2001:db8::/32", "::7, 2001:db8::1", "::7", "::7, 2001:db8::1"),
        // What is no address is no proxy's.
        ("127.0.0.1", "1.1.1.1, unknown:80", "unknown:80", "unknown:80"),
    ] {
        let config = format!("WSGITrustedProxyHeaders X-Forwarded-For\nWSGITrustedProxies {proxies}");
        let env = environ(&config, &[("X-Forwarded-For", chain)]);
        assert_eq!([&env["REMOTE_ADDR"], &env["HTTP_X_FORWARDED_FOR"]], [client, rest], "{proxies}: {chain}");
    }
}

#[test]
fn no_name_is_looked_up() {
    let config = "WSGITrustedProxyHeaders X-Forwarded-For\nWSGITrustedProxies 127.0.0.1 ::1";
    let env = environ(config, &[("X-Forwarded-For", "1.1.1.1, localhost")]);
    let client = differs("1.1.1.1", "localhost", "a client could have Apache wait for the DNS");
    assert_eq!(env["REMOTE_ADDR"], client);
}

#[test]
fn what_others_than_the_proxies_send_is_removed() {
    let config = "WSGITrustedProxyHeaders X-Forwarded-For X-Forwarded-Proto\nWSGITrustedProxies 10.0.0.1 ::1";
    let env = environ(
        config,
        &[
            ("X-Forwarded-For", "1.1.1.1"),
            ("X-Real-IP", "1.1.1.1"),
            ("X-Client-IP", "1.1.1.1"),
            ("X-Forwarded-Proto", "https"),
            ("X-HTTPS", "On"),
            ("X-Forwarded-Host", "other.test"),
        ],
    );
    assert_eq!(env["REMOTE_ADDR"], "127.0.0.1");
    assert_eq!(env["wsgi.url_scheme"], "http");
    for gone in ["X_FORWARDED_FOR", "X_REAL_IP", "X_CLIENT_IP", "X_FORWARDED_PROTO", "X_HTTPS"] {
        assert_eq!(env[format!("HTTP_{gone}")], Value::Null, "{gone}");
    }
    // Of a kind of which no header is named, nothing is taken.
    assert_eq!(env["HTTP_X_FORWARDED_HOST"], "other.test");
}

#[test]
fn of_several_headers_the_one_named_last_counts_and_the_others_are_removed() {
    let s =
        showing().config("WSGITrustedProxyHeaders X-Real-IP X-Client-IP X-Forwarded-Host X-Other").start();
    let all = [
        ("X-Real-IP", "1.1.1.1"),
        ("X-Client-IP", "2.2.2.2"),
        ("X-Forwarded-For", "3.3.3.3"),
        ("X-Host", "h"),
    ];
    let env = sent(&s, &all);
    assert_eq!([&env["REMOTE_ADDR"], &env["HTTP_X_CLIENT_IP"]], ["2.2.2.2", "2.2.2.2"]);
    for gone in ["HTTP_X_REAL_IP", "HTTP_X_FORWARDED_FOR", "HTTP_X_HOST"] {
        assert_eq!(env[gone], Value::Null, "{gone}");
    }
    let env = sent(&s, &[("X-Real-IP", "1.1.1.1")]);
    assert_eq!([&env["REMOTE_ADDR"], &env["HTTP_X_REAL_IP"]], ["1.1.1.1", "1.1.1.1"]);
}

#[test]
fn host_server_port_and_script() {
    let config = "WSGITrustedProxyHeaders X-Forwarded-Host X-Forwarded-Server X-Forwarded-Port X-Script-Name";
    let env = environ(
        config,
        &[
            ("X-Forwarded-Host", "shop.test:8443"),
            ("X-Forwarded-Server", "front.test"),
            ("X-Forwarded-Port", "8443"),
            ("X-Script-Name", "/shop"),
        ],
    );
    for (name, value) in [
        ("HTTP_HOST", "shop.test:8443"),
        ("SERVER_NAME", "front.test"),
        ("SERVER_PORT", "8443"),
        ("SCRIPT_NAME", "/shop"),
        ("mod_wsgi.mount_point", "/shop"),
        ("PATH_INFO", "/a/b"),
        ("mod_wsgi.script_name", ""),
        ("mod_wsgi.path_info", "/a/b"),
    ] {
        assert_eq!(env[name], value, "{name}");
    }
}

#[test]
fn the_scheme() {
    let config = "
        WSGITrustedProxyHeaders X-Forwarded-Proto X-Forwarded-SSL
        <Location /a>
            SetEnvIf X-Test-TLS . HTTPS=on
        </Location>";
    let s = showing().config(config).start();
    for (headers, scheme) in [
        (&[("X-Forwarded-Proto", "https")][..], "https"),
        (&[("X-Forwarded-Proto", "HTTPS")], "https"),
        (&[("X-Forwarded-Proto", "http")], "http"),
        (&[("X-Forwarded-Proto", "wss")], "http"),
        (&[("X-Forwarded-SSL", "on")], "https"),
        (&[("X-Forwarded-SSL", "1")], "https"),
        (&[("X-Forwarded-SSL", "True")], "https"),
        (&[("X-Forwarded-SSL", "yes")], "http"),
        // The one that is named last.
        (&[("X-Forwarded-Proto", "https"), ("X-Forwarded-SSL", "off")], "http"),
        (&[("X-HTTPS", "on")], "http"),
        // What Apache was told otherwise.
        (&[("X-Test-TLS", "1")], "https"),
        (&[("X-Test-TLS", "1"), ("X-Forwarded-Proto", "http")], "http"),
        (&[("X-Test-TLS", "1"), ("X-Forwarded-Proto", "wss")], "https"),
    ] {
        let env = sent(&s, headers);
        assert_eq!([&env["wsgi.url_scheme"], &env["HTTPS"]], [&json!(scheme), &Value::Null], "{headers:?}");
    }
}

#[test]
fn lists_of_a_section_add_up_and_one_inside_replaces_them() {
    let config = "
        WSGITrustedProxyHeaders X-Real-IP
        WSGITrustedProxyHeaders X-Forwarded-Port
        WSGITrustedProxies 10.0.0.1
        WSGITrustedProxies 127.0.0.1
        <Location /a>
            WSGITrustedProxyHeaders X-Forwarded-Port
        </Location>";
    let s = showing().config(config).start();
    let headers = [("X-Real-IP", "1.1.1.1"), ("X-Forwarded-Port", "99")];
    let env = sent(&s, &headers);
    assert_eq!([&env["REMOTE_ADDR"], &env["SERVER_PORT"]], ["127.0.0.1", "99"]);
    assert_eq!(env["HTTP_X_REAL_IP"], "1.1.1.1");
    let mut other = s.request("GET", "/c");
    for (name, value) in headers {
        other = other.header(name, value);
    }
    let env = &shown(&other.send())["environ"];
    assert_eq!([&env["REMOTE_ADDR"], &env["SERVER_PORT"]], ["1.1.1.1", "99"]);
}

#[test]
fn what_cannot_be_read_is_refused() {
    for bad in ["localhost", "10.0.0.0/33", "::/200", "1.2.3.4.5"] {
        let message = format!("Unable to parse trusted proxy IP address/subnet of \"{bad}\".");
        httpd().config(&format!("WSGITrustedProxies 127.0.0.1 {bad}")).expect_config_error(&message);
    }
    if subject() == Subject::Ours {
        // mod_wsgi 6 accepts it and crashes on each request.
        let message =
            "'X_Forwarded_For' has '_' in it, so Apache passes no such header on; write X-Forwarded-For";
        httpd().config("WSGITrustedProxyHeaders X_Forwarded_For").expect_config_error(message);
    }
}

/// An IPv4 address as it is written in IPv6.
#[test]
fn a_mapped_address() {
    let config = "WSGITrustedProxies ::ffff:127.0.0.1\nWSGITrustedProxyHeaders X-Forwarded-For";
    if differs(true, false, "`::ffff:192.0.2.1` in WSGITrustedProxies") {
        httpd().config(config).expect_config_error("Unable to parse trusted proxy IP address/subnet");
        return;
    }
    assert_eq!(environ(config, &[("X-Forwarded-For", "1.1.1.1")])["REMOTE_ADDR"], "1.1.1.1");
}
