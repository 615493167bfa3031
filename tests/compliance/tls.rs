//! The same application behind TLS. The client is openssl's, since ours speaks plain HTTP only.

use std::io::Write;
use std::process::{Command, Stdio};

use harness::*;

fn openssl(arguments: &[&str]) -> bool {
    let quiet = || Stdio::null();
    Command::new("openssl")
        .args(arguments)
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet())
        .status()
        .is_ok_and(|s| s.success())
}

/// Shows the environ of a request with these header lines over TLS, under this configuration.
fn over_tls(config: &str, headers: &str) -> serde_json::Value {
    let h = crate::showing().module("ssl").config(config).config(
        "
        SSLEngine On
        SSLCertificateFile {dir}/cert.pem
        SSLCertificateKeyFile {dir}/key.pem
        SSLSessionCache none
        SSLOptions +StdEnvVars",
    );
    let file = |name: &str| h.dir().join(name).to_str().unwrap().to_owned();
    let (key, cert) = (file("key.pem"), file("cert.pem"));
    let made = openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-keyout",
        &key,
        "-out",
        &cert,
    ]);
    assert!(made, "no certificate");
    let s = h.allow_log("ssl:warn").start();
    let address = format!("127.0.0.1:{}", s.port());
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-ign_eof", "-connect", &address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl s_client");
    let request = format!("GET /x HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n");
    client.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap().stdout;
    let r = Response::read(&mut output.as_slice(), false).expect("an answer");
    r.json()["environ"].clone()
}

#[test]
fn scheme_is_https() {
    skip_if!(!openssl(&["version"]), "openssl is not installed");
    let env = over_tls("", "");
    assert_eq!(env["wsgi.url_scheme"], "https");
    assert_eq!(env["REQUEST_SCHEME"], "https");
    assert!(env.get("HTTPS").is_none());
    assert!(env["SSL_PROTOCOL"].as_str().unwrap().starts_with("TLS"));
}

/// The client of a trusted proxy may use another scheme than the proxy.
#[test]
fn the_scheme_of_a_proxys_client() {
    skip_if!(!openssl(&["version"]), "openssl is not installed");
    let trusted = "WSGITrustedProxyHeaders X-Forwarded-Proto";
    for (headers, scheme) in
        [("X-Forwarded-Proto: http\r\n", "http"), ("X-Forwarded-Proto: https\r\n", "https"), ("", "https")]
    {
        assert_eq!(over_tls(trusted, headers)["wsgi.url_scheme"], scheme, "{headers}");
    }
}
