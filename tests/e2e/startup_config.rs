//! The directives about the start of applications as text: what they accept, where, and what Apache says otherwise.

use harness::*;

/// What configtest says of these lines names all of these words.
#[track_caller]
fn refused(lines: &str, words: &[&str]) {
    let test = httpd().config(lines).configtest();
    assert!(!test.accepted, "accepted: {lines}");
    let missing: Vec<_> = words.iter().filter(|word| !test.output.contains(**word)).collect();
    assert!(missing.is_empty(), "{missing:?} not in the message for {lines}:\n{}", test.output);
}

#[track_caller]
fn accepted(lines: &str) {
    httpd().config(lines).expect_config_ok();
}

#[test]
fn values_out_of_range() {
    for (directive, values, words) in [
        ("WSGIPreload", &["maybe", "1"][..], &["Off", "On", "Auto"][..]),
        ("WSGIErrorDetails", &["yes"], &["Off", "On"]),
        ("WSGIRestrictExit", &["yes", "Automatic"], &["Off", "On", "Auto"]),
        ("WSGIStartupTimeout", &["soon", "-1", "nan", "inf", "1s"], &["seconds"]),
        ("WSGIImportTimeout", &["soon", "-1", "nan", "inf", "1s"], &["seconds"]),
        ("WSGIStartupRequests", &["few", "-1", "1.5", "99999999999"], &["number"]),
        ("WSGIStartupLock", &["maybe", "On slots=0", "On slots=x", "On slots=-1", "On slots="], &["slots"]),
        ("WSGIStartupLock", &["On places=2", "On 2", "slots=2"], &["slots"]),
    ] {
        for value in values {
            refused(&format!("{directive} {value}"), &[&[directive][..], words].concat());
        }
    }
    refused("WSGIStartupTimeout 0", &["WSGIStartupTimeout", "seconds"]);
}

#[test]
fn values_within_range() {
    accepted(
        "
        WSGIPreload auto
        WSGIErrorDetails ON
        WSGIRestrictExit off
        WSGIRestrictExit AUTO
        WSGIStartupTimeout 1.5
        WSGIImportTimeout 0
        WSGIStartupRequests 0
        WSGIStartupLock on slots=16",
    );
    for value in ["On", "off", "On slots=1"] {
        accepted(&format!("WSGIStartupLock {value}"));
    }
    accepted("WSGIImportTimeout 0.5\nWSGIStartupTimeout 600\nWSGIStartupRequests 100");
}

#[test]
fn options_of_an_alias() {
    let alias = |option: &str| format!("WSGIScriptAlias / /x {option}");
    for value in ["maybe", "", "auto"] {
        refused(&alias(&format!("preload={value}")), &["preload", "On", "Off"]);
    }
    for value in ["", "ready", "/ready,more", ",", "http://localhost/"] {
        refused(&alias(&format!("warmup={value}")), &["warmup", "/"]);
    }
    for option in ["preload=on", "preload=OFF", "warmup=/", "warmup=/a,/b?c=d&e=%20", "warmup=/a preload=on"]
    {
        accepted(&alias(option));
    }
    refused(&alias("warm-up=/"), &["Invalid option", "warm-up", "warmup=", "preload="]);
}

#[test]
fn where_they_may_stand() {
    let host = |line: &str| format!("<VirtualHost *:{{port}}>\n{line}\n</VirtualHost>");
    let directory = |line: &str| format!("<Directory /tmp>\n{line}\n</Directory>");
    for name in ["WSGIStartupTimeout", "WSGIStartupLock", "WSGIStartupRequests", "WSGIImportTimeout"] {
        let line = format!("{name} {}", if name == "WSGIStartupLock" { "On" } else { "5" });
        refused(&host(&line), &[name, "cannot occur within <VirtualHost> section"]);
        refused(&directory(&line), &[name, "not allowed in <Directory> context"]);
    }
    refused(&host("WSGIRestrictExit On"), &["WSGIRestrictExit", "<VirtualHost>"]);
    for line in ["WSGIPreload Off", "WSGIErrorDetails On"] {
        accepted(&format!("{line}\n{}\n{}", host(line), directory(line)));
    }
}

/// WSGIErrorDetails needs FileInfo; WSGIPreload comes too late there.
#[test]
fn htaccess() {
    for (line, allow, status) in [
        ("WSGIErrorDetails On", "FileInfo", 200),
        ("WSGIErrorDetails On", "AuthConfig", 500),
        ("WSGIPreload Off", "All", 500),
    ] {
        let s = httpd()
            .file("docs/.htaccess", format!("{line}\n"))
            .file("docs/x.txt", "x")
            .config("DocumentRoot {dir}/docs")
            .config(&format!("<Directory {{dir}}/docs>\nAllowOverride {allow}\n</Directory>"))
            .allow_log("core:alert.*not allowed here")
            .start();
        assert_eq!(s.get("/x.txt").status, status, "{line} with {allow}");
    }
}
