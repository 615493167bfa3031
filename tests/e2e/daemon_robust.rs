//! What a worker may hold, and what becomes of a group whose socket directory is missing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use harness::poll::until;
use harness::*;

use crate::daemon::*;
use crate::daemon_transfer::certificate;
use crate::starting::noted;

/// Answers at once.
const QUICK: &str = "
    note('load', 'v0')
    def application(environ, start_response):
        return answer(environ, start_response, 'v0', os.getpid())
    ";

/// One of the primes of a private key, as its bytes stand in memory: OpenSSL keeps numbers lowest byte first.
fn secret(key: &str) -> Vec<u8> {
    let output =
        Command::new("openssl").args(["rsa", "-noout", "-text", "-in", key]).output().expect("openssl");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let hex: String = text
        .lines()
        .skip_while(|line| !line.starts_with("prime1:"))
        .skip(1)
        .take_while(|line| line.starts_with(' '))
        .flat_map(str::chars)
        .filter(char::is_ascii_hexdigit)
        .collect();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    let mut bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
    bytes.reverse();
    bytes.truncate(64);
    assert_eq!(bytes.len(), 64, "{text}");
    bytes
}

/// Nothing of Apache is in a process that runs an application: no memory, no descriptor.
#[test]
fn a_worker_holds_nothing_of_apache() {
    let h = group("", &script(QUICK)).module("ssl").allow_log("ssl:warn").config(
        "
        <VirtualHost *:{port}>
            SSLEngine On
            SSLCertificateFile {dir}/cert.pem
            SSLCertificateKeyFile {dir}/key.pem
        </VirtualHost>",
    );
    certificate(h.dir());
    let s = h.start();
    noted(&s, "load", 2);
    let secret = secret(s.dir().join("key.pem").to_str().unwrap());
    assert!(daemon::holds(s.pid(), &secret), "the key is not where this test looks for it");
    let listening = daemon::listening();
    let own = daemon::descriptors(s.pid()).into_iter().filter(|(_, file)| listening.contains(file)).count();
    assert!(own > 0, "Apache's listening socket is not where this test looks for it");
    for worker in settled(&s, 2) {
        let files = daemon::mapped(worker);
        assert!(files.iter().any(|f| f.contains("python")), "{files:?}");
        for part in ["mod_wsgi.so", "/apache2", "libapr", "libssl_", "mod_", "key.pem"] {
            // The engine's name has the module's in it.
            let name = |file: &str| file.rsplit('/').next().unwrap_or_default().to_owned();
            let holds = |file: &str| {
                if part == "mod_" { name(file).starts_with(part) } else { file.contains(part) }
            };
            let found: Vec<_> = files.iter().filter(|f| holds(f) && !f.contains("_mod_wsgi.abi3")).collect();
            assert!(found.is_empty(), "{part}: {found:?}");
        }
        for (number, file) in daemon::descriptors(worker) {
            let name = file.to_string_lossy();
            assert!(!listening.contains(&file), "{number} listens for TCP: {name}");
            assert!(!name.contains("key.pem") && !name.contains("mod_wsgi.so"), "{number}: {name}");
            assert!(!name.contains("/logs/") || number <= 2, "{number}: {name}");
        }
        assert!(!daemon::holds(worker, &secret), "the private key is in a worker's memory");
        let status = fs::read_to_string(format!("/proc/{worker}/status")).expect("status");
        let uids = status.lines().find(|l| l.starts_with("Uid:")).expect("uids");
        assert!(!uids.split_whitespace().skip(1).any(|uid| uid == "0"), "{uids}");
    }
}

/// The supervisor runs nothing of anybody's, so it has no Python.
#[test]
fn a_supervisor_has_no_python() {
    only_ours!("the original has no supervisor");
    let s = serving(group("", &script(QUICK)), 2);
    let supervisors = s.supervisors();
    assert_eq!(supervisors.len(), 1);
    let files = daemon::mapped(supervisors[0]);
    assert!(!files.iter().any(|f| f.contains("libpython")), "{files:?}");
    let listening = daemon::listening();
    for (number, file) in daemon::descriptors(supervisors[0]) {
        assert!(!listening.contains(&file), "{number} listens for TCP: it would keep the port");
    }
}

/// Sockets in a directory of their own.
fn with_sockets() -> Httpd {
    group("", &script(QUICK)).file("sockets/.keep", "").config("WSGISocketPrefix {dir}/sockets/wsgi")
}

/// Somebody tidies up below /run: no process can be reached, the log says what is missing, and a restart mends it.
#[test]
fn the_socket_directory_goes() {
    let h =
        with_sockets().expect_log("WSGI0117: the socket '.*' of process group 'g' cannot be connected to");
    // Visitors find an open connection otherwise.
    let s = h.start();
    noted(&s, "load", 2);
    settled(&s, 2);
    let sockets = s.dir().join("sockets");
    fs::remove_dir_all(&sockets).unwrap();
    let r = s.get("/app?x");
    assert_eq!(r.status, 503, "{}", r.text());
    let line = s.wait_log(&format!("WSGI[0-9]+: .*{}", sockets.display()));
    assert!(line.contains("restart") || line.contains("WSGISocketPrefix"), "no remedy in: {line}");
    assert_eq!(s.get("/static.txt").text(), "static");
    fs::create_dir(&sockets).unwrap();
    s.graceful();
    until("the application after a graceful restart", || (s.get("/app?x").status == 200).then_some(()));
}

/// The same while connections are open: these serve on.
#[test]
fn the_socket_directory_goes_under_load() {
    let gone = "WSGI0117: the socket '.*' of process group 'g' cannot be connected to";
    let s = serving(with_sockets().allow_log(gone), 2);
    let load = load(&s);
    fs::remove_dir_all(s.dir().join("sockets")).unwrap();
    load.goes_on(50);
    let summary = load.stop();
    println!("{summary}");
    for lost in summary.lost() {
        assert_eq!(lost.status, 503, "{lost:?}\n{summary}");
    }
}

/// Found before a visitor finds it, and named with what to do about it.
#[test]
fn a_socket_directory_that_is_not_there() {
    let with = |prefix: &str| group("", &script(QUICK)).config(&format!("WSGISocketPrefix {prefix}"));
    with("{dir}/missing/wsgi").expect_refusal(&["WSGISocketPrefix", "/missing"]);
    let file = with("{dir}/htdocs/static.txt/wsgi");
    file.expect_refusal(&["WSGISocketPrefix", "/htdocs/static.txt"]);
    // Not even root can write there.
    with("/proc/wsgi").expect_refusal(&["WSGISocketPrefix", "/proc"]);
}

/// One that Apache's children cannot enter.
#[test]
fn a_socket_directory_closed_to_apache() {
    let h = with_sockets();
    fs::set_permissions(h.dir().join("sockets"), fs::Permissions::from_mode(0o700)).unwrap();
    h.expect_refusal(&["sockets", "www-data"]);
}
